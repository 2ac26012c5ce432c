"""The noise of wavelet coefficients of many signals side by side: their median magnitudes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.compiled import compiled
from biomech_xr.process.engine.shrinkage import NORMAL_MAD, middle
from biomech_xr.process.engine.vectors import beyond, lanes_within, load, magnitude, spread, store

Values = npt.NDArray[Any]

_SAMPLE: Final = 256
_WIDTH: Final = 0.15
_PASSES: Final = 6
_EXACT: Final = 1 << 20
"""Rows that are counted in floating point before the count is kept as an integer."""


@compiled()
def noise_rows(block: Values, place: int, count: int, used: int, noise: Values) -> None:
    """Write the noise of each lane's rows from ``place`` on: their median magnitude / 0.6745.

    The median of a sample is a first guess; counts of what lies below two guesses around it narrow all lanes down at
    once, until few rows are left to choose from. A lane that does not narrow (many equal values) is done by itself.
    """
    few = _SAMPLE // 4 + count // 256
    low, high = np.zeros(block.shape[1], block.dtype), np.zeros(block.shape[1], block.dtype)
    below, upto = np.zeros(block.shape[1], np.int64), np.full(block.shape[1], count)
    if count > 4 * _SAMPLE:
        _bracket(block, place, count, used, few, low, high, below, upto)
    kept, found = np.empty((block.shape[1], few), block.dtype), np.zeros(block.shape[1], np.intp)
    for lane in range(block.shape[1]):
        if lane >= used or upto[lane] - below[lane] > few:
            high[lane] = low[lane]
    _collect(block, place, count, low, high, kept, found)
    for lane in range(used):
        if found[lane]:
            noise[lane] = middle(kept[lane, : found[lane]], count // 2 - below[lane], count % 2) / NORMAL_MAD
        else:
            column = np.empty(count, block.dtype)
            for i in range(count):
                column[i] = abs(block[place + i, lane])
            noise[lane] = middle(column, count // 2, count % 2) / NORMAL_MAD


@compiled()
def _bracket(
    block: Values, place: int, count: int, used: int, few: int, low: Values, high: Values, below: Values, upto: Values
) -> None:
    """Narrow the values that the middle ranks lie in, with the counts of magnitudes less than both ends."""
    first, second = np.zeros(block.shape[1], block.dtype), np.zeros(block.shape[1], block.dtype)
    sample = np.empty(_SAMPLE, block.dtype)
    for lane in range(used):
        for i in range(_SAMPLE):
            sample[i] = abs(block[place + i * (count // _SAMPLE), lane])
        guess = middle(sample, _SAMPLE // 2, 0)
        first[lane], second[lane] = guess * (1 - _WIDTH), guess * (1 + _WIDTH)
        high[lane] = np.inf
    half, lowest = count // 2, (count - 1) // 2
    counts = np.zeros((2, block.shape[1]), np.int64)
    for _ in range(_PASSES):
        _count(block, place, count, first, second, counts)
        wide = False
        for lane in range(used):
            for k in range(2):
                guess, less = (second if k else first)[lane], counts[k, lane]
                if below[lane] <= less <= lowest:
                    low[lane], below[lane] = guess, less
                elif half < less <= upto[lane]:
                    high[lane], upto[lane] = guess, less
            inside = upto[lane] - below[lane]
            wide |= inside > few
            slope, margin = (high[lane] - low[lane]) / inside, few / 4
            first[lane] = low[lane] + slope * (half - below[lane] - margin)
            second[lane] = low[lane] + slope * (half - below[lane] + margin)
            if high[lane] == np.inf:
                first[lane], second[lane] = 1.2 * low[lane], 2 * low[lane]
        if not wide:
            break


@compiled()
def _count(block: Values, place: int, count: int, first: Values, second: Values, counts: Values) -> None:
    """Count the magnitudes of each lane that are less than its two guesses."""
    zero, one = spread(block.dtype.type(0)), spread(block.dtype.type(1))
    a, b = load(first, 0), load(second, 0)
    part = np.empty((2, block.shape[1]), block.dtype)
    counts[:] = 0
    for begin in range(place, place + count, _EXACT):
        m, n = zero, zero
        for i in range(begin, min(begin + _EXACT, place + count)):
            x = magnitude(load(block, i))
            m = m + beyond(a, x, one)
            n = n + beyond(b, x, one)
        store(part, 0, m)
        store(part, 1, n)
        for k in range(2):
            for lane in range(block.shape[1]):
                counts[k, lane] += np.int64(part[k, lane])


@compiled()
def _collect(block: Values, place: int, count: int, low: Values, high: Values, kept: Values, found: Values) -> None:
    """Collect the magnitudes of each lane with low <= magnitude < high."""
    a, b = load(low, 0), load(high, 0)
    for i in range(place, place + count):
        inside = lanes_within(magnitude(load(block, i)), a, b)
        lane = 0
        while inside:
            if inside & 1:
                kept[lane, found[lane]] = abs(block[i, lane])
                found[lane] += 1
            inside >>= 1
            lane += 1
