"""Cubic splines of many signals over one set of times, compiled: those of `scipy.interpolate.CubicSpline`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from biomech_xr.compiled import compiled

Array = npt.NDArray[np.float64]


def cubic(times: Array, values: npt.NDArray[Any], query: Array) -> Array:
    """Return the values at ``query`` of the not-a-knot cubic splines through signals.

    Parameters
    ----------
    times
        Strictly increasing, shape (n,), n at least 4.
    values
        Finite signals, shape (m, n).
    query
        Times, shape (q,), in any order; beyond the ends the outermost polynomials go on.

    Returns
    -------
    numpy.ndarray
        Shape (m, q).
    """
    out = np.empty((len(values), query.size))
    _evaluate(times, np.ascontiguousarray(values, dtype=np.float64), _intervals(times, query), query, out)
    return out


def _intervals(times: Array, query: Array) -> npt.NDArray[np.int64]:
    """Return the interval of the spline in which each query lies."""
    found = np.searchsorted(times, query, side="right") - 1
    return np.clip(found, 0, times.size - 2).astype(np.int64)


@compiled()
def _evaluate(times: Array, values: Array, interval: npt.NDArray[np.int64], query: Array, out: Array) -> None:
    """Solve for the slopes at the samples, signal by signal, and evaluate the cubic of each interval."""
    size = len(times)
    step, ratio = np.empty(size - 1), np.empty(size)
    for i in range(size - 1):
        step[i] = times[i + 1] - times[i]
    first, last = step[0] + step[1], step[size - 3] + step[size - 2]
    pivot = np.empty(size)
    pivot[0], ratio[0] = step[1], first / step[1]
    for i in range(1, size - 1):
        pivot[i] = 2 * (step[i - 1] + step[i]) - step[i] * ratio[i - 1]
        ratio[i] = step[i - 1] / pivot[i]
    pivot[size - 1] = step[size - 3] - last * ratio[size - 2]
    rise, slope = np.empty(size - 1), np.empty(size)
    for row in range(len(values)):
        signal = values[row]
        for i in range(size - 1):
            rise[i] = (signal[i + 1] - signal[i]) / step[i]
        slope[0] = ((step[0] + 2 * first) * step[1] * rise[0] + step[0] ** 2 * rise[1]) / first / pivot[0]
        for i in range(1, size - 1):
            right = 3 * (step[i] * rise[i - 1] + step[i - 1] * rise[i])
            slope[i] = (right - step[i] * slope[i - 1]) / pivot[i]
        end = step[size - 2] ** 2 * rise[size - 3] + (2 * last + step[size - 2]) * step[size - 3] * rise[size - 2]
        slope[size - 1] = (end / last - last * slope[size - 2]) / pivot[size - 1]
        for i in range(size - 2, -1, -1):
            slope[i] -= ratio[i] * slope[i + 1]
        for k in range(len(query)):
            i = interval[k]
            t = query[k] - times[i]
            bend = (slope[i] + slope[i + 1] - 2 * rise[i]) / step[i]
            curve = (rise[i] - slope[i]) / step[i] - bend
            out[row, k] = signal[i] + t * (slope[i] + t * (curve + t * bend / step[i]))
