"""What in a cut trial of K2MUSE belongs together: EMG by the durations of the events, curves by how their ends meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.datasets.k2muse.tree import FRAME_RATE, Array

_FIT: Final = 0.5 / FRAME_RATE + 1e-9
"""Largest difference (s) between the length of an EMG cell and the stride that it belongs to: half a frame."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ends:
    """Whether cut curves follow each other as the events say: what contradicts it, if anything, and one line on it."""

    problem: str
    note: str


def ends_meet(frames: Array, curves: Array, *, limit: float, unit: str) -> Ends:
    """Compare the last point of each curve with the first of the next where the next event starts as this one stops.

    Parameters
    ----------
    frames
        First and last frame of each event, (stride, 2).
    curves
        (stride, point, component).
    limit
        Largest difference, root mean square over the components, at which two ends meet. The curve may stop at the next
        contact or one point before it.
    unit
        Of ``curves``, for the texts.
    """
    first, last = curves[:, 0], curves[:, -1]
    beyond = 2 * last - curves[:, -2]
    away = np.fmin(_distance(last, first), _distance(beyond, first))
    here = np.arange(len(frames) - 1)
    here = here[frames[:-1, 1] == frames[1:, 0]]
    steps = away[here, here + 1]
    checked = here[np.isfinite(steps)]
    if not checked.size:
        return Ends(problem="", note="pairing assumed by count: no two curves of consecutive events")
    steps = steps[np.isfinite(steps)]
    text = f"{checked.size} of {len(frames)} curves meet the next within {steps.max():.2g} {unit}"
    if steps.max() > limit:
        worst = int(checked[np.argmax(steps)])
        problem = f"curve {worst + 1} ends {steps.max():.2g} {unit} from where curve {worst + 2} begins"
        return Ends(problem=f"{problem}, but their events follow each other", note=problem)
    wrong = away.copy()
    wrong[here, here + 1] = np.nan
    np.fill_diagonal(wrong, np.nan)
    other = float(np.median(wrong[np.isfinite(wrong)])) if np.isfinite(wrong).any() else 0.0
    if other < 2 * limit:
        return Ends(problem="", note=f"pairing assumed by count: {text}, but so do others ({other:.2g} {unit})")
    return Ends(problem="", note=f"{text}, others {other:.2g} {unit}")


def _distance(ends: Array, starts: Array) -> npt.NDArray[np.float64]:
    """Return the root mean square difference of every end (row) from every start (column), over finite components."""
    squares = (ends[:, None] - starts[None]) ** 2
    known = np.isfinite(squares)
    count = known.sum(axis=-1)
    total = np.where(known, squares, 0.0).sum(axis=-1)
    return np.where(count > 0, np.sqrt(total / np.maximum(count, 1)), np.nan)


def pair_by_duration(events: Sequence[float], cells: Sequence[float]) -> list[int | None] | None:
    """Return for each event the cell that belongs to it, None for an event without one.

    Both lists hold durations in s, in order of time; the shorter list must fit into the longer one. A pair counts only
    when the earliest and the latest way to fit agree on it.

    Returns
    -------
    list or None
        One entry an event: the index of a cell; None where there is no cell; -1 where several would fit. None in all
        when the lists do not fit.
    """
    few, many = (cells, events) if len(cells) <= len(events) else (events, cells)
    first = _embed(few, many)
    last = _embed(few[::-1], many[::-1])
    if first is None or last is None:
        return None
    latest = [len(many) - 1 - index for index in reversed(last)]
    result: list[int | None] = [None] * len(events)
    for i, (early, late) in enumerate(zip(first, latest, strict=True)):
        if len(cells) <= len(events):
            for event in range(early, late + 1):
                result[event] = i if early == late else -1
        else:
            result[i] = early if early == late else -1
    return result


def _embed(few: Sequence[float], many: Sequence[float]) -> list[int] | None:
    """Return the earliest place in ``many`` of each of ``few``, in order; None where they do not fit."""
    found: list[int] = []
    start = 0
    for value in few:
        while start < len(many) and not abs(many[start] - value) <= _FIT:
            start += 1
        if start == len(many):
            return None
        found.append(start)
        start += 1
    return found
