"""One trial of Moreira: the tables of one leg and walk as segmented signals and one or two candidate strides."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.datasets.moreira.emg import LOOKAHEAD, MUSCLES, UNITS, Emg
from biomech_xr.datasets.moreira.kinetics import COLUMNS, PUSH_OFF, Arrays, foot_off, read_moments
from biomech_xr.datasets.moreira.legs import ANGLES, FORCES, MOMENTS, SPEEDS, Leg
from biomech_xr.datasets.moreira.people import Stated
from biomech_xr.datasets.moreira.sheets import NAME, POINTS, Sheet, read_strides
from biomech_xr.datasets.segments import Cut, cut_emg, cut_forces, cut_joints, sort_cuts
from biomech_xr.datasets.spec import DatasetSpec, JointColumn
from biomech_xr.errors import DataFormatError
from biomech_xr.schema import Patient, Signal, Trial, rejected_table, stride_table

_FORCE_AXES: Final = {"GRF_X": "anterior", "GRF_Y": "lateral", "GRF_Z": "vertical"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Durations:
    """What the user says of durations, s: of single strides, and of every stride that nothing else tells of."""

    stated: Stated
    every: float

    def of(self, leg: Leg, trial: str, stride: int, participant: str) -> tuple[float, str]:
        """Return the duration of a stride (1 or 2) and its source; NaN and `published` where nothing tells it."""
        published = (*leg.times.get(trial, ()), math.nan, math.nan)[stride - 1]
        if math.isfinite(published):
            return published, "published"
        assumed = self.stated.get((participant, leg.speed, leg.letter, trial, stride), self.every)
        return assumed, "assumed" if math.isfinite(assumed) else "published"

    def check(self, file: Path, participant: str, seen: Set[tuple[str, str, str, int]]) -> None:
        """Raise where the user states durations of a person's strides that are none of (speed, leg, trial, stride).

        Raises
        ------
        DataFormatError
            It names all of them.
        """
        own = [key[1:] for key in self.stated if key[0] == participant]
        if lost := [" ".join(map(str, key)) for key in own if key not in seen]:
            raise DataFormatError.of(
                dataset=NAME,
                file=file,
                field=participant,
                found=f"durations of strides that the files do not have: {', '.join(lost)}",
                expected="only strides that are there",
                action="Correct these lines of the option stride_times=",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What all trials of one person share; `mass` is what the moments were divided by, kg."""

    spec: DatasetSpec
    person: Patient
    mass: float
    emg: Emg
    durations: Durations
    notes: Mapping[str, str]


def make_trial(leg: Leg, name: str, context: Context, *, sources: tuple[tuple[str, str], ...]) -> Trial:
    """Return one trial, named speed, leg and walk; every table that it lacks is a group that it lacks.

    Raises
    ------
    DataFormatError
        A table is not what the format says.
    """
    tables = {group: list(strides) for group, strides in _read(leg, name, context)}
    count = max(len(strides) for strides in tables.values())
    sides: list[words.Side] = [leg.side] * count
    padded = {
        group: np.stack([*strides, *([np.full_like(strides[0], np.nan)] * (count - len(strides)))])
        for group, strides in tables.items()
    }
    beside = _leave_out_beside_plates(padded)
    signals = dict(_signals(padded, sides, leg, context))
    trial = f"{leg.speed}_{leg.letter}_{name}"
    cuts = [_cut(leg, name, stride, padded, context) for stride in range(count)]
    strides, rejected = sort_cuts(context.spec, trial, cuts)
    return Trial(
        patient=context.person,
        trial=trial,
        task=leg.speed,
        signals=signals,
        strides=stride_table(strides),
        rejected=rejected_table(rejected),
        sources=sources,
        emg_state=context.emg.state,
        emg_lookahead=LOOKAHEAD[context.emg.kind],
        notes=_notes(leg, tables, context) | beside | _silent(signals),
    )


def _leave_out_beside_plates(tables: Mapping[str, npt.NDArray[np.float64]]) -> dict[str, str]:
    """Set moments (stride, 1001, column) to NaN where a foot stood beside the plates; a note says in which strides.

    There inverse dynamics sees the weight of the limb alone: no vertical force, no push-off at the ankle. A push-off
    without a force means that the force was lost, not that there was none.
    """
    if "grf" not in tables or "kinetics" not in tables:
        return {}
    vertical = tables["grf"][:, :, list(_FORCE_AXES).index("GRF_Z")]
    ankle = np.nan_to_num(np.abs(tables["kinetics"][:, :, COLUMNS.index("Ankle_X")]))
    beside = ~(vertical > 0).any(axis=1) & np.isfinite(vertical).any(axis=1) & (ankle.max(axis=1) < PUSH_OFF)
    tables["kinetics"][beside] = np.nan
    strides = ", ".join(str(stride + 1) for stride in np.flatnonzero(beside))
    found = f"stride {strides}: no vertical force and less than {PUSH_OFF:g} N m/kg at the ankle, so beside the plates"
    return {"moments_left_out": found} if strides else {}


def _read(leg: Leg, name: str, context: Context) -> Iterator[tuple[str, Arrays]]:
    """Yield each signal group that the trial has, with one array (1001, column) for each stride."""

    def sheet(member: str) -> Sheet | None:
        return leg.members.get(member, {}).get(name)

    angles, forces, emg = sheet(ANGLES), sheet(FORCES), sheet(context.emg.member)
    if angles is not None:
        yield "kinematics", read_strides(angles, COLUMNS)
    if sheet(MOMENTS) is not None:
        yield "kinetics", read_moments(leg, name, context.mass)[0]
    if emg is not None:
        yield "emg", read_strides(emg, list(MUSCLES))
    if forces is not None and math.isfinite(context.person.body_mass):
        yield "grf", read_strides(forces, list(_FORCE_AXES))


def _signals(
    tables: Mapping[str, npt.NDArray[np.float64]], sides: list[words.Side], leg: Leg, context: Context
) -> Iterator[tuple[str, Signal]]:
    """Yield the signal groups from arrays of shape (stride, 1001, column)."""
    side, spec = leg.side, context.spec
    for group, table in tables.items():
        columns = np.moveaxis(table, 2, 0)
        if group == "emg":
            curves = {(side, muscle): columns[k] for k, muscle in enumerate(MUSCLES.values())}
            yield group, cut_emg(sides, curves, units=UNITS[context.emg.kind])
        elif group != "grf":
            member, known = (ANGLES, spec.angles) if group == "kinematics" else (MOMENTS, spec.moments)
            facts = [known[f"{leg.letter}/{member}/{name}"] for name in COLUMNS]
            yield group, cut_joints(sides, _joints(facts, columns), units=words.UNITS[group])
        else:
            mass = context.person.body_mass
            forces = {(side, axis): columns[k] / mass for k, axis in enumerate(_FORCE_AXES.values())}
            yield group, cut_forces(sides, forces)


def _joints(
    facts: list[JointColumn], columns: npt.NDArray[np.float64]
) -> dict[tuple[words.Side, str, str], npt.NDArray[np.float64]]:
    return {
        (fact.side, fact.joint, fact.motion): fact.factor * column for fact, column in zip(facts, columns, strict=True)
    }


def _cut(leg: Leg, name: str, stride: int, tables: Mapping[str, npt.NDArray[np.float64]], context: Context) -> Cut:
    duration, source = context.durations.of(leg, name, stride + 1, context.person.source_patient)
    off = (
        foot_off(tables["grf"][stride, :, list(_FORCE_AXES.values()).index("vertical")])
        if "grf" in tables
        else math.nan
    )
    labels: dict[str, Any] = {
        "activity": "walk",
        "source_activity": leg.speed,
        "surface": "overground",
        "speed": SPEEDS[leg.speed] / 3.6,
        "incline": 0.0,
        "duration_source": source,
        "foot_off": off * duration,
    }
    if not any(np.isfinite(tables[group][stride]).any() for group in tables):
        return Cut(side=leg.side, duration=duration, labels=labels, reason="no_signal", detail="all columns are empty")
    if leg.unpaired and source == "published":
        return Cut(side=leg.side, duration=duration, labels=labels, reason="unpaired", detail=leg.unpaired)
    return Cut(side=leg.side, duration=duration, labels=labels)


def _notes(leg: Leg, tables: Mapping[str, Arrays], context: Context) -> dict[str, str]:
    absent = [group for group in ("emg", "kinematics", "kinetics", "grf") if group not in tables]
    strides = ", ".join(f"{group} {len(found)}" for group, found in tables.items())
    notes = {
        **context.notes,
        "evidence.emg_state": f"{context.emg.member or 'none'}: {context.emg.note}",
        "hip_rotation_moment": "external-positive in the file, negated",
        "strides_by_group": strides,
        "grid": f"{POINTS} points, the last is the next contact",
    }
    return (
        notes
        | ({"absent": ", ".join(absent)} if absent else {})
        | ({"not_read": ", ".join(leg.unread)} if leg.unread else {})
    )


def _silent(signals: Mapping[str, Signal]) -> dict[str, str]:
    """Return a note of the channels without any sample in the trial; a channel of nothing but zeros is one."""
    dead: list[str] = []
    for group in ("emg", "kinematics", "kinetics"):
        if group in signals:
            flat = signals[group].values.stack(column=signals[group].values.dims[2:])
            gone = flat["column"].values[np.isnan(flat.values).all(axis=(0, 1))]
            dead += [" ".join([group, *([label] if isinstance(label, str) else map(str, label))]) for label in gone]
    return {"not_measured": ", ".join(dead)} if dead else {}
