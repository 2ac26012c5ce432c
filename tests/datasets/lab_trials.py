"""Mappings and small C3D trials of a lab, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from biomech_xr.datasets import lab
from biomech_xr.schema import Trial, validate_trial
from tests.readers.c3d_files import write_c3d

CHANNELS = [
    {"label": "EMG1", "muscle": "gastrocnemius_medialis", "side": "left", "ambiguous": True},
    {"label": "EMG2", "muscle": "gastrocnemius_medialis", "side": "right", "ambiguous": True},
    {"label": "EMG3", "muscle": "biceps_femoris", "side": "left"},
    {"label": "EMG4", "muscle": "biceps_femoris", "side": "right"},
    {"label": "EMG7", "muscle": "vastus_lateralis", "side": "left"},
    {"label": "EMG8", "muscle": "vastus_lateralis", "side": "right"},
]
PIG = {"convention": "plug_in_gait"}


def write_mapping(folder: Path, *files: Path | str, **changes: Any) -> Path:
    """Write a `lab.yaml` of one person P01 with Plug-in Gait angles and moments; None removes a key."""
    content: dict[str, Any] = {
        "people": [{"id": "P01", "body_mass": 70.0, "files": [str(file) for file in files]}],
        "activity": "walk",
        "surface": "overground",
        "speed": None,
        "line_frequency": 60,
        "maximum_duration": 2.5,
        "angles": PIG,
        "moments": PIG | {"limit": 3.0},
    }
    content |= changes
    (folder / "lab.yaml").write_text(yaml.safe_dump(content))
    return folder


def only_trial(root: Path) -> Trial:
    (trial,) = lab.recordings(root, "P01")
    validate_trial(trial)
    return trial


def planes(trial: Trial, group: str, side: str, joint: str) -> npt.NDArray[np.float64]:
    """Return the canonical components adduction, rotation, flexion, shape (frame, 3)."""
    return trial.signals[group].values.sel(side=side, joint=joint).values.astype(np.float64)


def walking_points(frames: int = 400, prefix: str = "", suffix: str = "") -> dict[str, npt.NDArray[np.float64]]:
    """Return angles and moments of both legs, never zero, as Plug-in Gait labels them."""
    wave = 10 + 5 * np.sin(np.arange(frames)[:, None] / 20 + np.arange(3))
    names = [f"{leg}{joint}" for leg in "LR" for joint in ("Hip", "Knee", "Ankle")]
    angles = {f"{prefix}{name}Angles{suffix}": wave + index for index, name in enumerate(names)}
    return angles | {f"{prefix}{name}Moment{suffix}": 100 * wave for name in names}


def steps(start: float) -> list[tuple[str, str, float]]:
    """Return three contacts a second apart per foot, the right one half a second later, with the foot offs between."""
    events = []
    for side, first in (("Left", start), ("Right", start + 0.5)):
        events += [("Foot Strike", side, first + second) for second in range(3)]
        events += [("Foot Off", side, first + second + 0.6) for second in range(2)]
    return sorted(events, key=lambda event: event[2])


def write_trial(
    path: Path,
    *,
    events: Sequence[tuple[str, str, float]],
    analogs: Mapping[str, npt.ArrayLike] | None = None,
    points: Mapping[str, npt.ArrayLike] | None = None,
    units: Sequence[str] = (),
    first_frame: int = 0,
) -> Path:
    return write_c3d(
        path, points=points or walking_points(), analogs=analogs, units=units, events=events, first_frame=first_frame
    )
