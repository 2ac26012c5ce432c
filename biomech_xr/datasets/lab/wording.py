"""Pieces of messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

from biomech_xr.datasets.lab.answers import ALIKE

_SHOWN: Final = 6


def stamps(times: Iterable[float]) -> str:
    """Return times (s) with three decimals."""
    return ", ".join(f"{time:.3f}" for time in times)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return what is alike to a name that does not exist, or what there is, for the end of a message."""
    labels = list(known)
    same = [label for label in labels if label.lower() == name.lower()]
    near = same or difflib.get_close_matches(name, labels, n=1, cutoff=ALIKE)
    if near:
        return f"; the nearest is {near[0]!r}"
    shown = ", ".join(map(repr, labels[:_SHOWN])) + (f" and {len(labels) - _SHOWN} more" if labels[_SHOWN:] else "")
    return f"; there are {shown}" if labels else "; the file has none"
