"""SIAT's tree: people, trials, the subject workbook, and the rows of a data file."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr.datasets import cycles
from biomech_xr.datasets._names import folder_in
from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.tables import read_numbers, read_sheet, sha256
from biomech_xr.readers.text import check_last_row
from biomech_xr.schema import Patient

logger = logging.getLogger(__name__)

Table: TypeAlias = dict[str, npt.NDArray[np.float64]]

RATE: Final = 1920.0
"""Rows a second, from the time step of the files (0.000520833 s)."""

_ARCHIVE: Final = re.compile(r"SIAT_LLMD\d*", re.IGNORECASE)
_PERSON: Final = re.compile(r"Sub\d+", re.IGNORECASE)
_WORKBOOK: Final = "SubjectInformation.xlsx"
_LARGEST_DRIFT: Final = 0.5
_SEXES: Final = {"m": "male", "male": "male", "f": "female", "female": "female"}


def people(root: Path) -> dict[str, Path]:
    """Return the folder of every person by name, sorted, in ``root`` or one or two archive folders below.

    Raises
    ------
    MissingInputError
        ``root`` is no folder.
    DataFormatError
        There is no folder of a person.
    """
    if not root.is_dir():
        raise MissingInputError(f"siat: {root}: no such folder. Give the folder that holds Sub01.")
    level = root
    for _ in range(3):
        found = {path.name: path for path in sorted(level.iterdir()) if path.is_dir() and _PERSON.fullmatch(path.name)}
        if found:
            _tell(level, found)
            return found
        inner = [path for path in sorted(level.iterdir()) if path.is_dir() and _ARCHIVE.fullmatch(path.name)]
        if not inner:
            break
        level = inner[0]
    names = ", ".join(sorted(path.name for path in level.iterdir())[:5]) or "nothing"
    raise _bad(level, "", names, "one folder a person, for example Sub01", "Give the folder that holds the people")


def _tell(level: Path, found: Mapping[str, Path]) -> None:
    """Say which folders beside those of people are not read, and what the missing workbook costs."""
    for path in sorted(level.iterdir()):
        if path.is_dir() and path.name not in found and path.name[0] != ".":
            logger.warning("siat: %s: not a folder named like Sub01, not read", path)
    if _workbook(level) is None:
        logger.warning(
            "siat: %s: no %s: body mass is not known, so moments, which are divided by it, are left out. Complete the "
            "download",
            level,
            _WORKBOOK,
        )


def trial_files(folder: Path) -> dict[str, tuple[Path, Path | None]]:
    """Return data file and label file (None where there is none) of every movement of a person, by code, sorted."""
    inside, labels = folder_in(folder, "Data"), folder_in(folder, "Labels")
    if not inside.is_dir():
        raise MissingInputError(f"siat: {folder}: no folder Data in it. Complete the download.")
    pattern = re.compile(rf"{folder.name}_([A-Za-z]+)_(Data|Label)\.csv", re.IGNORECASE)
    found: dict[tuple[str, str], Path] = {}
    for path in sorted([*inside.iterdir(), *_files(labels)]):
        match = pattern.fullmatch(path.name)
        if not match:
            logger.warning("siat: %s: not named like %s_WAK_Data.csv, not read", path, folder.name)
            continue
        other = found.setdefault((match[1].upper(), match[2].lower()), path)
        if other != path:
            raise _bad(path, "file name", f"the same file as {other.name}", "one of each movement", "Remove the copy")
    codes = sorted(code for code, kind in found if kind == "data")
    if not codes:
        expected = f"{folder.name}_WAK_Data.csv"
        raise MissingInputError(f"siat: {inside}: no file like {expected}. Complete the download.")
    for code in sorted({code for code, _ in found} - set(codes)):
        logger.warning("siat: %s: labels of %s without data, not read", folder, code)
    return {code: (found[code, "data"], found.get((code, "label"))) for code in codes}


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []


def read_data(path: Path, spec: DatasetSpec) -> Table:
    """Return `Time` and every column of ``spec`` of a data file by name, each (row,), one row every 1/1920 s.

    Raises
    ------
    DataFormatError
        A column missing, a cut file, or rows that are not at 1920 Hz.
    """
    check_last_row(path, dataset="siat")
    table = read_numbers(path, dataset="siat", columns=("Time", *spec.emg, *spec.angles, *spec.moments))
    time = table["Time"]
    if time.size < 2 or not np.isfinite(time).all():
        raise _bad(path, "Time", f"{np.isfinite(time).sum()} times in {time.size} rows", "one in each row", _AGAIN)
    rate = (time.size - 1) / max(time[-1] - time[0], 1e-9)
    drift = np.abs(time - time[0] - np.arange(time.size) / RATE) * RATE
    if drift.max() > _LARGEST_DRIFT:
        row = int(np.argmax(drift > _LARGEST_DRIFT)) + 1
        found = f"{rate:.2f} Hz, data row {row} is {drift[row - 1]:.1f} rows off"
        raise _bad(path, "Time", found, f"{RATE:g} Hz without a missing row", _AGAIN)
    return table


def _workbook(folder: Path) -> Path | None:
    return next((path for path in sorted(folder.iterdir()) if path.name.lower() == _WORKBOOK.lower()), None)


_AGAIN: Final = "Download the file again"


def read_person(folder: Path, root: Path, patient: str) -> tuple[Patient, tuple[tuple[str, str], ...]]:
    """Return the person and, where it exists, the subject workbook in ``folder`` as a source.

    Headers are matched by a part of their name in any case. The unit of the height follows from its size (mm, cm, m).

    Raises
    ------
    DataFormatError
        The workbook has no column of subjects, or a mass or height that no adult has.
    """
    path = _workbook(folder)
    person = Patient(dataset="siat", source_patient=patient)
    if path is None:
        return person, ()
    sheet = read_sheet(path, dataset="siat", sheet="Sheet1")
    sources = ((cycles.relative(path, root), sha256(path)),)
    name = _column(sheet, "subject")
    if name is None:
        found = f"the columns {', '.join(map(str, sheet.columns))}"
        raise _bad(path, "Subject", found, "a column whose name holds 'subject'", "Restore the header row")
    rows = sheet[sheet[name].astype(str).str.strip().str.lower() == patient.lower()]
    if rows.empty:
        logger.warning("siat: %s: no row of %s, mass and height unknown", path, patient)
        return person, sources
    cells = {what: _cell(rows, words) for what, words in _FIELDS.items()}
    mass, height, age = (_number(path, what, cells[what]) for what in ("weight", "height", "age"))
    height *= 1e-3 if height > 1000 else 1e-2 if height > 3 else 1.0
    for what, value, low, high in (
        ("weight", mass, 30.0, 200.0),
        ("height", height, 1.2, 2.3),
        ("age", age, 5.0, 110.0),
    ):
        if not np.isnan(value) and not low <= value <= high:
            expected = f"{low:g} to {high:g} (kg, m, years)"
            raise _bad(path, what, f"{cells[what]!r} for {patient}", expected, "Correct the cell or its unit")
    return (
        Patient(
            dataset="siat",
            source_patient=patient,
            body_mass=mass,
            height=height,
            age=age,
            sex=_SEXES.get(str(cells["sex"]).strip().lower(), "unknown"),
        ),
        sources,
    )


_FIELDS: Final = {"weight": ("weight", "mass"), "height": ("height",), "age": ("age",), "sex": ("sex", "gender")}


def _column(sheet: pd.DataFrame, *words: str) -> Any:
    """Return the first column whose name holds one of the words at the start of a word, None without one."""
    return next((c for w in words for c in sheet.columns if re.search(rf"(?<![a-z]){w}", str(c).lower())), None)


def _cell(rows: pd.DataFrame, words: tuple[str, ...]) -> object:
    name = _column(rows, *words)
    return "" if name is None else rows[name].iloc[0]


def _number(path: Path, what: str, cell: object) -> float:
    if cell in ("", None):
        return float("nan")
    number = float(pd.to_numeric(pd.Series([cell]), errors="coerce").iloc[0])
    if np.isnan(number):
        raise _bad(path, what, repr(cell), "a number", "Correct the cell")
    return number


def _bad(path: Path, field: str, found: str, expected: str, action: str) -> DataFormatError:
    return DataFormatError.of(dataset="siat", file=path, field=field, found=found, expected=expected, action=action)
