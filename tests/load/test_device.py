"""`DeviceWindows` gives what `StrideWindows` gives: order, contents, masks, state; and int16 is EMG in codes."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from biomech_xr.errors import ConfigError
from biomech_xr.load import DeviceWindows, StrideWindows, kernels
from biomech_xr.load.measured import find_measured
from biomech_xr.schema import HISTORY
from biomech_xr.store.encoding import MISSING
from tests.load.test_contents import CASES

BASE = {"global_batch": 48, "window": 120, "remainder": "pad", "filters": {}}
SAME = ("emg", "emg_mask", "kinematic_state_mask", "target_kinematic_state_mask", "target_torque_mask")


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert set(one) == set(other)
    for name, value in one.items():
        exact = name in SAME or value.dtype in (torch.bool, torch.int64)
        tolerance = {"rtol": 0, "atol": 0} if exact else {"rtol": 3e-7, "atol": 1e-9}
        torch.testing.assert_close(other[name], value, **tolerance, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("emg", ["float32", "int16"])
@pytest.mark.parametrize(("fixture", "horizon", "history", "window", "hop", "rate"), CASES)
def test_the_device_makes_the_same_batches(fixture, horizon, history, window, hop, rate, emg, request) -> None:
    root: Path = request.getfixturevalue(fixture)
    options = BASE | {"window": window, "horizon": horizon, "history": history, "hop": hop}
    options |= {"phase": "oracle", "emg": emg}
    host, device = StrideWindows(root, **options), DeviceWindows(root, device="cpu", **options)
    count = 0
    for one, other in zip(host, device, strict=True):
        assert_same(one, other)
        count += 1
    assert count == host.steps_per_epoch == device.steps_per_epoch > 4


@pytest.mark.parametrize("kind", [StrideWindows, DeviceWindows])
def test_codes_times_their_step_are_emg(store: Path, kind: type[StrideWindows]) -> None:
    codes, scaled = kind(store, emg="int16", history="mask", **BASE), kind(store, history="mask", **BASE)
    assert scaled.emg_step == 1.0
    masked = 0
    for one, other in zip(itertools.islice(codes, 30), scaled, strict=False):
        assert one["emg"].dtype == torch.int16
        assert torch.equal(one["emg"] * codes.emg_step, other["emg"])
        assert torch.equal(one["emg_mask"], other["emg_mask"])
        assert not one["emg"][~one["emg_mask"]].any()
        masked += int((~one["emg_mask"]).sum())
    assert masked > 100


def test_slices_of_ranks_and_states_are_interchangeable(store: Path) -> None:
    for rank in range(2):
        host = StrideWindows(store, rank=rank, world_size=2, seed=5, **BASE)
        whole = list(host)
        first = DeviceWindows(store, rank=rank, world_size=2, seed=5, **BASE)
        got = [batch["emg"] for batch in itertools.islice(first, 7)]
        rest = StrideWindows(store, rank=rank, world_size=2, seed=5, **BASE)
        rest.load_state_dict(first.state_dict())
        got += [batch["emg"] for batch in rest]
        again = DeviceWindows(store, rank=rank, world_size=2, seed=5, **BASE)
        again.load_state_dict({**first.state_dict(), "step": 11})
        assert torch.equal(next(iter(again))["stride"], whole[11]["stride"])
        assert len(got) == len(whole)
        assert all(torch.equal(one, other["emg"]) for one, other in zip(got, whole, strict=True))


def test_a_batch_that_is_kept_is_not_written_again(store: Path) -> None:
    kept = list(itertools.islice(DeviceWindows(store, **BASE), 12))
    again = [
        {name: value.clone() for name, value in batch.items()}
        for batch in itertools.islice(DeviceWindows(store, **BASE), 12)
    ]
    for one, other in zip(kept, again, strict=True):
        assert_same(one, other)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 7, 200, 400]), st.floats(0.3, 0.59))
def test_a_window_is_measured_when_all_of_its_codes_are(seed: int, window: int, duration: float) -> None:
    rng = np.random.default_rng(seed)
    emg = rng.integers(-5, 5, (2, 13, HISTORY + 600)).astype(np.int16)
    for row in emg.reshape(-1, emg.shape[2]):
        start, gap = rng.integers(0, 300), rng.integers(0, 900)
        row[:start] = row[HISTORY + int(1000 * duration) :] = MISSING
        row[gap : gap + rng.integers(0, 3)] = MISSING
    floats = np.zeros((2, len(kernels.FLOATS)))
    floats[:, :2] = duration, 40
    got = np.empty((2, 40, 13), np.bool_)
    find_measured(emg, floats, window=window, out=got)
    for k in range(40):
        end = HISTORY + int(1000 * k * duration / 40 + 1e-6)
        piece = emg[:, :, max(0, end - window + 1) : end + 1]
        expected = (piece != MISSING).all(axis=2) & (end - window + 1 >= 0)
        np.testing.assert_array_equal(got[:, k], expected)


def test_unknown_devices_and_kinds_of_emg_are_refused(store: Path) -> None:
    for device in ("gpu", "meta", "cuda:99"):
        with pytest.raises(ConfigError, match="device: found"):
            DeviceWindows(store, device=device, **BASE)
    with pytest.raises(ConfigError, match="emg: found 'float16', expected 'float32' or 'int16'"):
        StrideWindows(store, emg="float16", **BASE)
