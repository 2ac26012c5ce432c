"""The order of windows in an epoch: a pure function of (seed, epoch, global batch).

An epoch is a fixed list of global steps. A step is a *set* of windows, sorted by block, the same for every world size:
each rank takes its slice. Which windows are in a step is what `lanes.LaneOrder` decides.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import ConfigError

Ints = npt.NDArray[np.int64]
Remainder = Literal["drop", "pad"]

POOL_BLOCKS: Final = 8
"""Blocks that a loader reads before they are needed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """The windows of one rank in one global step.

    Window i is number ``offset[i]`` of block ``block[i]``; ``weight[i]`` is 0 for padding, else 1. ``pool`` is the
    earliest pool that the whole step touches: blocks whose last pool is an earlier one are never needed again.
    """

    step: int
    pool: int
    block: Ints
    offset: Ints
    weight: npt.NDArray[np.float32]


class EpochOrder(ABC):
    """One epoch's list of global steps.

    Parameters
    ----------
    counts
        Windows in each block; blocks without windows are never read.
    seed, epoch, global_batch
        The order depends on nothing else.
    remainder
        What happens to the windows that fill no whole step: ``drop`` leaves them out (`dropped` counts them), ``pad``
        repeats one of them with weight 0 (`padded` counts the repetitions).

    Raises
    ------
    ConfigError
        A global batch below 1, a negative seed or epoch, or an unknown ``remainder``.
    """

    def __init__(
        self, counts: Sequence[int] | Ints, *, seed: int, epoch: int, global_batch: int, remainder: Remainder = "drop"
    ) -> None:
        if global_batch < 1 or seed < 0 or epoch < 0 or remainder not in ("drop", "pad"):
            raise ConfigError(
                f"order: found global_batch={global_batch}, seed={seed}, epoch={epoch}, remainder={remainder!r}; "
                "expected a positive global batch, seed and epoch >= 0, remainder 'drop' or 'pad'."
            )
        self.counts: Ints = np.asarray(counts, dtype=np.int64)
        self.entropy = (seed, epoch)
        self.global_batch = global_batch
        self.total = int(self.counts.sum())
        whole, rest = divmod(self.total, global_batch)
        padding = remainder == "pad" and rest > 0
        self.steps = whole + padding
        self.dropped = 0 if padding else rest
        self.padded = global_batch - rest if padding else 0

    @abstractmethod
    def pool_of(self, block: int) -> int:
        """Return the last pool that needs a block in this epoch; -1 for a block without windows."""

    def stored(self, block: int) -> int:
        """Return which stored block a block of a `Share` is."""
        return block

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
        size = self.global_batch // world_size
        start, stop = rank * size, (rank + 1) * size
        real = min(self.global_batch, self.total - step * self.global_batch)
        pool, block, offset = self._windows(step, min(start, real - 1), min(stop, real))
        weight = np.ones(size, dtype=np.float32)
        if stop > real:
            weight[max(real - start, 0) :] = 0.0
            block, offset = (np.concatenate([v, np.full(size - v.size, v[-1])]) for v in (block, offset))
        return Share(step=step, pool=pool, block=block, offset=offset, weight=weight)

    @abstractmethod
    def _windows(self, step: int, start: int, stop: int) -> tuple[int, Ints, Ints]:
        """Return the first pool of a step, and block and offset of its windows ``start`` to ``stop``, by block."""
