"""Moreira 2021: both legs, three planes, four muscles as envelopes; published durations, no clock of the trial."""

from __future__ import annotations

from biomech_xr import vocabulary as words
from tests.contract.rows import Row

_JOINTS = tuple(f"{joint} {motion}" for joint in words.JOINTS for motion in words.MOTIONS)
_MUSCLES = ("vastus_lateralis", "biceps_femoris", "tibialis_anterior", "gastrocnemius_lateralis")

ROW = Row(
    clock=1e-9,
    angles={"left": _JOINTS, "right": _JOINTS},
    moments={"left": _JOINTS, "right": _JOINTS},
    muscles={"left": _MUSCLES, "right": _MUSCLES},
    emg_state=("envelope",),
    activities=("walk",),
    timed=False,
    broken=("MAT files/Participant1/Processed_Data.mat", "MAT files/Participant4/Processed_Data.mat"),
)
