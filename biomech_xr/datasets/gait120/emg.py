"""Gait120's EMG: whole trials of `RawData.mat`, or steps of `ProcessedData.mat`, from MATLAB tables."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.datasets.gait120.files import NAME, TASKS, Place, child
from biomech_xr.errors import MissingInputError
from biomech_xr.readers.mat import MatNode
from biomech_xr.readers.tables import check_columns

EMG_RATE: Final = 2000.0
FRAME_RATE: Final = 100.0
PER_FRAME: Final = 20
"""EMG samples in a frame of motion capture."""

COLUMNS: Final = (
    "VastusLateralis",
    "RectusFemoris",
    "VastusMedialis",
    "TibialisAnterior",
    "BicepsFemoris",
    "Semitendinosus",
    "GastrocnemuisMedialis",
    "GastrocnemiusLateralis",
    "SoleusMedialis",
    "SoleusLateralis",
    "PeroneusLongus",
    "PeroneusBrevis",
)
"""Columns of every table, spelled as in the files; some files put blanks between the words."""

_ACTION: Final = "Check the file against the published format, or download it again"

Samples = Mapping[str, npt.NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True, slots=True)
class EmgTrial:
    """EMG of one trial: `whole` from frame `first` on with the frames of each step, or `pieces` of single steps.

    `available` is False where the authors do not list the trial among the available ones; `announced` is their number
    of steps, 0 where they give none; `lacking` says why there is no EMG.
    """

    available: bool
    announced: int
    whole: Samples = field(default_factory=dict)
    first: int = 0
    frames: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    pieces: Mapping[int, Samples] = field(default_factory=dict)
    lacking: str = ""


def find_emg(folder: Path, wanted: str | None) -> tuple[str, Path]:
    """Return which EMG to read, `raw` or `filtered`, and its file: the raw trials where they are there.

    Raises
    ------
    MissingInputError
        The file of the kind wanted, or both files, do not exist.
    """
    names = {"raw": "RawData.mat", "filtered": "ProcessedData.mat"}
    top = child(folder, "EMG")
    for kind in (wanted,) if wanted else names:
        path = child(top, names[kind]) if top is not None else None
        if path is not None:
            return kind, path
    expected = names[wanted] if wanted else " or ".join(names.values())
    raise MissingInputError(f"{NAME}: {folder}/EMG: found no {expected}. Unpack the original archive.")


def read_trials(root: MatNode, kind: str) -> dict[Place, EmgTrial]:
    """Return the EMG of every trial of a file; one that lacks its EMG or its frames says so.

    Raises
    ------
    DataFormatError
        A field or a column is missing, the rate is not 2 kHz, or rows and frames do not agree.
    """
    for name, expected in (("EMGs_info", EMG_RATE), ("Markers_info", FRAME_RATE)):
        info = root.get(name)
        if info is not None and info["fs"].number() != expected:
            raise info["fs"].bad(found=f"{info['fs'].number():g} Hz", expected=f"{expected:g} Hz", action=_ACTION)
    tasks = [task for task in TASKS if task in root.fields()]
    if not tasks:
        raise root.bad(found=f"{', '.join(root.fields()) or 'no variables'}", expected=TASKS[0], action=_ACTION)
    read = _raw_trial if kind == "raw" else _filtered_trial
    trials: dict[Place, EmgTrial] = {}
    for task in tasks:
        listed = root[task].get("AvailableTrialIdx")
        available = None if listed is None else set(listed.vector().tolist())
        for number, node in _numbered(root[task], "Trial").items():
            trials[task, number] = read(node, available=available is None or number in available)
    return trials


def _numbered(node: MatNode, word: str) -> dict[int, MatNode]:
    """Return the fields called ``word`` and a number that are not empty, by number."""
    found = {}
    for name in node.fields():
        match = re.fullmatch(rf"{word}(\d+)", name, re.IGNORECASE)
        if match and node[name].kind == "struct":
            found[int(match[1])] = node[name]
    return dict(sorted(found.items()))


def _announced(node: MatNode) -> int:
    count = node.get("nSteps")
    number = 0.0 if count is None or count.kind == "empty" else count.number()
    return int(number) if np.isfinite(number) else 0


def _lacks(node: MatNode, *names: str) -> str:
    """Return which of some fields is not there or empty, or an empty text."""
    return next((f"no {name}" for name in names if (part := node.get(name)) is None or part.kind == "empty"), "")


def _raw_trial(node: MatNode, *, available: bool) -> EmgTrial:
    if lacking := _lacks(node, "TotalFrame", "EMGs_raw"):
        return EmgTrial(available=available, announced=_announced(node), lacking=lacking)
    first, last = _frames(node["TotalFrame"])
    whole = _table(node["EMGs_raw"])
    rows, expected = len(next(iter(whole.values()))), (last - first + 1) * PER_FRAME
    if rows != expected:
        what = f"{expected}: {PER_FRAME} for each of the frames {first} to {last}"
        raise node["EMGs_raw"].bad(found=f"{rows} rows", expected=what, action=_ACTION)
    steps = {number: _frames(step["TargetFrame"]) for number, step in _steps(node, "TargetFrame").items()}
    return EmgTrial(available=available, announced=_announced(node), whole=whole, first=first, frames=steps)


def _filtered_trial(node: MatNode, *, available: bool) -> EmgTrial:
    pieces = {number: _table(step["EMGs_filt"]) for number, step in _steps(node, "EMGs_filt").items()}
    lacking = "" if pieces else "no step with EMGs_filt"
    return EmgTrial(available=available, announced=_announced(node), pieces=pieces, lacking=lacking)


def _steps(node: MatNode, name: str) -> dict[int, MatNode]:
    """Return the steps of a trial that have a field, by number."""
    return {number: step for number, step in _numbered(node, "Step").items() if not _lacks(step, name)}


def _frames(node: MatNode) -> tuple[int, int]:
    """Return the first and the last frame of a pair."""
    values = node.vector()
    if values.size != 2 or not np.isfinite(values).all() or values[1] <= values[0] or (values % 1).any():
        expected = "a first and a later last frame, whole numbers"
        raise node.bad(found=f"{values.tolist()}", expected=expected, action=_ACTION)
    return int(values[0]), int(values[1])


def _table(node: MatNode) -> Samples:
    """Return the twelve columns of a table, each (row,), whatever blanks and case their names have."""
    table = node.table()
    names = {re.sub(r"\s", "", str(name)).lower(): name for name in table.columns}
    for column in COLUMNS:
        if column.lower() not in names:
            near = difflib.get_close_matches(column.lower(), names, n=1, cutoff=0.0)
            found = f"no column {column}; the nearest is {str(names[near[0]])!r}" if near else "a table without columns"
            raise node.bad(found=found, expected=f"{len(COLUMNS)} columns, {column!r} among them", action=_ACTION)
    chosen = table[[names[column.lower()] for column in COLUMNS]].set_axis(list(COLUMNS), axis="columns")
    check_columns(chosen, node.file, dataset=NAME, columns=COLUMNS)
    return {column: chosen[column].to_numpy(dtype=np.float64) for column in COLUMNS}
