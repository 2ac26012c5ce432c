"""The test module that a draft hands to its user: is what was parsed from the mapping plausible gait."""

from __future__ import annotations

from typing import Final

_TEMPLATE: Final = '''\
"""Is what lab.yaml makes of the files plausible gait? After every change run: python -m pytest {module}.py

The limits leave room for slow and impaired gait; a test that fails names the answer in lab.yaml to look at.
"""

import functools
from pathlib import Path

import numpy as np
import pytest

from biomech_xr.errors import BiomechXRError
from biomech_xr.parse import find_patients, read_patient

FOLDER = Path(__file__).parent
PHASES = np.arange(100) / 100


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


def curves(trials, group, joint):
    """Return the flexion of a joint in every stride, shape (stride, 100); skip where there is none."""
    rows = []
    for trial in trials:
        signal = trial.signals.get(group)
        for stride in trial.strides.itertuples() if signal is not None else ():
            if stride.side in signal.values["side"].values:
                values = signal.values.sel(side=stride.side, joint=joint, motion="flexion").values
                rows.append(np.interp(stride.trial_time + PHASES * stride.duration, signal.time(), values))
    rows = [row for row in rows if np.isfinite(row).all()]
    if not rows:
        pytest.skip(f"no {group} of the {joint} in a whole stride")
    return np.array(rows)


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


def test_knee_flexes_in_swing(trials):
    """The knee bends in swing, by degrees and not by radians."""
    knee = curves(trials, "kinematics", "knee")
    bend = np.median(knee[:, 65:82].mean(axis=1) - knee[:, 36:48].mean(axis=1))
    assert 5 < bend < 100, f"{bend:+.1f} degrees: look at sign, unit and side of the knee angles, and at `events`"


def test_push_off_moment_is_negative(trials):
    """The internal ankle moment is plantarflexor (negative) at push-off, in N m/kg, and small in swing."""
    ankle = curves(trials, "kinetics", "ankle")
    push, swing = np.median(ankle[:, 40:52].mean(axis=1)), np.median(ankle[:, 78:94].mean(axis=1))
    assert -3.0 < push < -0.3, f"{push:+.2f} N m/kg: look at sign, unit and side of the ankle moments, and body_mass"
    assert abs(swing) < abs(push) / 3, f"{swing:+.2f} N m/kg in swing: look at side and `events`"


def test_ankle_generates_power_at_push_off(trials):
    """Moment times angular velocity is positive at push-off, and like the power that a file may hold."""
    for trial in trials:
        assert "AGAINST" not in trial.notes.get("evidence.power", ""), trial.notes["evidence.power"]
    both = [trial for trial in trials if {"kinematics", "kinetics"} <= set(trial.signals)]
    angle, moment = curves(both, "kinematics", "ankle"), curves(both, "kinetics", "ankle")
    power = np.median(moment, axis=0) * np.gradient(np.median(angle, axis=0))
    push = power[42:66]
    assert push.max() > -push.min(), "look at the signs of ankle angles and moments"
'''


def test_module(module: str) -> str:
    """Return the text of the test module named ``module``, without ``.py``."""
    return _TEMPLATE.replace("{module}", module)
