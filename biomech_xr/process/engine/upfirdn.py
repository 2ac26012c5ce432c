"""Polyphase resampling of many signals side by side, see `lanes`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.compiled import compiled
from biomech_xr.process.engine.lanes import store_lanes
from biomech_xr.process.engine.vectors import load, spread, store
from biomech_xr.process.steps.resample import antialias, ratio

Values = npt.NDArray[Any]

_TILE: Final = 64


def phases(taps: npt.NDArray[np.float64], up: int) -> npt.NDArray[np.float64]:
    """Return the filter that each of the ``up`` phases applies to the samples around it, (up, 2 reach + 2).

    An output that lies ``phase / up`` samples after input sample b is the sum over samples b - reach to b + reach + 1.
    """
    half = taps.size // 2
    reach = half // up
    index = half + np.arange(up)[:, None] + (reach - np.arange(2 * reach + 2)) * up
    inside = (index >= 0) & (index < taps.size)
    return np.asarray(np.where(inside, taps[np.where(inside, index, 0)] * up, 0.0))


@compiled()
def resample_lanes(
    block: Values,
    lead: int,
    size: int,
    filters: Values,
    down: int,
    start: int,
    out: Values,
    rows: Values,
    scale: Values,
) -> None:
    """Resample a block and write it, times the scale of each lane, to rows of ``out`` (m, n).

    Parameters
    ----------
    block
        Its signal is a piece that begins at input sample ``start``; it is mirrored at its ends, for which ``lead`` is
        at least half the width of the filters.
    filters
        See `phases`.
    down
        Output j lies at j * down / up input samples.
    """
    up, reach = filters.shape[0], filters.shape[1] // 2 - 1
    _mirror(block, lead, size, reach + 1)
    begin, end = -(-start * up // down), (start + size - 1) * up // down + 1
    group = 4 * up
    tile = np.empty((group * max(1, _TILE // group), block.shape[1]), block.dtype)
    while begin < end:
        count = min(len(tile), end - begin)
        for place in range(0, count, group):
            many = place + group <= count
            for j in range(place, min(place + (up if many else group), count)):
                tick = (begin + j) * down - start * up
                row = lead + tick // up - reach
                if many:
                    _four(block, row, down, filters[tick % up], tile, j, up)
                else:
                    _single(block, row, filters[tick % up], tile, j)
        store_lanes(tile, np.int64(0), count, out, rows, begin, scale)
        begin += count


@compiled()
def _mirror(block: Values, lead: int, size: int, count: int) -> None:
    """Mirror ``count`` rows about the first and the last sample."""
    for i in range(1, count + 1):
        k = i % (2 * size - 2)
        k = k if k < size else 2 * size - 2 - k
        store(block, lead - i, load(block, lead + k))
        store(block, lead + size - 1 + i, load(block, lead + size - 1 - k))


@compiled()
def _single(block: Values, row: int, taps: Values, out: Values, place: int) -> None:
    """Write one output."""
    a = spread(out.dtype.type(0))
    for i in range(len(taps)):
        a = a + spread(taps[i]) * load(block, row + i)
    store(out, place, a)


@compiled()
def _four(block: Values, row: int, down: int, taps: Values, out: Values, place: int, up: int) -> None:
    """Write four outputs of the same phase, each ``up`` outputs and ``down`` inputs after the one before."""
    zero = spread(out.dtype.type(0))
    a, b, c, d = zero, zero, zero, zero
    for i in range(len(taps)):
        tap = spread(taps[i])
        a = a + tap * load(block, row + i)
        b = b + tap * load(block, row + i + down)
        c = c + tap * load(block, row + i + 2 * down)
        d = d + tap * load(block, row + i + 3 * down)
    store(out, place, a)
    store(out, place + up, b)
    store(out, place + 2 * up, c)
    store(out, place + 3 * up, d)


@dataclass(frozen=True, slots=True)
class Resampling:
    """Ratio of a resampling, and its filters by output phase."""

    up: int
    down: int
    filters: Values

    @property
    def lead(self) -> int:
        """Rows that a block needs before and after its own."""
        return int(self.filters.shape[1]) // 2


@lru_cache(maxsize=32)
def resampling(rate: float, target: float, dtype: type) -> Resampling | None:
    """Return the resampling to a rate; None where it is the rate already."""
    share = ratio(rate, target)
    if share == 1:
        return None
    taps = antialias(share.numerator, share.denominator)
    return Resampling(share.numerator, share.denominator, phases(taps, share.numerator).astype(dtype))
