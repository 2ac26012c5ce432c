"""Gait120's tree: people in folders of ten, motion files by task, trial and step, and the workbook of body sizes."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from biomech_xr.datasets import cycles
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.tables import read_sheet, sha256, sheet_names
from biomech_xr.schema import Patient

logger = logging.getLogger(__name__)

NAME: Final = "gait120"
TASKS: Final = (
    "LevelWalking",
    "StairAscent",
    "StairDescent",
    "SlopeAscent",
    "SlopeDescent",
    "SitToStand",
    "StandToSit",
)
Place = tuple[str, int]
"""(task, number of the trial)."""

_WORKBOOK: Final = "Anthropometric_Data_Participants.xlsx"
_FOLDER: Final = re.compile(r"s\d{3}", re.IGNORECASE)
_DEPTH: Final = 5


def find_people(root: Path) -> dict[str, Path]:
    """Return the folder of each person (S001, ...) at most five levels below ``root``, sorted.

    Raises
    ------
    MissingInputError
        ``root`` is no folder.
    DataFormatError
        Nobody is there, or one person is there twice.
    """
    if not root.is_dir():
        raise MissingInputError(f"{NAME}: {root}: no such folder. Give the folder that holds Gait120_001_to_010.")
    found: dict[str, Path] = {}
    for folder in _folders(root, _DEPTH):
        name = folder.name.upper()
        if name in found:
            raise bad(folder, name, f"the same person in {found[name]}", "one folder a person", "Remove the copy")
        found[name] = folder
    if not found:
        names = ", ".join(sorted(path.name for path in root.iterdir())[:5]) or "nothing"
        raise bad(root, "", names, "S001, ... in folders like Gait120_001_to_010", "Give the folder that holds them")
    return dict(sorted(found.items()))


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the folders of people; a doubled folder (S001/S001) is one."""
    for path in sorted(path for path in folder.iterdir() if path.is_dir()):
        if _FOLDER.fullmatch(path.name):
            inner = path / path.name
            yield inner if inner.is_dir() else path
        elif depth > 1:
            yield from _folders(path, depth - 1)


def age_group(name: str) -> dict[str, str]:
    """Return the note of a person's age group; none for a number outside the published ones."""
    number = int(name[1:])
    if 1 <= number <= 60:
        return {"age_group": "young: 20 to 25 years"}
    return {"age_group": "older: 40 to 59 years"} if 61 <= number <= 120 else {}


def child(folder: Path, name: str) -> Path | None:
    """Return the entry of a folder whose name is ``name`` in any case; None where there is none."""
    if not folder.is_dir():
        return None
    return next((path for path in sorted(folder.iterdir()) if path.name.lower() == name.lower()), None)


def find_motions(folder: Path) -> dict[Place, dict[int, Path]]:
    """Return the joint angle file of each (task, trial) and step of one person; names in any case.

    Raises
    ------
    DataFormatError
        Two files are one step.
    """
    tasks = {task.lower(): task for task in TASKS}
    found: dict[Place, dict[int, Path]] = {}
    top = child(folder, "JointAngle")
    for path in sorted(top.rglob("*")) if top is not None else ():
        if path.suffix.lower() != ".mot":
            continue
        parts = path.relative_to(top or path).parts
        trial = re.fullmatch(r"trial(\d+)", parts[1], re.IGNORECASE) if len(parts) == 3 else None
        step = re.fullmatch(r"step(\d+)\.mot", parts[-1], re.IGNORECASE)
        if trial is None or step is None or parts[0].lower() not in tasks:
            logger.warning("%s: %s: not a file like LevelWalking/Trial01/step01.mot, not read", NAME, path)
            continue
        steps = found.setdefault((tasks[parts[0].lower()], int(trial[1])), {})
        if int(step[1]) in steps:
            raise bad(path, "", f"a second file of step {int(step[1])}", "one file a step", "Remove the copy")
        steps[int(step[1])] = path
    return found


def read_person(root: Path, folder: Path, name: str) -> tuple[Patient, tuple[tuple[str, str], ...]]:
    """Return the person (all are men) with height and mass, and the workbook as a source where it is there.

    Raises
    ------
    DataFormatError
        The workbook has no sheet with the column `Subject`, or a number is not in its unit (mm, kg).
    """
    path = next((above / _WORKBOOK for above in _ancestors(root, folder) if (above / _WORKBOOK).is_file()), None)
    if path is None:
        return Patient(dataset=NAME, source_patient=name, sex="male"), ()
    source = ((cycles.relative(path, root), sha256(path)),)
    sheets = {title: read_sheet(path, dataset=NAME, sheet=title) for title in sheet_names(path, dataset=NAME)}
    listed = {title: table for title, table in sheets.items() if "Subject" in table}
    if not listed:
        raise bad(path, "Subject", f"the sheets {', '.join(sheets)} without it", "a column Subject", "Restore it")
    for table in listed.values():
        rows = table[table["Subject"].astype(str).str.strip().str.upper() == name]
        if len(rows):
            height = _cell(path, rows, "height", 1200, 2300, "mm")
            mass = _cell(path, rows, "mass", 30, 200, "kg")
            return (
                Patient(dataset=NAME, source_patient=name, sex="male", height=height / 1000, body_mass=mass),
                source,
            )
    return Patient(dataset=NAME, source_patient=name, sex="male"), source


def _ancestors(root: Path, folder: Path) -> Iterator[Path]:
    while folder != root:
        folder = folder.parent
        yield folder


def _cell(path: Path, rows: pd.DataFrame, word: str, low: float, high: float, unit: str) -> float:
    """Return the number in the column whose header holds ``word``; NaN where there is none or the cell is empty."""
    name = next((title for title in rows if word in str(title).lower()), None)
    value = rows[name].iloc[0] if name is not None else ""
    if value in ("", None):
        return math.nan
    number = float(pd.to_numeric(pd.Series([value]), errors="coerce").iloc[0])
    if not low <= number <= high:
        found = repr(value) if isinstance(value, str) else str(value)
        raise bad(path, str(name), found, f"a number from {low:g} to {high:g} {unit}", "Correct the cell")
    return number


def bad(path: Path, field: str, found: str, expected: str, action: str) -> DataFormatError:
    """Return the error about a file; the caller raises it."""
    return DataFormatError.of(dataset=NAME, file=path, field=field, found=found, expected=expected, action=action)


Motions = Mapping[Place, Mapping[int, Path]]
