"""Predictions that use no EMG and no learning: a model that does not beat them has learned nothing.

omega and alpha of the platform are backward differences, so the exact continuation of a parabola is Newton's backward
formula: with spacing d and horizon h, theta + h omega + h (h + d) / 2 alpha. (The textbook h^2 / 2 would err by h d / 2
times the acceleration even on a perfect parabola.)

Shape suffixes: B windows, S state (27), J joint components (9).
"""

# ruff: noqa: N803, N806 - shape suffixes are capitals, see the legend
from __future__ import annotations

from typing import Final

import torch

NAMES: Final = ("no_change", "linear_extrapolation", "constant_acceleration")


def extrapolate(state_BS: torch.Tensor, *, horizon_B: torch.Tensor, spacing_B: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the state at the horizon by each of `NAMES`.

    Parameters
    ----------
    state_BS
        Angle, velocity, acceleration (backward differences) in degree, degree/s, degree/s2.
    horizon_B
        How far ahead, s.
    spacing_B
        Spacing of the kinematic samples, s.

    Returns
    -------
    dict
        Each (B, S). Linear extrapolation holds the velocity and has acceleration 0; constant acceleration holds it.
    """
    angle_BJ, velocity_BJ, acceleration_BJ = state_BS.chunk(3, dim=1)
    h, d = horizon_B[:, None], spacing_B[:, None]
    linear_BJ = angle_BJ + h * velocity_BJ
    curved_BJ = linear_BJ + h * (h + d) / 2 * acceleration_BJ
    moved_BJ = velocity_BJ + h * acceleration_BJ
    return {
        "no_change": state_BS,
        "linear_extrapolation": torch.cat([linear_BJ, velocity_BJ, torch.zeros_like(acceleration_BJ)], dim=1),
        "constant_acceleration": torch.cat([curved_BJ, moved_BJ, acceleration_BJ], dim=1),
    }
