"""Contradictions between the answers of a mapping, looked for in its plain values: some may still be open or wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final

from biomech_xr.datasets.lab.answers import OPEN, repeated

Place = tuple[str, str]

_TARGETS: Final = {
    "emg": ("side", "muscle"),
    "angles": ("side", "joint", "motion"),
    "moments": ("side", "joint", "motion"),
    "powers": ("side", "joint"),
}
_WITH_MASS: Final = {"moments": ("N m", "N mm"), "powers": ("W",)}


def overall(values: Mapping[str, Any]) -> list[Place]:
    """Return (place, problem) of labels, targets, ids and trials that occur twice, and of people without body mass."""
    found: list[Place] = []
    for part, keys in _TARGETS.items():
        channels = _entries(_inside(values, part), "channels")
        targets = [" ".join(str(channel.get(key, OPEN)) for key in keys) for channel in channels]
        labels = [str(channel.get("label", OPEN)) for channel in channels]
        found += [(part, f"two labels for {target}") for target in repeated(targets) if OPEN not in target]
        found += [(part, f"label {label!r} is used twice") for label in repeated(labels) if label != OPEN]
    people = _entries(values, "people")
    twice = repeated(str(person.get("id", OPEN)) for person in people)
    found += [("people", f"two people have the id {name}") for name in twice if name != OPEN]
    found += [problem for index, person in enumerate(people) for problem in _of_person(index, person)]
    return found + _without_mass(values, people)


def _of_person(index: int, person: Mapping[str, Any]) -> list[Place]:
    files = person.get("files")
    names = [_name(file) for file in files] if isinstance(files, list) else []
    place = f"people.{index}"
    twice = [name for name in repeated(names) if name != OPEN]
    found = [(place, f"two files are named {', '.join(twice)}: trials need names that differ")] if twice else []
    if person.get("population") == "stroke" and person.get("affected_side", "none") == "none":
        found.append((place, "affected_side is needed after a stroke: left, right, both or unknown"))
    return found


def _name(file: object) -> str:
    if isinstance(file, str):
        return PurePath(file).stem
    return str(file.get("trial", OPEN)) if isinstance(file, dict) else OPEN


def _without_mass(values: Mapping[str, Any], people: list[Mapping[str, Any]]) -> list[Place]:
    units = {
        str(channel.get("unit"))
        for part, needy in _WITH_MASS.items()
        for channel in _entries(_inside(values, part), "channels")
        if channel.get("unit") in needy
    }
    names = [str(person.get("id", OPEN)) for person in people if person.get("body_mass") is None]
    return [("people", missing_mass(units, names))] if units and names else []


def missing_mass(units: set[str], names: list[str]) -> str:
    """Return the problem that values in some units need the body mass of some people."""
    return (
        f"values in {', '.join(sorted(units))} are divided by the body mass: give body_mass (kg) of {', '.join(names)}"
    )


def _inside(values: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    inner = values.get(part)
    return inner if isinstance(inner, dict) else {}


def _entries(values: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    entries = values.get(key)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
