"""The test module that a draft hands to its user: is what was parsed from the mapping plausible gait."""

from __future__ import annotations

from typing import Final

_TEMPLATE: Final = r'''"""Is what lab.yaml makes of the files plausible gait? After every change run this:

    python -m pytest {module}.py

The limits leave room for slow and impaired gait; a test that fails names the answer in lab.yaml to look at.
"""

import functools
import re
from pathlib import Path

import numpy as np
import pytest

from biomech_xr.errors import BiomechXRError
from biomech_xr.parse import find_patients, read_patient

FOLDER = Path(__file__).parent
PHASES = np.arange(100) / 100
CALF = {"gastrocnemius_medialis", "gastrocnemius_lateralis", "soleus"}
POWER = re.compile(r"(hip|knee|ankle) (left|right) r ([+-][.\d]+), slope ([+-][.\de+-]+)")


@functools.cache
def read():
    """Return every trial of every person of the mapping, and what kept them from being read."""
    try:
        people = find_patients("lab", FOLDER)
        return [trial for person in people for trial in read_patient("lab", FOLDER, person)], ""
    except BiomechXRError as error:
        return [], str(error)


@pytest.fixture
def trials():
    """Return every trial; without them there is nothing to check."""
    found, problem = read()
    if problem:
        pytest.skip("nothing could be read, see test_files_can_be_read")
    return found


def curves(trials, group, joint, motion="flexion"):
    """Return one motion of a joint in every stride, shape (stride, 100); skip where there is none."""
    rows = []
    for trial in trials:
        signal = trial.signals.get(group)
        for stride in trial.strides.itertuples() if signal is not None else ():
            if stride.side in signal.values["side"].values:
                values = signal.values.sel(side=stride.side, joint=joint, motion=motion).values
                rows.append(np.interp(stride.trial_time + PHASES * stride.duration, signal.time(), values))
    rows = [row for row in rows if np.isfinite(row).all()]
    if not rows:
        pytest.skip(f"no {motion} {group} of the {joint} in a whole stride")
    return np.array(rows)


def walks(trials):
    """Return the trials of level walking; what is looked for in them does not hold for every other activity."""
    found = [trial for trial in trials if trial.task == "walk"]
    if not found:
        pytest.skip("no walking")
    return found


def level(values, first, last):
    """Return the median over strides of the mean from one percent of the stride to another."""
    return np.median(values[:, first:last].mean(axis=1))


def test_files_can_be_read():
    """Every question is answered and every file holds what lab.yaml names."""
    problem = read()[1]
    if problem:
        pytest.fail(problem, pytrace=False)


def test_strides_exist(trials):
    """There are strides in every trial; they last as long as strides do, and with many both legs have some."""
    for trial in trials:
        assert len(trial.strides), f"{trial.trial}: no stride; look at `events`: {trial.rejected.to_dict('records')}"
        assert trial.strides["duration"].between(0.4, 2.5).all(), f"{trial.trial}: look at `events`"
    sides = [side for trial in trials for side in trial.strides["side"]]
    assert len(sides) < 10 or len(set(sides)) == 2, f"strides of the {sides[0]} leg only: look at `events`"


def test_every_signal_is_measured(trials):
    """No channel, joint or motion of the mapping is empty in all trials; what is not measured is NaN, never zero."""
    for group in {group for trial in trials for group in trial.signals}:
        values = [trial.signals[group].values for trial in trials if group in trial.signals]
        assert any(np.isfinite(value).any() for value in values), f"{group}: nothing measured"
        for value in values:
            flat = value.transpose("sample", ...).values.reshape(value.sizes["sample"], -1)
            alive = np.isfinite(flat).any(axis=0)
            assert (np.nanstd(flat[:, alive], axis=0) > 0).all(), f"{group}: a constant signal is not masked"


def test_emg_is_stronger_in_some_phase(trials):
    """Every EMG channel works harder in one tenth of the stride than in another."""
    seen = 0
    for trial in trials:
        signal = trial.signals.get("emg")
        for stride in trial.strides.itertuples() if signal is not None else ():
            phase = (signal.time() - stride.trial_time) / stride.duration
            inside = signal.values.sel(side=stride.side).values[(phase >= 0) & (phase < 1)]
            tenths = np.array([part.std(axis=0) for part in np.array_split(inside, 10)])
            measured = np.isfinite(tenths).all(axis=0)
            assert (tenths[:, measured].max(axis=0) > tenths[:, measured].min(axis=0)).all()
            seen += measured.sum()
    if not seen:
        pytest.skip("no EMG in the mapping")


def test_calf_works_in_its_own_stance(trials):
    """In walking the calf of a leg is more active in 20-50 % of that leg's stride than in 70-100 %."""
    ratios = {}
    for trial in walks(trials):
        signal = trial.signals.get("emg")
        for stride in trial.strides.itertuples() if signal is not None else ():
            phase = (signal.time() - stride.trial_time) / stride.duration
            for muscle in CALF & set(signal.values["channel"].values):
                values = signal.values.sel(side=stride.side, channel=muscle).values.astype(float)
                stance, swing = values[(phase >= 0.2) & (phase < 0.5)], values[(phase >= 0.7) & (phase < 1)]
                size = np.mean if trial.emg_state == "envelope" else np.std
                if np.isfinite(stance).all() and np.isfinite(swing).all() and size(swing) > 0:
                    ratios.setdefault(f"{stride.side} {muscle}", []).append(size(stance) / size(swing))
    ratios = {name: np.median(found) for name, found in ratios.items() if len(found) >= 3}
    if not ratios:
        pytest.skip("no EMG of the calf in three strides of a leg")
    wrong = [f"{name} ({ratio:.2f} times)" for name, ratio in ratios.items() if ratio <= 1]
    assert not wrong, f"{', '.join(wrong)}: look at muscle and side of these channels, and at `events`"


def test_knee_flexes_in_swing(trials):
    """The knee bends in swing, by degrees and not by radians."""
    knee = curves(trials, "kinematics", "knee")
    bend = level(knee, 65, 82) - level(knee, 36, 48)
    assert 5 < bend < 100, f"{bend:+.1f} degrees: look at sign, unit and side of the knee angles, and at `events`"


def test_hip_is_flexed_at_contact_and_extended_in_late_stance(trials):
    """In walking the hip moves backward over the stance, by degrees and not by radians."""
    hip = curves(walks(trials), "kinematics", "hip")
    swing = level(hip, 88, 100) - level(hip, 42, 56)
    assert 5 < swing < 90, f"{swing:+.1f} degrees: look at sign, unit and side of the hip angles, and at `events`"
    span = np.median(np.ptp(hip, axis=1))
    assert 10 < span < 100, f"a range of {span:.1f} degrees: look at the unit of the hip angles"


def test_push_off_moment_is_negative(trials):
    """The internal ankle moment is plantarflexor (negative) at push-off, in N m/kg, and small in swing."""
    ankle = curves(trials, "kinetics", "ankle")
    push, swing = level(ankle, 40, 52), level(ankle, 78, 94)
    assert -3.0 < push < -0.3, f"{push:+.2f} N m/kg: look at sign, unit and side of the ankle moments, and body_mass"
    assert abs(swing) < abs(push) / 3, f"{swing:+.2f} N m/kg in swing: look at side and `events`"


def test_ankle_moment_is_as_large_as_in_walking(trials):
    """The ankle's largest plantarflexor moment of a stride is 0.8 to 2.5 N m/kg; after stroke it may be smaller."""
    for population, least in (("able_bodied", 0.8), ("stroke", 0.2)):
        own = [trial for trial in walks(trials) if trial.patient.population == population]
        if any("kinetics" in trial.signals for trial in own):
            peak = np.median(-curves(own, "kinetics", "ankle").min(axis=1))
            assert least < peak < 2.5, f"{peak:.2f} N m/kg: look at unit of the moments and body_mass"


def test_knee_moment_is_extensor_as_the_leg_takes_load(trials):
    """In walking the internal knee moment at 10-20 % is that of the extensors (negative), or next to nothing."""
    knee = level(curves(walks(trials), "kinetics", "knee"), 10, 20)
    assert -2.5 < knee < 0.15, f"{knee:+.2f} N m/kg: look at sign, unit and side of the knee moments"


def test_hip_moment_in_stance_is_that_of_the_abductors(trials):
    """In walking the hip abductors (negative) hold the pelvis while the leg stands."""
    hip = level(curves(walks(trials), "kinetics", "hip", "adduction"), 15, 45)
    assert -2.5 < hip < -0.05, f"{hip:+.2f} N m/kg: look at sign and unit of the hip's adduction moments"


def test_ankle_generates_power_at_push_off(trials):
    """Moment times angular velocity is positive at push-off."""
    both = [trial for trial in trials if {"kinematics", "kinetics"} <= set(trial.signals)]
    angle, moment = curves(both, "kinematics", "ankle"), curves(both, "kinetics", "ankle")
    power = np.median(moment, axis=0) * np.gradient(np.median(angle, axis=0))
    push = power[42:66]
    assert push.max() > -push.min(), "look at the signs of ankle angles and moments"


def test_power_is_that_of_the_file(trials):
    """Where a file holds powers, moment times angular velocity has their sign and their size."""
    notes = [trial.notes.get("evidence.power", "") for trial in trials]
    for note in notes:
        assert "AGAINST" not in note, note
    found = [match for note in notes for match in POWER.findall(note)]
    slopes = {f"{joint} {side}": float(slope) for joint, side, r, slope in found if float(r) > 0.7}
    if not slopes:
        pytest.skip("no power to compare with")
    wrong = [f"{name} {slope:g}" for name, slope in slopes.items() if not 0.5 < slope < 2]
    assert not wrong, f"the file's power over ours: {', '.join(wrong)}; look at units, and body_mass"
'''


def test_module(module: str) -> str:
    """Return the text of the test module named ``module``, without ``.py``."""
    return _TEMPLATE.replace("{module}", module)
