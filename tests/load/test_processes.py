"""The loader in processes: it never hangs, whoever read what before, and neither workers nor ranks change a step."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import fsspec
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from biomech_xr.errors import LostDataError
from biomech_xr.load import LoaderProcessError, StrideWindows
from biomech_xr.store import open_strides
from biomech_xr.store.copying import copy_store
from tests.buckets import GCS, emulated_gcs
from tests.load.workers import Batch, in_turn, keys, make_loader, open_windows, write_odd_stores

ROUNDS = [2, pytest.param(20, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
GRID = [(0, 2), (2, 3)]
ALL = [pytest.param(w, n, marks=pytest.mark.slow) for w in (0, 1, 2, 5) for n in (1, 2, 3, 4) if (w, n) not in GRID]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_odd_stores(tmp_path_factory.mktemp("odd"))


@pytest.fixture(scope="module")
def remote(stores: dict[str, Path]) -> Iterator[str]:
    """Return a store in the emulator, beside one to damage."""
    with emulated_gcs():
        for name in ("few", "broken"):
            copy_store(str(stores["few"]), f"{GCS}/{name}")
        filesystem = fsspec.filesystem("gs")
        places = filesystem.find(f"{GCS}/broken")
        filesystem.rm([path for path in places if "/kinematics_after/c/" in path and "/hu/" in path])
        yield f"{GCS}/few"
        gc.collect()  # tracebacks hold loaders whose workers would ask on


def same(got: list[Batch], expected: list[Batch]) -> None:
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert one.keys() == other.keys()
        for name in other:
            assert torch.equal(one[name], other[name]), name


@pytest.mark.parametrize("rounds", ROUNDS)
def test_two_workers_of_a_fork_server_read_what_the_parent_reads_remotely(remote: str, rounds: int) -> None:
    """The parent's client has threads and open connections: a worker that inherited them would hang."""
    open_strides(remote).load(scheduler="threads")
    expected = list(open_windows(remote))
    for _ in range(rounds):
        same(list(make_loader(open_windows(remote), 2)), expected)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["local", "remote"])
def test_two_spawned_workers_read_what_the_parent_reads(stores: dict[str, Path], remote: str, kind: str) -> None:
    root = {"local": stores["few"], "remote": remote}[kind]
    open_strides(root).load(scheduler="threads")
    expected = list(open_windows(root))
    for _ in range(20):
        same(list(make_loader(open_windows(root), 2, "spawn")), expected)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_workers_are_refused_at_once_also_of_a_remote_store(remote: str) -> None:
    windows = open_windows(remote)
    list(windows)
    with pytest.raises(LoaderProcessError, match=r'"spawn" .or "forkserver".* num_workers=0'):
        next(iter(make_loader(windows, 1, "fork")))


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_worker_is_an_error_and_no_hang(stores: dict[str, Path], victim: int) -> None:
    """Torch says that the worker was killed, or cannot get the batch that it had begun to hand over."""
    stream = iter(make_loader(open_windows(stores["more"]), 2, patience=0))  # then torch looks every 5 s who lives
    next(stream)
    pid = stream._workers[victim].pid
    os.kill(pid, signal.SIGKILL)
    with pytest.raises((RuntimeError, EOFError, OSError)):
        list(stream)
    stream._shutdown_workers()


def joined(ranks: list[list[Batch]]) -> list[Batch]:
    """Return the global batches that the ranks' shares make together."""
    steps = zip(*ranks, strict=True)
    return [{name: torch.cat([share[name] for share in shares]) for name in shares[0]} for shares in steps]


def exactly_once(windows: StrideWindows, batches: list[Batch]) -> None:
    made = list(chain(*map(keys, batches)))
    assert len(set(made)) == len(made) == windows.windows


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")  # more workers than cores, on purpose
@pytest.mark.parametrize(("workers", "world_size"), [*GRID, *ALL])
def test_a_step_is_the_same_for_any_ranks_and_workers_also_when_resumed(
    stores: dict[str, Path], workers: int, world_size: int
) -> None:
    for root in (stores["few"],) if (workers, world_size) in GRID else (stores["few"], stores["more"]):
        alone = open_windows(root)
        whole = list(alone)
        exactly_once(alone, whole)
        ranks = [open_windows(root, rank=rank, world_size=world_size) for rank in range(world_size)]
        begun = [list(islice(make_loader(windows, workers), 3)) for windows in ranks]
        same(joined(begun), whole[:3])
        others = world_size % 4 + 1
        resumed = [open_windows(root, rank=rank, world_size=others) for rank in range(others)]
        for windows in resumed:
            windows.load_state_dict(ranks[0].state_dict(steps=3))
        same(joined([list(make_loader(windows, workers)) for windows in resumed]), whole[3:])


@settings(max_examples=8, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_any_grid_of_ranks_and_workers_makes_the_same_steps(stores: dict[str, Path], data: st.DataObject) -> None:
    """The same property of many more grids, in which a worker is this process and only believes to be one."""
    root = stores[data.draw(st.sampled_from(sorted(stores)))]
    options: dict[str, Any] = {"global_batch": data.draw(st.sampled_from([12, 60, 240]))}
    options |= {"seed": data.draw(st.integers(0, 99)), "remainder": data.draw(st.sampled_from(["pad", "drop"]))}
    epoch = data.draw(st.integers(0, 3))
    alone = open_windows(root, **options)
    assume(alone.steps_per_epoch)
    alone.set_epoch(epoch)
    whole = list(alone)
    if options["remainder"] == "pad":
        exactly_once(alone, whole)
    step = data.draw(st.integers(0, len(whole)))
    grids = st.tuples(st.sampled_from([0, 1, 2, 5]), st.integers(1, 4))
    for workers, world_size in data.draw(st.lists(grids, min_size=1, max_size=2)):
        ranks = [open_windows(root, rank=rank, world_size=world_size, **options) for rank in range(world_size)]
        for windows in ranks:
            windows.load_state_dict(alone.state_dict(steps=step))
        same(joined([in_turn(windows, workers) for windows in ranks]), whole[step:])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_lost_remote_object_is_the_error_of_the_store(remote: str, workers: int) -> None:
    windows = open_windows(remote.replace("few", "broken"))
    assert len(windows.sources) == 2
    with pytest.raises(LostDataError, match="kinematics_after"):
        list(make_loader(windows, workers))
