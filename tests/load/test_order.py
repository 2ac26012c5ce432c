"""Every window exactly once, for ranks and workers; resumed equals uninterrupted; nothing is lost in silence."""

from __future__ import annotations

import copy
import itertools
import json
import multiprocessing
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from biomech_xr.errors import ConfigError, LostDataError, SplitError
from biomech_xr.load import LoaderProcessError, StrideWindows
from biomech_xr.load.blocks.buffers import Buffers
from biomech_xr.window.split import load
from tests.benchmarks import order
from tests.load.stores import write_store


def open_windows(root: Path, **options) -> StrideWindows:
    return StrideWindows(root, **({"global_batch": 48, "window": 20, "remainder": "pad"} | options))


def keys(batch: dict[str, torch.Tensor]) -> list[tuple[int, int]]:
    real = batch["weight"] > 0
    return list(zip(batch["stride"][real].tolist(), batch["sample"][real].tolist(), strict=True))


def test_a_step_is_the_same_set_for_one_two_and_three_ranks(store: Path) -> None:
    alone = [sorted(keys(batch)) for batch in open_windows(store, rank=0, world_size=1)]
    everything = sorted(key for step in alone for key in step)
    assert len(set(everything)) == len(everything) == open_windows(store).windows
    for world_size in (2, 3):
        ranks = [list(open_windows(store, rank=rank, world_size=world_size)) for rank in range(world_size)]
        together = [sorted(key for batch in step for key in keys(batch)) for step in zip(*ranks, strict=True)]
        assert together == alone


def in_workers(windows: StrideWindows, context: str) -> list[dict[str, torch.Tensor]]:
    """Return the batches that two workers make; a fork server imports and compiles the loader once for all."""
    if context == "forkserver":
        multiprocessing.set_forkserver_preload(["tests.load.warm"])
    return list(DataLoader(windows, batch_size=None, num_workers=2, multiprocessing_context=context, timeout=150))


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("context", "world_size"),
    [
        pytest.param("forkserver", 1, marks=pytest.mark.slow),
        ("forkserver", 2),
        pytest.param("spawn", 2, marks=pytest.mark.slow),
    ],
)
def test_ranks_and_workers_make_every_window_exactly_once(store: Path, context: str, world_size: int) -> None:
    """The parent has read before: a worker must neither hang nor differ."""
    together: list[tuple[int, int]] = []
    for rank in range(world_size):
        windows = open_windows(store, rank=rank, world_size=world_size)
        expected, got = list(windows), in_workers(windows, context)
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            for name in other:
                torch.testing.assert_close(one[name], other[name], rtol=0, atol=0)
        together += itertools.chain(*map(keys, got))
    everything = open_windows(store, rank=0, world_size=1)
    assert len(set(together)) == len(together) == everything.windows
    assert set(together) == set(itertools.chain(*map(keys, everything)))


def test_a_resumed_epoch_is_identical_also_on_another_world_size(store: Path) -> None:
    windows = open_windows(store, rank=0, world_size=1)
    windows.set_epoch(3)
    whole = list(windows)
    first = open_windows(store, rank=0, world_size=1)
    first.set_epoch(3)
    stream = iter(first)
    for _ in range(5):
        next(stream)
    state = first.state_dict()
    stream.close()
    resumed = open_windows(store, rank=0, world_size=1)
    resumed.load_state_dict(state)
    resumed.set_epoch(3)
    rest = list(resumed)
    assert len(rest) == len(whole) - 5
    for one, other in zip(rest, whole[5:], strict=True):
        for name in other:
            assert torch.equal(one[name], other[name]), name
    ranks = []
    for rank in range(2):
        half = open_windows(store, rank=rank, world_size=2)
        half.load_state_dict(state)
        ranks.append(list(half))
    for left, right, other in zip(*ranks, whole[5:], strict=True):
        for name in other:
            assert torch.equal(torch.cat([left[name], right[name]]), other[name]), name


@pytest.mark.parametrize("options", [{}, {"mixing": {"alpha": 0.5}}, {"remainder": "drop"}])
def test_an_epoch_goes_on_from_each_of_its_steps(store: Path, options: dict) -> None:
    windows = open_windows(store, **{"global_batch": 960, **options})
    windows.set_epoch(2)
    whole = [keys(batch) for batch in windows]
    assert len(whole) == windows.steps_per_epoch > 5
    for step in range(len(whole) + 1):
        windows.load_state_dict(json.loads(json.dumps(windows.state_dict(steps=step))))
        assert [keys(batch) for batch in windows] == whole[step:]


def test_states_begin_and_end_epochs(store: Path) -> None:
    windows = open_windows(store)
    assert windows.state_dict()["step"] == 0
    first = [keys(batch) for batch in windows]
    done = windows.state_dict()
    assert done["step"] == windows.steps_per_epoch == len(first)
    assert [keys(batch) for batch in windows] == first
    other = open_windows(store)
    other.load_state_dict(done)
    assert list(other) == []
    other.set_epoch(1)
    second = [keys(batch) for batch in other]
    assert second != first
    assert sorted(itertools.chain(*second)) == sorted(itertools.chain(*first))
    with pytest.raises(ConfigError, match="seed: found 0, expected 7"):
        open_windows(store, seed=7).load_state_dict(done)


def test_a_state_goes_on_with_the_lanes_with_which_it_was_saved(store: Path) -> None:
    windows, few = open_windows(store), open_windows(store, lanes=2)
    stream = iter(few)
    next(stream)
    windows.load_state_dict(few.state_dict())
    assert keys(next(iter(windows))) == keys(next(stream))
    incomplete = {name: value for name, value in few.state_dict().items() if name != "lanes"}
    with pytest.raises(ConfigError, match="found no lanes, expected"):
        windows.load_state_dict(incomplete)


def test_a_version_that_is_published_meanwhile_changes_nothing(store: Path, tmp_path: Path) -> None:
    root = tmp_path / "growing"
    shutil.copytree(store, root)
    expected = [keys(batch) for batch in open_windows(root, datasets=["camargo"])]
    windows = open_windows(root, datasets=["camargo"])
    stream = iter(windows)
    got = [keys(next(stream))]
    state = windows.state_dict()
    write_store(root, "camargo", {"a": 12}, time=250 + 640, seed=9)
    assert got + [keys(batch) for batch in stream] == expected
    newest = open_windows(root, datasets=["camargo"])
    assert newest.version == windows.version + 1
    with pytest.raises(ConfigError, match="Resume with the data and options"):
        newest.load_state_dict(state)
    pinned = open_windows(root, datasets=["camargo"], version=windows.version)
    pinned.load_state_dict(state)
    assert [keys(batch) for batch in pinned] == expected[1:]


def test_remainders_are_counted(store: Path) -> None:
    padded, dropped = open_windows(store), open_windows(store, remainder="drop")
    assert padded.steps_per_epoch == dropped.steps_per_epoch + 1
    weights = torch.cat([batch["weight"] for batch in padded])
    assert int(weights.sum()) == padded.windows
    rest = dropped.windows - 48 * dropped.steps_per_epoch
    assert 0 < rest < 48
    assert f"dropped {rest}" in dropped.describe()
    assert f"padded {48 - rest}" in padded.describe()
    assert sum(len(keys(batch)) for batch in dropped) == dropped.windows - rest


def test_splits_are_disjoint_people_and_stored(store: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(store, root)
    parts = {split: open_windows(root, split=split, filters={}) for split in ("train", "validation", "test")}
    assert sum(part.windows for part in parts.values()) == open_windows(root, filters={}).windows
    people = {
        split: {part.persons[code] for batch in part for code in batch["person"].tolist()}
        for split, part in parts.items()
    }
    assert all(people.values())
    assert sum(len(group) for group in people.values()) == len(set.union(*people.values())) == 5
    manifest = load(str(root))
    assert manifest is not None
    assert all(group <= manifest.groups(split) for split, group in people.items())
    assert set(manifest.members["hu-a"]) == {"hu-a", "camargo-a"}
    with pytest.raises(SplitError, match="not known"):
        open_windows(root, split="dev")


def test_filters_choose_strides_and_are_counted(store: Path) -> None:
    everything = open_windows(store, filters={})
    healthy = open_windows(store)
    ramps = open_windows(store, filters={"activity": ["ramp_ascent"], "duration": slice(0.5, None)})
    assert healthy.lost["filtered"] > 0
    assert everything.lost["filtered"] == 0
    assert {ramps.activities[code] for batch in ramps for code in batch["activity"].tolist()} == {"ramp_ascent"}
    with pytest.raises(ConfigError, match="aktivity"):
        open_windows(store, filters={"aktivity": "walk"})
    with pytest.raises(ConfigError, match="slice"):
        open_windows(store, filters={"activity": slice("a", "b")})


def test_lookahead_says_what_inputs_know(store: Path, rate_store: Path) -> None:
    longest = max(float(source.duration[source.index.count > 0].max()) for source in open_windows(store).sources)
    assert open_windows(store).lookahead == pytest.approx(longest)
    assert "knows the next contact" in open_windows(store).describe()
    assert open_windows(rate_store).lookahead == pytest.approx(0.1)  # as stored: upstream is in it
    assert open_windows(rate_store, phase="oracle").lookahead > 0.4
    assert open_windows(rate_store).lookahead_known
    assert "lookahead: 0.100 s" in open_windows(rate_store).describe()
    assert "calibration: none: as made" in open_windows(rate_store).describe()


@pytest.mark.parametrize("facts", [{"kinematics_lookahead_known": False}, {"kinematics_lookahead_known": None}])
def test_an_unknown_lookahead_is_a_lower_bound(tmp_path: Path, facts: dict[str, object]) -> None:
    write_store(tmp_path, "camargo", {"a": 8}, grid={"rate": 90.0})
    write_store(tmp_path, "hu", {"a": 8}, grid={"rate": 90.0}, facts={**facts, "lookahead": 0.0, "calibration": "mvc"})
    both = open_windows(tmp_path)
    assert not both.lookahead_known
    assert "lookahead: at least 0.100 s" in both.describe()
    assert "unknown" in both.describe()
    assert both.calibration == "mvc; none: as made"
    assert open_windows(tmp_path, datasets=["camargo"]).lookahead_known
    assert "at least 0.000 s" in open_windows(tmp_path, datasets=["hu"]).describe()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("workers", [0, 1])
def test_a_lost_object_reaches_the_user(store: Path, tmp_path: Path, workers: int) -> None:
    root = tmp_path / "broken"
    shutil.copytree(store, root)
    windows = open_windows(root)
    chunk = next(path for path in (root / "strides/envelope/hu").rglob("part-*.zarr/emg/c/**/*") if path.is_file())
    chunk.unlink()
    before = threading.active_count()
    if workers:
        multiprocessing.set_forkserver_preload(["tests.load.warm"])
    loader = DataLoader(
        windows, batch_size=None, num_workers=workers, multiprocessing_context="forkserver" if workers else None
    )
    with pytest.raises(LostDataError, match="emg"):
        list(loader)
    assert threading.active_count() <= before + 2


def test_threads_end_with_the_iteration(store: Path) -> None:
    stream = iter(open_windows(store))
    next(stream)
    assert any(thread.name.startswith("biomech-xr-read") for thread in threading.enumerate())
    stream.close()
    assert not any(thread.name.startswith("biomech-xr-read") for thread in threading.enumerate())


@pytest.mark.timeout(60)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_workers_are_refused(store: Path) -> None:
    windows = open_windows(store)
    with pytest.raises(LoaderProcessError, match="spawn"):
        next(iter(DataLoader(windows, batch_size=None, num_workers=1, multiprocessing_context="fork")))
    received = copy.deepcopy(windows)  # by the same methods as a worker gets it
    assert keys(next(iter(received))) == keys(next(iter(windows)))


def test_kept_batches_are_never_overwritten_and_dropped_ones_are_used_again() -> None:
    buffers = Buffers({"x": ((4, 3), np.float32), "y": ((5,), np.bool_)})
    kept = torch.from_numpy(buffers.take()["x"])[1:]
    kept.fill_(7)
    places = set()
    for _ in range(10):
        arrays = buffers.take()
        arrays["x"][:] = 1
        places.add(arrays["x"].ctypes.data)
        del arrays
    assert len(places) == 1
    assert bool((kept == 7).all())


def test_the_benchmark_of_the_order_runs_on_a_small_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    sources, cases = order.corpus(0.001), {}
    made = order.epochs(sources, 64, None)
    order.add(cases, "lanes", made, sources, made.order(0), 2)
    assert list(cases) == ["lanes, ns a window"]
    assert "people: " in capsys.readouterr().out
