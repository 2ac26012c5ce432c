"""What the UT Dallas files do not state, settled for each person from that person's own data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr import evidence
from biomech_xr import vocabulary as words
from biomech_xr.datasets.deciding import ANGLE_SIGNS, Judge, emg_state, sign_option
from biomech_xr.datasets.spec import DatasetSpec, JointColumn, Option
from biomech_xr.datasets.utd.legs import Array, Branches, read_curve, read_leg
from biomech_xr.errors import DataFormatError
from biomech_xr.evidence import Decision

LABORATORY: Final = "UT Dallas, Locomotor Control Systems Lab"
"""Where the people of both releases walked."""

ORDER: Final = ("flexion", "adduction", "rotation")
"""Motions of x, y and z in the lab's own convention (Plug-in Gait)."""

AXES_OPTION: Final = Option(
    kind="choice",
    choices=("flexion-adduction-rotation", "flexion-rotation-adduction", "adduction-flexion-rotation",
             "adduction-rotation-flexion", "rotation-flexion-adduction", "rotation-adduction-flexion"),
    help="motions of the components x, y and z, where the data do not settle them",
)  # fmt: skip

SIGN_OPTIONS: Final[Mapping[str, Option]] = {
    "hip_sign": sign_option("flexion", "extension", "sagittal motion of jointangles.hip"),
    "knee_sign": sign_option("flexion", "extension", "sagittal motion of jointangles.knee"),
    "ankle_sign": sign_option("dorsiflexion", "plantarflexion", "sagittal motion of jointangles.ankle"),
    "hip_moment_sign": sign_option("flexor", "extensor", "internal moment of jointmoment.hip"),
    "knee_moment_sign": sign_option("flexor", "extensor", "internal moment of jointmoment.knee"),
    "ankle_moment_sign": sign_option("dorsiflexor", "plantarflexor", "internal moment of jointmoment.ankle"),
}

_USUAL: Final = -1
"""Factor of the moments of Plug-in Gait, extensor positive."""

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
    trials: Sequence[Branches],
    *,
    body_mass: float,
    options: Mapping[str, Any],
    speed: float = np.nan,
    stated: Mapping[str, str] | None = None,
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
        The user's own word, by the names `axes`, `moment_unit`, `emg_state` and those of `SIGN_OPTIONS`.
    speed
        Walking speed of ``trials`` in m/s.
    stated
        Who states Plug-in Gait, by the option that it settles where the data are not sure. With `axes`, data in which
        x is surely not flexion are refused.

    Raises
    ------
    DataFormatError
        The data do not settle a question and the user has not; the message names the option.
    """
    judge, stated = Judge(dataset=spec.name, file=file, options=options), stated or {}
    sample = _Sample(trials)
    cubes = {joint: sample.cube(spec.angles, joint) for joint in words.JOINTS}
    order = _order(judge, cubes, known="axes" in stated)
    flexion = "xyz"[order.index("flexion")]
    angles = {joint: sample.plane(spec.angles, joint, flexion) for joint in words.JOINTS}
    moments = {joint: sample.plane(spec.moments, joint, flexion) for joint in words.JOINTS}
    unit = judge.value("moment_unit", "jointmoment.ankle", evidence.moment_unit(moments["ankle"], body_mass, speed))
    state = spec.emg_state
    emg = [sample.curves(path, column.side) for path, column in spec.emg.items()]
    if any(np.isfinite(curves).any() for curves in emg):
        state = judge.value("emg_state", next(iter(spec.emg)).split(".", 1)[0], emg_state(emg))
    return Facts(
        order=order,
        angle_signs=_angle_signs(judge, angles, stated),
        moment_signs=_moment_signs(judge, moments, stated),
        moment_scale=evidence.FACTORS[unit](body_mass),
        emg_state=state,
        notes=judge.notes,
    )


def _order(judge: Judge, cubes: Mapping[str, Array], *, known: bool) -> tuple[str, str, str]:
    given = judge.asked("axes")
    if given is not None:
        first, second, third = given.split("-")
        return first, second, third
    others = [cubes[joint] if cubes[joint].size else None for joint in ("hip", "ankle")]
    decision = evidence.axis_order(cubes["knee"], *others)
    if not known:
        return judge.value("axes", "jointangles.knee", decision)
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


def _angle_signs(judge: Judge, angles: Mapping[str, Array], stated: Mapping[str, str]) -> dict[str, int]:
    return {
        joint: _sign(judge, f"{joint}_sign", f"jointangles.{joint}", detect(angles[joint]), stated, usual=1)
        for joint, detect in ANGLE_SIGNS.items()
    }


def _moment_signs(judge: Judge, moments: Mapping[str, Array], stated: Mapping[str, str]) -> dict[str, int]:
    """Return one sign a joint for its three planes; what is stated counts only where no joint is surely against it."""
    found = {joint: evidence.moment_sign(joint, curves) for joint, curves in moments.items()}
    if any(decision.sure and decision.value != _USUAL for decision in found.values()):
        stated = {}
    return {
        joint: _sign(judge, f"{joint}_moment_sign", f"jointmoment.{joint}", decision, stated, usual=_USUAL)
        for joint, decision in found.items()
    }


def _sign(
    judge: Judge, option: str, field: str, decision: Decision[int], stated: Mapping[str, str], *, usual: int
) -> int:
    """Return the factor to the canonical sign: the user's word, what is sure, or the ``usual`` one if it is stated."""
    if option in stated and judge.options.get(option) is None:
        return judge.assume(option, decision, usual, stated[option])
    return judge.sign(option, field, decision, canonical=SIGN_OPTIONS[option].choices[0])


class _Sample:
    """Curves of some trials that can be paired, at most `_MOST` strides of each trial and column."""

    def __init__(self, trials: Sequence[Branches]) -> None:
        self._legs = [(trial, read_leg(trial, side)) for trial in trials for side in words.SIDES]
        self._known: dict[tuple[str, int], Array | None] = {}

    def curves(self, path: str, side: str) -> Array:
        """Return the strides of one column without the authors' outliers, (strides, points)."""
        own = [number for number, (_, leg) in enumerate(self._legs) if leg.side == side]
        return _joined([rows for rows in (self._rows(path, number) for number in own) if rows is not None])

    def plane(self, columns: Mapping[str, JointColumn], joint: str, axis: str) -> Array:
        """Return one component of both legs, (strides, points)."""
        paths = [path for path, column in columns.items() if column.joint == joint and axis_of(path) == axis]
        return _joined([rows for rows in (self.curves(path, columns[path].side) for path in paths) if rows.size])

    def cube(self, columns: Mapping[str, JointColumn], joint: str) -> Array:
        """Return x, y and z of the legs and trials that have all three, (strides, 3, points)."""
        cubes = []
        for number, (_, leg) in enumerate(self._legs):
            paths = [path for path, column in columns.items() if (column.joint, column.side) == (joint, leg.side)]
            rows = [found for path in sorted(paths, key=axis_of) if (found := self._rows(path, number)) is not None]
            if len(rows) == len(ORDER) and len({found.shape for found in rows}) == 1:
                cubes.append(np.stack(rows, axis=1))
        return _joined(cubes) if cubes else np.empty((0, 3, 2))

    def _rows(self, path: str, number: int) -> Array | None:
        """Return one curve of one leg, (strides, points), None where it cannot be paired; each is read once."""
        if (path, number) not in self._known:
            trial, leg = self._legs[number]
            node = trial.find(path) if leg.count else None
            rows = None if node is None else read_curve(node, leg, points=None, label=path)
            self._known[path, number] = None if rows is None else np.delete(rows, sorted(leg.excluded), axis=0)[:_MOST]
        return self._known[path, number]


def _joined(pieces: Sequence[Array]) -> Array:
    """Return the pieces that have as many points as the first one, strides in a row."""
    same = [piece for piece in pieces if piece.shape[-1] == pieces[0].shape[-1]]
    return np.concatenate(same) if same else np.empty((0, 2))


def axis_of(path: str) -> str:
    """Return the letter (x, y, z) of a component's path."""
    return path.rsplit(".", 1)[1][0]
