"""Who Camargo's people are: `SubjectInfo.mat`, or the same facts as published where that file is not at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Final

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


def read_person(root: Path, patient: str) -> tuple[Patient, tuple[tuple[str, str], ...], dict[str, str]]:
    """Return the person, `SubjectInfo.mat` as a source where it is there, and notes.

    Raises
    ------
    DataFormatError
        The file is broken or gives no body mass for the person; or it is missing and nobody of that name was published.
    """
    path = root / "SubjectInfo.mat"
    if not path.is_file():
        return _published(path, patient), (), {"person": "SubjectInfo.mat is missing: facts as published"}
    table = the_table(load_tables(path, dataset="camargo"), path)
    text = ("Subject", "Gender")
    check_columns(table, path, dataset="camargo", columns=(*text, "Age", "Height", "Weight"), text=text)
    rows = table[table["Subject"].str.strip().str.upper() == patient]
    mass = float(rows["Weight"].iloc[0]) if len(rows) else float("nan")
    if not 30.0 <= mass <= 200.0:
        found = f"{mass:g} kg for {patient}" if len(rows) else f"no row {patient}"
        raise _bad(path, "Weight", found, "30 to 200 kg", f"Add the body mass of {patient} in kg to the table")
    row = rows.iloc[0]
    facts = float(row["Age"]), str(row["Gender"]), float(row["Height"]), mass
    return _person(patient, facts), ((cycles.relative(path, root), sha256(path)),), {}


def _published(path: Path, patient: str) -> Patient:
    if patient not in _PUBLISHED:
        action = f"Put a SubjectInfo.mat with a row {patient} beside the folders of the people"
        raise _bad(path, "Weight", "no such file", f"the body mass of {patient}, by which moments are divided", action)
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


def _bad(path: Path, field: str, found: str, expected: str, action: str) -> DataFormatError:
    return DataFormatError.of(dataset="camargo", file=path, field=field, found=found, expected=expected, action=action)
