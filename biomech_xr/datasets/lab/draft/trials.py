"""Sort the files that were seen into people and trials, and each into its role."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from biomech_xr.datasets.lab.draft.files import FloatArray, Seen
from biomech_xr.datasets.lab.draft.joints import JointGuess, guess_joint
from biomech_xr.datasets.lab.draft.muscles import guess_muscle
from biomech_xr.datasets.lab.draft.people import identifiers, whose

_SUFFIX: Final = re.compile(
    r"[_\-. ]+(ik|id|grf|forces?|emg|events?|markers?|motion|angles?|moments?|torques?|kinematics|kinetics|powers?|"
    r"inverse[_ ]?(kinematics|dynamics))$",
    re.IGNORECASE,
)
_FORCE: Final = re.compile(
    r"(?P<plate>.*?)(?P<kind>force_?v|grf_?v?|force_?|f)(?P<axis>[xyz])(?P<end>\W*|_?\d+|_?[lr])",
    re.IGNORECASE,
)
_EVENT_FILE: Final = re.compile(r"event", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class DraftTrial:
    """The files of one trial by role (`c3d`, `angles`, `moments`, `powers`, `forces`, `markers`, `emg`, `events`).

    `doubt` says why the person is a guess, empty where it is none; `session` is the folder that is called like one.
    """

    person: str
    trial: str
    files: Mapping[str, Seen]
    doubt: str = ""
    session: str = ""


@dataclass(kw_only=True, slots=True)
class Sorted:
    """The trials, and a line for each file that found no place."""

    trials: list[DraftTrial] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)


def joint_columns(seen: Seen) -> dict[str, JointGuess]:
    """Return the columns of a table that name a joint, with what their names say."""
    guesses = {label: guess_joint(label) for label in seen.columns}
    return {label: guess for label, guess in guesses.items() if guess is not None}


def force_columns(seen: Seen) -> list[str]:
    """Return the vertical force column of every plate or foot of a table: the axis that carries most."""
    plates: dict[tuple[str, str], list[str]] = {}
    for label in seen.columns:
        match = _FORCE.fullmatch(label)
        if match:
            plates.setdefault((match["plate"].lower(), match["end"].lower()), []).append(label)
    return [max(labels, key=lambda label: _size(seen.columns[label])) for labels in plates.values()]


def emg_columns(seen: Seen) -> list[str]:
    """Return the channels that look like EMG: called so, or named after a muscle; neither plates nor silent ones."""
    if seen.format == "c3d":
        free = [label for label in seen.columns if label not in seen.plate_channels]
        return [label for label in free if _is_emg(seen, label) and _lives(seen.columns[label])]
    named = _named_emg(seen.path.stem)
    return [
        label
        for label in seen.columns
        if guess_joint(label) is None
        and ((guess := guess_muscle(label)).certain or (guess.muscle and (named or guess.side)) or _named_emg(label))
    ]


def silent_channels(seen: Seen) -> list[str]:
    """Return the channels of a C3D file that are called EMG and hold one value throughout."""
    return [
        label
        for label in seen.columns
        if label not in seen.plate_channels and _is_emg(seen, label) and not _lives(seen.columns[label])
    ]


def sort_files(seen: Sequence[Seen]) -> Sorted:
    """Return people and trials: people as `whose` tells them apart, a trial a name without `_IK`, `_grf` ..."""
    if not seen:
        return Sorted()
    parents = [item.path.resolve().parent for item in seen]
    top = Path(os.path.commonpath(parents))
    groups: dict[tuple[str, Path, str], list[Seen]] = {}
    for item in seen:
        key = (_person_folder(item.path, top), item.path.parent, _SUFFIX.sub("", item.path.stem))
        groups.setdefault(key, []).append(item)
    result = Sorted()
    for (folder, _, stem), items in groups.items():
        _sort_group(result, folder, stem, items)
    people = whose([(trial.person, trial.trial, _subject(trial)) for trial in result.trials])
    named: dict[str, list[DraftTrial]] = {}
    for trial, who in zip(result.trials, people, strict=True):
        own = replace(trial, person=who.person, doubt=who.doubt, session=who.session)
        named.setdefault(who.person, []).append(own)
    result.trials = [
        replace(trial, trial=name)
        for trials in named.values()
        for trial, name in zip(trials, identifiers(trial.trial for trial in trials), strict=True)
    ]
    return result


def _sort_group(result: Sorted, person: str, stem: str, items: Sequence[Seen]) -> None:
    """Add the trial of files of one name; several C3D files are a trial each."""
    motions = [item for item in items if item.format == "c3d"]
    roles: dict[str, Seen] = {}
    for item in items:
        if item.format == "c3d":
            continue
        found = _roles(item)
        for role in found:
            if role in roles:
                result.unused.append(f"{item.path.name}: {role} of this trial are in {roles[role].path.name} already")
            roles.setdefault(role, item)
        if not found:
            result.unused.append(f"{item.path.name}: no column or marker was recognized")
    for place, item in enumerate(motions):
        files = {"c3d": item, **(roles if place == 0 and len(motions) == 1 else {})}
        result.trials.append(DraftTrial(person=person, trial=item.path.stem, files=files))
    if len(motions) > 1:
        result.unused += [f"{item.path.name}: to which C3D file it belongs is not clear" for item in roles.values()]
    if not motions and roles:
        result.trials.append(DraftTrial(person=person, trial=stem, files=roles))


def _roles(item: Seen) -> list[str]:
    if item.format == "trc":
        return ["markers"]
    if item.texts:
        return ["events"] if item.clock and (len(item.texts) >= 2 or _EVENT_FILE.search(item.path.stem)) else []
    kinds = {guess.kind for guess in joint_columns(item).values()}
    roles = [role for role, kind in (("angles", "angle"), ("moments", "moment"), ("powers", "power")) if kind in kinds]
    if force_columns(item):
        roles.append("forces")
    if emg_columns(item):
        roles.append("emg")
    return roles


def _is_emg(seen: Seen, label: str) -> bool:
    description = seen.descriptions.get(label, "")
    unit = seen.column_units.get(label, "").lower()
    electric = unit in ("", "v", "mv", "uv", "\u00b5v", "\u03bcv", "volt", "volts")
    named = _named_emg(label) or _named_emg(description) or label in seen.channel_sides
    return electric and (named or bool(guess_muscle(label, description).muscle))


def _named_emg(text: str) -> bool:
    return "emg" in text.lower()


def _lives(values: FloatArray) -> bool:
    return bool(values.size) and bool(np.nanmin(values) < np.nanmax(values)) if np.isfinite(values).any() else False


def _size(values: FloatArray) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(np.percentile(finite, 99.5)) if finite.size else 0.0


def _person_folder(path: Path, top: Path) -> str:
    """Return the folder directly below the top that a file lies in; the top's own name for a file in it."""
    parts = path.resolve().parent.relative_to(top).parts
    return parts[0] if parts else top.name


def _subject(trial: DraftTrial) -> str:
    return trial.files["c3d"].subject if "c3d" in trial.files else ""
