"""OpenSim files of Gait120: joint angles of a step and the forces under both plates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.synthetic.gait import Gait, angles, vertical_forces
from biomech_xr.synthetic.person import FloatArray

_PELVIS: Final = ("pelvis_tilt", "pelvis_list", "pelvis_rotation", "pelvis_tx", "pelvis_ty", "pelvis_tz")
_JOINTS: Final = {
    "hip_flexion": ("hip", "flexion", 1.0),
    "hip_adduction": ("hip", "adduction", 1.0),
    "hip_rotation": ("hip", "rotation", 1.0),
    "knee_angle": ("knee", "flexion", -1.0),
    "ankle_angle": ("ankle", "flexion", 1.0),
}


def write_motion(path: Path, gait: Gait, time: FloatArray) -> None:
    """Write the joint angles of both legs, degrees, at ``time`` (s); the knee is extension-positive."""
    columns = {name: 0.9 if name == "pelvis_ty" else 2 * np.sin(6 * time + k) for k, name in enumerate(_PELVIS)}
    for letter, side in (("r", "right"), ("l", "left")):
        angle = angles(gait, time, side)
        for name, (joint, motion, sign) in _JOINTS.items():
            columns[f"{name}_{letter}"] = sign * angle[:, words.JOINTS.index(joint), words.MOTIONS.index(motion)]
        columns[f"subtalar_angle_{letter}"] = 3 * np.sin(5 * time)
    columns["lumbar_extension"] = np.full(time.size, -5.0)
    values = np.stack([np.broadcast_to(column, time.size) for column in columns.values()], axis=1)
    _write(path, "Coordinates", ("time", *columns), np.column_stack([time, values]), degrees="yes")


def write_force(path: Path, gait: Gait, time: FloatArray) -> None:
    """Write the forces (N), centres of pressure (m) and free moments (N m) of two plates; zero without contact."""
    names: list[str] = []
    blocks = [time[:, None]]
    for plate, side in ((1, "right"), (2, "left")):
        vertical = vertical_forces(gait, time, side) * gait.person.body_mass
        touch = (vertical > 0).astype(float)
        names += [f"ground_force{plate}_v{axis}" for axis in "xyz"] + [f"ground_force{plate}_p{axis}" for axis in "xyz"]
        names += [f"ground_torque{plate}_{axis}" for axis in "xyz"]
        block = np.zeros((time.size, 9))
        block[:, 0], block[:, 1], block[:, 2] = 0.05 * vertical, vertical, 0.03 * vertical
        block[:, 3], block[:, 5] = 0.4 * plate * touch, 0.1 * touch
        blocks.append(block)
    _write(path, "Forces", ("time", *names), np.concatenate(blocks, axis=1), degrees="no")


def _write(path: Path, title: str, names: Sequence[str], values: FloatArray, *, degrees: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = values.shape
    head = [title, "version=1", f"nRows={rows}", f"nColumns={columns}", f"inDegrees={degrees}", "endheader"]
    line = "\t".join(["%.8f"] * columns)
    body = [line % tuple(row) for row in values.tolist()]
    path.write_text("\n".join([*head, "\t".join(names), *body]) + "\n", encoding="ascii")
