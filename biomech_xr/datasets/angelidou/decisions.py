"""What the data of one person decide: which leg cuts, columns, signs, unit of moments, sampling rates, state of EMG.

The descriptions leave all of it open. Each answer is a decision of `biomech_xr.evidence` that is sure enough, or an
option of the source; otherwise the person is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from biomech_xr import evidence
from biomech_xr import vocabulary as words
from biomech_xr.datasets.angelidou import tree
from biomech_xr.datasets.angelidou.rates import rates
from biomech_xr.datasets.angelidou.tree import Array, Condition
from biomech_xr.datasets.deciding import ANGLE_SIGNS, Judge, clearest, emg_state
from biomech_xr.errors import ConfigError
from biomech_xr.evidence import Decision
from biomech_xr.readers.mat import MatNode

ORDERS: Final[Mapping[str, tuple[str, str, str]]] = {
    f"{a},{b},{c}": (a, b, c)
    for a in words.MOTIONS
    for b in words.MOTIONS
    for c in words.MOTIONS
    if len({a, b, c}) == 3
}
CUTTERS: Final = ("left", "right", "each")

_DEGREES: Final = {"degree": 1.0, "radian": float(np.rad2deg(1.0))}
_POINTS: Final = 100
_MOST: Final = 40
_EMG_STRIDES: Final = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Decisions:
    """What holds for all trials of one person.

    `legs` are those whose own contacts begin and end their cells; `columns` are the motions of the three columns;
    `angle_signs` and `moment_signs` the factors by (joint, motion) to the canonical sign, `angle_scale` that to degrees
    and `moment_scale` that to N m/kg;
    `emg_rate` and `frame_rate` in Hz, the latter NaN where the joints have a fixed number of `points` a stride, else 0.
    """

    legs: tuple[words.Side, ...]
    columns: tuple[str, str, str]
    angle_signs: Mapping[tuple[str, str], int]
    moment_signs: Mapping[tuple[str, str], int]
    angle_scale: float
    moment_scale: float
    emg_rate: float
    frame_rate: float
    points: int
    emg_state: words.EmgState
    notes: Mapping[str, str]


def decide(person: MatNode, found: Sequence[Condition], *, body_mass: float, options: Mapping[str, Any]) -> Decisions:
    """Return what the files of one person say and the data decide; options go first.

    Raises
    ------
    DataFormatError
        Something is not clear and its option is not given: `angle_unit`, `cut_by`, `columns`, `angle_signs`,
        `hip_adduction_sign`, `moment_signs`, `moment_unit`, `emg_rate`, `emg_state`; or the file's own unit contradicts
        the data.
    """
    judge = Judge(dataset="angelidou", file=person.file, options=options)
    place = f"{person.path}.*"
    shown = _angle_unit(found)
    scale = _DEGREES[options.get("angle_unit") or tree.stated_unit(person, found, "angle")[0] or shown.value]
    legs = _cutting_legs(judge, place, found, scale)
    _unit(judge, person, found, "angle", shown, f"{place}.jointAngles.*Knee")
    angles = {
        (side, joint): scale * _pool(found, "jointAngles", side, joint) for side in legs for joint in words.JOINTS
    }
    moments = {(side, joint): _pool(found, "jointMoments", side, joint) for side in legs for joint in words.JOINTS}
    orders = [evidence.axis_order(angles[side, "knee"], angles[side, "hip"], angles[side, "ankle"]) for side in legs]
    columns = ORDERS.get(judge.asked("columns") or "") or judge.value("columns", f"{place}.jointAngles", *orders)
    flexion, adduction = columns.index("flexion"), columns.index("adduction")

    def angle_sign(joint: str) -> list[Decision[int]]:
        return [ANGLE_SIGNS[joint](angles[side, joint][:, flexion]) for side in legs]

    def moment_sign(joint: str) -> list[Decision[int]]:
        sagittal = [evidence.moment_sign(joint, moments[side, joint][:, flexion]) for side in legs]
        frontal = [
            evidence.hip_adduction_moment_sign(moments[side, joint][:, adduction]) for side in legs if joint == "hip"
        ]
        return sagittal + [decision for decision in frontal if decision.sure and clearest(sagittal).sure]

    ankles = [moments[side, "ankle"][:, flexion] for side in legs]
    emg_rate, frame_rate, points = rates(judge, place, found, legs)
    angle_signs = _signs(judge, "angle_signs", f"{place}.jointAngles", angle_sign, ("flexion",))
    angle_signs["hip", "adduction"] = judge.sign_or_assumed(
        "hip_adduction_sign",
        f"{place}.jointAngles.*Hip",
        *(evidence.hip_adduction_sign(angles[side, "hip"][:, adduction]) for side in legs),
        canonical="adduction",
        why="as in Plug-in Gait",
    )
    judge.notes["assumed"] = (
        "rotation angles and those of knee and ankle adduction canonical; moments of all planes of a joint of one sign"
    )
    return Decisions(
        legs=legs,
        columns=columns,
        angle_signs=angle_signs,
        moment_signs=_signs(judge, "moment_signs", f"{place}.jointMoments", moment_sign, words.MOTIONS),
        angle_scale=scale,
        moment_scale=_moment_scale(judge, person, found, ankles, body_mass),
        emg_rate=emg_rate,
        frame_rate=frame_rate,
        points=points,
        emg_state=judge.value("emg_state", f"{place}.EMG", _emg_state(found, legs, emg_rate)),
        notes=judge.notes,
    )


def _pool(found: Sequence[Condition], branch: str, side: words.Side, joint: str) -> Array:
    """Return strides of one joint from all conditions alike, on 100 points, (stride, column, point)."""
    name = f"{tree.LETTERS[side]}{joint.title()}"
    share = max(_MOST // len(found), 6)
    curves = []
    for condition in found:
        cells = tree.column(condition.leaf[branch], name)
        for index in np.unique(np.linspace(0, len(cells) - 1, min(len(cells), share)).astype(int)):
            values = tree.stride(cells, int(index), tree.COLUMNS)
            if len(values) > tree.COLUMNS:
                place = np.arange(_POINTS) / _POINTS * len(values)
                curves.append([np.interp(place, np.arange(len(values)), column) for column in values.T])
    return np.array(curves, dtype=np.float64).reshape(-1, tree.COLUMNS, _POINTS)


def _angle_unit(found: Sequence[Condition]) -> Decision[str]:
    """Return what the knees say of the unit of angles; a leg that is cut by the other's contacts does not show it."""
    knees = [_pool(found, "jointAngles", side, "knee") for side in words.SIDES if tree.has_leg(found, side)]
    legs = [evidence.angle_unit(knee[:, evidence.flexion_column(knee).value]) for knee in knees]
    return clearest(legs) if legs else Decision("degree", 0.0, "no leg")


def _unit(
    judge: Judge, person: MatNode, found: Sequence[Condition], what: str, decision: Decision[str], place: str
) -> str:
    """Return the unit of every `moment` or `angle`: of the option, of the field `unit`, or as the data decide."""
    option = f"{what}_unit"
    if given := judge.asked(option):
        return str(given)
    unit, said = tree.stated_unit(person, found, what)
    judge.notes["unit"] = f"the file says {said}" if said else "the file says nothing"
    if not unit:
        return judge.value(option, place, decision)
    if decision.sure and decision.value != unit:
        raise person.bad(
            found=f"{what}s in {decision.note()}",
            expected=f"{unit}, as the field unit says",
            action=f"State it with the source option {option}=",
        )
    judge.notes[f"evidence.{option}"] = f"{unit} by the field unit; the data: {decision.note()}"
    return unit


def _cutting_legs(judge: Judge, place: str, found: Sequence[Condition], scale: float) -> tuple[words.Side, ...]:
    """Return the legs whose knee bends where it does after contact of the own foot; another's must bend early.

    ``scale`` brings angles to degrees.
    """
    present: list[words.Side] = [side for side in words.SIDES if tree.has_leg(found, side)]
    given = judge.asked("cut_by")
    if given is not None:
        return words.SIDES if given == "each" else tuple(side for side in words.SIDES if side == given)
    starts = {}
    for side in present:
        knee = scale * _pool(found, "jointAngles", side, "knee")
        starts[side] = evidence.start_from_knee(knee[:, evidence.flexion_column(knee).value])
    text = "; ".join(f"{side} leg from {start.value} contact: {start.evidence}" for side, start in starts.items())
    own = [side for side in present if starts[side].value == "own"]
    sure = min(start.confidence for start in starts.values()) if own else 0.0
    value = own[0] if len(own) == 1 else "each" if own else "right"
    cut_by: str = judge.value("cut_by", f"{place}.jointAngles.*Knee", Decision(value, sure, text or "no leg"))
    return words.SIDES if cut_by == "each" else tuple(own)


def _signs(
    judge: Judge,
    option: str,
    branch: str,
    detector: Callable[[str], list[Decision[int]]],
    motions: Sequence[str],
) -> dict[tuple[str, str], int]:
    """Return each joint's factor to the canonical sign, by an option like ``pnp`` (hip, knee, ankle) or the data.

    The detector has one decision a leg, and of further components; they must agree. It holds for all ``motions``.
    """
    if given := judge.asked(option):
        if len(given) != len(words.JOINTS) or set(given) - {"p", "n"}:
            raise ConfigError(f"angelidou: option {option}={given!r}: expected p or n for hip, knee, ankle, as 'pnp'.")
        signs = {joint: 1 if mark == "p" else -1 for joint, mark in zip(words.JOINTS, given, strict=True)}
    else:
        signs = {
            joint: judge.value(option, f"{branch}.*{joint.title()}", *detector(joint), what=f"{option[:-1]}.{joint}")
            for joint in words.JOINTS
        }
    return {(joint, motion): sign for joint, sign in signs.items() for motion in motions}


def _moment_scale(
    judge: Judge, person: MatNode, found: Sequence[Condition], ankles: Sequence[Array], body_mass: float
) -> float:
    """Return the factor to N m/kg: by option, by the file's own `unit` unless the data contradict it, by the data."""
    decision = clearest([evidence.moment_unit(ankle, body_mass) for ankle in ankles])
    unit = _unit(judge, person, found, "moment", decision, f"{person.path}.*.jointMoments.*Ankle")
    return judge.moment_factor(
        unit,
        body_mass,
        field=person.path,
        expected="participantInfo.Bodymass",
        action="Restore it, or state the unit with the source option moment_unit=",
    )


def _emg_state(found: Sequence[Condition], legs: Sequence[words.Side], rate: float) -> Decision[words.EmgState]:
    """Return the state in which the channels agree that are sure; consecutive cells are joined."""
    channels = []
    for name in (tree.LETTERS[side] + channel for side in legs for channel in tree.CHANNELS):
        cells = tree.column(found[0].leaf["EMG"], name)
        pieces = [tree.stride(cells, index, 1)[:, 0] for index in range(min(len(cells), _EMG_STRIDES))]
        channels.append(np.concatenate([np.empty(0), *pieces]))
    return emg_state(channels, rate)
