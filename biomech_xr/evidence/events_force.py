"""Contacts and foot offs from the vertical force under one foot."""

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
_FIRST_LOAD: Final = 0.005
_FIRST_NOISE: Final = 3.0
_LONGEST_RISE: Final = 0.025
"""What counts as the first load: a share of body weight or multiples of the noise, at most so many s before the
threshold is crossed (1 to 12 ms in eight recorded contacts)."""


def contacts_from_force(
    force: npt.ArrayLike, rate: float, body_mass: float | None = None, *, first_load: bool = False
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
    first_load
        Put a contact where the load begins to rise from the unloaded plate's noise towards that threshold instead of
        where it crosses it; where the rise takes longer than 25 ms the crossing stays.

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
    crossed = [start for start, _ in stances if start > 0 and finite[start]]
    first = max(_FIRST_LOAD * weight, _FIRST_NOISE * noise) if first_load else threshold
    contacts = [_begin(level, start, threshold, min(first, threshold), rate) for start in crossed]
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


def _begin(level: FloatArray, start: int, threshold: float, first: float, rate: float) -> float:
    """Return where the load that is above the threshold from sample ``start`` on began to be above ``first``."""
    earliest = max(start - round(_LONGEST_RISE * rate), 0)
    unloaded = np.flatnonzero(level[earliest:start] <= first)
    if not unloaded.size:
        return _crossing(level, start - 1, threshold)
    return _crossing(level, earliest + int(unloaded[-1]), first)


def _crossing(level: FloatArray, before: int, threshold: float) -> float:
    """Return where the level crosses a threshold between two samples, in samples."""
    first, second = level[before], level[before + 1]
    return before + float((threshold - first) / (second - first))
