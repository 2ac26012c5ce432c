"""Every rule for every source: completeness, truth, signs, units, masks, provenance, clear errors."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from biomech_xr import synthetic
from biomech_xr import vocabulary as words
from biomech_xr.datasets import get_dataset, names
from biomech_xr.errors import BiomechXRError, ConfigError, MissingInputError
from biomech_xr.parse import find_patients, read_patient
from biomech_xr.schema import Trial

from .conftest import GetSource, Source, component_curves, emg_level
from .rows import ESTIMATED, row_of

ALL = names()
SOURCES = (
    "angelidou", "bacek", "camargo", "criekinge", "embry", "falisse", "gait120", "grimmer", "hu", "k2muse", "lab",
    "lencioni", "macaluso", "moghadam", "moreira", "siat",
)  # fmt: skip
SAMPLE = 0.01
"""The longest sample (s) of any source: events agree within one."""
CALF = ("gastrocnemius_medialis", "gastrocnemius_lateralis", "soleus", "soleus_medial")
TIBIALIS = ("tibialis_anterior", "tibialis_anterior_upper")


def sides_with(source: Source, group: str, component: str) -> list[str]:
    """Return the sides whose walking strides must have a component."""
    return [side for side, given in getattr(source.row, group).items() if component in given]


def mean_of(source: Source, group: str, side: str, component: str) -> np.ndarray:
    """Return the mean walking curve of all people, shape (100,)."""
    _, curves = component_curves(source.all_trials(), group, side, component)
    assert len(curves) >= 4, (source.name, side, component)
    return np.asarray(curves.mean(axis=0))


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


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("name", ALL)
def test_a_cut_file_is_one_clear_error_that_names_it(source: GetSource, name: str, share: float) -> None:
    made_by = source(name)
    for pattern in made_by.row.broken:
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
