"""Strides that a source cut itself: runs of consecutive ones on one clock, and their interpolation.

A polyphase filter on a cut stride errs at its ends, so cut strides are interpolated: each by its own cubic spline over
its own samples, evaluated only between its own contacts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from biomech_xr.process.engine.kernels import TIME_TOLERANCE, Array, Array32, Index, delayed_linear, spline
from biomech_xr.process.trials.samples import Candidates, Samples

_SAME_CONTACT = 2e-3
"""Two contact times (s) that differ by less are one contact (published times are rounded to ms)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Cut strides of one side that follow one another, on a clock (s) that starts at the first contact.

    `members` are positions in the trial's stride table; stride i spans `starts[i]` to `starts[i] + durations[i]`; its
    samples `values[i]` (m, n) lie at `knots[i]` seconds after its contact.
    """

    members: Index
    starts: Array
    durations: Array
    knots: tuple[Array, ...]
    values: tuple[Array32, ...]

    @property
    def end(self) -> float:
        """Time of the last contact, s."""
        return float(self.starts[-1] + self.durations[-1])

    @property
    def finest(self) -> float:
        """Smallest sample spacing, s."""
        return float(min(np.diff(knots).min() for knots in self.knots))

    @property
    def coarsest(self) -> float:
        """Largest sample spacing, s."""
        return float(max(np.diff(knots).max() for knots in self.knots))


def segment_rows(signal: Samples) -> npt.NDArray[np.int64]:
    """Return first row and row after the last of each segment of a cut signal, shape (segments, 2)."""
    if signal.kind == "segmented":
        lengths = np.full(signal.size // signal.points, signal.points, dtype=np.int64)
    else:
        lengths = np.asarray(signal.lengths, dtype=np.int64)
    stops = lengths.cumsum()
    return np.stack((stops - lengths, stops), axis=1)


def cut_runs(signal: Samples, strides: Candidates, sides: Mapping[int, Array32]) -> list[Run]:
    """Return the runs of a cut signal.

    Parameters
    ----------
    signal
        Segmented or ragged signal of the trial.
    strides
        All strides of the trial, so that rejected neighbors still give history.
    sides
        The signal's samples (m, rows) of each side present.
    """
    bounds = segment_rows(signal)
    there = (strides.segment >= 0) & (strides.segment < len(bounds))
    runs = []
    for side, values in sides.items():
        own = np.flatnonzero((strides.side == side) & there)
        own = own[np.argsort(strides.number[own], kind="stable")]
        lengths = np.diff(bounds[strides.segment[own]], axis=1)[:, 0]
        own = own[lengths >= 2]
        runs += [_run(signal, strides, members, bounds, values) for members in _consecutive(signal, strides, own)]
    return runs


def evaluate(run: Run, query: Array) -> Array:
    """Return cubic-spline values (m, q) of a run at ``query`` times (s on its clock); NaN outside the run.

    A grid that excludes the next contact (ragged rows, endpoint False) ends before it: there the next stride's first
    sample is used, and where there is none the spline continues for at most one sample.
    """
    out = np.full((len(run.values[0]), query.size), np.nan)
    owner = np.searchsorted(run.starts, query + TIME_TOLERANCE, side="right") - 1
    owner[~(query < run.end - TIME_TOLERANCE)] = -1
    order = np.argsort(owner, kind="stable")
    borders = np.searchsorted(owner[order], np.arange(len(run.starts) + 1))
    for i, (begin, stop) in enumerate(pairwise(borders)):
        columns = order[begin:stop]
        if columns.size:
            times, values, reach = _closed(run, i)
            out[:, columns] = spline(times, values, query[columns] - run.starts[i], reach=reach)
    return out


def evaluate_causal(run: Run, query: Array, *, delay: float = 0.0, hold: bool = False) -> Array:
    """Return values (m, q) of a run by linear interpolation delayed by its largest sample spacing, or ``delay`` (s).

    The spacing counts the step from a stride's last sample to the next one's first. Until the first sample shows, so
    late, values are NaN or, with ``hold``, that sample, as a filter in its steady state would have it.
    """
    last = len(run.starts) - 1
    times, values = [], []
    for i, (knots, samples) in enumerate(zip(run.knots, run.values, strict=True)):
        shared = i < last and knots[-1] > run.durations[i] - TIME_TOLERANCE
        keep = slice(None, -1 if shared else None)
        times.append(run.starts[i] + knots[keep])
        values.append(samples[:, keep])
    joined = np.concatenate(values, axis=1)
    clock = np.concatenate(times)
    late = max(float(np.diff(clock).max()), run.coarsest, delay)
    out = delayed_linear(clock, joined, np.maximum(query, late) if hold else query, delay=late)
    out[:, ~(query < run.end - TIME_TOLERANCE)] = np.nan
    return out


def follows(number: npt.ArrayLike, start: npt.ArrayLike, duration: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return for strides 1, 2, ... of one side of a trial whether each begins where the one before stops, (n - 1,).

    By stride number, and where contact times (s) are known by those: they may differ by `_SAME_CONTACT`. A stride
    without a duration has no place beside another.
    """
    times, lengths = np.asarray(start, dtype=np.float64), np.asarray(duration, dtype=np.float64)
    apart = np.abs(times[:-1] + lengths[:-1] - times[1:]) > _SAME_CONTACT
    known = np.isfinite(lengths[:-1]) & np.isfinite(lengths[1:])
    return np.asarray((np.diff(np.asarray(number)) == 1) & known & ~apart)


def _consecutive(signal: Samples, strides: Candidates, own: Index) -> list[Index]:
    if own.size == 0:
        return []
    if signal.contiguity == "isolated":
        return [own[i : i + 1] for i in range(own.size)]
    joined = follows(strides.number[own], strides.time[own], strides.duration[own])
    return np.split(own, np.flatnonzero(~joined) + 1)


def _run(signal: Samples, strides: Candidates, members: Index, bounds: npt.NDArray[np.int64], values: Array32) -> Run:
    durations = strides.duration[members]
    rows = bounds[strides.segment[members]]
    knots = []
    for duration, (start, stop) in zip(durations, rows, strict=True):
        count = int(stop - start)
        if signal.kind == "segmented":
            knots.append(np.arange(count) * (duration / (count - 1 if signal.endpoint else count)))
        else:
            knots.append(np.arange(count) / signal.sampling_frequency)
    return Run(
        members=members,
        starts=np.concatenate(([0.0], durations.cumsum()[:-1])),
        durations=durations,
        knots=tuple(knots),
        values=tuple(values[:, start:stop] for start, stop in rows),
    )


def _closed(run: Run, i: int) -> tuple[Array, Array32, float]:
    """Return knots and values of stride i up to the next contact, and how far its spline may continue."""
    knots, values = run.knots[i], run.values[i]
    open_end = float(run.durations[i] - knots[-1])
    if open_end <= TIME_TOLERANCE:
        return knots, values, 0.0
    if i + 1 < len(run.starts):
        return np.append(knots, run.durations[i]), np.append(values, run.values[i + 1][:, :1], axis=1), 0.0
    return knots, values, min(open_end, float(knots[-1] - knots[-2]))
