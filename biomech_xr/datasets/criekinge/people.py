"""Van Criekinge 2023: who is in the two files, where they are, and who is known to lack what."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from biomech_xr import vocabulary as words
from biomech_xr.datasets._names import files_of
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.mat import MatNode, open_mat
from biomech_xr.readers.tables import sha256
from biomech_xr.schema import Patient

Group = Literal["able_bodied", "stroke"]

NAME: Final = "criekinge"
PATTERNS: Final[tuple[tuple[Group, str], ...]] = (("able_bodied", "*AbleBodied*.mat"), ("stroke", "*PostStroke*.mat"))
"""File of each population; the authors misspell the rest of the second name once."""

ABLE_BODIED: Final = tuple(f"SUBJ{number}" for number in range(1, 139))
"""`Sub(n)` of the able-bodied file."""

_STROKE_NUMBERS: Final = (
    3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 32, 33, 34, 35,
    36, 37, 38, 39, 40, 41, 42, 43, 46, 47, 48, 49, 51, 52, 53, 54, 55, 57, 58, 60,
)  # fmt: skip
STROKE: Final = tuple(f"TVC{number:02d}" for number in _STROKE_NUMBERS)
"""`Sub(1)` to `Sub(50)` of the stroke file."""

_IDS: Final = {"able_bodied": ABLE_BODIED, "stroke": STROKE}

NO_ANKLE_MOMENT: Final = {
    "L": (11, 43, 44, 46, 60, 107, 124, 133),
    "R": (14, 30, 37, 53, 58, 59, 78, 97, 102),
    "P": (7, 13, 14, 20, 24, 25, 29, 30, 31, 32, 33, 34, 36, 37, 39, 40, 41, 42, 44, 45, 46, 48, 49),
    "N": (1, 7, 13, 14, 24, 25, 32, 33, 34, 36, 37, 40, 41, 46, 47, 49),
}
"""Positions in `Sub`, from 1, of legs without any ankle moment: left, right, paretic, non-paretic."""

NO_BICEPS: Final = {
    "L": (11, 12, 21, 23, 37, 48, 54, 72, 74, 84, 85, 95, *range(118, 139)),
    "R": (
        12, 15, 21, 23, 31, 37, 43, 48, 50, 54, 56, 72, 74, 84, 85, 89, 94, 95, 105, 109, 110, 116, 117,
        *range(118, 139),
    ),
    "P": (8, 37, 43, 45, 46, 47, 48),
    "N": (8, 43, 45, 46, 47, 48),
}  # fmt: skip
"""The same for the EMG of biceps femoris, the muscle with most gaps."""

HAND_SUPPORT: Final = ("TVC48", "TVC51", "TVC54")
"""Stroke survivors who had a hand supported while they walked."""

_LOWEST_MASS: Final = 20.0
_HIGHEST_MASS: Final = 250.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Leg:
    """One leg as the source calls it (`L`, `R`, `P`, `N`) and where it is on the body."""

    letter: str
    side: words.Side

    @property
    def segment(self) -> str:
        """The field with this leg's data inside this leg's own strides."""
        return f"{self.letter}sideSegm_{self.letter}sideData"


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """One element of `Sub`: its place from 1, its file, its content and its two legs."""

    number: int
    path: Path
    node: MatNode
    person: Patient
    legs: tuple[Leg, Leg]


def find_files(root: Path) -> dict[Group, Path]:
    """Return the file of each population that is there.

    Raises
    ------
    MissingInputError
        No such folder, or neither file in it.
    DataFormatError
        Two files of one population.
    """
    if not root.is_dir():
        raise MissingInputError(f"{NAME}: {root}: no such folder. Give the folder that holds the two MAT files.")
    found: dict[Group, Path] = {}
    for group, pattern in PATTERNS:
        paths = [path for path in files_of(root, ".mat") if fnmatch(path.name.lower(), pattern.lower())]
        if len(paths) > 1:
            raise DataFormatError.of(
                dataset=NAME,
                file=root,
                found=f"{len(paths)} files {pattern}: {', '.join(path.name for path in paths)}",
                expected="one release of each population",
                action="Move all but one version away",
            )
        if paths:
            found[group] = paths[0]
    if not found:
        raise MissingInputError(
            f"{NAME}: {root}: no file {' or '.join(pattern for _, pattern in PATTERNS)}. "
            "Give the folder that holds MAT_normalizedData_AbleBodiedAdults_*.mat and MAT_normalizedData_PostStroke*."
        )
    return found


def list_ids(root: Path) -> list[str]:
    """Return the ids of everybody in the files, able-bodied first, in the order of `Sub`.

    Of a file that cannot be read beside one that can, everybody is named who should be in it: each of them is then
    refused with the error of that file, and the people of the other are read.
    """
    files = find_files(root)
    ids: list[str] = []
    for group, path in files.items():
        try:
            with open_mat(path, dataset=NAME) as content:
                count = len(_subjects(content, group))
        except DataFormatError:
            if len(files) == 1:
                raise
            count = len(_IDS[group])
        ids += _IDS[group][:count]
    return ids


@contextmanager
def open_subject(root: Path, patient: str) -> Iterator[Subject]:
    """Open the file of one person at that person's place; nothing else of it is read.

    Raises
    ------
    MissingInputError
        Nobody has that id, or the file of that population is not there or too short.
    DataFormatError
        The file is damaged or lacks a field.
    """
    group: Group = "able_bodied" if patient in ABLE_BODIED else "stroke"
    if patient not in _IDS[group]:
        raise MissingInputError(f"{NAME}: {root}: nobody is called {patient}. Known: SUBJ1 to SUBJ138, TVC03 to TVC60.")
    files = find_files(root)
    if group not in files:
        raise MissingInputError(f"{NAME}: {root}: no file {dict(PATTERNS)[group]}, which holds {patient}.")
    number = _IDS[group].index(patient) + 1
    path = files[group]
    with open_mat(path, dataset=NAME) as content:
        subjects = _subjects(content, group)
        if number > len(subjects):
            raise MissingInputError(
                f"{NAME}: {path}: holds {len(subjects)} people, {patient} would be number {number}."
            )
        node = subjects if subjects.kind == "struct" else subjects.element(number - 1)
        legs, affected = _legs(node, group)
        person = _person(node, patient, group, affected)
        yield Subject(number=number, path=path, node=node, person=person, legs=legs)


@lru_cache(maxsize=8)
def _digest(path: Path, size: int, changed: int) -> str:
    """Return the checksum; ``size`` and ``changed`` (ns) make a changed file a new key."""
    del size, changed
    return sha256(path)


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, computed once a process while the file stays as it is."""
    state = path.stat()
    return _digest(path, state.st_size, state.st_mtime_ns)


def _subjects(content: MatNode, group: Group) -> MatNode:
    """Return the struct array `Sub`, at the top or below `Data`, after checking its length."""
    data = content.get("Data")
    subjects = content.get("Sub") or (data["Sub"] if data is not None else content["Sub"])
    most = len(_IDS[group])
    if subjects.kind not in ("struct", "structs") or not 1 <= len(subjects) <= most:
        raise subjects.bad(
            found=subjects.says(),
            expected=f"a struct array of at most {most} people",
            action="Use the file of the authors' release",
        )
    return subjects


def _legs(node: MatNode, group: Group) -> tuple[tuple[Leg, Leg], str]:
    """Return the two legs and the affected side."""
    if group == "able_bodied":
        return (Leg(letter="L", side="left"), Leg(letter="R", side="right")), "none"
    lesion = node["sub_char"]["LesionLeft"]
    value = lesion.number()
    if value not in (0, 1):
        raise lesion.bad(
            found=f"{value:g}",
            expected="1 (lesion of the left brain) or 0 (right)",
            action="Leave this person out: the side of the paretic leg is not known",
        )
    sides: tuple[words.Side, words.Side] = ("right", "left") if value else ("left", "right")
    return (Leg(letter="P", side=sides[0]), Leg(letter="N", side=sides[1])), sides[0]


def _person(node: MatNode, patient: str, group: Group, affected: str) -> Patient:
    facts = node["sub_char"]
    mass = facts["Weight"]
    if mass.number() < _LOWEST_MASS or mass.number() > _HIGHEST_MASS:
        raise mass.bad(
            found=f"{mass.number():g}",
            expected=f"a body mass from {_LOWEST_MASS:g} to {_HIGHEST_MASS:g} kg",
            action="Check the unit of this release",
        )
    return Patient(
        dataset=NAME,
        source_patient=patient,
        population=group,
        affected_side=affected,
        sex={1.0: "male", 0.0: "female"}.get(facts["Male"].number(), "unknown"),
        age=facts["Age"].number(),
        height=facts["Height"].number() / 1000,
        body_mass=mass.number(),
    )
