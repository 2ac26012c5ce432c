"""The compiled loop that lays the other leg's states onto the instants of this one's samples."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.compiled import compiled
from biomech_xr.load.blocks.block import COMPONENTS, STATE
from biomech_xr.schema import BEFORE

Array = npt.NDArray[Any]

WIDTH: Final = STATE + 1
"""Values of one instant: the state, then its age in s."""
OWN: Final = ("begin", "numerator", "denominator", "samples", "first", "stop")
"""Columns of this leg's strides: contact (s), spacing as a fraction, samples, and the strides of the other leg."""
OTHER: Final = ("begin", "duration", "step", "samples", "slot", "delay")
"""Columns of the other leg's strides, in order of time: contact, duration, spacing (s), samples, place in memory."""

_STATE, _WIDTH, _COMPONENTS, _BEFORE = STATE, WIDTH, COMPONENTS, BEFORE
_SAME = 1e-9  # s: nearer than this to a contact is the contact
_SNAP = 1e-6  # samples: nearer than this to a sample is on it


def _states(own: Array, other: Array, angles: Array, out: Array) -> None:
    """Write the last stored state at or before each sample of a stride: float32 (S, P, WIDTH), NaN where there is none.

    `own` (S, ...) and `other` (O, ...) are float64; `angles` (R, L, J) float32 begin `BEFORE` samples before contact.
    """
    for s in range(own.shape[0]):
        begin, numerator, denominator = own[s, 0], own[s, 1], own[s, 2]
        c, stop = int(own[s, 4]), int(own[s, 5])
        out[s] = np.nan
        for k in range(int(own[s, 3])):
            now = begin + k * numerator / denominator
            while c < stop and now >= other[c, 0] + other[c, 1] - _SAME:
                c += 1
            if c == stop:
                break
            past = now - other[c, 0]
            if past < -_SAME:
                continue
            j = min(max(math.floor(past / other[c, 2] + _SNAP), 0), int(other[c, 3]) - 1)
            row, rate = angles[int(other[c, 4])], 1.0 / other[c, 2]
            for i in range(_COMPONENTS):
                here = np.float64(row[_BEFORE + j, i])
                back = np.float64(row[_BEFORE + j - 1, i])
                older = np.float64(row[_BEFORE + j - 2, i])
                out[s, k, i] = here
                out[s, k, i + _COMPONENTS] = (here - back) * rate
                out[s, k, i + 2 * _COMPONENTS] = (here - 2.0 * back + older) * rate * rate
            out[s, k, _STATE] = max(past - j * other[c, 2], 0.0) + other[c, 5]


fill_states = compiled()(_states)
