"""Camargo 2021: nine of the thirteen muscles and two others on the right leg; joints of both legs; OpenSim moments."""

from __future__ import annotations

from . import Row

_JOINTS = ("hip adduction", "hip rotation", "hip flexion", "knee flexion", "ankle flexion")

ROW = Row(
    clock=1e-6,
    angles={"left": _JOINTS, "right": _JOINTS},
    moments={"left": _JOINTS, "right": _JOINTS},
    muscles={
        "right": (
            "gastrocnemius_medialis",
            "tibialis_anterior",
            "soleus",
            "vastus_medialis",
            "vastus_lateralis",
            "rectus_femoris",
            "biceps_femoris",
            "semitendinosus",
            "gracilis",
            "gluteus_medius",
            "external_oblique",
        )
    },
    emg_state=("bandpassed",),
    activities=("walk", "turn", "ramp_ascent", "ramp_descent", "stair_ascent", "stair_descent"),
    broken=(
        "AB06/*/treadmill/emg/treadmill_*.mat",
        "AB06/*/ramp/id/*.mat",
        "AB07/AB07/*/levelground/conditions/*.mat",
        "SubjectInfo.mat",
    ),
)
