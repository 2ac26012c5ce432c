"""What the event detectors share: bridged gaps, smoothing piece by piece, and places between samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.evidence._cycles import FloatArray

_SHORTEST_PIECE: Final = 0.5
_NYQUIST_SHARE: Final = 0.45


def bridged(column: FloatArray, longest: int) -> FloatArray:
    """Return a column whose inner gaps up to ``longest`` samples are bridged linearly; others stay NaN."""
    finite = np.isfinite(column)
    if finite.all() or finite.sum() < 2:
        return column
    index = np.arange(column.size)
    filled = np.interp(index, index[finite], column[finite])
    known = index[finite]
    after = np.searchsorted(known, index, side="left")
    width = known[np.minimum(after, known.size - 1)] - known[np.maximum(after - 1, 0)]
    outside = (index < known[0]) | (index > known[-1])
    return np.where(finite | ((width - 1 <= longest) & ~outside), filled, np.nan)


def runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return (first, after the last) of every run of true samples."""
    step = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    return [(int(a), int(b)) for a, b in zip(np.flatnonzero(step == 1), np.flatnonzero(step == -1), strict=True)]


def pieces(values: FloatArray, rate: float) -> Iterator[tuple[int, int]]:
    """Yield (first, after the last) of every piece (sample, column) that is finite throughout, 0.5 s or longer."""
    for start, stop in runs(np.asarray(np.isfinite(values).all(axis=1))):
        if stop - start >= max(_SHORTEST_PIECE * rate, 10):
            yield start, stop


def smoothed(values: FloatArray, rate: float, cutoff: float) -> FloatArray:
    """Return columns through a Butterworth low-pass of order 2, forward and backward, gaps left alone."""
    from scipy.signal import butter, sosfiltfilt

    result = np.full(values.shape, np.nan)
    if cutoff >= _NYQUIST_SHARE * rate:
        result[...] = values
        return result
    sections = butter(2, cutoff, fs=rate, output="sos")
    for start, stop in pieces(values, rate):
        pad = min(stop - start - 1, round(rate))
        result[start:stop] = sosfiltfilt(sections, values[start:stop], axis=0, padlen=pad)
    return result


def velocity(values: FloatArray, rate: float) -> FloatArray:
    """Return central differences along the samples, per s; NaN beside gaps."""
    if len(values) < 3:
        return np.full(values.shape, np.nan)
    result = np.full(values.shape, np.nan)
    result[1:-1] = (values[2:] - values[:-2]) * (rate / 2)
    return result


def minima(values: FloatArray) -> npt.NDArray[np.intp]:
    """Return the places of local minima, borders and neighbors of gaps left out."""
    inner = (values[1:-1] < values[:-2]) & (values[1:-1] <= values[2:])
    return np.flatnonzero(inner) + 1


def vertex(values: FloatArray, place: int) -> float:
    """Return where the parabola through a local maximum or minimum and its neighbors turns, in samples."""
    before, here, after = values[place - 1 : place + 2]
    bend = before - 2 * here + after
    return place + (float(0.5 * (before - after) / bend) if bend != 0 else 0.0)
