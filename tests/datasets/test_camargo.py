"""Camargo 2021: person, clocks, signs, units, muscles and legs, on trials written from its description."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomech_xr import synthetic
from biomech_xr import vocabulary as words
from biomech_xr.datasets import get_dataset
from biomech_xr.datasets.camargo import SPEC, recordings
from biomech_xr.errors import DataFormatError
from biomech_xr.schema import Trial, validate_trial
from tests.datasets.camargo_trials import LEFT_STRIKES, MASS, ORIGIN, STRIKES, imu, of, read, tables, write


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    root = tmp_path_factory.mktemp("camargo")
    write(root, tables() | {"imu": imu()})
    (found,) = read(root)
    return found


def test_trial_and_person(trial: Trial) -> None:
    validate_trial(trial)
    assert (trial.trial, trial.task, trial.session) == ("treadmill_01_01", "treadmill", "10_09_18")
    person = trial.patient
    assert (person.patient, person.sex, person.age, person.height, person.body_mass) == (
        "camargo-AB06", "male", 20.0, 1.8, MASS,
    )  # fmt: skip
    names = [name for name, _ in trial.sources]
    assert "AB06/10_09_18/treadmill/gcRight/treadmill_01_01.mat" in names
    assert "AB06/10_09_18/treadmill/gcLeft/treadmill_01_01.mat" in names
    assert "SubjectInfo.mat" in names


def test_tables_are_joined_on_time(trial: Trial) -> None:
    emg, angles = trial.signals["emg"], trial.signals["kinematics"]
    assert emg.t0 == pytest.approx(ORIGIN - 0.012)
    assert angles.t0 == pytest.approx(ORIGIN)
    assert (emg.sampling_frequency, angles.sampling_frequency) == (1000, 200)
    contact = of(trial.strides, "right")["trial_time"].iloc[2]
    sample = round((contact - emg.t0) * emg.sampling_frequency)
    held = float(emg.values[sample].sel(side="right", channel="soleus"))
    assert held == pytest.approx(contact, abs=1e-4)


@pytest.mark.parametrize("side", words.SIDES)
def test_knee_angle_and_moment_are_negated_together(trial: Trial, side: str) -> None:
    raw, leg = tables(), side[0]
    angle = trial.signals["kinematics"].values.sel(side=side, joint="knee", motion="flexion").to_numpy()
    moment = trial.signals["kinetics"].values.sel(side=side, joint="knee", motion="flexion").to_numpy()
    assert angle.max() == pytest.approx(60, abs=0.1)
    power = moment * np.gradient(angle)
    stored = raw["id"]["data"][f"knee_angle_{leg}_moment"]
    expected = stored * np.gradient(raw["ik"]["data"][f"knee_angle_{leg}"]) / MASS
    np.testing.assert_allclose(power, expected, atol=1e-4)
    np.testing.assert_allclose(moment, -stored / MASS, atol=1e-6)


def test_knee_sign_is_seen_in_the_strides_of_both_legs_and_noted(trial: Trial) -> None:
    for side in words.SIDES:
        assert trial.notes[f"evidence.knee_sign.{side}"].startswith("1 (confidence ")
    assert "knee_sign" not in trial.notes


def test_a_knee_that_is_flexion_positive_in_the_file_is_refused_unless_the_user_states_it(tmp_path: Path) -> None:
    made = tables()
    made["ik"]["data"]["knee_angle_l"] *= -1
    write(tmp_path, made)
    with pytest.raises(DataFormatError, match=r"ik/.*: knee_angle_l; .*left: -1 .*source option knee_sign="):
        read(tmp_path)
    (found,) = read(tmp_path, knee_sign="left_positive")
    assert found.notes["evidence.knee_sign"] == "left_positive (option knee_sign=left_positive)"
    knee = {g: found.signals[g].values.sel(joint="knee", motion="flexion") for g in ("kinematics", "kinetics")}
    assert (knee["kinematics"].max("sample") > 59).all()
    for side, sign in (("left", 1), ("right", -1)):
        stored = made["id"]["data"][f"knee_angle_{side[0]}_moment"]
        np.testing.assert_allclose(knee["kinetics"].sel(side=side), sign * stored / MASS, atol=1e-6)


def test_moments_are_per_mass_and_missing_ones_stay_nan(trial: Trial) -> None:
    moments = trial.signals["kinetics"].values
    assert moments.attrs["units"] == "N m kg-1"
    hip = moments.sel(side="right", joint="hip", motion="adduction")
    assert np.isnan(hip[:600]).all()
    np.testing.assert_allclose(hip[600:], -60 / MASS, rtol=1e-6)
    assert np.isnan(moments.sel(joint="knee", motion=["adduction", "rotation"])).all()


def test_ankle_moment_is_there_and_not_zero(trial: Trial) -> None:
    ankle = trial.signals["kinetics"].values.sel(joint="ankle", motion="flexion")
    assert ankle.sizes["side"] == 2
    np.testing.assert_allclose(ankle, -50 / MASS, rtol=1e-6)


def test_rectus_femoris_is_kept(trial: Trial) -> None:
    assert SPEC.emg["rectusfemoris"].muscle == "rectus_femoris"
    emg = trial.signals["emg"].values.sel(side="right", channel="rectus_femoris")
    assert np.isfinite(emg).all()
    assert float(emg.std()) > 1


def test_emg_is_of_the_right_leg_only_and_the_left_leg_has_joints(trial: Trial) -> None:
    assert list(trial.signals["emg"].values["side"].values) == ["right"]
    for group in ("kinematics", "kinetics"):
        assert list(trial.signals[group].values["side"].values) == ["left", "right"]
    left = of(trial.strides, "left")
    assert left["trial_time"].tolist() == pytest.approx([ORIGIN + strike for strike in LEFT_STRIKES[:-1]])
    assert left["foot_off"].tolist() == pytest.approx([0.7] * 4)
    assert len(of(trial.strides, "right")) == len(STRIKES) - 1


def test_all_muscles_are_kept_and_zero_is_not_measured(tmp_path: Path) -> None:
    made = tables()
    made["emg"]["data"]["soleus"] = 0.0
    write(tmp_path, made)
    (found,) = read(tmp_path)
    emg = found.signals["emg"].values
    assert emg.sizes["channel"] == 11
    assert {"gracilis", "external_oblique"} <= set(emg["channel"].values)
    assert np.isnan(emg.sel(channel="soleus")).all()
    assert np.isfinite(emg.drop_sel(channel="soleus")).all()


def test_inertial_units_are_recorded_in_si(trial: Trial) -> None:
    signal = trial.signals["imu"]
    assert signal.sampling_frequency == 200
    assert signal.t0 == pytest.approx(ORIGIN)
    assert list(signal.values["segment"].values) == ["foot", "shank", "thigh", "trunk"]
    assert signal.values.attrs["units"] == "m s-2 (acceleration), rad s-1 (angular_velocity)"
    np.testing.assert_allclose(signal.values.sel(channel="acceleration_y"), 9.81, rtol=1e-6)
    np.testing.assert_allclose(signal.values.sel(segment="shank", channel="angular_velocity_z"), 2, rtol=1e-6)


def test_inertial_units_that_do_not_feel_gravity_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, tables() | {"imu": imu(gravity=1.0)})
    (found,) = read(tmp_path)
    assert "imu" not in found.signals
    assert "acceleration of 1 " in found.notes["imu"]
    assert len(found.strides) == 9


def test_agrees_with_the_synthetic_people(tmp_path: Path) -> None:
    """The writer knows its strides independently of the reader: same trials, legs, activities, times and durations."""
    truth = synthetic.write("camargo", tmp_path, patients=1, seed=3, minutes=0.1).strides
    found, reasons = [], set()
    for trial in recordings(tmp_path, "AB06", {}):
        validate_trial(trial)
        assert not any(name.startswith("clock") for name in trial.notes)
        found.append(trial.strides.assign(source_patient="AB06"))
        reasons |= {(trial.task, reason) for reason in trial.rejected["reason"]}
    assert ("stair", "activity_change") in reasons
    columns = list(truth.columns)
    keys = ["source_patient", "trial", "side", "trial_time"]
    result = pd.concat(found)[columns].sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(result, truth, check_dtype=False, rtol=0, atol=1e-6)


def test_registered() -> None:
    dataset = get_dataset("camargo")
    assert dataset.spec.sides == ("left", "right")
    assert len(dataset.spec.emg) == 11
    assert len(dataset.spec.angles) == len(dataset.spec.moments) == 10
