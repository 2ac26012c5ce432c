"""What the UT Dallas files do not state, settled for each person from that person's own data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr import evidence
from biomech_xr import vocabulary as words
from biomech_xr.datasets.deciding import ANGLE_SIGNS, Judge, clearest, emg_state, sign_option
from biomech_xr.datasets.spec import DatasetSpec, JointColumn, Option
from biomech_xr.datasets.utd.legs import Array, Branches, read_curve, read_leg
from biomech_xr.datasets.walking import FRONTAL
from biomech_xr.errors import DataFormatError
from biomech_xr.evidence import STATED, Decision

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
    **FRONTAL,
}

_USUAL: Final = -1
"""Factor of the moments of Plug-in Gait, extensor positive."""

_MOST: Final = 200
"""Strides of each leg and curve that a decision looks at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Decisions for one person.

    `order` holds the motions of x, y and z; `angle_signs` the factor to the canonical sign by (joint, motion), 1 where
    it has none, `moment_signs` likewise, that of the joint's flexion where it has none; `angle_scale` the factor to
    degrees and `moment_scale` that to N m/kg.
    """

    order: tuple[str, str, str] = ORDER
    angle_signs: Mapping[tuple[str, str], int] = field(default_factory=dict)
    moment_signs: Mapping[tuple[str, str], int] = field(default_factory=dict)
    angle_scale: float = 1.0
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
        x is surely not flexion are refused; with `start`, strides begin at contact of the own foot, else the knees are
        asked.

    Raises
    ------
    DataFormatError
        The data do not settle a question and the user has not; the message names the option.
    """
    judge, stated = Judge(dataset=spec.name, file=file, options=options), stated or {}
    sample = _Sample(trials)
    cubes = {joint: sample.cube(spec.angles, joint) for joint in words.JOINTS}
    scale = 1.0 if "angle_unit" in stated else _angle_scale(judge, cubes["knee"])
    cubes = {joint: scale * cube for joint, cube in cubes.items()}
    knee = cubes["knee"]
    start = STATED if "start" in stated else None
    if start is None and knee.size:
        start = _start(judge, knee[:, evidence.flexion_column(knee).value])
    order = _order(judge, cubes, known="axes" in stated)
    flexion, adduction = ("xyz"[order.index(motion)] for motion in ("flexion", "adduction"))
    angles = {joint: sample.plane(spec.angles, joint, flexion, scale) for joint in words.JOINTS}
    moments = {joint: sample.plane(spec.moments, joint, flexion) for joint in words.JOINTS}
    unit = judge.value("moment_unit", "jointmoment.ankle", evidence.moment_unit(moments["ankle"][-1], body_mass, speed))
    state = spec.emg_state
    emg = [sample.curves(path, column.side) for path, column in spec.emg.items()]
    if any(np.isfinite(curves).any() for curves in emg):
        state = judge.value("emg_state", next(iter(spec.emg)).split(".", 1)[0], emg_state(emg))
    start = start or _start(judge, angles["knee"][-1])
    angles["frontal"] = sample.plane(spec.angles, "hip", adduction, scale)
    moments["frontal"] = sample.plane(spec.moments, "hip", adduction)
    return Facts(
        order=order,
        angle_signs=_angle_signs(judge, angles, stated),
        moment_signs=_moment_signs(judge, moments, stated, start),
        angle_scale=scale,
        moment_scale=evidence.FACTORS[unit](body_mass),
        emg_state=state,
        notes=judge.notes,
    )


def _angle_scale(judge: Judge, knee: Array) -> float:
    """Return the factor to degrees from a knee's components (stride, 3, point): that of radians where it shows them."""
    if not knee.size:
        return 1.0
    decision = evidence.angle_unit(knee[:, evidence.flexion_column(knee).value])
    unit = judge.assume("angle_unit", decision, "degree", "as in the lab's sister set")
    return 1.0 if unit == "degree" else float(np.rad2deg(1.0))


def _start(judge: Judge, knee: Array) -> Decision[str]:
    """Return whose contact begins the strides, from knee flexion of either sign, (stride, point).

    Raises
    ------
    DataFormatError
        It is surely that of the other foot: these are no strides of the leg.
    """
    decision = judge.heard("start", evidence.start_from_knee(knee))
    if decision.sure and decision.value == "other":
        raise DataFormatError.of(
            dataset=judge.dataset,
            file=judge.file,
            field="jointangles.knee",
            found=f"strides that begin at contact of the other foot: {decision.evidence}",
            expected="strides from contact to contact of the own foot",
            action="Leave this person out, or cut the strides anew",
        )
    return decision


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


def _angle_signs(
    judge: Judge, angles: Mapping[str, Sequence[Array]], stated: Mapping[str, str]
) -> dict[tuple[str, str], int]:
    """Return the signs of flexion, and that of hip adduction (`frontal`): canonical where the strides are not sure."""
    signs = {
        (joint, "flexion"): _sign(judge, f"{joint}_sign", f"jointangles.{joint}", map(detect, angles[joint]), stated, 1)
        for joint, detect in ANGLE_SIGNS.items()
    }
    signs["hip", "adduction"] = judge.sign_or_assumed(
        "hip_adduction_sign",
        "jointangles.hip",
        *map(evidence.hip_adduction_sign, angles["frontal"]),
        canonical="adduction",
        why="Plug-in Gait",
    )
    return signs


def _moment_signs(
    judge: Judge, moments: Mapping[str, Sequence[Array]], stated: Mapping[str, str], start: Decision[str]
) -> dict[tuple[str, str], int]:
    """Return one sign a joint for its three planes; what is stated counts only where no joint is surely against it.

    The `frontal` moment of the hip may not contradict the sagittal one.
    """
    found = {
        joint: [evidence.moment_sign(joint, rows, start=start) for rows in moments[joint]] for joint in words.JOINTS
    }
    if any(decision.sure and decision.value != _USUAL for legs in found.values() for decision in legs):
        stated = {}
    signs = {
        (joint, "flexion"): _sign(judge, f"{joint}_moment_sign", f"jointmoment.{joint}", legs, stated, _USUAL)
        for joint, legs in found.items()
    }
    expected, name = signs["hip", "flexion"], "frontal_moment_sign"
    legs = [evidence.hip_adduction_moment_sign(rows, start=start) for rows in moments["frontal"]]
    against = next((decision for decision in legs if decision.sure and decision.value != expected), None)
    if judge.options.get(name) is None and against is None:
        signs["hip", "adduction"] = judge.assume(name, clearest(legs), expected, "as the sagittal one")
        return signs
    told = f"the sagittal moment has the factor {expected}, the frontal one {(against or clearest(legs)).note()}"
    signs["hip", "adduction"] = judge.sign(name, "jointmoment.hip", Decision(expected, 0.0, told), canonical="adductor")
    return signs


def _sign(
    judge: Judge, option: str, field: str, found: Iterable[Decision[int]], stated: Mapping[str, str], usual: int
) -> int:
    """Return the factor to the canonical sign: the user's word, what is sure, or the ``usual`` one if it is stated."""
    decisions = list(found)
    against = any(decision.sure and decision.value != usual for decision in decisions)
    if option in stated and judge.options.get(option) is None and not against:
        return judge.assume(option, clearest(decisions), usual, stated[option])
    return judge.sign(option, field, *decisions, canonical=SIGN_OPTIONS[option].choices[0])


class _Sample:
    """Curves of some trials that can be paired, at most `_MOST` strides of each trial and column."""

    def __init__(self, trials: Sequence[Branches]) -> None:
        self._legs = [(trial, read_leg(trial, side)) for trial in trials for side in words.SIDES]
        self._known: dict[tuple[str, int], Array | None] = {}

    def curves(self, path: str, side: str) -> Array:
        """Return the strides of one column without the authors' outliers, (strides, points)."""
        own = [number for number, (_, leg) in enumerate(self._legs) if leg.side == side]
        return _joined([rows for rows in (self._rows(path, number) for number in own) if rows is not None])

    def plane(self, columns: Mapping[str, JointColumn], joint: str, axis: str, scale: float = 1.0) -> list[Array]:
        """Return one component of each leg that has it, and of both together, (strides, points) each."""
        paths = [path for path, column in columns.items() if column.joint == joint and axis_of(path) == axis]
        legs = [rows for rows in (scale * self.curves(path, columns[path].side) for path in paths) if rows.size]
        return [*legs, _joined(legs)]

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
