"""The order of windows: many blocks are in use at a time, each gives a few windows to every step.

The blocks of an epoch are dealt to lanes: each gets neighbors in the store, which are often of one person or source,
in random order. Every step takes windows from every lane, in proportion to the windows of the lane. So as many blocks
are mixed as there are lanes, they are from all parts of the store at any time, and one block after the other is read.
Within a block the windows leave in large equal steps, from a random one on: about eight places, evenly spread over
its strides, give one after the other, and move on by a tenth of a stride each time round. So the strides in use are few
enough to stay in the processor's cache until they have given several windows. Lanes begin with a random phase and
change blocks at different times.

Memory is O(blocks). Nothing is shuffled while the epoch runs, and a rank makes its own windows only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import ConfigError
from biomech_xr.window import lane_kernels
from biomech_xr.window.order import EpochOrder, Ints

LANES: Final = 32
"""Blocks that are mixed at a time."""

PLACES: Final = 8
"""Places of a block that windows are taken from at a time."""

GOLDEN: Final = (5**0.5 - 1) / 2
_ROUNDS: Final = 640
"""In so many times round a place moves through its block; of 64 strides, each gives about ten windows in a row."""
_FEW: Final = 16
"""Up to so many blocks are all in use at once; of more of them half, so that blocks are read while others are used."""


class LaneOrder(EpochOrder):
    """An epoch whose steps take windows from many blocks at a time.

    The epoch has as many rounds as steps. Up to the end of round k, lane l has given ``floor(N g(k / rounds) + u)`` of
    its N windows, u being its phase and g nearly the identity. The stream of rounds is cut into steps of exactly
    `global_batch` windows; a step and its round differ by a few windows. Rounds are the pools of `EpochOrder`.

    Parameters
    ----------
    counts
        See `EpochOrder`.
    lanes
        Blocks that are mixed at a time, fewer of a small store. All of them are in memory.
    **options
        See `EpochOrder`.

    Raises
    ------
    ConfigError
        Less than one lane; and what `EpochOrder` raises.
    """

    def __init__(self, counts: Sequence[int] | Ints, *, lanes: int = LANES, **options: Any) -> None:
        super().__init__(counts, **options)
        if lanes < 1:
            raise ConfigError(f"order: found lanes={lanes}, expected 1 or more.")
        generator = np.random.default_rng([*self.entropy])
        blocks, members = _deal(np.flatnonzero(self.counts).astype(np.int64), lanes, generator)
        sizes = self.counts[blocks]
        self._starts: Ints = np.concatenate([[0], np.cumsum(sizes)])
        self._lane_starts: Ints = self._starts[np.concatenate([[0], np.cumsum(members)])]
        self._blocks: Ints = np.stack([blocks, sizes, generator.integers(0, sizes), _paces(sizes)], axis=1)
        self._lanes = np.stack([*_stagger(members), 0.999 * generator.random(members.size)], axis=1)
        self._rounds = max(1, -(-self.total // self.global_batch))
        last = np.empty(blocks.size, dtype=np.int64)
        lane_kernels.last_rounds(self._lanes, self._lane_starts, self._starts, self._rounds, last)
        self._pool_of: Ints = np.full(self.counts.size, -1, dtype=np.int64)
        self._pool_of[blocks] = last

    def pool_of(self, block: int) -> int:
        """Return the last round that needs a block; -1 for a block without windows."""
        return int(self._pool_of[block])

    def _windows(self, step: int, start: int, stop: int) -> tuple[int, Ints, Ints]:
        """Return the first round of a step, and block and offset of its windows ``start`` to ``stop``, by lane."""
        block, offset = np.empty((2, stop - start), dtype=np.int64)
        begin = step * self.global_batch
        end = min(begin + self.global_batch, self.total)
        first = lane_kernels.find_windows(
            self._lanes, self._lane_starts, self._starts, self._blocks, self._rounds,
            begin, end, start, stop, min(step, self._rounds - 1), block, offset,
        )  # fmt: skip
        return int(first), block, offset


def _deal(blocks: Ints, lanes: int, generator: np.random.Generator) -> tuple[Ints, Ints]:
    """Return the blocks lane by lane, and how many each lane has.

    A lane gets neighbors, from a random place in the store on, in random order; the lanes come in random order too.
    """
    used = min(lanes, max(min(_FEW, blocks.size), blocks.size // 2))
    lane = generator.permutation(used)[np.arange(blocks.size) * used // max(blocks.size, 1)]
    turned = np.roll(blocks, generator.integers(max(blocks.size, 1)))
    order = np.lexsort((generator.random(blocks.size), lane))
    return turned[order], np.bincount(lane, minlength=used).astype(np.int64)


def _paces(sizes: Ints) -> Ints:
    """Return the step from one window of a block to the next, by its size: every window comes once."""
    steps: Ints = np.maximum(np.rint(sizes * (1 + 1 / _ROUNDS) / PLACES), 1).astype(np.int64)
    while np.any(shared := np.gcd(steps, sizes) > 1):
        steps[shared] += 1
    return steps


def _stagger(members: Ints) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return by which share of its windows each lane runs ahead, up to half a block, and in which share it settles.

    A lane settles while it gives two blocks. One that has a single block does not run ahead.
    """
    spread = (np.arange(members.size) * GOLDEN) % 1 - 0.5
    lead = np.where(members > 1, spread / np.maximum(members, 1), 0.0)
    return lead, np.minimum(2 / np.maximum(members, 1), 0.5)
