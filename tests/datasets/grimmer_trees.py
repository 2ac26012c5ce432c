"""Grimmer raw trees made by hand, and how the tests read them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from biomech_xr.datasets.grimmer import recordings
from biomech_xr.schema import Trial, validate_trial
from biomech_xr.synthetic.curves import Quantity, curve
from biomech_xr.synthetic.matfile import save_struct

EMG_RATE = 10_000 / 9

STRIDE = 240

"""Frames of every stride at 200 Hz."""

UP = ("walk", "stair_ascent", "stair_ascent", "stair_ascent", "walk", "walk")

DOWN = ("walk", "stair_descent", "stair_descent", "stair_descent", "walk", "walk")

FIRST = {"r": 20, "l": 140}

"""Row of the first contact of each leg."""

EMG, TD, ANGLE, MOMENT, FORCES = (
    "Preprocessed/EMG/EMG7", "Processed/Touchdowns/Touchdowns7", "Processed/Joint_Kinematics/X_7",
    "Processed/Joint_Kinetics/Y_7", "Preprocessed/Forces/Forces7",
)  # fmt: skip

COMPONENTS = (("hip", "flexion"), ("hip", "adduction"), ("hip", "rotation"), ("knee", "flexion"), ("ankle", "flexion"))

Content = dict[str, dict[str, Any]]

Change = Callable[[Content], object]


def columns(quantity: Quantity, scale: dict[str, float]) -> dict[str, np.ndarray]:
    """Return columns of one recording: the normative strides of UP, then those of DOWN, one after the other."""
    columns = {}
    phase = np.arange(STRIDE) / STRIDE
    for leg, first in FIRST.items():
        strides = np.concatenate([curve(activity, quantity)(phase) for activity in (*UP, *DOWN)])
        values = np.concatenate([strides[-first:], strides, strides[: STRIDE - first]])
        for joint, motion in COMPONENTS:
            j, m = ("hip", "knee", "ankle").index(joint), ("adduction", "rotation", "flexion").index(motion)
            columns[f"{joint}_{quantity}_{motion}_{leg}"] = (
                values[:, j, m] * scale.get(joint, 1) * scale.get(motion, 1) * scale.get("all", 1)
            )
    return columns


def make_content(
    *, angle: dict[str, float] | None = None, moment: dict[str, float] | None = None, filled: int = 3
) -> Content:
    """Return the variables of every file: the first configurations have the same recording, the others none."""
    frames = {leg: first + STRIDE * np.arange(len(UP) + len(DOWN) + 1) + 1.0 for leg, first in FIRST.items()}
    lists = {
        part: {f"td{leg.upper()}": frames[leg][None, span] for leg in FIRST}
        for part, span in (("ascent", slice(0, len(UP) + 1)), ("descent", slice(len(UP), None)))
    }
    joints = {"angle": columns("angle", angle or {}), "moment": columns("moment", moment or {})}
    rows = len(joints["angle"]["knee_angle_flexion_r"])
    samples = round(rows / 200 * EMG_RATE) - 7
    clock = np.arange(samples) / EMG_RATE
    muscles = ("vas", "rcf", "tib", "bcf", "gas", "sol", "foo", "sha")
    emg = {f"{raw}_{leg}": clock + k for k, raw in enumerate(muscles) for leg in FIRST}
    forces = {}
    for leg, first in FIRST.items():
        force = np.ones((rows, 6))
        since = (np.arange(rows) - first) % STRIDE
        force[since >= 150] = np.nan
        forces[f"All_{leg}"] = force

    def cells(struct: dict[str, Any]) -> list[list[dict[str, Any]]]:
        return [[dict(struct)] if config < filled else [] for config in range(6)]

    return {
        "Preprocessed/EMG/EMG7": {"Emg": cells(emg), "Emg_fs": EMG_RATE, "Emg_unit": "mV"},
        "Preprocessed/Forces/Forces7": {"Forces": cells(forces), "Forces_fs": 200.0, "Forces_unit": "N"},
        "Processed/Touchdowns/Touchdowns7": {
            "TD_ascent": cells(lists["ascent"]), "TD_descent": cells(lists["descent"]), "TD_fs": 200.0
        },
        "Processed/Joint_Kinematics/X_7": {"Joint_Kinematics": cells(joints["angle"])},
        "Processed/Joint_Kinetics/Y_7": {"Joint_Kinetics": cells(joints["moment"])},
        "FullyProcessed/Data_fully_processed": {"data": {"info": {"subjects_mass": np.full((1, 12), 75.0)}}},
    }  # fmt: skip


def write_content(root: Path, content: Content) -> None:
    for name, variables in content.items():
        save_struct(root / f"{name}.mat", variables, compress=False)


def read(root: Path, patient: str = "subject7", **options: str) -> dict[str, Trial]:
    found = list(recordings(root, patient, options))
    for trial in found:
        validate_trial(trial)
    return {trial.trial: trial for trial in found}


def changed(root: Path, change: Change, filled: int = 3, **options: str) -> dict[str, Trial]:
    content = make_content(filled=filled)
    change(content)
    write_content(root, content)
    return read(root, **options)


def flexion(trial: Trial, group: str, joint: str, side: str = "right") -> np.ndarray:
    return np.asarray(trial.signals[group].values.sel(side=side, joint=joint, motion="flexion"))


def no_forces(content: Content) -> None:
    del content["Preprocessed/Forces/Forces7"]
