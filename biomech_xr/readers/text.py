"""Text tables whose delimiter, decimal mark and header are not known before."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from biomech_xr.errors import DataFormatError
from biomech_xr.readers.tables import check_numbers, check_size

_DELIMITERS: Final = ("\t", ";", ",", r"\s+")
_NUMBER: Final = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?|[+-]?(nan|inf)|", re.IGNORECASE)
_SAMPLE: Final = 1 << 16


def read_text(path: Path, *, dataset: str) -> pd.DataFrame:
    """Return a whole text table of numbers whose delimiter, decimal mark and header are found out.

    Tab, semicolon, comma and blanks are tried in this order: the first that cuts every row of the file's beginning into
    the same number of numbers is taken. Names are stripped of blanks; where the first row is numbers too, there is no
    header. Columns without a name are named by their place, 0, 1, 2, ... (integers); those without a name and without a
    value are left out.

    Parameters
    ----------
    path
        The file; UTF-8.
    dataset
        Name of the source, for messages.

    Raises
    ------
    MissingInputError
        There is no such file.
    DataFormatError
        Larger than `MAX_CSV_BYTES`, not a table of numbers, another number of names than of columns, a name twice, or a
        last row that is cut or does not end.
    """
    check_size(path, dataset)
    lines = _first_lines(path, dataset)
    delimiter, decimal, width = _sniff(path, dataset, lines)
    first = _cells(lines[0], delimiter)
    headed = not _are_numbers(first, decimal)
    names: list[object] = list(first) if headed else list(range(width))
    if len(names) != width:
        raise _bad(path, dataset, "header", f"{len(names)} names", f"{width}, one a column", "Restore the header row")
    check_last_row(path, dataset=dataset, delimiter=delimiter, cells=width)
    try:
        table = pd.read_csv(
            path,
            sep=delimiter,
            decimal=decimal,
            header=None,
            names=range(width),
            index_col=False,
            skiprows=1 if headed else 0,
            skipinitialspace=True,
            low_memory=False,
            encoding="utf-8-sig",
            compression=None,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        found = f"no readable table ({error})"
        raise _bad(path, dataset, "", found, "rows of equal length", "Download the file again") from error
    kept = [k for k in range(width) if names[k] != "" or table[k].notna().any()]
    table = table[kept].set_axis(pd.Index([k if names[k] == "" else names[k] for k in kept], dtype=object), axis=1)
    repeated = table.columns[table.columns.duplicated()]
    if len(repeated):
        raise _bad(path, dataset, str(repeated[0]), "columns of that name", "one", "Remove the extra one")
    if decimal == ",":
        for name in table.select_dtypes(exclude="number").columns:
            table[name] = table[name].str.replace(",", ".", regex=False)
    check_numbers(path, dataset, table)
    return table


def check_last_row(path: Path, *, dataset: str, delimiter: str = ",", cells: int = 0) -> None:
    """Raise `DataFormatError` for a file that was cut: its last row is shorter than the first, or does not end.

    ``cells`` is the number to expect, 0 that of the first row.
    """
    with path.open("rb") as stream:
        first = stream.readline().decode(errors="replace").rstrip("\r\n")
        stream.seek(max(path.stat().st_size - _SAMPLE, 0))
        rest = stream.read().decode(errors="replace")
    rows = rest.rstrip("\r\n").splitlines()
    expected = cells or len(_cells(first, delimiter))
    found = len(_cells(rows[-1], delimiter)) if rows else 0
    if found != expected:
        raise _bad(path, dataset, "last row", f"{found} cells", f"{expected}; is it cut?", "Download the file again")
    if not rest.endswith(("\n", "\r")):
        raise _bad(path, dataset, "last row", "a row that does not end", "a line break", "Download the file again")


def _first_lines(path: Path, dataset: str) -> list[str]:
    """Return the rows of the file's beginning that are whole and not empty, at most 50."""
    with path.open("rb") as stream:
        raw = stream.read(_SAMPLE)
    if len(raw) == _SAMPLE:
        raw = raw[: raw.rfind(b"\n") + 1]
    try:
        lines = [line for line in raw.decode("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        found = f"bytes that are not text ({error.reason})"
        raise _bad(path, dataset, "", found, "a text table", "Download the file again") from error
    if len(lines) < 2:
        raise _bad(path, dataset, "", f"{len(lines)} rows", "two rows or more", "Download the file again")
    return lines[:50]


def _sniff(path: Path, dataset: str, lines: Sequence[str]) -> tuple[str, str, int]:
    """Return delimiter, decimal mark and number of columns of a text table."""
    for delimiter in _DELIMITERS:
        rows = [_cells(line, delimiter) for line in lines[1:]]
        width = len(rows[0])
        for decimal in ".," if delimiter != "," else ".":
            if width > 1 and all(len(row) == width and _are_numbers(row, decimal) for row in rows):
                return delimiter, decimal, width
    found = f"{lines[1][:40]!r} in the second row"
    expected = "numbers separated by tab, semicolon, comma or blanks, as many in every row"
    raise _bad(path, dataset, "", found, expected, "Export the file again")


def _cells(line: str, delimiter: str) -> list[str]:
    pieces = line.split() if delimiter == r"\s+" else line.split(delimiter)
    return [piece.strip().strip('"').strip() for piece in pieces]


def _are_numbers(cells: Sequence[str], decimal: str) -> bool:
    """Return whether every cell is a number with this decimal mark or empty, and one of them is a number."""
    other = "," if decimal == "." else "."
    return any(cells) and all(_NUMBER.fullmatch(cell) is not None and other not in cell for cell in cells)


def _bad(path: Path, dataset: str, field: str, found: str, expected: str, action: str) -> DataFormatError:
    return DataFormatError.of(dataset=dataset, file=path, field=field, found=found, expected=expected, action=action)
