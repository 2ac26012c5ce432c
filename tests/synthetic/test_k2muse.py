"""The K2MUSE tree has the facts of the published format, read back with SciPy and h5py alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import loadmat

from biomech_xr.readers.tables import read_sheet
from biomech_xr.synthetic import k2muse as writer
from biomech_xr.synthetic.k2muse import MODES, write_k2muse
from biomech_xr.synthetic.truth import Truth


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    root = tmp_path_factory.mktemp("k2muse")
    return root, write_k2muse(root, patients=2, seed=3, minutes=0.3)


@pytest.fixture(scope="module")
def first(tree: tuple[Path, Truth]) -> Any:
    return loadmat(tree[0] / "ProcessedData" / "P01.mat", simplify_cells=True)["P01"]


@pytest.fixture
def second(tree: tuple[Path, Truth]) -> Any:
    with h5py.File(tree[0] / "ProcessedData" / "P02.mat") as file:
        yield file["P02"]


def test_tree_has_every_condition_mode_and_speed(first: Any, second: Any) -> None:
    assert set(first) == {"OriginalData", "NormalizedData"}
    ideal = first["NormalizedData"]["Ideal"]
    assert set(ideal) == set(MODES)
    assert set(ideal["LG_0"]) == {"S_0x5", "S_1", "S_1x5"}
    assert set(second["NormalizedData/Ideal/LG_0"]) == {"S_0x5", "S_1x0", "S_1x5"}
    shifts = {f"Shift{where}" for where in ("Initial", "Upward", "Downward", "Leftward", "Rightward")}
    assert set(first["NormalizedData"]) == {"Ideal", "Fatigue", "InterDay"} | shifts


def test_cut_leaves_have_two_hundred_points_and_emg_its_real_length(first: Any) -> None:
    leaf = first["NormalizedData"]["Ideal"]["LG_0"]["S_1"]["Trial_1"]
    assert set(leaf) == {"Angles", "Moments", "Forces", "Events", "EMGData", "USData"}
    events = leaf["Events"]
    for side, letter, channels in (("Right", "R", 9), ("Left", "L", 4)):
        frames = events[f"{letter}EndFrame"] - events[f"{letter}StartFrame"]
        assert leaf["Angles"][f"{letter}KneeAngles"]["rsGaitData"].shape == (200, 3, frames.size)
        cells = leaf["EMGData"][side]
        assert [cell.shape for cell in cells] == [(20 * count, channels) for count in frames]
        assert min(cell.min() for cell in cells) < 0


def test_v73_leaves_are_transposed_and_cells_are_references(second: Any) -> None:
    leaf = second["NormalizedData/Ideal/LG_0/S_1x0/Trial_1"]
    strides = leaf["Events/RStartFrame"].size
    assert leaf["Angles/RKneeAngles/rsGaitData"].shape == (strides, 3, 200)
    references = leaf["EMGData/Right"][()].ravel()
    assert len(references) == strides
    assert leaf.file[references[0]].shape[0] == 9


def test_flexion_is_the_first_component_and_moments_are_negated(first: Any, second: Any) -> None:
    leaf = first["NormalizedData"]["Ideal"]["LG_0"]["S_1"]["Trial_1"]
    knee = leaf["Angles"]["RKneeAngles"]["rsGaitData"]
    assert np.ptp(knee[:, 0], axis=0).min() > 50
    assert np.ptp(knee[:, 1], axis=0).max() < 15
    ankle = leaf["Moments"]["RAnkleMoment"]["rsGaitData"][:, 0]
    assert 1.1 < ankle.max() < 1.9
    other = second["NormalizedData/Ideal/LG_0/S_1x0/Trial_1/Moments/RAnkleMoment/rsGaitData"][:, 0]
    assert 1100 < other.max() < 1900


def test_continuous_form_is_the_same_trial(first: Any) -> None:
    keys = ("Ideal", "LG_0", "S_1", "Trial_1")
    original, cut = first["OriginalData"], first["NormalizedData"]
    for key in keys:
        original, cut = original[key], cut[key]
    assert original["EMGData"].shape[1] == 13
    start = int(cut["Events"]["LStartFrame"][1]) - 1
    np.testing.assert_allclose(
        original["Angles"]["LKneeAngles"][start, 0], cut["Angles"]["LKneeAngles"]["rsGaitData"][0, 0, 1], atol=1e-6
    )
    np.testing.assert_array_equal(original["EMGData"][20 * start, 9:], cut["EMGData"]["Left"][1][0])
    assert (original["Moments"]["RHipMoment"][:5] == 0).all()


def test_a_single_stride_has_lost_its_third_dim(first: Any) -> None:
    leaf = first["NormalizedData"]["ShiftRightward"]["LG_0"]["S_1"]["Trial_1"]
    assert leaf["Angles"]["LKneeAngles"]["rsGaitData"].shape == (200, 3)
    assert np.ndim(leaf["Events"]["LStartFrame"]) == 0


def test_planted_gaps(first: Any, tree: tuple[Path, Truth]) -> None:
    cut = first["NormalizedData"]
    fatigue = cut["Fatigue"]["LG_0"]["S_1"]["Trial_10"]
    cells = [len(fatigue["EMGData"][side]) for side in ("Left", "Right")]
    events = [fatigue["Events"][f"{letter}StartFrame"].size for letter in "LR"]
    assert cells != events
    assert "Fatigue" not in first["OriginalData"]
    assert (
        np.size(cut["ShiftLeftward"]["LG_0"]["S_1"]["Trial_1"]["Events"]) == 0
        or not cut["ShiftLeftward"]["LG_0"]["S_1"]["Trial_1"]["Events"]
    )
    silent = cut["ShiftUpward"]["LG_0"]["S_1"]["Trial_1"]["EMGData"]["Right"]
    assert all((cell[:, 5] == 0).all() for cell in silent)
    assert not tree[1].strides["trial"].str.startswith("ShiftLeftward").any()


def test_truth_counts_four_strides_a_leg_and_the_workbook_names_the_people(tree: tuple[Path, Truth]) -> None:
    root, truth = tree
    counts = truth.strides.groupby(["source_patient", "trial", "side"]).size()
    single = counts.index.get_level_values("trial").str.startswith("ShiftRightward")
    assert counts[~single].min() >= 4
    assert set(truth.strides["activity"]) == {"walk", "ramp_ascent", "ramp_descent"}
    sheet = read_sheet(root / "ParticipantInformation.xlsx", dataset="k2muse", sheet="Sheet1")
    assert sheet["ID"].tolist() == ["P01", "P02"]
    assert sheet["Height (cm)"].between(150, 200).all()


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_PLAN", writer._PLAN[1:2])
    for folder in ("one", "two"):
        write_k2muse(tmp_path / folder, patients=2, seed=3, minutes=0.1)
    for name in ("P01.mat", "P02.mat"):
        pair = [(tmp_path / folder / "ProcessedData" / name).read_bytes() for folder in ("one", "two")]
        assert pair[0] == pair[1]


def test_a_trial_was_never_cut_and_cells_are_clipped(first: Any) -> None:
    assert "Trial_4" in first["OriginalData"]["Ideal"]["LG_0"]["S_1"]
    assert "Trial_4" not in first["NormalizedData"]["Ideal"]["LG_0"]["S_1"]
    leaf = first["NormalizedData"]["Ideal"]["DS_10"]["S_1"]["Trial_5"]
    for side, letter in (("Right", "R"), ("Left", "L")):
        frames = leaf["Events"][f"{letter}EndFrame"] - leaf["Events"][f"{letter}StartFrame"]
        sizes = [len(cell) for cell in leaf["EMGData"][side]]
        assert sizes[1:] == (20 * frames[1:]).tolist()
        assert sizes[0] not in 20 * frames
