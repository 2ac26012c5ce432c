"""The compiled loops of the loader: they release the interpreter lock and fill whole batches in one call.

Their strides lie in several blocks. A loop gets them as a table of int64, one row a block, whose columns are
the addresses and sizes of `BLOCK_COLUMNS`; the caller keeps the blocks alive. Index arithmetic is flat on purpose: it
is three times as fast here as indexing by dimension.

Legend of shapes: N windows, C EMG channels, W EMG samples of a window, J joint components, S strides of a block,
T stored EMG samples, L kinematic samples with those before and after the stride, M moments with those after it.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt

from biomech_xr.compiled import compiled
from biomech_xr.load.blocks.block import CHANNELS, COMPONENTS, FLOATS, INTS, STATE
from biomech_xr.load.cut.joints import keep_row, keep_state
from biomech_xr.load.cut.moving import LANES, move_row
from biomech_xr.load.cut.pointers import byte_at, float32_at, float64_at, int16_at, int64_at, prefetch, values_of
from biomech_xr.schema import BEFORE, HISTORY
from biomech_xr.window.index import EMG_RATE

Array = npt.NDArray[Any]

BLOCK_COLUMNS: Final = (
    "emg", "measured", "angles", "torque", "floats", "ints", "time", "points", "samples", "moments", "base",
    "strides",
)  # fmt: skip
PLACE: Final = ("stride", "emg_end", "sample", "ahead")
EXACT: Final = ("fraction", "step")

_CONTACT: Final = 1e-9  # s: nearer than this to the next contact is the contact

_EMG_AT, _MEASURED, _ANGLES, _TORQUE, _FLOATS, _INTS, _TIME, _POINTS, _SAMPLES, _MOMENTS, _BASE, _STRIDES = range(
    len(BLOCK_COLUMNS)
)
_NUMERATOR, _DENOMINATOR, _STEP, _FRACTION, _HORIZON, _DURATION, _NEXT, _DELAY = range(len(FLOATS))
_WINDOWS, _FIRST, _HOP, _AHEAD, _ACTIVITY, _PERSON, _ROW, _DATASET = range(len(INTS))
_F, _I, _P = len(FLOATS), len(INTS), len(PLACE)
_CHANNELS, _COMPONENTS, _STATE = CHANNELS, COMPONENTS, STATE
_HISTORY, _BEFORE, _RATE = HISTORY, BEFORE, EMG_RATE
_LANES, _CODE, _FLOAT, _LINE = LANES, 2, 4, 64  # bytes of an EMG code, a float32, and a line of the cache
_CODES = _LINE // _CODE
_MOST = 2**30  # values behind an address: more than any block has, so that slices are not cut short


def _places(
    table: Array, block: Array, offset: Array, place: Array, exact: Array,
    phase: Array, target: Array, known: Array, horizon: Array, age: Array, spacing: Array,
    dataset: Array, activity: Array, person: Array, stride: Array, sample: Array,
) -> None:  # fmt: skip
    """Find windows: place (`PLACE`, `EXACT`), phase and labels.

    Window i is number ``offset[i]`` of the block in row ``block[i]`` of the table.
    """
    for i in range(len(block)):
        row = table[block[i]]
        ints = numba.carray(int64_at(row[_INTS]), _MOST)
        floats = numba.carray(float64_at(row[_FLOATS]), _MOST)
        s, after = 0, row[_STRIDES]
        while after - s > 1:  # the last stride that begins with this window or one before it
            middle = (s + after) // 2
            if ints[middle * _I + _WINDOWS] <= offset[i]:
                s = middle
            else:
                after = middle
        facts, labels = floats[s * _F : (s + 1) * _F], ints[s * _I : (s + 1) * _I]
        k = labels[_FIRST] + labels[_HOP] * (offset[i] - labels[_WINDOWS])
        time = k * facts[_NUMERATOR] / facts[_DENOMINATOR]
        place[i, 0] = row[_BASE] + s
        place[i, 1] = _HISTORY + math.floor(_RATE * time + 1e-6)
        place[i, 2] = k
        place[i, 3] = labels[_AHEAD]
        exact[i, 0] = facts[_FRACTION]
        exact[i, 1] = facts[_STEP]
        phase[i] = time / facts[_DURATION]
        past = time + facts[_HORIZON] - facts[_DURATION]
        if past < -_CONTACT:
            later = (time + facts[_HORIZON]) / facts[_DURATION]
        elif past <= _CONTACT:
            later = 0.0
        else:  # the next stride has a duration of its own; NaN where it is not known
            later = past / facts[_NEXT]
        known[i] = later < 1.0
        target[i, 0] = math.sin(2.0 * math.pi * later) if later < 1.0 else 0.0
        target[i, 1] = math.cos(2.0 * math.pi * later) if later < 1.0 else 0.0
        horizon[i] = facts[_HORIZON]
        age[i] = facts[_DELAY]
        spacing[i] = facts[_STEP]
        dataset[i] = labels[_DATASET]
        activity[i] = labels[_ACTIVITY]
        person[i] = labels[_PERSON]
        stride[i] = labels[_ROW]
        sample[i] = k


def _turns(table: Array, block: Array, place: Array) -> Array:
    """Return the windows stride by stride: those of one stride share most of their samples."""
    first = np.zeros(len(table) + 1, dtype=np.int64)
    for row in range(len(table)):
        first[row + 1] = first[row] + table[row, _STRIDES]
    start = np.zeros(first[-1] + 1, dtype=np.int64)
    for i in range(len(block)):
        start[first[block[i]] + place[i, 0] + 1] += 1
    for stride in range(len(start) - 1):
        start[stride + 1] += start[stride]
    turn = np.empty(len(block), dtype=np.int64)
    for i in range(len(block)):
        stride = first[block[i]] + place[i, 0]
        turn[start[stride]] = i
        start[stride] += 1
    return turn


def _emg(table: Array, block: Array, place: Array, turn: Array, window: int, out: Array, mask: Array) -> None:
    """Cut EMG of windows in the order of their turns as float32, or as codes where ``out`` is int16.

    Channels of a stride lie too far apart for the processor to guess, so those of the next window are asked for while
    those of this one are written: that makes this loop two to three times as fast.
    """
    target, address = values_of(out), np.int64(out.ctypes.data) // out.itemsize
    for n in range(len(turn)):
        i, following = turn[n], turn[min(n + 1, len(turn) - 1)]
        here, ahead = block[i], block[following]
        emg = int16_at(table[here, _EMG_AT])
        measured = byte_at(table[here, _MEASURED] + (place[i, 0] * table[here, _POINTS] + place[i, 2]) * _CHANNELS)
        step, soon_step = table[here, _TIME], table[ahead, _TIME]
        first = place[i, 0] * _CHANNELS * step + place[i, 1] - window + 1
        soon = place[following, 0] * _CHANNELS * soon_step + max(place[following, 1] - window + 1, 0)
        for c in range(_CHANNELS):
            for j in range(0, window + _CODES, _CODES):
                prefetch(table[ahead, _EMG_AT] + _CODE * (soon + c * soon_step + j))
            to = (i * _CHANNELS + c) * window
            mask[i * _CHANNELS + c] = measured[c] != 0
            if measured[c] != 0:
                move_row(emg, first + c * step, target, to, window, min(-(address + to) & (_LANES - 1), window))
            else:
                for j in range(window):
                    target[to + j] = 0


def _kept(value: float, out: Array, mask: Array, k: int) -> None:
    """Write a value, or 0 with mask false where it is not finite."""
    good = abs(value) < np.inf
    mask[k] = good
    out[k] = np.float32(value if good else 0.0)


def _state_between(angles: Any, here: int, rate: float, part: float, out: Array, mask: Array, to: int) -> None:
    """Write the state ``part`` of the way from a row to the next.

    Interpolating differences is the difference of interpolated angles, so four rows of angles are all that is needed.
    """
    for c in range(_COMPONENTS):
        now = np.float64(angles[here + c])
        back = np.float64(angles[here + c - _COMPONENTS])
        older = np.float64(angles[here + c - 2 * _COMPONENTS])
        following = np.float64(angles[here + c + _COMPONENTS])
        velocity, acceleration = now - back, now - 2.0 * back + older
        velocity += part * (following - now - velocity)
        acceleration += part * (following - 2.0 * now + back - acceleration)
        _kept_compiled(now + part * (following - now), out, mask, to + c)
        _kept_compiled(velocity * rate, out, mask, to + c + _COMPONENTS)
        _kept_compiled(acceleration * rate * rate, out, mask, to + c + 2 * _COMPONENTS)


def _joints(
    table: Array, block: Array, place: Array, exact: Array, turn: Array,
    state: Array, state_mask: Array, target: Array, target_mask: Array, torque: Array, torque_mask: Array,
) -> None:  # fmt: skip
    """Cut states at windows, in the order of their turns, and at their targets, and torque at the targets.

    Rows of the window after the next are asked for meanwhile.
    """
    now, now_mask, then, then_mask, force, force_mask = (
        values_of(state), values_of(state_mask), values_of(target), values_of(target_mask),
        values_of(torque), values_of(torque_mask),
    )  # fmt: skip
    for n in range(len(turn)):
        i, later = turn[n], turn[min(n + 2, len(turn) - 1)]
        here, ahead = block[i], block[later]
        soon = place[later, 0] * table[ahead, _SAMPLES] + _BEFORE + place[later, 2] - 2
        _ask_compiled(table[ahead, _ANGLES], soon, 3)
        _ask_compiled(table[ahead, _ANGLES], soon + place[later, 3], 4)
        soon = place[later, 0] * table[ahead, _MOMENTS] + place[later, 2] + place[later, 3]
        _ask_compiled(table[ahead, _TORQUE], soon, 2)
        angles, moments = float32_at(table[here, _ANGLES]), float32_at(table[here, _TORQUE])
        s, k, part, rate = place[i, 0], place[i, 2], exact[i, 0], 1.0 / exact[i, 1]
        row = (s * table[here, _SAMPLES] + _BEFORE + k) * _COMPONENTS
        keep_state(angles, row, rate, now, now_mask, i * _STATE)
        row += place[i, 3] * _COMPONENTS
        there = (s * table[here, _MOMENTS] + k + place[i, 3]) * _COMPONENTS
        if part > 0.0:
            _between_compiled(angles, row, rate, part, target, target_mask, i * _STATE)
            for c in range(_COMPONENTS):
                value = np.float64(moments[there + c])
                value += part * (np.float64(moments[there + _COMPONENTS + c]) - value)
                _kept_compiled(value, torque, torque_mask, i * _COMPONENTS + c)
        else:
            keep_state(angles, row, rate, then, then_mask, i * _STATE)
            keep_row(moments, there, force, force_mask, i * _COMPONENTS)


def _ask(address: int, row: int, count: int) -> None:
    """Ask for so many rows of joint components."""
    first, size = address + _FLOAT * _COMPONENTS * row, _FLOAT * _COMPONENTS * count
    for j in range(0, size, _LINE):
        prefetch(first + j)
    prefetch(first + size - 1)


_kept_compiled = compiled(inline="always")(_kept)
_between_compiled = compiled()(_state_between)
_ask_compiled = compiled()(_ask)
fill_places = compiled()(_places)
find_turns = compiled()(_turns)
fill_emg = compiled()(_emg)
fill_joints = compiled()(_joints)
