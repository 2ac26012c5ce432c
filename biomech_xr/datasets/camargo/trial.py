"""One trial of Camargo: the tables of its sensors, joined on their clocks, and the strides of both legs."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.camargo.clock import fault, gaps, on_grid
from biomech_xr.datasets.camargo.conditions import make_judge, the_table
from biomech_xr.datasets.camargo.sawtooth import StrideJudge, sawtooth_rows
from biomech_xr.datasets.deciding import Judge
from biomech_xr.datasets.inertial import GRAVITY, imu_columns, imu_signal, typical_acceleration
from biomech_xr.datasets.knee import knee_notes
from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.evidence import Decision
from biomech_xr.readers.matlab import load_tables
from biomech_xr.readers.tables import check_columns
from biomech_xr.schema import Patient, Signal, Trial, rejected_table, stride_table

logger = logging.getLogger(__name__)

RATES: Final = {
    "emg": 1000.0, "ik": 200.0, "ik_offset": 200.0, "id": 200.0, "imu": 200.0, "gcleft": 200.0, "gcright": 200.0,
}  # fmt: skip
"""Hz, by sensor folder in lower case."""

SIGNALS: Final = {"emg", "ik", "ik_offset", "id", "imu"}
"""Sensors that become signal groups."""

IMU: Final = imu_columns(
    {segment: segment for segment in ("foot", "shank", "thigh", "trunk")},
    {
        f"{raw}_{axis.upper()}": f"{kind}_{axis}"
        for raw, kind in (("Accel", "acceleration"), ("Gyro", "angular_velocity"))
        for axis in "xyz"
    },
)
_CYCLES: Final[Mapping[words.Side, str]] = {"right": "gcRight", "left": "gcLeft"}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TrialFiles:
    """The files of one trial by sensor; `name` is unique within the person."""

    mode: str
    name: str
    session: str
    files: Mapping[str, Path]


def read_trial(
    one: TrialFiles,
    person: Patient,
    spec: DatasetSpec,
    *,
    angles: str,
    sources: tuple[tuple[str, str], ...],
    options: Mapping[str, Any],
) -> tuple[Trial, dict[str, dict[str, str]]]:
    """Return one trial and the columns without a number of its EMG and angles, where it has them.

    ``spec`` holds the signs that apply, ``options`` what the user says; ``angles`` is the sensor that the kinematics
    come from, `ik` or `ik_offset`. A static trial has no candidates.
    """
    tables, faults = _tables(one, spec)
    if angles in tables:
        tables["angles"] = tables.pop(angles)
    notes: dict[str, str] = {"angles": f"{angles}{'' if angles == 'ik' else ': relative to the static pose'}"}
    notes |= {f"clock.{sensor}": text for sensor, text in faults.items()}
    if one.mode != "static" and "emg" not in tables:
        notes["emg"] = "none: masked in the strides of the right leg"
    signals = _signals(tables, person, spec, notes)
    kept: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    if one.mode == "static":
        notes["posture"] = "stand: a static trial has no strides"
    else:
        complete = make_judge(one.mode, one.files.get("conditions"), name=one.name, notes=notes)
        for side in words.SIDES:
            judge = _missing(tables, faults, side, angles) or complete
            rows = _rows(tables, signals, spec=spec, name=one.name, side=side, judge=judge)
            kept += rows[0]
            rejected += rows[1]
    notes |= _knee(signals, kept, one, options)
    trial = Trial(
        patient=person,
        trial=one.name,
        task=one.mode,
        session=one.session,
        signals=signals,
        strides=stride_table(kept),
        rejected=rejected_table(rejected),
        sources=sources,
        emg_state=spec.emg_state,
        emg_lookahead=spec.emg_lookahead,
        notes=notes,
    )
    silent = {"emg": cycles.silent(tables["emg"], spec.emg)} if "emg" in tables else {}
    if "angles" in tables:
        silent["angles"] = cycles.silent(tables["angles"], spec.angles)
    return trial, silent


def _missing(
    tables: Mapping[str, pd.DataFrame], faults: Mapping[str, str], side: words.Side, angles: str
) -> StrideJudge | None:
    """Return what judges the candidates of a leg that lacks its angles or its gait cycle."""
    needed = {"angles": angles, _CYCLES[side].lower(): _CYCLES[side]}
    missing = [word for sensor, word in needed.items() if sensor not in tables]
    if not missing:
        return None
    broken = [f"{word}: {faults[word.lower()]}" for word in missing if word.lower() in faults]
    absent = " and ".join(f"no {word}" for word in missing if word.lower() not in faults)
    detail = "; ".join([*broken, *([f"{absent} file"] if absent else [])])
    return lambda _start, _stop: cycles.Verdict(reason="unpaired", detail=detail)


def _tables(one: TrialFiles, spec: DatasetSpec) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """Return the tables of a trial's sensors, signals on their grid, and what is wrong with the clocks of any.

    A sensor whose rows cannot be placed in time has no table. Gait cycles keep the times of their rows.
    """
    tables: dict[str, pd.DataFrame] = {}
    faults: dict[str, str] = {}
    for sensor, path in one.files.items():
        if sensor not in RATES:
            continue
        table = _sensor(path, sensor, spec)
        text = fault(table, RATES[sensor])
        if not text:
            tables[sensor], text = on_grid(table, RATES[sensor]) if sensor in SIGNALS else (table, "")
        if text:
            faults[sensor] = text
            logger.warning("camargo: %s: %s", path, text)
    return tables, faults


def _sensor(path: Path, sensor: str, spec: DatasetSpec) -> pd.DataFrame:
    """Return the table of a sensor after checking its columns."""
    needed = {"emg": spec.emg, "ik": spec.angles, "ik_offset": spec.angles, "id": spec.moments, "imu": IMU}
    table = the_table(load_tables(path, dataset=spec.name), path)
    columns = tuple(needed[sensor]) if sensor in needed else ("HeelStrike",)
    check_columns(table, path, dataset=spec.name, columns=("Header", *columns))
    return table


def _signals(
    tables: Mapping[str, pd.DataFrame], person: Patient, spec: DatasetSpec, notes: dict[str, str]
) -> dict[str, Signal]:
    """Return the signal groups for which there is a table."""
    start = {sensor: float(table["Header"].iloc[0]) for sensor, table in tables.items()}
    signals = {}
    if "emg" in tables:
        signals["emg"] = cycles.emg_signal(
            tables["emg"], spec.emg, rate=RATES["emg"], t0=start["emg"], units=spec.emg_unit
        )
    for sensor, group, columns, scale in (
        ("angles", "kinematics", spec.angles, 1.0),
        ("id", "kinetics", spec.moments, 1.0 / person.body_mass),
    ):
        if sensor in tables:
            signals[group] = cycles.joint_signal(
                tables[sensor], columns, rate=RATES["ik"], t0=start[sensor], units=words.UNITS[group], scale=scale
            )
    if "imu" in tables:
        inertial = imu_signal(tables["imu"], IMU, rate=RATES["imu"], t0=start["imu"])
        size = typical_acceleration(inertial)
        if 0.7 * GRAVITY < size < 1.3 * GRAVITY:
            signals["imu"] = inertial
        else:
            notes["imu"] = f"left out: an acceleration of {size:.3g} on average is not gravity in m/s2"
    return signals


def _rows(
    tables: Mapping[str, pd.DataFrame],
    signals: Mapping[str, Signal],
    *,
    spec: DatasetSpec,
    name: str,
    side: words.Side,
    judge: StrideJudge,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of `strides` and `rejected` of one leg of a trial."""
    table = tables.get(_CYCLES[side].lower())
    if table is None:
        detail = judge(np.nan, np.nan).detail
        return [], [{"trial": name, "side": side, "stride_number": 0, "reason": "unpaired", "detail": detail}]
    times = table["Header"].to_numpy(dtype=np.float64)

    def measured(start: float, stop: float) -> cycles.Verdict:
        verdict = judge(start, stop)
        if verdict.reason or cycles.has_samples(signals, side, start, stop):
            return verdict
        return dataclasses.replace(cycles.NO_SIGNAL, labels=verdict.labels)

    groups = ("emg", "kinematics") if side == "right" else ("kinematics",)
    clocks = [signals[group].time() for group in groups if group in signals] or [times]
    return sawtooth_rows(
        table["HeelStrike"].to_numpy(dtype=np.float64),
        table["ToeOff"].to_numpy(dtype=np.float64) if "ToeOff" in table else np.empty(0),
        times,
        spec=spec,
        trial=name,
        side=side,
        span=(max(float(clock[0]) for clock in clocks), min(float(clock[-1]) for clock in clocks)),
        gap=gaps(times, RATES[_CYCLES[side].lower()]),
        judge=measured,
    )


def _knee(
    signals: Mapping[str, Signal], kept: list[dict[str, Any]], one: TrialFiles, options: Mapping[str, Any]
) -> dict[str, str]:
    """Return the notes on the knee's sign.

    Raises
    ------
    DataFormatError
        The curves of a leg surely contradict the model's convention, and the user does not state the sign.
    """
    notes, contradicted = knee_notes(signals.get("kinematics"), kept)
    path = one.files["ik" if "ik" in one.files else "ik_offset"] if "kinematics" in signals else Path()
    judge = Judge(dataset="camargo", file=path, options=options, notes=notes)
    if judge.asked("knee_sign") is None and contradicted:
        found = "; ".join(f"{side}: {notes[f'evidence.knee_sign.{side}']}" for side in contradicted)
        fields = ", ".join(f"knee_angle_{side[0]}" for side in contradicted)
        text = f"OpenSim's knee is negative in flexion, the curves here are not; as read so, {found}"
        judge.value("knee_sign", fields, Decision("negative", 0.0, text))
    return notes
