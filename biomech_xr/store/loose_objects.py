"""The objects of a store beside recordings and strides: tables of people, and splits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from biomech_xr.store.look import Look

_TABLE: Final = re.compile(r"table-(\d{5})\.json")
_SPLIT: Final = re.compile(r"(.+?)(?:\.v(\d+))?\.json")


def check_numbered(look: Look) -> Iterator[tuple[str, set[str], dict[str, str]]]:
    """Yield name, keys, and key -> problem of the tables of people, and of each split with all its versions.

    A version that a later one follows must be there, and so must the table of people that a split was made with. The
    newest split alone, removed, leaves no trace.
    """
    tables = {int(match[1]): name for name in look.names("people") if (match := _TABLE.fullmatch(name))}
    splits: dict[str, dict[int, str]] = {}
    for name in look.names("splits"):
        if match := _SPLIT.fullmatch(name):
            splits.setdefault(match[1], {})[int(match[2] or 1)] = name
    read = {name: look.sealed(f"splits/{file}") for files in splits.values() for name, file in files.items()}
    needed = max((int(value.get("table_of_people", 0)) for value in read.values() if value), default=0)
    newest = max([needed, *tables])
    if newest:
        names: dict[str, dict[str, Any]] = {
            f"people/table-{number:05d}.json": {"version": number} for number in range(1, newest + 1)
        }
        yield "people", set(names), _problems(look, names)
    for split, files in splits.items():
        names = {}
        for number in range(1, max(files) + 1):
            file = f"{split}.json" if number == 1 else f"{split}.v{number}.json"
            names[f"splits/{file}"] = {"version": number, "name": split}
        yield f"splits/{split}", set(names), _problems(look, names)


def _problems(look: Look, names: dict[str, dict[str, Any]]) -> dict[str, str]:
    problems = {}
    for key, facts in names.items():
        value = look.sealed(key)
        if value is None:
            problems[key] = look.problem(key)
        elif any(value.get(name) != fact for name, fact in facts.items()):
            problems[key] = "holds another version or another split than its name says; it was renamed"
    return problems
