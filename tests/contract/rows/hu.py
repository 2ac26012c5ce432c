"""Hu 2018 (ENABL3S): seven muscles of both legs, knee and ankle flexion, no moments."""

from __future__ import annotations

from . import Row

_JOINTS = ("knee flexion", "ankle flexion")
_MUSCLES = (
    "tibialis_anterior",
    "gastrocnemius_medialis",
    "soleus",
    "biceps_femoris",
    "semitendinosus",
    "vastus_lateralis",
    "rectus_femoris",
)

ROW = Row(
    clock=1e-6,
    angles={"left": _JOINTS, "right": _JOINTS},
    muscles={"left": _MUSCLES, "right": _MUSCLES},
    emg_state=("bandpassed",),
    activities=("walk", "ramp_ascent", "ramp_descent", "stair_ascent", "stair_descent"),
    broken=(
        "AB156/Processed/AB156_Circuit_*_post.csv",
        "AB185/AB185/Processed/*_post.csv",
        "Subject Trigger Channel Feature Information.xlsx",
    ),
)
