"""Lencioni 2019: isolated strides of both legs, EMG of the right one; published with an offset at the ankle."""

from __future__ import annotations

from biomech_xr import vocabulary as words
from tests.contract.rows import Row

_JOINTS = tuple(f"{joint} {motion}" for joint in words.JOINTS for motion in words.MOTIONS)

ROW = Row(
    clock=1e-9,
    angles={"left": _JOINTS, "right": _JOINTS},
    moments={"left": _JOINTS, "right": _JOINTS},
    muscles={
        "right": (
            "tibialis_anterior", "soleus", "gastrocnemius_medialis", "peroneus_longus", "rectus_femoris",
            "vastus_medialis", "biceps_femoris", "gluteus_maximus",
        )
    },
    emg_state=("raw",),
    activities=("walk", "heel_walk", "toe_walk", "stair_ascent", "stair_descent"),
    timed=False,
    offsets={"ankle flexion": -22.5},
    broken=("Subject1.mat",),
)  # fmt: skip
