"""Files of one person of Gait120, with frames and lengths as a test wants them."""

from __future__ import annotations

import functools
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biomech_xr.datasets.gait120 import SPEC
from biomech_xr.parse import read_patient
from biomech_xr.schema import Trial
from biomech_xr.synthetic.curves import curve
from biomech_xr.synthetic.gait120 import write_gait120
from biomech_xr.synthetic.matfile import save_struct
from biomech_xr.synthetic.truth import Truth

RATE, FRAMES = 2000, 100
Content = dict[str, Any]

_TREES: list[tuple[Path, Truth]] = []


def emg_table(rows: int, *, seed: int = 0) -> pd.DataFrame:
    values = 1e-4 * np.random.default_rng(seed).standard_normal((rows, len(SPEC.emg)))
    return pd.DataFrame(values, columns=list(SPEC.emg))


def pair(first: int, last: int) -> np.ndarray:
    return np.array([[first, last]], dtype=float)


def raw_trial(total: tuple[int, int], *steps: tuple[int, int]) -> Content:
    """Return a trial of `RawData.mat` with the frames given."""
    return {
        "EMGs_raw": emg_table((total[1] - total[0] + 1) * 20),
        "TotalFrame": pair(*total),
        "nSteps": float(len(steps)),
    } | {f"Step{k:02d}": {"TargetFrame": pair(*step)} for k, step in enumerate(steps, start=1)}


def write_mot(
    folder: Path, place: str, frames: tuple[int, int], *, shift: float = -1.0, phase: float = 0.0, knee: float = -1.0
) -> Path:
    """Write the angles of one step in the frames given; frame f is at (f + shift) / 100 s."""
    time = (np.arange(frames[0], frames[1] + 1) + shift) / FRAMES
    angle = curve("walk", "angle")((np.linspace(0, 1, time.size) + phase) % 1)
    columns = {
        "pelvis_tilt": np.zeros(time.size),
        "hip_flexion_r": angle[:, 0, 2],
        "hip_adduction_r": angle[:, 0, 0],
        "hip_rotation_r": angle[:, 0, 1],
        "knee_angle_r": knee * angle[:, 1, 2],
        "ankle_angle_r": angle[:, 2, 2],
        "knee_angle_l": np.full(time.size, -50.0),
    }
    lines = [
        "Coordinates",
        "version=1",
        f"nRows={time.size}",
        f"nColumns={len(columns) + 1}",
        "inDegrees=yes",
        "endheader",
    ]
    lines.append("\t".join(["time", *columns]))
    lines += ["\t".join(f"{value:.6f}" for value in row) for row in zip(time, *columns.values(), strict=True)]
    path = folder / "JointAngle" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


STEPS = ((41, 151), (151, 256))
TOTAL = (21, 280)


def person(root: Path) -> Path:
    return root / "Gait120_001_to_010" / "S001"


def content() -> Content:
    """Return `RawData.mat` with two trials of level walking of two steps each."""
    trials = {f"Trial{n:02d}": raw_trial(TOTAL, *STEPS) for n in (1, 2)}
    walking = {"AvailableTrialIdx": np.array([[1.0, 2.0]]), "nTrials": 2.0, **trials}
    return {"EMGs_info": {"fs": 2000.0}, "Markers_info": {"fs": 100.0}, "LevelWalking": walking}


def write(root: Path, raw: Content | None = None, **how: Any) -> Path:
    """Write one person with `RawData.mat` and the angles of two trials; return the folder."""
    folder = person(root)
    (folder / "EMG").mkdir(parents=True, exist_ok=True)
    (folder / "EMG" / "RawData.mat").write_bytes(mat_bytes(raw) if raw else plain_bytes())
    for trial in (1, 2):
        for k, step in enumerate(STEPS, start=1):
            write_mot(folder, f"LevelWalking/Trial{trial:02d}/step{k:02d}.mot", step, **how)
    return folder


def mat_bytes(content: Content) -> bytes:
    """Return a MATLAB file of some content."""
    with TemporaryDirectory() as folder:
        save_struct(Path(folder) / "content.mat", content, compress=False)
        return (Path(folder) / "content.mat").read_bytes()


@functools.cache
def plain_bytes() -> bytes:
    """Return `RawData.mat` with the usual content, made once."""
    return mat_bytes(content())


@functools.cache
def processed_bytes(*lengths: int) -> bytes:
    """Return `ProcessedData.mat` with steps of so many EMG rows, made once."""
    return mat_bytes(processed(*lengths))


def written_tree(factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """Return the synthetic tree of two people, written once for all tests of a process."""
    if not _TREES:
        root = factory.mktemp("gait120")
        _TREES.append((root, write_gait120(root, patients=2, seed=3, minutes=0.3)))
    return _TREES[0]


def processed(*lengths: int) -> Content:
    """Return `ProcessedData.mat` with two trials of level walking; ``lengths`` are the EMG rows of the steps."""
    steps = {f"Step{k:02d}": {"EMGs_filt": emg_table(rows, seed=k)} for k, rows in enumerate(lengths, start=1)}
    trial = {"nSteps": float(len(lengths)), "MVCs": np.ones((1, 12)), **steps}
    return {"LevelWalking": {"AvailableTrialIdx": np.array([[1.0, 2.0]]), "Trial01": trial, "Trial02": trial}}


def read(root: Path, patient: str = "S001", **options: Any) -> dict[str, Trial]:
    """Return the trials of one person by name."""
    return {trial.trial: trial for trial in read_patient("gait120", root, patient, options)}
