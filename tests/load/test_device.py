"""`DeviceWindows` gives what `StrideWindows` gives: order, contents, masks, state; and int16 is EMG in codes."""

from __future__ import annotations

import itertools
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from biomech_xr.errors import ConfigError
from biomech_xr.load import DeviceWindows, StrideWindows, device_windows
from biomech_xr.load.blocks.block import FLOATS
from biomech_xr.load.blocks.measured import find_measured
from biomech_xr.load.blocks.reader import BlockReader
from biomech_xr.load.cut import arena
from biomech_xr.load.cut.arena import Arena, Room, Shipped
from biomech_xr.load.cut.kernels import BLOCK_COLUMNS
from biomech_xr.schema import HISTORY
from biomech_xr.store.encoding import MISSING
from tests.load.stores import write_store
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


@pytest.fixture(scope="module")
def lengths(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root whose sources have EMG axes and kinematic grids of three lengths, in no order."""
    root = tmp_path_factory.mktemp("lengths")
    for seed, (name, time, points) in enumerate([("camargo", 850, 50), ("hu", 1150, 40), ("moreira", 900, 60)]):
        write_store(root, name, {"a": 70}, time=time, grid={"phase": points}, seed=seed)
    return root


@pytest.mark.parametrize("lanes", [1, 32])
@pytest.mark.parametrize("seed", range(3))
def test_axes_of_any_length_may_follow_one_another(lengths: Path, seed: int, lanes: int) -> None:
    options = BASE | {"global_batch": 96, "hop": 5, "history": "mask", "seed": seed, "lanes": lanes}
    host, device = StrideWindows(lengths, **options), DeviceWindows(lengths, **options)
    assert host.steps_per_epoch > 10
    for one, other in zip(host, device, strict=True):
        assert_same(one, other)


def test_more_blocks_than_there_are_slots_find_room(lengths: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_windows, "POOL_BLOCKS", 0)
    grown: list[int] = []
    grow = Arena._grow
    monkeypatch.setattr(Arena, "_grow", lambda arena: grown.append(len(arena.measured)) or grow(arena))
    options = BASE | {"global_batch": 1500, "hop": 3, "history": "mask", "lanes": 1}
    for one, other in zip(StrideWindows(lengths, **options), DeviceWindows(lengths, **options), strict=True):
        assert_same(one, other)
    assert grown


def test_an_arena_is_made_once_and_holds_codes(lengths: Path) -> None:
    windows = DeviceWindows(lengths, **BASE | {"hop": 5, "global_batch": 96})
    made = Room.of(windows.sources, slots=40)
    assert (made.chunk, made.time, made.points) == (64, 1150, 60)
    room, codes = Room(slots=40, chunk=64, time=3250, points=200, samples=260, moments=240), 40 * 64 * 13 * 3250 * 2
    tracemalloc.start()
    try:
        Arena(windows.device, room=room, window=200)
        assert codes < tracemalloc.get_traced_memory()[1] < 1.4 * codes
        tracemalloc.reset_peak()
        assert sum(1 for _ in windows) > 10
        assert tracemalloc.get_traced_memory()[1] < 100 * 2**20  # the arena of six blocks needs 13 MiB
    finally:
        tracemalloc.stop()


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
    floats = np.zeros((2, len(FLOATS)))
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


def test_blocks_are_read_into_their_slots_where_all_have_one_shape(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arena, "_LEFT", 0)  # these stores are small
    copied: list[int] = []
    copy = Arena._copy
    monkeypatch.setattr(Arena, "_copy", lambda room, shipped, start: copied.append(start) or copy(room, shipped, start))
    windows, options = DeviceWindows(store, **BASE), {**BASE, "datasets": ["hu"]}
    assert len({source.open().variables["emg"][1][2] for source in windows.sources}) > 1
    assert sum(1 for _ in windows) == windows.steps_per_epoch
    several, alone = len(copied), DeviceWindows(store, **options)
    copied.clear()
    assert several > 0
    assert sum(1 for _ in alone) == alone.steps_per_epoch
    assert not copied


def test_what_is_read_while_the_arena_grows_is_kept(lengths: Path) -> None:
    windows = DeviceWindows(lengths, **BASE | {"datasets": ["hu"]})
    (source,) = windows.sources
    slots = Arena(windows.device, room=Room.of(windows.sources, slots=6), window=120)
    reader, blocks, shipped = BlockReader(120), [], []
    for number in range(4):
        claim = slots.claim(source)
        assert (claim is not None) == (number < 2), "some slots are left to blocks of other shapes"
        block = reader.read(source, 64 * (number % 2), out=claim.arrays if claim else None)
        tensors = [torch.from_numpy(array) for array in (block.emg, block.measured, block.angles, block.moments)]
        place = {"slot": claim.slot, "made": claim.made} if claim else {}
        shipped.append(Shipped(facts=(), row=np.zeros(len(BLOCK_COLUMNS), np.int64), tensors=tensors, **place))
        blocks.append([tensor.clone() for tensor in tensors])
    slots._grow()
    assert len(slots.measured) == 12 * 64
    for number in (2, 0, 3, 1):
        slots.place(number, shipped[number])
    starts = [int(one.row[BLOCK_COLUMNS.index("base")]) for one in shipped]
    assert len(set(starts)) == 4
    for start, block in zip(starts, blocks, strict=True):
        for whole, part in zip(slots._parts(), block, strict=True):
            assert torch.equal(whole[start : start + len(part)].nan_to_num(7e7), part.nan_to_num(7e7))


def test_memory_of_strides_goes_round_and_is_not_sent_to_workers(store: Path) -> None:
    windows = DeviceWindows(store, **BASE)
    size = len(pickle.dumps(windows))
    assert sum(1 for _ in windows) == windows.steps_per_epoch
    (waiting,) = windows._memory._free
    again = pickle.loads(pickle.dumps(windows))  # noqa: S301 - our own, as a worker gets it
    assert len(pickle.dumps(windows)) < size + 10_000 < len(waiting)
    assert windows._cutter(windows._order())._arena.emg.data_ptr() == waiting.ctypes.data
    assert_same(next(iter(windows)), next(iter(again)))
