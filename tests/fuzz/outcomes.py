"""What a mutation may lead to, and how a result is compared with that of the undamaged file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd

Result = Mapping[str, Any]
"""What a reader found: name to array, text or number."""


class Expect(Enum):
    """What has to come of a mutated file.

    `SAME`: the undamaged result, because the mutation changes nothing that is read. `ERROR`: an error of ours, because
    the file cannot be read as it says or must not be. `ANY`: an error of ours, the undamaged result, or another sound
    one: the mutation may have changed numbers, which no container but a zip archive or a zlib stream protects.
    """

    SAME = "same"
    ERROR = "error"
    ANY = "any"


def equal(first: Result, second: Result) -> bool:
    """Return whether two results hold the same names and values."""
    return set(first) == set(second) and all(same(first[name], second[name]) for name in first)


def same(first: Any, second: Any) -> bool:
    """Return whether two values are the same, NaN equal to itself; numbers of another width are the same numbers."""
    if isinstance(first, pd.DataFrame) and isinstance(second, pd.DataFrame):
        columns = list(first.columns) == list(second.columns) and len(first) == len(second)
        return columns and all(
            same(first.iloc[:, k].tolist(), second.iloc[:, k].tolist()) for k in range(first.shape[1])
        )
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        if first.shape != second.shape:
            return False
        if first.dtype.kind in "biuf" and second.dtype.kind in "biuf":
            return bool(np.array_equal(first, second, equal_nan=True))
        return same(first.tolist(), second.tolist())
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(same(a, b) for a, b in zip(first, second, strict=True))
    if isinstance(first, float) and isinstance(second, float) and math.isnan(first) and math.isnan(second):
        return True
    return type(first) is type(second) and bool(first == second)


def sound(result: Result) -> str:
    """Return what is wrong with a result as such, whatever its values: empty where it is well formed."""
    for name, value in result.items():
        if isinstance(value, np.ndarray):
            if value.size and value.dtype.kind == "O":
                return f"{name}: objects where numbers are due"
            if value.nbytes != math.prod(value.shape) * value.dtype.itemsize:
                return f"{name}: {value.nbytes} bytes for {value.shape}"
        elif not isinstance(value, str | int | float | bool | list | tuple | pd.DataFrame):
            return f"{name}: {type(value).__name__}"
    return ""
