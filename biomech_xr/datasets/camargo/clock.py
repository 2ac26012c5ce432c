"""The `Header` of Camargo's tables: rows on the nominal grid of a sensor, NaN where the file has none."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

_OTHER_RATE: Final = 0.01
_FEWEST: Final = 0.5
_GAP: Final = 1.5


def fault(table: pd.DataFrame, rate: float) -> str:
    """Return why the rows of a table cannot be placed in time at ``rate`` (Hz), or an empty text."""
    header = table["Header"].to_numpy(dtype=np.float64)
    if header.size < 2:
        return f"Header has {header.size} row(s)"
    step = np.diff(header)
    if not (step > 0).all():
        return f"Header does not rise after row {int(np.argmin(step > 0)) + 1}"
    middle = float(np.median(step))
    if abs(middle * rate - 1) > _OTHER_RATE:
        return f"Header has a row every {1000 * middle:.4g} ms, not every {1000 / rate:g} ms"
    if header.size < _FEWEST * _grid_size(header, rate):
        return f"Header spans {header[-1] - header[0]:.1f} s with {header.size} rows"
    return ""


def on_grid(table: pd.DataFrame, rate: float) -> tuple[pd.DataFrame, str]:
    """Return a table at ``rate`` (Hz) from its first row on, and in words what was missing from it.

    Each time takes the row whose `Header` is nearest, at most half a sample away, else NaN. ``table`` has no `fault`.
    """
    header = table["Header"].to_numpy(dtype=np.float64)
    times = header[0] + np.arange(_grid_size(header, rate)) / rate
    right = np.clip(np.searchsorted(header, times), 1, header.size - 1)
    nearest = np.where(times - header[right - 1] <= header[right] - times, right - 1, right)
    distance = np.abs(header[nearest] - times)
    near = distance <= 0.5 / rate + 1e-6
    if near.all() and np.array_equal(nearest, np.arange(header.size)):
        return table, ""
    placed = table.iloc[nearest].reset_index(drop=True)
    placed = placed.where(np.broadcast_to(near[:, None], placed.shape)).assign(Header=times)
    off = 1000 * float(distance[near].max())
    return (
        placed,
        f"Header has no row at {int((~near).sum())} of {near.size} times; the others are {off:.2g} ms off or less",
    )


def gaps(times: npt.NDArray[np.float64], rate: float) -> npt.NDArray[np.bool_]:
    """Return whether rows are missing before each row of a rising clock, shape (sample,)."""
    return np.concatenate(([False], np.diff(times) * rate > _GAP))


def _grid_size(header: npt.NDArray[np.float64], rate: float) -> int:
    return round(float(header[-1] - header[0]) * rate) + 1
