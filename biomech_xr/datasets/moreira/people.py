"""Moreira's people: where their folders lie, what `Metadata.txt` says, and durations that a user states."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from biomech_xr.datasets.moreira.legs import SPEEDS, has_data
from biomech_xr.datasets.moreira.sheets import NAME
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.tables import read_csv
from biomech_xr.schema import Patient

METADATA: Final = "Metadata.txt"
PEOPLE: Final = 16
_FOLDER: Final = re.compile(r"(?:participant|subject)_?(\d+)", re.IGNORECASE)
_DEPTH: Final = 3
_SEXES: Final = {"m": "male", "male": "male", "f": "female", "female": "female"}
_STATED: Final = ("participant", "speed", "leg", "trial", "stride", "seconds")

_WORDS: Final = (
    (rf"Participant({'|'.join(map(str, range(1, PEOPLE + 1)))})", f"Participant1 to Participant{PEOPLE}"),
    ("|".join(SPEEDS), f"one of {', '.join(SPEEDS)}"),
    ("[LR]", "L or R"),
    (r"T\d+", "a trial such as T2"),
)
"""Pattern of each of the first four columns, and what it says."""

Stated = Mapping[tuple[str, str, str, str, int], float]
"""(participant, speed, leg, trial, stride) -> s."""


def find_people(root: Path) -> dict[str, Path]:
    """Return the folder of each person below ``root``, ordered by number.

    The two deliveries may lie side by side; a person in both is read from the MATLAB file, which has the stride times.

    Raises
    ------
    MissingInputError
        ``root`` is no folder.
    DataFormatError
        Nobody is there, or one person is there twice in one delivery.
    """
    if not root.is_dir():
        raise MissingInputError(f"{NAME}: {root}: no such folder. Give the folder that holds Participant1.")
    found: dict[int, dict[bool, Path]] = {}
    for folder, number in _folders(root, _DEPTH):
        mat, tree = has_data(folder)
        if not (mat or tree):
            continue
        known = found.setdefault(number, {})
        if mat in known:
            raise _bad(
                folder, "", f"person {number} here and in {known[mat]}", "one folder a person", "Remove the copy"
            )
        known[mat] = folder
    if not found:
        names = ", ".join(sorted(path.name for path in root.iterdir())[:5]) or "nothing"
        expected = "Participant1, ... with Processed_Data.mat or Processed_Data/ in them"
        raise _bad(root, "", names, expected, "Give the folder that holds the people")
    return {f"Participant{number}": found[number].get(True) or found[number][False] for number in sorted(found)}


def _folders(folder: Path, depth: int) -> Iterator[tuple[Path, int]]:
    """Yield the folders named like a person, and their number, at most ``depth`` levels down."""
    for path in sorted(folder.iterdir()):
        match = _FOLDER.fullmatch(path.name)
        if match and path.is_dir():
            yield path, int(match[1])
        elif depth > 1 and path.is_dir():
            yield from _folders(path, depth - 1)


def read_person(folder: Path, name: str) -> Patient:
    """Return the person with what `Metadata.txt` says of them; the file may be missing.

    Raises
    ------
    DataFormatError
        The file speaks of another person, or a number is not in its unit.
    """
    path = folder / METADATA
    if not path.is_file():
        return Patient(dataset=NAME, source_patient=name)
    text = path.read_bytes().decode("utf-8", errors="replace")
    subject = re.search(r"Subject\s*(\d+)", text)
    if subject and f"Participant{int(subject[1])}" != name:
        raise _bad(path, "Subject", subject[0], f"the number of {name}", "Put the file back into its own folder")
    sex = re.search(r"Gender:\s*(\w+)", text)
    return Patient(
        dataset=NAME,
        source_patient=name,
        sex=_SEXES.get(sex[1].lower(), "unknown") if sex else "unknown",
        age=_number(path, text, "Age", "years", 5, 110),
        height=_number(path, text, "Body Height", "m", 1.2, 2.3),
        body_mass=_number(path, text, "Body Mass", "kg", 30, 200),
    )


def _number(path: Path, text: str, key: str, unit: str, low: float, high: float) -> float:
    line = re.search(rf"{key}:[ \t]*([^\r\n]*)", text)
    value = re.match(r"\d+(?:\.\d+)?(?![\d.,])", line[1]) if line else None
    if line is None:
        return math.nan
    if value is None or not low <= float(value[0]) <= high:
        raise _bad(path, key, repr(line[1].strip()), f"a number from {low:g} to {high:g} {unit}", "Correct the line")
    return float(value[0])


def read_stated_times(path: Path) -> Stated:
    """Return the durations of a user's CSV file with the columns participant, speed, leg, trial, stride and seconds.

    Raises
    ------
    DataFormatError
        A column is missing, a cell names no person, speed, leg, trial or stride that could be there, a duration is not
        positive, or a stride stands there twice.
    """
    table = read_csv(path, dataset=NAME, columns=_STATED, text=_STATED[:4])
    stated: dict[tuple[str, str, str, str, int], float] = {}
    for line, row in enumerate(table.itertuples(index=False), start=2):
        participant, speed, leg, trial = names = tuple(str(value).strip() for value in row[:4])
        for column, name, (pattern, expected) in zip(_STATED, names, _WORDS, strict=False):
            if not re.fullmatch(pattern, name):
                raise _bad(path, column, f"{name!r} in line {line}", expected, "Correct the cell")
        stride, seconds = float(row[4]), float(row[5])
        if stride not in (1, 2):
            raise _bad(path, "stride", f"{stride:g} in line {line}", "1 or 2", "Correct the cell")
        if not (seconds > 0 and math.isfinite(seconds)):
            raise _bad(
                path, "seconds", f"{seconds:g} in line {line}", "a positive number of seconds", "Correct the cell"
            )
        key = participant, speed, leg, trial, int(stride)
        if key in stated:
            raise _bad(path, "stride", f"the stride of line {line} twice", "one line a stride", "Remove one")
        stated[key] = seconds
    return stated


def _bad(path: Path, field: str, found: str, expected: str, action: str) -> DataFormatError:
    return DataFormatError.of(dataset=NAME, file=path, field=field, found=found, expected=expected, action=action)
