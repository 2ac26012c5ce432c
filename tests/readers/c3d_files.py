"""Small C3D files for tests, written with ezc3d."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import ezc3d
import numpy as np
import numpy.typing as npt


def write_c3d(
    path: Path,
    *,
    points: Mapping[str, npt.ArrayLike],
    analogs: Mapping[str, npt.ArrayLike] | None = None,
    units: Sequence[str] = (),
    events: Sequence[tuple[str, str, float]] = (),
    point_rate: float = 100.0,
    analog_rate: float = 1000.0,
    first_frame: int = 0,
) -> Path:
    """Write points (frame, 3), analogs (sample,) and events (label, context, s from the start of the capture)."""
    content = ezc3d.c3d()
    content["header"]["points"]["first_frame"] = first_frame
    stack = np.stack([np.asarray(values, dtype=float) for values in points.values()])
    frames = stack.shape[1]
    content["parameters"]["POINT"]["RATE"]["value"] = [point_rate]
    content["parameters"]["POINT"]["LABELS"]["value"] = tuple(points)
    content["data"]["points"] = np.concatenate([stack.transpose(2, 0, 1), np.ones((1, len(points), frames))])
    if analogs:
        content["parameters"]["ANALOG"]["RATE"]["value"] = [analog_rate]
        content["parameters"]["ANALOG"]["LABELS"]["value"] = tuple(analogs)
        content["parameters"]["ANALOG"]["UNITS"]["value"] = tuple(units) or ("V",) * len(analogs)
        content["data"]["analogs"] = np.stack([np.asarray(values, dtype=float) for values in analogs.values()])[None]
    if events:
        times = np.array([[time // 60, time % 60] for _, _, time in events]).T
        content.add_parameter("EVENT", "USED", [len(events)])
        content.add_parameter("EVENT", "LABELS", [label for label, _, _ in events])
        content.add_parameter("EVENT", "CONTEXTS", [context for _, context, _ in events])
        content.add_parameter("EVENT", "TIMES", times)
    content.write(str(path))
    return path
