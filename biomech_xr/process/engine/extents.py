"""Range and deviation of signals with gaps, in one pass over a few of their samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from biomech_xr.compiled import compiled

Values = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


def extents(values: Values, step: int) -> tuple[Floats, Floats]:
    """Return range and standard deviation of every ``step``-th sample of each row (m, n); NaN where none is finite."""
    out = np.empty((2, len(values)))
    _measure(values, step, out)
    return out[0], out[1]


@compiled()
def _measure(values: Values, step: int, out: Floats) -> None:
    for row in range(len(values)):
        low, high, start = np.inf, -np.inf, np.nan
        count, total, squares = 0, 0.0, 0.0
        for i in range(0, values.shape[1], step):
            value = np.float64(values[row, i])
            if not np.isfinite(value):
                continue
            if count == 0:
                start = value
            low, high = min(low, value), max(high, value)
            count += 1
            total += value - start
            squares += (value - start) ** 2
        if count:
            out[0, row] = high - low
            out[1, row] = np.sqrt(max(squares / count - (total / count) ** 2, 0.0))
        else:
            out[:, row] = np.nan
