"""The person of a UT Dallas file: the cell `subjectdetails`, read by its labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from biomech_xr.readers.mat import MatNode
from biomech_xr.schema import Patient

_LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "sex": ("gender", "sex"),
    "age": ("age",),
    "height": ("height",),
    "body_mass": ("weight", "mass"),
}
_PLACES: Final = {"height": 2, "body_mass": 3}
"""Rows (from 0) that two users of the files confirm; only where the cell has no labels."""
_TO_METERS: Final = {"mm": 1e-3, "cm": 1e-2, "m": 1.0}
_TO_KILOGRAMS: Final = {"kg": 1.0, "lb": 0.45359237, "lbs": 0.45359237}
_HEIGHTS: Final = (1.2, 2.3)
_MASSES: Final = (35.0, 180.0)
_CODE: Final = re.compile(r"(\d+)\s*[=:]\s*(female|male|f|m)\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Details:
    """The person, and how the cell was read."""

    patient: Patient
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    label: str
    value: MatNode
    unit: str


def read_details(node: MatNode, *, dataset: str, patient: str) -> Details:
    """Return the person that a `subjectdetails` cell (labels, values, perhaps units) describes.

    Parameters
    ----------
    node
        The cell, N rows of at least two columns.
    dataset, patient
        Of the result.

    Returns
    -------
    Details
        Height in m, body mass in kg, age in years; sex only where the cell itself names it.

    Raises
    ------
    DataFormatError
        No cell, no row of height or mass, or a value that no adult has in any unit.
    """
    if node.kind != "cell" or len(node.shape) != 2 or node.shape[1] < 2:
        raise node.bad(
            found=f"{node.kind} of shape {node.shape}",
            expected="a cell of labels and values",
            action="Download the file again",
        )
    rows, columns = node.shape[:2]
    table = [
        _Row(
            label=_text(node.element(row)),
            value=node.element(rows + row),
            unit=_text(node.element(2 * rows + row)) if columns > 2 else "",
        )
        for row in range(rows)
    ]
    found = {name: _find(table, name) for name in _LABELS}
    notes = {"subjectdetails": "rows found by their labels"}
    if not any(row.label for row in table):
        found |= {name: table[place] for name, place in _PLACES.items() if place < rows}
        notes = {"subjectdetails": "the cell has no labels: height in row 3 and mass in row 4 by position"}
    sex, coding = _sex(found["sex"])
    person = Patient(
        dataset=dataset,
        source_patient=patient,
        sex=sex,
        age=_age(found["age"]),
        height=_height(node, found["height"], table),
        body_mass=_mass(node, found["body_mass"], table),
    )
    return Details(patient=person, notes=notes | ({"sex": coding} if coding else {}))


def _text(node: MatNode) -> str:
    return node.text().strip().lower() if node.kind == "text" else ""


def _find(table: list[_Row], name: str) -> _Row | None:
    """Return the first row whose label has one of the words of ``name`` as a word of its own."""
    for row in table:
        if set(re.findall(r"[a-z]+", row.label)) & set(_LABELS[name]):
            return row
    return None


def _number(row: _Row | None) -> float:
    return row.value.number() if row is not None and row.value.kind == "numeric" else np.nan


def _age(row: _Row | None) -> float:
    age = _number(row)
    return age if 0 < age < 120 else np.nan


def _height(node: MatNode, row: _Row | None, table: list[_Row]) -> float:
    """Return the height in m: in the unit that the cell states, else in the one that makes it an adult's."""
    value, unit = _number(row), _unit(row, tuple(_TO_METERS))
    factors = [_TO_METERS[unit]] if unit else list(_TO_METERS.values())
    for factor in factors:
        if _HEIGHTS[0] <= value * factor <= _HEIGHTS[1]:
            return round(value * factor, 4)
    raise _unlike(node, "height", value, unit, "the height of an adult in mm", table)


def _mass(node: MatNode, row: _Row | None, table: list[_Row]) -> float:
    value, unit = _number(row), _unit(row, tuple(_TO_KILOGRAMS))
    mass = value * _TO_KILOGRAMS[unit or "kg"]
    if _MASSES[0] <= mass <= _MASSES[1]:
        return round(mass, 4)
    raise _unlike(node, "weight", value, unit, f"a body mass of {_MASSES[0]:g} to {_MASSES[1]:g} kg", table)


def _unit(row: _Row | None, known: tuple[str, ...]) -> str:
    """Return the unit that stands in the third column or in the label, empty where neither says it."""
    texts = re.findall(r"[a-z]+", f"{row.unit} {row.label}") if row is not None else []
    return next((word for word in texts if word in known), "")


def _sex(row: _Row | None) -> tuple[str, str]:
    """Return the sex, and why it is unknown where the cell has a number without its coding."""
    if row is None:
        return "unknown", ""
    if row.value.kind == "text":
        return {"f": "female", "m": "male"}.get(_text(row.value)[:1], "unknown"), ""
    number = _number(row)
    codes = {int(code): word for code, word in _CODE.findall(f"{row.label} {row.unit}")}
    if np.isfinite(number) and int(number) in codes:
        return ("female" if codes[int(number)].startswith("f") else "male"), ""
    return "unknown", f"the cell holds the number {number:g} and no coding"


def _unlike(node: MatNode, name: str, value: float, unit: str, expected: str, table: list[_Row]) -> Exception:
    labels = ", ".join(row.label or "?" for row in table)
    found = f"{value:g} {unit}".strip() if np.isfinite(value) else f"no number; the labels are {labels}"
    return node.bad(found=f"{name}: {found}", expected=expected, action="Download the file again")
