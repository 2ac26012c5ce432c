"""What SIAT's notes leave open and each person's own level walking settles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.datasets.deciding import Judge
from biomech_xr.datasets.siat.files import RATE, Table, read_data
from biomech_xr.datasets.siat.labels import (
    POINTS,
    Cycle,
    FloatArray,
    assign_legs,
    confirm_legs,
    find_cycles,
    read_labels,
    sample,
)
from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.datasets.walking import Factors, Walk, angle_signs, emg_state, moment_factors
from biomech_xr.readers.ahead import Ahead

_EMG: Final = "sEMG:"


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What was decided for one person: factors to canonical, and every decision in words.

    `moment` is empty where torques cannot be divided by the body mass.
    """

    angle: Factors
    moment: Factors
    emg_state: words.EmgState
    notes: Mapping[str, str] = field(default_factory=dict)


def name_of(kind: str, joint: str, motion: str, side: str) -> str:
    """Return the raw name of a joint column; ``kind`` is `angle` or `moment`."""
    group, word = ("Kinematic", "angle") if kind == "angle" else ("Kinetic", "torque")
    return f"{group}: {side} {joint} {motion} {word}"


def knees_of(table: Table) -> dict[words.Side, FloatArray]:
    """Return both knee angles of a data table, (row,), sign of the file."""
    return {side: table[name_of("angle", "knee", "flexion", side)] for side in words.SIDES}


@dataclass(frozen=True, kw_only=True, slots=True)
class Gait:
    """A gait trial: its data, the rows of its label file (0 without one) and its labelled cycles with their legs."""

    table: Table
    labels: int = 0
    cycles: list[Cycle] = field(default_factory=list)

    @property
    def time(self) -> FloatArray:
        """Times of the rows, s."""
        return self.table["Time"]


def read_gait(files: Mapping[str, tuple[Path, Path | None]], spec: DatasetSpec) -> dict[str, Gait]:
    """Return gait trials by code, from their data and label files; the next data are read beside a trial's labels.

    Raises
    ------
    DataFormatError
        A file breaks the format or is cut.
    """
    with Ahead(lambda data: read_data(data, spec), [data for data, _ in files.values()]) as tables:
        return {
            code: _labelled(table, label, code) for (code, (_, label)), table in zip(files.items(), tables, strict=True)
        }


def _labelled(table: Table, label: Path | None, code: str) -> Gait:
    gait = Gait(table=table)
    if label is None:
        return gait
    labels = read_labels(label, code, clock=gait.time)
    found = assign_legs(find_cycles(labels, code), knees_of(table), gait.time)
    return Gait(table=table, labels=len(labels), cycles=found)


def pool_knees(trials: Iterable[Gait]) -> dict[words.Side, FloatArray]:
    """Return the knee of each leg in the cycles of all trials that are of that leg, shape (cycle, point)."""
    pooled: dict[words.Side, list[FloatArray]] = {"left": [], "right": []}
    for trial in trials:
        for side, knee in knees_of(trial.table).items():
            pooled[side].append(sample(knee, trial.time, [c for c in trial.cycles if c.side == side and not c.fault]))
    return {side: np.concatenate([np.empty((0, POINTS)), *rows]) for side, rows in pooled.items()}


def decide(
    walking: Gait,
    pooled: Mapping[words.Side, FloatArray],
    path: Path,
    *,
    body_mass: float,
    options: Mapping[str, Any],
) -> Facts:
    """Return the facts of one person from level walking.

    Parameters
    ----------
    walking
        `WAK`; without labels there are no strides to decide from.
    pooled
        See `pool_knees`.
    path
        The data file, for messages.
    body_mass
        kg, NaN where unknown.
    options
        Those that the user gave; each settles its question.

    Raises
    ------
    DataFormatError
        The data leave a question open and no option settles it.
    """
    data, time = walking.table, walking.time
    confirmed = confirm_legs(walking.cycles, knees_of(data), time, pooled)[1]
    strides = {side: _windows(confirmed, side) for side in words.SIDES}

    def curves(kind: str, joint: str, motion: str, side: words.Side) -> FloatArray:
        return sample(data[name_of(kind, joint, motion, side)], time, strides[side])

    judge = Judge(dataset="siat", file=path, options=options)
    walk = Walk(judge=judge, curves=curves, column=lambda kind, joint, motion: name_of(kind, joint, motion, "*"))
    angle = angle_signs(walk, assumed=[("hip", "adduction")])
    moment = moment_factors(walk, angle, body_mass)
    channels = [column for name, column in data.items() if name.startswith(_EMG)]
    state = emg_state(judge, channels, RATE, f"{_EMG} *", declared="raw")
    return Facts(angle=angle, moment=moment, emg_state=state, notes=judge.notes)


def _windows(cycles: list[Cycle], side: words.Side) -> list[Cycle]:
    """Return the strides of a leg; of one without any those of the other leg half a cycle later."""
    whole = [cycle for cycle in cycles if not cycle.fault]
    own = [cycle for cycle in whole if cycle.side == side]
    if own:
        return own
    halves = [(cycle, 0.5 * (cycle.stop - cycle.start)) for cycle in whole]
    return [replace(cycle, start=cycle.start + half, stop=cycle.stop + half) for cycle, half in halves]
