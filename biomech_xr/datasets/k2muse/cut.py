"""Cut trials of K2MUSE: streams of one leg paired by the durations of its events, then signals and candidates.

Angles and moments are cut at the events: they pair with them when there are as many and the end of each curve meets
the start of the next where the events follow each other. EMG cells pair where their lengths fit the events' durations
in one way only. What no event or duration places is not guessed by position.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.datasets import segments
from biomech_xr.datasets.k2muse.pairing import ends_meet, pair_by_duration
from biomech_xr.datasets.k2muse.tree import (
    COMPONENTS,
    EMG_RATE,
    FRAME_RATE,
    NO_FRAME,
    POINTS,
    Array,
    Place,
    emg_cells,
    event_frames,
    joint_curves,
)
from biomech_xr.readers.mat import MatNode
from biomech_xr.schema import Signal

_LIMIT: Final = 0.5
_SHARE: Final = 0.05
"""Largest step from a curve to the next: of angles in degrees, of moments as a share of their peak."""


@dataclass(kw_only=True, slots=True)
class Leg:
    """The candidates of one leg and, row by row, what belongs to each; NaN or an empty piece where nothing does."""

    side: words.Side
    cuts: list[segments.Cut] = field(default_factory=list)
    angles: dict[str, Array] = field(default_factory=dict)
    moments: dict[str, Array] = field(default_factory=dict)
    pieces: list[dict[str, Array]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_leg(
    leaf: MatNode, side: words.Side, muscles: Sequence[str], place: Place, *, doubt: str, by_count: bool
) -> Leg:
    """Return the candidates of one leg of a cut trial.

    ``doubt`` says what speaks against the pairing of curves and events; ``by_count`` overrules it and all checks.
    """
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
        if angles and len(frames):
            ends = ends_meet(frames, np.concatenate(list(angles.values()), axis=2), limit=_LIMIT, unit="degrees")
            problem = "" if by_count else doubt or ends.problem
            leg.notes.append(f"{side}: {ends.note}")
        _fill(leg, frames, cells, muscles, place, problem)
        leg.angles = angles
        _add_moments(leg, moments, frames, by_count=by_count)
    _pad(leg)
    return leg


def _mismatch(counts: Mapping[str, int], events: int) -> str:
    wrong = [f"{count} of the {joint}" for joint, count in counts.items() if count != events]
    return f"{events} events, but curves: {', '.join(wrong)}" if wrong else ""


def _unpaired(side: words.Side, detail: str, place: Place, duration: float = np.nan) -> segments.Cut:
    return segments.Cut(side=side, duration=duration, labels=place.labels, reason="unpaired", detail=detail)


def _fill(leg: Leg, frames: Array, cells: Sequence[Array], muscles: Sequence[str], place: Place, problem: str) -> None:
    """Make one candidate an event, with its EMG, then one for each EMG cell that fits no event."""
    starts, durations = frames[:, 0] / FRAME_RATE, (frames[:, 1] - frames[:, 0]) / FRAME_RATE
    lengths = [len(cell) / EMG_RATE for cell in cells]
    owner = pair_by_duration(durations.tolist(), lengths) if cells else [None] * len(frames)
    unclear = owner is None or -1 in owner
    for k, (start, duration) in enumerate(zip(starts, durations, strict=True)):
        cell = owner[k] if owner is not None else -1
        detail = problem if np.isfinite(duration) else NO_FRAME
        leg.cuts.append(
            segments.Cut(
                side=leg.side,
                duration=float(duration),
                trial_time=float(start),
                labels=place.labels | {"duration_source": "events"},
                reason="unpaired" if detail else "",
                detail=detail,
            )
        )
        leg.pieces.append({} if cell is None or cell < 0 else dict(zip(muscles, cells[cell].T, strict=True)))
    used = set(owner or ())
    extra = [i for i in range(len(cells)) if i not in used] if not unclear else []
    leg.cuts += [_unpaired(leg.side, f"EMG cell {i + 1} fits no event", place, lengths[i]) for i in extra]
    if unclear:
        count = sum(cell == -1 for cell in owner or [-1] * len(frames))
        leg.notes.append(
            f"{leg.side}: EMG of {count} strides left out: the lengths of {len(cells)} cells do not tell to which of "
            f"{len(frames)} events they belong"
        )
    elif cells and None in used:
        leg.notes.append(f"{leg.side}: {len(cells)} EMG cells for {len(frames)} events, paired by their lengths")


def _add_moments(leg: Leg, moments: Mapping[str, Array], frames: Array, *, by_count: bool) -> None:
    for joint, curves in moments.items():
        if len(curves) != len(frames):
            leg.notes.append(f"{leg.side} {joint} moment: {len(curves)} curves for {len(frames)} events, not used")
            continue
        known = np.abs(curves[np.isfinite(curves)])
        peak = float(np.percentile(known, 98)) if known.size else 0.0
        ends = ends_meet(frames, curves / peak, limit=_SHARE, unit="of the peak") if peak > 0 else None
        if ends is not None and ends.problem and not by_count:
            leg.notes.append(f"{leg.side} {joint} moment: {ends.problem}, not used")
        else:
            leg.moments[joint] = curves


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
    legs: Sequence[Leg],
    *,
    angle_signs: Mapping[str, float],
    moment_scale: float,
    emg_units: str,
    ambiguous: Sequence[str],
    endpoint: bool,
) -> dict[str, Signal]:
    """Return the signals of a cut trial.

    ``angle_signs`` has each joint's factor to canonical flexion; ``moment_scale`` leads from the stored moment to the
    canonical one.
    """
    sides = [leg.side for leg in legs for _ in leg.cuts]
    pieces = [piece for leg in legs for piece in leg.pieces]
    signals = {
        "kinematics": segments.cut_joints(
            sides,
            _curves(legs, "angles", lambda joint, motion: angle_signs[joint] if motion == "flexion" else 1.0),
            units=words.UNITS["kinematics"],
            endpoint=endpoint,
        ),
        "kinetics": segments.cut_joints(
            sides,
            _curves(legs, "moments", lambda _joint, _motion: moment_scale),
            units=words.UNITS["kinetics"],
            endpoint=endpoint,
        ),
    }
    if any(pieces):
        signals["emg"] = segments.ragged_emg(
            sides, pieces, rate=EMG_RATE, units=emg_units, contiguity="consecutive", ambiguous=ambiguous
        )
    return signals


def _curves(
    legs: Sequence[Leg], name: str, factor: Callable[[str, str], float]
) -> dict[tuple[words.Side, str, str], Array]:
    return {
        (leg.side, joint, motion): factor(joint, motion) * curves[:, :, component]
        for leg in legs
        for joint, curves in getattr(leg, name).items()
        for component, motion in enumerate(COMPONENTS)
    }
