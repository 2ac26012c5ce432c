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

_TILE: Final = 60
_SIDE: Final = 6


def phases(taps: npt.NDArray[np.float64], up: int) -> npt.NDArray[np.float64]:
    """Return the filter that each of the ``up`` phases applies to the samples around it, (up, 2 reach + 2).

    An output that lies ``phase / up`` samples after input sample b is the sum over samples b - reach to b + reach + 1.
    """
    half = taps.size // 2
    reach = half // up
    index = half + np.arange(up)[:, None] + (reach - np.arange(2 * reach + 2)) * up
    inside = (index >= 0) & (index < taps.size)
    return np.asarray(np.where(inside, taps[np.where(inside, index, 0)] * up, 0.0))


def side_by_side(filters: npt.NDArray[Any], down: int) -> npt.NDArray[Any]:
    """Return the taps of `_SIDE` neighboring outputs for each phase of the first one, (up, rows, `_SIDE`).

    Row i holds what the outputs take of the i-th of the samples that the first of them begins with; 0 where an output
    does not see it.
    """
    up, width = filters.shape
    ticks = np.arange(up)[:, None] + np.arange(_SIDE) * down
    later = ticks // up
    taps = np.zeros((up, width + int(later.max()), _SIDE), filters.dtype)
    for phase in range(up):
        for k in range(_SIDE):
            taps[phase, later[phase, k] : later[phase, k] + width, k] = filters[ticks[phase, k] % up]
    return taps


@compiled()
def resample_lanes(
    block: Values,
    lead: int,
    size: int,
    filters: Values,
    groups: Values,
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
    filters, groups
        See `phases` and `side_by_side`.
    down
        Output j lies at j * down / up input samples.
    """
    up, reach = filters.shape[0], filters.shape[1] // 2 - 1
    _mirror(block, lead, size, reach + 1)
    begin, end = -(-start * up // down), (start + size - 1) * up // down + 1
    known = lead + size + reach + 1
    tile = np.empty((_TILE, block.shape[1]), block.dtype)
    while begin < end:
        count, j = min(_TILE, end - begin), 0
        while j < count:
            tick = (begin + j) * down - start * up
            row = lead + tick // up - reach
            if j + _SIDE <= count and row + groups.shape[1] <= known:
                _six(block, row, groups[tick % up], tile, j)
                j += _SIDE
            else:
                _single(block, row, filters[tick % up], tile, j)
                j += 1
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
def _six(block: Values, row: int, taps: Values, out: Values, place: int) -> None:
    """Write six neighboring outputs: each row is loaded once, and six sums do not wait for one another."""
    zero = spread(out.dtype.type(0))
    a, b, c, d, e, f = zero, zero, zero, zero, zero, zero
    for i in range(len(taps)):
        x = load(block, row + i)
        a = a + spread(taps[i, 0]) * x
        b = b + spread(taps[i, 1]) * x
        c = c + spread(taps[i, 2]) * x
        d = d + spread(taps[i, 3]) * x
        e = e + spread(taps[i, 4]) * x
        f = f + spread(taps[i, 5]) * x
    store(out, place, a)
    store(out, place + 1, b)
    store(out, place + 2, c)
    store(out, place + 3, d)
    store(out, place + 4, e)
    store(out, place + 5, f)


@dataclass(frozen=True, slots=True)
class Resampling:
    """Ratio of a resampling, and its filters by output phase: one by one, and those of neighbors side by side."""

    up: int
    down: int
    filters: Values
    groups: Values

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
    filters: Values = phases(taps, share.numerator).astype(dtype)
    return Resampling(share.numerator, share.denominator, filters, side_by_side(filters, share.denominator))
