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
from biomech_xr.datasets.camargo.conditions import make_judge, the_table
from biomech_xr.datasets.camargo.sawtooth import Judge, sawtooth_rows
from biomech_xr.datasets.inertial import GRAVITY, imu_columns, imu_signal, typical_acceleration
from biomech_xr.datasets.knee import knee_notes
from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.errors import DataFormatError
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
    one: TrialFiles, person: Patient, spec: DatasetSpec, *, angles: str, sources: tuple[tuple[str, str], ...]
) -> tuple[Trial, dict[str, dict[str, str]]]:
    """Return one trial and the columns without a number of its EMG and angles, where it has them.

    ``angles`` is the sensor that the kinematics come from, `ik` or `ik_offset`. A static trial has no candidates.
    """
    tables = {sensor: _sensor(path, sensor, spec) for sensor, path in one.files.items() if sensor in RATES}
    if angles in tables:
        tables["angles"] = tables.pop(angles)
    notes: dict[str, str] = {"angles": f"{angles}{'' if angles == 'ik' else ': relative to the static pose'}"}
    signals = _signals(tables, person, spec, notes)
    kept: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    if one.mode == "static":
        notes["posture"] = "stand: a static trial has no strides"
    else:
        complete = make_judge(one.mode, one.files.get("conditions"), name=one.name, notes=notes)
        for side in words.SIDES:
            judge = _missing(tables, side, angles) or complete
            rows = _rows(tables, signals, spec=spec, name=one.name, side=side, judge=judge)
            kept += rows[0]
            rejected += rows[1]
    notes |= _knee(signals, kept, one)
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


def _missing(tables: Mapping[str, pd.DataFrame], side: words.Side, angles: str) -> Judge | None:
    """Return what judges the candidates of a leg that lacks a table it needs; only the right leg has EMG."""
    needed = {"emg": "emg"} if side == "right" else {}
    needed |= {"angles": angles, _CYCLES[side].lower(): _CYCLES[side]}
    missing = [word for sensor, word in needed.items() if sensor not in tables]
    if not missing:
        return None
    detail = f"no {' and no '.join(missing)} file"
    return lambda _start, _stop: cycles.Verdict(reason="unpaired", detail=detail)


def _sensor(path: Path, sensor: str, spec: DatasetSpec) -> pd.DataFrame:
    """Return the table of a sensor after checking its columns and that its clock is uniform at the nominal rate."""
    needed = {"emg": spec.emg, "ik": spec.angles, "ik_offset": spec.angles, "id": spec.moments, "imu": IMU}
    table = the_table(load_tables(path, dataset=spec.name), path)
    columns = tuple(needed[sensor]) if sensor in needed else ("HeelStrike",)
    check_columns(table, path, dataset=spec.name, columns=("Header", *columns))
    rate = RATES[sensor]
    header = table["Header"].to_numpy(dtype=np.float64)
    if header.size < 2:
        raise _bad(path, f"{header.size} row(s)", "a recording", "Download the file again, or remove it")
    drift = np.abs(header - header[0] - np.arange(header.size) / rate)
    if not (drift < 0.5 / rate).all():
        row = int(np.argmin(drift < 0.5 / rate))
        found = f"{header[row]:.4f} s in row {row + 1}"
        expected = f"{header[0] + row / rate:.4f} s: rows at {rate:g} Hz without gaps"
        raise _bad(path, found, expected, "Export the trial again, or remove its files")
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
    judge: Judge,
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
        judge=measured,
    )


def _knee(signals: Mapping[str, Signal], kept: list[dict[str, Any]], one: TrialFiles) -> dict[str, str]:
    """Return the notes on the knee's sign; warn where the curves contradict the model's stated convention."""
    notes, contradicted = knee_notes(signals.get("kinematics"), kept)
    if contradicted:
        notes["knee_sign"] = f"doubtful: {', '.join(contradicted)} not as OpenSim's knee, negative in flexion"
        logger.warning("camargo: %s: %s", one.files["ik" if "ik" in one.files else "ik_offset"], notes["knee_sign"])
    return notes


def _bad(path: Path, found: str, expected: str, action: str) -> DataFormatError:
    return DataFormatError.of(
        dataset="camargo", file=path, field="Header", found=found, expected=expected, action=action
    )
