"""Files of Camargo's people: who a person is, and which files belong to one trial."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from biomech_xr.datasets import cycles
from biomech_xr.datasets._camargo_conditions import the_table
from biomech_xr.errors import DataFormatError
from biomech_xr.readers.matlab import load_tables
from biomech_xr.readers.tables import check_columns, sha256
from biomech_xr.schema import Patient

logger = logging.getLogger(__name__)

SENSORS: Final = ("emg", "ik", "id", "gcright", "conditions")
"""Folders of a mode that are read, in lower case."""

_GRAMMAR: Final = {
    "treadmill": re.compile(r"treadmill_\d+(_\d+)?_\d+"),
    "ramp": re.compile(r"ramp_[1-6]_[lr]_\d+(_\d+)?_\d+"),
}


def read_person(root: Path, patient: str) -> tuple[Patient, tuple[str, str]]:
    """Return the person as SubjectInfo.mat describes it, and that file as a source."""
    path = root / "SubjectInfo.mat"
    if not path.is_file():
        raise _bad(
            path,
            "Weight",
            "no such file",
            "the body masses that moments are divided by",
            "Copy SubjectInfo.mat of the full distribution beside the folders of the people",
        )
    table = the_table(load_tables(path, dataset="camargo"), path)
    text = ("Subject", "Gender")
    check_columns(table, path, dataset="camargo", columns=(*text, "Age", "Height", "Weight"), text=text)
    rows = table[table["Subject"].str.strip().str.upper() == patient]
    mass = float(rows["Weight"].iloc[0]) if len(rows) else float("nan")
    if not 30.0 <= mass <= 200.0:
        found = f"{mass:g} kg for {patient}" if len(rows) else f"no row {patient}"
        raise _bad(path, "Weight", found, "30 to 200 kg", f"Add the body mass of {patient} in kg to the table")
    row = rows.iloc[0]
    person = Patient(
        dataset="camargo",
        source_patient=patient,
        sex={"M": "male", "F": "female"}.get(str(row["Gender"]).strip().upper(), "unknown"),
        age=float(row["Age"]),
        height=float(row["Height"]),
        body_mass=mass,
    )
    return person, (cycles.relative(path, root), sha256(path))


def trial_files(date: Path) -> Iterator[tuple[str, str, dict[str, Path]]]:
    """Yield (mode, trial, file by sensor) of every trial name that any sensor folder holds."""
    modes = {path.name.lower(): path for path in date.iterdir() if path.is_dir()}
    for mode in (mode for mode in _GRAMMAR if mode in modes):
        files: dict[str, dict[str, Path]] = {}
        for sensor in sorted(modes[mode].iterdir()):
            if sensor.name.lower() not in SENSORS:
                continue
            for path in sorted(sensor.glob("*.mat")):
                if _GRAMMAR[mode].fullmatch(path.stem.lower()):
                    files.setdefault(path.stem.lower(), {})[sensor.name.lower()] = path
                else:
                    logger.warning("camargo: %s: not named like a %s trial, not read", path, mode)
        for name in sorted(files):
            yield mode, name, files[name]


def _bad(path: Path, field: str, found: str, expected: str, action: str) -> DataFormatError:
    return DataFormatError.of(dataset="camargo", file=path, field=field, found=found, expected=expected, action=action)
