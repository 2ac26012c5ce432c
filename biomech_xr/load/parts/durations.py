"""Durations of the strides right before and right after each stride."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

_ADJACENT: Final = 0.005
"""Seconds by which the end of a stride and the next contact of that side may differ."""


def next_durations(labels: pd.DataFrame) -> Floats:
    """Return the duration (s) of the stride that begins where each one ends; NaN where it is not in the part."""
    return _beside(labels, slice(1, None), slice(None, -1))


def previous_durations(labels: pd.DataFrame) -> Floats:
    """Return the duration (s) of the stride that ends where each one begins; NaN where it is not in the part.

    Parameters
    ----------
    labels
        Labels of the strides of a part, in its order.
    """
    return _beside(labels, slice(None, -1), slice(1, None))


def _beside(labels: pd.DataFrame, other: slice, own: slice) -> Floats:
    """Return the durations of `other` strides at the places of their adjacent `own` ones."""
    duration, begin = (labels[name].to_numpy(np.float64) for name in ("duration", "trial_time"))
    number = labels["stride_number"].to_numpy(np.int64)
    adjacent = (number[1:] == number[:-1] + 1) & (np.abs(begin[1:] - (begin + duration)[:-1]) <= _ADJACENT)
    for name in ("patient", "trial", "side"):
        codes = pd.Categorical(labels[name]).codes
        adjacent &= codes[1:] == codes[:-1]
    result = np.full(len(labels), np.nan)
    result[own] = np.where(adjacent, duration[other], np.nan)
    return result
