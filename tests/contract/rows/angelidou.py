"""Angelidou: strides of the one leg that cuts them, three planes with moments, five muscles; no clock."""

from __future__ import annotations

from tests.contract.rows import Row

_ALL = tuple(
    f"{joint} {motion}" for joint in ("hip", "knee", "ankle") for motion in ("adduction", "rotation", "flexion")
)
_MUSCLES = ("tibialis_anterior", "gastrocnemius_medialis", "vastus_lateralis", "rectus_femoris", "biceps_femoris")

ROW = Row(
    clock=1e-9,
    angles={"left": _ALL, "right": _ALL},
    moments={"left": _ALL, "right": _ALL},
    muscles={"left": _MUSCLES, "right": _MUSCLES},
    emg_state=("raw",),
    activities=("walk",),
    conditions=("none", "stiffness"),
    timed=False,
    broken=("SUB01.mat", "SUB02Processed.mat"),
)
