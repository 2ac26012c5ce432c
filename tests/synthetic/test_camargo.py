"""The camargo tree has the facts of the distribution's README, read back with mat-io alone: files, signals, signs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.io

from .camargo_tree import MASS, load, table
from .conftest import Tree

SENSORS = {"conditions", "emg", "ik", "id", "imu", "gcLeft", "gcRight"}


@pytest.fixture(scope="module")
def root(tree: Callable[[str], Tree]) -> Path:
    return tree("camargo")[0]


@pytest.fixture(scope="module")
def first(root: Path) -> Path:
    return root / "AB06" / "10_09_18"


@pytest.fixture(scope="module")
def second(root: Path) -> Path:
    return root / "AB07" / "AB07" / "10_21_2018"


def test_layout(root: Path, first: Path, second: Path) -> None:
    assert (root / "AB06" / "osimxml" / "AB06.osim").is_file()
    for mode in ("treadmill", "levelground", "ramp", "stair"):
        assert {path.name for path in (first / mode).iterdir()} == SENSORS
        assert {path.name for path in (second / mode).iterdir()} == SENSORS | {"ik_offset"}
    assert not (first / "static").exists()
    assert {path.name for path in (second / "static").iterdir()} == {"markers", "ik"}


def test_names_have_the_grammar_and_the_spellings_of_the_source(first: Path, second: Path) -> None:
    names = {mode.name: sorted(path.stem for path in (mode / "ik").iterdir()) for mode in sorted(first.iterdir())}
    assert names == {
        "treadmill": ["treadmill_01_01"],
        "levelground": ["LevelGround_ccw_fast_01_02", "levelground_cw_slow_01_01"],
        "ramp": ["ramp_1_l_01_01", "ramp_2_r_01_01"],
        "stair": ["stair_2_l_01_01"],
    }
    assert (second / "treadmill" / "emg" / "treadmill_04_2_01.mat").is_file()


def test_files_are_version_5_with_table_objects(root: Path, first: Path) -> None:
    path = first / "treadmill" / "emg" / "treadmill_01_01.mat"
    assert path.read_bytes()[:10] == b"MATLAB 5.0"
    assert isinstance(load(path)["data"], pd.DataFrame)
    assert "__function_workspace__" in scipy.io.loadmat(root / "SubjectInfo.mat")


def test_one_trial_lacks_a_sensor(first: Path) -> None:
    names = {sensor.name: sorted(path.name for path in sensor.iterdir()) for sensor in (first / "ramp").iterdir()}
    complete = names.pop("gcRight")
    assert all(other[1:] == complete for other in names.values())
    assert all(other[0] == "ramp_1_l_01_01.mat" for other in names.values())


def test_columns(first: Path) -> None:
    emg = table(first, "treadmill", "emg", "treadmill_01_01")
    assert list(emg.columns) == [
        "Header", "gastrocmed", "tibialisanterior", "soleus", "vastusmedialis", "vastuslateralis", "rectusfemoris",
        "bicepsfemoris", "semitendinosus", "gracilis", "gluteusmedius", "rightexternaloblique",
    ]  # fmt: skip
    ik = table(first, "treadmill", "ik", "treadmill_01_01")
    assert len(ik.columns) == 24
    moments = table(first, "treadmill", "id", "treadmill_01_01")
    assert set(moments.columns) == {"Header"} | {
        f"{name}_{'force' if name in ('pelvis_tx', 'pelvis_ty', 'pelvis_tz') else 'moment'}" for name in ik.columns[1:]
    }
    imu = table(first, "treadmill", "imu", "treadmill_01_01")
    assert len(imu.columns) == 25
    assert {"foot_Accel_X", "trunk_Gyro_Z"} <= set(imu.columns)


def test_clocks_are_absolute_and_differ(first: Path) -> None:
    headers = {
        sensor: table(first, "ramp", sensor, "ramp_2_r_01_01")["Header"].to_numpy() for sensor in ("emg", "ik", "id")
    }
    assert headers["ik"][0] > 10
    np.testing.assert_array_equal(headers["ik"], headers["id"])
    assert headers["emg"][0] < headers["ik"][0]
    assert np.allclose(np.diff(headers["emg"]), 0.001)
    assert np.allclose(np.diff(headers["ik"]), 0.005)


def test_signs_and_units(first: Path, second: Path) -> None:
    for folder, mass, trial in (
        (first, MASS["AB06"], "treadmill_01_01"),
        (second, MASS["AB07"], "treadmill_04_2_01"),
    ):
        ik = table(folder, "treadmill", "ik", trial)
        moment = table(folder, "treadmill", "id", trial) / mass
        assert moment.notna().all().all()
        for leg in "rl":
            assert -68 < ik[f"knee_angle_{leg}"].min() < -58
            assert ik[f"knee_angle_{leg}"].max() < 8
            assert ik[f"hip_flexion_{leg}"].max() > 25
            assert -1.85 < moment[f"ankle_angle_{leg}_moment"].min() < -1.3
            assert 0.3 < moment[f"knee_angle_{leg}_moment"].max() < 0.85
            power = moment[f"ankle_angle_{leg}_moment"] * np.gradient(np.deg2rad(ik[f"ankle_angle_{leg}"]), 0.005)
            assert power.max() > 2


def test_inertial_units_feel_gravity_and_turn_with_the_leg(first: Path) -> None:
    imu = table(first, "treadmill", "imu", "treadmill_01_01")
    for segment in ("foot", "shank", "thigh", "trunk"):
        size = np.linalg.norm(imu[[f"{segment}_Accel_{axis}" for axis in "XYZ"]], axis=1)
        assert np.median(size) == pytest.approx(9.81, abs=0.3)
    assert 3 < imu["shank_Gyro_Z"].abs().max() < 12


def test_angles_of_the_update_are_relative_to_the_static_pose(second: Path) -> None:
    static = table(second, "static", "ik", "static_01").drop(columns="Header").mean()
    ik, offset = (table(second, "treadmill", sensor, "treadmill_04_2_01") for sensor in ("ik", "ik_offset"))
    assert 3 < -static["knee_angle_r"] < 5
    np.testing.assert_allclose(offset["knee_angle_r"], ik["knee_angle_r"] - static["knee_angle_r"])
    np.testing.assert_array_equal(offset["Header"], ik["Header"])


def test_moments_of_a_leg_are_missing_in_stance_beside_the_plates(first: Path) -> None:
    for mode, trial in (("ramp", "ramp_2_r_01_01"), ("stair", "stair_2_l_01_01")):
        moment = table(first, mode, "id", trial)
        missing = moment["ankle_angle_r_moment"].isna()
        assert 0.1 < missing.mean() < 0.7
        assert (moment["hip_flexion_r_moment"].isna() == missing).all()
        left = moment["ankle_angle_l_moment"].isna()
        assert (left != missing).any()
        assert (moment["pelvis_tilt_moment"].isna() == (missing | left)).all()
    moment = table(first, "ramp", "id", "ramp_2_r_01_01")
    assert (np.abs(moment["hip_flexion_r_moment"]) > 5 * MASS["AB06"]).sum() == 1


def test_subject_info_lists_everybody(root: Path) -> None:
    info = load(root / "SubjectInfo.mat")["data"]
    assert list(info.columns) == ["Subject", "Age", "Gender", "Height", "Weight"]
    assert len(info) == 22
    assert {str(np.ravel(s)[0]): w for s, w in zip(info["Subject"], info["Weight"], strict=True)}["AB06"] == 74.84
