"""The people of Lencioni 2019: one file each, and what its header says of the person."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Final

from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.mat import MatNode
from biomech_xr.schema import Patient

_NAME: Final = re.compile(r"subject\s*0*(\d+)\.mat", re.IGNORECASE)


def find_files(root: Path) -> dict[str, Path]:
    """Return the file of each person, by number."""
    if not root.is_dir():
        raise MissingInputError(f"lencioni: {root}: no such folder. Give the folder that holds Subject1.mat.")
    found: dict[int, Path] = {}
    for path in sorted(root.rglob("*")):
        match = _NAME.fullmatch(path.name)
        if match is None or not path.is_file():
            continue
        first = found.setdefault(int(match[1]), path)
        if first != path:
            raise DataFormatError.of(
                dataset="lencioni",
                file=path,
                found=f"a second file of the same person, beside {first}",
                expected="one file a person",
                action="Remove the copy",
            )
    if not found:
        raise DataFormatError.of(
            dataset="lencioni",
            file=root,
            found="no file of that name",
            expected="Subject1.mat, Subject2.mat, ...",
            action="Give the folder that holds them",
        )
    return {f"Subject{number}": found[number] for number in sorted(found)}


def read_person(struct: MatNode, patient: str) -> Patient:
    """Return the person of a file: height in m, body mass in kg, age in years; NaN where the file has none.

    Raises
    ------
    DataFormatError
        A field is missing, or holds what no person has in its unit.
    """
    gender = struct["Gender"]
    letter = gender.text()[:1].lower() if gender.kind == "text" else ""
    return Patient(
        dataset="lencioni",
        source_patient=patient,
        sex={"f": "female", "m": "male"}.get(letter, "unknown"),
        age=_within(struct["Age"], 3, 110, "years"),
        height=_within(struct["BH"], 80, 230, "cm") / 100,
        body_mass=_within(struct["BM"], 10, 250, "kg"),
    )


def _within(node: MatNode, low: float, high: float, unit: str) -> float:
    """Return a number of a person, NaN where the file has none."""
    if node.kind == "empty":
        return math.nan
    value = node.number()
    if not (math.isnan(value) or low <= value <= high):
        expected = f"{low:g} to {high:g} {unit}"
        raise node.bad(found=f"{value:g}", expected=expected, action="Correct the value or its unit")
    return value
