"""Pieces of messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def stamps(times: Iterable[float]) -> str:
    """Return times (s) with three decimals."""
    return ", ".join(f"{time:.3f}" for time in times)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return what is nearest to a name that does not exist, for the end of a message."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)
    return f"; the nearest is {near[0]!r}" if near else "; the file has none"
