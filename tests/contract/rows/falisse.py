"""Falisse 2019: one right leg, eleven strides without a clock, durations fitted to angles and velocities by splines."""

from __future__ import annotations

from tests.contract.rows import Row

_JOINTS = ("hip adduction", "hip rotation", "hip flexion", "knee flexion", "ankle flexion")

ROW = Row(
    clock=1e-5,
    angles={"right": _JOINTS},
    moments={"right": _JOINTS},
    muscles={
        "right": (
            "biceps_femoris", "tibialis_anterior", "peroneus_longus", "gastrocnemius_lateralis", "semitendinosus",
            "soleus", "vastus_lateralis", "vastus_medialis", "gluteus_medius", "rectus_femoris", "peroneus_brevis",
            "gastrocnemius_medialis", "adductor_longus", "tensor_fasciae_latae",
        )
    },
    emg_state=("envelope",),
    activities=("walk",),
    timed=False,
    broken=("ExperimentalData.mat",),
    patients=1,
)  # fmt: skip
