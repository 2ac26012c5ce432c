"""When the cut strides of a UT Dallas trial happened: by heel-strike frames of the record, or by their own times."""

from __future__ import annotations

from typing import Final

import numpy as np

from biomech_xr.datasets.utd.legs import Array, Leg

RATE: Final = 100.0
"""Frames per second of the continuous record."""

_FRAME: Final = 1 / RATE
_FIT: Final = 1.05 / RATE
"""Both frames of a stride are rounded: their distance differs from its duration by up to one frame."""

_NEXT: Final = _FRAME + _FIT
"""A stride that stops so near (s) to the next contact stops there: its last sample may lie one frame before it."""

_GAP: Final = 0.6
"""Least time (s) between a stride and the next one of a leg where others were left out: one stride."""


def set_times(leg: Leg, times: Array) -> bool:
    """Set the contact times of a leg's strides, shape (strides,), s; return whether all that have a duration have one.

    A stride that stops at the next contact, but for `_NEXT`, takes the time between the two contacts for its duration.
    """
    apart = np.diff(times)
    follows = np.abs(apart - leg.durations[:-1]) <= _NEXT
    leg.trial_times = times
    leg.durations = np.append(np.where(follows, apart, leg.durations[:-1]), leg.durations[-1:])
    return bool(np.isfinite(times[np.isfinite(leg.durations)]).all())


def own_times(leg: Leg) -> Array:
    """Return the first time of each stride where those times run on one clock, else NaN; shape (strides,), s."""
    late = np.diff(leg.starts) - leg.durations[:-1]
    known = late[np.isfinite(late)]
    if known.size and (known >= -_NEXT).all():
        return leg.starts
    return np.full(leg.count, np.nan)


def frame_times(leg: Leg, frames: Array, clock: Array | None) -> Array:
    """Return the contact time of each stride from its heel-strike frame, NaN where none can be told; (strides,), s.

    Parameters
    ----------
    leg
        The strides.
    frames
        Frame numbers of heel strikes, counted from 1; zeros at the end are padding. As many as strides, or more: their
        distances tell which are those of the strides (see `_fits`).
    clock
        Time of every frame in s, or None: frame 1 is then time 0 at `RATE`.

    Returns
    -------
    numpy.ndarray
        The strides' own times where they run on the same clock (they are finer), else the times of the frames.
    """
    filled = np.flatnonzero(frames)
    if not filled.size:
        return own_times(leg)
    frames = frames[: filled[-1] + 1]
    first = _place(leg, frames)
    own = frames[:0] if first is None else frames[first : first + leg.count]
    last = np.inf if clock is None else clock.size
    if first is None or not ((own >= 1) & (own <= last) & (own == np.rint(own))).all():
        leg.doubt = f"the {frames.size} heel-strike frames of the {leg.side} leg do not fit its {leg.count} durations"
        return np.full(leg.count, np.nan)
    times = (own - 1) / RATE if clock is None else clock[own.astype(int) - 1]
    apart = leg.starts - times
    same = leg.count > 1 and np.ptp(apart) <= 2 * _FRAME < np.ptp(leg.starts)
    return leg.starts if same else times


def _place(leg: Leg, frames: Array) -> int | None:
    """Return the index of the frame of the first stride, None where it is not certain."""
    spare = frames.size - leg.count
    fits = [first for first in range(spare + 1) if _fits(leg, frames[first : first + leg.count + 1])]
    return fits[0] if len(fits) == 1 else None


def _fits(leg: Leg, frames: Array) -> bool:
    """Return whether the distances of frames are the durations of the strides, or, of at most half, gaps.

    All may be one frame longer than the duration: the last sample of each stride then lies one frame before the next
    contact.
    """
    late = np.diff(frames) / RATE - leg.durations[: frames.size - 1]
    late = late[np.isfinite(late)]
    for short in (0.0, _FRAME):
        follows = np.abs(late - short) <= _FIT
        if (follows | (late >= _GAP)).all() and 2 * np.count_nonzero(follows) >= late.size:
            return True
    return False
