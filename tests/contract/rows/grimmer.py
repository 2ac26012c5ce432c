"""Grimmer 2020: touchdowns on half frames of 200 Hz; hip in three planes, knee and ankle in the sagittal one."""

from __future__ import annotations

from tests.contract.rows import Row

_JOINTS = ("hip adduction", "hip rotation", "hip flexion", "knee flexion", "ankle flexion")
_MUSCLES = (
    "vastus_lateralis", "rectus_femoris", "tibialis_anterior", "biceps_femoris", "gastrocnemius_lateralis", "soleus",
)  # fmt: skip

ROW = Row(
    clock=1e-9,
    angles={"left": _JOINTS, "right": _JOINTS},
    moments={"left": _JOINTS, "right": _JOINTS},
    muscles={"left": _MUSCLES, "right": _MUSCLES},
    emg_state=("raw",),
    activities=("walk", "stair_ascent", "stair_descent"),
    broken=(
        "Preprocessed/EMG/EMG1.mat",
        "Processed/Touchdowns/Touchdowns1.mat",
        "Processed/Joint_Kinematics/*1.mat",
        "Processed/Joint_Kinetics/*1.mat",
    ),
)
