"""Van Criekinge 2023: one able-bodied adult and one stroke survivor; times are frames at 100 Hz, stored exactly."""

from __future__ import annotations

from biomech_xr import vocabulary as words
from tests.contract.rows import Row

_JOINTS = tuple(f"{joint} {motion}" for joint in words.JOINTS for motion in words.MOTIONS)
_MUSCLES = (
    "vastus_lateralis", "rectus_femoris", "tibialis_anterior", "biceps_femoris", "semitendinosus",
    "gastrocnemius_medialis", "erector_spinae",
)  # fmt: skip

ROW = Row(
    clock=1e-6,
    angles={"left": _JOINTS, "right": _JOINTS},
    moments={"left": _JOINTS, "right": _JOINTS},
    muscles={"left": _MUSCLES, "right": _MUSCLES},
    emg_state=("envelope",),
    activities=("walk",),
    broken=("*AbleBodied*.mat", "*PostStroke*.mat"),
)
