"""What the UT Dallas files do not state, settled for each person from that person's own data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr import evidence
from biomech_xr import vocabulary as words
from biomech_xr.datasets.deciding import ANGLE_SIGNS, Judge, emg_state
from biomech_xr.datasets.spec import DatasetSpec, JointColumn, Option
from biomech_xr.datasets.utd.legs import Array, Branches, read_curve, read_leg
from biomech_xr.errors import DataFormatError
from biomech_xr.readers.mat import MatNode

ORDER: Final = ("flexion", "adduction", "rotation")
"""Motions of x, y and z in the lab's own convention (Plug-in Gait)."""

AXES_OPTION: Final = Option(
    kind="choice",
    choices=("flexion-adduction-rotation", "flexion-rotation-adduction", "adduction-flexion-rotation",
             "adduction-rotation-flexion", "rotation-flexion-adduction", "rotation-adduction-flexion"),
    help="motions of the components x, y and z, where the data do not settle them",
)  # fmt: skip

_MOST: Final = 200
"""Strides of each leg and curve that a decision looks at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Decisions for one person.

    `order` holds the motions of x, y and z; `angle_signs` and `moment_signs` the factor to the canonical sign of each
    joint; `moment_scale` the factor to N m/kg.
    """

    order: tuple[str, str, str] = ORDER
    angle_signs: Mapping[str, int] = field(default_factory=dict)
    moment_signs: Mapping[str, int] = field(default_factory=dict)
    moment_scale: float = 1e-3
    emg_state: words.EmgState = "envelope"
    notes: Mapping[str, str] = field(default_factory=dict)


def settle(
    spec: DatasetSpec,
    file: Path,
    trials: Sequence[MatNode],
    *,
    body_mass: float,
    options: Mapping[str, Any],
    speed: float = np.nan,
    known_axes: bool = False,
) -> Facts:
    """Return the facts of one person.

    Parameters
    ----------
    spec
        Its `emg`, `angles` and `moments` are the dotted paths below a trial.
    file
        For messages.
    trials
        Trials to look at, level walking if there is any.
    body_mass
        kg.
    options
        The user's own word, by the names `axes`, `moment_unit`, `emg_state`.
    speed
        Walking speed of ``trials`` in m/s.
    known_axes
        The order of x, y and z is known: data that contradict it are refused.

    Raises
    ------
    DataFormatError
        The data do not settle a question and the user has not; the message names the option.
    """
    judge = Judge(dataset=spec.name, file=file, options=options)
    sample = _Sample(trials)
    angles, moments = sample.joints(spec.angles), sample.joints(spec.moments)
    order = _order(judge, angles, known=known_axes)
    flexion = "xyz"[order.index("flexion")]
    scale, signs = 1e-3, dict.fromkeys(words.JOINTS, -1)
    if moments:
        ankle = moments.get(("ankle", flexion), np.empty((0, 2)))
        unit = judge.value("moment_unit", "jointmoment.ankle", evidence.moment_unit(ankle, body_mass, speed))
        scale, signs = evidence.FACTORS[unit](body_mass), _moment_signs(judge, moments, flexion)
    state = spec.emg_state
    emg = [sample.curves(path, column.side) for path, column in spec.emg.items()]
    if any(np.isfinite(curves).any() for curves in emg):
        state = judge.value("emg_state", next(iter(spec.emg)).split(".", 1)[0], emg_state(emg))
    return Facts(
        order=order,
        angle_signs=_angle_signs(judge, angles, flexion),
        moment_signs=signs,
        moment_scale=scale,
        emg_state=state,
        notes=judge.notes,
    )


def _order(judge: Judge, angles: Mapping[tuple[str, str], Array], *, known: bool) -> tuple[str, str, str]:
    cubes = {
        joint: np.stack([angles[joint, axis] for axis in "xyz"], axis=1)
        for joint in words.JOINTS
        if all((joint, axis) in angles for axis in "xyz") and len({len(angles[joint, axis]) for axis in "xyz"}) == 1
    }
    if "knee" not in cubes:
        return ORDER
    decision = evidence.axis_order(cubes["knee"], cubes.get("hip"), cubes.get("ankle"))
    if known:
        judge.heard("axes", decision)
        if decision.sure and decision.value[0] != "flexion":
            raise DataFormatError.of(
                dataset=judge.dataset,
                file=judge.file,
                field="jointangles.knee",
                found=f"components in the order {decision.note()}",
                expected="x = flexion",
                action="Check that the file is the authors' own",
            )
        return ORDER
    if given := judge.asked("axes"):
        first, second, third = given.split("-")
        return first, second, third
    return judge.value("axes", "jointangles.knee", decision)


def _angle_signs(judge: Judge, angles: Mapping[tuple[str, str], Array], flexion: str) -> dict[str, int]:
    return {
        joint: judge.assume(f"{joint}_sign", detect(angles[joint, flexion]), 1, "Plug-in Gait")
        for joint, detect in ANGLE_SIGNS.items()
        if (joint, flexion) in angles
    }


def _moment_signs(judge: Judge, moments: Mapping[tuple[str, str], Array], flexion: str) -> dict[str, int]:
    """Return one sign a joint for its three planes; where a joint's data do not show it, that of the ankle."""
    table = -1
    signs = {}
    for joint in ("ankle", "knee", "hip"):
        if (joint, flexion) not in moments:
            continue
        decision = evidence.moment_sign(joint, moments[joint, flexion])
        signs[joint] = judge.assume(f"{joint}_moment_sign", decision, table, "Plug-in Gait")
        table = signs["ankle"] if joint == "ankle" else table
    return signs


class _Sample:
    """Curves of some trials that can be paired, at most `_MOST` strides of each trial and column."""

    def __init__(self, trials: Sequence[MatNode]) -> None:
        self._trials = [(Branches(trial), {side: read_leg(trial, side) for side in words.SIDES}) for trial in trials]

    def curves(self, path: str, side: str) -> Array:
        """Return the strides of one column without the authors' outliers, (strides, points)."""
        pieces: list[Array] = []
        for branches, legs in self._trials:
            node, leg = branches.find(path), legs[side]
            rows = read_curve(node, leg, points=None, label=path) if node is not None and leg.count else None
            if rows is not None and (not pieces or rows.shape[1] == pieces[0].shape[1]):
                pieces.append(np.delete(rows, sorted(leg.excluded), axis=0)[:_MOST])
        return np.concatenate(pieces) if pieces else np.empty((0, 2))

    def joints(self, columns: Mapping[str, JointColumn]) -> dict[tuple[str, str], Array]:
        """Return (joint, letter of the component) -> curves of both legs, (strides, points)."""
        found: dict[tuple[str, str], list[Array]] = {}
        for path, column in columns.items():
            curves = self.curves(path, column.side)
            if curves.size:
                found.setdefault((column.joint, axis_of(path)), []).append(curves)
        return {key: np.concatenate(legs) for key, legs in found.items() if len({leg.shape[1] for leg in legs}) == 1}


def axis_of(path: str) -> str:
    """Return the letter (x, y, z) of a component's path."""
    return path.rsplit(".", 1)[1][0]
