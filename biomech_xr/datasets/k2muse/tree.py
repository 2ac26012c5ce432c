"""The tree of a K2MUSE file: which trials there are, what their names say, and the streams of one cut trial."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.datasets.spec import EmgColumn, JointColumn
from biomech_xr.readers.mat import MatNode

Array = npt.NDArray[np.float64]

POINTS: Final = 200
FRAME_RATE: Final = 100.0
EMG_RATE: Final = 2000.0
SIDES: Final[tuple[words.Side, ...]] = ("right", "left")
"""The legs, in the order of the EMG channels."""

LETTERS: Final[Mapping[words.Side, str]] = {"left": "L", "right": "R"}
COMPONENTS: Final = ("flexion", "adduction", "rotation")
"""Motions of the three components of a Plug-in Gait output, in the order stored."""

STORED_SIGN: Final = -1.0
"""Plug-in Gait moments are extensor, plantarflexor and abductor positive: canonical = -value in all three planes."""

MUSCLES: Final[Mapping[words.Side, tuple[str, ...]]] = {
    "right": (
        "tibialis_anterior", "gastrocnemius_medialis", "gastrocnemius_lateralis", "soleus", "rectus_femoris",
        "vastus_lateralis", "vastus_medialis", "biceps_femoris", "semitendinosus",
    ),
    "left": ("tibialis_anterior", "gastrocnemius_lateralis", "rectus_femoris", "biceps_femoris"),
}  # fmt: skip
"""Muscle of each EMG column of a leg."""

AMBIGUOUS: Final = ("right:semitendinosus",)

_ACTIVITIES: Final = {"LG": ("walk", 0.0), "AS": ("ramp_ascent", 1.0), "DS": ("ramp_descent", -1.0)}
NO_FRAME: Final = "an event without a possible frame number"
_MOST_FRAMES: Final = 1e7
_PLAIN: Final = ("Ideal", "InterDay", "ShiftInitial")
_FIRST_SESSION: Final = ("Ideal", "Fatigue")
_RETAKE: Final = "Check the file against the published tree, or download it again"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a trial stands in the tree: the names of its four levels."""

    condition: str
    mode: str
    speed: str
    trial: str

    @property
    def name(self) -> str:
        """Name of the trial, unique within the person."""
        return f"{self.condition}_{self.mode}_{self.speed}_{self.trial}"

    @property
    def session(self) -> str:
        """Electrodes of one session stay where they are: another day and the shifts are sessions of their own."""
        if self.condition in _FIRST_SESSION:
            return "1"
        return "Shift" if self.condition.startswith("Shift") else self.condition

    @property
    def label(self) -> str:
        """The condition in our words; the shifts' starting position is not shifted."""
        if self.condition in _PLAIN:
            return "none"
        if self.condition.startswith("Shift"):
            return "electrode_shift"
        return "fatigue" if self.condition == "Fatigue" else "other"

    @property
    def labels(self) -> dict[str, Any]:
        """Labels of every stride of the trial."""
        match = re.fullmatch(r"(LG|AS|DS)_(\d+)", self.mode)
        activity, direction = _ACTIVITIES[match[1]] if match else ("other", math.nan)
        return {
            "activity": activity,
            "source_activity": self.mode,
            "condition": self.label,
            "surface": "treadmill",
            "speed": self.belt_speed,
            "incline": direction * float(match[2]) if match else math.nan,
        }

    @property
    def belt_speed(self) -> float:
        """Speed in m/s; ``S_1`` and ``S_1x0`` are both 1.0. NaN when the name says none."""
        match = re.fullmatch(r"S_(\d+)(?:x(\d+))?", self.speed)
        return float(f"{match[1]}.{match[2] or 0}") if match else math.nan

    def find(self, tree: MatNode | None) -> MatNode | None:
        """Return the trial in one of the two trees, None where it is not there."""
        for key in (self.condition, self.mode, self.speed, self.trial):
            tree = tree.get(key) if tree is not None else None
        return tree


def places(*trees: MatNode | None) -> list[Place]:
    """Return the trials of all trees, those of the first tree in its own order."""
    found: dict[Place, None] = {}
    for tree in trees:
        if tree is None:
            continue
        for condition, modes in _children(tree):
            for mode, speeds in _children(modes):
                for speed, trials in _children(speeds):
                    for trial, _ in _children(trials):
                        found[Place(condition=condition, mode=mode, speed=speed, trial=trial)] = None
    return list(found)


def output(kind: str, side: words.Side, joint: str) -> str:
    """Return the name of a Plug-in Gait output: `RKneeAngles`, `LHipMoment`."""
    return f"{LETTERS[side]}{joint.title()}{kind if kind == 'Angles' else 'Moment'}"


def _columns(kind: str, factor: float) -> dict[str, JointColumn]:
    return {
        f"{output(kind, side, joint)} {k}": JointColumn(joint=joint, motion=motion, side=side, factor=factor)
        for side in LETTERS
        for joint in words.JOINTS
        for k, motion in enumerate(COMPONENTS)
    }


ANGLES: Final = _columns("Angles", 1.0)
MOMENTS: Final = _columns("Moments", STORED_SIGN)
EMG: Final = {
    f"{side.title()} {k}": EmgColumn(muscle=muscle, side=side, ambiguous=f"{side}:{muscle}" in AMBIGUOUS)
    for side, muscles in MUSCLES.items()
    for k, muscle in enumerate(muscles)
}
"""Raw output and component (from 0), or leg and EMG column (from 0) -> what it is."""


def signed(columns: Mapping[str, JointColumn], signs: Mapping[str, float]) -> dict[str, JointColumn]:
    """Return columns of angles with each joint's factor to canonical flexion."""
    return {
        name: replace(column, factor=signs[column.joint]) if column.motion == "flexion" else column
        for name, column in columns.items()
    }


def _children(node: MatNode) -> Iterator[tuple[str, MatNode]]:
    """Yield the fields of a level; one without any is passed over, one that is no struct is refused."""
    for name in node.fields():
        child = node[name]
        if child.kind == "struct":
            yield name, child
        elif child.kind != "empty":
            expected = "structs down to the trials: condition, mode, speed, trial"
            raise child.bad(found=child.says(), expected=expected, action=_RETAKE)


def event_frames(leaf: MatNode, side: words.Side) -> Array | None:
    """Return (first, last) frame number of each stride of a leg, (stride, 2), or None where the trial has no events.

    NaN in both where one of them is no possible number.
    """
    events = leaf["Events"]
    if events.kind == "empty":
        return None
    nodes = [events[f"{LETTERS[side]}{word}Frame"] for word in ("Start", "End")]
    start, stop = (node.vector() for node in nodes)
    if start.size != stop.size:
        found = f"{start.size} starts and {stop.size} ends"
        raise nodes[1].bad(found=found, expected="as many ends as starts", action=_RETAKE)
    pairs = np.stack([start, stop], axis=1)
    possible = np.asarray((np.abs(pairs) < _MOST_FRAMES).all(axis=1))
    if not np.array_equal(pairs[possible], np.round(pairs[possible])):
        expected = "whole frame numbers at 100 Hz"
        raise nodes[0].bad(found="numbers that are not whole", expected=expected, action=_RETAKE)
    return np.where(possible[:, None], pairs, np.nan)


def joint_curves(leaf: MatNode, kind: str, side: words.Side) -> dict[str, Array]:
    """Return joint -> cut curves (stride, point, component) of a leg, of `Angles` or `Moments`.

    A point that is exactly zero in all three components was not computed: NaN. A single stride has lost its third dim.
    """
    group = leaf[kind]
    if group.kind == "empty":
        return {}
    curves = {}
    for joint in words.JOINTS:
        node = group[output(kind, side, joint)]["rsGaitData"]
        if node.kind != "empty":
            values = np.asarray(node.array(), dtype=np.float64)
            if values.ndim not in (2, 3) or values.shape[:2] != (POINTS, len(COMPONENTS)):
                expected = f"{POINTS} x 3 x strides"
                raise node.bad(found=node.says(), expected=expected, action=_RETAKE)
            curves[joint] = computed(np.moveaxis(values.reshape(POINTS, len(COMPONENTS), -1), 2, 0))
    return curves


def computed(values: Array) -> Array:
    """Return outputs (..., component) with NaN where all three components are exactly zero."""
    return np.where((values == 0).all(axis=-1, keepdims=True), np.nan, values)


def emg_cells(leaf: MatNode, side: words.Side, channels: int, *, most: int | None = None) -> list[Array]:
    """Return the EMG of each stride of a leg that has some, (sample, channel); of the first ``most`` where given."""
    group = leaf["EMGData"]
    if group.kind == "empty":
        return []
    node = group[side.title()]
    if node.kind not in ("cell", "empty"):
        raise node.bad(found=node.says(), expected="a cell of strides", action=_RETAKE)
    cells: list[Array] = []
    for entry in node.elements():
        if len(cells) == most:
            break
        if entry.kind == "empty":
            continue
        values = np.asarray(entry.array(), dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != channels:
            raise entry.bad(found=entry.says(), expected=f"samples x {channels} channels", action=_RETAKE)
        cells.append(values)
    return cells
