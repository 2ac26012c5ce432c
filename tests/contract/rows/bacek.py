"""Bacek 2024: one person in segmented form, one in raw form.

The raw release has no events: its contacts are where a force that comes up within 25 ms begins, right to 5 ms.
"""

from __future__ import annotations

from biomech_xr import vocabulary as words
from tests.contract.rows import Row

_JOINTS = tuple(f"{joint} flexion" for joint in words.JOINTS)
_MUSCLES = (
    "vastus_lateralis", "rectus_femoris", "tibialis_anterior", "biceps_femoris", "semitendinosus",
    "gastrocnemius_medialis", "gastrocnemius_lateralis", "gluteus_maximus",
)  # fmt: skip

ROW = Row(
    clock=0.005,
    angles={"left": _JOINTS, "right": _JOINTS},
    muscles={"left": _MUSCLES, "right": _MUSCLES},
    emg_state=("envelope", "raw"),
    activities=("walk",),
    conditions=("none", "orthosis"),
    broken=(
        "Sub_1/Sub1_segMechanics.mat",
        "Sub_1/Sub1_segEnergetics.mat",
        "RAW_mat_Sub2/Sub2_rawMechanics.mat",
        "RAW_mat_Sub2/Sub2_rawEnergetics.mat",
        "Root Data/Subjects_Info.mat",
    ),
)
