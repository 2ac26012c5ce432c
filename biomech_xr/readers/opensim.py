"""Read the text tables of OpenSim: storage files (.mot, .sto) and marker files (.trc).

Formats: OpenSim documentation, *Storage (.sto)*, *Motion (.mot)* and *Marker (.trc) Files*. Both header styles occur:
with and without comment lines, with values padded by tabs.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import DataFormatError, MissingInputError

_KEYS: Final = ("version", "nRows", "nColumns", "inDegrees", "datarows", "datacolumns")


@dataclass(frozen=True, kw_only=True, slots=True)
class MotTable:
    """The content of a storage file.

    Parameters
    ----------
    in_degrees
        What the header's ``inDegrees`` says of angles; False where it is absent (``header`` then lacks the key).
    columns
        Labels of the columns without `time`.
    time
        s, float64, shape (rows,), strictly increasing.
    values
        float64, shape (rows, columns), in the file's own units; NaN where the file writes nan.
    header
        The ``key=value`` lines, and the ``key value`` lines of the older style (``datarows 151``). Keys that OpenSim
        defines are spelled its way, whatever the file's case.
    """

    in_degrees: bool
    columns: tuple[str, ...]
    time: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]
    header: Mapping[str, str]

    def column(self, name: str) -> npt.NDArray[np.float64]:
        """Return one column, shape (rows,); `KeyError` when there is none of that name."""
        if name not in self.columns:
            raise KeyError(name)
        return self.values[:, self.columns.index(name)]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrcTable:
    """The content of a marker file.

    `rate` is in Hz, `units` is the file's length unit, `time` is in s, `values` is float64 with shape (frames, markers,
    3), NaN where a marker is empty.
    """

    rate: float
    units: str
    markers: tuple[str, ...]
    time: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]


def read_mot(path: Path, *, dataset: str) -> MotTable:
    """Return the table of a .mot or .sto file.

    Raises
    ------
    MissingInputError
        No such file.
    DataFormatError
        No ``endheader``, no `time` column, a repeated label, a row that is not numbers or has another length, other
        numbers of rows or columns than the header announces, or time that does not increase.
    """
    lines = _lines(path, dataset)
    marks = [index for index, line in enumerate(lines) if line.strip().lower() == "endheader"]
    if not marks:
        raise _wrong(path, dataset, "header", "no line 'endheader'", "a .mot or .sto file")
    header = _header(lines[: marks[0]])
    body = [line for line in lines[marks[0] + 1 :] if line.strip()]
    labels = body[0].split() if body else []
    if not labels or labels[0].lower() != "time":
        raise _wrong(path, dataset, "labels", f"first column {labels[:1]}", "a first column 'time'")
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        raise _wrong(path, dataset, "labels", f"repeated {', '.join(repeated)}", "labels that differ")
    table = _numbers(path, dataset, body[1:], columns=len(labels))
    for keys, count in ((("nRows", "datarows"), len(table)), (("nColumns", "datacolumns"), len(labels))):
        announced = next((header[key] for key in keys if key in header), "")
        if announced.isascii() and announced.isdigit() and announced.lstrip("0") != str(count):
            what = "rows" if keys[0] == "nRows" else "columns"
            raise _wrong(path, dataset, keys[0], f"{count} {what}", f"{announced} as the header announces")
    _check_time(path, dataset, table[:, 0])
    return MotTable(
        in_degrees=header.get("inDegrees", "no").lower() == "yes",
        columns=tuple(labels[1:]),
        time=table[:, 0],
        values=table[:, 1:],
        header=header,
    )


def read_trc(path: Path, *, dataset: str) -> TrcTable:
    """Return the markers of a .trc file; an empty cell is NaN.

    Raises
    ------
    MissingInputError
        No such file.
    DataFormatError
        Not a .trc file, or its rows and markers are not those that the header announces.
    """
    lines = _lines(path, dataset)
    if len(lines) < 6 or not lines[0].startswith("PathFileType"):
        raise _wrong(path, dataset, "header", "no 'PathFileType' line", "a .trc file")
    facts = dict(zip(lines[1].split(), lines[2].split(), strict=False))
    markers = tuple(name.strip() for name in lines[3].split("\t")[2:] if name.strip())
    width = 2 + 3 * len(markers)
    rows = [_cells(line, width) for line in lines[5:] if line.strip()]
    text = ["\t".join(row) for row in rows]
    table = _numbers(path, dataset, text, columns=width, delimiter="\t")
    try:
        rate, frames, count = float(facts["DataRate"]), int(facts["NumFrames"]), int(facts["NumMarkers"])
        units = facts["Units"]
    except (KeyError, ValueError) as error:
        raise _wrong(
            path, dataset, "header", f"{lines[2].strip()!r}", "DataRate, NumFrames, NumMarkers, Units"
        ) from error
    if (len(table), len(markers)) != (frames, count):
        found = f"{len(table)} frames of {len(markers)} markers"
        raise _wrong(path, dataset, "NumFrames, NumMarkers", found, f"{frames} and {count} as the header announces")
    _check_time(path, dataset, table[:, 1])
    values = table[:, 2:].reshape(frames, count, 3)
    return TrcTable(rate=rate, units=units, markers=markers, time=table[:, 1], values=values)


def _lines(path: Path, dataset: str) -> list[str]:
    if not path.is_file():
        raise MissingInputError(f"{dataset}: {path}: no such file. Give the path of an OpenSim table.")
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise _wrong(path, dataset, "text", f"bytes that are not text ({error.reason})", "a text table") from error


def _header(lines: Sequence[str]) -> dict[str, str]:
    """Return the ``key=value`` lines of a header, and its ``key value`` lines where the key is one of OpenSim's."""
    spelled = {key.lower(): key for key in _KEYS}
    header: dict[str, str] = {}
    for line in lines:
        key, mark, value = line.partition("=")
        words = line.split()
        if mark:
            header[spelled.get(key.strip().lower(), key.strip())] = value.strip()
        elif len(words) == 2 and words[0].lower() in spelled:
            header[spelled[words[0].lower()]] = words[1]
    return header


def _cells(line: str, width: int) -> list[str]:
    """Return the tab-separated cells of a row: empty ones as nan, empty ones beyond ``width`` cut off."""
    cells = [cell.strip() or "nan" for cell in line.split("\t")]
    while len(cells) > width and cells[-1] == "nan":
        cells.pop()
    return cells + ["nan"] * (width - len(cells))


def _numbers(
    path: Path, dataset: str, rows: Sequence[str], *, columns: int, delimiter: str | None = None
) -> npt.NDArray[np.float64]:
    """Return the rows as numbers, float64, shape (rows, columns)."""
    if not rows:
        raise _wrong(path, dataset, "rows", "no row of numbers", "at least one")
    try:
        table = np.loadtxt(io.StringIO("\n".join(rows)), dtype=np.float64, ndmin=2, delimiter=delimiter)
    except ValueError as error:
        found = str(error).partition(";")[0]  # what follows is advice on a parameter of NumPy
        raise _wrong(path, dataset, "rows", found, f"{columns} numbers in every row") from error
    if table.shape[1] != columns:
        raise _wrong(path, dataset, "rows", f"{table.shape[1]} numbers a row", f"{columns}, one for each label")
    return table


def _check_time(path: Path, dataset: str, time: npt.NDArray[np.float64]) -> None:
    if not np.all(np.diff(time) > 0):
        row = int(np.argmin(np.diff(time) > 0)) + 2
        raise _wrong(path, dataset, "time", f"no increase at row {row}", "time that increases in every row")


def _wrong(path: Path, dataset: str, field: str, found: str, expected: str) -> DataFormatError:
    return DataFormatError.of(
        dataset=dataset, file=path, field=field, found=found, expected=expected, action="Export the file again"
    )
