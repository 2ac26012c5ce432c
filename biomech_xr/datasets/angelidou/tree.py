"""The tree of one person's file of the surface-stiffness walks: conditions by exclusion, cells, body size, units."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.readers.mat import MatNode

Array = npt.NDArray[np.float64]

LETTERS: Final[Mapping[words.Side, str]] = {"left": "L", "right": "R"}
CHANNELS: Final = {
    "TA": "tibialis_anterior",
    "GA": "gastrocnemius_medialis",
    "VL": "vastus_lateralis",
    "RF": "rectus_femoris",
    "BF": "biceps_femoris",
}
"""EMG channel after the letter of the side -> muscle; the head of the gastrocnemius is not named."""

HEADLESS: Final = "GA"
COLUMNS: Final = 3
SKIPPED: Final = ("participantInfo", "gaitEvents", "unit")
_BRANCHES: Final = ("EMG", "jointAngles", "jointMoments")
_RIGID: Final = re.compile(r"rigid|inf|infinite|infinity", re.IGNORECASE)
_SPEED: Final = re.compile(r"[A-Za-z]*_?(\d)[xp](\d{1,2})(?:_?(?:mps|ms))?")
_UNITS: Final = {
    "moment": {"nm": "N m", "nmm": "N mm", "nm/kg": "N m/kg", "nmm/kg": "N mm/kg"},
    "angle": dict.fromkeys(("deg", "degree", "degrees", "\N{DEGREE SIGN}"), "degree")
    | dict.fromkeys(("rad", "radian", "radians"), "radian"),
}
_ABOUT: Final = {"moment": ("moment", "torque"), "angle": ("angle",)}
_RETAKE: Final = "Check the file against the described tree, or download it again"


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """One stiffness at one speed, by the names of its fields."""

    speed: str
    stiffness: str
    leaf: MatNode

    @property
    def name(self) -> str:
        """Name of the trial."""
        return f"{self.speed}_{self.stiffness}"

    @property
    def belt_speed(self) -> float:
        """Speed in m/s where the name says it with a decimal place (``S_1x2``, ``v0p8``), else NaN."""
        match = _SPEED.fullmatch(self.speed)
        return float(f"{match[1]}.{match[2]}") if match else np.nan

    @property
    def rigid(self) -> bool:
        """Whether the name says that the surface does not give."""
        return _RIGID.fullmatch(self.stiffness) is not None

    @property
    def labels(self) -> dict[str, object]:
        """Labels of every stride of the condition."""
        return {
            "activity": "walk",
            "source_activity": f"{self.speed}/{self.stiffness}",
            "condition": "none" if self.rigid else "stiffness",
            "surface": "treadmill",
            "speed": self.belt_speed,
            "incline": 0.0,
            "duration_source": "samples",
        }


def person_struct(root: MatNode, patient: str) -> MatNode:
    """Return the struct of the person: the variable of that name, or below ``data`` in a processed copy."""
    data = root.get("data")
    return data[patient] if data is not None and root.get(patient) is None else root[patient]


def conditions(person: MatNode) -> list[Condition]:
    """Return the conditions in the order of the fields; the skip list holds at both levels.

    Raises
    ------
    DataFormatError
        Something else than speeds with conditions stands there, or there is none.
    """
    found = []
    for speed, level in _children(person):
        for stiffness, leaf in _children(level):
            for branch in _BRANCHES:
                leaf.first(branch)
            found.append(Condition(speed=speed, stiffness=stiffness, leaf=leaf))
    if not found:
        expected = "speeds, in each of them stiffness levels with EMG, jointAngles and jointMoments"
        raise person.bad(found=f"the fields {', '.join(person.fields())}", expected=expected, action=_RETAKE)
    return found


def _children(node: MatNode) -> Iterator[tuple[str, MatNode]]:
    for name in node.fields():
        child = node[name]
        if name in SKIPPED or child.kind == "empty":
            continue
        if child.kind != "struct":
            raise child.bad(found=child.says(), expected="a struct of a speed or a stiffness", action=_RETAKE)
        yield name, child


def body_size(person: MatNode) -> tuple[float, float]:
    """Return body mass in kg and height in m; NaN where the file has no `participantInfo` or leaves a value empty."""
    info = person.get("participantInfo")
    sizes = []
    for name, low, high, scale in (("Bodymass", 30.0, 200.0, 1.0), ("Height", 1200.0, 2300.0, 1e-3)):
        node = info.get(name) if info is not None else None
        value = node.number() if node is not None and node.kind != "empty" else np.nan
        if node is not None and not (np.isnan(value) or low <= value <= high):
            unit = "kg" if name == "Bodymass" else "mm"
            raise node.bad(found=f"{value:g}", expected=f"{low:g} to {high:g} {unit}", action="Correct the value")
        sizes.append(value * scale)
    return sizes[0], sizes[1]


def stated_unit(person: MatNode, found: Sequence[Condition], what: str) -> tuple[str, str]:
    """Return the unit of every `moment` or `angle` that a `unit` field states, empty where none, and all its text."""
    nodes = [person, *(person[name] for name in dict.fromkeys(c.speed for c in found)), *(c.leaf for c in found)]
    texts = [entry for node in nodes if (unit := node.get("unit")) is not None for entry in _texts(unit, "")]
    about = [text for name, text in texts if not name or any(word in name.lower() for word in _ABOUT[what])]
    units = _UNITS[what]
    known = {units[plain] for text in about if (plain := re.sub(r"[\s.*·]", "", text).lower()) in units}
    said = ", ".join(dict.fromkeys(f"{name}: {text}" if name else text for name, text in texts))
    return (known.pop() if len(known) == 1 else ""), said


def _texts(node: MatNode, name: str) -> Iterator[tuple[str, str]]:
    if node.kind == "struct":
        for field in node.fields():
            yield from _texts(node[field], field)
    elif node.kind in ("text", "cell"):
        entries = node.texts() if node.kind == "text" else [e.text() for e in node.elements() if e.kind == "text"]
        yield from ((name, entry) for entry in entries)


def has_leg(found: Sequence[Condition], side: words.Side) -> bool:
    """Return whether any condition has a channel or joint of a leg."""
    names = {LETTERS[side] + name for name in (*CHANNELS, *(joint.title() for joint in words.JOINTS))}
    return any(names & set(condition.leaf[branch].fields()) for condition in found for branch in _BRANCHES)


def gait_events(person: MatNode, found: Sequence[Condition]) -> str:
    """Return what stands in the fields `gaitEvents`, whose content is not described; empty where there is none."""
    nodes = [person, *(person[name] for name in dict.fromkeys(c.speed for c in found)), *(c.leaf for c in found)]
    events = [node["gaitEvents"] for node in nodes if "gaitEvents" in node.fields()]
    said = [f"{event.path}: {', '.join(event.fields()) or event.says()}" for event in events]
    return f"not used; {'; '.join(said)}" if said else ""


def rows(cells: MatNode, index: int) -> int:
    """Return the rows of one stride, 0 where the cell is empty."""
    entry = cells.element(index)
    return 0 if entry.kind == "empty" else entry.shape[0]


def column(node: MatNode, name: str) -> MatNode:
    """Return one channel or joint of a branch: a cell of strides."""
    cells = node[name]
    if cells.kind not in ("cell", "empty"):
        raise cells.bad(found=cells.says(), expected="a cell with one stride an entry", action=_RETAKE)
    return cells


def stride(cells: MatNode, index: int, columns: int) -> Array:
    """Return one stride, (sample, columns); without samples where the cell is empty. Infinite becomes NaN."""
    entry = cells.element(index)
    if entry.kind == "empty":
        return np.empty((0, columns))
    values = np.array(entry.array(), dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != columns:
        raise entry.bad(found=entry.says(), expected=f"samples x {columns}", action=_RETAKE)
    values[~np.isfinite(values)] = np.nan
    return values


def files(root: Path) -> dict[str, Path]:
    """Return the file of each person by id; a raw file goes before its processed copy."""
    found: dict[str, Path] = {}
    for path in sorted(root.glob("*.mat")):
        match = re.fullmatch(r"(\w{5})(Processed)?", path.stem)
        if match and (match[1] not in found or not match[2]):
            found[match[1]] = path
    return dict(sorted(found.items()))
