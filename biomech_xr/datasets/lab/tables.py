"""Reads the CSV files of a trial: columns of one clock, and tables of events."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr.datasets.lab.answers import Csv
from biomech_xr.datasets.lab.event_mapping import EventTable
from biomech_xr.errors import DataFormatError
from biomech_xr.readers.tables import read_csv

FloatArray = npt.NDArray[np.float64]

CONTACTS: Final = frozenset({"footstrike", "heelstrike", "initialcontact", "contact", "strike"})
OFFS: Final = frozenset({"footoff", "toeoff", "off"})
"""Names of the gait events, without case, spaces and signs."""

_SECONDS: Final = {"s": 1.0, "ms": 1e-3}
_FEWEST_ROWS: Final = 3
_JITTER: Final = 0.25
"""Largest share of a sample by which a row may lie off a regular grid."""
_SLOWEST: Final = 10.0
_FASTEST: Final = 1e5
"""Rates in Hz below which times in s are ms, and above which times in ms are s."""
_SOME: Final = 4
_WRITTEN: Final = {"\t": "\\t"}
_LONGEST_STEP: Final = 30.0
"""Median of the time between events (s, of at least so many) above which they are in ms."""
_LONGEST_LINE: Final = 100_000
_EVEN: Final = 0.1
"""Largest share of a sample by which rows may lie off the grid of a rate in whole Hz, for that rate to be taken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventRow:
    """One event of a table: `side` and `kind` as canonical words, empty where they are not known; `time` in s."""

    side: str
    kind: str
    time: float
    found: str


def kind_of(text: str) -> str:
    """Return `contact` or `foot_off` of an event's name, whatever its case and spacing, or nothing."""
    plain = re.sub("[^a-z]", "", text.lower())
    return "contact" if plain in CONTACTS else "foot_off" if plain in OFFS else ""


def regular(time: FloatArray, path: Path, *, dataset: str) -> float:
    """Return the rate (Hz) of a time column, s; times that are rounded to some decimals are allowed for.

    Raises
    ------
    DataFormatError
        Fewer than three rows, a time that is not finite or does not increase, or rows that are not evenly spaced.
    """
    if time.size < _FEWEST_ROWS or not np.isfinite(time).all() or np.any(np.diff(time) <= 0):
        found = f"{time.size} rows" if time.size < _FEWEST_ROWS else "times that are empty or do not increase"
        raise _bad(path, dataset, "time", found, "at least three increasing times")
    rate = (time.size - 1) / float(time[-1] - time[0])
    whole = float(round(rate))
    if whole > 0 and abs(whole - rate) < 0.01 * rate and _off_grid(time, whole) <= _EVEN:
        return whole
    off = _off_grid(time, rate)
    if off > _JITTER:
        row = int(np.argmax(np.abs(time - time[0] - np.arange(time.size) / rate))) + 1
        found = f"rows up to {off:.1f} samples off the mean rate of {rate:.6g} Hz (row {row})"
        raise _bad(path, dataset, "time", found, "evenly spaced rows without gaps")
    return rate


def _off_grid(time: FloatArray, rate: float) -> float:
    """Return by how many samples a row lies off a grid of that rate at most."""
    return float(np.abs((time - time[0]) * rate - np.arange(time.size)).max())


def read_columns(
    path: Path, labels: Sequence[str], csv: Csv, *, dataset: str
) -> tuple[float, float, Mapping[str, FloatArray]]:
    """Return rate (Hz), first time (s) and the columns, label -> (row,), of a CSV file.

    Labels that the file lacks are left out; the time column must be there.

    Raises
    ------
    DataFormatError, MissingInputError
        No such file, no table, no time column, text where numbers are expected, rows that are not evenly spaced.
    """
    time = [csv.time_column] if csv.time_column else []
    wanted = [label for label in dict.fromkeys(labels) if label not in time]
    table = _read(path, csv, dataset=dataset, columns=time, optional=wanted)
    values = {name: table[name].to_numpy(np.float64) for name in table.columns if name not in time}
    if csv.rate is not None and csv.start is not None:
        return csv.rate, csv.start, values
    stamps = table[csv.time_column].to_numpy(np.float64) * _SECONDS[csv.time_unit]
    rate = regular(stamps, path, dataset=dataset)
    other = (
        "ms" if csv.time_unit == "s" and rate < _SLOWEST else "s" if csv.time_unit == "ms" and rate > _FASTEST else ""
    )
    if other:
        found = f"{rate:g} Hz when its times are in {csv.time_unit}"
        raise _bad(path, dataset, "time", found, "a rate of a recording", f"State csv.time_unit: {other}")
    return rate, float(stamps[0]), values


def header(path: Path, csv: Csv) -> list[str]:
    """Return the names of all columns of a CSV file, for messages."""
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        return [name.strip().strip('"') for name in lines.readline(_LONGEST_LINE).split(csv.delimiter)]


def read_events(path: Path, table: EventTable, *, dataset: str) -> tuple[EventRow, ...]:
    """Return the events of a CSV file in the order of time; words that are not known give an empty side or kind.

    Raises
    ------
    DataFormatError, MissingInputError
        No such file, no table, a column missing, or a time that is not a number.
    """
    column = table.csv.time_column
    names = dict.fromkeys([table.side, table.kind])
    rows = _read(path, table.csv, dataset=dataset, columns=[*names, column], text=tuple(names))
    times = rows[column].to_numpy(np.float64) * _SECONDS[table.csv.time_unit]
    empty = np.flatnonzero(~np.isfinite(times))
    if empty.size:
        row = f"data row {int(empty[0]) + 1}"
        raise _bad(
            path, dataset, column, f"an empty time in {row}", "a time in every row", "Fill it in, or delete the row"
        )
    if table.csv.time_unit == "s" and times.size >= _SOME and np.median(np.diff(np.sort(times))) > _LONGEST_STEP:
        found = f"events {np.median(np.diff(np.sort(times))):.0f} s apart"
        raise _bad(path, dataset, column, found, "times of steps in s", "State events.table.csv.time_unit: ms")
    events = [
        _event(str(side).strip(), str(kind).strip(), float(time), table)
        for side, kind, time in zip(rows[table.side], rows[table.kind], times, strict=True)
    ]
    return tuple(sorted(events, key=lambda event: event.time))


def _event(side: str, kind: str, time: float, table: EventTable) -> EventRow:
    feet = {"left": "left", "l": "left", "right": "right", "r": "right"}
    foot = feet.get(side.lower(), "")
    word = table.words.get(side)
    if word in ("left", "right"):
        foot = word
    what = kind_of(kind)
    meant = table.words.get(kind)
    if meant in ("contact", "foot_off"):
        what = meant
    return EventRow(side=foot, kind=what, time=time, found=f"{side} {kind}".strip())


def _read(
    path: Path,
    csv: Csv,
    *,
    dataset: str,
    columns: Sequence[str],
    optional: Sequence[str] = (),
    text: Sequence[str] = (),
) -> pd.DataFrame:
    """Return the columns of a CSV file as numbers, those of ``text`` as text."""
    _recognise(path, csv, dataset)
    if csv.decimal == ".":
        return read_csv(path, dataset=dataset, columns=columns, optional=optional, text=text, delimiter=csv.delimiter)
    every = [*columns, *optional]
    table = read_csv(path, dataset=dataset, columns=columns, optional=optional, text=every, delimiter=csv.delimiter)
    for name in table.columns:
        if name in text:
            continue
        try:
            table[name] = pd.to_numeric(table[name].str.strip().str.replace(",", ".", regex=False))
        except (ValueError, AttributeError) as error:
            raise _bad(path, dataset, name, f"text ({error})", "numbers with a decimal comma") from error
    return table


def _recognise(path: Path, csv: Csv, dataset: str) -> None:
    """Refuse a file that is clearly written with another delimiter or decimal than stated, and say with which."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        head, row = (lines.readline(_LONGEST_LINE) for _ in range(2))
    stated = csv.delimiter
    seen = (
        stated if stated in head else next((mark for mark in (";", "\t", ",") if mark in head and mark in row), stated)
    )
    comma = seen != "," and re.search(r"(^|[;\t| ])-?\d+,\d+(?=$|[;\t| \r\n])", row) is not None
    if seen == stated and not (comma and csv.decimal == "."):
        return
    marks = f'delimiter: "{_WRITTEN.get(seen, seen)}"' + (', decimal: ","' if comma else "")
    found = f"columns divided by {seen!r}" + (" and decimal commas" if comma else "")
    expected = f"{stated!r} and decimals with {csv.decimal!r} as the mapping says"
    raise _bad(path, dataset, "", found, expected, f"State csv: {{{marks}}} beside the channels")


def _bad(
    path: Path, dataset: str, field: str, found: str, expected: str, action: str = "Export the file again"
) -> DataFormatError:
    return DataFormatError.of(dataset=dataset, file=path, field=field, found=found, expected=expected, action=action)
