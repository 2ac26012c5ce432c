"""What a column of joint angles, moments or powers may mean, and which markers are heel, toe and pelvis."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_OPENSIM: Final = re.compile(
    r"(?P<joint>hip|knee|ankle)_(?P<motion>angle|flexion|adduction|rotation)_(?P<side>[lr])(?P<kind>_moment)?"
)
_SIDES: Final = {"l": "left", "left": "left", "lt": "left", "r": "right", "right": "right", "rt": "right"}
_KINDS: Final = (
    ("moment", ("moment", "mom", "torque", "trq", "mnt")),
    ("power", ("power", "pow", "pwr")),
    ("velocity", ("velocity", "vel", "speed", "acc", "acceleration", "force", "activation")),
    ("angle", ("angle", "angles", "ang", "deg", "degree", "degrees", "rad")),
)
_MOTIONS: Final = (
    ("flexion", ("flex", "dorsi", "plantar", "extension", "sag")),
    ("adduction", ("add", "abd", "inv", "evers", "front")),
    ("rotation", ("rot", "trans")),
)
_UNITS: Final = {
    "deg": "degree",
    "degree": "degree",
    "degrees": "degree",
    "°": "degree",
    "rad": "radian",
    "radian": "radian",
    "radians": "radian",
    "nm": "N m",
    "n m": "N m",
    "n.m": "N m",
    "nm/kg": "N m/kg",
    "n m/kg": "N m/kg",
    "n.m/kg": "N m/kg",
    "nmm": "N mm",
    "nmm/kg": "N mm/kg",
    "w": "W",
    "w/kg": "W/kg",
}
_ROLES: Final = (
    ("heel", ("heel", "hee", "calcaneus", "calc", "cal")),
    ("toe", ("toe", "toetip", "hallux", "met", "meta", "mt2", "mth2", "mt5", "mth5", "midfoot")),
)
_PELVIS: Final = ("sacrum", "sacr", "sac", "sacral", "vsac", "vsacral", "asis", "asi", "psis", "psi")


@dataclass(frozen=True, kw_only=True, slots=True)
class JointGuess:
    """What a column's name says: `angle`, `moment` or `power` of a joint; side, motion and unit empty where it is mute.

    `opensim` tells that the name is one of OpenSim's own, so that joint, motion and side are certain.
    """

    kind: str
    joint: str
    motion: str = ""
    side: str = ""
    unit: str = ""
    opensim: bool = False


def guess_joint(label: str) -> JointGuess | None:
    """Return what a column's name says of a joint, or None where it names none (or a velocity or force of one)."""
    exact = _OPENSIM.fullmatch(label.strip())
    if exact:
        return JointGuess(
            kind="moment" if exact["kind"] else "angle",
            joint=exact["joint"],
            motion=exact["motion"].replace("angle", "flexion"),
            side=_SIDES[exact["side"]],
            opensim=True,
        )
    words = _words(label)
    joint = next((joint for joint in ("hip", "knee", "ankle") if joint in words), "")
    kind = next((kind for kind, names in _KINDS if any(word in names for word in words)), "angle")
    if not joint or kind == "velocity" or "subtalar" in words:
        return None
    motions = [motion for motion, starts in _MOTIONS if any(word.startswith(starts) for word in words)]
    sides = {_SIDES[word] for word in words if word in _SIDES}
    return JointGuess(
        kind=kind,
        joint=joint,
        motion=motions[0] if len(motions) == 1 else "",
        side=sides.pop() if len(sides) == 1 else "",
        unit=stated_unit(label),
    )


def is_subtalar(label: str) -> bool:
    """Return whether a column is of the subtalar joint, whose axis is oblique: neither inversion nor toe-in alone."""
    return "subtalar" in _words(label)


def stated_unit(label: str) -> str:
    """Return the unit that a label states in brackets or as its last word (``knee [deg]``, ``knee_Nm``), or empty."""
    match = re.search(r"[\[(]([^\])]*)[\])]\s*$", label)
    text = match[1] if match else re.split(r"[\s_]+", label.strip())[-1]
    return _UNITS.get(text.strip().lower().replace("*", "").replace("·", ""), "")


def foot_markers(labels: Iterable[str]) -> dict[tuple[str, str], str]:
    """Return (`heel` or `toe`, side) -> label, the likeliest of each; a prefix (``name:LHEE``) does not count."""
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for label in labels:
        for side, words in _sided(_marker_words(label)):
            for role, names in _ROLES:
                rank = min((names.index(word) for word in words if word in names), default=-1)
                if rank >= 0 and rank < found.get((role, side), (len(names), ""))[0]:
                    found[role, side] = (rank, label)
    return {key: label for key, (_, label) in found.items()}


def pelvis_markers(labels: Iterable[str]) -> list[str]:
    """Return the markers of the pelvis: that of the sacrum alone where there is one, else those of the iliac spines."""
    named = [label for label in labels if any(word in _PELVIS for word in _pelvis_words(label))]
    named = [label for label in named if "wand" not in label.lower()]
    sacrum = [label for label in named if any(word.startswith(("sac", "vsac")) for word in _pelvis_words(label))]
    return sacrum[:1] or named


def _pelvis_words(label: str) -> list[str]:
    words = _marker_words(label)
    return [*words, "".join(words), *(rest[0] for _, rest in _sided(words) if rest)]


def _marker_words(label: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[^\W_]+", label.rpartition(":")[2])]


def _sided(words: list[str]) -> list[tuple[str, list[str]]]:
    """Return (side, other words) of a marker's name: a side as a word of its own, or as the first letter."""
    for place, word in enumerate(words):
        if word in _SIDES:
            return [(_SIDES[word], [*words[:place], *words[place + 1 :]])]
    if words and words[0][0] in "lr" and len(words[0]) > 2:
        return [(_SIDES[words[0][0]], [words[0][1:], *words[1:]])]
    return []


def _words(label: str) -> list[str]:
    spread = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)
    spread = re.sub(r"(?<![A-Za-z])([LR])(?=[A-Z][a-z])", r"\1 ", spread)
    return [word.lower() for word in re.findall(r"[^\W\d_]+", spread)]
