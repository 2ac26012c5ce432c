"""K2MUSE: both legs in three planes with moments; nine muscles on the right leg, four on the left."""

from __future__ import annotations

from tests.contract.rows import Row

_ALL = tuple(
    f"{joint} {motion}" for joint in ("hip", "knee", "ankle") for motion in ("adduction", "rotation", "flexion")
)

ROW = Row(
    clock=1e-9,
    angles={"left": _ALL, "right": _ALL},
    moments={"left": _ALL, "right": _ALL},
    muscles={
        "right": (
            "tibialis_anterior",
            "gastrocnemius_medialis",
            "gastrocnemius_lateralis",
            "soleus",
            "rectus_femoris",
            "vastus_lateralis",
            "vastus_medialis",
            "biceps_femoris",
            "semitendinosus",
        ),
        "left": ("tibialis_anterior", "gastrocnemius_lateralis", "rectus_femoris", "biceps_femoris"),
    },
    emg_state=("bandpassed",),
    activities=("walk", "ramp_ascent", "ramp_descent"),
    conditions=("none", "fatigue", "electrode_shift"),
    broken=("ProcessedData/P01.mat", "ProcessedData/P02.mat"),
)
