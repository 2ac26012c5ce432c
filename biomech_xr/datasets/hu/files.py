"""Files of Hu's people: who a person is, and the circuits of the folders Processed and Raw."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Final

import pandas as pd

from biomech_xr.datasets import cycles
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.tables import read_sheet, sha256
from biomech_xr.schema import Patient

logger = logging.getLogger(__name__)

_WORKBOOK: Final = "Subject Trigger Channel Feature Information.xlsx"


def processed_folder(root: Path, patient: str) -> Path:
    """Return the folder of processed files, in a single or doubled folder of the person."""
    folders = cycles.patient_folders(root, dataset="hu", pattern="[Aa][Bb][0-9]*", example="AB156")
    if patient not in folders:
        raise MissingInputError(f"hu: {root}: no folder {patient}. Known: {', '.join(folders)}.")
    outer = folders[patient]
    for folder in (outer / "Processed", outer / outer.name / "Processed"):
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
    for path in sorted(folder.glob("[!.]*.csv")):
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


def read_person(root: Path, patient: str) -> tuple[Patient, tuple[tuple[str, str], ...]]:
    """Return the person, with mass and height where the subject workbook is there, and the workbook as a source."""
    path = root / _WORKBOOK
    if not path.is_file():
        return Patient(dataset="hu", source_patient=patient), ()
    sheet = read_sheet(path, dataset="hu", sheet="Subject Information")
    source = ((cycles.relative(path, root), sha256(path)),)
    if "Subject" not in sheet:
        raise bad(
            path, "Subject", f"the columns {', '.join(map(str, sheet.columns))}", "a column of that name", "Restore it"
        )
    rows = sheet[sheet["Subject"].astype(str).str.strip().str.upper() == patient]
    if rows.empty:
        return Patient(dataset="hu", source_patient=patient), source
    mass = _cell(path, rows, "weight", low=30.0, high=200.0)
    height = _cell(path, rows, "height", low=120.0, high=230.0)
    age = _cell(path, rows, "age", low=5.0, high=110.0)
    person = Patient(dataset="hu", source_patient=patient, body_mass=mass, height=height / 100, age=age)
    return person, source


def _cell(path: Path, rows: pd.DataFrame, word: str, *, low: float, high: float) -> float:
    """Return the number in the column whose header holds ``word``; NaN when there is none or the cell is empty."""
    name = next((name for name in rows if re.search(rf"(?<![a-z]){word}(?![a-z])", str(name).lower())), None)
    value = rows[name].iloc[0] if name is not None else ""
    if value in ("", None):
        return float("nan")
    number = float(pd.to_numeric(pd.Series([value]), errors="coerce").iloc[0])
    if not low <= number <= high:
        raise bad(path, str(name), repr(value), f"a number from {low:g} to {high:g}", "Correct the cell or its unit")
    return number


def bad(path: Path, field: str, found: str, expected: str, action: str) -> DataFormatError:
    """Return the error about one file of this source; the caller raises it."""
    return DataFormatError.of(dataset="hu", file=path, field=field, found=found, expected=expected, action=action)
