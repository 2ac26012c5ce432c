"""Strides on one grid of phase, and the weighing of landmarks that all sign detectors share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import ConfigError

FloatArray = npt.NDArray[np.float64]

POINTS: Final = 100
FEWEST: Final = 3
"""Strides below which no decision is sure."""

_SHORTEST: Final = 20
_MOST_STRIDES: Final = 240
_LARGEST_GAP: Final = 0.1
_FLAT: Final = 1e-9
_ROWS: Final = 10
"""Strides that are multiplied with the others at a time: so few that BLAS starts no threads, which cost more here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cycles:
    """Usable strides, shape (stride, 100), value k at phase k/100, their median, and how well they repeat.

    `repeatability` is the median correlation between two strides: near 1 for gait, near 0 for noise, NaN for one.
    """

    curves: FloatArray
    typical: FloatArray
    repeatability: float

    @property
    def count(self) -> int:
        """Number of usable strides."""
        return int(self.curves.shape[0])

    def mean(self, start: float, stop: float) -> FloatArray:
        """Return the mean of every stride between two phases (per cent; wraps past the end), shape (stride,)."""
        return np.asarray(self.curves[:, _between(start, stop)].mean(axis=1))

    def typical_mean(self, start: float, stop: float) -> float:
        """Return the mean of the median stride between two phases (per cent)."""
        return float(self.typical[_between(start, stop)].mean())

    def describe(self) -> str:
        """Return the number of strides and their repeatability in words."""
        if self.count < 2:
            return f"{self.count} usable stride(s)"
        return f"{self.count} strides, repeatability {self.repeatability:.2f}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Landmark:
    """A signed measure of every stride: positive speaks for one answer, negative for the other.

    `needed` is the size that the weakest gait still shows.
    """

    values: FloatArray
    needed: float

    def strength(self) -> float:
        """Return median / needed, shrunk towards 0 by two standard errors of the median."""
        middle = float(_median(self.values))
        spread = 1.4826 * float(_median(np.abs(self.values - middle)))
        certain = max(abs(middle) - 2 * 1.2533 * spread / math.sqrt(self.values.size), 0.0)
        return math.copysign(certain, middle) / self.needed


def cycles(curves: npt.ArrayLike) -> Cycles:
    """Return the usable strides of an array of shape (stride, point), or (point,) for one stride.

    A stride is left out when it is constant or when more than a tenth of its points are not finite; smaller gaps are
    bridged linearly. Of more than 240 strides an even selection is used.

    Raises
    ------
    ConfigError
        The array has more than two dimensions.
    """
    rows = np.asarray(curves, dtype=np.float64)
    rows = rows[None] if rows.ndim == 1 else rows
    if rows.ndim != 2:
        raise ConfigError(f"evidence: strides of shape {rows.shape}; expected (stride, point).")
    if rows.shape[1] < _SHORTEST:
        return _gather(np.empty((0, POINTS)))
    finite = np.isfinite(rows)
    rows = rows[finite.mean(axis=1) >= 1 - _LARGEST_GAP]
    if len(rows) > _MOST_STRIDES:
        rows = rows[np.linspace(0, len(rows) - 1, _MOST_STRIDES).astype(int)]
    grid = _on_grid(rows)
    return _gather(grid[np.ptp(grid, axis=1) > _FLAT * np.abs(grid).max(axis=1)])


def _on_grid(rows: FloatArray) -> FloatArray:
    """Return the strides at 100 phases, linear between points; the end is led on to the beginning."""
    if not len(rows):
        return np.empty((0, POINTS))
    full = rows.copy()
    for index in np.flatnonzero(~np.isfinite(rows).all(axis=1)):
        full[index] = _bridge(rows[index])
    place = np.arange(POINTS) * (rows.shape[1] / POINTS)
    left = place.astype(int)
    share = place - left
    return np.asarray(full[:, left] * (1 - share) + full[:, (left + 1) % rows.shape[1]] * share)


def _bridge(row: FloatArray) -> FloatArray:
    index, finite = np.arange(row.size), np.isfinite(row)
    return np.interp(index, index[finite], row[finite], period=row.size)


def _gather(curves: FloatArray) -> Cycles:
    if not len(curves):
        return Cycles(curves=curves, typical=np.full(POINTS, np.nan), repeatability=math.nan)
    return Cycles(curves=curves, typical=_median(curves), repeatability=_repeatability(curves))


def _repeatability(curves: FloatArray) -> float:
    """Return the median correlation between two strides, each about its own mean."""
    if len(curves) < 2:
        return math.nan
    centered = curves - curves.mean(axis=1, keepdims=True)
    unit = centered / np.sqrt((centered * centered).sum(axis=1, keepdims=True))
    found = []
    for start in range(0, len(unit), _ROWS):
        alike = unit[start : start + _ROWS] @ unit[: start + _ROWS].T
        found.append(alike[np.tri(len(alike), alike.shape[1], k=start - 1, dtype=np.bool_)])
    pairs = np.concatenate(found)
    middle = [(pairs.size - 1) // 2, pairs.size // 2]
    return float(np.partition(pairs, middle)[middle].mean())


def _median(values: FloatArray) -> FloatArray:
    """Return the median along the first axis of finite values; much faster than numpy's for a few strides."""
    ordered, half = np.sort(values, axis=0), len(values) // 2
    return np.asarray((ordered[(len(values) - 1) // 2] + ordered[half]) / 2)


def _between(start: float, stop: float) -> npt.NDArray[np.intp]:
    return np.arange(round(start), round(stop) + 1) % POINTS


def confidence(strength: float) -> float:
    """Return the confidence for a strength: 0.9 where it is 1, at most 0.99 (at 2 and more), 0.5 where it is 0."""
    if not strength > 0:
        return 0.3
    return 0.5 + 0.4 * min(strength, 1.0) + 0.09 * min(max(strength - 1.0, 0.0), 1.0)


def cap(strides: Cycles) -> float:
    """Return the largest confidence that the number of strides and their repeatability allow.

    Few strides must repeat better, as chance makes a few curves alike more easily.
    """
    if strides.count < FEWEST:
        return (0.0, 0.6, 0.75)[strides.count]
    return max(0.0, confidence(2 * strides.repeatability / (0.5 + 1.4 / strides.count) - 1))


def weigh(strides: Cycles, landmarks: Sequence[Landmark], gates: Sequence[float] = ()) -> tuple[int, float]:
    """Return the sign for which the landmarks speak, and the confidence: that of the weakest one.

    Parameters
    ----------
    strides
        What the landmarks were measured on.
    landmarks
        Signed measures; where two disagree, the confidence is below 0.5.
    gates
        Unsigned strengths (1 = enough) without which no sign is believed.
    """
    if strides.count == 0:
        return 1, 0.0
    strengths = [landmark.strength() for landmark in landmarks]
    sign = 1 if sum(np.clip(strengths, -1, 1)) >= 0 else -1
    weakest = min([sign * strength for strength in strengths] + list(gates))
    return sign, min(confidence(weakest), cap(strides))
