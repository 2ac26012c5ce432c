"""Bacek 2024: the files of each person, and what is known of people and tests."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.mat import MatNode, open_mat
from biomech_xr.readers.tables import sha256
from biomech_xr.schema import Patient

NAME: Final = "bacek"
Level = Literal["raw", "seg"]
Part = Literal["Mechanics", "Energetics"]

_FILE: Final = re.compile(r"sub(\d+)_(seg|raw)(mechanics|energetics)\.mat", re.IGNORECASE)
_INFO: Final = re.compile(r"subjects?_?info\.mat", re.IGNORECASE)
_TEST: Final = re.compile(r"T(\d+)")
_EXAMPLE: Final = "Sub1_segMechanics.mat and Sub1_segEnergetics.mat"

PEOPLE: Final[Mapping[int, tuple[float, float, float, str]]] = {
    1: (35, 1.72, 74, "male"),
    2: (33, 1.74, 70, "male"),
    3: (33, 1.86, 86, "male"),
    4: (25, 1.75, 76, "male"),
    5: (32, 1.68, 51, "male"),
    6: (43, 1.73, 80, "female"),
    7: (math.nan, 1.67, 64, "unknown"),
    8: (math.nan, 1.76, 84, "unknown"),
    9: (23, 1.60, 65, "male"),
    10: (22, 1.88, 77, "male"),
    11: (24, 1.75, 90, "male"),
    12: (26, 1.74, 82, "male"),
    13: (29, 1.73, 82, "male"),
    14: (30, 1.72, 79, "male"),
    15: (27, 1.55, 50, "female"),
    16: (28, 1.55, 51, "female"),
    17: (29, 1.65, 72, "female"),
    18: (25, 1.80, 80, "male"),
    19: (57, 1.56, 59, "female"),
    20: (29, 1.74, 66, "male"),
    21: (26, 1.85, 88, "male"),
}
"""Age (y), height (m), body mass (kg) and sex of `Sub<N>`, from the authors' table; 7 and 8 are not in it."""

_SPEEDS: Final = (1.1, 0.8, 0.4)
_CADENCES: Final = ("-10 %", "-5 %", "preferred", "+10 %", "+20 %")
_TESTS: Final = 30
_WITH_ORTHOSIS: Final = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Test:
    """One fixed condition of walking: `speed` in m/s, `cadence` against the preferred one."""

    number: int
    speed: float
    cadence: str
    orthosis: bool

    @property
    def name(self) -> str:
        """The source's name, which is no order in time."""
        return f"T{self.number}"

    @property
    def task(self) -> str:
        """What was done: walking free, or with the left knee locked."""
        return "walk_orthosis" if self.orthosis else "walk_free"

    @property
    def labels(self) -> dict[str, Any]:
        """Labels of every stride of the test."""
        knee = ", left knee locked by an orthosis" if self.orthosis else ""
        return {
            "activity": "walk",
            "source_activity": f"walking at {self.speed:g} m/s, cadence {self.cadence}{knee}",
            "condition": "orthosis" if self.orthosis else "none",
            "surface": "treadmill",
            "speed": self.speed,
            "incline": 0.0,
            "duration_source": "events",
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Files:
    """The files of one person below ``root``.

    `sessions` maps a test to its session where the info file tells; `ignored` says what of that file is no use.
    """

    root: Path
    number: int
    paths: Mapping[tuple[str, str], Path]
    info: Path | None = None
    sessions: Mapping[str, str] = field(default_factory=dict)
    mass: float = math.nan
    ignored: str = ""

    @property
    def person(self) -> Patient:
        """The person, body mass from the info file before the table."""
        age, height, mass, sex = PEOPLE[self.number]
        return Patient(
            dataset=NAME,
            source_patient=f"Sub{self.number}",
            sex=sex,
            age=age,
            height=height,
            body_mass=self.mass if math.isfinite(self.mass) else mass,
        )

    def has(self, level: Level) -> bool:
        """Return whether both files of a level are there."""
        return all((level, part) in self.paths for part in ("mechanics", "energetics"))

    def path(self, level: Level, part: Part) -> Path:
        """Return a file.

        Raises
        ------
        MissingInputError
            It is not there.
        """
        found = self.paths.get((level, part.lower()))
        if found is None:
            raise MissingInputError(
                f"{NAME}: {self.root}: no file Sub{self.number}_{level}{part}.mat. Complete this person's download."
            )
        return found

    def sources(self, level: Level) -> tuple[tuple[str, str], ...]:
        """Return (name below root, SHA-256) of the files of a level and of the info file."""
        paths = [self.path(level, "Mechanics"), self.path(level, "Energetics"), *([self.info] if self.info else [])]
        return tuple((path.relative_to(self.root).as_posix(), sha256(path)) for path in paths)


def find_people(root: Path) -> dict[int, dict[tuple[str, str], Path]]:
    """Return the files of everybody by number, in numeric order; any folder below ``root`` may hold them.

    Raises
    ------
    MissingInputError
        No such folder, or no file of anybody.
    DataFormatError
        Two files of one name, or a person that the source does not have.
    """
    if not root.is_dir():
        raise MissingInputError(f"{NAME}: {root}: no such folder. Give the folder that holds {_EXAMPLE}.")
    people: dict[int, dict[tuple[str, str], Path]] = {}
    for path in sorted(root.rglob("*.[mM][aA][tT]")):
        match = _FILE.fullmatch(path.name)
        if not match:
            continue
        number, key = int(match[1]), (match[2].lower(), match[3].lower())
        if number not in PEOPLE:
            raise _bad(path, f"a person number {number}", "Sub1 to Sub21", "Check where the file comes from")
        if key in people.setdefault(number, {}):
            raise _bad(path, f"a second copy of {people[number][key]}", "one file a person and kind", "Remove the copy")
        people[number][key] = path
    if not people:
        raise MissingInputError(f"{NAME}: {root}: no files like {_EXAMPLE}. Unpack the archives of the people first.")
    return dict(sorted(people.items()))


def find_person(root: Path, patient: str) -> Files:
    """Return the files of one person and what the info file says.

    Raises
    ------
    MissingInputError
        Nobody of that id.
    DataFormatError
        The info file is damaged or names this person with an impossible body mass.
    """
    people = find_people(root)
    number = next((number for number in people if f"Sub{number}" == patient), None)
    if number is None:
        known = ", ".join(f"Sub{number}" for number in people)
        raise MissingInputError(f"{NAME}: {root}: no files of {patient}. Known: {known}.")
    info = next((path for path in sorted(root.rglob("*.[mM][aA][tT]")) if _INFO.fullmatch(path.name)), None)
    if info is None:
        return Files(root=root, number=number, paths=people[number])
    with open_mat(info, dataset=NAME, variables=("SubjectInfo",)) as content:
        person = content["SubjectInfo"].get(patient)
        sessions, mass, ignored = _sessions(person) if person is not None else ({}, math.nan, "")
    return Files(
        root=root, number=number, paths=people[number], info=info, sessions=sessions, mass=mass, ignored=ignored
    )


def _sessions(person: MatNode) -> tuple[dict[str, str], float, str]:
    """Return the session of each test, the mean body mass of the sessions (kg), and what of the orders is ignored."""
    found: dict[str, set[str]] = {}
    ignored: list[str] = []
    masses = []
    for name in person.fields():
        session = person[name]
        order = session.get("TestOrder") if session.kind == "struct" else None
        if order is not None and order.kind == "numeric":
            for number in order.vector().tolist():
                if number in range(1, _TESTS + 1):
                    found.setdefault(f"T{int(number)}", set()).add(name.removeprefix("Session"))
                elif number != 0 and not math.isnan(number):
                    ignored.append(f"{number:g} in {name}.TestOrder is no test")
        mass = session.get("Mass") if session.kind == "struct" else None
        if mass is not None and mass.kind == "numeric":
            if not 30 <= mass.number() <= 200:
                raise mass.bad(
                    found=f"{mass.number():g}",
                    expected="a body mass in kg",
                    action="Correct the info file or remove it",
                )
            masses.append(mass.number())
    ignored += [f"{test} is in two orders of tests" for test, names in found.items() if len(names) > 1]
    sessions = {test: names.pop() for test, names in found.items() if len(names) == 1}
    return sessions, sum(masses) / len(masses) if masses else math.nan, "; ".join(ignored)


def tests_of(node: MatNode) -> dict[str, Test]:
    """Return the tests that a file holds, by name, in numeric order; other fields are no tests."""
    numbers = sorted(int(match[1]) for name in node.fields() if (match := _TEST.fullmatch(name)))
    return {f"T{number}": _test(number) for number in numbers if 1 <= number <= _TESTS}


def _test(number: int) -> Test:
    block, step = divmod(number - 1, len(_CADENCES))
    return Test(
        number=number,
        speed=_SPEEDS[block % len(_SPEEDS)],
        cadence=_CADENCES[step],
        orthosis=number >= _WITH_ORTHOSIS,
    )


def _bad(path: Path, found: str, expected: str, action: str) -> DataFormatError:
    return DataFormatError.of(dataset=NAME, file=path, found=found, expected=expected, action=action)
