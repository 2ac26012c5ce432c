"""Wavelet denoising of many signals side by side, see `lanes`.

The transforms are those of PyWavelets with half-sample symmetric extension (``mode="symmetric"``), to rounding.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.process.compiled import compiled
from biomech_xr.process.medians import copy_magnitudes, noise_rows
from biomech_xr.process.shrinkage import threshold_of
from biomech_xr.process.vectors import beyond, larger, load, magnitude, smaller, spread, store

Values = npt.NDArray[Any]

_SOFT, _HARD = 0, 1
_UNIVERSAL, _BAYES = 0, 2
_TILE: Final = 64


@lru_cache(maxsize=32)
def filter_bank(wavelet: str) -> npt.NDArray[np.float64]:
    """Return the four filters of a wavelet by its PyWavelets name, (4, taps): low, high of analysis, of synthesis."""
    import pywt

    return np.asarray(pywt.Wavelet(wavelet).filter_bank, dtype=np.float64)


def spare_rows(size: int, level: int, taps: int) -> int:
    """Return the rows of work space that `denoise_rows` needs."""
    return size + level * taps + (size + taps) // 2 + 3 * taps


@compiled()
def denoise_rows(
    block: Values, lead: int, size: int, bank: Values, level: int, rule: int, kind: int, used: int, spare: Values
) -> None:
    """Shrink the detail coefficients of a block in place; rules and kinds as in `shrinkage`.

    ``lead`` is at least the number of taps. Details of all levels lie one after the other in ``spare``, and behind
    them the approximations of odd levels; those of even levels lie in the block.
    """
    taps = bank.shape[1]
    sizes = np.empty(level + 1, np.intp)
    places = np.zeros(level + 1, np.intp)
    sizes[0] = size
    for depth in range(level):
        sizes[depth + 1] = (sizes[depth] + taps - 1) // 2
        places[depth + 1] = places[depth] + sizes[depth + 1]
    other = places[level] + taps
    for depth in range(level):
        if depth % 2 == 0:
            _split(block, lead, sizes[depth], bank, spare, other, spare, places[depth])
        else:
            _split(spare, other, sizes[depth], bank, block, lead, spare, places[depth])
    limits = _limits(spare, sizes, places, rule, used)
    for depth in range(level - 1, -1, -1):
        if depth % 2 == 0:
            _join(spare, other, spare, places[depth], sizes[depth + 1], bank, limits[depth], kind, block, lead)
        else:
            _join(block, lead, spare, places[depth], sizes[depth + 1], bank, limits[depth], kind, spare, other)


@compiled()
def _extend(block: Values, lead: int, size: int, count: int) -> None:
    """Mirror ``count`` rows about either end, the end itself twice."""
    for i in range(count):
        k = i % (2 * size)
        k = k if k < size else 2 * size - 1 - k
        store(block, lead - 1 - i, load(block, lead + k))
        store(block, lead + size + i, load(block, lead + size - 1 - k))


@compiled()
def _split(block: Values, lead: int, size: int, bank: Values, low: Values, at: int, high: Values, place: int) -> None:
    """Write approximation and detail of a block; row k sums over taps j of the filter and sample 2 k + 1 - j."""
    taps = bank.shape[1]
    count = (size + taps - 1) // 2
    _extend(block, lead, size, taps)
    zero = spread(block.dtype.type(0))
    for k in range(0, count - 1, 2):
        a, b, c, d = zero, zero, zero, zero
        row = lead + 2 * k + 1
        for j in range(taps):
            g, h = spread(bank[0, j]), spread(bank[1, j])
            x, y = load(block, row - j), load(block, row + 2 - j)
            a = a + g * x
            b = b + h * x
            c = c + g * y
            d = d + h * y
        store(low, at + k, a)
        store(high, place + k, b)
        store(low, at + k + 1, c)
        store(high, place + k + 1, d)
    if count % 2:
        a, b = zero, zero
        for j in range(taps):
            x = load(block, lead + 2 * count - 1 - j)
            a = a + spread(bank[0, j]) * x
            b = b + spread(bank[1, j]) * x
        store(low, at + count - 1, a)
        store(high, place + count - 1, b)


@compiled()
def _limits(details: Values, sizes: Values, places: Values, rule: int, used: int) -> Values:
    """Return the thresholds of each level and lane, (level, lanes)."""
    level, lanes = len(sizes) - 1, details.shape[1]
    limits = np.zeros((level, lanes), details.dtype)
    noise = np.zeros(lanes)
    column = np.empty(0 if rule == _UNIVERSAL else sizes[1], details.dtype)
    for depth in range(level):
        count, place = sizes[depth + 1], places[depth]
        if depth == 0 or rule != _BAYES:
            noise_rows(details, place, count, used, noise)
        for lane in range(used):
            if rule != _UNIVERSAL:
                copy_magnitudes(details, place, count, lane, column)
            limits[depth, lane] = threshold_of(column[:count], noise[lane], sizes[0], rule)
    return limits


@compiled()
def _shrink(block: Values, begin: int, end: int, limits: Values, kind: int) -> None:
    """Shrink rows in place by the threshold of each lane."""
    limit = load(limits, 0)
    negative = spread(block.dtype.type(0)) - limit
    square = limit * limit
    for i in range(begin, end):
        x = load(block, i)
        if kind == _SOFT:
            store(block, i, x - smaller(larger(x, negative), limit))
        elif kind == _HARD:
            store(block, i, x - beyond(limit, magnitude(x), x))
        else:
            store(block, i, beyond(magnitude(x), limit, x - square / x))


@compiled()
def _join(
    low: Values,
    at: int,
    high: Values,
    place: int,
    count: int,
    bank: Values,
    limits: Values,
    kind: int,
    out: Values,
    lead: int,
) -> None:
    """Write the block whose approximation and detail are given, 2 count - taps + 2 rows; details are shrunk before."""
    taps = bank.shape[1]
    half = taps // 2
    zero = spread(out.dtype.type(0))
    done = 0
    for begin in range(0, count - half + 1, _TILE):
        end = min(begin + _TILE, count - half + 1)
        _shrink(high, place + done, place + end + half - 1, limits, kind)
        done = end + half - 1
        for k in range(begin, end):
            a, b, c, d = zero, zero, zero, zero
            for j in range(half):
                x, y = load(low, at + k + j), load(high, place + k + j)
                tap = taps - 2 - 2 * j
                a = a + spread(bank[2, tap]) * x
                b = b + spread(bank[3, tap]) * y
                c = c + spread(bank[2, tap + 1]) * x
                d = d + spread(bank[3, tap + 1]) * y
            store(out, lead + 2 * k, a + b)
            store(out, lead + 2 * k + 1, c + d)
