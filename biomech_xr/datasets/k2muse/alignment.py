"""How far the cut knee angles of a K2MUSE trial lie from its continuous ones, by the frame of the first row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.datasets.k2muse.tree import POINTS, Array

Frames = dict[words.Side, Array]

_COARSE: Final = slice(5, -5, 10)


def coarse_errors(
    knee: Mapping[words.Side, Array], cut: Mapping[words.Side, Array], frames: Frames, offsets: npt.NDArray[np.int64]
) -> Array:
    """Return `curve_error` of a few points at every offset, (offset,): a shift by whole rows keeps their shares.

    ``offsets`` follow each other.
    """
    share = np.arange(POINTS)[_COARSE] / (POINTS - 1)
    total, count = np.zeros(offsets.size), np.zeros(offsets.size)
    for side, curves in cut.items():
        start, stop = frames[side][:, :1], frames[side][:, 1:]
        known = np.isfinite(stop - start)[:, 0]
        rows, wanted = (start + share * (stop - start))[known], curves[known][:, _COARSE]
        low = np.floor(rows).astype(np.int64)
        part, size = rows - low, len(knee[side])
        values = np.concatenate([knee[side], [np.nan]])
        for number, offset in enumerate(offsets.tolist()):
            left = low - offset
            left = np.where((left >= 0) & (left < size), left, size)
            right = np.where(part > 0, np.minimum(left + 1, size), left)
            squares = ((1 - part) * values[left] + part * values[right] - wanted) ** 2
            finite = np.isfinite(squares)
            total[number] += squares[finite].sum()
            count[number] += finite.sum()
    return np.where(count > 0, np.sqrt(total / np.maximum(count, 1)), np.inf)


def curve_error(
    knee: Mapping[words.Side, Array],
    cut: Mapping[words.Side, Array],
    frames: Frames,
    offset: int,
    *,
    endpoint: bool,
    points: slice,
) -> float:
    """Return the root mean square difference (degrees) between cut curves and rows; infinite without a common point."""
    share = np.arange(POINTS)[points] / (POINTS - 1 if endpoint else POINTS)
    squares = []
    for side, curves in cut.items():
        start, stop = frames[side][:, :1] - offset, frames[side][:, 1:] - offset
        rows = start + share * (stop - start)
        values = np.interp(rows, np.arange(len(knee[side])), knee[side], left=np.nan, right=np.nan)
        squares.append(((values - curves[:, points]) ** 2).ravel())
    joined = np.concatenate(squares)
    finite = joined[np.isfinite(joined)]
    return float(np.sqrt(finite.mean())) if finite.size else np.inf
