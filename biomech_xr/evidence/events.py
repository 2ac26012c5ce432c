"""Contacts and foot offs, from the vertical force or from the path of the heel."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import ConfigError
from biomech_xr.evidence._cycles import FloatArray

_LOW: Final = 0.03
_HIGH: Final = 0.5
_NOISE: Final = 5.0
_NOISIEST: Final = 0.1
_GRAVITY: Final = 9.80665
_SHORTEST_DIP: Final = 0.04
_SHORTEST_STANCE: Final = 0.1
_LARGEST_GAP: Final = 0.1
_FASTEST_STRIDE: Final = 0.5
_PROMINENCE: Final = 0.4
_SWING_SKEW: Final = 0.3
_STILL: Final = 1e-9


def contacts_from_force(
    force: npt.ArrayLike, rate: float, body_mass: float | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return contacts and foot offs of one foot from its vertical force.

    The foot is down while the force stays above 3 per cent of body weight (about 20 N, as is usual: Tirosh & Sparrow
    2003, J Appl Biomech 19:335) or above the noise of the unloaded plate, and if it reaches half of body weight in
    between: a foot that only touches a plate is no contact. A trial that begins or ends on the foot, or a gap (NaN)
    beside a loaded plate, has no event there.

    Parameters
    ----------
    force
        N, or N/kg with a ``body_mass`` of 1; either sign, shape (sample,).
    rate
        Hz.
    body_mass
        kg; without it the weight is read from the force itself, and a trial of partial contacts alone is misread.

    Returns
    -------
    tuple[numpy.ndarray, numpy.ndarray]
        Contacts and foot offs, s after the first sample, interpolated between samples.

    Raises
    ------
    ConfigError
        The force is not one-dimensional or the rate is not positive.
    """
    values = np.asarray(force, dtype=np.float64)
    if values.ndim != 1 or not rate > 0:
        raise ConfigError(f"evidence: force of shape {values.shape} at {rate} Hz; expected (sample,) at a rate.")
    finite = np.isfinite(values)
    if finite.sum() < 3:
        return np.empty(0), np.empty(0)
    low, high = np.percentile(values[finite], [0.5, 99.5])
    upward = values if abs(high) >= abs(low) else -values
    weight = _weight(upward[finite], body_mass)
    offset, noise = _unloaded(upward[finite], weight)
    level = upward - offset
    threshold = max(_LOW * weight, _NOISE * noise)
    if not 0 < threshold <= _NOISIEST * weight:
        return np.empty(0), np.empty(0)
    loaded = np.where(finite, level, np.inf) > threshold
    stances = _stances(loaded, level, rate, _HIGH * weight)
    contacts = [_crossing(level, start - 1, threshold) for start, _ in stances if start > 0 and finite[start]]
    offs = [_crossing(level, stop - 1, threshold) for _, stop in stances if stop < level.size and finite[stop - 1]]
    return np.array(contacts) / rate, np.array(offs) / rate


def _weight(upward: FloatArray, body_mass: float | None) -> float:
    """Return the body weight in the unit of the force."""
    if body_mass is not None and np.isfinite(body_mass) and body_mass > 0:
        return _GRAVITY * body_mass
    top = float(np.percentile(upward, 99.5))
    return max(float(np.median(upward[upward >= 0.5 * top])), 0.0) if top > 0 else 0.0


def _unloaded(upward: FloatArray, weight: float) -> tuple[float, float]:
    """Return offset and noise of the plate without load; 0 where it is never without."""
    quiet = upward[np.abs(upward) < 0.08 * weight]
    if quiet.size < max(3, 0.01 * upward.size):
        return 0.0, 0.0
    offset = float(np.median(quiet))
    return offset, 1.4826 * float(np.median(np.abs(quiet - offset)))


def _stances(loaded: npt.NDArray[np.bool_], level: FloatArray, rate: float, least: float) -> list[tuple[int, int]]:
    """Return (first sample, sample after the last) of every loaded run that reaches ``least``, dips bridged."""
    step = np.diff(np.concatenate([[0], loaded.astype(np.int8), [0]]))
    runs: list[tuple[int, int]] = []
    for start, stop in zip(np.flatnonzero(step == 1), np.flatnonzero(step == -1), strict=True):
        if runs and start - runs[-1][1] < _SHORTEST_DIP * rate:
            runs[-1] = (runs[-1][0], int(stop))
        else:
            runs.append((int(start), int(stop)))
    long = [(start, stop) for start, stop in runs if stop - start >= _SHORTEST_STANCE * rate]
    return [(start, stop) for start, stop in long if np.nanmax(level[start:stop], initial=-np.inf) >= least]


def _crossing(level: FloatArray, before: int, threshold: float) -> float:
    """Return where the level crosses a threshold between two samples, in samples."""
    first, second = level[before], level[before + 1]
    return before + float((threshold - first) / (second - first))


def contacts_from_heel(
    heel: npt.ArrayLike, pelvis: npt.ArrayLike, rate: float, *, toe: npt.ArrayLike | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return contacts and foot offs of one foot from markers, by the coordinate method of Zeni et al. 2008.

    Contact is where the heel is farthest ahead of the pelvis, foot off where the toe is farthest behind
    (Gait & Posture 27:710, doi:10.1016/j.gaitpost.2007.07.007: within one frame at 60 Hz in 94 per cent of healthy and
    90 per cent of impaired steps). Ahead is the direction in which the foot moves fastest, as it swings. Straight walks
    on a belt or on the ground only: a turn or a step on the spot breaks the method.

    Parameters
    ----------
    heel
        Position of the heel marker, any unit of length, shape (frame, 3) or forward component alone (frame,).
    pelvis
        Position of the sacrum, or of the middle of the pelvis, like ``heel``.
    rate
        Hz.
    toe
        Position of the toe marker; without it foot off is read from the heel and is early.

    Returns
    -------
    tuple[numpy.ndarray, numpy.ndarray]
        Contacts and foot offs, s after the first frame; empty where the foot does not walk.

    Raises
    ------
    ConfigError
        The arrays differ in shape or the rate is not positive.
    """
    path = _relative(heel, pelvis, rate)
    ahead, axis = _ahead(path)
    contacts = _turns(ahead, rate)
    if toe is None:
        return contacts, _turns(-ahead, rate)
    return contacts, _turns(-(_relative(toe, pelvis, rate) @ axis), rate)


def _relative(marker: npt.ArrayLike, pelvis: npt.ArrayLike, rate: float) -> FloatArray:
    """Return the path of a marker seen from the pelvis, shape (frame, axis), short gaps bridged."""
    first, second = np.asarray(marker, dtype=np.float64), np.asarray(pelvis, dtype=np.float64)
    if first.shape != second.shape or first.ndim not in (1, 2) or not rate > 0:
        raise ConfigError(f"evidence: marker {first.shape} and pelvis {second.shape} at {rate} Hz; expected one shape.")
    first, second = (np.where(np.isfinite(place), place, np.nan) for place in (first, second))
    path = (first - second).reshape(len(first), -1)
    return np.stack([_bridged(column, round(_LARGEST_GAP * rate)) for column in path.T], axis=1)


def _bridged(column: FloatArray, longest: int) -> FloatArray:
    finite = np.isfinite(column)
    if finite.all() or finite.sum() < 2:
        return column
    index = np.arange(column.size)
    filled = np.interp(index, index[finite], column[finite])
    known = index[finite]
    after = np.searchsorted(known, index, side="left")
    width = known[np.minimum(after, known.size - 1)] - known[np.maximum(after - 1, 0)]
    outside = (index < known[0]) | (index > known[-1])
    return np.where(finite | ((width - 1 <= longest) & ~outside), filled, np.nan)


def _ahead(path: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the forward coordinate of a path and the axis (unit vector) it lies on; NaN where the foot stands."""
    finite = np.isfinite(path).all(axis=1)
    if finite.sum() < 10:
        return np.full(len(path), np.nan), np.zeros(path.shape[1])
    centered = path - path[finite].mean(axis=0)
    axis = np.linalg.svd(centered[finite], full_matrices=False)[2][0]
    ahead = centered @ axis
    speed = np.diff(ahead)
    speed = speed[np.isfinite(speed)]
    spread = float(speed.std()) if speed.size else 0.0
    if spread <= _STILL * float(np.abs(path[finite]).max()):
        return np.full(len(path), np.nan), axis
    skew = float(np.mean(((speed - speed.mean()) / spread) ** 3))
    if abs(skew) < _SWING_SKEW:
        return np.full(len(path), np.nan), axis
    return ahead * np.sign(skew), axis * np.sign(skew)


def _turns(ahead: FloatArray, rate: float) -> FloatArray:
    """Return the times (s) of the outstanding maxima, to a fraction of a frame."""
    from scipy.signal import find_peaks

    finite = np.isfinite(ahead)
    if not finite.any():
        return np.empty(0)
    low, high = np.percentile(ahead[finite], [2, 98])
    filled = np.where(finite, ahead, -np.inf)
    distance = max(1, round(_FASTEST_STRIDE * rate))
    places, _ = find_peaks(filled, distance=distance, prominence=_PROMINENCE * (high - low))
    inner = [place for place in places if finite[place - 1] and finite[place + 1]]
    return np.array([_vertex(ahead, place) for place in inner]) / rate


def _vertex(values: FloatArray, place: int) -> float:
    before, here, after = values[place - 1 : place + 2]
    bend = before - 2 * here + after
    return place + (float(0.5 * (before - after) / bend) if bend < 0 else 0.0)
