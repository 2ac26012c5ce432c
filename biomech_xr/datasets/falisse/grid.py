"""How long Falisse's time-normalised strides last, and whether their last point is the next contact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Columns: TypeAlias = Mapping[str, npt.NDArray[np.float64]]
"""Raw column -> shape (point, stride)."""

POINTS: Final = 100
_WHOLE_MILLISECONDS: Final = 0.01


def derive_spans(angles: Columns, velocities: Columns) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the time from first to last point of every stride, s, and its relative spread over joints.

    The slope of an angle per point is span / (points - 1) times its velocity in deg/s; the span is fitted by least
    squares in every joint and stride, and the median over joints is taken. Joints that are not measured throughout a
    stride have no part in it; a stride without any has NaN.

    Parameters
    ----------
    angles, velocities
        Degrees and deg/s, shape (point, stride) for every raw joint column.
    """
    from scipy.interpolate import CubicSpline

    points = np.arange(POINTS)
    fits = []
    for name in angles:
        known = (np.isfinite(angles[name]) & np.isfinite(velocities[name])).all(axis=0)
        fit = np.full(known.size, np.nan)
        slope, velocity = CubicSpline(points, angles[name][:, known])(points, 1), velocities[name][:, known]
        with np.errstate(divide="ignore", invalid="ignore"):  # a joint at rest gives 0 / 0: no duration
            fit[known] = (slope * slope).sum(axis=0) / (slope * velocity).sum(axis=0) * (POINTS - 1)
        fits.append(np.where(np.isfinite(fit), fit, np.nan))
    return _median_and_spread(np.array(fits))


def _median_and_spread(fits: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the median over joints, and the range over it, of what is finite in (joint, stride)."""
    known = np.isfinite(fits).any(axis=0)
    median, spread = np.full((2, known.size), np.nan)
    median[known] = np.nanmedian(fits[:, known], axis=0)
    spread[known] = (np.nanmax(fits[:, known], axis=0) - np.nanmin(fits[:, known], axis=0)) / median[known]
    return median, spread


def includes_endpoint(spans: npt.NDArray[np.float64]) -> tuple[bool, str]:
    """Return whether the grid's last point is the next contact, and why.

    Contacts come from a force plate sampled at 1 kHz, so a stride lasts a whole number of milliseconds. The intervals
    (99 with the endpoint, 100 without) that give whole milliseconds in all strides decide; else it is assumed.
    ``spans`` is the time from first to last point, s, shape (stride,).
    """
    known = spans[np.isfinite(spans)]
    for endpoint, intervals in ((True, POINTS - 1), (False, POINTS)) if known.size else ():
        milliseconds = 1000 * known * intervals / (POINTS - 1)
        if np.all(np.abs(milliseconds - np.round(milliseconds)) < _WHOLE_MILLISECONDS):
            return endpoint, f"decided by the data: over {intervals} intervals every stride lasts whole milliseconds"
    return True, "assumed: the last point is the next contact"
