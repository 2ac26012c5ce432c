"""Whose a trial is, as far as folders, file names and a C3D file's SUBJECTS:NAMES tell; what they do not is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

_CODE: Final = re.compile(
    r"((?P<word>[A-Za-z]{1,12})|(sub|subj|subject|s|p|pat|patient|participant|id)[-_ ])\d+", re.IGNORECASE
)
_FIRST: Final = re.compile(r"[^\W\d_]*")
_TASKS: Final = re.compile(
    r"walk(ing)?|w|gait|run(ning)?|jog|stairs?|ramp|incline|level|treadmill|tm|overground|og|fast|slow|normal|"
    r"comfortable|self|free|speed|v|trial|tr|t|take|test|rep|repetition|step|stride|cycle|lap|pass|file|rec|recording|"
    r"capture|motion|data|static|dyn|dynamic|cal|calib|standing|squat|jump|left|right|l|r|c|cond|condition|session|ses|"
    r"visit|day",
    re.IGNORECASE,
)
_VISIT: Final = re.compile(
    r"(session|ses|visit|day|date|week|month|t|test|retest|pre|post|baseline|follow[-_ ]?up|morning|afternoon)[-_ \d]*|"
    r"\d{6,8}|\d+[-_.]\d+[-_.]\d+",
    re.IGNORECASE,
)
_KIND: Final = re.compile(
    r"(walk\w*|run\w*|gait|stairs?|ramp|treadmill|overground|static|trial|raw|data|c3d|csv|mot|trc|markers?|emg|forces?|"
    r"grf|ik|id|angles?|moments?|powers?|events?)[-_ \d]*",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Whose:
    """Whose a trial is: `person`, an id; why to ask where that is a guess (else empty); the session's folder if any."""

    person: str
    doubt: str = ""
    session: str = ""


def whose(trials: Sequence[tuple[str, str, str]]) -> list[Whose]:
    """Return whose each trial is, of (folder, name of the trial, SUBJECTS:NAMES).

    A folder is a person, unless all are called like sessions, tasks or kinds of file: those are put together. Within a
    folder, names that begin with codes that differ (``S01_walk``, ``S02_walk``), or names of subjects that differ, are
    people that differ, as a guess to be asked.
    """
    folders = sorted({folder for folder, _, _ in trials})
    pooled = len(folders) > 1 and not any(map(_is_person, folders))
    found: dict[int, Whose] = {}
    for folder in [""] if pooled else folders:
        own = [place for place, trial in enumerate(trials) if pooled or trial[0] == folder]
        keys, doubt = _split([trials[place][1:] for place in own])
        ids = keys if any(keys) else [folder if len(folders) > 1 and not pooled else "P01"] * len(own)
        if pooled:
            doubt = "; ".join(part for part in (f"are the folders {_listed(folders)} one human's?", doubt) if part)
        elif len(folders) > 1 and (folder.isdigit() or not _is_person(folder)):
            doubt = doubt or "the folder is not called like a person"
        for place, person in zip(own, ids, strict=True):
            session = identifiers([trials[place][0]])[0] if pooled and _VISIT.fullmatch(trials[place][0]) else ""
            found[place] = Whose(person=person or folder or "P01", doubt=doubt, session=session)
    return _apart([found[place] for place in range(len(trials))], ["" if pooled else trial[0] for trial in trials])


def identifiers(names: Iterable[str]) -> list[str]:
    """Return names that may become ids and paths, each once, in the same order."""
    found: list[str] = []
    for name in names:
        clean = re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_.-") or "unnamed"
        number = 2
        unique = clean
        while unique in found:
            unique, number = f"{clean}_{number}", number + 1
        found.append(unique)
    return found


def _split(trials: Sequence[tuple[str, str]]) -> tuple[list[str], str]:
    """Return the person of each trial of one folder, empty for one person, and what makes that doubtful."""
    codes, subjects = [_code(stem) for stem, _ in trials], [subject for _, subject in trials]
    if len(set(codes)) > 1:
        return codes, f"the files are called {_listed(codes)}"
    if len(set(subjects) - {""}) > 1:
        return subjects, f"SUBJECTS:NAMES are {_listed(subjects)}"
    first = {_first(stem) for stem, _ in trials}
    return [""] * len(trials), f"are {_listed(stem for stem, _ in trials)} one person's?" if len(first) > 1 else ""


def _apart(found: Sequence[Whose], folders: Sequence[str]) -> list[Whose]:
    """Return people with ids that may become paths; one code in two folders stays two people, and is asked."""
    keys = [(item.person, folder) for item, folder in zip(found, folders, strict=True)]
    unique = list(dict.fromkeys(keys))
    names = dict(zip(unique, identifiers(name for name, _ in unique), strict=True))
    twice = {name for name, _ in unique if sum(other == name for other, _ in unique) > 1}
    return [
        replace(item, person=names[key], doubt=item.doubt or "the same name in two folders")
        if item.person in twice
        else replace(item, person=names[key])
        for item, key in zip(found, keys, strict=True)
    ]


def _is_person(folder: str) -> bool:
    """Return whether a folder is not called like a visit, a task or a kind of file."""
    return not _VISIT.fullmatch(folder) and not _KIND.fullmatch(folder)


def _code(stem: str) -> str:
    """Return the code that a name begins with (`S01` of ``S01_walk``), or nothing; a task's number is none."""
    match = _CODE.match(stem)
    return match[0] if match and not _TASKS.fullmatch(match["word"] or "") else ""


def _first(stem: str) -> str:
    """Return the word that a name begins with, or nothing where that is a task or a number."""
    match = _FIRST.match(stem)
    word = match[0].lower() if match else ""
    return "" if _TASKS.fullmatch(word) else word


def _listed(names: Iterable[str]) -> str:
    every = list(dict.fromkeys(name for name in names if name))
    return ", ".join(every[:3]) + (" ..." if len(every) > 3 else "")
