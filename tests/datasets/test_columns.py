"""What each column of a source is, written down from its publication: a swapped muscle, joint, plane or leg fails."""

from __future__ import annotations

import itertools

import pytest

from biomech_xr.datasets import get_dataset

LEGS = {"left": "L", "right": "R"}
SHORT = {
    "VL": "vastus_lateralis", "RF": "rectus_femoris", "TA": "tibialis_anterior", "BF": "biceps_femoris",
    "ST": "semitendinosus", "MG": "gastrocnemius_medialis", "SOL": "soleus", "GAL": "gastrocnemius_lateralis",
    "GAS": "gastrocnemius_medialis", "ERS": "erector_spinae",
}  # fmt: skip

MUSCLES: dict[str, dict[str, tuple[str, str]]] = {
    "hu": {
        f"{side.title()}_{raw}": (SHORT[raw], side)
        for side in LEGS
        for raw in ("TA", "MG", "SOL", "BF", "ST", "VL", "RF")
    },
    "criekinge": {
        f"{leg}sideSegm_{leg}sideData.{raw}.n": (SHORT[raw], side)
        for side, leg in LEGS.items()
        for raw in ("VL", "RF", "TA", "BF", "ST", "GAS", "ERS")
    },
    "moreira": {f"{leg}/{raw}": (SHORT[raw], side) for side, leg in LEGS.items() for raw in ("VL", "BF", "TA", "GAL")},
    "lencioni": {
        raw: (raw.lower().replace(" ", "_"), "right")
        for raw in (
            "Tibialis Anterior", "Soleus", "Gastrocnemius Medialis", "Peroneus Longus", "Rectus Femoris",
            "Vastus Medialis", "Biceps Femoris", "Gluteus Maximus",
        )
    },
    "siat": {
        f"sEMG: {raw}": (muscle, "left")
        for raw, muscle in {
            "tensor fascia lata": "tensor_fasciae_latae", "rectus femoris": "rectus_femoris",
            "vastus medialis": "vastus_medialis", "semimembranosus": "semimembranosus",
            "upper tibialis anterior": "tibialis_anterior_upper", "lower tibialis anterior": "tibialis_anterior_lower",
            "lateral gastrocnemius": "gastrocnemius_lateralis", "medial gastrocnemius": "gastrocnemius_medialis",
            "soleus": "soleus",
        }.items()
    },
    "moghadam": {
        f"{leg}{raw}": (muscle, side)
        for side, leg in LEGS.items()
        for raw, muscle in {
            "TibialisAnterior": "tibialis_anterior", "Soleus": "soleus",
            "GastrocnemiusMedialis": "gastrocnemius_medialis", "BicepsFemoris": "biceps_femoris",
            "Semitendinosus": "semitendinosus", "RectusFemoris": "rectus_femoris",
            "VastusLateralis": "vastus_lateralis", "GluteusMaximus": "gluteus_maximus",
        }.items()
    },
    "camargo": {
        raw: (muscle, "right")
        for raw, muscle in {
            "gastrocmed": "gastrocnemius_medialis", "tibialisanterior": "tibialis_anterior", "soleus": "soleus",
            "vastusmedialis": "vastus_medialis", "vastuslateralis": "vastus_lateralis",
            "rectusfemoris": "rectus_femoris", "bicepsfemoris": "biceps_femoris", "semitendinosus": "semitendinosus",
            "gracilis": "gracilis", "gluteusmedius": "gluteus_medius", "rightexternaloblique": "external_oblique",
        }.items()
    },
}  # fmt: skip
ORDER_WITHOUT_NAMES = (
    "TibialisAnterior", "Soleus", "GastrocnemiusMedialis", "BicepsFemoris", "Semitendinosus", "RectusFemoris",
    "VastusLateralis", "GluteusMaximus",
)  # fmt: skip

JOINTS = ("hip", "knee", "ankle")
PLANES = {"X": "flexion", "Y": "adduction", "Z": "rotation"}
OPENSIM = {
    "hip_flexion": "hip flexion", "hip_adduction": "hip adduction", "hip_rotation": "hip rotation",
    "knee_angle": "knee flexion", "ankle_angle": "ankle flexion",
}  # fmt: skip
FOUR = ("hip adduction", "hip flexion", "knee flexion", "ankle flexion")
GRID = tuple(itertools.product(JOINTS, PLANES.items()))

ANGLES: dict[str, dict[str, tuple[str, str, float]]] = {
    "hu": {f"{s.title()}_{joint.title()}": (f"{joint} flexion", s, -1) for s in LEGS for joint in ("knee", "ankle")},
    "criekinge": {
        f"{leg}sideSegm_{leg}sideData.{joint.title()}Angles.{axis.lower()}": (f"{joint} {plane}", side, 1)
        for side, leg in LEGS.items()
        for joint, (axis, plane) in GRID
    },
    "moreira": {
        f"{leg}/Angles/{joint.title()}_{axis}": (f"{joint} {plane}", side, 1)
        for side, leg in LEGS.items()
        for joint, (axis, plane) in GRID
    },
    "lencioni": {
        f"{leg}X.{joint.title()}{short}": (f"{joint} {plane}", side, 1)
        for side, leg in LEGS.items()
        for joint in JOINTS
        for short, plane in {"Flx": "flexion", "Add": "adduction", "Rot": "rotation"}.items()
    },
    "siat": {f"Kinematic: {side} {what} angle": (what, side, 1) for side in LEGS for what in FOUR},
    "moghadam": {f"{raw}_{side[0]}": (what, side, 1) for side in LEGS for raw, what in OPENSIM.items()},
    "camargo": {
        f"{raw}_{side[0]}": (what, side, -1 if raw == "knee_angle" else 1)
        for side in LEGS
        for raw, what in OPENSIM.items()
    },
}
MOMENTS: dict[str, dict[str, tuple[str, str, float]]] = {
    "hu": {},
    "criekinge": {name.replace("Angles", "Moment"): (*what[:2], -1) for name, what in ANGLES["criekinge"].items()},
    "moreira": {
        name.replace("Angles", "Torques_Norm"): (*what[:2], -1 if what[0] == "hip rotation" else 1)
        for name, what in ANGLES["moreira"].items()
    },
    "lencioni": {f"{name}Mom": (*what[:2], -1) for name, what in ANGLES["lencioni"].items()},
    "siat": {f"Kinetic: {side} {what} torque": (what, side, 1) for side in LEGS for what in FOUR},
    "moghadam": {f"{name}_moment": what for name, what in ANGLES["moghadam"].items()},
    "camargo": {f"{name}_moment": what for name, what in ANGLES["camargo"].items()},
}


@pytest.mark.parametrize("name", MUSCLES)
def test_every_channel_is_the_muscle_of_its_name(name: str) -> None:
    columns = get_dataset(name).spec.emg
    assert {raw: (column.muscle, column.side) for raw, column in columns.items()} == MUSCLES[name]
    assert {column.factor for column in columns.values()} == {1.0}


@pytest.mark.parametrize("name", ANGLES)
def test_every_column_is_its_own_joint_plane_leg_and_sign(name: str) -> None:
    spec = get_dataset(name).spec
    for columns, expected in ((spec.angles, ANGLES[name]), (spec.moments, MOMENTS[name])):
        assert {raw: (f"{c.joint} {c.motion}", c.side, c.factor) for raw, c in columns.items()} == expected


def test_channels_without_names_are_right_before_left_in_the_stated_order() -> None:
    assert list(get_dataset("moghadam").spec.emg) == [f"{leg}{raw}" for leg in "RL" for raw in ORDER_WITHOUT_NAMES]
