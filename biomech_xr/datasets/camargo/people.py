"""Who Camargo's people are: `SubjectInfo.mat`, or the same facts as published where that file is not at hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import pandas as pd

from biomech_xr.datasets import cycles
from biomech_xr.datasets.camargo.conditions import the_table
from biomech_xr.errors import DataFormatError
from biomech_xr.readers.matlab import load_tables
from biomech_xr.readers.tables import check_columns, sha256
from biomech_xr.schema import Patient

_PUBLISHED: Final = {
    "AB06": (20, "M", 1.80, 74.84), "AB07": (20, "M", 1.65, 55.34), "AB08": (21, "M", 1.74, 72.57),
    "AB09": (21, "F", 1.63, 63.50), "AB10": (22, "M", 1.75, 83.91), "AB11": (21, "M", 1.75, 77.11),
    "AB12": (24, "M", 1.74, 86.18), "AB13": (19, "M", 1.73, 58.97), "AB14": (22, "F", 1.52, 58.41),
    "AB15": (21, "M", 1.78, 96.16), "AB16": (20, "F", 1.65, 55.79), "AB17": (19, "M", 1.68, 61.23),
    "AB18": (19, "F", 1.80, 60.13), "AB19": (19, "M", 1.70, 68.04), "AB20": (21, "F", 1.71, 68.04),
    "AB21": (20, "F", 1.57, 58.06), "AB23": (20, "M", 1.80, 76.82), "AB24": (21, "F", 1.73, 72.57),
    "AB25": (20, "F", 1.63, 52.16), "AB27": (21, "M", 1.70, 68.04), "AB28": (33, "F", 1.69, 62.14),
    "AB30": (31, "M", 1.77, 77.03),
}  # fmt: skip
"""Age (y), gender, height (m), weight (kg): the content of the distribution's `SubjectInfo.mat`."""

_SEXES: Final = {"M": "male", "F": "female"}
_MASS: Final = (30.0, 200.0)
_AGE: Final = (5.0, 110.0)
_HEIGHT: Final = (1.2, 2.3)


def read_person(root: Path, patient: str) -> tuple[Patient, tuple[tuple[str, str], ...], dict[str, str]]:
    """Return the person, `SubjectInfo.mat` as a source where it is there, and notes.

    Raises
    ------
    DataFormatError
        The file is broken; or it is missing or gives no body mass for the person, and nobody of that name was
        published.
    """
    path = root / "SubjectInfo.mat"
    if not path.is_file():
        return (
            _published(path, patient, "no such file"),
            (),
            {"person": "SubjectInfo.mat is missing: facts as published"},
        )
    table = the_table(load_tables(path, dataset="camargo"), path)
    check_columns(table, path, dataset="camargo", columns=("Subject", "Weight"), text=("Subject",))
    rows = table[table["Subject"].astype(str).str.strip().str.upper() == patient]
    source = ((cycles.relative(path, root), sha256(path)),)
    mass = float(rows["Weight"].iloc[0]) if len(rows) else math.nan
    if not _MASS[0] <= mass <= _MASS[1]:
        found = f"{mass:g} kg for {patient}" if len(rows) else f"no row {patient}"
        person = _published(path, patient, found)
        return person, source, {"person": f"SubjectInfo.mat has {found}: facts as published"}
    row = rows.iloc[0]
    notes: dict[str, str] = {}
    age = _within(row, "Age", "years", _AGE, notes)
    height = _within(row, "Height", "m", _HEIGHT, notes)
    return _person(patient, (age, str(row.get("Gender", "")), height, mass)), source, notes


def _within(row: pd.Series[Any], column: str, unit: str, bounds: tuple[float, float], notes: dict[str, str]) -> float:
    """Return a number within bounds, else NaN and a note."""
    value = row.get(column, "no such column")
    number = float(pd.to_numeric(pd.Series([value]), errors="coerce").iloc[0])
    if bounds[0] <= number <= bounds[1]:
        return number
    notes[column.lower()] = f"left out: {value!s:.40} in SubjectInfo.mat, not {bounds[0]:g} to {bounds[1]:g} {unit}"
    return math.nan


def _published(path: Path, patient: str, found: str) -> Patient:
    if patient not in _PUBLISHED:
        expected = f"the body mass of {patient}, by which moments are divided, {_MASS[0]:g} to {_MASS[1]:g} kg"
        action = f"Put a SubjectInfo.mat with a row {patient} beside the folders of the people"
        raise DataFormatError.of(
            dataset="camargo", file=path, field="Weight", found=found, expected=expected, action=action
        )
    return _person(patient, _PUBLISHED[patient])


def _person(patient: str, facts: tuple[float, str, float, float]) -> Patient:
    age, gender, height, mass = facts
    return Patient(
        dataset="camargo",
        source_patient=patient,
        sex=_SEXES.get(gender.strip().upper(), "unknown"),
        age=float(age),
        height=height,
        body_mass=mass,
    )
