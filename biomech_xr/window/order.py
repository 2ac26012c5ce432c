"""The order of windows in an epoch: a pure function of (seed, epoch, global batch).

Strides are read in blocks, windows are shuffled in a pool of a few blocks. The blocks are permuted, each pool of
``pool_blocks`` blocks is shuffled, the stream of pools is cut into global steps. Within a step windows are sorted by
their place in the store, so that the slice of one rank touches few blocks: a step is a *set*, the same for every
world size. Memory is O(blocks) plus one pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import ConfigError

Ints = npt.NDArray[np.int64]
Remainder = Literal["drop", "pad"]

POOL_BLOCKS: Final = 8
_KEPT_POOLS: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """The windows of one rank in one global step.

    Window i is number ``offset[i]`` of block ``block[i]``; ``weight[i]`` is 0 for padding, else 1. ``pool`` is the
    earliest pool that the whole step touches: blocks of earlier pools are never needed again.
    """

    step: int
    pool: int
    block: Ints
    offset: Ints
    weight: npt.NDArray[np.float32]


class EpochOrder:
    """One epoch's list of global steps.

    Parameters
    ----------
    counts
        Windows in each block; blocks without windows are never read.
    seed, epoch, global_batch
        The order depends on nothing else (and on ``pool_blocks``).
    pool_blocks
        Blocks whose windows are shuffled together.
    remainder
        What happens to the windows that fill no whole step: ``drop`` leaves them out (`dropped` counts them), ``pad``
        repeats one of them with weight 0 (`padded` counts the repetitions).

    Raises
    ------
    ConfigError
        A global batch or pool below 1, or an unknown ``remainder``.
    """

    def __init__(
        self,
        counts: Sequence[int] | Ints,
        *,
        seed: int,
        epoch: int,
        global_batch: int,
        pool_blocks: int = POOL_BLOCKS,
        remainder: Remainder = "drop",
    ) -> None:
        if global_batch < 1 or pool_blocks < 1 or seed < 0 or epoch < 0 or remainder not in ("drop", "pad"):
            raise ConfigError(
                f"order: found global_batch={global_batch}, pool_blocks={pool_blocks}, seed={seed}, epoch={epoch}, "
                f"remainder={remainder!r}; expected positive sizes, seeds >= 0, remainder 'drop' or 'pad'."
            )
        sizes = np.asarray(counts, dtype=np.int64)
        filled = np.flatnonzero(sizes)
        self._entropy = (seed, epoch)
        self._blocks: Ints = np.random.default_rng([*self._entropy]).permutation(filled).astype(np.int64)
        self._starts: Ints = np.concatenate([[0], np.cumsum(sizes[self._blocks])])
        pools = [*range(0, filled.size, pool_blocks), filled.size]
        self._pool_starts: Ints = self._starts[pools]
        self._pool_of: Ints = np.full(sizes.size, -1, dtype=np.int64)
        self._pool_of[self._blocks] = np.arange(filled.size) // pool_blocks
        self._permutations: dict[int, Ints] = {}
        self.global_batch = global_batch
        self.total = int(self._starts[-1])
        whole, rest = divmod(self.total, global_batch)
        padding = remainder == "pad" and rest > 0
        self.steps = whole + padding
        self.dropped = 0 if padding else rest
        self.padded = global_batch - rest if padding else 0

    def pool_of(self, block: int) -> int:
        """Return the pool that a block belongs to in this epoch; -1 for a block without windows."""
        return int(self._pool_of[block])

    def share(self, step: int, *, rank: int = 0, world_size: int = 1) -> Share:
        """Return the windows of one rank in a global step.

        Raises
        ------
        ConfigError
            ``world_size`` does not divide the global batch.
        IndexError
            The epoch has no such step.
        """
        if self.global_batch % world_size:
            raise ConfigError(
                f"world_size: found {world_size}, expected a divisor of global_batch={self.global_batch}."
            )
        if not 0 <= step < self.steps:
            raise IndexError(f"step {step} of an epoch of {self.steps} steps")
        places, pool = self._places(step)
        size = self.global_batch // world_size
        part = places[rank * size : (rank + 1) * size]
        weight = np.zeros(size, dtype=np.float32)
        weight[: part.size] = 1.0
        if part.size < size:
            part = np.concatenate([part, np.full(size - part.size, places[-1])])
        position = np.searchsorted(self._starts, part, side="right") - 1
        return Share(
            step=step,
            pool=pool,
            block=self._blocks[position],
            offset=part - self._starts[position],
            weight=weight,
        )

    def _places(self, step: int) -> tuple[Ints, int]:
        """Return the sorted places of a step's windows in the stream of permuted blocks, and its first pool."""
        start = step * self.global_batch
        stop = min(start + self.global_batch, self.total)
        first = pool = int(np.searchsorted(self._pool_starts, start, side="right")) - 1
        pieces = []
        while self._pool_starts[pool] < stop:
            low, high = self._pool_starts[pool], self._pool_starts[pool + 1]
            piece = self._permutation(pool)[max(start - low, 0) : min(stop, high) - low]
            pieces.append(np.sort(piece) + low)
            pool += 1
            if pool == self._pool_starts.size - 1:
                break
        return np.concatenate(pieces), first

    def _permutation(self, pool: int) -> Ints:
        """Return the shuffled windows of a pool; the last few pools are kept."""
        if pool not in self._permutations:
            while len(self._permutations) >= _KEPT_POOLS:
                del self._permutations[next(iter(self._permutations))]
            size = int(self._pool_starts[pool + 1] - self._pool_starts[pool])
            generator = np.random.default_rng([*self._entropy, pool + 1])
            self._permutations[pool] = generator.permutation(size).astype(np.int64)
        return self._permutations[pool]
