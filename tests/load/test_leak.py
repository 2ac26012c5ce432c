"""What the windows of a loader know of the future, by intervention: raw trial, recordings, strides, batches.

Two people who are the same up to an instant, with the same strides, and different after it, are walked through both
stores; every input of every window is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dask
import numpy as np
import pytest
import torch
import xarray as xr

from biomech_xr import process
from biomech_xr.load import StrideWindows
from biomech_xr.run import finish_strides, shard_work
from biomech_xr.store import open_strides, publish, write_patient
from tests.process.patients import SPEC
from tests.process.test_leak import pair

AT = 8.2345
RATES = {"rate": 1111.11, "joints": 250.0}
SIGNALS = ("emg", "kinematic_state", "companion_state")
INPUTS = (*SIGNALS, *(f"{name}_mask" for name in SIGNALS), "companion_age", "phase", "phase_mask")
INT16_STEP = 2.0**-11
Batches = dict[str, np.ndarray]
Walk = Callable[[process.Chain], list[tuple[Batches, StrideWindows, xr.Dataset]]]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """Return a function that gives all windows, their loader and their strides, for the two futures of one past."""
    roots = [tmp_path_factory.mktemp(name) for name in ("one", "other")]
    for root, trial in zip(roots, pair(AT, **RATES), strict=True):
        write_patient(str(root), SPEC, [trial], config_hash="x")
    return lambda chain: [_walk(root, chain) for root in roots]


def _walk(root: Path, chain: process.Chain) -> tuple[Batches, StrideWindows, xr.Dataset]:
    work = shard_work(str(root), "made", chain)
    dask.compute(*work.tasks, scheduler="synchronous")
    finish_strides(work)
    publish(str(root), chain.name, ["made"])
    windows = StrideWindows(
        root,
        chain=chain.name,
        global_batch=64,
        window=200,
        history="mask",
        remainder="pad",
        horizon={"samples": 1},
        phase="estimated",
        companion=True,
    )
    batches = list(windows)
    whole = {name: torch.cat([batch[name] for batch in batches]).numpy() for name in batches[0]}
    order = np.array([i for i in np.lexsort((whole["sample"], whole["stride"])) if whole["weight"][i] > 0])
    return {name: values[order] for name, values in whole.items()}, windows, open_strides(root, chain=chain.name)


def times(batches: Batches, strides: xr.Dataset) -> np.ndarray:
    """Return the time of every window on the trial's clock, s."""
    return strides["trial_time"].values[batches["stride"]] + batches["sample"] * batches["spacing"].astype(np.float64)


def same_windows(one: Batches, other: Batches) -> None:
    for name in ("stride", "sample"):
        np.testing.assert_array_equal(one[name], other[name])


def test_realtime_inputs_are_bit_identical_whatever_comes_later(walk: Walk) -> None:
    chain = process.load_chain("realtime")
    (one, windows, strides), (other, *_) = walk(chain)
    same_windows(one, other)
    t = times(one, strides)
    assert windows.lookahead == 0.0
    known = t < AT
    assert known.sum() > 300, "strides after the five that calibrate"
    for name in INPUTS:
        np.testing.assert_array_equal(one[name][known], other[name][known])
        if name in SIGNALS:
            later = (t > AT + 0.1) & one[f"{name}_mask"].any(axis=1)
            moved = (one[name] != other[name]).reshape(len(t), -1).any(axis=1)
            assert moved[later].mean() > 0.99, "another future must show, or this test shows nothing"
    for name in (*SIGNALS, "phase"):
        assert one[f"{name}_mask"][known].mean() > 0.05
    assert (one["companion_age"] >= one["state_age"])[one["companion_state_mask"].any(axis=1)].all()


@pytest.mark.parametrize(("name", "bound"), [("envelope", 1e-4), ("bandpassed", 1e-3)])
def test_offline_inputs_are_unchanged_beyond_the_stated_lookahead(walk: Walk, name: str, bound: float) -> None:
    chain = process.load_chain(name, ["normalize.kind=none", f"name={name}_none"])
    (one, windows, strides), (other, *_) = walk(chain)
    same_windows(one, other)
    t = times(one, strides)
    lookahead = windows.facts().signal_lookahead
    assert lookahead < 1.5
    known = t + lookahead <= AT
    assert known.sum() > 1000
    for mask in ("emg_mask", "kinematic_state_mask"):
        np.testing.assert_array_equal(one[mask][known], other[mask][known])
    change = np.abs(one["emg"] - other["emg"])
    assert change[known].max() <= max(INT16_STEP, bound * one["emg"].std())
    near = (t < AT) & (t > AT - lookahead / 4)
    assert change[near].max() > 10 * INT16_STEP, "zero-phase filters do look ahead"
    moved = np.abs(one["kinematic_state"] - other["kinematic_state"])[known].reshape(-1, 3, 9)
    spread = one["kinematic_state"].reshape(-1, 3, 9).std(axis=0)
    assert (moved <= 1e-3 * spread).all()
    assert np.abs(one["kinematic_state"] - other["kinematic_state"])[t > AT].max() > 1


def test_peak_dynamic_lets_one_factor_a_channel_know_the_whole_recording_and_says_so(walk: Walk) -> None:
    chain = process.load_chain("envelope")
    (one, windows, strides), (other, _, others) = walk(chain)
    same_windows(one, other)
    known = times(one, strides) + windows.facts().signal_lookahead <= AT
    scale, new = (
        data["emg_scale"].values[batches["stride"]][known] for data, batches in ((strides, one), (others, other))
    )
    usable = one["emg_mask"][known]
    assert (new[usable] > 1.05 * scale[usable]).all(), "the future is three times as loud, and calibration hears it"
    first, second = one["emg"][known], other["emg"][known]
    assert np.abs(first - second)[usable].max() > 100 * INT16_STEP
    difference = np.abs(first * scale[..., None] - second * new[..., None])[usable]
    step = INT16_STEP * np.maximum(scale, new)[usable][:, None]
    assert (difference <= step + 1e-4 * first[usable].std()).all(), "the factor is the only difference"
    assert "test strides included" in windows.calibration
    assert f"calibration: {windows.calibration}" in windows.describe()
