"""Camargo 2021: treadmill and ramp walking, right leg, MATLAB tables with one absolute clock per trial.

Layout `<root>/<subject>/<date>/<mode>/<sensor>/<trial>.mat`, `SubjectInfo.mat` beside the subjects. The facts come from
the distribution's README and scripts and from public readers; of the real files only `SubjectInfo.mat` was at hand.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets._camargo_conditions import make_judge, the_table
from biomech_xr.datasets._camargo_files import read_person, trial_files
from biomech_xr.datasets._sawtooth import Judge, sawtooth_rows
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, JointColumn
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.matlab import load_tables
from biomech_xr.readers.tables import check_columns, sha256
from biomech_xr.schema import Patient, Signal, Trial, rejected_table, stride_table

logger = logging.getLogger(__name__)

_HIP: Final = {f"hip_{motion}_r": ("hip", motion, 1.0) for motion in words.MOTIONS}
_JOINTS: Final = _HIP | {"knee_angle_r": ("knee", "flexion", -1.0), "ankle_angle_r": ("ankle", "flexion", 1.0)}
_RATES: Final = {"emg": 1000.0, "ik": 200.0, "id": 200.0, "gcright": 200.0}

SPEC: Final = DatasetSpec(
    name="camargo",
    title="Lower-limb biomechanics in multiple conditions of stairs, ramps, level ground and transitions",
    doi="10.1016/j.jbiomech.2021.110320",
    data_doi="10.17632/fcgm3chfff, 10.17632/k9kvm5tn3f, 10.17632/jj3r5f9pnf",
    licence="CC BY 4.0",
    citation="Camargo J, Ramanathan A, Flanagan W, Young A. J Biomech 2021; 119:110320.",
    host="Mendeley Data",
    evidence="notes",
    population="able_bodied",
    line_frequency=60.0,
    emg_state="bandpassed",
    emg_unit="mV",
    emg_rate=_RATES["emg"],
    emg_lookahead=0.16,
    upstream_filters="EMG: band-pass 20-400 Hz",
    sides=("right",),
    activities=("walk", "turn", "ramp_ascent", "ramp_descent"),
    minimum_duration=0.5,
    maximum_duration=2.5,
    people=22,
    known_defects=(
        "Moments are NaN while a foot is on the ground beside the force plates, and spike at plate edges.",
        "Ramp moments were computed twice (either foot on the middle plate) and merged: they may jump.",
    ),
    assumptions=(
        "EMG in mV.",
        "The upstream band-pass is taken as 4th order in each pass and zero-phase; emg_lookahead (0.156 s) leaves less "
        "than 1e-4 of the absolute sum of its impulse response to later samples.",
        "The smoothing of markers is not stated: kinematics_lookahead is unknown.",
        "The order in which trials were recorded is not stated: they are read by date, treadmill always before ramp, "
        "and by name.",
        "The left leg (without EMG), level ground, stairs, forces, goniometers and inertial units are not read.",
    ),
    emg={
        "gastrocmed": EmgColumn(muscle="gastrocnemius_medialis", side="right"),
        "tibialisanterior": EmgColumn(muscle="tibialis_anterior", side="right"),
        "soleus": EmgColumn(muscle="soleus", side="right"),
        "vastusmedialis": EmgColumn(muscle="vastus_medialis", side="right"),
        "vastuslateralis": EmgColumn(muscle="vastus_lateralis", side="right"),
        "rectusfemoris": EmgColumn(muscle="rectus_femoris", side="right"),
        "bicepsfemoris": EmgColumn(muscle="biceps_femoris", side="right"),
        "semitendinosus": EmgColumn(muscle="semitendinosus", side="right"),
        "gracilis": EmgColumn(muscle="gracilis", side="right"),
        "gluteusmedius": EmgColumn(muscle="gluteus_medius", side="right"),
        "rightexternaloblique": EmgColumn(muscle="external_oblique", side="right"),
    },
    angles={
        name: JointColumn(joint=joint, motion=motion, side="right", factor=sign)
        for name, (joint, motion, sign) in _JOINTS.items()
    },
    moments={
        f"{name}_moment": JointColumn(joint=joint, motion=motion, side="right", factor=sign)
        for name, (joint, motion, sign) in _JOINTS.items()
    },
)
"""OpenSim Gait2392: the knee is extension-positive, so its angle and moment are negated together; moments in N m."""

_COLUMNS: Final = {
    "emg": tuple(SPEC.emg),
    "ik": tuple(SPEC.angles),
    "id": tuple(SPEC.moments),
    "gcright": ("HeelStrike",),
}
_SIGNALS: Final = {"emg", "ik", "id"}


def patients(root: Path) -> list[str]:
    """Return the source ids (AB06, ...) of the folders below ``root``, sorted.

    Raises
    ------
    MissingInputError
        ``root`` is no folder.
    DataFormatError
        It holds no folder of a person.
    """
    return list(cycles.patient_folders(root, dataset="camargo", pattern="[Aa][Bb][0-9]*", example="AB06"))


def recordings(root: Path, patient: str) -> Iterator[Trial]:
    """Yield the treadmill and ramp trials of one person, by date, mode and name.

    EMG is (sample, side, channel) in mV at 1 kHz, kinematics (degree) and kinetics (N m/kg) are (sample, side, joint,
    motion) at 200 Hz; the trial's clock is the absolute `Header` time, on which the tables are joined.

    The activity of a ramp stride is the one that covers more than half of it in `Label`, else `activity_change`;
    `transition` is true where a transition label or another activity occurs within. A treadmill stride needs a constant
    belt speed. A trial without emg, ik or gcRight has all its cycles rejected as `unpaired`; where it has no signal at
    all, they stand under its name in `rejected` of the first trial that is yielded.

    Raises
    ------
    MissingInputError
        No such person.
    DataFormatError
        A file breaks the format, the body mass is unknown, the person has no stride at all, or an EMG channel or angle
        is NaN in every trial that has its table.
    """
    folders = cycles.patient_folders(root, dataset="camargo", pattern="[Aa][Bb][0-9]*", example="AB06")
    if patient not in folders:
        raise MissingInputError(f"camargo: {root}: no folder {patient}. Known: {', '.join(folders)}.")
    person, info = read_person(root, patient)
    dates = [path for path in sorted(folders[patient].iterdir()) if path.is_dir() and path.name.lower() != "osimxml"]
    watch = cycles.Watch(dataset="camargo", folder=folders[patient])
    listed = [
        (date, mode, name if len(dates) == 1 else f"{date.name}_{name}", files)
        for date in dates
        for mode, name, files in trial_files(date)
    ]
    lost: list[Trial] = []
    for date, mode, name, files in sorted(listed, key=lambda one: bool(_SIGNALS & set(one[3]))):
        trial, silent = _trial(
            files,
            person=person,
            mode=mode,
            name=name,
            session=date.name,
            sources=(*((cycles.relative(path, root), sha256(path)) for path in files.values()), info),
        )
        watch.saw(trial, silent)
        if trial.signals:
            yield _with_lost(trial, lost)
            lost = []
        else:
            logger.warning("camargo: %s: trial %s has neither emg nor ik nor id", date / mode, name)
            lost.append(trial)
    watch.finish()


def _with_lost(trial: Trial, lost: Sequence[Trial]) -> Trial:
    """Return a trial that also carries the candidates of trials without any signal, which no recording can hold."""
    if not lost:
        return trial
    rejected = pd.concat([one.rejected for one in (trial, *lost) if len(one.rejected)], ignore_index=True)
    files = "; ".join(f"{one.trial} ({', '.join(name for name, _ in one.sources[:-1])})" for one in lost)
    notes = {**trial.notes, "trials_without_signals": f"their cycles stand in `rejected` here: {files}"}
    return dataclasses.replace(trial, rejected=rejected, notes=notes)


def _trial(
    files: Mapping[str, Path],
    *,
    person: Patient,
    mode: str,
    name: str,
    session: str,
    sources: tuple[tuple[str, str], ...],
) -> tuple[Trial, dict[str, dict[str, str]]]:
    """Return one trial and the columns without a number of its EMG and angles, where it has them."""
    tables = {sensor: _sensor(path, sensor) for sensor, path in files.items() if sensor in _RATES}
    signals = _signals(tables, person)
    notes: dict[str, str] = {}
    missing = [sensor for sensor in ("emg", "ik", "gcRight") if sensor.lower() not in tables]
    if missing:
        verdict = cycles.Verdict(reason="unpaired", detail=f"no {' and no '.join(missing)} file")
        judge: Judge = lambda _start, _stop: verdict  # noqa: E731
    else:
        judge = make_judge(mode, files.get("conditions"), name=name, notes=notes)
    kept, rejected = _rows(tables, signals, name=name, judge=judge)
    trial = Trial(
        patient=person,
        trial=name,
        task=mode,
        session=session,
        signals=signals,
        strides=stride_table(kept),
        rejected=rejected_table(rejected),
        sources=sources,
        emg_state=SPEC.emg_state,
        emg_lookahead=SPEC.emg_lookahead,
        notes=notes,
    )
    silent = {"emg": cycles.silent(tables["emg"], SPEC.emg)} if "emg" in tables else {}
    if "ik" in tables:
        silent["ik"] = cycles.silent(tables["ik"], SPEC.angles)
    return trial, silent


def _sensor(path: Path, sensor: str) -> pd.DataFrame:
    """Return the table of a sensor after checking its columns and that its clock is uniform at the nominal rate."""
    table = the_table(load_tables(path, dataset="camargo"), path)
    check_columns(table, path, dataset="camargo", columns=("Header", *_COLUMNS[sensor]))
    rate = _RATES[sensor]
    header = table["Header"].to_numpy(dtype=np.float64)
    if header.size < 2:
        raise _bad(path, "Header", f"{header.size} row(s)", "a recording", "Download the file again, or remove it")
    drift = np.abs(header - header[0] - np.arange(header.size) / rate)
    if not (drift < 0.5 / rate).all():
        row = int(np.argmin(drift < 0.5 / rate))
        found = f"{header[row]:.4f} s in row {row + 1}"
        expected = f"{header[0] + row / rate:.4f} s: rows at {rate:g} Hz without gaps"
        raise _bad(path, "Header", found, expected, "Export the trial again, or remove its files")
    return table


def _signals(tables: Mapping[str, pd.DataFrame], person: Patient) -> dict[str, Signal]:
    """Return the signal groups for which there is a table."""
    start = {sensor: float(table["Header"].iloc[0]) for sensor, table in tables.items()}
    signals = {}
    if "emg" in tables:
        signals["emg"] = cycles.emg_signal(
            tables["emg"], SPEC.emg, rate=_RATES["emg"], t0=start["emg"], units=SPEC.emg_unit
        )
    for sensor, group, columns, scale in (
        ("ik", "kinematics", SPEC.angles, 1.0),
        ("id", "kinetics", SPEC.moments, 1.0 / person.body_mass),
    ):
        if sensor in tables:
            signals[group] = cycles.joint_signal(
                tables[sensor], columns, rate=_RATES[sensor], t0=start[sensor], units=words.UNITS[group], scale=scale
            )
    return signals


def _rows(
    tables: Mapping[str, pd.DataFrame], signals: Mapping[str, Signal], *, name: str, judge: Judge
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of `strides` and `rejected` of a trial's right leg."""
    if "gcright" not in tables:
        detail = judge(np.nan, np.nan).detail
        return [], [{"trial": name, "side": "right", "stride_number": 0, "reason": "unpaired", "detail": detail}]
    table = tables["gcright"]
    times = table["Header"].to_numpy(dtype=np.float64)

    def measured(start: float, stop: float) -> cycles.Verdict:
        verdict = judge(start, stop)
        if verdict.reason or cycles.has_samples(signals, "right", start, stop):
            return verdict
        return dataclasses.replace(cycles.NO_SIGNAL, labels=verdict.labels)

    clocks = [signals[group].time() for group in ("emg", "kinematics") if group in signals] or [times]
    return sawtooth_rows(
        table["HeelStrike"].to_numpy(dtype=np.float64),
        table["ToeOff"].to_numpy(dtype=np.float64) if "ToeOff" in table else np.empty(0),
        times,
        spec=SPEC,
        trial=name,
        side="right",
        span=(max(float(clock[0]) for clock in clocks), min(float(clock[-1]) for clock in clocks)),
        judge=measured,
    )


def _bad(path: Path, field: str, found: str, expected: str, action: str) -> DataFormatError:
    return DataFormatError.of(dataset="camargo", file=path, field=field, found=found, expected=expected, action=action)
