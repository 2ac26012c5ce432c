"""Cut trials of K2MUSE: streams of one leg paired by the durations of its events, then signals and candidates.

Angles and moments are cut at the events, so they pair with them when there are as many; EMG cells pair where their
lengths fit the events' durations in one way only. What no event or duration places is not guessed by position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.datasets import segments
from biomech_xr.datasets.k2muse.tree import (
    COMPONENTS,
    EMG_RATE,
    FRAME_RATE,
    POINTS,
    Array,
    Place,
    emg_cells,
    event_frames,
    joint_curves,
)
from biomech_xr.readers.mat import MatNode
from biomech_xr.schema import Signal

_FIT: Final = 0.5 / FRAME_RATE + 1e-9
"""Largest difference (s) between the length of an EMG cell and the stride that it belongs to: half a frame."""


@dataclass(kw_only=True, slots=True)
class Leg:
    """The candidates of one leg and, row by row, what belongs to each; NaN or an empty piece where nothing does."""

    side: words.Side
    cuts: list[segments.Cut] = field(default_factory=list)
    angles: dict[str, Array] = field(default_factory=dict)
    moments: dict[str, Array] = field(default_factory=dict)
    pieces: list[dict[str, Array]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


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
        while start < len(many) and abs(many[start] - value) > _FIT:
            start += 1
        if start == len(many):
            return None
        found.append(start)
        start += 1
    return found


def read_leg(leaf: MatNode, side: words.Side, muscles: Sequence[str], place: Place) -> Leg:
    """Return the candidates of one leg of a cut trial."""
    frames = event_frames(leaf, side)
    angles, moments = (joint_curves(leaf, kind, side) for kind in ("Angles", "Moments"))
    cells = emg_cells(leaf, side, len(muscles))
    leg = Leg(side=side)
    counts = {joint: len(curves) for joint, curves in angles.items()}
    problem = "the trial has no events" if frames is None else _mismatch(counts, len(frames))
    if frames is None or problem:
        size = max([*counts.values(), len(cells), 0 if frames is None else len(frames)], default=0)
        leg.cuts = [_unpaired(side, problem, place) for _ in range(size)]
    else:
        _fill(leg, frames, cells, muscles, place)
        leg.angles = angles
        _add_moments(leg, moments, len(frames))
    _pad(leg)
    return leg


def _mismatch(counts: Mapping[str, int], events: int) -> str:
    wrong = [f"{count} of the {joint}" for joint, count in counts.items() if count != events]
    return f"{events} events, but curves: {', '.join(wrong)}" if wrong else ""


def _unpaired(side: words.Side, detail: str, place: Place, duration: float = np.nan) -> segments.Cut:
    return segments.Cut(side=side, duration=duration, labels=place.labels, reason="unpaired", detail=detail)


def _fill(
    leg: Leg, frames: npt.NDArray[np.int64], cells: Sequence[Array], muscles: Sequence[str], place: Place
) -> None:
    """Make one candidate an event, with its EMG, then one for each EMG cell that fits no event."""
    starts, durations = frames[:, 0] / FRAME_RATE, (frames[:, 1] - frames[:, 0]) / FRAME_RATE
    lengths = [len(cell) / EMG_RATE for cell in cells]
    owner = pair_by_duration(durations.tolist(), lengths) if cells else [None] * len(frames)
    for k, (start, duration) in enumerate(zip(starts, durations, strict=True)):
        cell = owner[k] if owner is not None else -1
        cut = segments.Cut(
            side=leg.side,
            duration=float(duration),
            trial_time=float(start),
            labels=place.labels | {"duration_source": "events"},
            reason="unpaired" if cell == -1 else "",
            detail=f"{len(cells)} EMG cells for {len(frames)} events: their lengths do not tell which is which"
            if cell == -1
            else "",
        )
        leg.cuts.append(cut)
        leg.pieces.append({} if cell is None or cell < 0 else dict(zip(muscles, cells[cell].T, strict=True)))
    used = set(owner or ())
    extra = [i for i in range(len(cells)) if i not in used] if owner is not None and -1 not in used else []
    leg.cuts += [_unpaired(leg.side, f"EMG cell {i + 1} fits no event", place, lengths[i]) for i in extra]
    if cells and None in used:
        leg.notes.append(f"{leg.side}: {len(cells)} EMG cells for {len(frames)} events, paired by their lengths")


def _add_moments(leg: Leg, moments: Mapping[str, Array], events: int) -> None:
    for joint, curves in moments.items():
        if len(curves) == events:
            leg.moments[joint] = curves
        else:
            leg.notes.append(f"{leg.side} {joint} moment: {len(curves)} curves for {events} events, not used")


def _pad(leg: Leg) -> None:
    """Bring every stream to one row a candidate."""
    size = len(leg.cuts)
    for curves in (leg.angles, leg.moments):
        for joint in words.JOINTS:
            rows = curves.get(joint, np.empty((0, POINTS, len(COMPONENTS))))
            missing = np.full((size - len(rows), *rows.shape[1:]), np.nan)
            curves[joint] = np.concatenate([rows, missing])
    leg.pieces += [{} for _ in range(size - len(leg.pieces))]


def cut_signals(
    legs: Sequence[Leg], *, moment_scale: float, emg_units: str, ambiguous: Sequence[str], endpoint: bool
) -> dict[str, Signal]:
    """Return the signals of a cut trial; ``moment_scale`` leads from the stored moment to the canonical one."""
    sides = [leg.side for leg in legs for _ in leg.cuts]
    pieces = [piece for leg in legs for piece in leg.pieces]
    signals = {
        "kinematics": segments.cut_joints(
            sides, _curves(legs, "angles", 1.0), units=words.UNITS["kinematics"], endpoint=endpoint
        ),
        "kinetics": segments.cut_joints(
            sides, _curves(legs, "moments", moment_scale), units=words.UNITS["kinetics"], endpoint=endpoint
        ),
    }
    if any(pieces):
        signals["emg"] = segments.ragged_emg(
            sides, pieces, rate=EMG_RATE, units=emg_units, contiguity="consecutive", ambiguous=ambiguous
        )
    return signals


def _curves(legs: Sequence[Leg], name: str, scale: float) -> dict[tuple[words.Side, str, str], Array]:
    return {
        (leg.side, joint, motion): scale * curves[:, :, component]
        for leg in legs
        for joint, curves in getattr(leg, name).items()
        for component, motion in enumerate(COMPONENTS)
    }
