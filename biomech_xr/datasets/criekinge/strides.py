"""Van Criekinge 2023: from one leg's structs to events, curves and candidates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.datasets.criekinge.people import NO_ANKLE_MOMENT, NO_BICEPS, Leg, Subject
from biomech_xr.datasets.segments import Cut
from biomech_xr.readers.mat import MatNode

Array = npt.NDArray[np.float64]

POINTS: Final = 1001
MUSCLES: Final = {
    "VL": "vastus_lateralis",
    "RF": "rectus_femoris",
    "TA": "tibialis_anterior",
    "BF": "biceps_femoris",
    "ST": "semitendinosus",
    "GAS": "gastrocnemius_medialis",
    "ERS": "erector_spinae",
}
MOTIONS: Final = {"x": "flexion", "y": "adduction", "z": "rotation"}
JOINTS: Final = ("hip", "knee", "ankle")
FORCE: Final = "GroundReactionForce"
_LABELS: Final = {
    "activity": "walk",
    "source_activity": "walking",
    "surface": "overground",
    "incline": 0.0,
    "duration_source": "events",
}
_TRIAL: Final = ("Trial", "Trials")
_LAST_TRIAL: Final = 1_000_000
_LANDING: Final = ("GoodForcePlateLanding", "GoodLanding")


@dataclass(frozen=True, kw_only=True, slots=True)
class LegData:
    """The strides of one leg in the order of the columns.

    `start`, `stop`, `foot_off` are s on the clock of the trial, shape (strides,), NaN where unknown; `trial` is the
    number of the trial, -1 where `stated`, which the file has, is none; `curves` maps a raw path (``VL.n``) to values
    (strides, 1001) in raw unit and sign, kinetics only where the landing was good; `power` likewise maps a joint to its
    published power; `absent` says what is not there or not paired; `unpaired` why nothing of this leg can be paired
    with its events.
    """

    leg: Leg
    trial: npt.NDArray[np.int64]
    stated: Array
    start: Array
    stop: Array
    foot_off: Array
    curves: Mapping[str, Array]
    power: Mapping[str, Array]
    absent: Mapping[str, str]
    unpaired: str = ""

    def order(self, trial: int) -> npt.NDArray[np.int64]:
        """Return the columns of one trial by their first contact; what has no time comes last."""
        own = np.flatnonzero(self.trial == trial)
        return own[np.argsort(self.start[own], kind="stable")]

    def cuts(self, trial: int) -> list[Cut]:
        """Return the candidates of one trial in the order of `order`."""
        return [self._cut(int(column)) for column in self.order(trial)]

    def _cut(self, column: int) -> Cut:
        start, stop = self.start[column], self.stop[column]
        duration = float(stop - start)
        off = float(self.foot_off[column] - start)
        reason, detail = self._reason(column, duration)
        return Cut(
            side=self.leg.side,
            duration=duration,
            trial_time=float(start),
            labels=_LABELS | {"foot_off": off if 0 < off < duration else np.nan},
            reason=reason,
            detail=detail,
        )

    def _reason(self, column: int, duration: float) -> tuple[str, str]:
        if self.unpaired:
            return "unpaired", self.unpaired
        if self.trial[column] < 0:
            return "unpaired", f"{self.leg.letter}_Trial names no trial: {self.stated[column]:g}"
        if not np.isfinite(duration):
            return "unknown_duration", f"{self.leg.letter}_ICstart or _ICstop is NaN"
        if duration <= 0:
            return "not_a_stride", f"the next contact lies {-duration:.3f} s earlier"
        if all(np.isnan(values[column]).all() for values in self.curves.values()):
            return "no_signal", "every variable is NaN"
        return "", ""


def read_leg(subject: Subject, leg: Leg) -> LegData:
    """Return the events and curves of one leg.

    Raises
    ------
    DataFormatError
        A field is missing or of another shape.
    """
    events = subject.node["events"]
    rate_node = subject.node["meas_char"]["VideoFrameRate"]
    rate = rate_node.number()
    if not rate > 0:
        raise rate_node.bad(found=f"{rate:g}", expected="a rate in Hz (100)", action="Check the release")
    start_node = events[f"{leg.letter}_ICstart"]
    count = len(start_node.vector())
    values = {name: _event(events, leg, count, name) for name in ("ICstart", "ICstop", "TO")}
    trial = _event(events, leg, count, *_TRIAL)
    landing = _event(events, leg, count, *_LANDING) == 1
    group = subject.node[leg.segment]
    curves, absent = _curves(group)
    if curves and not count:
        rows = max(map(len, curves.values()))
        raise start_node.bad(
            found="no event", expected=f"the events of {rows} strides", action="Download the file again"
        )
    curves, unequal, unpaired = _paired(curves, count, leg)
    return LegData(
        leg=leg,
        trial=_trial_numbers(trial),
        stated=trial,
        start=(values["ICstart"] - 1) / rate,
        stop=(values["ICstop"] - 1) / rate,
        foot_off=(values["TO"] - 1) / rate,
        curves={name: _on_plate(name, rows, landing) for name, rows in curves.items()},
        power=_power(group, landing),
        absent={name: f"{why}{_known(subject, leg, name)}" for name, why in absent.items()} | unequal,
        unpaired=unpaired,
    )


def _paired(curves: Mapping[str, Array], count: int, leg: Leg) -> tuple[dict[str, Array], dict[str, str], str]:
    """Return the curves, NaN where a variable has another number of strides than the events, why, and the leg's fault.

    The leg itself is at fault where it has angles and none of them has the number of the events.
    """
    unequal = {name: f"{len(rows)} strides, the events {count}" for name, rows in curves.items() if len(rows) != count}
    angles = [name for name in curves if "Angles." in name]
    kept = {name: np.full((count, POINTS), np.nan) if name in unequal else rows for name, rows in curves.items()}
    if not angles or any(name not in unequal for name in angles):
        return kept, unequal, ""
    found = ", ".join(f"{name} {len(curves[name])}" for name in angles)
    kept = {name: np.full((count, POINTS), np.nan) for name in curves}
    return kept, {}, f"{leg.letter} events describe {count} strides, the angles {found}"


def _trial_numbers(stated: Array) -> npt.NDArray[np.int64]:
    """Return the numbers of the trials, -1 for what is no whole number from 0 to a million."""
    whole = np.isfinite(stated) & (np.floor(stated) == stated) & (stated >= 0) & (stated <= _LAST_TRIAL)
    return np.where(whole, stated, -1).astype(np.int64)


def _on_plate(name: str, rows: Array, landing: npt.NDArray[np.bool_]) -> Array:
    """Return kinetics with NaN where the foot did not land well on a force plate; anything else unchanged."""
    kinetic = name.startswith((FORCE, *(f"{joint.title()}Moment" for joint in JOINTS)))
    return np.where(landing[:, None], rows, np.nan) if kinetic else rows


def _event(events: MatNode, leg: Leg, count: int, *names: str) -> Array:
    node = events.first(*(f"{leg.letter}_{name}" for name in names))
    values = node.vector()
    if len(values) != count:
        raise node.bad(
            found=f"{len(values)} values",
            expected=f"{count}, as many as {leg.letter}_ICstart",
            action="Download the file again",
        )
    return values


def _curves(group: MatNode) -> tuple[dict[str, Array], dict[str, str]]:
    """Return the curves of one leg's struct by raw path, and why each absent variable is absent."""
    curves: dict[str, Array] = {}
    absent: dict[str, str] = {}
    variables: dict[str, tuple[str, tuple[str, ...]]] = {muscle: (f"{muscle}norm", ("n",)) for muscle in MUSCLES}
    variables |= {f"{joint.title()}Moment": (f"{joint.title()}Power", tuple(MOTIONS)) for joint in JOINTS}
    variables |= {FORCE: ("", ("z",))}
    for name, (sibling, members) in variables.items():
        node = group.get(name)
        if node is None and sibling in group.fields():
            raise group.bad(
                found=f"{sibling} without {name}",
                expected=f"both, as the authors describe: {name} was renamed",
                action="Use the file of the authors' release",
            )
        _add(curves, absent, name, node, members)
    for joint in JOINTS:
        name = f"{joint.title()}Angles"
        _add(curves, absent, name, group[name], tuple(MOTIONS))
    return curves, absent


def _add(
    curves: dict[str, Array], absent: dict[str, str], name: str, node: MatNode | None, members: tuple[str, ...]
) -> None:
    """Add the members of one variable, or say why there are none."""
    if node is None or node.kind == "empty":
        absent[name] = "no field" if node is None else "empty struct"
        return
    kept = {f"{name}.{member}": rows for member in members if (rows := _rows(node[member])) is not None}
    if not kept:
        absent[name] = "only NaN"
    curves |= kept


def _power(group: MatNode, landing: npt.NDArray[np.bool_]) -> dict[str, Array]:
    """Return the power (strides, 1001) of each joint that has one a stride; NaN off the plate."""
    found = {}
    for joint in JOINTS:
        node = group.get(f"{joint.title()}Power")
        member = node.get("n") if node is not None else None
        rows = member.array() if member is not None and member.kind == "numeric" else np.empty((0, 0))
        if rows.shape in ((POINTS, landing.size), (landing.size, POINTS)):
            rows = rows.T if rows.shape[0] == POINTS else rows
            found[joint] = np.where(landing[:, None], np.asarray(rows, dtype=np.float64), np.nan)
    return found


def _rows(node: MatNode) -> Array | None:
    """Return one variable as (strides, 1001); None where it has no finite value, of whatever shape."""
    values = node.array()
    if not np.isfinite(values).any():
        return None
    if values.ndim != 2 or POINTS not in values.shape:
        raise node.bad(
            found=f"shape {' x '.join(map(str, values.shape))}",
            expected=f"{POINTS} points x strides",
            action="Use the stride-normalized file of the authors' release",
        )
    return np.asarray(values.T if values.shape[0] == POINTS else values, dtype=np.float64)


def _known(subject: Subject, leg: Leg, name: str) -> str:
    """Return a remark where the release is known to lack this variable for this leg."""
    lists = {"BF": NO_BICEPS} | {f"{joint.title()}Moment": NO_ANKLE_MOMENT for joint in JOINTS}
    return ", as known of the release" if subject.number in lists.get(name, {}).get(leg.letter, ()) else ""
