"""Strides of Lencioni from the normative curves, for the tests of its reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from biomech_xr.datasets.lencioni import recordings
from biomech_xr.schema import Trial, validate_trial
from biomech_xr.synthetic.curves import curve
from biomech_xr.synthetic.lencioni import MUSCLES
from biomech_xr.synthetic.matfile import Structs, save_struct

ANGLES = [f"{joint}{motion}" for joint in ("Pelvis", "Hip", "Knee", "Ankle") for motion in ("Flx", "Add", "Rot")]
MOMENTS = [f"{row}Mom" for row in ANGLES[3:]]
Change = Callable[[dict[str, Any]], object]


def make_stride(task: str = "Walking", foot: str = "RX", *, samples: int = 1101, seed: int = 1) -> dict[str, Any]:
    """Return a stride at 1000 Hz and 200 Hz from the normative curves, with moments of the published sign."""
    rng = np.random.default_rng(seed)
    phase = np.linspace(0, 1, 101)
    activity = {"StepUp": "stair_ascent", "StepDown": "stair_descent"}.get(task, "walk")
    angle, moment = (curve(activity, quantity)(phase) for quantity in ("angle", "moment"))
    rows = [angle[:, j, m] for j in range(3) for m in (2, 0, 1)]
    return {
        "Task": f"{task}   ",
        "Foot": foot,
        "EMG": rng.standard_normal((8, samples)),
        "Ang": np.array([np.full(101, 9.0)] * 3 + rows) + rng.standard_normal((12, 1)) * 0.3,
        "Mom": -np.array([moment[:, j, m] for j in range(3) for m in (2, 0, 1)]),
        "Grf": np.ones((9, round(0.61 * samples * 0.8))),
        "Marker": np.ones((87, (samples - 1) // 5 + 1)),
        "Pwr": np.array([moment[:, j, 2] * np.gradient(np.deg2rad(angle[:, j, 2]), 0.011) for j in range(3)]),
        "TimeStampKin": 3.59,
        "TimeStampGrf": 3.59,
        "TimeStampEmg": 3.59,
        "cadence": 300.0,
        "speed": 1.2,
    }


def on_the_heels(element: dict[str, Any], *, seed: int) -> dict[str, Any]:
    """Return a stride on the heels with the signs of another stride."""
    return element | {"Task": "HeelWalking", "EMG": make_stride(seed=seed)["EMG"], "Marker": make_stride()["Marker"]}


def make_person(elements: list[dict[str, Any]]) -> dict[str, Any]:
    def padded(names: list[str]) -> np.ndarray:
        return np.array([f"{name:<24}" for name in names])

    return {
        "name": "S", "Age": 30.0, "Gender": "F", "BH": 171.0, "BM": 64.0, "KinFreq": 200.0, "GrfFreq": 800.0,
        "EMGFreq": 1000.0, "EMGSide": "RX", "EmgVarName": padded(list(MUSCLES)), "AngVarName": padded(ANGLES),
        "MomVarName": padded(MOMENTS), "PwrVarName": padded(["HipPwr", "KneePwr", "AnklePwr"]),
        "StandingData": {"Marker": np.ones((87, 1))}, "Data": Structs(elements),
    }  # fmt: skip


def write_person(
    root: Path, elements: list[dict[str, Any]] | None = None, change: Change | None = None, *, more: int = 3
) -> Path:
    """Write one person; ``more`` strides on the heels make the signs clear."""
    elements = elements or [make_stride(seed=k) for k in range(4)]
    content = make_person(
        [*elements, *(on_the_heels(elements[min(1, len(elements) - 1)], seed=90 + k) for k in range(more))]
    )
    if change:
        change(content)
    path = root / "Subject5.mat"
    save_struct(path, {"s": content})
    return path


def read_person(root: Path, patient: str = "Subject5", **options: str) -> dict[str, Trial]:
    found = list(recordings(root, patient, options))
    for trial in found:
        validate_trial(trial)
    return {trial.trial: trial for trial in found}


def piece_of(trial: Trial, group: str, segment: int) -> np.ndarray:
    """Return the samples of one segment, both sides."""
    signal = trial.signals[group]
    lengths = signal.lengths or (signal.points,) * (segment + 1)
    start = sum(lengths[:segment])
    return np.asarray(signal.values.values[start : start + lengths[segment]])
