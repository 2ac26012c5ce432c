"""Mappings of real files, as a lab would answer them; each is a test of `test_lab_samples.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from biomech_xr.datasets import lab
from biomech_xr.schema import Trial, validate_trial

SIDES = {"L": "left", "R": "right"}
LEGS = {"l": "left", "r": "right"}


def _feet(heel: str, toe: str, letters: str = "LR", **more: Any) -> dict[str, Any]:
    feet = {SIDES[x.upper()]: {"heel": heel.format(x), "toe": toe.format(x)} for x in letters}
    return feet | more


def _emg(unit: str, channels: list[dict[str, Any]]) -> dict[str, Any]:
    return {"state": "raw", "unit": unit, "channels": channels}


def _joints(suffix: str, unit: str) -> list[dict[str, Any]]:
    names = (("hip_flexion", "hip", 1), ("knee_angle", "knee", -1), ("ankle_angle", "ankle", 1))
    return [
        {"label": f"{name}_{x}{suffix}", "joint": joint, "motion": "flexion", "side": side, "unit": unit, "sign": sign}
        for x, side in LEGS.items()
        for name, joint, sign in names
    ]


_BTS_MUSCLES = ("Rectus femoris", "Semimembranosus", "Tibialis anterior", "Gastrocnemius medialis")
BTS = {
    "line_frequency": 50,
    "emg": _emg(
        "mV",
        [
            {"label": f"{side.title()} {name}", "muscle": name.lower().replace(" ", "_"), "side": side}
            for side in ("left", "right")
            for name in _BTS_MUSCLES
        ],
    ),
    "events": {"from": "markers", "markers": _feet("{} heel", "{} met", "lr", pelvis=["sacrum"])},
}

OPENSIM = {
    "line_frequency": 60,
    "angles": {"channels": _joints("", "deg")},
    "moments": {"channels": _joints("_moment", "N m")},
    "events": {
        "from": "forces",
        "forces": {
            "columns": [
                {"label": "ground_force_vy", "side": "right"},
                {"label": "1_ground_force_vy", "side": "left"},
            ]
        },
        "markers": _feet("{}.Heel", "{}.Toe.Tip", pelvis=["V.Sacral"]),
    },
}
OPENSIM_FILES = {
    "trial": "walk",
    "angles": "subject01_walk_IK.mot",
    "moments": "subject01_walk_ID.sto",
    "forces": "subject01_walk_grf.mot",
    "markers": "subject01_walk.trc",
}

GAIT_WITH_EMG = {
    "line_frequency": 60,
    "emg": _emg(
        "V",
        [
            {"label": f"{x}{label}", "muscle": muscle, "side": side, "ambiguous": label == "GAS"}
            for x, side in SIDES.items()
            for label, muscle in (
                ("VAS", "vastus_intermedius"),
                ("LAT", "biceps_femoris"),
                ("GAS", "gastrocnemius_medialis"),
                ("TIB", "tibialis_anterior"),
            )
        ],
    ),
    "events": {"from": "markers", "markers": _feet("{}CAL", "{}TOE", pelvis=["VSAC"])},
}

CODAMOTION = {
    "line_frequency": 50,
    "emg": _emg(
        "mV",
        [
            {"label": f"{x}.{label}", "muscle": muscle, "side": side, "ambiguous": label != "Ant.Tib"}
            for x, side in SIDES.items()
            for label, muscle in (
                ("Quads", "vastus_lateralis"),
                ("Med.Hams", "semitendinosus"),
                ("Gastroc", "gastrocnemius_medialis"),
                ("Ant.Tib", "tibialis_anterior"),
            )
        ],
    ),
    "events": {"from": "markers", "markers": _feet("{}.Heel", "{}.Toe", pelvis=["L.Sac.Wand", "R.Sac.Wand"])},
}

_PIG = {"convention": "plug_in_gait"}
VICON_ANALYSIS = {
    "line_frequency": 60,
    "angles": _PIG,
    "moments": _PIG,
    "events": {
        "from": "labels",
        "plates": [{"number": 1}, {"number": 2}, {"number": 3}],
        "markers": {
            "left": {"toe": "LTOE", "ankle": "LANK"},
            "right": {"toe": "RTOE", "ankle": "RANK"},
        },
    },
}

PLUG_IN_C3D = {
    "line_frequency": 60,
    "angles": _PIG,
    "moments": _PIG,
    "events": {"from": "labels", "markers": _feet("{}HEE", "{}TOE", pelvis=["SACR"])},
}

VICON_ARM = {
    "line_frequency": 60,
    "emg": _emg("V", [{"label": "Biceps.EMG4", "muscle": "biceps_femoris", "side": "right"}]),
    "events": {"from": "plates"},
}


def write(folder: Path, mapping: dict[str, Any], files: list[Any], **person: Any) -> Path:
    """Write the mapping of one person P01 into a folder and return the folder."""
    content = {"people": [{"id": "P01", "files": files} | person]} | mapping
    (folder / "lab.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


def read(folder: Path) -> Trial:
    """Return the only trial of the person, checked against the schema."""
    (trial,) = lab.recordings(folder, "P01")
    validate_trial(trial)
    return trial
