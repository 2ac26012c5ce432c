"""What is in a window: compared with the slow reference, and with what leaks are made of."""

from __future__ import annotations

import os
import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from biomech_xr import vocabulary as words
from biomech_xr.errors import ConfigError
from biomech_xr.load import StrideWindows
from biomech_xr.load.parts.filters import chosen
from biomech_xr.load.parts.selection import open_parts
from biomech_xr.schema import BEFORE
from biomech_xr.store import open_strides
from biomech_xr.store.local_cache import LocalCache
from tests.load.reference import SlowWindows
from tests.load.stores import write_store

VALUES = ("emg", "kinematic_state", "target_kinematic_state", "target_torque")
CASES = [
    ("store", {"samples": 1}, "require", 200, 1, 0.0),
    ("store", {"ms": 100}, "mask", 300, 3, 0.0),
    ("rate_store", {"ms": 50}, "require", 123, 2, 90.0),
    ("rate_store", {"samples": 3}, "mask", 120, 1, 90.0),
    ("delayed_store", {"ms": 50}, "mask", 120, 1, 90.0),
    ("delayed_store", {"samples": 2}, "require", 120, 3, 90.0),
]


@cache
def opened(root: Path, dataset: str | None = None) -> xr.Dataset:
    return open_strides(root, dataset=dataset).compute()


def gathered(windows: StrideWindows) -> dict[str, np.ndarray]:
    """Return all windows of weight 1 of an epoch."""
    batches = list(windows)
    whole = {name: torch.cat([batch[name] for batch in batches]).numpy() for name in batches[0]}
    return {name: value[whole["weight"] > 0] for name, value in whole.items()}


@pytest.mark.parametrize(("fixture", "horizon", "history", "window", "hop", "rate"), CASES)
def test_windows_equal_the_slow_reference(fixture, horizon, history, window, hop, rate, request) -> None:
    root: Path = request.getfixturevalue(fixture)
    options = {"window": window, "horizon": horizon, "history": history, "hop": hop}
    got = gathered(StrideWindows(root, global_batch=64, phase="oracle", remainder="pad", filters={}, **options))
    strides = opened(root)
    slow = SlowWindows(strides, rate=rate, delay=0.01 if fixture == "delayed_store" else 0.0, **options)
    pairs = list(zip(got["stride"].tolist(), got["sample"].tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    assert set(pairs) == slow.all(np.arange(strides.sizes["stride"]))
    assert [words.ACTIVITIES[code] for code in got["activity"]] == list(strides["activity"].values[got["stride"]])
    for row in np.random.default_rng(0).permutation(len(pairs))[:300]:
        compare(slow.cut(*pairs[row]), {name: value[row] for name, value in got.items()})


SHORT = [
    ({"rate": 37.3}, 251, 1, {"samples": 1}, "mask", 0.01),
    ({"rate": 200.0}, 120, 7, {"ms": 250}, "require", 0.0),
    ({"phase": 33}, 2, 3, {"ms": 33.3}, "mask", 0.01),
]


@pytest.mark.parametrize(("grid", "window", "hop", "horizon", "history", "delay"), SHORT)
def test_windows_of_strides_of_any_length_equal_the_slow_reference(
    tmp_path: Path, grid, window, hop, horizon, history, delay
) -> None:
    """Strides of 12 ms have a sample or two on a slow grid, targets beyond their next contact, and no whole window."""
    write_store(tmp_path, "hu", {"a": 20, "b": 13}, grid=grid, seed=hop, kinematics_delay=delay, shortest=0.012)
    options = {"window": window, "horizon": horizon, "history": history, "hop": hop}
    got = gathered(StrideWindows(tmp_path, global_batch=16, phase="oracle", remainder="pad", filters={}, **options))
    strides = opened(tmp_path)
    slow = SlowWindows(strides, rate=grid.get("rate", 0), delay=delay, **options)
    pairs = list(zip(got["stride"].tolist(), got["sample"].tolist(), strict=True))
    assert len(set(pairs)) == len(pairs) > 50
    assert set(pairs) == slow.all(np.arange(strides.sizes["stride"]))
    least = strides["duration"].values[got["stride"]].min() if history == "mask" else strides["duration"].values.min()
    assert least < 0.1
    for row in np.random.default_rng(0).permutation(len(pairs))[:100]:
        compare(slow.cut(*pairs[row]), {name: value[row] for name, value in got.items()})


def compare(expected: dict[str, np.ndarray], got: dict[str, np.ndarray]) -> None:
    measured = np.isfinite(expected["emg"]).all(axis=1)
    np.testing.assert_array_equal(got["emg_mask"], measured)
    np.testing.assert_array_equal(got["emg"], np.where(measured[:, None], expected["emg"], 0).astype(np.float32))
    for name in VALUES[1:]:
        finite = np.isfinite(expected[name])
        np.testing.assert_array_equal(got[f"{name}_mask"], finite, err_msg=name)
        np.testing.assert_allclose(got[name], np.where(finite, expected[name], 0), rtol=2e-5, atol=1e-3, err_msg=name)
    known = np.isfinite(expected["target_phase"]).all()
    assert got["target_phase_mask"] == known
    np.testing.assert_allclose(got["target_phase"], expected["target_phase"] if known else [0, 0], atol=1e-5)
    np.testing.assert_allclose(got["phase"], expected["phase"], atol=1e-6)
    np.testing.assert_allclose(got["horizon"], expected["horizon"], rtol=1e-5)
    np.testing.assert_allclose(got["state_age"], expected["state_age"], rtol=1e-6)


def test_threads_that_cut_ahead_change_no_batch(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"global_batch": 64, "window": 101, "filters": {}, "history": "mask"}
    monkeypatch.setattr(StrideWindows, "_cutters", 0)
    whole = list(StrideWindows(store, **options))
    assert len(whole) > 20
    for cutters in (1, 3):
        monkeypatch.setattr(StrideWindows, "_cutters", cutters)
        names: set[str] = set()
        for one, other in zip(whole, StrideWindows(store, **options), strict=True):
            assert all(torch.equal(value, other[name]) for name, value in one.items())
            names |= {thread.name for thread in threading.enumerate() if thread.name.startswith("biomech-xr-cut")}
        assert 1 <= len(names) <= cutters
        assert not any(thread.name.startswith("biomech-xr-cut") for thread in threading.enumerate())


def test_states_have_the_bits_of_double_arithmetic(store: Path) -> None:
    """Vectors of components are computed in the order of operations that is written here, gaps included."""
    windows = StrideWindows(store, global_batch=16, datasets=["hu"], filters={}, history="mask")
    got, strides = gathered(windows), opened(store, "hu")
    signals = ("kinematics_before", "kinematics", "kinematics_after")
    angle = np.concatenate([strides[name].values.reshape(strides.sizes["stride"], 9, -1) for name in signals], axis=2)
    at = got["sample"] + BEFORE
    now, back, older = (angle[got["stride"], :, at - n].astype(np.float64) for n in range(3))
    rate = 1.0 / windows.sources[0].index.step[got["stride"]][:, None]
    state = np.concatenate([now, (now - back) * rate, (now - 2.0 * back + older) * rate * rate], axis=1)
    known = np.isfinite(state)
    assert 0.5 < known.mean() < 1
    np.testing.assert_array_equal(got["kinematic_state_mask"], known)
    expected = np.where(known, state, 0.0).astype(np.float32)
    np.testing.assert_array_equal(got["kinematic_state"].view(np.int32), expected.view(np.int32))


def test_reconstruction_leaves_the_third_difference(store: Path) -> None:
    """Central differences would give away theta(t + 1); backward ones leave exactly its third difference unknown."""
    got = gathered(StrideWindows(store, global_batch=16, datasets=["hu"]))
    strides = opened(store, "hu")
    angle = np.concatenate([strides["kinematics_before"], strides["kinematics"], strides["kinematics_after"]], axis=-1)
    angle = angle.reshape(len(angle), 9, -1).astype(np.float64)
    step = got["spacing"][:, None].astype(np.float64)
    theta, omega, alpha = (got["kinematic_state"][:, 9 * i : 9 * i + 9].astype(np.float64) for i in range(3))
    known = got["kinematic_state_mask"][:, 18:] & got["target_kinematic_state_mask"][:, :9]
    rest = got["target_kinematic_state"][:, :9] - (theta + omega * step + alpha * step**2)
    third = np.diff(angle, n=3, axis=2)
    row = got["sample"] + BEFORE + 1 - 3
    expected = third[got["stride"], :, row]
    assert known.sum() > 1000
    np.testing.assert_allclose(rest[known], expected[known], atol=2e-2)
    assert np.abs(expected[known]).std() > 10


def test_phase_targets_lie_on_the_circle(store: Path) -> None:
    got = gathered(StrideWindows(store, global_batch=16, horizon={"ms": 100}))
    known = got["target_phase_mask"]
    assert 0 < (~known).sum() < known.sum()
    np.testing.assert_allclose(np.hypot(*got["target_phase"][known].T), 1, atol=1e-5)
    assert not got["target_phase"][~known].any()
    assert "phase" not in got


def test_masked_history_keeps_windows_that_required_history_loses(store: Path) -> None:
    required = StrideWindows(store, global_batch=16, remainder="pad")
    masked = StrideWindows(store, global_batch=16, remainder="pad", history="mask")
    lost = required.lost
    assert lost["emg_history"] > 0
    assert lost["kinematic_history"] > 0
    assert masked.lost["emg_history"] == masked.lost["kinematic_history"] == 0
    assert masked.windows > required.windows
    assert not gathered(masked)["emg_mask"].any(axis=1).all()
    assert required.windows + sum(lost.values()) == masked.windows + sum(masked.lost.values())


def test_zero_stands_only_where_the_mask_is_false(store: Path) -> None:
    got = gathered(StrideWindows(store, global_batch=16, filters={}, history="mask"))
    for name in VALUES:
        mask = got[f"{name}_mask"]
        assert np.isfinite(got[name]).all()
        assert not got[name][~mask].any()
        assert 0 < mask.mean() < 1


def test_a_filter_for_a_value_that_no_stride_has_is_an_error(store: Path) -> None:
    with pytest.raises(ConfigError, match=r"activity: no stride has 'wallk'; known: .*walk"):
        StrideWindows(store, global_batch=16, filters={"activity": ["walk", "wallk"]})


def test_strides_are_chosen_by_what_is_measured(store: Path) -> None:
    strides = opened(store)
    coverage = {name: strides[f"{name}_coverage"].values for name in ("emg", "kinematics", "kinetics")}
    has = {name: (values.reshape(len(values), -1) > 0).any(axis=1) for name, values in coverage.items()}
    muscle = list(strides["channel"].values)[2]
    named = (coverage["emg"][:, [2, 5]] > 0).all(axis=1)
    joint = (coverage["kinetics"][:, 1] > 0).any(axis=1)
    cases = [
        ({"emg": True}, has["emg"]),
        ({"emg": False}, ~has["emg"]),
        ({"kinematics": True, "emg": True}, has["kinematics"] & has["emg"]),
        ({"emg": muscle}, coverage["emg"][:, 2] > 0),
        ({"emg": [muscle, list(strides["channel"].values)[5]]}, named),
        ({"kinetics": "knee"}, joint),
        ({"dataset": "hu", "kinetics": ["knee"]}, joint & (strides["dataset"].values == "hu")),
    ]
    for filters, expected in cases:
        assert 0 < expected.sum() < len(expected)
        np.testing.assert_array_equal(selected(store, filters), expected, err_msg=str(filters))
    np.testing.assert_array_equal(selected(store, {"kinetics": True}), has["kinetics"])


def test_strides_are_chosen_by_strict_bounds(store: Path) -> None:
    duration = opened(store)["duration"].values
    edge = float(np.sort(duration)[80])
    cases = [
        (f"> {edge}", duration > edge),
        (f">={edge}", duration >= edge),
        (f"< {edge}", duration < edge),
        (f" <= {edge} ", duration <= edge),
        (f"> 0.45, < {edge}", (duration > 0.45) & (duration < edge)),
    ]
    for text, expected in cases:
        assert 0 < expected.sum() < len(expected)
        np.testing.assert_array_equal(selected(store, {"duration": text}), expected, err_msg=text)


def selected(store: Path, filters: dict[str, Any]) -> np.ndarray:
    """Return which strides are not filtered out: each has a window when history is no reason to lose it."""
    _, parts = open_parts(str(store), chain="envelope", datasets=None)
    StrideWindows(store, global_batch=16, filters=filters)
    return np.concatenate([chosen(part, filters) for group in parts.values() for part in group])


def test_cached_data_of_another_user_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = LocalCache.of(tmp_path, 1.0)
    path = cache.room.path("abcd")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"good data")

    def refuse(*_arguments: object) -> None:
        raise PermissionError(1, "not yours")

    monkeypatch.setattr(os, "utime", refuse)
    data = cache.read("abcd", 9)
    assert data is not None
    assert bytes(data) == b"good data"
    assert path.exists()


def test_a_state_belongs_to_the_data_it_was_made_with(store: Path, tmp_path: Path) -> None:
    write_store(tmp_path, "hu", {"a": 20}, seed=1)
    state = StrideWindows(tmp_path, global_batch=16).state_dict()
    StrideWindows(tmp_path, global_batch=16).load_state_dict(state)
    (tmp_path / "other").mkdir()
    write_store(tmp_path / "other", "hu", {"a": 20}, seed=1, kinematics_delay=1e-9)
    other = StrideWindows(tmp_path / "other", global_batch=16)
    with pytest.raises(ConfigError, match=r"data \(the parts that are read\): found"):
        other.load_state_dict({**state, "windows": other.windows})
