"""Contacts and foot offs from the rotation of the shank, as a gyroscope sees it."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import ConfigError
from biomech_xr.evidence._cycles import FloatArray
from biomech_xr.evidence.events_signal import bridged, minima, pieces, smoothed, vertex

_CUTOFF: Final = 12.0
_LARGEST_GAP: Final = 0.05
_DOMINANT: Final = 0.6
_TOP: Final = 99.0
_ONE_SIDED: Final = 1.25
_LEAST_PEAK: Final = 1.0
_PEAK_SHARE: Final = 0.45
_LEAST_TURN: Final = 0.35
_LARGEST_TURN: Final = 2.4
_SHORTEST_SWING: Final = 0.15
_LONGEST_SWING: Final = 1.2
_FASTEST_STRIDE: Final = 0.5
_AFTER: Final = 0.22
_BEFORE: Final = 0.35
_DEPTH: Final = 0.5
_LEAST_DEPTH: Final = 0.08


def contacts_from_gyroscope(
    angular_velocity: npt.ArrayLike, rate: float, *, sign: int | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return contacts and foot offs of one foot from the angular velocity of its shank.

    In swing the shank turns forward faster than at any other time: the mid-swing peak. Contact is the first negative
    peak after it, foot off the last one before it (Aminian et al. 2002, J Biomech 35:689,
    doi:10.1016/S0021-9290(02)00008-8; Salarian et al. 2004, IEEE Trans Biomed Eng 51:1434). A swing counts only when
    the shank turns 20 to 137 degrees forward in 0.15 to 1.2 s; a trial that stands, swings both ways alike or turns
    about no steady axis has no events.

    Parameters
    ----------
    angular_velocity
        rad/s, shape (sample,), the mediolateral axis, or (sample, 3), whose steadiest axis is found (`mediolateral`).
    rate
        Hz, at least 30.
    sign
        1 or -1 where it is known that forward swing is positive or negative: data that say otherwise give no event. By
        default the data decide.

    Returns
    -------
    tuple[numpy.ndarray, numpy.ndarray]
        Contacts and foot offs, s after the first sample, to a fraction of a sample.

    Raises
    ------
    ConfigError
        Another shape, a rate below 30 Hz, or a sign other than 1 and -1.
    """
    if sign not in (None, 1, -1):
        raise ConfigError(f"evidence: sign {sign!r} of the gyroscope; expected 1, -1 or None (the data decide).")
    turn = mediolateral(angular_velocity, rate)
    if turn is None or (sign is not None and turn[1] is not None and turn[1] != sign):
        return np.empty(0), np.empty(0)
    forward = turn[0]
    contacts, offs = [], []
    for start, stop in _swings(forward, rate):
        contact, off = _first_trough(forward, stop, rate), _last_trough(forward, start, rate)
        contacts += [] if contact is None else [vertex(forward, contact)]
        offs += [] if off is None else [vertex(forward, off)]
    return np.array(contacts) / rate, np.array(offs) / rate


def swing_peaks(angular_velocity: npt.ArrayLike, rate: float) -> tuple[FloatArray, float]:
    """Return the times (s) of the mid-swing peaks and their ratio to the noise of the signal.

    Noise is what the low-pass takes away (root mean square); parameters and errors as of `contacts_from_gyroscope`.
    """
    turn = mediolateral(angular_velocity, rate)
    if turn is None:
        return np.empty(0), 0.0
    forward = turn[0]
    peaks = [start + int(np.argmax(forward[start:stop])) for start, stop in _swings(forward, rate)]
    if not peaks:
        return np.empty(0), 0.0
    noise = turn[2]
    return np.array([vertex(forward, p) for p in peaks]) / rate, float(np.median(forward[peaks]) / max(noise, 1e-9))


def mediolateral(angular_velocity: npt.ArrayLike, rate: float) -> tuple[FloatArray, int | None, float] | None:
    """Return the rotation about the mediolateral axis, smooth and forward positive; None where it cannot be told.

    The axis is the first principal one of the three, which must carry 60 per cent of the power; forward is the way in
    which the peaks are at least 1.25 times higher than the other way.

    Returns
    -------
    tuple or None
        The rotation (sample,) in rad/s; the sign by which one column was multiplied (None for three); the root mean
        square (rad/s) of what the low-pass at 12 Hz took away.
    """
    values = np.asarray(angular_velocity, dtype=np.float64)
    if values.ndim not in (1, 2) or (values.ndim == 2 and values.shape[1] != 3) or not rate >= 30:
        raise ConfigError(
            f"evidence: angular velocity of shape {values.shape} at {rate} Hz; expected (sample,) or (sample, 3) at 30 "
            "Hz or more."
        )
    columns = values.reshape(len(values), -1)
    columns = np.where(np.isfinite(columns), columns, np.nan)
    columns = np.stack([bridged(column, round(_LARGEST_GAP * rate)) for column in columns.T], axis=1)
    smooth = smoothed(columns, rate, _CUTOFF)
    finite = np.isfinite(smooth).all(axis=1)
    if finite.sum() < rate:
        return None
    axis = _axis(smooth[finite])
    if axis is None:
        return None
    along = smooth @ axis
    noise = float(np.sqrt(np.mean((columns[finite] @ axis - along[finite]) ** 2)))
    up, down = np.percentile(along[finite], _TOP), -np.percentile(along[finite], 100 - _TOP)
    if max(up, down) < _LEAST_PEAK or max(up, down) < _ONE_SIDED * min(up, down):
        return None
    sign = 1 if up > down else -1
    return sign * along, sign if values.ndim == 1 else None, noise


def _axis(smooth: FloatArray) -> FloatArray | None:
    """Return the axis of most power as a unit vector; None where no axis prevails."""
    if smooth.shape[1] == 1:
        return np.ones(1)
    power, axes = np.linalg.eigh(smooth.T @ smooth / len(smooth))
    return np.asarray(axes[:, 2]) if power[2] >= _DOMINANT * power.sum() > 0 else None


def _swings(forward: FloatArray, rate: float) -> list[tuple[int, int]]:
    """Return (first, after the last) sample of every forward swing of the shank."""
    finite = np.isfinite(forward)
    top = _typical_peak(forward[finite], rate)
    found: list[tuple[int, int]] = []
    for first, last in pieces(forward[:, None], rate):
        ahead = forward[first:last] > 0
        step = np.diff(ahead.astype(np.int8))
        starts, stops = np.flatnonzero(step == 1) + 1, np.flatnonzero(step == -1) + 1
        for start in starts:
            after = stops[stops > start]
            if after.size and _is_swing(forward[first + start : first + after[0]], rate, top):
                found.append((int(first + start), int(first + after[0])))
    return _spaced(found, forward, rate)


def _typical_peak(values: FloatArray, rate: float) -> float:
    """Return the height of the typical mid-swing peak: the median of peaks that reach half of the highest ones."""
    from scipy.signal import find_peaks

    places, _ = find_peaks(values, height=0.4 * np.percentile(values, _TOP), distance=max(1, round(0.4 * rate)))
    return float(np.median(values[places])) if places.size else float(np.percentile(values, _TOP))


def _is_swing(lobe: FloatArray, rate: float, top: float) -> bool:
    turned, seconds = float(lobe.sum()) / rate, lobe.size / rate
    return (
        float(lobe.max()) >= max(_PEAK_SHARE * top, _LEAST_PEAK * 0.8)
        and _LEAST_TURN <= turned <= _LARGEST_TURN
        and _SHORTEST_SWING <= seconds <= _LONGEST_SWING
    )


def _spaced(swings: list[tuple[int, int]], forward: FloatArray, rate: float) -> list[tuple[int, int]]:
    """Return the swings that are half a second or more apart; of two nearer ones the higher."""
    kept: list[tuple[int, int]] = []
    for start, stop in swings:
        if kept and (start + stop - sum(kept[-1])) / 2 < _FASTEST_STRIDE * rate:
            if forward[start:stop].max() > forward[slice(*kept[-1])].max():
                kept[-1] = (start, stop)
            continue
        kept.append((start, stop))
    return kept


def _first_trough(forward: FloatArray, stop: int, rate: float) -> int | None:
    """Return the first clear negative peak after a swing."""
    window = forward[stop - 1 : stop + round(_AFTER * rate) + 2]
    places = _troughs(window)
    return stop - 1 + int(places[0]) if places.size else None


def _last_trough(forward: FloatArray, start: int, rate: float) -> int | None:
    """Return the last clear negative peak before a swing."""
    begin = max(0, start - round(_BEFORE * rate) - 1)
    places = _troughs(forward[begin : start + 1])
    return begin + int(places[-1]) if places.size else None


def _troughs(window: FloatArray) -> npt.NDArray[np.intp]:
    if window.size < 3 or not np.isfinite(window).all():
        return np.empty(0, dtype=np.intp)
    places = minima(window)
    deepest = float(window.min())
    return places[window[places] <= min(_DEPTH * deepest, -_LEAST_DEPTH)]
