"""The written Moghadam tree: folders, names and quirks as public readers describe them; signs by physiology."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from biomech_xr.synthetic import Truth
from biomech_xr.synthetic.moghadam import MUSCLES, write_moghadam


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    root = tmp_path_factory.mktemp("moghadam")
    truth = write_moghadam(root, patients=2, seed=3, minutes=0.3)
    return root / "Surrogate_modelling_to_predict_gait_time_series-main", truth


def storage(path: Path) -> tuple[str, dict[str, npt.NDArray[np.float64]]]:
    head, _, body = path.read_text(encoding="ascii").partition("endheader\n")
    names, *rows = body.splitlines()
    table = np.array([[float(cell) for cell in row.split("\t")] for row in rows])
    return head, dict(zip(names.split("\t"), table.T, strict=True))


def test_layout(tree: tuple[Path, Truth]) -> None:
    root, _ = tree
    people = root / "Gait_Time_Series"
    assert sorted(path.name for path in people.iterdir()) == ["P1Data", "P4Data"]
    assert sorted(path.name for path in (people / "P4Data").iterdir()) == [
        "EMG", "IMU", "Joints_Kinematics", "Joints_Kinetics",
    ]  # fmt: skip
    assert (root / "Study Summary.xlsx").is_file()
    angles = {path.stem for path in (people / "P4Data" / "Joints_Kinematics").glob("*.mot")}
    moments = {path.stem for path in (people / "P4Data" / "Joints_Kinetics").glob("*.sto")}
    assert angles - moments == {"17"}
    assert {"12", "13", "14", "16"} <= angles
    assert not {"1", "11", "15"} & angles


def test_storage_headers_and_common_clock(tree: tuple[Path, Truth]) -> None:
    person = tree[0] / "Gait_Time_Series" / "P1Data"
    head, angles = storage(person / "Joints_Kinematics" / "1.mot")
    other, moments = storage(person / "Joints_Kinetics" / "1.sto")
    assert "inDegrees=yes" in head
    assert "inDegrees=no" in other
    assert f"nRows={angles['time'].size}" in head
    np.testing.assert_array_equal(angles["time"], moments["time"])
    assert angles["time"][0] > 0.5
    emg = pd.read_csv(person / "EMG" / "1.csv")
    assert emg["Time"].iloc[0] == pytest.approx(angles["time"][0])
    assert len(emg) > angles["time"].size


def test_knee_is_extension_positive_and_moments_are_newton_metres(tree: tuple[Path, Truth]) -> None:
    person = tree[0] / "Gait_Time_Series" / "P1Data"
    _, angles = storage(person / "Joints_Kinematics" / "1.mot")
    _, moments = storage(person / "Joints_Kinetics" / "1.sto")
    assert -75 < angles["knee_angle_r"].min() < -50
    assert moments["ankle_angle_r_moment"].min() < -60
    assert set(moments) == {"time", *(f"{name}_moment" for name in angles if name != "time")}


def test_only_three_steps_are_on_plates(tree: tuple[Path, Truth]) -> None:
    person = tree[0] / "Gait_Time_Series" / "P1Data"
    pushes = []
    for number in (1, 2):
        _, moments = storage(person / "Joints_Kinetics" / f"{number}.sto")
        loaded = [np.diff((moments[f"ankle_angle_{leg}_moment"] < -40).astype(int)) == 1 for leg in "rl"]
        pushes.append([int(rises.sum()) for rises in loaded])
    assert pushes == [[2, 1], [1, 2]]
    first, last = (
        np.array([moments[name][rows] for name in moments if name != "time"]) for rows in (slice(5), slice(-5, None))
    )
    assert not first.any()
    assert not last.any()


def test_named_and_nameless_emg(tree: tuple[Path, Truth]) -> None:
    people = tree[0] / "Gait_Time_Series"
    named = pd.read_csv(people / "P1Data" / "EMG" / "2.csv")
    expected = {f"{leg}{muscle}" for leg in "RL" for muscle in MUSCLES}
    assert set(named.columns) == {"Time", *expected}
    assert list(named.columns[1:9]) != [f"R{muscle}" for muscle in MUSCLES]
    assert (named.drop(columns="Time") >= 0).all().all()
    nameless = pd.read_csv(people / "P4Data" / "EMG" / "9.csv", header=None)
    assert nameless.shape[1] == 17
    assert np.diff(nameless[0]) == pytest.approx(0.01)


def test_inertial_files_differ_in_delimiter_and_some_are_unreadable(tree: tuple[Path, Truth]) -> None:
    people = tree[0] / "Gait_Time_Series"
    heads = {k: (people / "P1Data" / "IMU" / f"{k}.csv").read_text().splitlines()[0] for k in (1, 2)}
    assert ";" in heads[1]
    assert "\t" in heads[2]
    assert " RF_accel.y " in heads[1]
    assert (people / "P4Data" / "IMU" / "12.csv").read_text().endswith("error\n")


def test_truth_has_both_legs_and_starts_at_the_onset_of_the_ankle_moment(tree: tuple[Path, Truth]) -> None:
    root, truth = tree
    assert truth.strides.groupby(["source_patient", "side"]).size().min() >= 3
    assert "trial_17" not in set(truth.strides.query("source_patient == 'P4'")["trial"])
    for row in truth.strides.to_dict("records"):
        path = root / "Gait_Time_Series" / f"{row['source_patient']}Data" / "Joints_Kinetics"
        _, moments = storage(path / f"{str(row['trial']).removeprefix('trial_')}.sto")
        ankle, time = moments[f"ankle_angle_{str(row['side'])[0]}_moment"], moments["time"]
        for contact in (row["trial_time"], row["trial_time"] + row["duration"]):
            assert np.abs(ankle[(time > contact - 0.1) & (time < contact - 0.02)]).max() < 3
            assert ankle[(time > contact + 0.25) & (time < contact + 0.6)].min() < -40


def test_the_same_seed_gives_the_same_bytes(tree: tuple[Path, Truth], tmp_path: Path) -> None:
    write_moghadam(tmp_path, patients=2, seed=3, minutes=0.3)
    for path in sorted(tmp_path.rglob("*.*")):
        if path.is_file():
            assert path.read_bytes() == (tree[0].parent / path.relative_to(tmp_path)).read_bytes()
