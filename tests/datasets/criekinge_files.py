"""Files of Van Criekinge for its tests: written once, copied and changed one at a time, and read with h5py alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from biomech_xr.schema import Trial
from biomech_xr.synthetic import Truth
from biomech_xr.synthetic.criekinge import write_criekinge

ABLE = "MAT_normalizedData_AbleBodiedAdults_v06-03-23.mat"
STROKES = "MAT_normalizedData_PostStrokeAdults_v27-02-23.mat"
LETTERS = {"SUBJ1": {"left": "L", "right": "R"}, "TVC03": {"left": "P", "right": "N"}}
_MADE: dict[str, tuple[Path, Truth]] = {}


def tree(make_folder: Callable[[], Path]) -> tuple[Path, Truth]:
    """Return the files of one able-bodied adult and one stroke survivor, written at the first call."""
    if "tree" not in _MADE:
        root = make_folder()
        _MADE["tree"] = root, write_criekinge(root, patients=2, seed=3, minutes=0.2)
    return _MADE["tree"]


def edit(source: Path, folder: Path, change: Callable[[Any], None]) -> Path:
    """Return a folder with a copy of one file whose content ``change`` has changed."""
    root = folder / "copy"
    root.mkdir()
    shutil.copy(source, root)
    with h5py.File(root / source.name, "r+") as file:
        change(file)
    return root


def overwrite(group: Any, name: str, values: np.ndarray) -> None:
    attrs = dict(group[name].attrs)
    del group[name]
    group[name] = values
    group[name].attrs.update(attrs)


def columns(root: Path, patient: str, side: str, path: str) -> np.ndarray:
    """Return one variable of a leg as the file has it, (strides, 1001), with the file's own order."""
    letter = LETTERS[patient][side]
    with h5py.File(root / (ABLE if patient == "SUBJ1" else STROKES)) as file:
        return np.asarray(file["Sub"][f"{letter}sideSegm_{letter}sideData/{path.replace('.', '/')}"])


def in_trial(root: Path, patient: str, side: str, number: int) -> np.ndarray:
    letter = LETTERS[patient][side]
    with h5py.File(root / (ABLE if patient == "SUBJ1" else STROKES)) as file:
        events = file["Sub/events"]
        own = np.flatnonzero(np.ravel(events[f"{letter}_Trial"]) == number)
        return own[np.argsort(np.ravel(events[f"{letter}_ICstart"])[own])]


def stored(trial: Trial, group: str, side: str, *place: str) -> np.ndarray:
    """Return all candidates of one side as the recording holds them, (strides, 1001)."""
    signal = trial.signals[group]
    values = signal.values.sel(side=side).loc[(slice(None), *place)].values.reshape(-1, signal.points)
    order = pd.concat([trial.strides, trial.rejected])
    first = int((order["side"] == "left").sum()) if side != trial_first(trial) else 0
    count = int((order["side"] == side).sum())
    return np.asarray(values[first : first + count])


def trial_first(trial: Trial) -> str:
    """Return the side whose segments come first: left, or the paretic one."""
    return trial.patient.affected_side if trial.patient.population == "stroke" else "left"
