"""Writer of the two MATLAB files of Van Criekinge et al. 2023: 138 able-bodied adults and 50 stroke survivors.

Names, nesting, units, signs and gaps are those of the authors' description workbook and of published statistics of the
release (doi:10.1038/s41597-023-02767-y, data doi:10.6084/m9.figshare.c.6503791). A trial is called ``trial_<number>``
after the number in `*_Trial`; frame 1 of it is 0 s.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr.synthetic.criekinge.strides import FRAMES, Strides, contralateral, ipsilateral, whole_body
from biomech_xr.synthetic.gait import Bout, Gait, make_gait
from biomech_xr.synthetic.matfile import Structs, save_struct
from biomech_xr.synthetic.person import FloatArray, Person, generator, make_person
from biomech_xr.synthetic.truth import Truth, stride_truth

ABLE: Final = tuple(f"SUBJ{number}" for number in range(1, 139))
STROKE: Final = tuple(f"TVC{number:02d}" for number in range(3, 61) if number not in (7, 18, 31, 44, 45, 50, 56, 59))
IDS: Final = (*ABLE, *STROKE)
"""Everybody, in the order of the two files. Even numbers of people are half able-bodied, half stroke survivors."""

TRIALS: Final = (4, 2, 3)
"""Numbers of the trials in the order of the columns."""

SIGNS: Final = {
    "HipMoment, KneeMoment, AnkleMoment": "N m/kg, extensor and plantarflexor positive, all axes: canonical = -value",
    "HipAngles, KneeAngles, AnkleAngles": "degrees, x flexion, y adduction, z rotation: canonical = value",
    "EMG": "mV, linear envelope",
    "GroundReactionForce": "N/kg, z upward",
}
_NO_MOMENT: Final = {
    "L": {11, 43, 44, 46, 60, 107, 124, 133},
    "R": {14, 30, 37, 53, 58, 59, 78, 97, 102},
    "P": {7, 13, 14, 20, 24, 25, *range(29, 35), 36, 37, *range(39, 43), 44, 45, 46, 48, 49},
    "N": {1, 7, 13, 14, 24, 25, 32, 33, 34, 36, 37, 40, 41, 46, 47, 49},
}
_NO_EMG: Final = {
    "L": {21, 23, 48, 54, 72, 74, 84, 85, *range(118, 139)},
    "R": {21, 23, 48, 54, 72, 74, 84, 85, *range(118, 139)},
    "P": {8, 37, 43, 45, 46, 47, 48},
    "N": {8, 43, 45, 46, 47, 48},
}
_UNEQUAL: Final = 13
_SPEEDS: Final = {"able": 1.25, "stroke": 0.8}
_SHORTEST: Final = {"able": 6.6, "stroke": 8.8}
_FILES: Final = {
    "able": "MAT_normalizedData_AbleBodiedAdults_v06-03-23.mat",
    "stroke": "MAT_normalizedData_PostStrokeAdults_v27-02-23.mat",
}


def write_criekinge(out: Path, *, patients: int, seed: int, minutes: float) -> Truth:
    """Write both files; half of the ``patients`` are stroke survivors; `minutes` of walking per person, roughly."""
    stroke = min(patients // 2, len(STROKE))
    stroke = max(stroke, patients - len(ABLE))
    rows: list[dict[str, Any]] = []
    for kind, ids in (("able", ABLE[: patients - stroke]), ("stroke", STROKE[:stroke])):
        subjects = [
            _subject(kind, number, name, seed=seed, minutes=minutes, rows=rows) for number, name in enumerate(ids, 1)
        ]
        if subjects:
            save_struct(out / _FILES[kind], {"Sub": Structs(subjects)}, version="v7.3")
    (out / "README.txt").write_text("See MATdatafiles_description_v1.3_LST.xlsx for the fields.\n", encoding="ascii")
    planted = {
        "order of trials": f"the columns come in the order of the trials {TRIALS}",
        "missing stride": "the third left (paretic) stride of trial 2 is not in the file",
        "event without a time": "the last left stride of trial 3 of able-bodied people has no ICstop",
        "event before the start": "ICstop of the last non-paretic stride of trial 3 lies before its ICstart",
        "outlier": "EMG of the first stride of trial 4 of each leg is NaN",
        "empty struct": "kinetics of TVC03, non-paretic, are structs without fields",
        "unequal counts": "the non-paretic EMG of TVC16 lacks a stride",
    }
    return Truth(dataset="criekinge", strides=stride_truth(rows), sign_convention=SIGNS, planted=planted)


def _subject(
    kind: str, number: int, name: str, *, seed: int, minutes: float, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return one element of `Sub` and add its true strides to ``rows``."""
    person = make_person(f"criekinge-{name}", seed=seed)
    lesion_left = float(number % 2 == 0)
    letters = {"able": ("L", "R"), "stroke": ("P", "N")}[kind]
    sides = ("right", "left") if kind == "stroke" and lesion_left else ("left", "right")
    length = max(_SHORTEST[kind], minutes * 60 / len(TRIALS))
    gaits = {
        trial: make_gait(
            person,
            [Bout(activity="walk", duration=length, speed=_SPEEDS[kind])],
            generator(seed, "criekinge", name, trial),
            grid=FRAMES,
        )
        for trial in TRIALS
    }
    legs = {letter: _strides(gaits, side, first=letter in "LP") for letter, side in zip(letters, sides, strict=True)}
    events: dict[str, FloatArray] = {}
    for letter, strides in legs.items():
        events |= _events(letter, strides, rows, name)
    content = {"sub_char": _facts(person, kind, number, lesion_left), "meas_char": _measurement(legs), "events": events}
    for letter, other in (letters, letters[::-1]):
        strides = legs[letter]
        own = ipsilateral(
            strides,
            generator(seed, "criekinge", name, letter),
            kinetics=number not in _NO_MOMENT[letter],
            emg=number not in _NO_EMG[letter],
        )
        if number == _UNEQUAL and letter == "N":
            own |= {muscle: {"n": own[muscle]["n"][:, :-1]} for muscle in ("GAS", "RF", "VL", "BF", "ST", "TA", "ERS")}
        content[f"{letter}sideSegm_{letter}sideData"] = own
        content[f"{letter}sideSegm_{other}sideData"] = contralateral(strides)
        content[f"{letter}sideSegm_BsideData"] = whole_body(strides)
    return content


def _strides(gaits: Mapping[int, Gait], side: str, *, first: bool) -> Strides:
    """Return the strides of one leg in the order of the columns; one is left out of trial 2 of the first leg."""
    places = []
    for trial, gait in gaits.items():
        count = gait.contacts[side].size - 1
        places += [(trial, k) for k in range(count) if not (first and trial == 2 and k == 2)]
    return Strides(gaits=gaits, side=side, places=tuple(places))


def _events(letter: str, strides: Strides, rows: list[dict[str, Any]], name: str) -> dict[str, FloatArray]:
    """Return the event lists of one leg, frames from 1, and add the true strides."""
    start, stop, off, other_start, other_off = strides.frames()
    trials = strides.trials()
    last = int(np.flatnonzero(trials == 3)[-1])
    broken = letter in "LN"
    for k, trial in enumerate(trials):
        if broken and k == last:
            continue
        rows.append({"source_patient": name, "trial": f"trial_{trial}", "side": strides.side, "activity": "walk",
                     "trial_time": (start[k] - 1) / FRAMES, "duration": (stop[k] - start[k]) / FRAMES})  # fmt: skip
    length = stop - start
    lists = {
        "ICstart": start, "ICstop": stop.copy(), "IC_cnt": other_start, "TO": off, "TO_cnt": other_off,
        "IC_cntnorm": np.round(1 + 1000 * (other_start - start) / length),
        "TOnorm": np.round(1 + 1000 * (off - start) / length),
        "TO_cntnorm": np.round(1 + 1000 * (other_off - start) / length),
        "Trial": trials.astype(float), "GoodForcePlateLanding": strides.landings().astype(float),
    }  # fmt: skip
    if broken:
        lists["ICstop"][last] = np.nan if letter == "L" else start[last] - 8
    return {f"{letter}_{field}": values[None, :] for field, values in lists.items()}


def _facts(person: Person, kind: str, number: int, lesion_left: float) -> dict[str, float]:
    facts = {
        "Weight": person.body_mass,
        "Age": person.age,
        "Male": float(person.sex == "male"),
        "Height": person.height * 1000,
        "LegLength": round(person.leg_length * 1000),
    }
    if kind == "stroke":
        facts |= {"TPS": 30.0 + number, "LesionLeft": lesion_left, "FAC": 4.0, "POMA": 22.0, "TIS": 17.0}
    return facts


def _measurement(legs: Mapping[str, Strides]) -> dict[str, Any]:
    ways = {f"Direction_{letter}": (-1.0) ** strides.trials()[None, :] for letter, strides in legs.items()}
    return ways | {"AnalogFrameRate": 1000.0, "VideoFrameRate": float(FRAMES)}
