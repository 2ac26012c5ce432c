"""Gait120, Boo 2025: right leg, knee and ankle of one axis, twelve EMG channels, no moments; frames at 100 Hz."""

from __future__ import annotations

from tests.contract.rows import Row

ROW = Row(
    clock=1e-6,
    angles={"right": ("hip adduction", "hip rotation", "hip flexion", "knee flexion", "ankle flexion")},
    muscles={
        "right": (
            "vastus_lateralis", "rectus_femoris", "vastus_medialis", "tibialis_anterior", "biceps_femoris",
            "semitendinosus", "gastrocnemius_medialis", "gastrocnemius_lateralis", "soleus_medial", "soleus_lateral",
            "peroneus_longus", "peroneus_brevis",
        ),
    },
    emg_state=("raw",),
    activities=("walk", "ramp_ascent", "ramp_descent", "stair_ascent", "stair_descent"),
    broken=(
        "*/S001/EMG/RawData.mat",
        "*/S001/JointAngle/LevelWalking/Trial01/step01.mot",
        "*/S061/JointAngle/StairAscent/Trial01/Step01.mot",
        "Anthropometric_Data_Participants.xlsx",
    ),
)  # fmt: skip
