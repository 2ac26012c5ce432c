"""Found events beside given ones: which belong together, and how far apart they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import ConfigError
from biomech_xr.evidence._cycles import FloatArray

TOLERANCE: Final = 0.2
"""Seconds within which two events may be one."""
USUAL_BIAS: Final[Mapping[tuple[str, str], float]] = {
    ("force", "contact"): 0.0, ("force", "foot off"): 0.0,
    ("heel", "contact"): -0.04, ("heel", "foot off"): 0.01,
    ("foot", "contact"): 0.01, ("foot", "foot off"): -0.01,
    ("gyroscope", "contact"): 0.04, ("gyroscope", "foot off"): -0.05,
    ("angles", "contact"): 0.04, ("angles", "foot off"): -0.05,
}  # fmt: skip
"""Seconds by which (detector, contact or foot off) is late in level walking, as measured on recorded trials; `angles`
is the rotation of the shank from hip and knee. Ramps, stairs and slow walks differ."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Found events against given ones: ``differences`` (found - given, s) of the pairs, in the order of the given."""

    differences: FloatArray
    missed: int
    extra: int

    @property
    def matched(self) -> int:
        """Number of pairs."""
        return int(self.differences.size)

    @property
    def bias(self) -> float:
        """Mean of found - given, s: positive where found events are late; NaN without a pair."""
        return float(self.differences.mean()) if self.matched else math.nan

    @property
    def spread(self) -> float:
        """Standard deviation of found - given, s; NaN for fewer than two pairs."""
        return float(self.differences.std(ddof=1)) if self.matched > 1 else math.nan

    @property
    def worst(self) -> float:
        """Largest size of found - given, s; NaN without a pair."""
        return float(np.abs(self.differences).max()) if self.matched else math.nan

    @property
    def missed_share(self) -> float:
        """Share of the given events that were not found; NaN where none is given."""
        given = self.matched + self.missed
        return self.missed / given if given else math.nan


def compare_events(given: npt.ArrayLike, found: npt.ArrayLike, tolerance: float = TOLERANCE) -> Comparison:
    """Return how found events compare with given ones.

    Pairs are made one to one, the nearest first. NaN is no event.

    Parameters
    ----------
    given, found
        Times of one kind of event of one foot, s, shape (event,), any order.
    tolerance
        Seconds beyond which two events are no pair; less than half a stride, or strides are mistaken for each other.

    Raises
    ------
    ConfigError
        An array is not one-dimensional, or the tolerance is not positive.
    """
    first, second = _sorted(given), _sorted(found)
    if not tolerance > 0:
        raise ConfigError(f"evidence: tolerance of {tolerance} s between events; expected a positive number.")
    if not first.size or not second.size:
        return Comparison(differences=np.empty(0), missed=int(first.size), extra=int(second.size))
    rows, columns = _candidates(first, second, tolerance)
    free_rows, free_columns = np.ones(first.size, np.bool_), np.ones(second.size, np.bool_)
    differences = np.full(first.size, np.nan)
    for place in np.argsort(np.abs(second[columns] - first[rows]), kind="stable"):
        row, column = rows[place], columns[place]
        if free_rows[row] and free_columns[column]:
            free_rows[row] = free_columns[column] = False
            differences[row] = second[column] - first[row]
    paired = differences[np.isfinite(differences)]
    return Comparison(differences=paired, missed=int(free_rows.sum()), extra=int(free_columns.sum()))


def pool(comparisons: Iterable[Comparison]) -> Comparison:
    """Return several comparisons as one: pairs, missed and extra events of all."""
    listed = list(comparisons)
    return Comparison(
        differences=np.concatenate([np.empty(0), *(one.differences for one in listed)]),
        missed=sum(one.missed for one in listed),
        extra=sum(one.extra for one in listed),
    )


def _sorted(times: npt.ArrayLike) -> FloatArray:
    values = np.asarray(times, dtype=np.float64)
    if values.ndim != 1:
        raise ConfigError(f"evidence: events of shape {values.shape}; expected (event,).")
    return np.sort(values[np.isfinite(values)])


def _candidates(
    first: FloatArray, second: FloatArray, tolerance: float
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the places of all pairs that lie within the tolerance."""
    begin = np.searchsorted(second, first - tolerance, side="left")
    end = np.searchsorted(second, first + tolerance, side="right")
    rows = np.repeat(np.arange(first.size), end - begin)
    columns = np.concatenate([np.arange(a, b) for a, b in zip(begin, end, strict=True)])
    return rows, columns.astype(np.intp)
