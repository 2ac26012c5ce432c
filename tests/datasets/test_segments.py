"""Cut strides: each segment holds its own side only, nothing is lost, unequal lengths keep their borders."""

from __future__ import annotations

import math

import numpy as np
import pytest

from biomech_xr.datasets import get_dataset
from biomech_xr.datasets.segments import Cut, cut_emg, cut_forces, cut_joints, ragged_emg, ragged_joints, sort_cuts

SIDES = ["left", "right", "right"]


def test_a_segment_holds_its_own_side_only() -> None:
    curves = {("left", "knee", "flexion"): np.ones((1, 5)), ("right", "knee", "flexion"): [[2.0] * 5, [3.0] * 5]}
    signal = cut_joints(SIDES, curves, units="degree")
    values = signal.values.sel(joint="knee", motion="flexion").values.reshape(3, 5, 2)
    np.testing.assert_array_equal(values[0], np.tile([1, np.nan], (5, 1)))
    np.testing.assert_array_equal(values[1:, :, 1], [[2] * 5, [3] * 5])
    assert np.isnan(values[1:, :, 0]).all()
    assert np.isnan(signal.values.sel(joint="hip")).all()


def test_a_stride_of_zeros_is_not_measured() -> None:
    signal = cut_emg(SIDES, {("right", "soleus"): [[0.0] * 4, [0.0, 1.0, 0.0, 2.0]]}, units="V")
    values = signal.values.sel(side="right", channel="soleus").values.reshape(3, 4)
    assert np.isnan(values[:2]).all()
    np.testing.assert_array_equal(values[2], [0, 1, 0, 2])
    assert list(signal.values["side"].values) == ["right"]


def test_wrong_number_of_strides_is_refused() -> None:
    with pytest.raises(ValueError, match=r"right soleus: shape \(1, 4\), expected \(2, 4\)"):
        cut_emg(SIDES, {("right", "soleus"): np.ones((1, 4))}, units="V")
    with pytest.raises(ValueError, match="expected"):
        cut_forces(SIDES, {("left", "vertical"): np.ones((1, 4)), ("right", "vertical"): np.ones((2, 5))})


def test_ragged_pieces_lie_end_to_end() -> None:
    pieces = [{"soleus": np.ones(3)}, {}, {"soleus": np.full(4, 2.0)}]
    signal = ragged_emg(SIDES, pieces, rate=1000, units="V", contiguity="isolated")
    assert signal.lengths == (3, 0, 4)
    np.testing.assert_array_equal(signal.values.sel(side="left", channel="soleus"), [1, 1, 1, *[np.nan] * 4])
    np.testing.assert_array_equal(signal.values.sel(side="right", channel="soleus"), [*[np.nan] * 3, 2, 2, 2, 2])
    joints = ragged_joints(SIDES, [{("hip", "flexion"): [1.0, 2]}] * 3, rate=100, units="degree", contiguity="isolated")
    assert joints.lengths == (2, 2, 2)


def test_candidates_are_kept_or_rejected_and_numbered() -> None:
    spec = get_dataset("hu").spec
    cuts = [
        Cut(side="left", duration=1.0, trial_time=0.0, labels={"activity": "walk"}),
        Cut(side="right", duration=9.0),
        Cut(side="right", duration=math.nan),
        Cut(side="left", duration=0.1),
        Cut(side="left", duration=1.1, reason="unpaired", detail="EMG of 2 strides"),
    ]
    strides, rejected = sort_cuts(spec, "t", cuts)
    assert [(row["side"], row["stride_number"], row["segment"]) for row in strides] == [("left", 0, 0), ("right", 1, 2)]
    assert [(row["stride_number"], row["reason"]) for row in rejected] == [
        (0, "too_long"), (1, "too_short"), (2, "unpaired"),
    ]  # fmt: skip
