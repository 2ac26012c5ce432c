"""Moghadam's tree: people, trials by stem, EMG by name or stated order, inertial units, OpenSim tables, workbook."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from biomech_xr.datasets import cycles
from biomech_xr.datasets.spec import EmgColumn, JointColumn
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.opensim import read_mot
from biomech_xr.readers.tables import read_sheet, sha256
from biomech_xr.readers.text import read_text
from biomech_xr.schema import Patient, Signal

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]

STREAMS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "emg": ("EMG", (".csv",)),
    "imu": ("IMU", (".csv",)),
    "kinematics": ("Joints_Kinematics", (".mot", ".sto")),
    "kinetics": ("Joints_Kinetics", (".sto", ".mot")),
}
"""Folder and endings of each stream, the usual one first; files of one trial have the same stem."""

_WORKBOOK: Final = "Study Summary.xlsx"
_FEWEST_NAMES: Final = 8
_IMU_NAME: Final = re.compile(r"([A-Za-z0-9]+)_([A-Za-z]+\.[xyz])", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Columns of one stream on a uniform clock: first time in s, rate in Hz, values of shape (row,)."""

    t0: float
    rate: float
    rows: int
    columns: Mapping[str, FloatArray]
    note: str = ""

    @property
    def time(self) -> FloatArray:
        """Return the time of every row, s."""
        return self.t0 + np.arange(self.rows) / self.rate


def people(root: Path) -> dict[str, Path]:
    """Return the folder of every person by id (P1, ...): in ``root``, or in `Gait_Time_Series` up to 3 levels below.

    Raises
    ------
    MissingInputError
        ``root`` is no folder.
    DataFormatError
        There is no folder of a person.
    """
    if not root.is_dir():
        raise MissingInputError(f"moghadam: {root}: no such folder. Give the folder that holds Gait_Time_Series.")
    for level in (
        root,
        root / "Gait_Time_Series",
        *sorted(root.glob("*/Gait_Time_Series")),
        *sorted(root.glob("*/*/Gait_Time_Series")),
    ):
        matches = [(re.fullmatch(r"P(\d+)Data", p.name, re.IGNORECASE), p) for p in _entries(level) if p.is_dir()]
        found = {int(match[1]): path for match, path in matches if match}
        if found:
            return {f"P{number}": found[number] for number in sorted(found)}
    names = ", ".join(path.name for path in _entries(root)[:5]) or "nothing"
    raise bad(root, "", names, "one folder a person, for example P1Data", "Give the folder that holds Gait_Time_Series")


def trials(folder: Path) -> dict[str, dict[str, Path]]:
    """Return the files of every trial of a person, stem to stream to path, in the order of their numbers."""
    found: dict[str, dict[str, Path]] = {}
    folders = {path.name.lower(): path for path in _entries(folder) if path.is_dir()}
    for stream, (name, endings) in STREAMS.items():
        for path in _entries(folders[name.lower()]) if name.lower() in folders else []:
            if path.suffix.lower() not in endings or path.name.startswith("."):
                logger.warning("moghadam: %s: not a %s file of a trial, not read", path, endings[0])
                continue
            other = found.setdefault(path.stem.strip(), {}).setdefault(stream, path)
            if other != path:
                raise bad(path, "file name", f"the same trial as {other.name}", "one file a trial", "Remove the copy")
    if not found:
        names = ", ".join(f"{name}/1{endings[0]}" for name, endings in STREAMS.values())
        raise MissingInputError(f"moghadam: {folder}: no file like {names}. Complete the download.")
    return dict(sorted(found.items(), key=lambda item: (len(item[0]), item[0])))


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def read_emg(path: Path, columns: Mapping[str, EmgColumn]) -> Table:
    """Return the EMG of a trial, by name where the header has names, else by the stated order (see `note`).

    A muscle without a column is all NaN.

    Raises
    ------
    DataFormatError
        No time, a few known names among unknown ones, or without names another number of columns than 17.
    """
    table = read_text(path, dataset="moghadam")
    names = {str(name).strip().lower(): name for name in table.columns}
    known = [name for name in columns if name.lower() in names]
    rest = sorted(set(names) - {name.lower() for name in known} - {"time"})
    if len(known) >= _FEWEST_NAMES:
        missing = [name for name in columns if name not in known]
        if missing and rest:
            found = f"no column of that name, but {', '.join(rest)}"
            raise bad(path, missing[0], found, "the muscles' own names", "Restore or rename the column")
        values = {name: table[names[name.lower()]].to_numpy(np.float64) for name in known}
        values |= {name: np.full(len(table), np.nan) for name in missing}
        said = f"by name; without {', '.join(missing)}" if missing else "by name"
        return _uniform(path, _time(path, table, names), {name: values[name] for name in columns}, said)
    if known:
        expected = f"at least {_FEWEST_NAMES} names of muscles, or none"
        raise bad(path, "header", f"only {', '.join(known)}", expected, "Restore the header row")
    if table.shape[1] != len(columns) + 1:
        found, expected = f"{table.shape[1]} columns without names", f"{len(columns) + 1}: time, 8 right, 8 left"
        raise bad(path, "header", found, expected, "Restore the header row")
    ordered = {name: table.iloc[:, k].to_numpy(np.float64) for k, name in enumerate(columns, start=1)}
    note = "no names in the header: time, 8 right and 8 left channels in the stated order"
    return _uniform(path, table.iloc[:, 0].to_numpy(np.float64), ordered, note)


def read_imu(path: Path) -> tuple[Signal | None, str]:
    """Return the inertial units, dims (sample, segment, channel), at the rate of their own time column, and a note.

    Columns are named segment_sensor.axis (`RF_accel.y`: right foot); others are named in the note and not read.
    """
    table = read_text(path, dataset="moghadam")
    names = {str(name).strip().lower(): name for name in table.columns}
    found = {name: match for name in table.columns if (match := _IMU_NAME.fullmatch(str(name).strip()))}
    other = sorted(str(name) for name in table.columns if name not in found and str(name).strip().lower() != "time")
    note = f"not read: {', '.join(other)}" if other else "all columns read"
    if not found:
        return None, note
    clock = _uniform(path, _time(path, table, names), {}, "")
    segments = sorted({match[1] for match in found.values()})
    channels = sorted({match[2] for match in found.values()})
    values = np.full((len(table), len(segments), len(channels)), np.nan, dtype=np.float32)
    for name, match in found.items():
        values[:, segments.index(match[1]), channels.index(match[2])] = cycles.measured(table[name])
    array = xr.DataArray(
        values,
        dims=("sample", "segment", "channel"),
        coords={"segment": segments, "channel": channels},
        attrs={"units": "unknown"},
    )
    return Signal(kind="continuous", values=array, sampling_frequency=clock.rate, t0=clock.t0), note


def read_joints(path: Path, columns: Mapping[str, JointColumn], *, angles: bool) -> Table:
    """Return columns of a .mot or .sto file; angles in degrees whatever the header's ``inDegrees`` says.

    Raises
    ------
    DataFormatError
        Not such a file, a column missing, or angles whose header does not say their unit.
    """
    table = read_mot(path, dataset="moghadam")
    missing = [name for name in columns if name not in table.columns]
    if missing:
        found = f"no such column; it has {', '.join(table.columns[:8])}"
        raise bad(path, missing[0], found, "the coordinate's own name", "Restore or rename the column")
    stated = table.header.get("inDegrees", "").lower()
    if angles and stated not in ("yes", "no"):
        raise bad(path, "inDegrees", repr(stated), "yes or no in the header", "Restore the header")
    scale = 180 / np.pi if angles and stated == "no" else 1.0
    values = {name: table.column(name) * scale for name in columns}
    return _uniform(path, table.time, values, "radians" if scale != 1 else "")


def _time(path: Path, table: pd.DataFrame, names: Mapping[str, Any]) -> FloatArray:
    if "time" not in names:
        found = f"the columns {', '.join(map(str, list(table.columns)[:6]))}"
        raise bad(path, "time", found, "a column time or Time", "Restore the column")
    return np.asarray(table[names["time"]], dtype=np.float64)


def _uniform(path: Path, time: FloatArray, columns: Mapping[str, FloatArray], note: str) -> Table:
    """Return a table after checking that its clock runs evenly; the rate is that of the time column."""
    rows = time.size
    if rows < 3 or not np.isfinite(time).all() or not time[-1] > time[0]:
        raise bad(path, "time", f"{rows} rows, {np.isfinite(time).sum()} of them with a time", "times", _AGAIN)
    rate = (rows - 1) / (time[-1] - time[0])
    drift = np.abs((time - time[0]) * rate - np.arange(rows))
    if drift.max() > 0.5:
        row = int(np.argmax(drift > 0.5)) + 1
        found = f"data row {row} is {drift[row - 1]:.1f} rows off an even clock"
        raise bad(path, "time", found, "one step from row to row", _AGAIN)
    near = round(rate * 2) / 2
    exact = near if near > 0 and abs(near - rate) * rows / rate < 0.5 else rate
    return Table(t0=float(time[0]), rate=float(exact), rows=rows, columns=columns, note=note)


_AGAIN: Final = "Download the file again"


def read_person(folder: Path, root: Path, patient: str) -> tuple[Patient, tuple[tuple[str, str], ...]]:
    """Return the person and, where it lies beside the folder of people or in it, the workbook as a source.

    Raises
    ------
    DataFormatError
        The workbook lacks a column, or holds a mass or height that no adult has.
    """
    person = Patient(dataset="moghadam", source_patient=patient)
    places = [level / _WORKBOOK for level in (folder.parent.parent, folder.parent) if level.is_relative_to(root)]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return person, ()
    sheet = read_sheet(path, dataset="moghadam", sheet="Sheet1", header_rows=2)
    sources = ((cycles.relative(path, root), sha256(path)),)
    columns = {tuple(str(part).strip().lower() for part in pair): pair for pair in sheet.columns}
    wanted = {"key": ("id", "ws-key"), "mass": ("participant info", "weight (kg)"),
              "height": ("participant info", "height (cm)")}  # fmt: skip
    for pair in wanted.values():
        if pair not in columns:
            found = f"the columns {', '.join(' / '.join(names) for names in columns)}"
            raise bad(path, " / ".join(pair), found, "a column of that name", "Restore the header rows")
    rows = sheet[sheet[columns[wanted["key"]]].astype(str).str.strip().str.upper() == patient]
    if rows.empty:
        logger.warning("moghadam: %s: no row of %s, mass and height unknown", path, patient)
        return person, sources
    cells = {name: rows[columns[wanted[name]]].iloc[0] for name in ("mass", "height")}
    mass = _number(path, wanted["mass"], cells["mass"], patient, low=30.0, high=200.0)
    height = _number(path, wanted["height"], cells["height"], patient, low=120.0, high=230.0)
    return Patient(dataset="moghadam", source_patient=patient, body_mass=mass, height=height / 100), sources


def _number(path: Path, pair: tuple[str, str], cell: object, patient: str, *, low: float, high: float) -> float:
    if cell in ("", None):
        return float("nan")
    number = float(pd.to_numeric(pd.Series([cell]), errors="coerce").iloc[0])
    if not low <= number <= high:
        raise bad(path, " / ".join(pair), f"{cell!r} for {patient}", f"{low:g} to {high:g}", "Correct the cell")
    return number


def bad(path: Path, field: str, found: str, expected: str, action: str) -> DataFormatError:
    """Return the error about one of this source's files."""
    return DataFormatError.of(dataset="moghadam", file=path, field=field, found=found, expected=expected, action=action)
