"""Writer of the files of Bacek et al. 2024: walking on a treadmill, free and with the left knee locked.

Layout, names, units and shapes are those of the authors' documentation and code (doi:10.1038/s41597-024-03444-4, data
doi:10.26188/c.6887854.v1). Everybody has the segmented files; people with an even number have the raw ones too, and
their true strides are those of the raw files. A trial is called like the test, ``T1`` to ``T30``; sample 1 is 0 s.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr.synthetic.bacek.raw import raw_content
from biomech_xr.synthetic.bacek.walk import Walk
from biomech_xr.synthetic.gait import Bout, make_gait
from biomech_xr.synthetic.matfile import save_struct
from biomech_xr.synthetic.person import Person, generator, make_person
from biomech_xr.synthetic.truth import Truth, stride_truth

_TABLE: Final = {
    1: (35, 1.72, 74, "male"), 2: (33, 1.74, 70, "male"), 3: (33, 1.86, 86, "male"), 4: (25, 1.75, 76, "male"),
    5: (32, 1.68, 51, "male"), 6: (43, 1.73, 80, "female"), 7: (None, 1.67, 64, None), 8: (None, 1.76, 84, None),
    9: (23, 1.60, 65, "male"), 10: (22, 1.88, 77, "male"), 11: (24, 1.75, 90, "male"), 12: (26, 1.74, 82, "male"),
    13: (29, 1.73, 82, "male"), 14: (30, 1.72, 79, "male"), 15: (27, 1.55, 50, "female"), 16: (28, 1.55, 51, "female"),
    17: (29, 1.65, 72, "female"), 18: (25, 1.80, 80, "male"), 19: (57, 1.56, 59, "female"), 20: (29, 1.74, 66, "male"),
    21: (26, 1.85, 88, "male"),
}  # fmt: skip
IDS: Final = tuple(f"Sub{number}" for number in _TABLE)

SEGMENTED: Final = (1, 2, 4, 5, 8, 10, 13, 16, 18, 20, 23, 28, 30)
RAW: Final = (1, 8, 10, 13, 18, 28)
"""Tests that are there, of people with an odd number (every speed and cadence, free and with the orthosis) and an even
one."""

SIGNS: Final = {
    "Angles.*": "degrees, flexion and dorsiflexion positive: canonical = value",
    "GRF.V_*": "segmented N/kg, raw N, upward positive",
    "EMG": "segmented: envelope over the session's factor; raw: mV",
}
_SPEEDS: Final = (1.1, 0.8, 0.4)
_CADENCES: Final = (0.9, 0.95, 1.0, 1.1, 1.2)
_SESSIONS: Final = {
    "Session2": (1, 3, 2, 4, 5, 23, 22, 25, 21, 24, 15, 13, 11, 14, 12),
    "Session3": (16, 18, 17, 20, 19, 6, 8, 10, 7, 9, 30, 28, 26, 27, 29),
}
_LEAST_STRIDES: Final = 6
_SHORT_ROWS, _NO_EMG, _NO_STRIKES, _DOUBLE_RATE, _ASTRAY = 5, 4, 30, 13, 10
_GAPPED, _GAPPED_RAW = 20, 28
_MORE_STRIDES: Final = 4
CUT_GAP: Final = slice(300, 330)
RAW_GAP: Final = slice(6000, 6045)
"""Points of a row, and samples, that are NaN."""
_MUSCLES: Final = ("TibAnt", "GastroLat", "GastroMed", "VastLat", "RecFem", "BicFem", "Semitend", "GlutMax")


def write_bacek(out: Path, *, patients: int, seed: int, minutes: float) -> Truth:
    """Write the files of ``patients`` people; `minutes` of walking per person over all tests, roughly."""
    rows: list[dict[str, Any]] = []
    info: dict[str, Any] = {}
    for number in range(1, patients + 1):
        age, height, mass, sex = _TABLE[number]
        person = make_person(f"bacek-Sub{number}", seed=seed, age=age, height=height, body_mass=mass, sex=sex)
        walks = {
            test: _walk(person, number, test, seed=seed, minutes=minutes)
            for test in (RAW if number % 2 == 0 else SEGMENTED)
        }
        rows += _write_segmented(out / f"Sub_{number}", number, walks, only=bool(number % 2))
        if number % 2 == 0:
            rows += _write_raw(out / f"RAW_mat_Sub{number}", number, walks, seed=seed)
        info[f"Sub{number}"] = {"Session1": {"Mass": float(mass)}} | {
            name: {"TestOrder": np.array([order], dtype=float), "ConditionOrder": np.array([[1.0, 2.0, 1.0]]),
                   "WalkSpeedOrder": np.array([[3.0, 2.0, 1.0]]), "Mass": float(mass), "LowerLimbMarkers": 26.0}
            for name, order in _SESSIONS.items()
        }  # fmt: skip
    save_struct(out / "Root Data" / "Subjects_Info.mat", {"SubjectInfo": info})
    (out / "Sub_1" / "notes.txt").write_text("T# is a condition, not an order in time.\n", encoding="ascii")
    planted = {
        "absent tests": f"only the tests {SEGMENTED} or {RAW} are there, in lexicographic order",
        "fields that are no tests": "MetabolicResting, NormFactors, Pref_Start, StaticCalibration",
        "right rows": "Sub1: angles and EMG between right strikes, forces between left ones; even numbers: all left",
        "unequal counts": f"T{_SHORT_ROWS}, segmented: the right EMG lacks a row",
        "wrong belt": f"T{_ASTRAY}, raw: one left step is on the right belt, so that both feet lack a contact",
        "loading": "the vertical force comes up within 25 ms of a contact, so that a threshold finds it some ms late",
        "test in one file": f"T{_NO_EMG} is not in segEnergetics, T{_NO_STRIKES} is not in segMechanics",
        "rate of forces": f"T{_DOUBLE_RATE}, raw: 2 kHz",
        "gaps": f"T{_GAPPED}: 30 NaN in the second row of Left_Semitend; T{_GAPPED_RAW}, raw: 45 NaN in Right_GlutMax",
        "orthosis": "T16 to T30: the left knee keeps a third of its motion",
        "containers": "segMechanics and rawMechanics v5, segEnergetics and rawEnergetics v7.3",
    }
    return Truth(dataset="bacek", strides=stride_truth(rows), sign_convention=SIGNS, planted=planted)


def _walk(person: Person, number: int, test: int, *, seed: int, minutes: float) -> Walk:
    """Return one test of one person."""
    block, step = divmod(test - 1, len(_CADENCES))
    speed = _SPEEDS[block % len(_SPEEDS)]
    faster = replace(person, pace=person.pace / _CADENCES[step])
    rng = generator(seed, "bacek", number, test)
    nominal = 1.1 * faster.pace * (max(speed, 0.5) / 1.25) ** -0.58
    strides = _LEAST_STRIDES + (_MORE_STRIDES if test == _ASTRAY and number % 2 == 0 else 0)
    length = max(strides * nominal, minutes * 60 / len(SEGMENTED))
    gait = make_gait(faster, [Bout(activity="walk", duration=length, speed=speed)], rng, grid=1000)
    return Walk(gait=gait, orthosis=test >= 16)


def _write_segmented(folder: Path, number: int, walks: dict[int, Walk], *, only: bool) -> list[dict[str, Any]]:
    """Write both segmented files; return the true strides when they are the ``only`` files of the person."""
    left_rows = number % 2 == 0
    mechanics: dict[str, Any] = {}
    energetics: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    for test in sorted(walks, key=str):
        walk, name = walks[test], f"T{test}"
        if test != _NO_STRIKES:
            mechanics[name] = walk.mechanics(left_rows=left_rows, left_forces=left_rows or number == 1)
        if test != _NO_EMG:
            activity = walk.activity(_factors(walk, test), left_rows=left_rows)
            if test == _SHORT_ROWS:
                activity |= {key: values[:-1] for key, values in activity.items() if key.startswith("Right")}
            if test == _GAPPED:
                activity["Left_Semitend"][1, CUT_GAP] = np.nan
            energetics[name] = {
                "EMG": {"Activity": activity, "SNR": {"Left_TibAnt": 12.0, "Right_TibAnt": 11.0}},
                "Metabolic": {"MetCost": np.full(40, 2.4), "CostTrans": np.full(40, 2.2)},
            }
        if only and test != _NO_STRIKES:
            rows += walk.true_strides(f"Sub{number}", name)
    some = walks[1]
    rest = {"Session2": np.array([[1.3, 1.2, 1.25]]), "Session3": np.array([[1.3, 1.2, 1.25]])}
    preferred = {name: {"Metabolic": {"MetCost": np.full(30, 2.5), "CostTrans": np.full(30, 2.3)}} for name in rest}
    extra = {
        "MetabolicResting": rest,
        "NormFactors": {"Session2": _factors(some, 1), "Session3": _factors(some, 16)},
        "Pref_Start": preferred,
        "Pref_End": preferred,
    }
    save_struct(
        folder / f"Sub{number}_segMechanics.mat", {"segMechanics": mechanics | {"Pref_Start": {"Note": "none"}}}
    )
    save_struct(folder / f"Sub{number}_segEnergetics.mat", {"segEnergetics": energetics | extra}, version="v7.3")
    return rows


def _write_raw(folder: Path, number: int, walks: dict[int, Walk], *, seed: int) -> list[dict[str, Any]]:
    """Write both raw files; return the true strides."""
    mechanics: dict[str, Any] = {"StaticCalibration": {"Session2": {"RASI": np.zeros((5, 3)) + 900.0}}}
    energetics: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    for test in sorted(walks, key=str):
        walk, name = walks[test], f"T{test}"
        rng = generator(seed, "bacek", number, test, "raw")
        rate, astray = 2000 if test == _DOUBLE_RATE else 1000, walk.astray() if test == _ASTRAY else None
        mechanics[name], energetics[name] = raw_content(walk, rng, rate=rate, astray=astray)
        if test == _GAPPED_RAW:
            energetics[name]["EMG"]["Right_GlutMax"][RAW_GAP] = np.nan
        rows += walk.true_strides(f"Sub{number}", name, recorded=True, **({"astray": astray} if astray else {}))
    save_struct(folder / f"Sub{number}_rawMechanics.mat", {"rawMechanics": mechanics})
    save_struct(folder / f"Sub{number}_rawEnergetics.mat", {"rawEnergetics": energetics}, version="v7.3")
    return rows


def _factors(walk: Walk, test: int) -> dict[str, float]:
    """Return the session's factor of every muscle: sessions differ."""
    session = 1.0 if test in _SESSIONS["Session2"] else 1.6
    return {
        f"{side}_{raw}": session * 3 * walk.gain(side.lower(), raw) for side in ("Left", "Right") for raw in _MUSCLES
    }
