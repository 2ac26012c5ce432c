"""The windows of a mixed epoch: a multiset that is drawn stride by stride, never listed.

Strides belong to groups, each of which is drawn a given number of times. A stride of c windows that is drawn d times
gives windows ``floor((j c + t) / d)`` for j in [0, d): evenly spaced ones, all different, where d <= c, and
each one floor(d / c) or one more times otherwise. The start t is another one in every epoch.

A group that is drawn for less than half of its windows takes a part of its blocks in each epoch, the next ones in the
next, so that blocks are never read for a small share of them. Blocks that are drawn more than one and a half times are
visited several times an epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from biomech_xr.window import lane_kernels
from biomech_xr.window.lanes import GOLDEN, LaneOrder
from biomech_xr.window.order import Ints

TAKEN: Final = 0.5
"""Which share of its windows a group takes at least out of the blocks that an epoch reads for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """The windows of one epoch, by visit: one reading of a block.

    `counts` and `blocks`, dim (visit,), are the windows of each visit and the block that it reads. `rows` has the
    columns of `lane_kernels.DRAW_COLUMNS` for every stride of every visit, `first` is the first row of each visit.
    `drawn` is how often each of all strides is drawn.
    """

    counts: Ints
    blocks: Ints
    rows: Ints
    first: Ints
    drawn: Ints


class Drawing:
    """Draws epochs.

    Parameters
    ----------
    counts, block, group
        Windows, block (ascending) and group of each stride.
    targets
        Windows that an epoch draws of each group; 0 where the group has none.
    seed
        With the epoch it fixes what is drawn.
    """

    def __init__(self, counts: Ints, block: Ints, group: Ints, targets: Ints, *, seed: int) -> None:
        used = (counts > 0) & (targets[group] > 0)
        self._used: Ints = np.flatnonzero(used)
        self._total = counts.size
        before = np.cumsum(counts) - counts
        starts = np.searchsorted(block, block)
        self._before: Ints = (before - before[starts])[used] if counts.size else before
        self._counts, self._block, self._group = counts[used], block[used], group[used]
        self._targets, self._seed = targets, seed
        self._sizes: Ints = np.bincount(block, counts, minlength=int(block.max(initial=-1)) + 1).astype(np.int64)
        generator = np.random.default_rng([seed])
        self._begin = generator.random(self._counts.size)
        pairs, self._pair = np.unique(self._group * self._sizes.size + self._block, return_inverse=True)
        self._pair_group, pair_block = np.divmod(pairs, max(self._sizes.size, 1))
        self._pair_size: Ints = np.bincount(self._pair, self._counts, minlength=pairs.size).astype(np.int64)
        rank = generator.permutation(self._sizes.size)[pair_block]
        order = np.lexsort((rank, self._pair_group))
        self._windows: Ints = np.bincount(self._group, self._counts, minlength=targets.size).astype(np.int64)
        self._pair_start: Ints = np.empty(pairs.size, dtype=np.int64)
        self._pair_start[order] = np.cumsum(self._pair_size[order]) - self._pair_size[order]
        self._pair_start -= (np.cumsum(self._windows) - self._windows)[self._pair_group]
        self._needed: Ints = np.minimum(self._windows, np.ceil(targets / TAKEN).astype(np.int64))

    def draw(self, epoch: int) -> Draw:
        """Return the windows of an epoch."""
        generator = np.random.default_rng([self._seed, epoch, 1])
        taken, turn = self._take(epoch)
        strides = np.flatnonzero(taken[self._pair])
        counts, block = self._counts[strides], self._block[strides]
        drawn = self._round(strides, generator)
        start = np.floor((self._begin[strides] + turn[self._pair[strides]]) % 1.0 * counts).astype(np.int64)
        facts = np.stack([counts, drawn, start, self._before[strides]], axis=1)
        windows = np.bincount(block, drawn, minlength=self._sizes.size)
        passes = np.where(windows > 0, np.maximum(np.rint(windows / np.maximum(self._sizes, 1)), 1), 0)
        every: Ints = np.zeros(self._total, dtype=np.int64)
        every[self._used[strides]] = drawn
        return _visits(facts, block, passes.astype(np.int64), every)

    def _take(self, epoch: int) -> tuple[Any, Any]:
        """Return which pairs of group and block an epoch takes, and by which part of a stride its windows are shifted.

        The blocks of a group lie on a circle, and each epoch goes on where the one before stopped.
        """
        windows, needed = self._windows[self._pair_group], self._needed[self._pair_group]
        here = epoch * needed
        round_ = (here - self._pair_start - self._pair_size) // windows + 1
        begin = self._pair_start + round_ * windows
        return begin < here + needed, round_ * GOLDEN + 0.5 * (epoch - begin // needed)

    def _round(self, strides: Ints, generator: np.random.Generator) -> Ints:
        """Return how often strides are drawn: in proportion to their windows, exactly as often as the group is."""
        group = self._group[strides]
        order = np.argsort(group, kind="stable")
        counts, group = self._counts[strides][order], group[order]
        held = np.bincount(group, counts, minlength=self._targets.size).astype(np.int64)
        ends = np.cumsum(counts) - (np.cumsum(held) - held)[group]
        begin = np.floor(generator.random(held.size) * held).astype(np.int64)[group]
        target, held = self._targets[group], held[group]
        upto = (ends * target + begin) // held
        drawn: Ints = np.empty(strides.size, dtype=np.int64)
        drawn[order] = upto - ((ends - counts) * target + begin) // held
        return drawn


def _visits(facts: Ints, block: Ints, passes: Ints, drawn: Ints) -> Draw:
    """Return the visits of blocks, each of which takes every so manieth window of every stride."""
    strides = np.bincount(block, minlength=passes.size)
    blocks = np.repeat(np.arange(passes.size), passes)
    lengths = strides[blocks]
    first = np.cumsum(lengths) - lengths
    rows = np.arange(lengths.sum()) + np.repeat((np.cumsum(strides) - strides)[blocks] - first, lengths)
    every = np.repeat(passes[blocks], lengths)
    number = np.arange(blocks.size) - np.repeat(np.cumsum(passes) - passes, passes)
    turn = (np.repeat(number, lengths) + rows) % every
    windows = np.maximum((facts[rows, 1] - turn + every - 1) // every, 0)
    counts = np.bincount(np.repeat(np.arange(blocks.size), lengths), windows, minlength=blocks.size).astype(np.int64)
    before = np.cumsum(windows) - windows
    before -= np.repeat((np.cumsum(counts) - counts), lengths)
    table = np.concatenate([before[:, None], turn[:, None], every[:, None], facts[rows]], axis=1)
    return Draw(counts=counts, blocks=blocks, rows=table, first=np.append(first, lengths.sum()), drawn=drawn)


class MixedOrder(LaneOrder):
    """The order of a drawn epoch; a block of its shares is a visit of `draw`, a stored block may have several.

    Parameters
    ----------
    draw
        The windows of the epoch.
    **options
        See `LaneOrder`.
    """

    def __init__(self, draw: Draw, **options: Any) -> None:
        super().__init__(draw.counts, **options)
        self.draw = draw

    def stored(self, block: int) -> int:
        """Return which stored block a visit reads."""
        return int(self.draw.blocks[block])

    def _windows(self, step: int, start: int, stop: int) -> tuple[int, Ints, Ints]:
        first, visit, place = super()._windows(step, start, stop)
        lane_kernels.find_drawn(self.draw.rows, self.draw.first, visit, place)
        return first, visit, place
