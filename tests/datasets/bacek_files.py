"""Files of Bacek for its tests: written once, and what is read of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from biomech_xr.datasets.bacek import recordings
from biomech_xr.schema import Trial
from biomech_xr.synthetic import Truth
from biomech_xr.synthetic.bacek import write_bacek

MECHANICS, ENERGETICS = Path("Sub_1/Sub1_segMechanics.mat"), Path("Sub_1/Sub1_segEnergetics.mat")
RAW_MECHANICS, RAW_ENERGETICS = Path("RAW_mat_Sub2/Sub2_rawMechanics.mat"), Path("RAW_mat_Sub2/Sub2_rawEnergetics.mat")
Walk = dict[str, Trial]
_MADE: dict[str, tuple[Path, Truth]] = {}
_READ: dict[str, Walk] = {}


def tree(make_folder: Callable[[], Path]) -> tuple[Path, Truth]:
    """Return the files of two people, written at the first call."""
    if "tree" not in _MADE:
        root = make_folder()
        _MADE["tree"] = root, write_bacek(root, patients=2, seed=4, minutes=0.1)
    return _MADE["tree"]


def read_once(root: Path, patient: str, **options: Any) -> Walk:
    """Return the tests of one person of the tree, read at the first call."""
    key = f"{patient} {options}"
    if key not in _READ:
        _READ[key] = read(root, patient, **options)
    return _READ[key]


def read(root: Path, patient: str, **options: Any) -> Walk:
    return {trial.trial: trial for trial in recordings(root, patient, options)}


def rows_of(trial: Trial, group: str, side: str, *place: str) -> np.ndarray:
    """Return the kept strides of one side, (strides, points)."""
    signal = trial.signals[group]
    values = signal.values.sel(side=side).loc[(slice(None), *place)].values.reshape(-1, signal.points)
    return np.asarray(values[trial.strides.loc[trial.strides["side"] == side, "segment"].to_numpy()])


def times_of(trial: Trial, side: str) -> np.ndarray:
    return np.asarray(trial.strides.loc[trial.strides["side"] == side, "trial_time"])
