"""Look into a lab's own files: what each holds, in one form whatever its format."""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from biomech_xr.datasets.lab.draft.times import SLOWEST_EVENT, clock_of, time_unit, timing
from biomech_xr.datasets.lab.mapping import FORMATS as ROLE_FORMATS
from biomech_xr.errors import BiomechXRError, DataFormatError, MissingInputError
from biomech_xr.readers.c3d import read_c3d
from biomech_xr.readers.opensim import read_mot, read_trc
from biomech_xr.readers.tables import check_size
from biomech_xr.readers.text import read_text

FloatArray = npt.NDArray[np.float64]
Format = Literal["c3d", "storage", "trc", "csv"]

_OWN: Final[Mapping[str, Format]] = {".c3d": "c3d", ".mot": "storage", ".sto": "storage", ".trc": "trc"}

FORMATS: Final[Mapping[str, Format]] = {
    **_OWN,
    **{ending: "csv" for endings in ROLE_FORMATS.values() for ending in endings if ending not in _OWN},
}
"""How a file of an ending is looked into: every ending that the mapping takes."""

_NUMBER: Final = re.compile(r"[+-]?[\d.]*(e[+-]?\d+)?|[+-]?(nan|inf)", re.IGNORECASE)
_LONGEST_LINE: Final = 1 << 16
_FIRST_LINES: Final = 50
_MOST_BYTES: Final = 2**29
"""Samples of all files that are kept to be asked; 512 MiB."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What one file holds.

    `columns` are the analog channels of a C3D file or the columns of a table (`column_rate` in Hz, 0 where a table has
    no time column), `points` the markers and model outputs (frame, 3) at `rate`. `start` is the time of the first
    sample on the file's own clock, s; `clock` the table's time column, `time_unit` its unit: `s`, `ms`, or empty where
    the steps are implausible in seconds and no unit is named (then taken for ms); `texts` the columns of a table that
    hold words; `subject` what a C3D file calls its subject.
    """

    path: Path
    format: Format
    rate: float = 0.0
    start: float = 0.0
    seconds: float = 0.0
    columns: Mapping[str, FloatArray] = field(default_factory=dict)
    column_rate: float = 0.0
    column_units: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)
    channel_sides: Mapping[str, str] = field(default_factory=dict)
    points: Mapping[str, FloatArray] = field(default_factory=dict)
    point_unit: str = ""
    subject: str = ""
    plates: int = 0
    plate_channels: frozenset[str] = frozenset()
    events: tuple[tuple[str, str, float], ...] = ()
    in_degrees: bool | None = None
    clock: str = ""
    delimiter: str = ","
    decimal: str = "."
    texts: tuple[str, ...] = ()
    time_unit: str = "s"
    uneven: bool = False
    cut: bool = False


def collect(paths: Sequence[Path]) -> list[Path]:
    """Return the files to look into, sorted: those named, and those of known formats below the folders named.

    Raises
    ------
    MissingInputError
        A path does not exist, or a folder holds no file of a known format.
    DataFormatError
        A file that was named has an unknown format.
    """
    files: set[Path] = set()
    for path in paths:
        if path.is_dir():
            below = [file for file in path.rglob("*") if file.suffix.lower() in FORMATS and file.is_file()]
            if not below:
                raise MissingInputError(f"new-dataset: {path}: found no file that ends in {', '.join(FORMATS)}.")
            files.update(file for file in below if not any(part.startswith(".") for part in file.parts))
        elif not path.is_file():
            raise MissingInputError(f"new-dataset: {path}: no such file or folder. Correct the path.")
        elif path.suffix.lower() not in FORMATS:
            raise DataFormatError.of(
                dataset="new-dataset",
                file=path,
                found=f"a name that ends in {path.suffix or 'nothing'}",
                expected=", ".join(FORMATS),
                action="Export the file in one of these formats",
            )
        else:
            files.add(path)
    return sorted(files)


def inspect(files: Iterable[Path]) -> tuple[list[Seen], list[str]]:
    """Return what the files hold, and a line for each that could not be read.

    Once the samples kept take `_MOST_BYTES`, later files keep their labels and the extremes of each column alone.
    """
    seen: list[Seen] = []
    refused: list[str] = []
    kept = 0
    for path in files:
        try:
            found = _READERS[FORMATS[path.suffix.lower()]](path)
        except BiomechXRError as error:
            refused.append(str(error).removeprefix("new-dataset: "))
            continue
        kept += sum(values.nbytes for values in (*found.columns.values(), *found.points.values()))
        seen.append(found if kept <= _MOST_BYTES else _extremes(found))
    return seen, refused


def _extremes(seen: Seen) -> Seen:
    """Return a file whose columns hold their least and largest value, and whose markers hold two frames."""
    columns = {label: np.array([values.min(), values.max()]) for label, values in _filled(seen.columns).items()}
    points = {label: values[:2].copy() for label, values in seen.points.items()}
    return dataclasses.replace(seen, columns=columns, points=points)


def _filled(columns: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    return {label: np.nan_to_num(values) for label, values in columns.items() if values.size}


def _c3d(path: Path) -> Seen:
    content = read_c3d(path, dataset="new-dataset")
    groups = content.parameters
    labels = list(content.analogs)
    plates = groups.get("FORCE_PLATFORM", {})
    channels = [int(number) for number in _flat(plates.get("CHANNEL")) if isinstance(number, int | float)]
    used = [int(number) for number in _flat(plates.get("USED")) if isinstance(number, int | float)]
    sides = [str(side).strip().upper()[:1] for side in _flat(groups.get("EMG", {}).get("SIDE"))]
    units = [str(unit).strip() for unit in _flat(groups.get("POINT", {}).get("UNITS"))]
    return Seen(
        path=path,
        format="c3d",
        rate=content.point_rate,
        start=content.first_frame / content.point_rate if content.point_rate else 0.0,
        seconds=content.frames / content.point_rate if content.point_rate else 0.0,
        columns={label: values.astype(np.float64) for label, values in content.analogs.items()},
        column_rate=content.analog_rate,
        column_units=content.analog_units,
        descriptions=content.analog_descriptions,
        channel_sides={
            label: {"L": "left", "R": "right"}[side]
            for label, side in zip(labels, sides, strict=False)
            if side in ("L", "R")
        },
        points={label: values.astype(np.float64) for label, values in content.points.items()},
        point_unit=units[0] if units else "",
        subject="+".join(name for name in map(str, _flat(groups.get("SUBJECTS", {}).get("NAMES"))) if name.strip()),
        plates=max(used[0], 0) if used else 0,
        plate_channels=frozenset(labels[number - 1] for number in channels if 0 < number <= len(labels)),
        events=content.events,
        cut=content.announced_frames > content.frames,
    )


def _flat(value: Any) -> list[Any]:
    """Return the entries of a parameter, however its lists are nested."""
    if isinstance(value, list | tuple):
        return [entry for part in value for entry in _flat(part)]
    return [] if value is None else [value]


def _storage(path: Path) -> Seen:
    table = read_mot(path, dataset="new-dataset")
    return Seen(
        path=path,
        format="storage",
        columns={label: table.values[:, k] for k, label in enumerate(table.columns)},
        in_degrees=table.in_degrees if "inDegrees" in table.header else None,
        clock="time",
        **timing(table.time),
    )


def _trc(path: Path) -> Seen:
    table = read_trc(path, dataset="new-dataset")
    return Seen(
        path=path,
        format="trc",
        rate=table.rate,
        start=float(table.time[0]),
        seconds=len(table.time) / table.rate,
        points={label: table.values[:, k] for k, label in enumerate(table.markers)},
        point_unit=table.units,
    )


def _csv(path: Path) -> Seen:
    delimiter, decimal, rows = _sniff(path)
    named = [cell.strip() for cell in rows[0]]
    texts = tuple(
        name
        for name, cells in zip(named, zip(*rows[1:], strict=False), strict=False)
        if any(not _is_number(cell, decimal) for cell in cells)
    )
    clock = clock_of(named)
    if texts:
        return Seen(
            path=path,
            format="csv",
            delimiter=delimiter,
            decimal=decimal,
            clock=clock,
            texts=texts,
            time_unit=time_unit(clock, _times(rows, named, clock, decimal), SLOWEST_EVENT),
        )
    table = read_text(path, dataset="new-dataset")
    if all(isinstance(name, int) for name in table.columns):
        raise DataFormatError.of(
            dataset="new-dataset",
            file=path,
            field="header",
            found="numbers in the first row",
            expected="one row of column names",
            action="Add a row of names",
        )
    table = table.set_axis([str(name) for name in table.columns], axis="columns")
    time = table[clock].to_numpy(dtype=np.float64) if clock else np.empty(0)
    unit = time_unit(clock, time)
    spacing = timing(time if unit == "s" else time / 1000) if clock else {}
    return Seen(
        path=path,
        format="csv",
        columns={name: table[name].to_numpy(dtype=np.float64) for name in table.columns if name != clock},
        clock=clock,
        delimiter=delimiter,
        decimal=decimal,
        time_unit=unit,
        **spacing,
    )


def _sniff(path: Path) -> tuple[str, str, list[list[str]]]:
    """Return delimiter, decimal mark and the first rows of a text table, the header first."""
    check_size(path, "new-dataset")
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        lines = [line for line in (stream.readline(_LONGEST_LINE) for _ in range(_FIRST_LINES)) if line.strip()]
    first = lines[0] if lines else ""
    delimiter = max("\t;,", key=first.count) if any(mark in first for mark in "\t;,") else ","
    try:
        rows = list(csv.reader(lines, delimiter=delimiter)) or [[]]
    except csv.Error as error:
        raise DataFormatError.of(
            dataset="new-dataset",
            file=path,
            found=f"no readable table ({error})",
            expected="one row of column names, then rows of equal length",
            action="Export the file again",
        ) from error
    decimal = "," if delimiter != "," and any(re.search(r"\d,\d", cell) for row in rows[1:] for cell in row) else "."
    return delimiter, decimal, rows


def _times(rows: Sequence[Sequence[str]], named: Sequence[str], clock: str, decimal: str) -> FloatArray:
    """Return the times of the first rows of a table with words."""
    place = named.index(clock) if clock else len(named)
    cells = [row[place].strip().replace(decimal, ".") for row in rows[1:] if place < len(row)]
    return np.sort([float(cell) for cell in cells if re.fullmatch(r"[+-]?\d+(\.\d*)?", cell)])


def _is_number(cell: str, decimal: str) -> bool:
    return _NUMBER.fullmatch(cell.strip().replace(decimal, ".")) is not None


_READERS: Final = {"c3d": _c3d, "storage": _storage, "trc": _trc, "csv": _csv}
