"""From columns of a file to an array whose samples come first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]

_BLOCK: Final = 1 << 12


def interleaved(columns: Iterable[tuple[tuple[int, ...], Float32Array, float]], shape: tuple[int, ...]) -> Float32Array:
    """Return columns times factors in an array of ``shape``, sample first, NaN where no column is.

    Some thousand samples are written at a time: column by column the whole array would pass the processor's cache once
    for each.

    Parameters
    ----------
    columns
        Of each its place in the dims after the first, its samples (sample,), and its factor.
    shape
        Of the array; the first is the number of samples.
    """
    factors = [(place, samples, np.float32(factor)) for place, samples, factor in columns]
    values = np.empty(shape, dtype=np.float32)
    for start in range(0, shape[0], _BLOCK):
        block = slice(start, start + _BLOCK)
        values[block] = np.nan
        for place, samples, factor in factors:
            index: tuple[slice | int, ...] = (block, *place)
            values[index] = samples[block] * factor
    return values
