"""Wavelet denoising of many signals side by side, see `lanes`.

The transforms are those of PyWavelets with half-sample symmetric extension (``mode="symmetric"``), to rounding.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from biomech_xr.compiled import compiled
from biomech_xr.process.engine.medians import noise_rows
from biomech_xr.process.engine.shrinkage import UNIVERSAL, shrink_rows, threshold_of
from biomech_xr.process.engine.vectors import load, spread, store

Values = npt.NDArray[Any]


@lru_cache(maxsize=32)
def filter_bank(wavelet: str) -> npt.NDArray[np.float64]:
    """Return the four filters of a wavelet by its PyWavelets name, (4, taps): low, high of analysis, of synthesis."""
    import pywt

    return np.asarray(pywt.Wavelet(wavelet).filter_bank, dtype=np.float64)


def spare_rows(size: int, level: int, taps: int) -> int:
    """Return the rows of work space that `denoise_rows` needs."""
    return size + level * taps + (size + taps) // 2 + 3 * taps


def denoise_rows(
    block: Values, lead: int, size: int, bank: Values, level: int, rule: int, kind: int, used: int, spare: Values
) -> None:
    """Shrink the detail coefficients of a block in place; rules and kinds as in `shrinkage`.

    ``lead`` is at least the number of taps. Details of all levels lie one after the other in ``spare``, and behind
    them the approximations of odd levels; those of even levels lie in the block.
    """
    taps = bank.shape[1]
    sizes, places = [size], [0]
    for _ in range(level):
        sizes.append((sizes[-1] + taps - 1) // 2)
        places.append(places[-1] + sizes[-1])
    other = places[level] + taps
    for depth in range(level):
        source, begin, low, place = (spare, other, block, lead) if depth % 2 else (block, lead, spare, other)
        _split(source, begin, sizes[depth], bank, low, place, spare, places[depth])
    noise, limits = np.zeros(block.shape[1]), np.zeros(block.shape[1], block.dtype)
    for depth in range(level):
        count, place = sizes[depth + 1], places[depth]
        noise_rows(spare, place, count, used, noise)
        _limits(spare[place : place + count], noise, used, size, rule, limits)
        shrink_rows(spare.reshape(-1), place, place + count, limits, kind)
    for depth in range(level - 1, -1, -1):
        low, place, out, begin = (block, lead, spare, other) if depth % 2 else (spare, other, block, lead)
        _join(low, place, spare, places[depth], sizes[depth + 1], bank, out, begin)


@compiled()
def _limits(details: Values, noise: Values, used: int, size: int, rule: int, limits: Values) -> None:
    """Write the threshold of each lane's details."""
    count = 0 if rule == UNIVERSAL else len(details)
    magnitudes = np.empty((used, count), details.dtype)
    for i in range(count):
        for lane in range(used):
            magnitudes[lane, i] = abs(details[i, lane])
    for lane in range(used):
        limits[lane] = threshold_of(magnitudes[lane], noise[lane], size, rule)


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
def _join(low: Values, at: int, high: Values, place: int, count: int, bank: Values, out: Values, lead: int) -> None:
    """Write the block whose approximation and detail are given, 2 count - taps + 2 rows."""
    taps = bank.shape[1]
    half = taps // 2
    zero = spread(out.dtype.type(0))
    for k in range(count - half + 1):
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
