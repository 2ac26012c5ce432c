"""The compiled loops of the loader: they release the interpreter lock and fill a whole batch in one call.

The strides of a batch lie in several blocks. A loop gets them as a table of int64, one row a block, whose columns are
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

from biomech_xr import vocabulary as words
from biomech_xr.compiled import compiled
from biomech_xr.load.pointers import float32_at, float64_at, int16_at, int64_at, prefetch
from biomech_xr.schema import BEFORE, HISTORY
from biomech_xr.store.encoding import MISSING, SCALE
from biomech_xr.window.index import EMG_RATE

Array = npt.NDArray[Any]

CHANNELS: Final = len(words.MUSCLES)
COMPONENTS: Final = len(words.JOINTS) * len(words.MOTIONS)
STATE: Final = 3 * COMPONENTS
"""Kinematic state: angles (degree), then velocities (degree/s), then accelerations (degree/s2)."""

BLOCK_COLUMNS: Final = ("emg", "angles", "torque", "floats", "ints", "time", "samples", "moments", "base")
FLOATS: Final = ("numerator", "denominator", "step", "fraction", "horizon", "duration", "next_duration", "delay")
INTS: Final = ("windows_before", "first", "hop", "ahead", "activity", "person", "row", "dataset")
PLACE: Final = ("stride", "emg_end", "sample", "ahead")
EXACT: Final = ("fraction", "step")

_CONTACT: Final = 1e-9  # s: nearer than this to the next contact is the contact

_EMG_AT, _ANGLES, _TORQUE, _FLOATS, _INTS, _TIME, _SAMPLES, _MOMENTS, _BASE = range(len(BLOCK_COLUMNS))
_NUMERATOR, _DENOMINATOR, _STEP, _FRACTION, _HORIZON, _DURATION, _NEXT, _DELAY = range(len(FLOATS))
_WINDOWS, _FIRST, _HOP, _AHEAD, _ACTIVITY, _PERSON, _ROW, _DATASET = range(len(INTS))
_F, _I, _P = len(FLOATS), len(INTS), len(PLACE)
_CHANNELS, _COMPONENTS, _STATE = CHANNELS, COMPONENTS, STATE
_HISTORY, _BEFORE, _RATE, _SCALE, _MISSING = HISTORY, BEFORE, EMG_RATE, SCALE, MISSING
_LINE = 32  # codes in a line of the processor's cache
_MOST = 2**30  # values behind an address: more than any block has, so that slices are not cut short


def _places(
    table: Array, block: Array, offset: Array, place: Array, exact: Array,
    phase: Array, target: Array, known: Array, horizon: Array, age: Array, spacing: Array,
    dataset: Array, activity: Array, person: Array, stride: Array, sample: Array,
) -> None:  # fmt: skip
    """Find window ``offset[i]`` of block ``block[i]`` of the table: its place (`PLACE`, `EXACT`), phase and labels."""
    s = 0
    for i in range(block.size):
        row = table[block[i]]
        ints = numba.carray(int64_at(row[_INTS]), _MOST)
        floats = numba.carray(float64_at(row[_FLOATS]), _MOST)
        if i == 0 or block[i] != block[i - 1] or offset[i] < offset[i - 1]:
            s = 0
        while offset[i] >= ints[(s + 1) * _I + _WINDOWS]:
            s += 1
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


def _scaled(source: Array, target: Array) -> bool:
    """Write codes as float32 EMG and return whether all of them are measured: `MISSING` is the least code."""
    least = np.int16(0)
    for j in range(target.size):
        code = source[j]
        least = min(least, code)
        target[j] = np.float32(code) * _SCALE
    return bool(least != _MISSING)


def _copied(source: Array, target: Array) -> bool:
    """Write codes as they are and return whether all of them are measured."""
    least = np.int16(0)
    for j in range(target.size):
        code = source[j]
        least = min(least, code)
        target[j] = code
    return bool(least != _MISSING)


def _emg(table: Array, block: Array, place: Array, window: int, codes: bool, out: Array, mask: Array) -> None:  # noqa: FBT001
    """Cut EMG as float32, or as codes; `out` is float32 or int16.

    Channels of a stride lie too far apart for the processor to guess, so those of the next window are asked for while
    those of this one are written: that makes this loop two to three times as fast.
    """
    for i in range(block.size):
        following = min(i + 1, block.size - 1)
        row, ahead = table[block[i]], table[block[following]]
        emg, soon = numba.carray(int16_at(row[_EMG_AT]), _MOST), numba.carray(int16_at(ahead[_EMG_AT]), _MOST)
        first, later = place[i, 1] - window + 1, max(place[following, 1] - window + 1, 0)
        for c in range(_CHANNELS):
            place_soon = (place[following, 0] * _CHANNELS + c) * ahead[_TIME] + later
            for j in range(0, window + _LINE, _LINE):
                prefetch(soon, place_soon + j)
            here = (i * _CHANNELS + c) * window
            target = out[here : here + window]
            measured = first >= 0
            if measured:
                start = (place[i, 0] * _CHANNELS + c) * row[_TIME] + first
                source = emg[start : start + window]
                measured = _copied_compiled(source, target) if codes else _scaled_compiled(source, target)
            if not measured:
                target[:] = 0
            mask[i * _CHANNELS + c] = measured


def _least(codes: Array) -> int:
    """Return the least code, 0 if all are positive."""
    least = np.int16(0)
    for j in range(codes.size):
        least = min(least, codes[j])
    return int(least)


def _measured(emg: Array, size: int, floats: Array, window: int, points: int, out: Array) -> None:
    """Say for each stride, kinematic sample and channel whether every sample of the window there is measured."""
    for s in range(floats.shape[0]):
        for c in range(_CHANNELS):
            codes = emg[(s * _CHANNELS + c) * size : (s * _CHANNELS + c + 1) * size]
            start, stop = 0, size
            while start < size and codes[start] == _MISSING:
                start += 1
            while stop > start and codes[stop - 1] == _MISSING:
                stop -= 1
            gaps = _least_compiled(codes[start:stop]) == _MISSING
            missing, place = start - 1, start
            for k in range(points):
                end = _HISTORY + math.floor(_RATE * (k * floats[s, _NUMERATOR] / floats[s, _DENOMINATOR]) + 1e-6)
                while gaps and place <= min(end, stop - 1):
                    if codes[place] == _MISSING:
                        missing = place
                    place += 1
                first = end - window + 1
                out[(s * points + k) * _CHANNELS + c] = first >= 0 and first > missing and end < stop


def _kept(value: Any, out: Array, mask: Array, k: int) -> None:
    """Write a value, or 0 with mask false where it is not finite."""
    good = np.isfinite(value)
    mask[k] = good
    out[k] = np.float32(value) if good else np.float32(0)


def _state(angles: Array, here: int, rate: float, part: float, out: Array, mask: Array, to: int) -> None:
    """Write angles, velocities and accelerations (backward differences) at a row, or ``part`` of the way to the next.

    Interpolating differences is the difference of interpolated angles, so four rows of angles are all that is needed.
    """
    for c in range(_COMPONENTS):
        place = here + c
        now = np.float64(angles[place])
        back = np.float64(angles[place - _COMPONENTS])
        older = np.float64(angles[place - 2 * _COMPONENTS])
        velocity, acceleration = now - back, now - 2.0 * back + older
        if part > 0.0:
            following = np.float64(angles[place + _COMPONENTS])
            velocity += part * (following - now - velocity)
            acceleration += part * (following - 2.0 * now + back - acceleration)
            now += part * (following - now)
        _kept_compiled(now, out, mask, to + c)
        _kept_compiled(velocity * rate, out, mask, to + c + _COMPONENTS)
        _kept_compiled(acceleration * rate * rate, out, mask, to + c + 2 * _COMPONENTS)


def _joints(
    table: Array, block: Array, place: Array, exact: Array,
    state: Array, state_mask: Array, target: Array, target_mask: Array, torque: Array, torque_mask: Array,
) -> None:  # fmt: skip
    """Cut states at the window and at its target, and torque at the target."""
    for i in range(block.size):
        row = table[block[i]]
        angles = numba.carray(float32_at(row[_ANGLES]), _MOST)
        moments = numba.carray(float32_at(row[_TORQUE]), _MOST)
        s, k, part, rate = place[i, 0], place[i, 2], exact[i, 0], 1.0 / exact[i, 1]
        here = (s * row[_SAMPLES] + _BEFORE + k) * _COMPONENTS
        _state_compiled(angles, here, rate, 0.0, state, state_mask, i * _STATE)
        here += place[i, 3] * _COMPONENTS
        _state_compiled(angles, here, rate, part, target, target_mask, i * _STATE)
        here = (s * row[_MOMENTS] + k + place[i, 3]) * _COMPONENTS
        for c in range(_COMPONENTS):
            value = np.float64(moments[here + c])
            if part > 0.0:
                value += part * (np.float64(moments[here + _COMPONENTS + c]) - value)
            _kept_compiled(value, torque, torque_mask, i * _COMPONENTS + c)


_kept_compiled = compiled(inline="always")(_kept)
_state_compiled = compiled()(_state)
_least_compiled = compiled()(_least)
find_measured = compiled()(_measured)
fill_places = compiled()(_places)
_scaled_compiled = compiled()(_scaled)
_copied_compiled = compiled()(_copied)
fill_emg = compiled()(_emg)
fill_joints = compiled()(_joints)
