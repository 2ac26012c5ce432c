"""Where Moreira's tables lie: the tree of text files and the MATLAB struct, both as legs with tables by trial."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.datasets._names import files_of
from biomech_xr.datasets.moreira.sheets import NAME, MatSheet, Sheet, TextSheet
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.mat import MatNode, open_mat

SPEEDS: Final = {"V1": 1.0, "V15": 1.5, "V2": 2.0, "V25": 2.5, "V3": 3.0, "V35": 3.5, "V4": 4.0}
"""Speed of each group of trials, km/h."""

ANGLES: Final = "Angles"
MOMENTS: Final = "Torques_Norm"
TORQUES: Final = "Torques"
FORCES: Final = "GRF"
TIMES: Final = "Stride_Time"
_NO_SIGNAL: Final = "Properties"
_SIDES: Final[Mapping[str, words.Side]] = {"L": "left", "R": "right"}
_MAT: Final = "Processed_Data.mat"
_TREE: Final = "Processed_Data"

Members = Mapping[str, Mapping[str, Sheet]]
"""Name of a signal -> name of a trial -> its table."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Leg:
    """One leg at one speed.

    `place` names it in messages; `members` holds the tables; `times` the published duration of the first and second
    stride of each trial, s; `unpaired` says why times that are there cannot be given to trials; `unread` names what
    lies beside the signals.
    """

    speed: str
    letter: str
    place: str
    file: Path
    members: Members
    times: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    unpaired: str = ""
    unread: tuple[str, ...] = ()

    @property
    def side(self) -> words.Side:
        """The side that the leg's letter stands for."""
        return _SIDES[self.letter]

    def trials(self, emg: str) -> list[str]:
        """Return the trials with angles, moments or the EMG signal of that name, T2 before T10."""
        names = (ANGLES, MOMENTS, emg)
        return sorted({trial for name in names for trial in self.members.get(name, {})}, key=_natural)

    def files(self, trial: str) -> list[Path]:
        """Return the files that hold a trial."""
        sheets = [tables[trial] for tables in self.members.values() if trial in tables]
        paths = [sheet.path for sheet in sheets if isinstance(sheet, TextSheet)]
        return paths or [self.file]


@contextmanager
def open_legs(folder: Path) -> Iterator[list[Leg]]:
    """Yield the legs of one person at all speeds, slowest first, right before left; the MATLAB file where it is there.

    Raises
    ------
    MissingInputError
        The folder holds neither `Processed_Data.mat` nor `Processed_Data`.
    DataFormatError
        The file or the tree is not what the format says.
    """
    if (folder / _MAT).is_file():
        with open_mat(folder / _MAT, dataset=NAME) as root:
            yield _complete(_struct_legs(root))
    elif (folder / _TREE).is_dir():
        yield _complete(_tree_legs(folder / _TREE))
    else:
        raise MissingInputError(f"{NAME}: {folder}: found neither {_MAT} nor a folder {_TREE}. Unpack the archive.")


def _complete(legs: Iterable[Leg]) -> list[Leg]:
    """Return the legs that hold anything; refuse a person of whom no leg has angles."""
    found = [leg for leg in legs if any(leg.members.values())]
    if found and not any(leg.members.get(ANGLES) for leg in found):
        raise DataFormatError.of(
            dataset=NAME,
            file=found[0].file,
            field=f"{found[0].place}{ANGLES}",
            found=f"only {', '.join(found[0].members)}, and no angles in the other legs",
            expected=f"the signal {ANGLES} in one leg at least",
            action="Complete the download",
        )
    return found


def has_data(folder: Path) -> tuple[bool, bool]:
    """Return whether a person's folder has the MATLAB file, and whether it has the tree of text files."""
    return (folder / _MAT).is_file(), (folder / _TREE).is_dir()


def _tree_legs(folder: Path) -> Iterator[Leg]:
    found = {path.name: path for path in folder.iterdir() if path.is_dir()}
    _check_speeds(folder, "", list(found))
    for speed in (name for name in SPEEDS if name in found):
        for letter in ("R", "L"):
            leg = found[speed] / letter
            if not leg.is_dir():
                continue
            parts = sorted(path for path in leg.iterdir() if path.is_dir())
            members = {path.name: _text_tables(path) for path in parts if path.name != _NO_SIGNAL}
            yield Leg(
                speed=speed,
                letter=letter,
                place=f"{speed}/{letter}/",
                file=leg,
                members={name: tables for name, tables in members.items() if tables},
                unread=tuple(path.name for path in parts if not members.get(path.name)),
            )


def _text_tables(folder: Path) -> dict[str, Sheet]:
    return {path.stem: TextSheet(path) for path in files_of(folder, ".txt") if re.fullmatch(r"T\d+", path.stem)}


def _struct_legs(root: MatNode) -> Iterator[Leg]:
    person = _person_struct(root)
    _check_speeds(person.file, person.path, list(person.fields()))
    for speed in (name for name in SPEEDS if name in person.fields()):
        for letter in ("R", "L"):
            node = person[speed].get(letter)
            if node is not None and node.kind == "struct":
                yield _struct_leg(node, speed, letter)


def _person_struct(root: MatNode) -> MatNode:
    """Return the one struct of the file; its name holds the number of the person and is not relied on."""
    structs = [root[name] for name in root.fields() if root[name].kind == "struct"]
    if len(structs) != 1:
        found = f"{len(structs)} structs among {', '.join(root.fields()) or 'no variables'}"
        raise root.bad(found=found, expected="one struct like Subject1_pro", action="Download the file again")
    return structs[0]


def _struct_leg(node: MatNode, speed: str, letter: str) -> Leg:
    members: dict[str, Mapping[str, Sheet]] = {}
    unread = []
    orders: dict[str, list[str]] = {}
    for name in node.fields():
        part = node[name]
        if name == TIMES:
            continue
        if part.kind != "cell" or len(part.shape) != 2 or part.shape[1] != 2:
            if name in (ANGLES, MOMENTS, TORQUES, FORCES) and part.kind != "empty":
                raise part.bad(found=part.says(), expected="a cell of trials x 2", action="Download the file again")
            unread.append(name)
            continue
        orders[name], members[name] = _cell_tables(part)
    times, unpaired = _published(node.get(TIMES), orders)
    return Leg(
        speed=speed,
        letter=letter,
        place=f"{node.path}.",
        file=node.file,
        members=members,
        times=times,
        unpaired=unpaired,
        unread=tuple(unread),
    )


def _cell_tables(part: MatNode) -> tuple[list[str], dict[str, Sheet]]:
    """Return the names in the first column, and the tables in the second by name; empty cells are no trials."""
    rows = part.shape[0]
    names: list[str] = []
    tables: dict[str, Sheet] = {}
    for row in range(rows):
        title, table = part.element(row), part.element(rows + row)
        name = title.text() if title.kind in ("text", "empty") else ""
        names.append(name)
        if table.kind == "empty":
            continue
        if not name or name in tables:
            found = f"a second trial {name!r}" if name else f"{title.says()} instead of a name"
            raise part.bad(found=f"{found} in row {row + 1}", expected="one name a trial", action="Correct the name")
        tables[name] = MatSheet(table)
    return names, tables


def _published(node: MatNode | None, orders: Mapping[str, list[str]]) -> tuple[dict[str, tuple[float, ...]], str]:
    """Return the durations of `Stride_Time` by trial (NaN unless positive), or why they cannot be given to trials.

    The table has one row a trial and no names: row k belongs to row k of `Angles`, and only where there are as many.
    Where a leg has no `Angles`, the other signals tell the order if all list the same trials.
    """
    if node is None or node.kind == "empty":
        return {}, ""
    table = MatSheet(node).read(["St1_Time"], ["St2_Time"])
    others = list(orders.values())
    order = orders[ANGLES] if ANGLES in orders else others[0] if others else []
    if ANGLES not in orders and any(other != order for other in others):
        return {}, f"{node.path} has no names, {ANGLES} is empty and the other signals list different trials"
    if len(table) != len(order):
        return {}, f"{node.path} has {len(table)} rows, {ANGLES} lists {len(order)} trials"
    times = table.to_numpy(dtype=float)
    rows = np.where(times > 0, times, np.nan).tolist()
    return {name: tuple(row) for name, row in zip(order, rows, strict=True) if name}, ""


def _check_speeds(file: Path, field: str, names: list[str]) -> None:
    unknown = [name for name in names if re.fullmatch(r"V\d+", name) and name not in SPEEDS]
    if unknown or not set(names) & set(SPEEDS):
        raise DataFormatError.of(
            dataset=NAME,
            file=file,
            field=field,
            found=f"the speed {unknown[0]}" if unknown else f"{', '.join(sorted(names)[:5]) or 'nothing'}",
            expected=f"some of the speeds {', '.join(SPEEDS)}",
            action="Restore the published names",
        )


def _natural(name: str) -> tuple[int, str]:
    digits = re.search(r"\d+", name)
    return (int(digits[0]) if digits else 0), name
