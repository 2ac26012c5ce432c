"""Tables: CSV files, workbook sheets, and the checksum of any file."""

from __future__ import annotations

import csv
import datetime as dt
import difflib
import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr.errors import DataFormatError, MissingDependencyError, MissingInputError
from biomech_xr.readers import _limited
from biomech_xr.readers.decimals import read_plain

MAX_CSV_BYTES: Final = 2 * 1024**3
MAX_WORKBOOK_BYTES: Final = 256 * 1024**2
"""Largest size of a text table, and of a workbook once unpacked, in bytes."""

_LONGEST_ROW: Final = 1 << 20
"""Bytes of a row that are looked at to count its cells."""

_WORKBOOK_MEMORY: Final = 2 * 1024**3
_WORKBOOK_SECONDS: Final = 60
"""Limits of the process that reads a workbook: bytes of address space, and s."""


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits.

    Raises
    ------
    MissingInputError
        There is no such file.
    """
    if not path.is_file():
        raise MissingInputError(f"{path}: no such file. Check the path.")
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_csv(
    path: Path,
    *,
    dataset: str,
    columns: Sequence[str],
    optional: Sequence[str] = (),
    text: Sequence[str] = (),
    either: Sequence[str] = (),
    delimiter: str = ",",
) -> pd.DataFrame:
    """Return columns of a delimited file with one header row, in the order asked for.

    Parameters
    ----------
    path
        The file; UTF-8.
    dataset
        Name of the source, for messages.
    columns
        Columns that must be there.
    optional
        Columns taken where they are there.
    text
        Those of both that hold text; every other column must hold numbers, empty cells or ``NaN``.
    either
        Those of both that come as numbers where every cell is one, is empty or ``NaN``, and else as text.
    delimiter
        The character between columns.

    Raises
    ------
    MissingInputError
        There is no such file.
    DataFormatError
        Not a table, a column missing or named twice, text where numbers are expected.
    """
    check_size(path, dataset)
    names = _header(path, dataset, delimiter)
    wanted = _choose(path, dataset, names, columns, optional)
    positions = [names.index(name) for name in wanted]
    few = 2 * len(positions) < max(len(names), _first_row_cells(path, delimiter))
    try:
        table = pd.read_csv(
            path,
            header=None,
            skiprows=1,
            usecols=positions if few else None,  # all columns are parsed twice as fast
            dtype={names.index(name): str for name in text if name in names} or None,  # {} is slower than none
            compression=None,
            sep=delimiter,
            low_memory=not either,  # else a long column is judged piece by piece, and may come as both
        )
    except pd.errors.EmptyDataError:
        raise _no_rows(path, dataset) from None
    except ValueError as error:
        raise _no_table(path, dataset, delimiter, error) from error
    if not set(positions) <= set(table.columns):
        found = f"no readable table (a first data row of {len(table.columns)} columns)"
        raise _bad(path, dataset, "", found, f"the {len(names)} of the header", "Download the file again")
    places = dict(zip(wanted, positions, strict=True))
    table = pd.DataFrame({name: table[place] for name, place in places.items()}, copy=False)
    check_numbers(path, dataset, table, (*text, *either))
    return table


def read_numbers(
    path: Path, *, dataset: str, columns: Sequence[str], delimiter: str = ","
) -> dict[str, npt.NDArray[np.float64]]:
    """Return columns of a delimited file of numbers by name, each (row,), in the order asked for.

    Values, parameters and errors are those of `read_csv`; files of plain decimals (`readers.decimals`) are read faster.
    """
    check_size(path, dataset)
    names = _header(path, dataset, delimiter)
    wanted = _choose(path, dataset, names, columns, ())
    values = read_plain(path, columns=len(names), delimiter=delimiter)
    if values is not None:
        return {name: values[names.index(name)] for name in wanted}
    table = read_csv(path, dataset=dataset, columns=columns, delimiter=delimiter)
    return {name: table[name].to_numpy(dtype=np.float64) for name in wanted}


def _header(path: Path, dataset: str, delimiter: str) -> list[str]:
    """Return the names of the first row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            row = next(csv.reader(stream, delimiter=delimiter), None)
    except (ValueError, csv.Error) as error:
        raise _no_table(path, dataset, delimiter, error) from error
    if row is None:
        raise _no_rows(path, dataset)
    if not row:
        raise _bad(
            path, dataset, "header", "an empty first row", "names of columns", "Remove the rows before the names"
        )
    return [name.strip() for name in row]


def _first_row_cells(path: Path, delimiter: str) -> int:
    """Return about how many cells the row after the header has; each becomes a column where all columns are parsed."""
    with path.open("rb") as stream:
        stream.readline()
        return stream.readline(_LONGEST_ROW).count(delimiter.encode()) + 1


def _no_rows(path: Path, dataset: str) -> DataFormatError:
    return _bad(path, dataset, "", "no rows", "a header row and data rows", "Download the file again")


def _no_table(path: Path, dataset: str, delimiter: str, error: Exception) -> DataFormatError:
    found = f"no readable table ({error})"
    return _bad(path, dataset, "", found, f"text with columns divided by {delimiter!r}", "Download the file again")


def check_size(path: Path, dataset: str) -> None:
    """Raise for a text table that does not exist or has more than `MAX_CSV_BYTES`."""
    if not path.is_file():
        raise MissingInputError(f"{dataset}: {path}: no such file. Check the path, or complete the download.")
    if path.stat().st_size > MAX_CSV_BYTES:
        raise _bad(path, dataset, "", f"{path.stat().st_size} bytes", f"at most {MAX_CSV_BYTES}", "Split the file")


def check_columns(
    table: pd.DataFrame, path: Path, *, dataset: str, columns: Sequence[str], text: Sequence[str] = ()
) -> None:
    """Raise `DataFormatError` unless a table that came from ``path`` has every column, once, with numbers in it.

    ``text`` names those of ``columns`` that hold text.
    """
    _choose(path, dataset, [str(name) for name in table.columns], columns, ())
    check_numbers(path, dataset, table[list(columns)], text)


def _choose(
    path: Path, dataset: str, names: Sequence[str], columns: Sequence[str], optional: Sequence[str]
) -> list[str]:
    """Return the columns to read; refuse a file that lacks one or names one twice."""
    for name in columns:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
            found = f"no such column; the nearest is {near[0]!r}" if near else "no columns"
            expected = f"{len(columns)} columns, {name!r} among them"
            raise _bad(path, dataset, name, found, expected, "Restore or rename the column")
    wanted = [*columns, *(name for name in optional if name in names and name not in columns)]
    for name in wanted:
        if names.count(name) > 1:
            raise _bad(path, dataset, name, f"{names.count(name)} columns of that name", "one", "Remove the extra one")
    return wanted


def check_numbers(path: Path, dataset: str, table: pd.DataFrame, text: Sequence[str] = ()) -> None:
    """Raise `DataFormatError` for a column of a table from ``path`` that holds text and is not one of ``text``.

    The message names the first such cell.
    """
    for name, kind in table.dtypes.items():
        if name in text or pd.api.types.is_numeric_dtype(kind):
            continue
        numbers = pd.to_numeric(table[name], errors="coerce")
        row = int((numbers.isna() & table[name].notna()).to_numpy().argmax())
        found = f"{table[name].iloc[row]!r} in data row {row + 1}"
        raise _bad(path, dataset, str(name), found, "a number, an empty cell or NaN", "Correct the cell")


def read_sheet(path: Path, *, dataset: str, sheet: str, header_rows: int = 1) -> pd.DataFrame:
    """Return one sheet of an xlsx workbook; the first row holds the column names.

    Parameters
    ----------
    path
        The workbook.
    dataset
        Name of the source, for messages.
    sheet
        Name of the sheet; upper and lower case are the same.
    header_rows
        Rows of names. With two, the columns are pairs (group, name), a `MultiIndex`: an empty cell of the first row
        belongs to the group on its left, as merged cells do.

    Raises
    ------
    MissingInputError
        There is no such file.
    MissingDependencyError
        python-calamine is not installed.
    DataFormatError
        Not a workbook, too large when unpacked, no such sheet, or a sheet without rows.
    """
    names, rows = _ask_workbook(path, dataset, sheet)
    if rows is None:
        found = f"the sheets {', '.join(names)}"
        raise _bad(path, dataset, sheet, found, "a sheet of that name", "Rename the sheet")
    if len(rows) < header_rows:
        raise _bad(path, dataset, sheet, "an empty sheet", "a row of names and data rows", "Restore the sheet")
    labels = [[str(name).strip() for name in row] for row in rows[:header_rows]]
    if header_rows == 1:
        return pd.DataFrame(rows[1:], columns=labels[0])
    for k in range(1, len(labels[0])):
        labels[0][k] = labels[0][k] or labels[0][k - 1]
    return pd.DataFrame(rows[header_rows:], columns=pd.MultiIndex.from_arrays(labels))


def sheet_names(path: Path, *, dataset: str) -> list[str]:
    """Return the names of the sheets of an xlsx workbook, in order; errors as in `read_sheet`."""
    return _ask_workbook(path, dataset, None)[0]


def _ask_workbook(path: Path, dataset: str, sheet: str | None) -> tuple[list[str], list[list[Any]] | None]:
    """Return the names of a workbook's sheets and the rows of one; a process of its own reads them."""
    if importlib.util.find_spec("python_calamine") is None:
        raise MissingDependencyError.of("python-calamine", "readers")
    if not path.is_file():
        raise MissingInputError(f"{dataset}: {path}: no such file. Check the path.")
    try:
        with _limited.opened("_sheets_worker", path, memory=_WORKBOOK_MEMORY, seconds=_WORKBOOK_SECONDS) as line:
            line.ask([MAX_WORKBOOK_BYTES, sheet])
            names, rows = line.value(2 * MAX_WORKBOOK_BYTES)
    except _limited.UnavailableError as error:
        raise _bad(path, dataset, "", str(error), "a parser", error.action) from error
    except _limited.LimitedError as error:
        found = f"no readable workbook ({error})"
        raise _bad(path, dataset, "", found, "an xlsx file", "Download the file again, and do not trust it") from error
    return names, None if rows is None else [[_cell(value) for value in row] for row in rows]


def _cell(value: Any) -> Any:
    """Return the value of a workbook's cell; dates, times and durations come as a pair."""
    if not isinstance(value, list):
        return value
    kind, stated = value
    return dt.timedelta(seconds=stated) if kind == "timedelta" else getattr(dt, kind).fromisoformat(stated)


def _bad(path: Path, dataset: str, field: str, found: str, expected: str, action: str) -> DataFormatError:
    return DataFormatError.of(dataset=dataset, file=path, field=field, found=found, expected=expected, action=action)
