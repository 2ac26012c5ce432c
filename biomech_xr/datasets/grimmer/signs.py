"""Signs and units of Grimmer's angles and moments: decided on the strides of the person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.datasets.deciding import ANGLE_SIGNS, MOMENT_UNIT, Judge, sign_option
from biomech_xr.datasets.grimmer.files import FloatArray
from biomech_xr.datasets.spec import Option
from biomech_xr.errors import DataFormatError
from biomech_xr.evidence import (
    Decision,
    angle_unit,
    hip_adduction_moment_sign,
    hip_adduction_sign,
    moment_sign,
    moment_unit,
)
from biomech_xr.readers.mat import MatNode

POINTS: Final = 101
_SHARE: Final = np.linspace(0, 1, POINTS)
PARTS: Final = ("ascent", "descent")

OPTIONS: Final[Mapping[str, Option]] = {
    "angle_unit": Option(kind="choice", choices=("degree", "radian"), help="unit of the joint angles"),
    "moment_unit": MOMENT_UNIT,
    "emg_unit": Option(kind="choice", choices=("V", "mV", "uV"), help="unit of the EMG, before what the file states"),
    **{
        f"{joint}_sign": sign_option("flexion", "extension", f"motion of {joint}_angle_flexion")
        for joint in words.JOINTS
    },
    **{
        f"{joint}_moment_sign": sign_option("flexor", "extensor", f"moment of {joint}_moment_flexion")
        for joint in words.JOINTS
    },
    "hip_adduction_sign": sign_option("adduction", "abduction", "motion of hip_angle_adduction"),
    "frontal_moment_sign": sign_option("adductor", "abductor", "moment of hip_moment_adduction"),
}
"""What the files may leave open; flexion of the ankle is dorsiflexion."""

_UNIT_WORDS: Final = {
    "deg": "degree", "degree": "degree", "degrees": "degree", "rad": "radian", "radian": "radian", "radians": "radian",
    "nm": "N m", "nmm": "N mm", "nm/kg": "N m/kg", "nmm/kg": "N mm/kg",
}  # fmt: skip


Curves = Mapping[tuple[str, str], Mapping[str, FloatArray]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Strides:
    """Curves of all strides of a person, 101 points from contact to contact, by part and leg, and raw name without."""

    angles: Curves
    moments: Curves


@dataclass(frozen=True, kw_only=True, slots=True)
class Scales:
    """Factor to canonical of every raw name less its side, and what to note of them."""

    factors: Mapping[str, float]
    notes: Mapping[str, str]


def resample(columns: Sequence[FloatArray], start: FloatArray, stop: FloatArray, rate: float) -> list[FloatArray]:
    """Return 101 points of every stride from ``start`` to ``stop``, (stride,) in s; NaN beyond the ends of a column.

    ``columns`` are all (frame,) at ``rate`` Hz; each becomes (stride, 101).
    """
    if not columns:
        return []
    frames = (np.multiply.outer(start, 1 - _SHARE) + np.multiply.outer(stop, _SHARE)) * rate
    index = np.arange(columns[0].size, dtype=np.float64)
    return [np.interp(frames, index, column, left=np.nan, right=np.nan) for column in columns]


def decide_scales(
    strides: Strides, *, files: Mapping[str, Path], stated: Mapping[str, str], mass: float, options: Mapping[str, Any]
) -> Scales:
    """Return the factors of one person.

    Parameters
    ----------
    strides
        Raw curves of ascents and descents.
    files
        Of `touchdowns`, `kinematics` and `kinetics`, for messages.
    stated
        Units that the files themselves state, by kind.
    mass
        Body mass in kg, NaN where unknown.
    options
        What the user settles.

    Raises
    ------
    DataFormatError
        There is no stride, a sign or a unit stays in doubt, or the mass is needed and not known.
    """
    if not any(len(part["knee_angle_flexion"]) for part in strides.angles.values()):
        raise DataFormatError.of(
            dataset="grimmer",
            file=files["touchdowns"],
            field="TD_ascent, TD_descent",
            found="no two touchdowns of one foot that are a stride of a recording with angles",
            expected="at least a few strides, to decide signs and units on",
            action="Check that the download is complete, or leave this person out",
        )
    notes: dict[str, str] = {}
    judge = Judge(dataset="grimmer", file=files["kinematics"], options=options, notes=notes)
    units = [
        _stated(stated, "kinematics"),
        *(angle_unit(part["knee_angle_flexion"]) for part in _parts(strides.angles)),
    ]
    degrees = 1.0 if judge.value("angle_unit", "Joint_Kinematics", *_first_sure(units)) == "degree" else 180 / np.pi
    factors = dict.fromkeys(("hip_angle_adduction", "hip_angle_rotation"), degrees)
    for joint, detect in ANGLE_SIGNS.items():
        raw = f"{joint}_angle_flexion"
        decisions = [detect(part[raw] * degrees) for part in _parts(strides.angles)]
        factors[raw] = degrees * judge.sign(f"{joint}_sign", raw, *decisions, canonical="flexion")
    raw = "hip_angle_adduction"
    factors[raw] = degrees * judge.sign_or_assumed(
        "hip_adduction_sign",
        raw,
        *(hip_adduction_sign(part[raw] * degrees) for part in _parts(strides.angles)),
        canonical="adduction",
        why="the sign of the OpenSim model whose names the fields have",
    )
    if "kinetics" in files:
        judge = Judge(dataset="grimmer", file=files["kinetics"], options=options, notes=notes)
        factors |= _moment_factors(strides.moments, judge, stated, mass)
    return Scales(factors=factors, notes=notes)


def _moment_factors(moments: Curves, judge: Judge, stated: Mapping[str, str], mass: float) -> dict[str, float]:
    parts = _parts(moments)
    units = [_stated(stated, "kinetics"), *(moment_unit(part["ankle_moment_flexion"], mass) for part in parts)]
    unit = judge.value("moment_unit", "Joint_Kinetics", *_first_sure(units))
    scale = judge.moment_factor(
        unit,
        mass,
        field="Joint_Kinetics",
        expected="data.info.subjects_mass in Data_fully_processed.mat",
        action="Put that file (FullyProcessed) below the same folder",
    )
    factors = {}
    for joint in words.JOINTS:
        raw = f"{joint}_moment_flexion"
        decisions = [moment_sign(joint, part[raw]) for part in parts]
        factors[raw] = scale * judge.sign(f"{joint}_moment_sign", raw, *decisions, canonical="flexor")
    raw = "hip_moment_adduction"
    frontal = [hip_adduction_moment_sign(part[raw]) for part in parts]
    factors[raw] = scale * judge.sign("frontal_moment_sign", raw, *frontal, canonical="adductor")
    factors["hip_moment_rotation"] = factors[raw]
    return factors


def _parts(curves: Curves) -> list[Mapping[str, FloatArray]]:
    """Return the curves of each part of each leg, those of each part, and all together: legs that differ contradict."""
    alone = list(curves.values())
    names = list(alone[0])
    parts = [[own for (name, _), own in curves.items() if name == part] for part in PARTS]
    joined = [{raw: np.concatenate([own[raw] for own in some]) for raw in names} for some in (*parts, alone)]
    return [*alone, *joined]


def _first_sure(decisions: Sequence[Decision[str] | None]) -> list[Decision[str]]:
    """Return what the file states alone, else what the data say."""
    return [decisions[0]] if decisions[0] else [decision for decision in decisions[1:] if decision]


def _stated(stated: Mapping[str, str], kind: str) -> Decision[str] | None:
    """Return the unit that a file states, None where it states none that is known."""
    word = stated.get(kind, "").lower().replace(" ", "").replace("*", "").replace(".", "")
    return Decision(_UNIT_WORDS[word], 1.0, f"stated in the file: {stated[kind]}") if word in _UNIT_WORDS else None


def stated_unit(root: MatNode | None) -> str:
    """Return the text of a variable whose name ends in `_unit`, empty where a file has none."""
    name = next((name for name in root.fields() if name.lower().endswith("_unit")), "") if root else ""
    node = root.get(name) if root and name else None
    return node.text() if node is not None and node.kind == "text" else ""
