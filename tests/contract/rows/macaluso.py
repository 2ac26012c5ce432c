"""Macaluso 2020: stride times in s in double precision; which strides are perturbed is not stated."""

from __future__ import annotations

from biomech_xr import vocabulary as words
from tests.contract.rows import Row

_JOINTS = tuple(f"{joint} {motion}" for joint in words.JOINTS for motion in words.MOTIONS)
_MUSCLES = ("rectus_femoris", "tibialis_anterior", "biceps_femoris", "gastrocnemius_medialis")

ROW = Row(
    clock=1e-6,
    angles={"left": _JOINTS, "right": _JOINTS},
    moments={"left": _JOINTS, "right": _JOINTS},
    muscles={"left": _MUSCLES, "right": _MUSCLES},
    emg_state=("envelope",),
    activities=("walk", "ramp_ascent", "ramp_descent"),
    conditions=("perturbation",),
    broken=("Subject/AB01.mat", "Subject/AB02.mat"),
)
