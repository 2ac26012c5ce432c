"""Compiled stages that run many signals side by side, one in each lane of the processor's vectors.

A recursive filter cannot be vectorized along time, because every sample needs the one before; across signals it can.
Signals are turned into blocks of shape (samples, lanes), 16 lanes of float32 or 8 of float64, treated there and turned
back. A block has ``lead`` spare rows before and after its ``size`` samples. The loops release the interpreter lock.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.compiled import compiled
from biomech_xr.process.engine.vectors import (
    load,
    load_wide,
    magnitude,
    narrow,
    root,
    spread,
    spread_wide,
    store,
    widen,
)

Values = npt.NDArray[Any]

_TILE: Final = 128
_COLUMN: Final = 64
_HALF: Final = 8


@compiled()
def load_lanes(values: Values, rows: Values, start: int, offset: Values, block: Values, lead: int, size: int) -> None:
    """Copy ``size`` samples of rows of ``values`` (m, n), less their offset, into lanes of a block; the rest is 0."""
    used = len(rows)
    if used < block.shape[1]:
        block[lead : lead + size, used:] = 0
    for begin in range(0, size, _COLUMN):
        end = min(begin + _COLUMN, size)
        for lane in range(used):
            source, column = values[rows[lane], start + begin : start + end], block[lead + begin : lead + end, lane]
            less = offset[lane]
            for i in range(len(source)):
                column[i] = source[i] - less


@compiled()
def store_lanes(block: Values, lead: int, size: int, out: Values, rows: Values, start: int, scale: Values) -> None:
    """Write the samples of a block, times the scale of each lane, to rows of ``out`` (m, n) from ``start`` on."""
    for begin in range(0, size, _COLUMN):
        end = min(begin + _COLUMN, size)
        for lane in range(len(rows)):
            column, target = block[lead + begin : lead + end, lane], out[rows[lane], start + begin : start + end]
            factor = scale[lane]
            for i in range(len(target)):
                target[i] = column[i] * factor


@compiled()
def filter_rows(
    block: Values,
    lead: int,
    size: int,
    sections: Values,
    initial: Values,
    wide: int,
    length: int,
    padding: int,
    both: int,
) -> None:
    """Filter a block in place, forward or forward and backward.

    Parameters
    ----------
    sections
        float64 coefficients b0, b1, b2, a1, a2 of each section, (sections, 5).
    initial
        float64 steady state for a unit step, shape (sections, 2), as `scipy.signal.sosfilt_zi` returns it.
    wide
        The first so many sections run in float64 whatever the block is; the number of the others is even.
    length
        Rows of padding at both ends, at most ``lead`` and less than ``size``.
    padding
        1 mirrors the signal about its first and last sample, -1 turns it by half a turn about them.
    """
    begin, end = lead, lead + size - 1
    factor, rest = spread(block.dtype.type(padding)), spread(block.dtype.type(1 - padding))
    for i in range(1, length + 1):
        store(block, begin - i, factor * load(block, begin + i) + rest * load(block, begin))
        store(block, end + i, factor * load(block, end - i) + rest * load(block, end))
    state = np.empty((2 * wide, block.shape[1]))
    rows = np.empty((2 * (len(sections) - wide), block.shape[1]), block.dtype)
    factors = sections[wide:].astype(block.dtype)
    total = size + 2 * length
    for turn in range(1 + both):
        place, step = (end + length, -1) if turn else (begin - length, 1)
        first = block[place]
        for k in range(len(sections)):
            for lane in range(block.shape[1]):
                for part in range(2):
                    if k < wide:
                        state[2 * k + part, lane] = initial[k, part] * first[lane]
                    else:
                        rows[2 * (k - wide) + part, lane] = initial[k, part] * first[lane]
        _cascade(block, place, step, total, sections, wide, state, factors, rows)


@compiled()
def _cascade(
    block: Values,
    place: int,
    step: int,
    left: int,
    sections: Values,
    wide: int,
    state: Values,
    factors: Values,
    rows: Values,
) -> None:
    """Filter in place; a stretch that fits the cache runs through all sections before the next one."""
    while left > 0:
        count = min(_TILE, left)
        for section in range(0, wide - 1, 2):
            for half in range(block.shape[1] // _HALF):
                _two_wide(block, place, step, count, sections, state, section, half)
        if wide % 2:
            _one(block, place, step, count, sections, state, wide - 1)
        for section in range(0, len(factors), 2):
            _two(block, place, step, count, factors, rows, section)
        place += count * step
        left -= count


@compiled()
def _one(block: Values, place: int, step: int, count: int, sections: Values, state: Values, k: int) -> None:
    """Run a section over rows in float64."""
    like = load(block, place)
    b0, b1 = spread_wide(sections[k, 0], like), spread_wide(sections[k, 1], like)
    b2, a1 = spread_wide(sections[k, 2], like), spread_wide(sections[k, 3], like)
    a2 = spread_wide(sections[k, 4], like)
    s, t = load_wide(state, 2 * k, like), load_wide(state, 2 * k + 1, like)
    for _ in range(count):
        x = widen(load(block, place))
        y = b0 * x + s
        s = (b1 * x + t) - a1 * y
        t = b2 * x - a2 * y
        store(block, place, narrow(y, like))
        place += step
    store(state, 2 * k, s)
    store(state, 2 * k + 1, t)


@compiled()
def _two_wide(
    block: Values, place: int, step: int, count: int, sections: Values, state: Values, k: int, half: int
) -> None:
    """Run two sections over eight of the lanes in float64, the second one row behind the first."""
    halves, like = block.shape[1] // _HALF, load(state, 0)
    at, step = halves * place + half, halves * step
    b0, b1, b2 = spread(sections[k, 0]), spread(sections[k, 1]), spread(sections[k, 2])
    a1, a2 = spread(sections[k, 3]), spread(sections[k, 4])
    d0, d1, d2 = spread(sections[k + 1, 0]), spread(sections[k + 1, 1]), spread(sections[k + 1, 2])
    c1, c2 = spread(sections[k + 1, 3]), spread(sections[k + 1, 4])
    first = 2 * k * halves + half
    s, t = load(state, first), load(state, first + halves)
    u, v = load(state, first + 2 * halves), load(state, first + 3 * halves)
    short = load_wide(block, at, like)
    x = widen(short)
    y = b0 * x + s
    s = (b1 * x + t) - a1 * y
    t = b2 * x - a2 * y
    for _ in range(count - 1):
        z = d0 * y + u
        u = (d1 * y + v) - c1 * z
        v = d2 * y - c2 * z
        store(block, at, narrow(z, short))
        at += step
        x = widen(load_wide(block, at, like))
        y = b0 * x + s
        s = (b1 * x + t) - a1 * y
        t = b2 * x - a2 * y
    z = d0 * y + u
    store(block, at, narrow(z, short))
    store(state, first, s)
    store(state, first + halves, t)
    store(state, first + 2 * halves, (d1 * y + v) - c1 * z)
    store(state, first + 3 * halves, d2 * y - c2 * z)


@compiled()
def _two(block: Values, place: int, step: int, count: int, sections: Values, state: Values, k: int) -> None:
    """Run two sections over rows, the second one row behind the first: neither waits for the other."""
    b0, b1, b2 = spread(sections[k, 0]), spread(sections[k, 1]), spread(sections[k, 2])
    a1, a2 = spread(sections[k, 3]), spread(sections[k, 4])
    d0, d1, d2 = spread(sections[k + 1, 0]), spread(sections[k + 1, 1]), spread(sections[k + 1, 2])
    c1, c2 = spread(sections[k + 1, 3]), spread(sections[k + 1, 4])
    s, t = load(state, 2 * k), load(state, 2 * k + 1)
    u, v = load(state, 2 * k + 2), load(state, 2 * k + 3)
    x = load(block, place)
    y = b0 * x + s
    s = (b1 * x + t) - a1 * y
    t = b2 * x - a2 * y
    for _ in range(count - 1):
        z = d0 * y + u
        u = (d1 * y + v) - c1 * z
        v = d2 * y - c2 * z
        store(block, place, z)
        place += step
        x = load(block, place)
        y = b0 * x + s
        s = (b1 * x + t) - a1 * y
        t = b2 * x - a2 * y
    z = d0 * y + u
    store(block, place, z)
    store(state, 2 * k, s)
    store(state, 2 * k + 1, t)
    store(state, 2 * k + 2, (d1 * y + v) - c1 * z)
    store(state, 2 * k + 3, d2 * y - c2 * z)


@compiled()
def add_row(block: Values, lead: int, size: int, row: Values) -> None:
    """Add a value to each lane."""
    more = load(row, 0)
    for i in range(lead, lead + size):
        store(block, i, load(block, i) + more)


@compiled()
def center_rows(block: Values, lead: int, size: int) -> None:
    """Subtract the mean of each lane."""
    total = np.zeros(block.shape[1])
    part = np.empty(block.shape[1], block.dtype)
    for begin in range(lead, lead + size, _TILE):
        sums = load(block, begin)
        for i in range(begin + 1, min(begin + _TILE, lead + size)):
            sums = sums + load(block, i)
        store(part, 0, sums)
        for lane in range(len(part)):
            total[lane] += part[lane]
    for lane in range(len(part)):
        part[lane] = -total[lane] / size
    add_row(block, lead, size, part)


@compiled()
def rectify_rows(block: Values, lead: int, size: int) -> None:
    """Take the absolute value."""
    for i in range(lead, lead + size):
        store(block, i, magnitude(load(block, i)))


@compiled()
def energy_rows(block: Values, lead: int, size: int, late: int) -> None:
    """Take the Teager-Kaiser energy, one row late or not; the signal is constant beyond its ends."""
    last = lead + size - 1
    before, now = load(block, lead), load(block, lead)
    for i in range(lead, lead + size):
        after = load(block, i if late else min(i + 1, last))
        store(block, i, now * now - before * after)
        before, now = now, after


@compiled()
def rms_rows(block: Values, lead: int, size: int, samples: int, ahead: int, spare: Values) -> None:
    """Take the root mean square over ``samples`` rows, the last of them ``ahead``; at the ends over those there are.

    Stretches of ``samples`` rows are summed from both ends, so that a window is the sum of the end of one stretch and
    the begin of the next: nothing is ever subtracted.
    """
    for begin in range(0, size, samples):
        end = min(begin + samples, size)
        sums = spread(block.dtype.type(0))
        for i in range(end - 1, begin - 1, -1):
            value = load(block, lead + i)
            sums = sums + value * value
            store(spare, i, sums)
        sums = spread(block.dtype.type(0))
        for i in range(begin, end):
            value = load(block, lead + i)
            sums = sums + value * value
            store(block, lead + i, sums)
    for i in range(size):
        low, high = max(i + ahead + 1 - samples, 0), min(i + ahead, size - 1)
        if low % samples == 0:
            sums = load(block, lead + high)
        elif low // samples == high // samples:
            sums = load(spare, low)
        else:
            sums = load(spare, low) + load(block, lead + high)
        store(block, lead + i, root(sums / spread(block.dtype.type(high + 1 - low))))
