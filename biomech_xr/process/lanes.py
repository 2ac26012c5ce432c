"""Compiled filters that run sixteen signals side by side, one in each lane of the processor's vectors.

A recursive filter cannot be vectorized along time, because every sample needs the one before; across channels it can.
Signals are turned into blocks of shape (samples, `LANES`), filtered there in float64 and turned back. The results are
those of `scipy.signal.sosfilt` and `sosfiltfilt` to rounding. The loops release the interpreter lock.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from biomech_xr.process.compiled import compiled

Array = npt.NDArray[np.float64]

LANES: Final = 16
_BLOCK: Final = 256
_FAST: Final = {"contract", "nsz"}
_PADDINGS: Final = {"none": 0, "even": 1, "odd": -1}


def filter_forward(values: npt.NDArray[Any], sections: Array, initial: Array) -> Array:
    """Return signals (m, n) filtered forward by second-order sections, started in the steady state of their first.

    Parameters
    ----------
    values
        Finite signals, shape (m, n).
    sections
        Shape (sections, 6), leading coefficient of each denominator 1.
    initial
        Steady state for a unit step, shape (sections, 2), as `scipy.signal.sosfilt_zi` returns it.
    """
    out = np.empty(values.shape)
    _filter(values, sections, initial, 0, 0, False, out)  # noqa: FBT003 - compiled functions take no keywords here
    return out


def filter_both(
    values: npt.NDArray[Any], sections: Array, initial: Array, *, padding: Literal["even", "odd"], length: int
) -> Array:
    """Return signals (m, n) filtered forward and backward, with ``length`` samples of padding at both ends.

    Parameters are those of `filter_forward`; ``length`` is less than n.
    """
    out = np.empty(values.shape)
    _filter(values, sections, initial, _PADDINGS[padding], length, True, out)  # noqa: FBT003
    return out


@compiled()
def load_lanes(values: npt.NDArray[Any], first: int, block: Array, lead: int) -> None:
    """Copy signals of ``values`` (m, n) from ``first`` on into the rows of a block after ``lead``, 0 in idle lanes."""
    count, size = values.shape
    used = min(LANES, count - first)
    if used < LANES:
        block[:, used:] = 0.0
    for begin in range(0, size, _BLOCK):
        for lane in range(used):
            for i in range(begin, min(begin + _BLOCK, size)):
                block[lead + i, lane] = values[first + lane, i]


@compiled()
def store_lanes(block: Array, lead: int, out: Array, first: int) -> None:
    """Copy the rows of a block after ``lead`` back into signals of ``out`` (m, n), from signal ``first`` on."""
    count, size = out.shape
    for begin in range(0, size, _BLOCK):
        for lane in range(min(LANES, count - first)):
            for i in range(begin, min(begin + _BLOCK, size)):
                out[first + lane, i] = block[lead + i, lane]


@compiled()
def _filter(
    values: npt.NDArray[Any],
    sections: Array,
    initial: Array,
    padding: int,
    length: int,
    both: bool,  # noqa: FBT001 - as above
    out: Array,
) -> None:
    count, size = values.shape
    block = np.zeros((size + 2 * length, LANES))
    state = np.empty((sections.shape[0], 2, LANES))
    for first in range(0, count, LANES):
        load_lanes(values, first, block, length)
        _pad(block, size, length, padding)
        _start(state, initial, block[0])
        _cascade(block, sections, state, 0, 1)
        if both:
            _start(state, initial, block[-1])
            _cascade(block, sections, state, len(block) - 1, -1)
        store_lanes(block, length, out, first)


@compiled()
def _pad(block: Array, size: int, length: int, padding: int) -> None:
    """Mirror the signal about its first and last sample; with ``padding`` -1 turn it by half a turn about them."""
    begin, end = length, length + size - 1
    for i in range(1, length + 1):
        for lane in range(LANES):
            block[begin - i, lane] = padding * block[begin + i, lane] + (1 - padding) * block[begin, lane]
            block[end + i, lane] = padding * block[end - i, lane] + (1 - padding) * block[end, lane]


@compiled()
def _start(state: Array, initial: Array, row: Array) -> None:
    for section in range(initial.shape[0]):
        for k in range(2):
            for lane in range(LANES):
                state[section, k, lane] = initial[section, k] * row[lane]


@compiled(fastmath=_FAST)
def _cascade(block: Array, sections: Array, state: Array, start: int, step: int) -> None:
    """Filter in place; a stretch that fits the cache runs through all sections before the next one."""
    left = len(block)
    while left > 0:
        count = min(_BLOCK, left)
        for section in range(sections.shape[0]):
            b0, b1, b2 = sections[section, 0], sections[section, 1], sections[section, 2]
            a1, a2 = sections[section, 4], sections[section, 5]
            one, two = state[section, 0], state[section, 1]
            place = start
            for _ in range(count):
                row = block[place]
                for lane in range(LANES):
                    value = row[lane]
                    fresh = b0 * value + one[lane]
                    one[lane] = b1 * value - a1 * fresh + two[lane]
                    two[lane] = b2 * value - a2 * fresh
                    row[lane] = fresh
                place += step
        start += count * step
        left -= count
