"""What the two UT Dallas sources share: from one trial's struct to a recording.

Both hold strides cut from contact to contact of their own leg, one column a stride, with the clock of each stride in
`cycles.<side>.time`. The paths below a trial are the keys of the source's `SPEC`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.datasets.segments import Cut, cut_emg, cut_joints, sort_cuts
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, JointColumn
from biomech_xr.datasets.utd.facts import Facts, axis_of
from biomech_xr.datasets.utd.legs import Array, Branches, Leg, read_curve, read_leg
from biomech_xr.readers.tables import sha256
from biomech_xr.schema import Patient, Signal, Trial, rejected_table, stride_table

SPARE_POINTS: Final = 150
"""Grid of a trial in which nothing was measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How to read the trials of one person.

    `joint_points` and `emg_points` are the points that the source gives every stride, None where it does not say.
    `clock` sets `Leg.trial_times` of a trial and returns whether its strides follow one another on it.
    """

    spec: DatasetSpec
    patient: Patient
    facts: Facts
    clock: Callable[[Branches, Leg], bool]
    source: tuple[str, str]
    joint_points: int | None
    emg_points: int
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One trial: what lies below it, its names, the labels of its strides, and why it is excluded as a whole."""

    branches: Branches
    name: str
    task: str
    labels: Mapping[str, Any]
    excluded: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)


def check_fields(spec: DatasetSpec, trials: Sequence[Branches]) -> None:
    """Raise for the first curve of `SPEC` that no trial holds.

    Raises
    ------
    DataFormatError
        Names the path in the first trial, and the nearest name there.
    """
    for path in (*spec.emg, *spec.angles, *spec.moments):
        if any(trial.find(path) is not None for trial in trials):
            continue
        node = trials[0].root
        for name in path.split("."):
            node = node[name]
        raise node.bad(found="no value in any trial", expected="points x strides", action="Complete the download")


def read_trial(plan: Plan, job: Job) -> tuple[Trial, dict[str, str]]:
    """Return a trial, and the raw angle columns of it that hold nothing.

    Raises
    ------
    DataFormatError
        The trial has no `cycles`, or an array has a wrong shape.
    """
    branches, spec = job.branches, plan.spec
    legs: dict[words.Side, Leg] = {side: read_leg(branches, side) for side in words.SIDES}
    clocks = [plan.clock(branches, leg) for leg in legs.values() if leg.count]
    contiguity: words.Contiguity = "consecutive" if clocks and all(clocks) else "isolated"
    emg = _curves(branches, spec.emg, legs, plan.emg_points)
    angles = _curves(branches, spec.angles, legs, plan.joint_points)
    moments = _curves(branches, spec.moments, legs, plan.joint_points)
    sides = [side for side, leg in legs.items() for _ in range(leg.count)]
    signals: dict[str, Signal] = {}
    if emg:
        signals["emg"] = _emg_signal(plan, sides, _filled(emg, spec.emg, legs, plan.emg_points), contiguity)
    for group, columns, curves in (("kinematics", spec.angles, angles), ("kinetics", spec.moments, moments)):
        if curves or (group == "kinematics" and not moments and not emg):
            points = next((rows.shape[1] for rows in curves.values()), SPARE_POINTS)
            canonical = _canonical(plan.facts, group, columns, _filled(curves, columns, legs, points))
            signals[group] = cut_joints(sides, canonical, units=words.UNITS[group], contiguity=contiguity)
    cuts = [cut for leg in legs.values() for cut in _cuts(leg, job, _measured(leg, spec, emg | angles | moments))]
    strides, rejected = sort_cuts(spec, job.name, cuts)
    missing = _missing(spec, {"EMG": emg, "angles": angles, "moments": moments})
    unpaired = {path: text for leg in legs.values() for path, text in leg.unpaired.items()}
    trial = Trial(
        patient=plan.patient,
        trial=job.name,
        task=job.task,
        signals=signals,
        strides=stride_table(strides),
        rejected=rejected_table(rejected),
        sources=(plan.source,),
        emg_state=plan.facts.emg_state,
        emg_lookahead=spec.emg_lookahead,
        notes={**plan.notes, **plan.facts.notes, **job.notes, **missing, **_doubts(legs.values(), unpaired)},
    )
    silent = {
        path: f"{column.joint} angle"
        for path, column in spec.angles.items()
        if path not in unpaired and (path not in angles or np.isnan(angles[path]).all())
    }
    return trial, silent


def digest(path: Path) -> str:
    """Return the SHA-256 of a file; computed once a process for one file that all people share."""
    status = path.stat()
    return _digest((path, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=32)
def _digest(state: tuple[Path, int, int]) -> str:
    return sha256(state[0])


Columns = Mapping[str, EmgColumn] | Mapping[str, JointColumn]


def _curves(trial: Branches, columns: Columns, legs: Mapping[words.Side, Leg], points: int | None) -> dict[str, Array]:
    """Return path -> curves (strides, points) of what the trial holds; what cannot be paired is NaN."""
    found: dict[str, Array] = {}
    for path, column in columns.items():
        node, leg = trial.find(path), legs[column.side]
        if node is None or not leg.count:
            continue
        rows = read_curve(node, leg, points=points, label=path)
        points = points or node.shape[0]
        found[path] = np.full((leg.count, points), np.nan) if rows is None else rows
    return found


def _filled(
    curves: Mapping[str, Array], columns: Columns, legs: Mapping[words.Side, Leg], points: int
) -> dict[str, Array]:
    """Return the curves of every column, NaN where the trial does not hold it."""
    return {
        path: curves.get(path, np.full((legs[column.side].count, points), np.nan)) for path, column in columns.items()
    }


def _emg_signal(
    plan: Plan, sides: Sequence[words.Side], curves: Mapping[str, Array], contiguity: words.Contiguity
) -> Signal:
    columns = plan.spec.emg
    return cut_emg(
        sides,
        {(columns[path].side, columns[path].muscle): rows for path, rows in curves.items()},
        units=plan.spec.emg_unit,
        contiguity=contiguity,
        ambiguous=[f"{column.side}:{column.muscle}" for column in columns.values() if column.ambiguous],
    )


def _canonical(
    facts: Facts, group: str, columns: Mapping[str, JointColumn], curves: Mapping[str, Array]
) -> dict[tuple[words.Side, str, str], Array]:
    """Return curves in canonical planes, signs and units."""
    result = {}
    for path, rows in curves.items():
        column, motion = columns[path], facts.order["xyz".index(axis_of(path))]
        key = column.joint, motion
        if group == "kinetics":
            sign = facts.moment_signs.get(key, facts.moment_signs[column.joint, "flexion"])
            factor = sign * facts.moment_scale
        else:
            factor = facts.angle_signs.get(key, 1) * facts.angle_scale
        result[column.side, column.joint, motion] = rows * factor
    return result


def _measured(leg: Leg, spec: DatasetSpec, curves: Mapping[str, Array]) -> Array:
    """Return how many samples of each stride of a leg are finite, over all curves."""
    own: dict[str, EmgColumn | JointColumn] = {**spec.emg, **spec.angles, **spec.moments}
    counts = [np.isfinite(rows).sum(axis=1) for path, rows in curves.items() if own[path].side == leg.side]
    return np.sum(counts, axis=0, dtype=np.float64) if counts else np.zeros(leg.count)


def _cuts(leg: Leg, job: Job, measured: Array) -> list[Cut]:
    return [
        Cut(
            side=leg.side,
            duration=float(leg.durations[k]),
            trial_time=float(leg.trial_times[k]),
            labels=job.labels,
            reason=reason,
            detail=detail,
        )
        for k in range(leg.count)
        for reason, detail in [_verdict(leg, job, k, measured[k])]
    ]


def _verdict(leg: Leg, job: Job, k: int, measured: float) -> tuple[str, str]:
    """Return the reason and detail why a stride is not kept, or two empty texts."""
    if job.excluded:
        return "excluded", job.excluded
    if leg.refused:
        return "unpaired", leg.refused
    if k in leg.excluded:
        return "excluded", f"the authors list stride {k + 1} of this leg as an outlier (stepsout)"
    if not np.isfinite(leg.durations[k]):
        return "unknown_duration", "the times of the stride are not finite and evenly ascending"
    if not measured and leg.unpaired:
        more = f" and {len(leg.unpaired) - 3} more" if len(leg.unpaired) > 3 else ""
        return "unpaired", "; ".join(list(leg.unpaired.values())[:3]) + more
    if not measured:
        return "no_signal", "no finite sample of this stride"
    return "", ""


def _doubts(legs: Iterable[Leg], unpaired: Mapping[str, str]) -> dict[str, str]:
    """Return notes of the curves that no stride can be given, and of the legs without contact times."""
    notes = {"unpaired": "; ".join(unpaired.values()), "clock": "; ".join(leg.doubt for leg in legs if leg.doubt)}
    return {name: text for name, text in notes.items() if text}


def _missing(spec: DatasetSpec, groups: Mapping[str, Mapping[str, Array]]) -> dict[str, str]:
    """Return a note of the curves that a trial does not hold."""
    expected: dict[str, Columns] = {"EMG": spec.emg, "angles": spec.angles, "moments": spec.moments}
    texts = []
    for name, curves in groups.items():
        absent = [path for path in expected[name] if path not in curves]
        if absent:
            texts.append(f"all {name}" if not curves else ", ".join(absent))
    return {"missing": "; ".join(texts)} if texts else {}
