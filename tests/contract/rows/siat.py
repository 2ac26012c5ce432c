"""SIAT-LLMD: EMG of the left leg alone, angles and torques of both; labels are rows of a clock at 1920 Hz."""

from __future__ import annotations

from tests.contract.rows import Row

_JOINTS = ("hip adduction", "hip flexion", "knee flexion", "ankle flexion")
_DATA = "SIAT_LLMD20230404/SIAT_LLMD20230404/Sub01"

ROW = Row(
    clock=1e-6,
    angles={"left": _JOINTS, "right": _JOINTS},
    moments={"left": _JOINTS, "right": _JOINTS},
    muscles={
        "left": (
            "tensor_fasciae_latae", "rectus_femoris", "vastus_medialis", "semimembranosus", "tibialis_anterior_upper",
            "tibialis_anterior_lower", "gastrocnemius_lateralis", "gastrocnemius_medialis", "soleus",
        )
    },
    emg_state=("raw",),
    activities=("walk", "stair_ascent", "stair_descent"),
    broken=(f"{_DATA}/Data/Sub01_WAK_Data.csv", f"{_DATA}/Labels/Sub01_WAK_Label.csv"),
)  # fmt: skip
