"""When the cut strides of a UT Dallas trial happened: by heel-strike frames of the record, or by their own times."""

from __future__ import annotations

from typing import Final

import numpy as np

from biomech_xr.datasets.utd.legs import Array, Leg

RATE: Final = 100.0
"""Frames per second of the continuous record."""

_FRAME: Final = 2 / RATE
"""Two frames: contact and length of a stride are each known to one."""

_FIT: Final = 0.6 / RATE
"""Durations of strides that were cut at whole frames differ by less from the frames they were cut at."""


def own_times(leg: Leg) -> Array:
    """Return the first time of each stride where those times run on one clock, else NaN; shape (strides,), s."""
    late = np.diff(leg.starts) - leg.durations[:-1]
    known = late[np.isfinite(late)]
    if known.size and (known >= -_FRAME).all():
        return leg.starts
    return np.full(leg.count, np.nan)


def is_known(leg: Leg) -> bool:
    """Return whether every stride that has a duration has a contact time."""
    return bool(np.isfinite(leg.trial_times[np.isfinite(leg.durations)]).all())


def frame_times(leg: Leg, frames: Array, clock: Array | None) -> Array:
    """Return the contact time of each stride from its heel-strike frame, NaN where none can be told; (strides,), s.

    Parameters
    ----------
    leg
        The strides.
    frames
        Frame numbers of heel strikes, counted from 1; zeros at the end are padding. As many as strides, or more: then
        the place is that where their distances are the durations of the strides.
    clock
        Time of every frame in s, or None: frame 1 is then time 0 at `RATE`.

    Returns
    -------
    numpy.ndarray
        The strides' own times where they run on the same clock (they are finer), else the times of the frames.
    """
    unknown = np.full(leg.count, np.nan)
    filled = np.flatnonzero(frames)
    frames = frames[: filled[-1] + 1] if filled.size else frames[:0]
    first = _place(leg, frames)
    if first is None:
        return own_times(leg) if not frames.size else unknown
    own = frames[first : first + leg.count]
    last = np.inf if clock is None else clock.size
    if not ((own >= 1) & (own <= last) & (own == np.rint(own))).all():
        return unknown
    times = (own - 1) / RATE if clock is None else clock[own.astype(int) - 1]
    apart = leg.starts - times
    same = leg.count > 1 and np.ptp(apart) <= _FRAME and np.ptp(leg.starts) > _FRAME
    return leg.starts if same else times


def _place(leg: Leg, frames: Array) -> int | None:
    """Return the index of the frame of the first stride, None where it is not certain."""
    spare = frames.size - leg.count
    if spare <= 0:
        return 0 if spare == 0 and leg.count else None
    fits = [first for first in range(spare + 1) if _fits(leg, frames[first : first + leg.count + 1])]
    return fits[0] if len(fits) == 1 else None


def _fits(leg: Leg, frames: Array) -> bool:
    """Return whether the distances of frames are the durations of the strides."""
    apart = np.diff(frames) / RATE - leg.durations[: frames.size - 1]
    return bool((np.abs(apart) <= _FIT).all())
