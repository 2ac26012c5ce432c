"""The time column of a table: its name, its unit and its steps."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_SLOWEST_STEP: Final = 0.04
"""Longest step in s that gait is recorded with, as slow cameras do; a time column with longer ones may be in ms."""
SLOWEST_EVENT: Final = 5.0
"""Longest usual step in s of a table of events."""
_FASTEST_STEP: Final = 0.01
"""Shortest step in ms, that of 100 kHz."""
_ROUNDED: Final = 0.002
_JITTER: Final = 2.0
_TIMES: Final = ("time", "t", "times", "timestamp", "seconds", "zeit")


def clock_of(names: Sequence[str]) -> str:
    """Return the first column that is called a time, or nothing."""
    return next((name for name in names if _bare(name) in _TIMES), "")


def _bare(name: str) -> str:
    """Return a column's name without case, unit and signs: ``Time (s)`` is ``time``."""
    return re.sub(r"[ _]m?s$", "", name.lower().split("(")[0].split("[")[0].strip()).strip(" _")


def time_unit(clock: str, time: FloatArray, slowest: float = _SLOWEST_STEP) -> str:
    """Return `s` or `ms` of a time column, as its name and plausible steps tell; empty where they do not."""
    step = float(np.median(np.diff(time))) if time.size > 1 else math.nan
    stated = re.search(r"(?<![a-z])(ms|msec|millisec\w*|s|sec|seconds)\W*$", clock.lower())
    if stated and stated[1].startswith("m"):
        return "" if step < _FASTEST_STEP else "ms"
    return "" if step >= slowest else "s"


def timing(time: FloatArray) -> dict[str, Any]:
    """Return rate, start and length of a time column in s, and whether a row lies off the mean rate by two samples."""
    if time.size < 2 or not np.isfinite(time).all() or not np.all(np.diff(time) > 0):
        return {"uneven": True}
    rate = (time.size - 1) / float(time[-1] - time[0])
    if abs(round(rate) - rate) < _ROUNDED * rate:
        rate = float(round(rate))
    off = float(np.abs((time - time[0]) * rate - np.arange(time.size)).max())
    return {"column_rate": rate, "start": float(time[0]), "seconds": time.size / rate, "uneven": off > _JITTER}
