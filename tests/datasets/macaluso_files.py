"""A small copy of one person's file in Macaluso's format, to change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from biomech_xr.parse import read_patient
from biomech_xr.schema import Trial

PARTS = ("level/part1", "level/part2", "uphill/part2")
SIDES = ("left", "right")
Trials = dict[str, Trial]


def read(root: Path, patient: str = "AB01", **options: Any) -> Trials:
    """Return the trials of a person by name."""
    return {trial.trial: trial for trial in read_patient("macaluso", root, patient, options)}


@contextmanager
def edited(root: Path, tmp_path: Path) -> Iterator[h5py.Group]:
    """Give AB01 of a copy with three parts in ``tmp_path`` to change."""
    (tmp_path / "Subject").mkdir(exist_ok=True)
    shutil.copy(root / "Subject" / "AB01.mat", tmp_path / "Subject" / "AB01.mat")
    with h5py.File(tmp_path / "Subject" / "AB01.mat", "r+") as file:
        person = file["AB01"]
        del person["downhill"]
        del person["uphill/part1"]
        yield person


def raw(root: Path, path: str) -> np.ndarray:
    """Return an array of AB01, (strides, points)."""
    with h5py.File(root / "Subject" / "AB01.mat") as file:
        return np.asarray(file["AB01"][path])


def reorder(person: h5py.Group, order: dict[str, str]) -> None:
    """Let the component that was x become ``order["x"]`` and so on, in all angles and moments."""
    for part in PARTS:
        for side in SIDES:
            for joint in ("hip", "knee", "ankle"):
                for group in ("kinematics/jointangles", "kinetics/jointmoment"):
                    node = person[f"{part}/{group}/{side}/{joint}"]
                    for axis in order:
                        node.move(f"{axis}_norm", f"{axis}_old")
                    for axis, new in order.items():
                        node.move(f"{axis}_old", f"{new}_norm")
