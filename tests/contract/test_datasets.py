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
from biomech_xr.parse import find_patients

from .conftest import Source, mean_curve

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestWarning")
ALL = names()
CLOCKS = {"hu": 1e-6, "camargo": 1e-6, "lab": 1e-6, "falisse": 1e-5}
"""How well (s) times can agree with what was written: C3D events are single precision (half a step is 2e-7 s at 4 to 8
s); Falisse has no clock, its durations are fitted to angles and velocities by splines (5e-6 s)."""
WITH_KINETICS = [name for name in ALL if name != "hu"]


def test_every_source_has_a_writer_and_every_writer_a_source() -> None:
    assert sorted(synthetic.WRITERS) == ALL
    assert ALL == ["camargo", "falisse", "hu", "lab"]


@pytest.mark.parametrize("name", ALL)
def test_strides_are_those_that_were_made(sources: dict[str, Source], name: str) -> None:
    source = sources[name]
    truth, found = source.truth.strides, source.strides()
    assert len(found) == len(truth) > 4
    for keys, made in truth.groupby(["source_patient", "trial", "side"]):
        read = found[(found[["source_patient", "trial", "side"]] == list(keys)).all(axis=1)]
        assert len(read) == len(made), keys
        if read["trial_time"].notna().all():
            read, made = read.sort_values("trial_time"), made.sort_values("trial_time")
            np.testing.assert_allclose(read["trial_time"], made["trial_time"], rtol=0, atol=CLOCKS[name])
            assert list(read["activity"]) == list(made["activity"])
        np.testing.assert_allclose(read["duration"], made["duration"], rtol=0, atol=CLOCKS[name])


@pytest.mark.parametrize("name", ALL)
def test_candidates_are_kept_or_rejected_with_a_reason(sources: dict[str, Source], name: str) -> None:
    for trial in sources[name].all_trials():
        for side in words.SIDES:
            kept = trial.strides.loc[trial.strides["side"] == side, "stride_number"].tolist()
            rejected = trial.rejected.loc[trial.rejected["side"] == side, "stride_number"].tolist()
            numbers = sorted(n for n in kept + rejected if n >= 0)
            assert numbers == list(range(len(numbers)))
        assert set(trial.rejected["reason"]) <= set(words.REJECTION_REASONS)


@pytest.mark.parametrize("name", ALL)
def test_knee_flexes_in_swing_and_hip_extends_in_late_stance(sources: dict[str, Source], name: str) -> None:
    trials = sources[name].all_trials()
    knee = mean_curve(trials, "kinematics", "knee", "flexion")
    assert 45 < knee.max() < 75
    assert 65 <= knee.argmax() <= 80
    assert knee[:5].mean() < 25
    hip = mean_curve(trials, "kinematics", "hip", "flexion")
    if hip.size:
        assert 40 <= hip.argmin() <= 62
        assert hip[0] - hip.min() > 25
    ankle = mean_curve(trials, "kinematics", "ankle", "flexion")
    assert 35 <= ankle[:60].argmax() <= 55
    assert 58 <= ankle.argmin() <= 72


@pytest.mark.parametrize("name", WITH_KINETICS)
def test_moments_are_internal_per_mass_and_in_the_right_joint(sources: dict[str, Source], name: str) -> None:
    trials = sources[name].all_trials()
    ankle = mean_curve(trials, "kinetics", "ankle", "flexion")
    assert -1.8 < ankle.min() < -1.2
    assert 45 <= ankle.argmin() <= 53
    knee = mean_curve(trials, "kinetics", "knee", "flexion")
    assert -0.8 < knee[10:21].min() < -0.3
    hip = mean_curve(trials, "kinetics", "hip", "flexion")
    assert hip[2:20].max() < 0
    assert 0.4 < hip[45:66].max() < 1.0
    adduction = mean_curve(trials, "kinetics", "hip", "adduction")
    assert -1.2 < adduction[5:55].min() < -0.6


def test_knee_is_abducted_by_the_ground_in_stance(sources: dict[str, Source]) -> None:
    """Only Plug-in Gait gives a frontal moment of the knee; the OpenSim models have a knee of one axis."""
    stance = mean_curve(sources["lab"].all_trials(), "kinetics", "knee", "adduction")[5:56]
    assert -0.6 < stance.min() < -0.2
    assert -0.6 < stance.mean() < -0.2
    for name in ("camargo", "falisse"):
        assert mean_curve(sources[name].all_trials(), "kinetics", "knee", "adduction").size == 0


@pytest.mark.parametrize("name", WITH_KINETICS)
def test_push_off_power_is_positive(sources: dict[str, Source], name: str) -> None:
    trials = sources[name].all_trials()
    angle = np.deg2rad(mean_curve(trials, "kinematics", "ankle", "flexion"))
    moment = mean_curve(trials, "kinetics", "ankle", "flexion")
    duration = sources[name].strides()["duration"].mean()
    power = moment * np.gradient(angle, duration / angle.size)
    assert power[45:65].max() > 0.8
    assert power[45:65].max() > 2 * abs(power[5:40].min())


def test_hu_has_no_kinetics_and_no_hip(sources: dict[str, Source]) -> None:
    for trial in sources["hu"].all_trials():
        assert "kinetics" not in trial.signals
        kinematics = trial.signals["kinematics"].values
        assert np.isnan(kinematics.sel(joint="hip")).all()
        assert np.isnan(kinematics.sel(motion=["adduction", "rotation"])).all()


@pytest.mark.parametrize("name", ALL)
def test_nothing_unmeasured_is_zero(sources: dict[str, Source], name: str) -> None:
    for trial in sources[name].all_trials():
        for group, signal in trial.signals.items():
            values = signal.values
            flat = values.stack(column=values.dims[1:]).values
            constant_zero = (flat == 0).all(axis=0)
            assert not constant_zero.any(), (group, trial.trial)


@pytest.mark.parametrize("name", ALL)
def test_source_files_and_hashes_are_recorded(sources: dict[str, Source], name: str) -> None:
    source = sources[name]
    for trial in source.all_trials():
        for file, digest in trial.sources:
            path = Path(file) if Path(file).is_absolute() else source.raw / file
            assert hashlib.sha256(path.read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("name", ALL)
def test_facts_are_complete(name: str) -> None:
    spec = get_dataset(name).spec
    assert spec.name == name
    assert spec.licence
    assert spec.evidence in words.EVIDENCES
    assert spec.emg_state in words.EMG_STATES
    assert set(spec.sides) <= set(words.SIDES)
    assert set(spec.activities) <= set(words.ACTIVITIES)
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


def test_an_unknown_source_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'camargo'"):
        get_dataset("camarog")
