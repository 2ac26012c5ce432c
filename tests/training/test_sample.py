"""The few batches that stand for a split: from all over the epoch, the same windows for any number of ranks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from biomech_xr.load import StrideWindows
from biomech_xr.window import LaneOrder
from biomech_xr.window.lanes import LANES
from tests.load.stores import write_store
from tests.training.fake_windows import FakeWindows
from training import sample
from training.config import TrainConfig
from training.distributed import Ranks
from training.tasks.emg import EmgTask


class Numbered(FakeWindows):
    """Batches that hold nothing but the number of their step."""

    def __init__(self, steps: int) -> None:
        super().__init__("", split="train", window=8, global_batch=1, seed=0, rank=0, world_size=1)
        self.steps_per_epoch = steps
        self.made = 0

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        while self._done < self.steps_per_epoch:
            self._done += 1
            self.made += 1
            yield {"step": torch.tensor(self._done - 1)}


@pytest.mark.parametrize("limit", [1, 3, 40])
@pytest.mark.parametrize("steps", [0, 1, 2, 39, 41, 1000])
def test_batches_lie_evenly_over_the_epoch(steps: int, limit: int) -> None:
    windows = Numbered(steps)
    windows.set_epoch(5)
    taken = [int(batch["step"]) for batch in sample.spread(windows, limit)]
    assert min(steps, (limit + 1) // 2) <= len(taken) <= limit
    assert all(after - before <= max(1, 2 * steps / limit) for before, after in pairwise([*taken, steps]))
    assert windows.made <= sample.FAR * limit


def test_going_to_a_step_reads_few_blocks_and_finds_most_people() -> None:
    """A split of 500 blocks of 64 strides with 196 windows each, and 68 people."""
    people = np.arange(500) * 68 // 500
    read = {}
    for lanes in (sample.LANES, LANES):
        order = LaneOrder(np.full(500, 64 * 196), seed=0, epoch=0, global_batch=1024, lanes=lanes)
        steps = range(0, order.steps, -(-order.steps // 20))
        assert len(steps) == 20
        blocks = [np.unique(order.share(step).block) for step in steps]
        read[lanes] = sum(one.size for one in blocks)
        assert np.unique(people[np.concatenate(blocks)]).size > 60
    assert read[sample.LANES] < 1.1 * 20 * sample.LANES
    assert read[sample.LANES] < read[LANES] / 3


def test_only_training_windows_mix_many_blocks() -> None:
    opened: list[int | None] = []

    def open_windows(*arguments: Any, lanes: int | None = None, **options: Any) -> FakeWindows:
        opened.append(lanes)
        return FakeWindows(*arguments, **options)

    ranks = Ranks(rank=0, world_size=1, device=torch.device("cpu"))
    task = EmgTask(TrainConfig(store="s", out="o"), open_windows=open_windows)
    task.windows("train", ranks, remainder="drop", augment=True)
    task.windows("train", ranks, remainder="pad")
    task.windows("validation", ranks, remainder="pad")
    assert opened == [None, sample.LANES, sample.LANES]


@pytest.mark.parametrize("far", [0, 1000])
def test_ranks_of_the_real_loader_share_the_batches_of_one(
    tmp_path: Path, far: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "FAR", far)
    write_store(tmp_path, "hu", {"a": 6, "b": 6})
    options: dict[str, Any] = {"window": 64, "global_batch": 16, "remainder": "pad"}

    def windows_of(rank: int, world_size: int) -> list[list[tuple[int, ...]]]:
        opened = StrideWindows(tmp_path, rank=rank, world_size=world_size, **options)
        return [_places(batch) for batch in sample.spread(opened, 5)]

    alone, first, second = windows_of(0, 1), windows_of(0, 2), windows_of(1, 2)
    assert alone == [one + other for one, other in zip(first, second, strict=True)]
    assert len(alone) in (3, 4, 5)
    assert {person for batch in alone for person, _, _ in batch} == {0, 1}
    epoch = [_places(batch) for batch in StrideWindows(tmp_path, rank=0, world_size=1, **options)]
    assert all(batch in epoch for batch in alone)


def _places(batch: dict[str, torch.Tensor]) -> list[tuple[int, ...]]:
    """Return (person, stride, sample) of the batch's windows, without padding."""
    names = ("person", "stride", "sample", "weight")
    rows = zip(*(batch[name].tolist() for name in names), strict=True)
    return [(person, stride, number) for person, stride, number, weight in rows if weight]
