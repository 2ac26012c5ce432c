"""Few batches that stand for a whole split: evenly spaced over its epoch, where neighbors are of the same few people.

An epoch reads strides in blocks, so its first batches know the people of its first blocks and nobody else. Every
choice is of global steps, so that any number of ranks sees the same windows.

Where few batches stand for a large split, going to each of them reads all blocks that its step mixes. So windows that
are not trained on have `LANES` of them and not the loader's 32: 20 batches of a split of 500 blocks then read 162
blocks in place of 641.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Final

from training.distributed import Ranks
from training.task import Batch, Task, Windows

LEAST: Final = 4
"""Batches of a source, however small its share of the windows."""
LANES: Final = 8
"""Blocks that a step mixes of windows for validation, statistics and scores: what going to a step reads."""
FAR: Final = 24
"""Batches that are read and dropped between two that are wanted; going there directly reads `LANES` blocks again."""


def spread(windows: Windows, limit: int) -> Iterator[Batch]:
    """Yield at most ``limit`` batches of epoch 0, every n-th, and at least half as many where there are so many."""
    windows.set_epoch(0)
    if not windows.steps_per_epoch:
        return
    gap = math.ceil(windows.steps_per_epoch / limit)
    if gap <= FAR:
        yield from itertools.islice(windows, 0, None, gap)
        return
    for step in range(0, windows.steps_per_epoch, gap):
        windows.load_state_dict({**windows.state_dict(), "step": step})
        yield next(iter(windows))


def training_batches(task: Task, ranks: Ranks, *, datasets: Iterable[str], limit: int) -> Iterator[Batch]:
    """Yield about ``limit`` batches of the training split, spread over the windows of every source.

    Parameters
    ----------
    datasets
        The sources. Each has a share of the batches by its windows, and `LEAST` of them if it has so many.
    """
    sources = [task.windows("train", ranks, remainder="pad", datasets=[name]) for name in datasets]
    read = [windows for windows in sources if windows is not None]
    total = sum(windows.steps_per_epoch for windows in read)
    for windows in read:
        yield from spread(windows, max(LEAST, math.ceil(limit * windows.steps_per_epoch / total)))
