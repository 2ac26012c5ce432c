"""Own C3D files with Plug-in Gait outputs; event times are single precision in C3D (half a step is 2e-7 s at 4 s)."""

from __future__ import annotations

from biomech_xr import vocabulary as words
from tests.contract.rows import Row

_JOINTS = tuple(f"{joint} {motion}" for joint in words.JOINTS for motion in words.MOTIONS)
_MUSCLES = (
    "gastrocnemius_medialis", "biceps_femoris", "vastus_lateralis", "rectus_femoris", "tibialis_anterior", "soleus",
)  # fmt: skip

ROW = Row(
    clock=1e-6,
    angles={"left": _JOINTS, "right": _JOINTS},
    moments={"left": _JOINTS, "right": _JOINTS},
    muscles={"left": _MUSCLES, "right": _MUSCLES},
    emg_state=("raw",),
    activities=("walk",),
    broken=("P01/walk_01.c3d",),
)
