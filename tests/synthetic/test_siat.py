"""The written SIAT-LLMD tree: layout, columns, clocks and labels as its description says; signs by physiology."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomech_xr.synthetic import Truth
from biomech_xr.synthetic.siat import write_siat
from tests.datasets.siat_trees import INNER, written

COLUMNS = [
    "Time",
    *(
        f"{group}: {side} {name} {word}"
        for group, word in (("Kinematic", "angle"), ("Kinetic", "torque"))
        for side in ("left", "right")
        for name in ("hip adduction", "hip flexion", "knee flexion", "ankle flexion")
    ),
    *(
        f"sEMG: {name}"
        for name in (
            "tensor fascia lata", "rectus femoris", "vastus medialis", "semimembranosus", "upper tibialis anterior",
            "lower tibialis anterior", "lateral gastrocnemius", "medial gastrocnemius", "soleus",
        )
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    root, truth = written(tmp_path_factory)
    return root / INNER, truth


@pytest.fixture(scope="module")
def walk(tree: tuple[Path, Truth]) -> tuple[pd.DataFrame, pd.DataFrame]:
    folder = tree[0] / "Sub01"
    return pd.read_csv(folder / "Data" / "Sub01_WAK_Data.csv"), pd.read_csv(folder / "Labels" / "Sub01_WAK_Label.csv")


def test_layout_is_that_of_the_archive(tree: tuple[Path, Truth]) -> None:
    root, _ = tree
    assert sorted(path.name for path in root.iterdir()) == [
        "Code", "Sub01", "Sub02", "Sub03", "SubjectInformation.xlsx",
    ]  # fmt: skip
    data = {path.name.split("_")[1] for path in (root / "Sub01" / "Data").glob("*_Data.csv")}
    labels = {path.name.split("_")[1] for path in (root / "Sub01" / "Labels").glob("*_Label.csv")}
    assert data == labels
    assert len(data) == 16
    assert len(list((root / "Sub02" / "Data").glob("*_Data.csv"))) == 15


def test_columns_and_clock(walk: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    data, labels = walk
    assert list(data.columns) == COLUMNS
    assert list(labels.columns) == ["Time", "Status", "Group"]
    assert np.diff(data["Time"]) == pytest.approx(0.000520833, abs=2e-9)
    assert len(labels) == len(data)
    assert labels.loc[0, ["Status", "Group"]].isna().all()


def test_groups_one_to_five_are_of_the_right_leg(walk: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    data, labels = walk
    for group, rows in labels.dropna().groupby("Group"):
        side = "right" if float(str(group)) <= 5 else "left"
        knee = data.loc[rows.index, f"Kinematic: {side} knee flexion angle"]
        assert 0.65 < int(np.argmax(knee)) / len(knee) < 0.8
        assert rows["Status"].is_monotonic_increasing
        assert set(rows["Status"]) == {1, 2, 3, 4, 5}


def test_torques_are_newton_metres_in_canonical_sign(walk: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    data, _ = walk
    assert data["Kinetic: left ankle flexion torque"].min() < -50
    assert data["Kinetic: left hip adduction torque"].min() < -30
    assert data["Kinematic: left knee flexion angle"].max() > 50


def test_emg_is_bipolar_with_an_offset_and_of_the_left_leg(walk: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    data, labels = walk
    emg = data[[name for name in COLUMNS if name.startswith("sEMG")]].to_numpy()
    assert (emg.min(axis=0) < -0.05).all()
    assert np.abs(np.median(emg, axis=0)).max() > 1e-3
    calf = np.abs(data["sEMG: medial gastrocnemius"] - data["sEMG: medial gastrocnemius"].mean())
    starts = labels[(labels["Group"] > 5) & (labels["Status"] == 1) & (labels["Status"].shift() != 1)].index
    stance = np.mean([calf[a + 500 : a + 1000].mean() for a in starts])
    swing = np.mean([calf[a + 1500 : a + 2000].mean() for a in starts])
    assert stance > 3 * swing


def test_held_rows_change_every_sixteenth(tree: tuple[Path, Truth]) -> None:
    data = pd.read_csv(tree[0] / "Sub01" / "Data" / "Sub01_DNS_Data.csv")
    changes = np.flatnonzero(np.diff(data["Kinematic: left hip flexion angle"])) + 1
    assert set(changes % 16) == {0}


def test_label_files_of_stairs_down_are_longer(tree: tuple[Path, Truth]) -> None:
    data = pd.read_csv(tree[0] / "Sub01" / "Data" / "Sub01_DNS_Data.csv", usecols=["Time"])
    labels = pd.read_csv(tree[0] / "Sub01" / "Labels" / "Sub01_DNS_Label.csv")
    assert len(labels) == len(data) + 7
    assert set(labels["Status"].dropna()) == {1, 2, 3}


def test_discrete_movements_are_labelled_active_or_rest(tree: tuple[Path, Truth]) -> None:
    for code, words in (("LUGF", {"A", "R"}), ("STC", {"R"})):
        labels = pd.read_csv(tree[0] / "Sub01" / "Labels" / f"Sub01_{code}_Label.csv")
        assert set(labels["Status"].dropna()) == words


def test_truth_has_both_legs_and_follows_from_the_labels(tree: tuple[Path, Truth]) -> None:
    root, truth = tree
    counts = truth.strides.groupby(["source_patient", "trial", "side"]).size()
    assert counts["Sub01", "WAK", "left"] == counts["Sub01", "WAK", "right"] == 5
    assert counts.min() >= 4
    labels = pd.read_csv(root / "Sub02" / "Labels" / "Sub02_WAK_Label.csv")
    starts = labels.loc[(labels["Status"] == 1) & (labels["Status"].shift() != 1), "Time"].to_numpy()
    made = truth.strides.query("source_patient == 'Sub02' and trial == 'WAK'")
    np.testing.assert_allclose(made["trial_time"], starts, atol=1e-6)
    for first, second in pairwise(made.to_dict("records")):
        assert first["trial_time"] + first["duration"] == pytest.approx(second["trial_time"])


def test_event_marks_of_sub03_end_no_leg(tree: tuple[Path, Truth]) -> None:
    root, truth = tree
    for code, phases in (("WAK", 5), ("UPS", 3), ("DNS", 3)):
        labels = pd.read_csv(root / "Sub03" / "Labels" / f"Sub03_{code}_Label.csv").dropna()
        assert labels["Group"].value_counts().to_dict() == dict.fromkeys(range(1, 11), phases)
        starts = labels.loc[labels["Status"] == 1].set_index("Group")["Time"]
        made = truth.strides.query(f"source_patient == 'Sub03' and trial == '{code}'")
        whole = starts.drop([5, 10])
        ends = dict(zip(made["trial_time"].round(6), (made["trial_time"] + made["duration"]).round(6), strict=True))
        assert sorted(ends) == pytest.approx(whole.tolist(), abs=2e-6)
        assert sorted(ends.values()) == pytest.approx(starts.drop([1, 6]).tolist(), abs=2e-6)


def test_the_same_seed_gives_the_same_bytes(tree: tuple[Path, Truth], tmp_path: Path) -> None:
    write_siat(tmp_path, patients=1, seed=3, minutes=0.1)
    for path in sorted(tmp_path.rglob("Sub01_W*.csv")):
        twin = tree[0].parents[1] / path.relative_to(tmp_path)
        assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(twin.read_bytes()).digest()
