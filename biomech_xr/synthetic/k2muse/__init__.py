"""Writer of K2MUSE: one MATLAB struct a person with continuous and stride-normalised trials of a treadmill.

Tree, field names, sizes, rates and channel numbers are those of the authors' pages (github.com/k2muse/k2muse.github.io)
and of one public reader. Trials bear the names of their four levels: ``Ideal_LG_0_S_1_Trial_1``; times are event frames
at 100 Hz, as the file counts them. Left open by the pages and chosen here: the class of the numbers, the frame that the
first row has (1, or 62 in files of every second person), and the unit of EMG (uV).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr.synthetic.gait import Bout, make_gait
from biomech_xr.synthetic.k2muse.tree import GAP, POINTS, Take, normalized, original
from biomech_xr.synthetic.matfile import save_struct
from biomech_xr.synthetic.person import Person, generator, make_person
from biomech_xr.synthetic.tables import write_workbook
from biomech_xr.synthetic.truth import Truth, stride_truth

IDS: Final = tuple(f"P{number:02d}" for number in range(1, 43))
MODES: Final = {
    "LG_0": ("walk", 0.0),
    "AS_5": ("ramp_ascent", 5.0),
    "AS_10": ("ramp_ascent", 10.0),
    "DS_5": ("ramp_descent", 5.0),
    "DS_10": ("ramp_descent", 10.0),
}
SPEEDS: Final = {"S_0x5": 0.5, "S_1": 1.0, "S_1x0": 1.0, "S_1x5": 1.5}
SIGNS: Final = {
    "*Angles": "canonical, degrees; components flexion, adduction, rotation",
    "*Moment": "extensor, abductor and external rotator positive: canonical = -value; N m/kg, of every second person "
    "N mm/kg",
    "EMGData": "uV, signed; columns 1 to 9 right leg, 10 to 13 left leg",
}
_SHIFTS: Final = ("ShiftInitial", "ShiftUpward", "ShiftDownward", "ShiftLeftward", "ShiftRightward")
_PLAN: Final = (
    ("Ideal", "LG_0", "S_0x5", 1), ("Ideal", "LG_0", "S_1", 1), ("Ideal", "LG_0", "S_1x5", 1),
    ("Ideal", "AS_5", "S_1", 1), ("Ideal", "AS_10", "S_1", 2), ("Ideal", "DS_5", "S_1", 1),
    ("Ideal", "DS_10", "S_1", 5), ("Ideal", "LG_0", "S_1", 4), ("Fatigue", "LG_0", "S_1", 10),
    ("InterDay", "LG_0", "S_1", 1),
    *((shift, "LG_0", "S_1", 1) for shift in _SHIFTS),
)  # fmt: skip
"""Condition, mode, speed and trial of each trial that a person has."""

_NEVER_CUT: Final = ("Ideal", "LG_0", "S_1", 4)
_CUT_ONLY: Final = ("Fatigue", "DS_10")
_UNCLEAR: Final = "DS_10"
_WITHOUT_EVENTS: Final = "ShiftLeftward"
_SINGLE: Final = "ShiftRightward"
_GAPPED: Final = "InterDay"
_SHORTEST: Final = 4


def write_k2muse(out: Path, *, patients: int, seed: int, minutes: float) -> Truth:
    """Write `ProcessedData/P*.mat` and the workbook of ``patients`` people; `minutes` of walking per person."""
    rows: list[dict[str, Any]] = []
    table: list[list[str | float]] = [["ID", "Height (cm)", "Weight (kg)"]]
    for index, name in enumerate(IDS[:patients]):
        person = make_person(f"k2muse-{name}", seed=seed)
        table.append([name, round(person.height * 100, 1), person.body_mass])
        content: dict[str, Any] = {"OriginalData": {}, "NormalizedData": {}}
        for take in _takes(person, name, index, seed=seed, minutes=minutes):
            keys = (take.condition, take.mode, take.speed, f"Trial_{take.number}")
            if not take.cut_only:
                _put(content["OriginalData"], keys, original(take))
            if not take.never_cut:
                _put(content["NormalizedData"], keys, normalized(take))
                rows += _true_strides(name, take)
        path = out / "ProcessedData" / f"{name}.mat"
        save_struct(path, {name: content}, version="v7.3" if index % 2 else "v5", compress=False)
    write_workbook(out / "ParticipantInformation.xlsx", "Sheet1", table)
    _write_strays(out)
    return Truth(dataset="k2muse", strides=stride_truth(rows), sign_convention=SIGNS, planted=_planted())


def _planted() -> dict[str, str]:
    return {
        "spelling of 1.0 m/s": "S_1, of every second person S_1x0",
        "moments": "N m/kg, of every second person N mm/kg as in the C3D files",
        "conditions": "every second person has no shifted electrodes",
        "container": "v5, of every second person v7.3",
        "first row": "frame 1, of every second person frame 62",
        "cut only": f"trials of {' and '.join(_CUT_ONLY)} are not in OriginalData, nor "
        "of every second person those at 0.5 and 1.5 m/s",
        "fewer EMG cells": "in those trials one cell is missing on each leg, of a length unlike its neighbors",
        "unclear EMG cells": f"but in {_UNCLEAR} the first cell of each leg is cut short and fits no event",
        "only continuous": f"{'_'.join(_NEVER_CUT[:3])}_Trial_{_NEVER_CUT[3]} is not in NormalizedData: no events, no "
        "strides",
        "no events": f"{_WITHOUT_EVENTS} has no Events and no original: nothing pairs its streams, no stride is kept",
        "single stride": f"{_SINGLE} has one left stride: its arrays have lost the third dim",
        "not measured": "VLO is zero in ShiftUpward",
        "gap": f"{GAP} NaN in TA, MG and LG of the second right stride of {_GAPPED}",
        "not computed": "moments are exactly 0 in the first rows of every original trial",
        "empty ultrasound": "USData is empty for most strides",
        "stray files": "FigureData/figData.mat, ProcessedData/._P01.mat, ProcessedData/notes.txt",
    }


def _takes(person: Person, name: str, index: int, *, seed: int, minutes: float) -> Iterator[Take]:
    """Yield the trials of one person, each with its own walk."""
    for condition, mode, speed, number in _PLAN:
        if index % 2 and condition.startswith("Shift"):
            continue
        rng = generator(seed, "k2muse", name, condition, mode, speed, number)
        activity, incline = MODES[mode]
        spelled = "S_1x0" if speed == "S_1" and index % 2 else speed
        needed = (_SHORTEST + 1.2) * 1.25 * (SPEEDS[speed] / 1.0) ** -0.58
        length = max(needed, minutes * 60 / len(_PLAN))
        bout = Bout(activity=activity, duration=length, speed=SPEEDS[speed], incline=incline)
        without = condition == _WITHOUT_EVENTS
        cut_only = bool(index % 2 and speed != "S_1") or condition in _CUT_ONLY or mode in _CUT_ONLY or without
        yield Take(
            gait=make_gait(person, [bout], rng, grid=100),
            condition=condition,
            mode=mode,
            speed=spelled,
            number=number,
            first_frame=62 if index % 2 else 1,
            moment_scale=1000.0 if index % 2 else 1.0,
            cut_only=cut_only,
            lost="samples" if mode == _UNCLEAR else "cell" if cut_only and not without else "",
            without_events=without,
            never_cut=(condition, mode, speed, number) == _NEVER_CUT,
            single_left=condition == _SINGLE,
            silent=5 if condition == "ShiftUpward" else None,
            gap=condition == _GAPPED,
            rng=rng,
        )


def _put(tree: dict[str, Any], keys: tuple[str, ...], leaf: dict[str, Any]) -> None:
    for key in keys[:-1]:
        tree = tree.setdefault(key, {})
    tree[keys[-1]] = leaf


def _true_strides(name: str, take: Take) -> list[dict[str, Any]]:
    if take.without_events:
        return []
    return [
        {"source_patient": name, "trial": take.name, "side": side, "activity": MODES[take.mode][0],
         "trial_time": start / 100, "duration": (stop - start) / 100}
        for side in ("left", "right")
        for start, stop in take.frames(side)
    ]  # fmt: skip


def _write_strays(out: Path) -> None:
    save_struct(out / "FigureData" / "figData.mat", {"figData": {"Angles": np.zeros((POINTS, 3))}})
    (out / "ProcessedData" / "._P01.mat").write_bytes(b"\x00\x05\x16\x07")
    (out / "ProcessedData" / "notes.txt").write_text("Participants P31 to P42 were added later.\n", encoding="ascii")
