"""Moghadam: no events in the release; contacts come from the onset of the ankle moment.

They are right to 0.03 s: 0.02 s late to 0.026 s early in recorded trials against force plates, however their moments
were low-passed (`tests/datasets/test_moghadam_contacts.py`); on synthetic people within 0.015 s, which `clock` pins.
"""

from __future__ import annotations

from tests.contract.rows import Row

_JOINTS = ("hip adduction", "hip rotation", "hip flexion", "knee flexion", "ankle flexion")
_MUSCLES = (
    "tibialis_anterior", "soleus", "gastrocnemius_medialis", "biceps_femoris", "semitendinosus", "rectus_femoris",
    "vastus_lateralis", "gluteus_maximus",
)  # fmt: skip
_PERSON = "Surrogate_modelling_to_predict_gait_time_series-main/Gait_Time_Series/P1Data"

ROW = Row(
    clock=0.015,
    angles={"left": _JOINTS, "right": _JOINTS},
    moments={"left": _JOINTS, "right": _JOINTS},
    muscles={"left": _MUSCLES, "right": _MUSCLES},
    emg_state=("envelope",),
    activities=("walk",),
    broken=(
        f"{_PERSON}/EMG/2.csv",
        f"{_PERSON}/IMU/2.csv",
        f"{_PERSON}/Joints_Kinematics/2.mot",
        f"{_PERSON}/Joints_Kinetics/2.sto",
    ),
)
