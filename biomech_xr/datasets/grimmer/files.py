"""The files of Grimmer 2020: one set a person, paired by the number at the end of the name; cells by configuration."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.mat import MatNode, open_mat
from biomech_xr.readers.tables import sha256

FloatArray = npt.NDArray[np.float64]

CONFIGURATIONS: Final = 6
VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "touchdowns": ("TD_ascent", "TD_descent"),
    "kinematics": ("Joint_Kinematics",),
    "kinetics": ("Joint_Kinetics",),
    "emg": ("Emg",),
    "forces": ("Forces",),
}
"""The cells of each kind of file."""

_REQUIRED: Final = ("touchdowns", "kinematics")
_ANY_CASE: Final = "*.[mM][aA][tT]"
_FOLDERS: Final = {
    "touchdowns": "touchdowns",
    "kinematics": "joint_kinematics",
    "kinetics": "joint_kinetics",
    "emg": "emg",
    "forces": "forces",
}
"""Folder of each kind; its files bear that name too, except in the two of joints, whose file names are not known."""

_GROUP_FILE: Final = "data_fully_processed.mat"
_DOWNLOAD: Final = "Complete the download: Preprocessed.zip, Processed.zip and FullyProcessed"


def find_people(root: Path) -> dict[int, dict[str, Path]]:
    """Return, by number of the person, the file of each kind below ``root``.

    The kind is read from the folder (`Joint_Kinematics`) or from the name (`EMG7.mat`).

    Raises
    ------
    MissingInputError
        ``root`` is no folder.
    DataFormatError
        It holds no such file, or two of one kind and person.
    """
    if not root.is_dir():
        raise MissingInputError(f"grimmer: {root}: no such folder. Give the folder that holds Preprocessed, Processed.")
    people: dict[int, dict[str, Path]] = {}
    for path in sorted(root.rglob(_ANY_CASE)):
        number = re.search(r"([1-9]\d*)$", path.stem)
        kind = _kind(path)
        if number is None or not kind or path.name.startswith("."):
            continue
        files = people.setdefault(int(number[1]), {})
        if kind in files:
            raise DataFormatError.of(
                dataset="grimmer",
                file=path,
                found=f"a second {kind} file of person {number[1]}, beside {files[kind]}",
                expected="one of each kind",
                action="Remove the copy",
            )
        files[kind] = path
    people = {number: files for number, files in sorted(people.items()) if "touchdowns" in files or "emg" in files}
    if not people:
        raise DataFormatError.of(
            dataset="grimmer",
            file=root,
            found="no file of a person",
            expected="Processed/Touchdowns/Touchdowns1.mat, Preprocessed/EMG/EMG1.mat, ...",
            action=_DOWNLOAD,
        )
    return people


def _kind(path: Path) -> str:
    """Return the kind of a file from its folder, or from its name where it lies elsewhere; empty for any other file."""
    folder, stem = path.parent.name.lower(), re.sub(r"\d+$", "", path.stem.lower())
    for kind, name in _FOLDERS.items():
        if folder == name or stem == name or (kind in ("kinematics", "kinetics") and kind in stem):
            return kind
    return ""


@contextmanager
def open_person(root: Path, files: Mapping[str, Path], notes: dict[str, str]) -> Iterator[dict[str, MatNode]]:
    """Open all files of a person; kinds that are not there are left out, `touchdowns` and `kinematics` must be.

    Forces that cannot be read, and EMG, moments or forces of another number of configurations, are left out and said
    in ``notes``.

    Raises
    ------
    MissingInputError
        A required file is missing.
    DataFormatError
        Another file is damaged or lacks its cells, or touchdowns or angles have not six configurations.
    """
    for kind in _REQUIRED:
        if kind not in files:
            known = ", ".join(str(path.relative_to(root)) for path in files.values())
            raise MissingInputError(f"grimmer: {root}: no {kind} file of this person (found {known}). {_DOWNLOAD}.")
    with ExitStack() as stack:
        opened: dict[str, MatNode] = {}
        for kind, path in files.items():
            try:
                node = stack.enter_context(open_mat(path, dataset="grimmer"))
                fault = _misfit(node, kind)
            except DataFormatError as error:
                if kind != "forces":
                    raise
                notes[kind] = unused(error, path)
                continue
            if fault is None:
                opened[kind] = node
            elif kind in _REQUIRED:
                raise fault
            else:
                notes[kind] = unused(fault, path)
        yield opened


def unused(error: DataFormatError, path: Path) -> str:
    """Return the note on a stream that is left out, the file named without its folder."""
    return f"not used: {str(error).replace(str(path), path.name)}"


def _misfit(root: MatNode, kind: str) -> DataFormatError | None:
    """Return what to raise of a cell that has not six configurations: it is unknown which stairs they are."""
    for name in VARIABLES[kind]:
        cell = root[name]
        if cell.kind != "cell" or len(cell) != CONFIGURATIONS:
            expected = f"a cell of {CONFIGURATIONS} configurations"
            return cell.bad(found=cell.says(), expected=expected, action="Download the file again")
    return None


def hashes(root: Path, files: Mapping[str, Path]) -> tuple[tuple[str, str], ...]:
    """Return (name relative to the root, SHA-256) of every file of a person, that of the masses included."""
    masses = find_masses(root)
    paths = [*files.values(), *([masses] if masses else [])]
    return tuple((path.relative_to(root).as_posix(), sha256(path)) for path in paths)


def trial_counts(opened: Mapping[str, MatNode]) -> list[int]:
    """Return the number of trials of each configuration, the most that any file has."""
    counts = [0] * CONFIGURATIONS
    for kind, root in opened.items():
        for name in VARIABLES[kind] if kind != "forces" else ():
            for index, entry in enumerate(root[name].elements()):
                own = 0 if entry.kind == "empty" else len(list(entry.elements()))
                counts[index] = max(counts[index], own)
    return counts


def trial_node(root: MatNode | None, name: str, config: int, trial: int) -> MatNode | None:
    """Return the struct ``name{config}{trial}``, both from 0; None where it is empty or absent."""
    if root is None:
        return None
    entry = root[name].element(config)
    if entry.kind == "empty" or trial >= len(entry):
        return None
    node = entry.element(trial)
    if node.kind == "empty":
        return None
    if node.kind != "struct":
        raise node.bad(found=node.says(), expected="a struct of one trial", action="Download the file again")
    return node


def columns(node: MatNode, names: Sequence[str]) -> dict[str, FloatArray]:
    """Return fields of a trial as columns of one length; an empty field is all NaN.

    Raises
    ------
    DataFormatError
        A field is missing, is no vector, or differs in length.
    """
    found = {name: node[name].vector() for name in names}
    rows = max((column.size for column in found.values()), default=0)
    for name, column in found.items():
        if column.size not in (0, rows):
            raise node[name].bad(
                found=f"{column.size} samples", expected=f"{rows} as in the other fields", action="Download it again"
            )
    return {name: column if column.size else np.full(rows, np.nan) for name, column in found.items()}


def touchdowns(node: MatNode | None, field: str, rate: float) -> FloatArray:
    """Return touchdown times (s) of one leg, from 1-based frames that may be fractional; NaN where one is not known.

    Leading and trailing NaN, and zeros, are padding and are left out.
    """
    if node is None:
        return np.empty(0)
    frames = node[field].vector()
    known = np.flatnonzero(np.isfinite(frames) & (frames > 0))
    if not known.size:
        return np.empty(0)
    frames = np.where(np.isfinite(frames) & (frames > 0), frames, np.nan)[known[0] : known[-1] + 1]
    return np.asarray((frames - 1) / rate)


def find_masses(root: Path) -> Path | None:
    """Return the file of group averages, which holds the body masses."""
    return next((path for path in sorted(root.rglob(_ANY_CASE)) if path.name.lower() == _GROUP_FILE), None)


def body_mass(root: Path, number: int) -> float:
    """Return the mass (kg) of a person from the file of group averages, NaN where that file is not there.

    Raises
    ------
    DataFormatError
        The list has no such person or an impossible mass.
    """
    path = find_masses(root)
    if path is None:
        return math.nan
    with open_mat(path, dataset="grimmer") as content:
        node = content["data"]["info"]["subjects_mass"]
        masses = node.vector()
    if number > masses.size or not 30 <= masses[number - 1] <= 200:
        found = f"{masses[number - 1]:g}" if number <= masses.size else f"{masses.size} values"
        raise node.bad(found=found, expected=f"a mass of 30 to 200 kg of person {number}", action="Check the file")
    return float(masses[number - 1])
