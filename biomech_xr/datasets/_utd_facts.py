"""What the UT Dallas files do not state, settled for each person from that person's own data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr import evidence
from biomech_xr import vocabulary as words
from biomech_xr.datasets._utd_legs import Array, Branches, read_curve, read_leg
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, JointColumn, Option
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
UNIT_OPTION: Final = Option(
    kind="choice", choices=tuple(evidence.FACTORS), help="unit of the moments, where the data do not settle it"
)
STATE_OPTION: Final = Option(
    kind="choice", choices=words.EMG_STATES, help="state of the EMG, where the data do not settle it"
)

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


@dataclass(kw_only=True, slots=True)
class _Desk:
    """Where decisions are made and written down."""

    spec: DatasetSpec
    file: Path
    options: Mapping[str, Any]
    notes: dict[str, str] = field(default_factory=dict)

    def settle(self, what: str, decision: evidence.Decision[Any], *, where: str) -> Any:
        """Return the user's word, else the decision; raise where it is not sure."""
        if what in self.options:
            self.notes[f"evidence.{what}"] = f"{self.options[what]} (by the option {what})"
            return self.options[what]
        self.notes[f"evidence.{what}"] = decision.note()
        return evidence.require(decision, dataset=self.spec.name, file=self.file, field=where, option=what)

    def sign(self, what: str, decision: evidence.Decision[int], otherwise: int) -> int:
        """Return the sign that the data show, or where they do not the lab's convention, and note which."""
        assumed = "" if decision.sure else f"; not sure, assumed {otherwise:+d} (Plug-in Gait)"
        self.notes[f"evidence.{what}"] = decision.note() + assumed
        return decision.value if decision.sure else otherwise


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
    desk = _Desk(spec=spec, file=file, options=options)
    sample = _Sample(trials)
    angles, moments = sample.joints(spec.angles), sample.joints(spec.moments)
    order = _order(desk, angles, known=known_axes)
    flexion = "xyz"[order.index("flexion")]
    emg = _emg_state(sample, spec.emg)
    scale, signs = 1e-3, dict.fromkeys(words.JOINTS, -1)
    if moments:
        ankle = moments.get(("ankle", flexion), np.empty((0, 2)))
        unit = desk.settle("moment_unit", evidence.moment_unit(ankle, body_mass, speed), where="jointmoment.ankle")
        scale, signs = float(evidence.FACTORS[unit](body_mass)), _moment_signs(desk, moments, flexion)
    state: words.EmgState = spec.emg_state
    if emg is not None:
        state = desk.settle("emg_state", emg, where=next(iter(spec.emg)).split(".", 1)[0])
    return Facts(
        order=order,
        angle_signs=_angle_signs(desk, angles, flexion),
        moment_signs=signs,
        moment_scale=scale,
        emg_state=state,
        notes=desk.notes,
    )


def _order(desk: _Desk, angles: Mapping[tuple[str, str], Array], *, known: bool) -> tuple[str, str, str]:
    cubes = {
        joint: np.stack([angles[joint, axis] for axis in "xyz"], axis=1)
        for joint in words.JOINTS
        if all((joint, axis) in angles for axis in "xyz") and len({len(angles[joint, axis]) for axis in "xyz"}) == 1
    }
    if "knee" not in cubes:
        return ORDER
    decision = evidence.axis_order(cubes["knee"], cubes.get("hip"), cubes.get("ankle"))
    if known:
        desk.notes["evidence.axes"] = decision.note()
        if decision.sure and decision.value[0] != "flexion":
            raise DataFormatError.of(
                dataset=desk.spec.name,
                file=desk.file,
                field="jointangles.knee",
                found=f"components in the order {decision.note()}",
                expected="x = flexion",
                action="Check that the file is the authors' own",
            )
        return ORDER
    if "axes" in desk.options:
        first, second, third = str(desk.options["axes"]).split("-")
        desk.notes["evidence.axes"] = f"{desk.options['axes']} (by the option axes)"
        return first, second, third
    desk.notes["evidence.axes"] = decision.note()
    return evidence.require(decision, dataset=desk.spec.name, file=desk.file, field="jointangles.knee", option="axes")


def _angle_signs(desk: _Desk, angles: Mapping[tuple[str, str], Array], flexion: str) -> dict[str, int]:
    detectors = {"hip": evidence.hip_sign, "knee": evidence.knee_sign, "ankle": evidence.ankle_sign}
    return {
        joint: desk.sign(f"{joint}_sign", detect(angles[joint, flexion]), 1)
        for joint, detect in detectors.items()
        if (joint, flexion) in angles
    }


def _moment_signs(desk: _Desk, moments: Mapping[tuple[str, str], Array], flexion: str) -> dict[str, int]:
    """Return one sign a joint for its three planes; where a joint's data do not show it, that of the ankle."""
    table = -1
    signs = {}
    for joint in ("ankle", "knee", "hip"):
        if (joint, flexion) not in moments:
            continue
        decision = evidence.moment_sign(joint, moments[joint, flexion])
        signs[joint] = desk.sign(f"{joint}_moment_sign", decision, table)
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


def _emg_state(sample: _Sample, columns: Mapping[str, EmgColumn]) -> evidence.Decision[str] | None:
    """Return the one state that all channels with a sure answer have; not sure where they differ."""
    curves = [sample.curves(path, column.side) for path, column in columns.items()]
    found = [evidence.emg_state(rows) for rows in curves if np.isfinite(rows).any()]
    if not found:
        return None
    sure = [decision for decision in found if decision.sure]
    best = max(sure or found, key=lambda decision: decision.confidence)
    states = {decision.value for decision in sure}
    if len(states) > 1:
        return evidence.Decision(best.value, 0.0, f"channels differ: {', '.join(sorted(states))}")
    return evidence.Decision(
        best.value, best.confidence, f"{len(sure)} of {len(found)} channels agree; {best.evidence}"
    )


def axis_of(path: str) -> str:
    """Return the letter (x, y, z) of a component's path."""
    return path.rsplit(".", 1)[1][0]
