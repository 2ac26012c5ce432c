"""Draft a mapping `lab.yaml` from a lab's own files, with every open question left to answer, and a test of it.

What the files state is filled in; what they leave open is `"?"`, which `LabMapping` refuses, with a comment on the
choices and on what the data say. The parts: `files` looks into files, `muscles` and `joints` read
labels, `trials` sorts files, `evidence` asks the data, `signals` and `events` write.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from biomech_xr import vocabulary as words
from biomech_xr.datasets.lab.draft import evidence
from biomech_xr.datasets.lab.draft.checks import test_module
from biomech_xr.datasets.lab.draft.events import write_events
from biomech_xr.datasets.lab.draft.files import Seen, collect, inspect
from biomech_xr.datasets.lab.draft.joints import is_subtalar
from biomech_xr.datasets.lab.draft.signals import write_emg, write_joints
from biomech_xr.datasets.lab.draft.trials import DraftTrial, Sorted, emg_columns, silent_channels, sort_files
from biomech_xr.datasets.lab.draft.yaml import ASK, Page, scalar
from biomech_xr.datasets.lab.mapping import ROLES
from biomech_xr.errors import ConfigError, DataFormatError, OccupiedError

MAPPING_FILE: Final = "lab.yaml"
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_MOST_NAMED: Final = 30
_FIRST_FRAME: Final = 1.5
"""Many systems number frames from 1: a C3D file that starts there is no part cut out of a longer capture."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What was written: the mapping, the test, how many questions are open; what each file holds, what is not used."""

    mapping: Path
    test: Path
    questions: int
    files: tuple[str, ...]
    unused: tuple[str, ...]


def new_dataset(name: str, paths: Sequence[Path], out: Path) -> Draft:
    """Write `lab.yaml` and `test_NAME.py` into a folder, from what the files hold; nothing is ever overwritten.

    Parameters
    ----------
    name
        Word for the data: letters, digits, ``_`` and ``-``.
    paths
        Files, or folders with files, of the formats that the mapping takes.
    out
        Folder to write into; the mapping names the files relative to it.

    Raises
    ------
    ConfigError
        The name is none.
    OccupiedError
        One of the two files is there already.
    MissingInputError
        A path does not exist or a folder holds no such file.
    DataFormatError
        None of the files can be read or is of use; the message says why of each.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"new-dataset: {name!r} is no name; expected letters, digits, _ and -, a letter first.")
    module = f"test_{name.lower().replace('-', '_')}"
    mapping, test = out / MAPPING_FILE, out / f"{module}.py"
    taken = [str(path) for path in (mapping, test) if path.exists()]
    if taken:
        raise OccupiedError(f"new-dataset: {', '.join(taken)}: already there. Remove it, or give another --out.")
    seen, refused = inspect(collect(paths))
    found = sort_files(seen)
    if not found.trials:
        lines = "\n".join(f"  - {line}" for line in [*refused, *found.unused])
        raise DataFormatError(f"new-dataset: no file is of use:\n{lines}")
    found.unused += refused
    text, questions = _mapping(name, module, found, out)
    out.mkdir(parents=True, exist_ok=True)
    mapping.write_text(text, encoding="utf-8")
    test.write_text(test_module(module), encoding="utf-8")
    return Draft(
        mapping=mapping,
        test=test,
        questions=questions,
        files=tuple(f"{item.path.name}: {describe(item)}" for item in seen),
        unused=tuple(found.unused),
    )


def describe(seen: Seen) -> str:
    """Return in one line what a file holds."""
    if seen.texts:
        return f"a table of events with the columns {', '.join(seen.texts)}"
    parts = [f"{seen.seconds:.2f} s"] if seen.seconds else ["no time column"]
    if seen.points:
        parts.append(f"{len(seen.points)} points at {seen.rate:g} Hz")
    if seen.columns:
        kind = "channels" if seen.format == "c3d" else "columns"
        rate = f" at {seen.column_rate:g} Hz" if seen.column_rate else ""
        emg = len(emg_columns(seen))
        parts.append(f"{len(seen.columns)} {kind}{rate}{f', {emg} of them EMG' if emg else ''}")
    if seen.format == "c3d":
        parts += [f"{seen.plates} plates", f"{len(seen.events)} events"]
    if seen.uneven:
        parts.append("uneven time steps")
    if seen.cut:
        parts.append("cut off: fewer frames than announced")
    return ", ".join(parts)


def _mapping(name: str, module: str, found: Sorted, out: Path) -> tuple[str, int]:
    """Return the text of the mapping and the number of its questions."""
    page = Page()
    _write_people(page, found.trials, out)
    _write_conditions(page, found.trials)
    write_emg(page, found.trials)
    for role in ("angles", "moments", "powers"):
        write_joints(page, found.trials, role)
    if not any(line.startswith(("emg:", "angles:", "moments:")) for line in page.lines):
        _write_unknown(page, found.trials)
    write_events(page, found.trials)
    _write_rest(page, found)
    top = Page()
    top.say(f"The mapping of {name}: what biomech-xr reads from your files.")
    top.say(
        f"Every {ASK} is a question that only you can answer, {page.questions} in all: replace it by one of the "
        f"choices beside it. What stands there already was stated by the files; correct it where they are wrong. "
        f"A guess, and what the data say, is only an aid. Then run: python -m pytest {module}.py"
    )
    top.gap()
    return top.text() + page.text(), page.questions


def _write_people(page: Page, trials: Sequence[DraftTrial], out: Path) -> None:
    hint = evidence.weight_of(trials)
    page.say(
        "One entry a person: move files where they are not that person's. What trains a model is split by person, so "
        "all files of one human belong under one id, or under entries with the same word for person_group. "
        "You may add sex (female or male), age (years), height (m); after a stroke affected_side is needed: left, "
        "right, both or unknown."
    )
    page.put("people:")
    for person in dict.fromkeys(trial.person for trial in trials):
        own = [trial for trial in trials if trial.person == person]
        doubt = next((trial.doubt for trial in own if trial.doubt), "")
        if doubt:
            page.put(f"- id: {ASK}", f"guess: {person}; {doubt}", 2)
        else:
            page.put(f"- id: {scalar(person)}", "your own word for the person; check that all files are of this one", 2)
        comment = "kg; null where unknown, unless moments are in N m"
        weight = evidence.weight_of(own) if hint else ""
        page.put(f"body_mass: {ASK}", f"{comment}; {weight}" if weight else comment, 4)
        page.put(f"population: {ASK}", f"{' or '.join(words.POPULATIONS)}", 4)
        page.put("files:", indent=4)
        for trial in own:
            _write_trial(page, trial, out)


def _write_trial(page: Page, trial: DraftTrial, out: Path) -> None:
    files = {role: _relative(trial.files[role].path, out) for role in ROLES if role in trial.files}
    alone = trial.files.get("c3d") if len(files) == 1 and not trial.session else None
    if alone is not None and alone.path.stem == trial.trial and files["c3d"].endswith(".c3d"):
        page.put(f"- {scalar(files['c3d'])}", describe(alone), 6)
        return
    page.put(f"- trial: {scalar(trial.trial)}", indent=6)
    for role, file in files.items():
        page.put(f"{role}: {scalar(file)}", describe(trial.files[role]), 8)
    if trial.session:
        page.put(f"session: {scalar(trial.session)}", "the folder's name; delete it where that is no session", 8)
    late = trial.files.get("c3d")
    if late is not None and late.start * late.rate > _FIRST_FRAME and len(files) > 1:
        page.say(
            f"Do the tables count from the start of the capture, as the C3D file's frames do, or from its first frame "
            f"({late.start:.3f} s later)? {_starts(trial)}.",
            8,
        )
        page.put(f"c3d_clock: {ASK}", "capture or file", 8)


def _starts(trial: DraftTrial) -> str:
    """Return when each file of a trial begins and ends on its own clock."""
    return ", ".join(
        f"{seen.path.name} {seen.start:.3f} to {seen.start + seen.seconds:.3f} s"
        for seen in {seen.path: seen for seen in trial.files.values()}.values()
        if seen.seconds
    )


def _relative(path: Path, out: Path) -> str:
    """Return a path relative to the mapping's folder, with slashes; absolute on another drive."""
    try:
        return Path(os.path.relpath(path.resolve(), out.resolve())).as_posix()
    except ValueError:
        return path.resolve().as_posix()


def _write_conditions(page: Page, trials: Sequence[DraftTrial]) -> None:
    page.gap()
    page.say("What was done in all files; a trial that differs is written {trial: t1, c3d: t1.c3d, activity: run}.")
    page.put(f"activity: {ASK}", ", ".join(words.ACTIVITIES))
    page.put(f"surface: {ASK}", ", ".join(words.SURFACES))
    page.put(f"condition: {ASK}", ", ".join(words.CONDITIONS))
    page.put("speed: null", "m/s, where it was the same in all files")
    page.put("incline: null", "degrees, positive uphill: needs an answer for a ramp or an inclined treadmill")
    page.put("stair_height: null", "m, the height of one step, on stairs")
    if not any(trial.session for trial in trials):
        page.put("session: null", "a word for the visit; where one person came several times, beside each trial")
    page.say(f"The mains where it was recorded. From the data: {evidence.mains_of(trials)}.")
    page.put(f"line_frequency: {ASK}", "50 or 60, Hz")


def _write_unknown(page: Page, trials: Sequence[DraftTrial]) -> None:
    """Say that no signal was recognized, and name what there is."""
    names = [label for trial in trials for seen in trial.files.values() for label in (*seen.columns, *seen.points)]
    page.gap()
    page.say(
        "Nothing was recognized as EMG, joint angle or joint moment, and one of them is needed: see the docs page."
    )
    page.say(f"The files hold: {', '.join(scalar(name) for name in dict.fromkeys(names[:_MOST_NAMED]))}")


def _write_rest(page: Page, found: Sorted) -> None:
    """Name what the mapping leaves out, so that nobody has to search for it."""
    silent = {label for trial in found.trials if "c3d" in trial.files for label in silent_channels(trial.files["c3d"])}
    lines = [f"silent channels: {', '.join(scalar(label) for label in sorted(silent)[:_MOST_NAMED])}"] if silent else []
    subtalar = {label for trial in found.trials for seen in trial.files.values() for label in seen.columns}
    subtalar = {label for label in subtalar if is_subtalar(label)}
    if subtalar:
        why = "the subtalar axis is oblique, so that the angle is neither the ankle's adduction nor its rotation"
        lines.append(f"{', '.join(scalar(label) for label in sorted(subtalar))}: {why}")
    lines += found.unused[:_MOST_NAMED]
    if lines:
        page.gap()
        page.say("Not used:")
        for line in lines:
            page.say(line, 2)
