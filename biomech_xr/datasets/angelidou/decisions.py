"""What the data of one person decide: which leg cuts, columns, signs, unit of moments, sampling rates, state of EMG.

The descriptions leave all of it open. Each answer is a decision of `biomech_xr.evidence` that is sure enough, or an
option of the source; otherwise the person is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from biomech_xr import evidence
from biomech_xr import vocabulary as words
from biomech_xr.datasets.angelidou import tree
from biomech_xr.datasets.angelidou.tree import Array, Condition
from biomech_xr.datasets.deciding import ANGLE_SIGNS, Judge, emg_state
from biomech_xr.errors import ConfigError
from biomech_xr.evidence import Decision
from biomech_xr.readers.mat import MatNode

EMG_RATE: Final = 2000.0
FRAME_RATE: Final = 100.0
"""The rates that the descriptions assume, Hz: used where the data support both, else refused."""

ORDERS: Final[Mapping[str, tuple[str, str, str]]] = {
    f"{a},{b},{c}": (a, b, c)
    for a in words.MOTIONS
    for b in words.MOTIONS
    for c in words.MOTIONS
    if len({a, b, c}) == 3
}
SIDES: Final[tuple[words.Side, ...]] = ("left", "right")

_POINTS: Final = 100
_MOST: Final = 40
_STRIDE_TIMES: Final = (0.7, 2.2)
_EMG_STRIDES: Final = 8
_FEWEST: Final = 3
_NEARLY_ALL: Final = 0.9
_FRAMES: Final = 1.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Decisions:
    """What holds for all trials of one person.

    `cut_by` is the leg whose contacts begin and end the cells; `columns` are the motions of the three columns;
    `angle_signs` and `moment_signs` the factors by joint to the canonical sign, `moment_scale` that to N m/kg;
    `emg_rate` and `frame_rate` in Hz, the latter NaN where the joints have a fixed number of `points` a stride, else 0.
    """

    cut_by: words.Side
    columns: tuple[str, str, str]
    angle_signs: Mapping[str, int]
    moment_signs: Mapping[str, int]
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
        Something is not clear and its option is not given: `cut_by`, `columns`, `angle_signs`, `moment_signs`,
        `moment_unit`, `emg_rate`, `emg_state`; or the file's own unit contradicts the data.
    """
    judge = Judge(dataset="angelidou", file=person.file, options=options)
    place = f"{person.path}.*"
    angles = {side: {joint: _pool(found, "jointAngles", side, joint) for joint in words.JOINTS} for side in SIDES}
    cut_by = _cutting_leg(judge, place, {side: joints["knee"] for side, joints in angles.items()})
    own = angles[cut_by]
    order = evidence.axis_order(own["knee"], own["hip"], own["ankle"])
    columns = ORDERS.get(judge.asked("columns") or "") or judge.value("columns", f"{place}.jointAngles", order)
    flexion = columns.index("flexion")
    angles_at = f"{place}.jointAngles"
    angle_signs = _signs(judge, "angle_signs", angles_at, lambda joint: ANGLE_SIGNS[joint](own[joint][:, flexion]))
    moments = {joint: _pool(found, "jointMoments", cut_by, joint)[:, flexion] for joint in words.JOINTS}
    moment_signs = _signs(
        judge, "moment_signs", f"{place}.jointMoments", lambda joint: evidence.moment_sign(joint, moments[joint])
    )
    emg_rate, frame_rate, points = _rates(judge, place, found, cut_by)
    return Decisions(
        cut_by=cut_by,
        columns=columns,
        angle_signs=angle_signs,
        moment_signs=moment_signs,
        moment_scale=_moment_scale(judge, person, found, moments["ankle"], body_mass),
        emg_rate=emg_rate,
        frame_rate=frame_rate,
        points=points,
        emg_state=judge.value("emg_state", f"{place}.EMG", _emg_state(found, cut_by, emg_rate)),
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


def _cutting_leg(judge: Judge, place: str, knees: Mapping[words.Side, Array]) -> words.Side:
    """Return the leg whose knee bends where it does after contact of the own foot, while the other's bends early."""
    column = {side: evidence.flexion_column(knee).value for side, knee in knees.items()}
    starts = {side: evidence.start_from_knee(knee[:, column[side]]) for side, knee in knees.items()}
    text = "; ".join(f"{side} leg from {start.value} contact: {start.evidence}" for side, start in starts.items())
    own: list[words.Side] = [side for side in SIDES if starts[side].value == "own"]
    sure = min(start.confidence for start in starts.values()) if len(own) == 1 else 0.0
    decision = Decision(own[0] if own else "right", sure, text)
    return judge.value("cut_by", f"{place}.jointAngles.*Knee", decision)


def _signs(judge: Judge, option: str, branch: str, detector: Callable[[str], Decision[int]]) -> dict[str, int]:
    """Return each joint's factor to the canonical sign, by an option like ``+-+`` (hip, knee, ankle) or the data."""
    if given := judge.asked(option):
        if len(given) != len(words.JOINTS) or set(given) - {"+", "-"}:
            raise ConfigError(f"angelidou: option {option}={given!r}: expected + or - for hip, knee, ankle, as '+-+'.")
        return {joint: 1 if mark == "+" else -1 for joint, mark in zip(words.JOINTS, given, strict=True)}
    what = option[:-1]
    return {
        joint: judge.value(option, f"{branch}.*{joint.title()}", detector(joint), what=f"{what}.{joint}")
        for joint in words.JOINTS
    }


def _moment_scale(judge: Judge, person: MatNode, found: Sequence[Condition], ankle: Array, body_mass: float) -> float:
    """Return the factor to N m/kg: by option, by the file's own `unit` unless the data contradict it, by the data."""
    unit = judge.asked("moment_unit")
    if not unit:
        unit, said = tree.stated_moment_unit(person, found)
        judge.notes["unit"] = f"the file says {said}" if said else "the file says nothing"
        decision = evidence.moment_unit(ankle, body_mass)
        if not unit:
            unit = judge.value("moment_unit", f"{person.path}.*.jointMoments.*Ankle", decision)
        elif decision.sure and decision.value != unit:
            raise person.bad(
                found=f"moments in {decision.note()}",
                expected=f"{unit}, as the field unit says",
                action="State it with the source option moment_unit=",
            )
        else:
            judge.notes["evidence.moment_unit"] = f"{unit} by the field unit; the data: {decision.note()}"
    return judge.moment_factor(
        unit,
        body_mass,
        field=person.path,
        expected="participantInfo.Bodymass",
        action="Restore it, or state the unit with the source option moment_unit=",
    )


def _lengths(found: Sequence[Condition], side: words.Side) -> tuple[Array, Array]:
    """Return the samples of EMG (TA) and of the knee of strides that have both, from all conditions alike."""
    pairs = []
    for condition in found:
        letter = tree.LETTERS[side]
        emg = tree.column(condition.leaf["EMG"], f"{letter}TA")
        knee = tree.column(condition.leaf["jointAngles"], f"{letter}Knee")
        pairs += [
            (len(tree.stride(emg, index, 1)), len(tree.stride(knee, index, tree.COLUMNS)))
            for index in range(min(len(emg), len(knee), _MOST))
        ]
    lengths = np.array([pair for pair in pairs if all(pair)], dtype=np.float64).reshape(-1, 2)
    return lengths[:, 0], lengths[:, 1]


def _rates(judge: Judge, place: str, found: Sequence[Condition], side: words.Side) -> tuple[float, float, int]:
    """Return the rates of EMG and joints, Hz, and 0; or a NaN rate and the points of the joints in every stride."""
    emg, knee = _lengths(found, side)
    points = _fixed_points(emg, knee)
    rate = judge.asked("emg_rate")
    if rate is None:
        decision = evidence.emg_rate(emg, knee / FRAME_RATE)
        low, high = _STRIDE_TIMES
        times = float(np.median(emg)) / EMG_RATE if emg.size else np.nan
        if decision.value != EMG_RATE or points or not low <= times <= high:
            text = (
                f"{decision.evidence}; strides of {times:.2f} s at {EMG_RATE:g} Hz of EMG and {FRAME_RATE:g} Hz frames"
            )
            decision = replace(decision, confidence=min(decision.confidence, 0.5), evidence=text)
        rate = judge.value("emg_rate", f"{place}.EMG.*TA", decision)
    elif not rate > 0:
        raise ConfigError(f"angelidou: option emg_rate={rate:g}: expected a rate in Hz.")
    if not emg.size:
        return rate, FRAME_RATE, 0
    if points:
        return rate, np.nan, points
    frames = float(np.median(knee / emg)) * rate
    whole = round(frames / 5) * 5
    return rate, float(whole) if whole and abs(frames - whole) < 0.01 * whole else frames, 0


def _fixed_points(emg: Array, knee: Array) -> int:
    """Return the number of points that nearly all strides have while their EMG differs in length; 0 where none."""
    if emg.size < _FEWEST:
        return 0
    points, counts = np.unique(knee, return_counts=True)
    usual = knee == points[np.argmax(counts)]
    differs = np.ptp(emg[usual]) > _FRAMES * np.median(emg / knee)
    return int(knee[usual][0]) if differs and usual.mean() >= _NEARLY_ALL else 0


def _emg_state(found: Sequence[Condition], side: words.Side, rate: float) -> Decision[words.EmgState]:
    """Return the state in which the channels agree that are sure; consecutive cells are joined."""
    channels = []
    for channel in tree.CHANNELS:
        cells = tree.column(found[0].leaf["EMG"], tree.LETTERS[side] + channel)
        pieces = [tree.stride(cells, index, 1)[:, 0] for index in range(min(len(cells), _EMG_STRIDES))]
        channels.append(np.concatenate([np.empty(0), *pieces]))
    return emg_state(channels, rate)
