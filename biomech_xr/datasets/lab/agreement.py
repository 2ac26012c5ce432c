"""Whether two ways to find contacts agree, and what one says against a stride of the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.datasets.lab.wording import stamps

FloatArray = npt.NDArray[np.float64]
Contacts = Mapping[words.Side, FloatArray]

LARGEST_DIFFERENCE: Final = 0.1
"""Median difference in s from which on two ways to find contacts disagree."""
_FARTHEST: Final = 0.25
"""Difference in s from which on a single contact is not where the other way saw it."""
_SAME: Final = 0.5
"""What lies farther apart (s) is not one contact."""


def difference(own: Contacts, other: Contacts) -> tuple[str, float]:
    """Return how far the contacts of two ways lie apart, in words, and the absolute median in s; infinite without any.

    A positive difference means that the other is later. What lies more than 0.5 s apart is not the same contact.
    """
    gaps = [
        theirs - ours
        for side, times in own.items()
        for ours, theirs in _matched(times, other.get(side, np.empty(0)))
    ]  # fmt: skip
    if not gaps:
        return "no contact of one foot in common", np.inf
    median, largest = float(np.median(gaps)), max(gaps, key=abs)
    text = f"{len(gaps)} contacts matched, median {1000 * median:+.0f} ms, largest {1000 * largest:+.0f} ms"
    return text, float(np.median(np.abs(gaps)))


def objection(side: words.Side, start: float, stop: float, own: Contacts, others: Mapping[str, Contacts]) -> str:
    """Return what other ways say against a stride from ``start`` to ``stop`` (s) of one foot, or nothing.

    Another way saw a contact of the foot inside the stride, or its first or last contact more than 0.25 s away.
    """
    for name, contacts in others.items():
        theirs = contacts.get(side, np.empty(0))
        inside = theirs[(theirs > start + _FARTHEST) & (theirs < stop - _FARTHEST)]
        if inside.size:
            return f"{name}: a contact of the {side} foot inside, at {stamps(inside)} s"
        for ours, seen in _matched(own[side], theirs):
            if ours in (start, stop) and abs(ours - seen) > _FARTHEST:
                return f"{name}: the contact at {ours:.3f} s lies at {seen:.3f} s"
    return ""


def _matched(own: FloatArray, other: FloatArray) -> list[tuple[float, float]]:
    """Return the contacts (s) that are each other's nearest, and near."""
    found = []
    for time in own if other.size else ():
        near = other[np.argmin(np.abs(other - time))]
        back = own[np.argmin(np.abs(own - near))]
        if back == time and abs(near - time) <= _SAME:
            found.append((float(time), float(near)))
    return found
