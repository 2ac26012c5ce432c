"""The phase as an input: what an estimate knows, how wrong it is, and what it says of the future."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from biomech_xr.errors import ConfigError
from biomech_xr.load import DeviceWindows, StrideWindows
from biomech_xr.load.inputs.phases import PHASES, EstimatedPhase
from biomech_xr.load.parts.durations import next_durations, previous_durations
from biomech_xr.store import open_strides

OPTIONS = {"global_batch": 256, "window": 120, "remainder": "pad", "filters": {}, "history": "mask"}


def walk(durations: np.ndarray) -> pd.DataFrame:
    """Return the labels of one leg of one trial."""
    begin = np.concatenate([[0.0], np.cumsum(durations)[:-1]])
    labels = pd.DataFrame({"trial_time": begin, "duration": durations, "stride_number": np.arange(len(begin))})
    return labels.assign(patient="a", trial="t", side="left")


def estimate(labels: pd.DataFrame, stride: np.ndarray, sample: np.ndarray, rate: float) -> dict[str, torch.Tensor]:
    """Return the estimated phase of windows on a grid in Hz."""
    batch = {"stride": torch.from_numpy(stride), "sample": torch.from_numpy(sample)}
    batch["phase"] = torch.full(stride.shape, -1.0)
    EstimatedPhase([np.full(len(labels), 1 / rate)], [previous_durations(labels)])(batch)
    return batch


@pytest.mark.parametrize("fixture", ["store", "rate_store"])
def test_it_is_the_time_since_contact_over_the_stride_before(fixture, request) -> None:
    root: Path = request.getfixturevalue(fixture)
    strides = open_strides(root)
    begin, duration, number = (strides[name].values for name in ("trial_time", "duration", "stride_number"))
    leg = list(zip(strides["patient"].values, strides["side"].values, number, strict=True))
    ends = {(*who, int(n) + 1): (b + d, d) for (*who, n), b, d in zip(leg, begin, duration, strict=True)}
    end, before = np.array([ends.get(who, (np.nan, np.nan)) for who in leg]).T
    adjacent = np.abs(end - begin) < 0.005
    unknown = clipped = 0
    for batch in StrideWindows(root, phase="estimated", **OPTIONS):
        stride = batch["stride"].numpy()
        known = adjacent[stride]
        exact = batch["sample"].numpy() * batch["spacing"].numpy().astype(np.float64) / before[stride]
        np.testing.assert_array_equal(batch["phase_mask"].numpy(), known)
        expected = np.where(known, np.minimum(exact, 1), 0)
        np.testing.assert_allclose(batch["phase"].numpy(), expected, atol=1e-6)
        assert (batch["phase"] < 1).all()
        unknown, clipped = unknown + int((~known).sum()), clipped + int((exact[known] > 1).sum())
    assert unknown > 100
    assert clipped > 100


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_it_never_depends_on_this_stride_or_a_later_one(now: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.uniform(0.8, 1.4, (2, 40))
    other[:now] = one[:now]
    stride = np.repeat(np.arange(now + 1), 100)
    sample = np.tile(np.arange(100), now + 1)
    first, second = (estimate(walk(durations), stride, sample, 100.0) for durations in (one, other))
    assert torch.equal(first["phase"], second["phase"])
    assert torch.equal(first["phase_mask"], second["phase_mask"])
    assert first["phase_mask"][100:].all()
    assert not first["phase"][:100].any()


@pytest.mark.parametrize("variation", [0.02, 0.05])
def test_its_error_is_what_the_variation_of_stride_times_allows(variation: float) -> None:
    """At phase p the error is p (D / D_before - 1): both vary, so its rms is sqrt(2) p times the variation."""
    rng = np.random.default_rng(3)
    durations = 1.1 * (1 + variation * rng.standard_normal(4000))
    labels = walk(durations)
    stride = np.repeat(np.arange(1, 4000), 50)
    sample = np.tile(np.arange(50), 3999)
    true = sample / 50
    batch = {"stride": torch.from_numpy(stride), "sample": torch.from_numpy(sample), "phase": torch.zeros(stride.size)}
    EstimatedPhase([durations / 50], [previous_durations(labels)])(batch)
    error = batch["phase"].numpy() - true
    assert batch["phase_mask"].all()
    free = true < 0.8  # later, an estimate may have to stay below 1
    expected = variation * np.sqrt(2 * np.mean(true[free] ** 2))
    assert np.sqrt(np.mean(error[free] ** 2)) == pytest.approx(expected, rel=0.04)
    assert abs(error[free].mean()) < expected / 10
    assert (error[~free] < 1 - true[~free]).all()


def test_neighbors_in_time_are_found_both_ways_and_not_across_gaps() -> None:
    labels = walk(np.array([1.0, 1.1, 1.2, 1.3]))
    labels = pd.concat([labels, labels.assign(side="right")], ignore_index=True)
    labels.loc[2:3, "trial_time"] += 0.2
    np.testing.assert_array_equal(previous_durations(labels), [np.nan, 1, np.nan, 1.2, np.nan, 1, 1.1, 1.2])
    np.testing.assert_array_equal(next_durations(labels), [1.1, np.nan, 1.3, np.nan, 1.1, 1.2, 1.3, np.nan])
    labels["stride_number"] = [0, 1, 2, 4, 0, 2, 3, 4]
    np.testing.assert_array_equal(previous_durations(labels)[[3, 5]], [np.nan, np.nan])


def test_only_an_estimate_leaves_the_lookahead_of_signals(rate_store: Path, store: Path) -> None:
    none, oracle, estimated = (StrideWindows(rate_store, phase=phase, **OPTIONS) for phase in PHASES)
    assert estimated.lookahead == none.lookahead == estimated.facts().signal_lookahead == 0.1
    assert oracle.lookahead > 0.5
    assert "knows the next contact" not in estimated.describe()
    assert "phase: estimated from the stride before, known in" in estimated.describe()
    on_phase = StrideWindows(store, phase="estimated", **OPTIONS)
    assert on_phase.lookahead == StrideWindows(store, **OPTIONS).lookahead > 0.5
    batch = next(iter(oracle))
    assert batch["phase_mask"].all()
    assert "phase_mask" not in next(iter(none))


def test_the_device_estimates_the_same(rate_store: Path) -> None:
    host, device = (kind(rate_store, phase="estimated", **OPTIONS) for kind in (StrideWindows, DeviceWindows))
    for one, other in zip(host, device, strict=True):
        assert torch.equal(one["phase"], other["phase"])
        assert torch.equal(one["phase_mask"], other["phase_mask"])


def test_an_unknown_phase_is_refused(store: Path) -> None:
    with pytest.raises(ConfigError, match="phase: found 'guessed', expected one of 'none', 'oracle', 'estimated'"):
        StrideWindows(store, phase="guessed", **OPTIONS)
