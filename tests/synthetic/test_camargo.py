"""The camargo tree has the facts of the distribution's README, read back with mat-io alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.io

from .conftest import Tree

MASS = {"AB06": 74.84, "AB07": 55.34}


def load(path: Path) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The 'future.infer_string' option is deprecated")
        import matio
    return dict(matio.load_from_mat(str(path)))


@pytest.fixture(scope="module")
def root(tree: Callable[[str], Tree]) -> Path:
    return tree("camargo")[0]


@pytest.fixture(scope="module")
def first(root: Path) -> Path:
    return root / "AB06" / "10_09_18"


def table(folder: Path, mode: str, sensor: str, trial: str) -> pd.DataFrame:
    data: pd.DataFrame = load(folder / mode / sensor / f"{trial}.mat")["data"]
    return data


def test_layout(root: Path, first: Path) -> None:
    assert (root / "AB06" / "osimxml" / "AB06.osim").is_file()
    assert (root / "AB07" / "10_21_2018" / "treadmill" / "ik").is_dir()
    for mode in ("treadmill", "ramp"):
        assert {path.name for path in (first / mode).iterdir()} == {
            "conditions",
            "emg",
            "ik",
            "id",
            "gcLeft",
            "gcRight",
        }


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


def test_clocks_are_absolute_and_differ(first: Path) -> None:
    headers = {
        sensor: table(first, "ramp", sensor, "ramp_2_r_01_01")["Header"].to_numpy() for sensor in ("emg", "ik", "id")
    }
    assert headers["ik"][0] > 10
    np.testing.assert_array_equal(headers["ik"], headers["id"])
    assert headers["emg"][0] < headers["ik"][0]
    assert np.allclose(np.diff(headers["emg"]), 0.001)
    assert np.allclose(np.diff(headers["ik"]), 0.005)


def test_signs_and_units(root: Path) -> None:
    for name, date in (("AB06", "10_09_18"), ("AB07", "10_21_2018")):
        folder = root / name / date
        ik = table(folder, "treadmill", "ik", "treadmill_01_01")
        assert -68 < ik["knee_angle_r"].min() < -58
        assert ik["knee_angle_l"].max() < 8
        assert ik["hip_flexion_r"].max() > 25
        moment = table(folder, "treadmill", "id", "treadmill_01_01") / MASS[name]
        assert moment.notna().all().all()
        assert -1.85 < moment["ankle_angle_r_moment"].min() < -1.3
        assert 0.3 < moment["knee_angle_r_moment"].max() < 0.85
        power = moment["ankle_angle_r_moment"] * np.gradient(np.deg2rad(ik["ankle_angle_r"]), 0.005)
        assert power.max() > 2


def test_sawtooth_made_from_plates_has_plateaus(first: Path) -> None:
    strike = table(first, "treadmill", "gcRight", "treadmill_01_01")["HeelStrike"].to_numpy()
    moving = np.flatnonzero(strike)
    assert moving[0] > 100
    assert (strike[moving[-1] + 1 :] == 0).all()
    assert len(strike) - moving[-1] > 100
    resets = np.flatnonzero(np.diff(strike) < -50)
    assert (strike[resets] == 100).all()
    assert (strike[resets + 1] == 0).all()


def test_sawtooth_made_from_markers_has_partial_ramps(first: Path) -> None:
    strike = table(first, "ramp", "gcRight", "ramp_2_r_01_01")["HeelStrike"].to_numpy()
    assert strike[0] == 0
    assert strike[-1] == 100
    assert (np.diff(strike)[np.diff(strike) > -50] > 0).all()
    resets = np.flatnonzero(np.diff(strike) < -50) + 1
    angle = table(first, "ramp", "ik", "ramp_2_r_01_01")["knee_angle_r"].to_numpy()
    assert angle[: resets[0]].min() > -25


def test_moments_are_missing_off_the_plates(first: Path) -> None:
    moment = table(first, "ramp", "id", "ramp_2_r_01_01").drop(columns="Header")
    missing = moment.isna()
    assert 0.3 < missing.to_numpy().mean() < 0.95
    assert (missing.sum(axis=1).isin([0, moment.shape[1]])).all()
    assert (np.abs(moment["hip_flexion_r_moment"]) > 5 * MASS["AB06"]).sum() == 1


def test_belt_runs_at_four_speeds_with_accelerations(first: Path) -> None:
    conditions = load(first / "treadmill" / "conditions" / "treadmill_01_01.mat")
    speed = conditions["speed"]["Speed"].to_numpy()
    steady = np.diff(speed) == 0
    values, counts = np.unique(speed[:-1][steady], return_counts=True)
    assert (values[counts > 2000] > 0.5).sum() == 4
    assert 0.05 < (~steady).mean() < 0.4
    assert {"trialStarts", "trialEnds"} <= set(conditions)


def test_ramp_labels(first: Path) -> None:
    conditions = load(first / "ramp" / "conditions" / "ramp_5_l_01_02.mat")
    labels = [str(np.ravel(cell)[0]) for cell in conditions["labels"]["Label"]]
    order = [label for k, label in enumerate(labels) if k == 0 or label != labels[k - 1]]
    assert order == [
        "stand", "stand-walk", "walk", "walk-rampascent", "rampascent", "rampascent-walk", "walk", "walk-rampdescent",
        "rampdescent", "rampdescent-walk", "walk", "walk-stand", "stand",
    ]  # fmt: skip
    assert float(np.ravel(conditions["rampIncline"])[0]) == 12.4


def test_subject_info_lists_everybody(root: Path) -> None:
    info = load(root / "SubjectInfo.mat")["data"]
    assert list(info.columns) == ["Subject", "Age", "Gender", "Height", "Weight"]
    assert len(info) == 22
    assert {str(np.ravel(s)[0]): w for s, w in zip(info["Subject"], info["Weight"], strict=True)}["AB06"] == 74.84


def test_truth_follows_from_the_files(tree: Callable[[str], Tree], first: Path) -> None:
    truth = tree("camargo")[1].strides
    for mode, trial in (("treadmill", "treadmill_01_01"), ("ramp", "ramp_5_l_01_02")):
        cycle = table(first, mode, "gcRight", trial)
        strike, header = cycle["HeelStrike"].to_numpy(), cycle["Header"].to_numpy()
        resets = header[np.flatnonzero(np.diff(strike) < -50) + 1]
        mine = truth[(truth["source_patient"] == "AB06") & (truth["trial"] == trial)]
        assert np.abs(mine["trial_time"].to_numpy()[:, None] - header).min(axis=1).max() < 1e-6
        ends = (mine["trial_time"] + mine["duration"]).to_numpy()
        assert np.abs(ends[:-1, None] - resets).min(axis=1).max() < 1e-6
        if mode == "ramp":
            assert len(mine) == len(resets) - 1
            assert set(mine["activity"]) == {"walk", "ramp_ascent", "ramp_descent"}
        else:
            speed = load(first / mode / "conditions" / f"{trial}.mat")["speed"]
            for start, stop in zip(mine["trial_time"], ends, strict=True):
                inside = speed["Speed"][(speed["Header"] >= start) & (speed["Header"] < stop)]
                assert inside.min() == inside.max() > 0
    assert "ramp_1_l_01_01" not in set(truth["trial"])
