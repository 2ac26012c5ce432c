"""Which windows of a stride are measured in which EMG channels, decided once for every stride that is read."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.compiled import compiled
from biomech_xr.load.blocks.block import CHANNELS, FLOATS
from biomech_xr.schema import HISTORY
from biomech_xr.store.encoding import MISSING
from biomech_xr.window.index import EMG_RATE

Array = npt.NDArray[Any]

_PIECE: Final = 64  # codes looked at in one go
_CHANNELS, _HISTORY, _RATE, _MISSING = CHANNELS, HISTORY, EMG_RATE, MISSING
_NUMERATOR, _DENOMINATOR = FLOATS.index("numerator"), FLOATS.index("denominator")


def _least(codes: Array) -> int:
    """Return the least code, 0 if all are positive; `MISSING` is less than all others."""
    least = np.int16(0)
    for j in range(codes.size):
        least = min(least, codes[j])
    return int(least)


def _nothing(codes: Array) -> bool:
    """Return whether all codes are missing."""
    most = np.int16(-32768)
    for j in range(codes.size):
        most = max(most, codes[j])
    return bool(most == _MISSING)


def _edges(codes: Array) -> tuple[int, int]:
    """Return the place of the first code that is not missing, and the place after the last."""
    start, stop = 0, codes.size
    while stop >= _PIECE and _nothing_compiled(codes[stop - _PIECE : stop]):
        stop -= _PIECE
    while stop > 0 and codes[stop - 1] == _MISSING:
        stop -= 1
    while start < stop and codes[start] == _MISSING:
        start += 1
    return start, stop


def _measured(emg: Array, size: int, floats: Array, window: int, points: int, out: Array) -> None:
    """Say for each stride, kinematic sample and channel whether every sample of the window there is measured."""
    ends = np.empty(points, dtype=np.int64)
    for s in range(floats.shape[0]):
        for k in range(points):
            time = k * floats[s, _NUMERATOR] / floats[s, _DENOMINATOR]
            ends[k] = _HISTORY + math.floor(_RATE * time + 1e-6)
        for c in range(_CHANNELS):
            codes = emg[(s * _CHANNELS + c) * size : (s * _CHANNELS + c + 1) * size]
            start, stop = _edges_compiled(codes)
            here = s * points * _CHANNELS + c
            for k in range(points):
                out[here + k * _CHANNELS] = ends[k] - window + 1 >= start and ends[k] < stop
            if _least_compiled(codes[start:stop]) != _MISSING:
                continue
            missing, place = start - 1, start
            for k in range(points):
                while place <= min(ends[k], stop - 1):
                    if codes[place] == _MISSING:
                        missing = place
                    place += 1
                if ends[k] - window + 1 <= missing:
                    out[here + k * _CHANNELS] = False


def find_measured(
    emg: npt.NDArray[np.int16], floats: npt.NDArray[np.float64], *, window: int, out: npt.NDArray[np.bool_]
) -> None:
    """Say whether every EMG sample of the window at each kinematic sample is measured.

    Parameters
    ----------
    emg
        Codes, dims (stride, channel, time).
    floats
        The columns of `block.FLOATS`, dims (stride, column).
    window
        EMG samples of a window.
    out
        Written, dims (stride, kinematic sample, channel).
    """
    _measured_compiled(emg.reshape(-1), emg.shape[2], floats, window, out.shape[1], out.reshape(-1))


_least_compiled = compiled()(_least)
_nothing_compiled = compiled()(_nothing)
_edges_compiled = compiled()(_edges)
_measured_compiled = compiled()(_measured)
