"""The parts that a loader reads, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from biomech_xr.store.local_cache import LocalCache
from biomech_xr.store.reading import Part, part_here
from biomech_xr.window.index import Grid, WindowIndex

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One part as a loader uses it: plain values, so that it can be sent to a worker, which opens the part there.

    `first_row` is the number of strides in the parts before. Arrays have the dim (stride,): `duration` and
    `next_duration` in s, and codes of `activity`, `person` in the loader's lists; `dataset` is such a code too.
    `lookahead` (s) is what the signals know of the future, a lower bound unless `lookahead_known`; `calibration` says
    what the amplitude of EMG was referred to.
    """

    folder: str
    part: str
    digest: str
    first_row: int
    chunk: int
    dataset: int
    grid: Grid
    index: WindowIndex
    duration: Floats
    next_duration: Floats
    activity: Ints
    person: Ints
    lookahead: float
    lookahead_known: bool
    calibration: str
    cache: LocalCache | None = None

    def open(self) -> Part:
        """Return the part, opened once in this process."""
        return part_here(self.folder, self.part, self.digest, self.cache)


def blocks_of(sources: Sequence[Source]) -> tuple[list[tuple[int, int]], Ints]:
    """Return part and first stride of every block that is read as one, and its number of windows (block,)."""
    blocks = [
        (number, start)
        for number, source in enumerate(sources)
        for start in range(0, len(source.duration), source.chunk)
    ]
    counts = [sources[number].index.count[row : row + sources[number].chunk].sum() for number, row in blocks]
    return blocks, np.array(counts, dtype=np.int64)
