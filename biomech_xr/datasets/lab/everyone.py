"""Checks the files of all people of a mapping at once, and refuses a file that stands in two trials."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Final

from biomech_xr.datasets.lab.check import problems
from biomech_xr.datasets.lab.contents import open_trial
from biomech_xr.datasets.lab.mapping import LabMapping, Person
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.tables import sha256

_OPENED_BYTES: Final = 2**30
"""Files that are larger together are opened person by person only, when they are parsed."""
_WORKERS: Final = 4
_SEEN: Final[dict[object, tuple[str, ...]]] = {}
"""The last outcome, by folder, mapping and state of the files."""

Use = tuple[str, str]


def check_everyone(folder: Path, mapping: LabMapping, name: str) -> None:
    """Raise with the problems of the files of all people when there are any.

    Only whether files exist and differ is looked at where they are larger than 1 GiB together. An outcome is kept
    until a file or the mapping changes.

    Raises
    ------
    MissingInputError
        Nothing but missing files, all named.
    DataFormatError
        Other problems, the missing files among them.
    """
    paths = [path for person in mapping.people for path in paths_of(folder, person)]
    stamps = tuple((str(path), *_stamp(path)) for path in paths)
    complain(folder, mapping.people, _lines(folder, mapping, stamps), name)


def complain(folder: Path, people: Iterable[Person], lines: Iterable[str], name: str) -> None:
    """Raise with all problems: as missing input where nothing but files is missing."""
    found = list(dict.fromkeys(lines))
    if not found:
        return
    gone = {p.id: [str(path) for path in paths_of(folder, p) if not path.is_file()] for p in people}
    if all(any(path in line and "no such file" in line for paths in gone.values() for path in paths) for line in found):
        texts = [f"people.{person}.files: no such file: {', '.join(paths)}." for person, paths in gone.items() if paths]
        raise MissingInputError(f"lab: {' '.join(texts)}")
    text = "\n".join(f"  - {line}" for line in found)
    raise DataFormatError(f"lab: {len(found)} problem(s) between {name} and the files:\n{text}")


def _lines(folder: Path, mapping: LabMapping, stamps: tuple[tuple[str, int, int], ...]) -> tuple[str, ...]:
    key = folder, mapping.hash(), stamps
    if key not in _SEEN:
        _SEEN.clear()
        _SEEN[key] = _looked_up(folder, mapping, stamps)
    return _SEEN[key]


def _looked_up(folder: Path, mapping: LabMapping, stamps: tuple[tuple[str, int, int], ...]) -> tuple[str, ...]:
    repeated = [line for _, line in same_files(folder, mapping)]
    if sum(size for _, size, _ in stamps) > _OPENED_BYTES:
        missing = [f"{path}: no such file" for path, size, _ in stamps if size < 0]
        return (*repeated, *missing)
    with ThreadPoolExecutor(_WORKERS) as pool:
        own = list(pool.map(lambda person: person_lines(folder, person, mapping), mapping.people))
    many = len(mapping.people) > 1
    told = [f"{p.id}: {x}" if many else x for p, lines in zip(mapping.people, own, strict=True) for x in lines]
    return (*repeated, *told)


def person_lines(folder: Path, person: Person, mapping: LabMapping) -> list[str]:
    """Return the problems of all files of one person."""
    lines = []
    for files in person.trials:
        content = open_trial(folder, files, mapping)
        lines += trial_lines(content.paths, files.trial, problems(content, mapping, person))
    return lines


def trial_lines(paths: Mapping[str, Path], trial: str, found: Iterable[str]) -> list[str]:
    """Return problems with the file, or the trial, in front of those that name none."""
    own = list(paths.values())
    where = own[0] if len(own) == 1 else f"trial {trial}"
    return [line if any(str(path) in line for path in own) else f"{where}: {line}" for line in found]


def paths_of(folder: Path, person: Person) -> list[Path]:
    """Return the files of a person."""
    return [folder / file for trial in person.trials for file in trial.by_role().values()]


def same_files(folder: Path, mapping: LabMapping) -> list[tuple[frozenset[str], str]]:
    """Return (people, problem) of files, equal by path or by content, that stand in two trials or of two people."""
    uses: dict[Path, set[Use]] = {}
    for person in mapping.people:
        for trial in person.trials:
            for file in trial.by_role().values():
                uses.setdefault((folder / file).resolve(), set()).add((person.id, trial.trial))
    found = [_twice(f"{path}", used) for path, used in uses.items() if len(used) > 1]
    sized = sorted((path.stat().st_size, path) for path in uses if path.is_file())
    for _, group in groupby(sized, key=lambda entry: entry[0]):
        alike = [path for _, path in group]
        hashes: dict[str, list[Path]] = {}
        for path in alike if len(alike) > 1 else ():
            hashes.setdefault(sha256(path), []).append(path)
        for same in hashes.values():
            used = set().union(*(uses[path] for path in same))
            if len(same) > 1 and len(used) > 1:
                found.append(_twice(" and ".join(map(str, same)), used, "hold the same bytes and are files"))
    return found


def _twice(what: str, used: set[Use], verb: str = "is a file") -> tuple[frozenset[str], str]:
    trials = ", ".join(f"{trial} of {person}" for person, trial in sorted(used))
    return frozenset(person for person, _ in used), f"{what} {verb} of {trials}; expected a file of its own for each"


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return -1, 0
    return status.st_size, status.st_mtime_ns
