"""Scores: squared errors summed per person, activity and component, then mean and SD over persons.

Windows of one person are not independent, so a person counts once, however many windows it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
ALL = "all"
"""Name of the pooled activity."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """Root mean square error of one component: mean and SD over persons (SD is NaN for one person), and windows."""

    activity: str
    component: str
    mean: float
    deviation: float
    persons: int
    windows: int


class SquaredErrors:
    """Sums of squared errors of one quantity by one predictor, float64, fed batch by batch.

    Parameters
    ----------
    components
        Names of the columns.
    """

    def __init__(self, components: tuple[str, ...]) -> None:
        self.components = components
        self._sums: dict[tuple[int, int], Array] = {}

    def add(self, error: Array, mask: Array, *, person: Array, activity: Array) -> None:
        """Add one batch.

        Parameters
        ----------
        error, mask
            Errors in the quantity's unit and whether they count, each (B, components); anything behind the mask.
        person, activity
            Codes, each (B,) integer.
        """
        square = np.where(mask, np.where(mask, error, 0.0).astype(np.float64) ** 2, 0.0)
        pairs, group = np.unique(np.stack([person, activity], axis=1), axis=0, return_inverse=True)
        sums = np.zeros((len(pairs), 2, len(self.components)))
        np.add.at(sums[:, 0], group, square)
        np.add.at(sums[:, 1], group, mask.astype(np.float64))
        for pair, one in zip(pairs.tolist(), sums, strict=True):
            key = (pair[0], pair[1])
            self._sums[key] = self._sums[key] + one if key in self._sums else one

    def scores(self, activities: tuple[str, ...]) -> list[Score]:
        """Return a score per activity (and all together, `ALL`) and component that some window measures."""
        by_activity: dict[str, dict[int, Array]] = {ALL: {}}
        for (person, activity), sums in sorted(self._sums.items()):
            for name in (ALL, activities[activity]):
                people = by_activity.setdefault(name, {})
                people[person] = people[person] + sums if person in people else sums
        found = []
        for activity_name, people in by_activity.items():
            for index, component in enumerate(self.components):
                columns = [sums[:, index] for sums in people.values() if sums[1, index] > 0]
                if columns:
                    found.append(_score(activity_name, component, np.stack(columns)))
        return found


def _score(activity: str, component: str, sums: Array) -> Score:
    """Return the score of one component from (persons, 2) sums of squares and counts."""
    roots = np.sqrt(sums[:, 0] / sums[:, 1])
    return Score(
        activity=activity,
        component=component,
        mean=float(roots.mean()),
        deviation=float(roots.std(ddof=1)) if len(roots) > 1 else float("nan"),
        persons=len(roots),
        windows=int(sums[:, 1].sum()),
    )


def phase_difference(prediction: Array, target: Array) -> Array:
    """Return the circular difference of two phases given as (sin, cos), in % of the cycle, -50..50, shape (B,)."""
    difference = np.arctan2(prediction[:, 0], prediction[:, 1]) - np.arctan2(target[:, 0], target[:, 1])
    wrapped = np.remainder(difference + np.pi, 2 * np.pi) - np.pi
    return np.asarray(100 * wrapped / (2 * np.pi))
