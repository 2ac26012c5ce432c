"""A small file of Embry's format, and copies of it to change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import h5py

from biomech_xr.parse import read_patient
from biomech_xr.schema import Trial
from biomech_xr.synthetic import embry

FILE = "InclineExperiment.mat"
KEPT = ("s1i0", "s1i5")
Trials = dict[str, Trial]


def write_small(root: Path) -> Path:
    """Write a file of AB01 with the trials `KEPT`; return its folder."""
    with mock.patch.object(embry, "TRIALS", (KEPT,)):
        embry.write_embry(root, patients=1, seed=3, minutes=0.2)
    return root


def read(root: Path, patient: str = "AB01", **options: Any) -> Trials:
    """Return the trials of a person by name."""
    return {trial.trial: trial for trial in read_patient("embry", root, patient, options)}


@contextmanager
def edited(small: Path, tmp_path: Path) -> Iterator[h5py.Group]:
    """Give the person of a copy of the small file in ``tmp_path`` to change."""
    shutil.copy(small / FILE, tmp_path / FILE)
    with h5py.File(tmp_path / FILE, "r+") as file:
        yield file["Gaitcycle"]["AB01"]
