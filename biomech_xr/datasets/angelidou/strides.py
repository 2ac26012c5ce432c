"""The strides of one condition: cells of a leg that is cut by itself, paired by index and checked by duration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.datasets import segments
from biomech_xr.datasets.angelidou import tree
from biomech_xr.datasets.angelidou.decisions import Decisions
from biomech_xr.datasets.angelidou.tree import Array, Condition
from biomech_xr.readers.mat import MatNode
from biomech_xr.schema import Signal

Motions = dict[tuple[str, str], Array]

_AGREE: Final = 1.5
"""Largest difference of the durations of EMG and joints, in frames."""


@dataclass(kw_only=True, slots=True)
class Piece:
    """One cell index of a leg: muscle -> samples, (joint, motion) -> samples, s; a `problem` unpairs it."""

    emg: dict[str, Array] = field(default_factory=dict)
    angles: Motions = field(default_factory=dict)
    moments: Motions = field(default_factory=dict)
    duration: float = np.nan
    problem: str = ""

    @property
    def measured(self) -> bool:
        """Whether any sample is finite."""
        values = [*self.emg.values(), *self.angles.values(), *self.moments.values()]
        return any(np.isfinite(samples).any() for samples in values)


def read_pieces(condition: Condition, decisions: Decisions, side: words.Side) -> list[Piece]:
    """Return the cells of a leg in order; all are unpaired when channels or joints differ in their number."""
    letter = tree.LETTERS[side]
    emg = {muscle: tree.column(condition.leaf["EMG"], letter + raw) for raw, muscle in tree.CHANNELS.items()}
    angles, moments = (
        {joint: tree.column(condition.leaf[branch], letter + joint.title()) for joint in words.JOINTS}
        for branch in ("jointAngles", "jointMoments")
    )
    counts = {".".join(node.path.split(".")[-2:]): len(node) for g in (emg, angles, moments) for node in g.values()}
    sizes = set(counts.values())
    if len(sizes) != 1:
        detail = "numbers of cells differ: " + ", ".join(f"{name} {count}" for name, count in counts.items())
        return [Piece(problem=detail) for _ in range(max(sizes, default=0))]
    return [_piece(index, emg, angles, moments, decisions) for index in range(sizes.pop())]


def _piece(
    index: int,
    emg: dict[str, MatNode],
    angles: dict[str, MatNode],
    moments: dict[str, MatNode],
    decisions: Decisions,
) -> Piece:
    samples = {muscle: tree.stride(cells, index, 1)[:, 0] for muscle, cells in emg.items()}
    piece = Piece(
        emg={muscle: values for muscle, values in samples.items() if values.size},
        angles=_motions(index, angles, decisions, decisions.angle_signs, decisions.angle_scale),
        moments=_motions(index, moments, decisions, decisions.moment_signs, decisions.moment_scale),
    )
    lengths = {
        name: {values.size for values in group.values()}
        for name, group in (("EMG", piece.emg), ("angles", piece.angles), ("moments", piece.moments))
    }
    frames = lengths["angles"] | lengths["moments"]
    for name, found in lengths.items():
        if len(found) > 1:
            return Piece(problem=f"{name} of cell {index + 1} have {', '.join(map(str, sorted(found)))} samples")
    if len(frames) > 1:
        return Piece(problem=f"angles and moments of cell {index + 1} have {', '.join(map(str, sorted(frames)))} rows")
    return _timed(piece, index, lengths["EMG"], frames, decisions)


def _timed(piece: Piece, index: int, emg: set[int], frames: set[int], decisions: Decisions) -> Piece:
    """Return the piece with its duration: that of EMG, which the joints must share within one and a half frames."""
    if decisions.points and frames - {decisions.points}:
        return Piece(problem=f"joints of cell {index + 1} have {frames.pop()} rows, the others {decisions.points}")
    times = [count / decisions.emg_rate for count in emg]
    times += [count / decisions.frame_rate for count in frames if np.isfinite(decisions.frame_rate)]
    if len(times) == 2 and abs(times[0] - times[1]) > _AGREE / decisions.frame_rate:
        return Piece(problem=f"cell {index + 1} lasts {times[0]:.3f} s by EMG and {times[1]:.3f} s by joints")
    piece.duration = times[0] if times else np.nan
    return piece


def _motions(
    index: int,
    cells: dict[str, MatNode],
    decisions: Decisions,
    signs: Mapping[tuple[str, str], int],
    scale: float,
) -> Motions:
    """Return (joint, motion) -> samples in canonical unit and sign; a component without a factor has it already."""
    found: Motions = {}
    for joint, node in cells.items():
        values = tree.stride(node, index, tree.COLUMNS)
        if not len(values):
            continue
        for motion, samples in zip(decisions.columns, values.T, strict=True):
            found[joint, motion] = signs.get((joint, motion), 1) * scale * samples
    return found


def joint_signals(sides: Sequence[words.Side], pieces: Sequence[Piece], decisions: Decisions) -> dict[str, Signal]:
    """Return kinematics and kinetics, ragged at the frames' rate, or on the fixed grid that the source has."""
    signals = {}
    for group, found in (
        ("kinematics", [piece.angles for piece in pieces]),
        ("kinetics", [piece.moments for piece in pieces]),
    ):
        units = words.UNITS[group]
        if np.isfinite(decisions.frame_rate):
            signals[group] = segments.ragged_joints(
                sides, found, rate=decisions.frame_rate, units=units, contiguity="consecutive"
            )
        else:
            signals[group] = segments.cut_joints(sides, _grid(found, sides, decisions.points), units=units)
    return signals


def _grid(
    found: Sequence[Motions], sides: Sequence[words.Side], points: int
) -> dict[tuple[words.Side, str, str], Array]:
    """Return curves (stride, point) of each leg; NaN in strides without them."""
    empty = np.full(points, np.nan)
    keys = [
        (side, joint, motion) for side in dict.fromkeys(sides) for joint in words.JOINTS for motion in words.MOTIONS
    ]
    return {
        (side, joint, motion): np.array(
            [motions.get((joint, motion), empty) for own, motions in zip(sides, found, strict=True) if own == side]
        )
        for side, joint, motion in keys
    }
