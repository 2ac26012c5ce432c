"""What the data of one person decide: which leg cuts, columns, signs, unit of moments, sampling rates, state of EMG.

The descriptions leave all of it open. Each answer is a decision of `biomech_xr.evidence` that is sure enough, or an
option of the source; otherwise the person is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import numpy as np

from biomech_xr import evidence
from biomech_xr import vocabulary as words
from biomech_xr.datasets import _angelidou_tree as tree
from biomech_xr.datasets._angelidou_tree import Array, Condition
from biomech_xr.errors import ConfigError
from biomech_xr.evidence import Decision
from biomech_xr.readers.mat import MatNode

Value = TypeVar("Value")

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
STATES: Final = ("raw", "bandpassed", "envelope")
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


@dataclass(kw_only=True, slots=True)
class _Court:
    """Hears one person's data: takes the option where it is given, else a sure decision, and keeps the notes."""

    person: MatNode
    options: Mapping[str, Any]
    notes: dict[str, str] = field(default_factory=dict)

    def settle(self, what: str, where: str, decision: Decision[Value], option: str) -> Value:
        """Return a decision that is sure enough; its evidence becomes a note."""
        self.notes[f"evidence.{what}"] = decision.note()
        place = f"{self.person.path}.*.{where}"
        return evidence.require(decision, dataset="angelidou", file=self.person.file, field=place, option=option)


def decide(person: MatNode, found: Sequence[Condition], *, body_mass: float, options: Mapping[str, Any]) -> Decisions:
    """Return what the files of one person say and the data decide; options go first.

    Raises
    ------
    DataFormatError
        Something is not clear and its option is not given: `cut_by`, `columns`, `angle_signs`, `moment_signs`,
        `moment_unit`, `emg_rate`, `emg_state`; or the file's own unit contradicts the data.
    """
    court = _Court(person=person, options=options)
    angles = {side: {joint: _pool(found, "jointAngles", side, joint) for joint in words.JOINTS} for side in SIDES}
    cut_by = _cutting_leg(court, {side: joints["knee"] for side, joints in angles.items()})
    own = angles[cut_by]
    columns = ORDERS.get(options.get("columns", "")) or court.settle(
        "columns", "jointAngles", evidence.axis_order(own["knee"], own["hip"], own["ankle"]), "columns"
    )
    flexion = columns.index("flexion")
    detectors = {"hip": evidence.hip_sign, "knee": evidence.knee_sign, "ankle": evidence.ankle_sign}
    angle_signs = _signs(court, "angle_signs", "jointAngles", lambda joint: detectors[joint](own[joint][:, flexion]))
    moments = {joint: _pool(found, "jointMoments", cut_by, joint)[:, flexion] for joint in words.JOINTS}
    moment_signs = _signs(
        court, "moment_signs", "jointMoments", lambda joint: evidence.moment_sign(joint, moments[joint])
    )
    emg_rate, frame_rate, points = _rates(court, found, cut_by)
    return Decisions(
        cut_by=cut_by,
        columns=columns,
        angle_signs=angle_signs,
        moment_signs=moment_signs,
        moment_scale=_moment_scale(court, found, moments["ankle"], body_mass),
        emg_rate=emg_rate,
        frame_rate=frame_rate,
        points=points,
        emg_state=_emg_state(court, found, cut_by, emg_rate),
        notes=court.notes,
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


def _cutting_leg(court: _Court, knees: Mapping[words.Side, Array]) -> words.Side:
    """Return the leg whose knee bends where it does after contact of the own foot, while the other's bends early."""
    if "cut_by" in court.options:
        side: words.Side = court.options["cut_by"]
        return side
    column = {side: evidence.flexion_column(knee).value for side, knee in knees.items()}
    starts = {side: evidence.start_from_knee(knee[:, column[side]]) for side, knee in knees.items()}
    text = "; ".join(f"{side} leg from {start.value} contact: {start.evidence}" for side, start in starts.items())
    own: list[words.Side] = [side for side in SIDES if starts[side].value == "own"]
    sure = min(start.confidence for start in starts.values()) if len(own) == 1 else 0.0
    return court.settle("cut_by", "jointAngles.*Knee", Decision(own[0] if own else "right", sure, text), "cut_by")


def _signs(court: _Court, option: str, branch: str, detector: Callable[[str], Decision[int]]) -> dict[str, int]:
    """Return each joint's factor to the canonical sign, by an option like ``+-+`` (hip, knee, ankle) or the data."""
    given: str = court.options.get(option, "")
    if given:
        if len(given) != len(words.JOINTS) or set(given) - {"+", "-"}:
            raise ConfigError(f"angelidou: option {option}={given!r}: expected + or - for hip, knee, ankle, as '+-+'.")
        return {joint: 1 if mark == "+" else -1 for joint, mark in zip(words.JOINTS, given, strict=True)}
    what = option[:-1]
    return {
        joint: court.settle(f"{what}.{joint}", f"{branch}.*{joint.title()}", detector(joint), option)
        for joint in words.JOINTS
    }


def _moment_scale(court: _Court, found: Sequence[Condition], ankle: Array, body_mass: float) -> float:
    """Return the factor to N m/kg: by option, by the file's own `unit` unless the data contradict it, by the data."""
    where, unit = "jointMoments.*Ankle", str(court.options.get("moment_unit", ""))
    if not unit:
        unit, said = tree.stated_moment_unit(court.person, found)
        court.notes["unit"] = f"the file says {said}" if said else "the file says nothing"
        decision = evidence.moment_unit(ankle, body_mass)
        if not unit:
            unit = court.settle("moment_unit", where, decision, "moment_unit")
        elif decision.sure and decision.value != unit:
            raise court.person.bad(
                found=f"moments in {decision.note()}",
                expected=f"{unit}, as the field unit says",
                action="State it with the source option moment_unit=",
            )
        else:
            court.notes["evidence.moment_unit"] = f"{unit} by the field unit; the data: {decision.note()}"
    factor = evidence.FACTORS[unit](body_mass)
    if np.isfinite(factor):
        return factor
    raise court.person.bad(
        found=f"moments in {unit} and no body mass",
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


def _rates(court: _Court, found: Sequence[Condition], side: words.Side) -> tuple[float, float, int]:
    """Return the rates of EMG and joints, Hz, and 0; or a NaN rate and the points of the joints in every stride."""
    emg, knee = _lengths(found, side)
    points = _fixed_points(emg, knee)
    rate = float(court.options.get("emg_rate", np.nan))
    if "emg_rate" not in court.options:
        decision = evidence.emg_rate(emg, knee / FRAME_RATE)
        low, high = _STRIDE_TIMES
        times = float(np.median(emg)) / EMG_RATE if emg.size else np.nan
        if decision.value != EMG_RATE or points or not low <= times <= high:
            text = (
                f"{decision.evidence}; strides of {times:.2f} s at {EMG_RATE:g} Hz of EMG and {FRAME_RATE:g} Hz frames"
            )
            decision = replace(decision, confidence=min(decision.confidence, 0.5), evidence=text)
        rate = court.settle("emg_rate", "EMG.*TA", decision, "emg_rate")
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


def _emg_state(court: _Court, found: Sequence[Condition], side: words.Side, rate: float) -> words.EmgState:
    """Return the state in which the channels agree that are sure; consecutive cells are joined."""
    if "emg_state" in court.options:
        state: words.EmgState = court.options["emg_state"]
        return state
    votes = []
    for channel in tree.CHANNELS:
        cells = tree.column(found[0].leaf["EMG"], tree.LETTERS[side] + channel)
        pieces = [tree.stride(cells, index, 1)[:, 0] for index in range(min(len(cells), _EMG_STRIDES))]
        votes.append(evidence.emg_state(np.concatenate([np.empty(0), *pieces]), rate))
    best = max(votes, key=lambda vote: vote.confidence)
    if any(vote.sure and vote.value != best.value for vote in votes):
        best = replace(best, confidence=0.5, evidence="; ".join(vote.note() for vote in votes))
    states: dict[str, words.EmgState] = {"raw": "raw", "bandpassed": "bandpassed", "envelope": "envelope"}
    return states[court.settle("emg_state", "EMG", best, "emg_state")]
