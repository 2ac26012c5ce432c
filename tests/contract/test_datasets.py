"""Every rule for every source: completeness, truth, signs, units, masks, provenance, clear errors, harmony.

One human, written in every source's raw format (twice where a source has two people), comes back as the same curves in
the same words, signs and units, leg by leg and stride by stride.
"""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import numpy as np
import pytest

from biomech_xr import synthetic
from biomech_xr import vocabulary as words
from biomech_xr.datasets import get_dataset, names
from biomech_xr.errors import BiomechXRError, ConfigError, MissingInputError
from biomech_xr.parse import find_patients, read_patient
from biomech_xr.schema import Trial
from biomech_xr.synthetic.activation import activation
from biomech_xr.synthetic.curves import Quantity
from biomech_xr.synthetic.gait import Bout, own_curve, own_offset
from biomech_xr.synthetic.person import Person, make_person, one_human

from .conftest import GRID, HUMAN, SEED, GetSource, Source, component_curves, emg_level
from .rows import ESTIMATED, row_of

ALL = names()
SOURCES = (
    "angelidou", "bacek", "camargo", "criekinge", "embry", "falisse", "gait120", "grimmer", "hu", "k2muse", "lab",
    "lencioni", "macaluso", "moghadam", "moreira", "siat",
)  # fmt: skip
SAMPLE = 0.01
"""The longest sample (s) of any source: events agree within one."""
ANGLE, MOMENT, ENVELOPE = 0.5, 0.02, 0.98
"""Largest difference of a median angle (degrees), of a median moment (share of its range; the median leaves the planted
plate artefacts out), least correlation of mean EMG."""

MARK = 0.003
"""How well the factor by which a stride differs from the human's mean agrees between its angles and its moments; the
factors of strides differ by 0.006 (SD)."""
CALF = ("gastrocnemius_medialis", "gastrocnemius_lateralis", "soleus", "soleus_medial")
TIBIALIS = ("tibialis_anterior", "tibialis_anterior_upper")


def sides_with(source: Source, group: str, component: str) -> list[str]:
    """Return the sides whose walking strides must have a component."""
    return [side for side, given in getattr(source.row, group).items() if component in given]


def mean_of(source: Source, group: str, side: str, component: str) -> np.ndarray:
    """Return the median walking curve of all people, shape (100,); planted plate artefacts stay out of it."""
    _, curves = component_curves(source.all_trials(), group, side, component)
    assert len(curves) >= 4, (source.name, side, component)
    return np.asarray(np.median(curves, axis=0))


def test_every_source_has_a_writer_and_a_physiology_row() -> None:
    assert tuple(ALL) == SOURCES
    assert sorted(synthetic.WRITERS) == ALL
    assert sorted(synthetic.PEOPLE) == ALL
    for name in ALL:
        row = row_of(name)
        assert any("knee flexion" in given for given in row.angles.values()) or row.muscles, name
        assert row.broken, name
        assert row.clock <= SAMPLE or name in ESTIMATED, name


@pytest.mark.parametrize("name", ALL)
def test_strides_are_those_that_were_made(source: GetSource, name: str) -> None:
    made_by = source(name)
    truth, found = made_by.truth.strides, made_by.strides()
    assert len(found) == len(truth) > 4
    for keys, made in truth.groupby(["source_patient", "trial", "side"]):
        read = found[(found[["source_patient", "trial", "side"]] == list(keys)).all(axis=1)]
        assert len(read) == len(made), keys
        if made_by.row.timed:
            read, made = read.sort_values("trial_time"), made.sort_values("trial_time")
            np.testing.assert_allclose(read["trial_time"], made["trial_time"], rtol=0, atol=made_by.row.clock)
            assert list(read["activity"]) == list(made["activity"])
        else:
            assert read["trial_time"].isna().all()
            assert sorted(read["activity"]) == sorted(made["activity"])
        np.testing.assert_allclose(read["duration"], made["duration"], rtol=0, atol=made_by.row.clock)


@pytest.mark.parametrize("name", ALL)
def test_candidates_are_kept_or_rejected_with_a_reason(source: GetSource, name: str) -> None:
    for trial in source(name).all_trials():
        for side in words.SIDES:
            kept = trial.strides.loc[trial.strides["side"] == side, "stride_number"].tolist()
            rejected = trial.rejected.loc[trial.rejected["side"] == side, "stride_number"].tolist()
            numbers = sorted(n for n in kept + rejected if n >= 0)
            assert numbers == list(range(len(numbers)))
        assert set(trial.rejected["reason"]) <= set(words.REJECTION_REASONS)


@pytest.mark.parametrize("name", ALL)
def test_activities_and_conditions_are_labelled(source: GetSource, name: str) -> None:
    made_by = source(name)
    strides = made_by.strides()
    assert set(strides["activity"]) == set(made_by.row.activities)
    assert set(strides["condition"]) == set(made_by.row.conditions)
    spec = get_dataset(name).spec
    assert set(made_by.row.activities) <= set(spec.activities)
    assert set(strides["side"]) <= set(spec.sides)


@pytest.mark.parametrize("name", ALL)
def test_knee_flexes_in_swing_and_hip_extends_in_late_stance(source: GetSource, name: str) -> None:
    made_by = source(name)
    for side in sides_with(made_by, "angles", "knee flexion"):
        knee = mean_of(made_by, "kinematics", side, "knee flexion")
        assert 45 < knee.max() < 75, side
        assert 65 <= knee.argmax() <= 80, side
        assert knee[:5].mean() < 25, side
    for side in sides_with(made_by, "angles", "hip flexion"):
        hip = mean_of(made_by, "kinematics", side, "hip flexion")
        assert 40 <= hip.argmin() <= 62, side
        assert hip[0] - hip.min() > 25, side
    for side in sides_with(made_by, "angles", "ankle flexion"):
        ankle = mean_of(made_by, "kinematics", side, "ankle flexion")
        assert 35 <= ankle[:60].argmax() <= 55, side
        assert 58 <= ankle.argmin() <= 72, side
    for side in sides_with(made_by, "angles", "hip adduction"):
        adduction = mean_of(made_by, "kinematics", side, "hip adduction")
        assert adduction[10:40].mean() > 2, side
        assert adduction[58:70].mean() < 0, side


@pytest.mark.parametrize("name", ALL)
def test_moments_are_internal_per_mass_and_in_the_right_joint(source: GetSource, name: str) -> None:
    made_by = source(name)
    for side in sides_with(made_by, "moments", "ankle flexion"):
        ankle = mean_of(made_by, "kinetics", side, "ankle flexion")
        assert -1.8 < ankle.min() < -1.2, side
        assert 45 <= ankle.argmin() <= 53, side
    for side in sides_with(made_by, "moments", "knee flexion"):
        knee = mean_of(made_by, "kinetics", side, "knee flexion")
        assert -0.8 < knee[10:21].min() < -0.3, side
    for side in sides_with(made_by, "moments", "hip flexion"):
        hip = mean_of(made_by, "kinetics", side, "hip flexion")
        assert hip[2:20].max() < 0, side
        assert 0.4 < hip[45:66].max() < 1.0, side
    for side in sides_with(made_by, "moments", "hip adduction"):
        adduction = mean_of(made_by, "kinetics", side, "hip adduction")
        assert -1.2 < adduction[5:55].min() < -0.6, side
    for side in sides_with(made_by, "moments", "knee adduction"):
        stance = mean_of(made_by, "kinetics", side, "knee adduction")[5:56]
        assert -0.6 < stance.min() < -0.2, side


@pytest.mark.parametrize("name", ALL)
def test_push_off_power_is_positive(source: GetSource, name: str) -> None:
    made_by = source(name)
    for side in sides_with(made_by, "moments", "ankle flexion"):
        if "ankle flexion" not in made_by.row.angles.get(side, ()):
            continue
        angle = np.deg2rad(mean_of(made_by, "kinematics", side, "ankle flexion"))
        moment = mean_of(made_by, "kinetics", side, "ankle flexion")
        rows, _ = component_curves(made_by.all_trials(), "kinetics", side, "ankle flexion")
        duration = np.nanmean([row["duration"] if np.isfinite(row["duration"]) else 1.1 for row in rows])
        power = moment * np.gradient(angle, duration / angle.size)
        assert power[45:65].max() > 0.8, side
        assert power[45:65].max() > 2 * abs(power[5:40].min()), side


@pytest.mark.parametrize("name", ALL)
def test_muscles_work_when_they_should(source: GetSource, name: str) -> None:
    """Calf in late stance, tibialis anterior around contact and in swing: a swapped muscle or clock fails."""
    made_by = source(name)
    for side, muscles in made_by.row.muscles.items():
        for muscle in set(muscles) & {*CALF, *TIBIALIS}:
            rows, level = emg_level(made_by.all_trials(), side, muscle)
            assert len(rows) >= 4, (side, muscle)
            mean = level.mean(axis=0)
            late_stance, swing = mean[15:26].mean(), np.r_[mean[31:38], mean[45:50], mean[:3]].mean()
            assert (late_stance > 1.5 * swing) == (muscle in CALF), (side, muscle, late_stance, swing)
            assert (swing > 1.5 * late_stance) == (muscle in TIBIALIS), (side, muscle, late_stance, swing)


@pytest.mark.parametrize("name", ALL)
def test_what_a_source_lacks_is_masked_and_what_it_has_is_not(source: GetSource, name: str) -> None:
    made_by = source(name)
    for group, given in (("kinematics", made_by.row.angles), ("kinetics", made_by.row.moments)):
        found: dict[str, set[str]] = {}
        for trial in made_by.all_trials():
            signal = trial.signals.get(group)
            if signal is None:
                continue
            finite = np.isfinite(signal.values).any("sample")
            for side in finite["side"].values:
                here = finite.sel(side=side).stack(component=("joint", "motion"))
                found.setdefault(str(side), set()).update(
                    " ".join(pair) for pair in here["component"].values[here.values]
                )
        assert {side: has for side, has in found.items() if has} == {side: set(has) for side, has in given.items()}


@pytest.mark.parametrize("name", ALL)
def test_muscles_and_emg_state_are_those_of_the_source(source: GetSource, name: str) -> None:
    made_by = source(name)
    found: dict[str, set[str]] = {}
    states = set()
    for trial in made_by.all_trials():
        signal = trial.signals.get("emg")
        if signal is None:
            continue
        states.add(trial.emg_state)
        for side in signal.values["side"].values:
            finite = np.isfinite(signal.values.sel(side=side)).any("sample")
            found.setdefault(str(side), set()).update(map(str, finite["channel"].values[finite.values]))
    assert {side: has for side, has in found.items() if has} == {
        side: set(has) for side, has in made_by.row.muscles.items()
    }
    assert states == set(made_by.row.emg_state)


@pytest.mark.parametrize("name", ALL)
def test_nothing_unmeasured_is_zero(source: GetSource, name: str) -> None:
    for trial in source(name).all_trials():
        for group, signal in trial.signals.items():
            values = signal.values
            flat = values.stack(column=values.dims[1:]).values
            assert not (flat == 0).all(axis=0).any(), (group, trial.trial)


@pytest.mark.parametrize("name", ALL)
def test_source_files_and_hashes_are_recorded(source: GetSource, name: str) -> None:
    made_by = source(name)
    digests: dict[Path, str] = {}
    for trial in made_by.all_trials():
        for file, digest in trial.sources:
            path = Path(file) if Path(file).is_absolute() else made_by.raw / file
            digests.setdefault(path, hashlib.sha256(path.read_bytes()).hexdigest())
            assert digests[path] == digest


@pytest.mark.parametrize("name", ALL)
def test_facts_are_complete(name: str) -> None:
    spec = get_dataset(name).spec
    assert spec.name == name
    assert spec.licence
    assert spec.evidence in words.EVIDENCES
    assert spec.emg_state in words.EMG_STATES
    assert set(spec.sides) <= set(words.SIDES)
    assert set(spec.activities) <= {*words.ACTIVITIES, *words.POSTURES}
    assert 0 < spec.minimum_duration < spec.maximum_duration <= 3.0
    assert {column.joint for column in (*spec.angles.values(), *spec.moments.values())} <= set(words.JOINTS)
    assert {column.motion for column in (*spec.angles.values(), *spec.moments.values())} <= set(words.MOTIONS)
    assert {column.muscle for column in spec.emg.values()} <= {*words.MUSCLES, *words.OTHER_MUSCLES}


@pytest.mark.parametrize("name", ALL)
def test_a_missing_or_empty_folder_is_one_clear_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(MissingInputError, match=f"{name}.*nowhere.*expected"):
        find_patients(name, tmp_path / "nowhere")
    with pytest.raises(BiomechXRError, match=name):
        find_patients(name, tmp_path)


def read_everyone(name: str, raw: Path, options: dict[str, object]) -> list[Trial]:
    return [trial for patient in find_patients(name, raw) for trial in read_patient(name, raw, patient, options)]


@pytest.mark.parametrize("name", ALL)
def test_a_cut_file_is_one_clear_error_that_names_it(source: GetSource, name: str) -> None:
    made_by = source(name)
    for share, pattern in zip(itertools.cycle((0.5, 0.0)), made_by.row.broken, strict=False):
        path = next(iter(sorted(made_by.raw.glob(pattern))))
        whole = path.read_bytes()
        try:
            path.write_bytes(whole[: int(len(whole) * share)])
            with pytest.raises(BiomechXRError, match=name) as caught:
                read_everyone(name, made_by.raw, dict(made_by.row.options))
        finally:
            path.write_bytes(whole)
        assert path.name in str(caught.value)


def test_an_unknown_source_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'camargo'"):
        get_dataset("camarog")


@pytest.fixture(scope="module")
def human() -> Person:
    with one_human(HUMAN):
        return make_person(HUMAN, seed=SEED)


def own(human: Person, side: str, component: str, quantity: Quantity, shift: float = 0.0) -> np.ndarray:
    """Return the human's own mean curve, shape (100,), seen ``shift`` of a stride later."""
    joint, motion = component.split()
    curve = own_curve(human, Bout(activity="walk", duration=1), quantity, GRID + shift, side)
    return np.asarray(curve[:, words.JOINTS.index(joint), words.MOTIONS.index(motion)])


_LATE: dict[tuple[str, str], float] = {}
"""What `late` found, by source and side: all tests read the same trees."""


def late(name: str, read: list[Trial], human: Person, side: str) -> float:
    """Return by how much of a stride the contacts of an estimated clock are late; 0 where the source has events.

    One number a leg, of the knee, and at most the row's `clock`.
    """
    row = row_of(name)
    if name not in ESTIMATED:
        return 0.0
    if (name, side) in _LATE:
        return _LATE[name, side]
    rows, curves = component_curves(read, "kinematics", side, "knee flexion")
    if not len(curves):
        return 0.0
    most = row.clock / np.median([labels["duration"] for labels in rows])
    shifts = np.linspace(-most, most, 41)
    errors = [np.abs(np.median(curves, axis=0) - own(human, side, "knee flexion", "angle", s)).max() for s in shifts]
    _LATE[name, side] = float(shifts[np.argmin(errors)])
    return _LATE[name, side]


@pytest.mark.parametrize("name", ALL)
def test_angles_are_those_of_the_human(source: GetSource, human: Person, name: str) -> None:
    read = source(name).all_trials()
    row = row_of(name)
    for side, components in row.angles.items():
        shift = late(name, read, human, side)
        for component in components:
            _, curves = component_curves(read, "kinematics", side, component)
            mean = own(human, side, component, "angle", shift) + row.offsets.get(component, 0.0)
            off = np.abs(np.median(curves, axis=0) - mean).max()
            assert off < ANGLE, (side, component, off, len(curves))


@pytest.mark.parametrize("name", ALL)
def test_moments_are_those_of_the_human(source: GetSource, human: Person, name: str) -> None:
    read = source(name).all_trials()
    for side, components in row_of(name).moments.items():
        shift = late(name, read, human, side)
        for component in components:
            _, curves = component_curves(read, "kinetics", side, component)
            mean = own(human, side, component, "moment", shift)
            off = np.abs(np.median(curves, axis=0) - mean).max() / np.ptp(mean)
            assert off < MOMENT, (side, component, off, len(curves))


def factors(
    read: list[Trial], human: Person, side: str, component: str, quantity: Quantity, offset: float, shift: float
) -> dict[tuple[object, ...], float]:
    """Return by which factor each stride differs from the human's mean, by (patient, trial, stride number)."""
    joint, motion = component.split()
    added = offset
    if quantity == "angle":
        added += own_offset(human, side)[words.JOINTS.index(joint), words.MOTIONS.index(motion)]
    shape = own(human, side, component, quantity, shift) - (added - offset)
    found = {}
    for trial in read:
        group = "kinematics" if quantity == "angle" else "kinetics"
        rows, curves = component_curves([trial], group, side, component)
        for labels, curve in zip(rows, curves - added, strict=True):
            key = (trial.patient.patient, trial.trial, labels["stride_number"])
            found[key] = float(curve @ shape / (shape @ shape))
    return found


@pytest.mark.parametrize("name", ALL)
def test_angles_and_moments_of_a_stride_are_of_one_stride(source: GetSource, human: Person, name: str) -> None:
    """Each stride is marked by one factor in its angles and its moments: paired with a neighbor, they would differ."""
    read = source(name).all_trials()
    row = row_of(name)
    for side, moments in row.moments.items():
        for component in {"knee flexion", "ankle flexion"} & set(moments) & set(row.angles.get(side, ())):
            shift = late(name, read, human, side)
            offset = row.offsets.get(component, 0.0)
            angle = factors(read, human, side, component, "angle", offset, shift)
            moment = factors(read, human, side, component, "moment", 0.0, shift)
            both = sorted(set(angle) & set(moment))
            apart = np.array([abs(angle[key] - moment[key]) for key in both])
            assert len(both) >= 3, (side, component)
            assert np.median(apart) < MARK, (side, component, apart)
            assert (apart < 2 * MARK).mean() > 0.7, (side, component, apart)


@pytest.mark.parametrize("name", ALL)
def test_emg_rises_and_falls_as_that_of_the_human(source: GetSource, human: Person, name: str) -> None:
    read = source(name).all_trials()
    phase = (np.arange(50) + 0.5) / 50 - human.timing
    for side, muscles in row_of(name).muscles.items():
        for muscle in muscles:
            rows, level = emg_level(read, side, muscle)
            together = np.corrcoef(level.mean(axis=0), activation(muscle, "walk", phase))[0, 1]
            assert together > ENVELOPE, (side, muscle, together, len(rows))
