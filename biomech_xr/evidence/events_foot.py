"""Contacts and foot offs from the vertical velocity of the foot."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import ConfigError
from biomech_xr.evidence._cycles import FloatArray
from biomech_xr.evidence.events_signal import bridged, minima, pieces, runs, smoothed, velocity, vertex

_CUTOFF: Final = 10.0
_LARGEST_GAP: Final = 0.1
_REST_SHARE: Final = 0.25
_STEADY: Final = 0.2
_QUIET: Final = 0.2
_SHORTEST_STANCE: Final = 0.1
_SHORTEST_SWING: Final = 0.15
_LONGEST_SWING: Final = 1.5
_LOWER: Final = 0.35
_OFF_SHARE: Final = 0.4
_CONTACT_SHARE: Final = 0.06
_LATE: Final = 0.12
_FIRST_HALF: Final = 0.55
_TWO_SIDED: Final = 0.25
_CLEARER: Final = 1.5

Swing = tuple[int, int, tuple[int, int] | None, tuple[int, int] | None]
"""First sample, the one after the last, the stance before and the stance after; None at the border of a piece."""


def contacts_from_foot(
    heel: npt.ArrayLike, toe: npt.ArrayLike, rate: float, *, up: int | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return contacts and foot offs of one foot from its vertical velocity.

    Foot off is where the middle of the foot rises fastest, contact where it last sinks fastest before it rests, lower
    than 35 per cent of the height of its swing (O'Connor et al. 2007, Gait & Posture 25:469,
    doi:10.1016/j.gaitpost.2006.05.016; among the most reliable for pathological gait in Bruening & Ridge 2014, Gait &
    Posture 39:472, doi:10.1016/j.gaitpost.2013.08.023). No pelvis and no straight path are needed, and a belt or a
    slope, whose own motion is that of the resting foot, makes no difference. A foot that does not rest between its
    swings has no events, nor has one that only sways.

    Parameters
    ----------
    heel, toe
        Positions of the two markers, shape (frame, 3), any unit of length; the middle of both is taken, so that a
        point in the middle of the foot may stand for both.
    rate
        Hz, at least 30.
    up
        Column that is vertical (0, 1, 2), either sign; found from the data by default, which stairs or a foot that
        swings far to the side may not allow. Where the data clearly show another column there is no event.

    Returns
    -------
    tuple[numpy.ndarray, numpy.ndarray]
        Contacts and foot offs, s after the first frame, to a fraction of a frame.

    Raises
    ------
    ConfigError
        The arrays are not (frame, 3), differ in shape, or the rate is below 30 Hz.
    """
    path = _middle(heel, toe, rate)
    path = np.stack([bridged(column, round(_LARGEST_GAP * rate)) for column in path.T], axis=1)
    path = smoothed(path, rate, _CUTOFF)
    speed = velocity(path, rate)
    seen = _vertical(speed, path)
    column = seen if up is None else up
    if column is None or seen not in (None, column) or np.isfinite(speed[:, column]).sum() < rate:
        return np.empty(0), np.empty(0)
    height, rise = path[:, column], speed[:, column]
    finite = np.isfinite(rise)
    rest, width = _rest(rise[finite])
    rise = rise - rest
    top = min(_sizes(rise[finite]))
    if not top > 0 or width > _STEADY * top:
        return np.empty(0), np.empty(0)
    level = height - rest * np.arange(height.size) / rate
    sign = 1.0 if _is_up(rise, level, top, rate) else -1.0
    return _events(sign * rise, sign * level, top, rate)


def _middle(heel: npt.ArrayLike, toe: npt.ArrayLike, rate: float) -> FloatArray:
    """Return the middle of the foot, shape (frame, 3)."""
    first, second = np.asarray(heel, dtype=np.float64), np.asarray(toe, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 2 or first.shape[1] != 3 or not rate >= 30:
        raise ConfigError(
            f"evidence: heel {first.shape}, toe {second.shape} at {rate} Hz; expected (frame, 3) each, 30 Hz or more."
        )
    path = (first + second) / 2
    return np.where(np.isfinite(path), path, np.nan)


def _rest(values: FloatArray) -> tuple[float, float]:
    """Return the velocity of the resting foot and its spread: middle and width of the narrowest quarter of samples."""
    ordered = np.sort(values)
    count = max(2, round(_REST_SHARE * ordered.size))
    widths = ordered[count - 1 :] - ordered[: ordered.size - count + 1]
    place = int(np.argmin(widths))
    return float(ordered[place : place + count].mean()), float(widths[place])


def _sizes(rise: FloatArray) -> tuple[float, float]:
    """Return how fast the foot moves one way and the other."""
    low, high = np.percentile(rise, [2, 98])
    return float(high), -float(low)


def _is_up(rise: FloatArray, height: FloatArray, top: float, rate: float) -> bool:
    """Return whether the foot lies higher (in its own column) in swing than between the stances beside it."""
    moved = np.zeros(rise.size)
    for start, stop in pieces(rise[:, None], rate):
        stances = _stances(rise[start:stop], top, rate)
        if stances:
            index = np.concatenate([np.arange(a, b) for a, b in stances])
            moved[start:stop] = height[start:stop] - np.interp(
                np.arange(stop - start), index, height[start:stop][index]
            )
    return float(moved.sum()) >= 0


def _stances(rise: FloatArray, top: float, rate: float) -> list[tuple[int, int]]:
    """Return (first, after the last) of every rest of a tenth of a second and more."""
    return [(a, b) for a, b in runs(np.abs(rise) < _QUIET * top) if b - a >= _SHORTEST_STANCE * rate]


def _vertical(speed: FloatArray, path: FloatArray) -> int | None:
    """Return the column in which the foot goes up and down from rest; None where two columns would do, or none."""
    sizes = np.zeros(3)
    for column in range(3):
        values = speed[:, column]
        values = values[np.isfinite(values)]
        if values.size < 20 or not np.isfinite(path[:, column]).any():
            return None
        rest, width = _rest(values)
        high, low = _sizes(values - rest)
        if min(high, low) >= _TWO_SIDED * max(high, low) and width <= _STEADY * max(high, low):
            sizes[column] = max(high, low)
    order = np.argsort(sizes)
    return int(order[2]) if sizes[order[2]] > _CLEARER * sizes[order[1]] else None


def _events(rise: FloatArray, height: FloatArray, top: float, rate: float) -> tuple[FloatArray, FloatArray]:
    contacts: list[float] = []
    offs: list[float] = []
    for start, stop in pieces(rise[:, None], rate):
        stances = [(start + a, start + b) for a, b in _stances(rise[start:stop], top, rate)]
        swings = _swings(stances, (start, stop), rise, top, rate)
        tops = [_clearance(height, swing) for swing in swings]
        whole = [tall for tall, (_, _, before, after) in zip(tops, swings, strict=True) if before and after]
        for tall, (first, last, before, after) in zip(tops, swings, strict=True):
            off = _rise_peak(rise, first, last)
            if before is not None and 0 < off < rise.size - 1 and rise[off] >= _OFF_SHARE * top:
                offs.append(vertex(rise, off))
            if after is None:
                continue
            above = height - float(height[after[0] : after[1]].mean())
            usual = tall if before or not whole else float(np.median(whole))
            place = _contact(rise, above, (first, last), (top, usual), rate)
            contacts += [] if place is None else [vertex(rise, place)]
    return np.array(contacts) / rate, np.array(offs) / rate


def _swings(
    stances: list[tuple[int, int]], piece: tuple[int, int], rise: FloatArray, top: float, rate: float
) -> list[Swing]:
    """Return every swing beside and between stances."""
    joined: list[tuple[int, int]] = []
    for stance in stances:
        moved = not joined or rise[joined[-1][1] : stance[0]].max(initial=0.0) >= _OFF_SHARE * top
        if not moved or (joined and stance[0] - joined[-1][1] < _SHORTEST_SWING * rate):
            joined[-1] = (joined[-1][0], stance[1])
        else:
            joined.append(stance)
    edges: list[tuple[int, int] | None] = [None, *joined, None]
    found = []
    for before, after in pairwise(edges):
        first = piece[0] if before is None else before[1]
        last = piece[1] if after is None else after[0]
        if _SHORTEST_SWING * rate <= last - first <= _LONGEST_SWING * rate:
            found.append((first, last, before, after))
    return found


def _rise_peak(rise: FloatArray, first: int, last: int) -> int:
    """Return where the foot rises fastest in the first half of a swing; the second may rise to a higher floor."""
    return first + int(np.argmax(rise[first : first + max(1, round(_FIRST_HALF * (last - first)))]))


def _clearance(height: FloatArray, swing: Swing) -> float:
    """Return how high a swing goes over the line from the stance before to the stance after it."""
    first, last, before, after = swing
    ends = (before or after or (first, last), after or before or (first, last))
    ground = np.interp(np.arange(first, last), [first, last], [float(height[a:b].mean()) for a, b in ends])
    return float((height[first:last] - ground).max())


def _contact(
    rise: FloatArray, above: FloatArray, swing: tuple[int, int], typical: tuple[float, float], rate: float
) -> int | None:
    """Return where the foot sinks fastest of all places that are low enough, at the end of a swing."""
    first, last = swing
    top, tall = typical
    peak = _rise_peak(rise, first, last)
    end = min(last + round(_LATE * rate), rise.size - 1)
    places = peak + minima(rise[peak : end + 1])
    low = (above[places] <= _LOWER * tall) & (rise[places] <= -_CONTACT_SHARE * top)
    places = places[low]
    return int(places[np.argmin(rise[places])]) if places.size else None
