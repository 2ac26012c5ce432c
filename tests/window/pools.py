"""A plain order to compare with: a few neighboring places of the epoch are shuffled, then the next few."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from biomech_xr.errors import ConfigError
from biomech_xr.window.order import POOL_BLOCKS, EpochOrder, Ints

_KEPT_POOLS: Final = 3


class PoolOrder(EpochOrder):
    """The blocks are permuted, each pool of blocks is shuffled, the stream of pools is cut into global steps.

    Parameters
    ----------
    counts
        See `EpochOrder`.
    pool_blocks
        Blocks whose windows are shuffled together.
    **options
        See `EpochOrder`.

    Raises
    ------
    ConfigError
        A pool below 1; and what `EpochOrder` raises.
    """

    def __init__(self, counts: Sequence[int] | Ints, *, pool_blocks: int = POOL_BLOCKS, **options: Any) -> None:
        super().__init__(counts, **options)
        if pool_blocks < 1:
            raise ConfigError(f"order: found pool_blocks={pool_blocks}, expected 1 or more.")
        filled = np.flatnonzero(self.counts)
        self._blocks: Ints = np.random.default_rng([*self.entropy]).permutation(filled).astype(np.int64)
        self._starts: Ints = np.concatenate([[0], np.cumsum(self.counts[self._blocks])])
        self._pools: Ints = np.array([*range(0, filled.size, pool_blocks), filled.size])
        self._pool_starts: Ints = self._starts[self._pools]
        self._pool_of: Ints = np.full(self.counts.size, -1, dtype=np.int64)
        self._pool_of[self._blocks] = np.arange(filled.size) // pool_blocks
        self._permutations: dict[int, Ints] = {}

    def pool_of(self, block: int) -> int:
        """Return the pool of a block; -1 for a block without windows."""
        return int(self._pool_of[block])

    def _windows(self, step: int, start: int, stop: int) -> tuple[int, Ints, Ints]:
        """Return the first pool of a step, and block and offset of its windows ``start`` to ``stop``, by block."""
        begin = step * self.global_batch
        end = min(begin + self.global_batch, self.total)
        first = pool = int(np.searchsorted(self._pool_starts, begin, side="right")) - 1
        blocks, offsets, done = [], [], 0
        while self._pool_starts[pool] < end:
            low, high = self._pool_starts[pool], self._pool_starts[pool + 1]
            piece = self._permutation(pool)[max(begin - low, 0) : min(end, high) - low]
            own = np.sort(piece)[max(start - done, 0) : max(stop - done, 0)] + low
            members = slice(self._pools[pool], self._pools[pool + 1])
            bounds = np.searchsorted(own, self._starts[members.start : members.stop + 1])
            sizes = np.diff(bounds)
            blocks.append(np.repeat(self._blocks[members], sizes))
            offsets.append(own - np.repeat(self._starts[members], sizes))
            done += piece.size
            pool += 1
            if pool == self._pool_starts.size - 1:
                break
        return first, np.concatenate(blocks), np.concatenate(offsets)

    def _permutation(self, pool: int) -> Ints:
        """Return the shuffled windows of a pool; the last few pools are kept."""
        if pool not in self._permutations:
            while len(self._permutations) >= _KEPT_POOLS:
                del self._permutations[next(iter(self._permutations))]
            size = int(self._pool_starts[pool + 1] - self._pool_starts[pool])
            generator = np.random.default_rng([*self.entropy, pool + 1])
            self._permutations[pool] = generator.permutation(size).astype(np.int64)
        return self._permutations[pool]
