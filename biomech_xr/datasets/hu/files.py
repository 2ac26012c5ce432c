"""Files of Hu's people: who a person is, and the circuits of the folders Processed and Raw."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Final

import pandas as pd

from biomech_xr.datasets import cycles
from biomech_xr.datasets._names import files_of, folder_in
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.tables import read_sheet, sha256
from biomech_xr.schema import Patient

logger = logging.getLogger(__name__)

_WORKBOOK: Final = "Subject Trigger Channel Feature Information.xlsx"
_SEXES: Final = {"m": "male", "male": "male", "f": "female", "female": "female"}


def processed_folder(root: Path, patient: str) -> Path:
    """Return the folder of processed files, in a single or doubled folder of the person."""
    folders = cycles.patient_folders(root, dataset="hu", pattern="[Aa][Bb][0-9]*", example="AB156")
    if patient not in folders:
        raise MissingInputError(f"hu: {root}: no folder {patient}. Known: {', '.join(folders)}.")
    outer = folders[patient]
    for folder in (folder_in(outer, "Processed"), folder_in(outer / outer.name, "Processed")):
        if folder.is_dir():
            return folder
    raise MissingInputError(f"hu: {outer}: no folder Processed in it or in {outer.name}. Unpack the whole archive.")


def circuits(folder: Path, patient: str, *, kind: str = "post") -> dict[int, Path]:
    """Return the file of every circuit by number, ``kind`` post or raw; refuse one that is named after another person.

    Raises
    ------
    MissingInputError
        The folder has none.
    DataFormatError
        A file of another person, or two of one circuit.
    """
    found: dict[int, Path] = {}
    for path in files_of(folder, ".csv"):
        match = re.fullmatch(rf"(AB\d+)_Circuit_(\d+)_{kind}\.csv", path.name, re.IGNORECASE)
        if not match:
            logger.warning("hu: %s: not named like AB156_Circuit_001_%s.csv, not read", path, kind)
        elif match[1].upper() != patient:
            found_person, expected = f"a file of {match[1].upper()}", f"files of {patient}, whose folder this is"
            raise bad(path, "file name", found_person, expected, "Move the file to the folder of its person")
        elif int(match[2]) in found:
            found_number, expected = f"circuit {int(match[2])} as {found[int(match[2])].name}", "one file a circuit"
            raise bad(path, "file name", found_number, expected, "Remove the copy")
        else:
            found[int(match[2])] = path
    if not found:
        raise MissingInputError(f"hu: {folder}: no file like AB156_Circuit_001_{kind}.csv. Complete the download.")
    return dict(sorted(found.items()))


def check_end(path: Path) -> None:
    """Raise `DataFormatError` where the last row does not end: the file was cut."""
    with path.open("rb") as stream:
        stream.seek(max(path.stat().st_size - 1, 0))
        last = stream.read(1)
    if last not in (b"\n", b"\r"):
        found = "a last row that does not end" if last else "no rows"
        raise bad(path, "", found, "a line break after the last row; is the file cut?", "Download the file again")


def read_person(root: Path, patient: str) -> tuple[Patient, tuple[tuple[str, str], ...], dict[str, str]]:
    """Return the person, the workbook as a source, and notes; what the workbook does not say stays unknown.

    Raises
    ------
    DataFormatError
        The workbook is broken or has no column `Subject`.
    """
    path = root / _WORKBOOK
    notes: dict[str, str] = {}
    if not path.is_file():
        notes["person"] = f"no {_WORKBOOK} beside the people: body mass, height, age and sex are not known"
        return Patient(dataset="hu", source_patient=patient), (), notes
    sheet = read_sheet(path, dataset="hu", sheet="Subject Information")
    source = ((cycles.relative(path, root), sha256(path)),)
    if "Subject" not in sheet:
        raise bad(
            path, "Subject", f"the columns {', '.join(map(str, sheet.columns))}", "a column of that name", "Restore it"
        )
    rows = sheet[sheet["Subject"].astype(str).str.strip().str.upper() == patient]
    if rows.empty:
        return Patient(dataset="hu", source_patient=patient), source, {"person": f"{_WORKBOOK} has no row {patient}"}
    person = Patient(
        dataset="hu",
        source_patient=patient,
        sex=_SEXES.get(_cell(rows, "sex|gender")[1].lower(), "unknown"),
        body_mass=_number(rows, "weight", 30.0, 200.0, notes),
        height=_number(rows, "height", 120.0, 230.0, notes) / 100,
        age=_number(rows, "age", 5.0, 110.0, notes),
    )
    return person, source, notes


def _cell(rows: pd.DataFrame, words: str) -> tuple[str, str]:
    """Return header and cell of the first column with one of ``words`` in its header; empty when there is none."""
    pattern = rf"(?<![a-z])({words})(?![a-z])"
    name = next((name for name in rows if re.search(pattern, str(name).lower())), None)
    value = None if name is None else rows[name].iloc[0]
    return str(name), "" if value is None else str(value).strip()


def _number(rows: pd.DataFrame, word: str, low: float, high: float, notes: dict[str, str]) -> float:
    """Return the number in the column whose header holds ``word``; NaN, and a note, unless it lies within bounds."""
    name, text = _cell(rows, word)
    number = float(pd.to_numeric(pd.Series([text]), errors="coerce").iloc[0])
    if low <= number <= high:
        return number
    if text:
        notes[word] = f"left out: {text:.40} in the column {name} is not {low:g} to {high:g}"
    return float("nan")


def bad(path: Path, field: str, found: str, expected: str, action: str) -> DataFormatError:
    """Return the error about one file of this source; the caller raises it."""
    return DataFormatError.of(dataset="hu", file=path, field=field, found=found, expected=expected, action=action)
