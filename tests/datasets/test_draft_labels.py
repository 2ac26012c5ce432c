"""What a label may mean: muscle, joint, side, marker; a name that several bear is never taken for one."""

from __future__ import annotations

import pytest

from biomech_xr.datasets.lab.draft.joints import foot_markers, guess_joint, pelvis_markers
from biomech_xr.datasets.lab.draft.muscles import guess_muscle


@pytest.mark.parametrize(
    ("label", "description", "muscle", "side", "certain"),
    [
        ("L_RF", "", "rectus_femoris", "left", False),
        ("Right Gastrocnemius medialis", "", "gastrocnemius_medialis", "right", True),
        ("RVAS", "Right Vastus Intermedius", "vastus_intermedius", "right", True),
        ("LTIB", "", "tibialis_anterior", "left", False),
        ("R.Med.Hams", "", "hamstrings_medial", "right", False),
        ("L.Ant.Tib", "", "tibialis_anterior", "left", False),
        ("TAr", "", "tibialis_anterior", "right", False),
        ("LeftTibAnt", "", "tibialis_anterior", "left", False),
        ("left_soleus_emg_mV", "", "soleus", "left", True),
        ("LMG", "", "gastrocnemius_medialis", "left", False),
        ("VL", "", "vastus_lateralis", "", False),
        ("Sensor 4.EMG4", "", "", "", False),
        ("Delt_ant.EMG1", "Sensor 1", "", "", False),
        ("R_TA", "Left tibialis anterior", "tibialis_anterior", "", True),
    ],
)
def test_guess_of_muscle_and_side(label: str, description: str, muscle: str, side: str, certain: bool) -> None:
    guess = guess_muscle(label, description)
    assert (guess.muscle, guess.side, guess.certain, guess.ambiguous) == (muscle, side, certain, False)
    assert bool(guess.reason) == bool(muscle)


@pytest.mark.parametrize(
    ("label", "muscle", "other"),
    [
        ("R. Quads", "rectus_femoris", "vastus_lateralis"),
        ("LGAS", "gastrocnemius_medialis", "gastrocnemius_lateralis"),
        ("Right Gastrocnemius", "gastrocnemius_medialis", "gastrocnemius_lateralis"),
        ("R_GM", "gastrocnemius_medialis", "gluteus_medius"),
        ("RLAT", "biceps_femoris", "vastus_lateralis"),
    ],
)
def test_name_of_several_muscles_is_ambiguous_and_names_the_others(label: str, muscle: str, other: str) -> None:
    guess = guess_muscle(label)
    assert guess.muscle == muscle
    assert (guess.ambiguous, guess.certain) == (True, False)
    assert other in guess.reason


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("knee_angle_r", ("angle", "knee", "flexion", "right", "")),
        ("hip_flexion_l", ("angle", "hip", "flexion", "left", "")),
        ("ankle_angle_r_moment", ("moment", "ankle", "flexion", "right", "")),
        ("left_knee_angle [deg]", ("angle", "knee", "", "left", "degree")),
        ("Knee flexion R (\u00b0)", ("angle", "knee", "flexion", "right", "degree")),
        ("RAnkleMoment", ("moment", "ankle", "", "right", "")),
        ("knee_moment_Nm", ("moment", "knee", "", "", "N m")),
        ("ankle_power_r [W/kg]", ("power", "ankle", "", "right", "W/kg")),
    ],
)
def test_guess_of_joint(label: str, expected: tuple[str, ...]) -> None:
    guess = guess_joint(label)
    assert guess is not None
    assert (guess.kind, guess.joint, guess.motion, guess.side, guess.unit) == expected


@pytest.mark.parametrize(
    "label",
    [
        "pelvis_tilt",
        "subtalar_angle_l",
        "subtalar_angle_r_moment",
        "knee_velocity_l",
        "lumbar_extension",
        "time",
        "shank_acc_x",
    ],
)
def test_no_joint(label: str) -> None:
    assert guess_joint(label) is None


@pytest.mark.parametrize(
    ("labels", "heels", "pelvis"),
    [
        (["r heel", "l heel", "r met", "sacrum", "r asis"], ("l heel", "r heel"), ["sacrum"]),
        (["S1:LHEE", "S1:RHEE", "S1:LTOE", "S1:LASI", "S1:RASI"], ("S1:LHEE", "S1:RHEE"), ["S1:LASI", "S1:RASI"]),
        (["RCAL", "LCAL", "VSAC"], ("LCAL", "RCAL"), ["VSAC"]),
        (["R.Heel", "L.Heel", "V.Sacral", "R.Midfoot.Sup"], ("L.Heel", "R.Heel"), ["V.Sacral"]),
    ],
)
def test_markers_of_feet_and_pelvis(labels: list[str], heels: tuple[str, str], pelvis: list[str]) -> None:
    feet = foot_markers(labels)
    assert (feet["heel", "left"], feet["heel", "right"]) == heels
    assert pelvis_markers(labels) == pelvis
