"""Lencioni 2019: whether the speed of a stride agrees with its length and its duration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import nan
from typing import Final

import numpy as np

from biomech_xr.datasets.lencioni.file import Element

_UNITS: Final = {"m": 1.0, "cm": 100.0, "mm": 1000.0}
_TOLERANCE: Final = 0.1


def check_speeds(elements: Sequence[Element]) -> tuple[list[Element], str]:
    """Return the strides, without the speed where strideLength / speed is not the duration, and a note on the check.

    The unit of strideLength is that in which most strides agree; where none does, nothing is checked.
    """
    length, speed, duration = (
        np.array([getattr(element, name) for element in elements]) for name in ("length", "speed", "duration")
    )
    ratio = length / (speed * duration)
    if not np.isfinite(ratio).any():
        return list(elements), ""
    middle = float(np.nanmedian(ratio))
    unit = next((name for name, size in _UNITS.items() if abs(middle / size - 1) < _TOLERANCE), "")
    if not unit:
        return list(elements), f"strideLength not used: {middle:.3g} times speed x duration, a unit that is not clear"
    wrong = np.abs(ratio / _UNITS[unit] - 1) > _TOLERANCE
    numbers = ", ".join(str(element.number) for element, bad in zip(elements, wrong, strict=True) if bad)
    found = f"strideLength in {unit} / speed agrees with the duration"
    checked = [replace(element, speed=nan) if bad else element for element, bad in zip(elements, wrong, strict=True)]
    return checked, f"{found}, but for element {numbers}: no speed" if numbers else found
