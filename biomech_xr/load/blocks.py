"""A block of strides in memory together with the numbers of its windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from biomech_xr.load import gather
from biomech_xr.load.sources import Source, read_block


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A block in memory: the strides, where they are, and the running count of their windows."""

    block: gather.Block
    source: Source
    start: int
    cumulative: npt.NDArray[np.int64]


def load_block(source: Source, start: int) -> Loaded:
    """Return the block of strides that begins at row ``start`` of a part; errors as of `read_block`."""
    count = source.index.count[start : start + source.chunk]
    return Loaded(
        block=read_block(source, start),
        source=source,
        start=start,
        cumulative=np.concatenate([[0], np.cumsum(count)]),
    )


def fill_windows(arrays: Mapping[str, Any], start: int, loaded: Loaded, offset: npt.NDArray[np.int64]) -> None:
    """Write the windows of one block, given by their number in the block, into rows ``start`` and on."""
    source = loaded.source
    stride = np.searchsorted(loaded.cumulative, offset, side="right") - 1
    row = loaded.start + stride
    sample = source.index.first[row] + source.index.hop * (offset - loaded.cumulative[stride])
    gather.fill(arrays, start, loaded.block, stride, sample)
    rows = slice(start, start + len(offset))
    arrays["spacing"][rows] = source.index.step[row]
    arrays["state_age"][rows] = source.index.delay
    arrays["dataset"][rows] = source.dataset
    arrays["activity"][rows] = source.activity[row]
    arrays["person"][rows] = source.person[row]
    arrays["stride"][rows] = source.first_row + row
