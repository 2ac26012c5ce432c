"""Writer of the raw tree of Wei et al. 2023 (SIAT-LLMD): sixteen movements a person, data and label CSV at 1920 Hz.

Layout, columns, labels and rates are those of the data descriptor (doi:10.1038/s41597-023-02263-3) and of public
readers of the release. A trial is named after its movement code (`WAK`, `UPS`, ...). Two readings of `Group` exist, and
both are written: people with odd numbers have groups 1 to 5 of the right leg and 6 to 10 of the left, the others count
the cycles of the left leg. So with `Status`: it fills the rows of a phase, and for one person, Sub03, it only marks the
row where a phase begins; there the last cycle of a leg has no known end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr.synthetic.emg import make_emg
from biomech_xr.synthetic.gait import Bout, Gait, angles, make_gait, moments
from biomech_xr.synthetic.person import FloatArray, Person, generator, make_person, stride_time
from biomech_xr.synthetic.siat.rest import MOVEMENTS, move
from biomech_xr.synthetic.tables import write_csv, write_workbook
from biomech_xr.synthetic.truth import Truth, stride_truth

IDS: Final = tuple(f"Sub{number:02d}" for number in range(1, 41))
RATE: Final = 1920
NATIVE_RATE: Final = 120
LINE_FREQUENCY: Final = 50.0
GAIT: Final = {"WAK": "walk", "UPS": "stair_ascent", "DNS": "stair_descent"}
MUSCLES: Final = {
    "tensor fascia lata": "tensor_fasciae_latae",
    "rectus femoris": "rectus_femoris",
    "vastus medialis": "vastus_medialis",
    "semimembranosus": "semitendinosus",
    "upper tibialis anterior": "tibialis_anterior",
    "lower tibialis anterior": "tibialis_anterior",
    "lateral gastrocnemius": "gastrocnemius_lateralis",
    "medial gastrocnemius": "gastrocnemius_medialis",
    "soleus": "soleus",
}
"""Electrodes in the order of the columns, with the muscle of the human whose activation they show."""

SIGNS: Final = {
    "Kinematic: *": "degrees, canonical: flexion, dorsiflexion and adduction positive",
    "Kinetic: *": "N m, canonical sign: canonical = value / body mass",
    "sEMG: *": "mV, with offset, left leg",
}
_JOINTS: Final = (("hip adduction", 0, 0), ("hip flexion", 0, 2), ("knee flexion", 1, 2), ("ankle flexion", 2, 2))
_SIDES: Final = ("left", "right")
_SPEED: Final = 1.25
_REST_SECONDS: Final = 1.0
_LABELLED: Final = 4
_MARKS: Final = "Sub03"


def write_siat(out: Path, *, patients: int, seed: int, minutes: float) -> Truth:
    """Write the tree of ``patients`` people, 15 or 16 movements each; `minutes` of gait per person, at least 0.6."""
    root = out / "SIAT_LLMD20230404" / "SIAT_LLMD20230404"
    rows: list[dict[str, Any]] = []
    people = []
    for index, name in enumerate(IDS[:patients]):
        person = make_person(f"siat-{name}", seed=seed)
        people.append((name, person))
        for code in GAIT:
            rows += _write_gait(root, name, code, person, seed=seed, minutes=minutes)
        for code in MOVEMENTS:
            if not (index % 2 and code == "KLCL"):
                _write_rest(root, name, code, person, seed=seed)
        (root / name / "Figures").mkdir()
    (root / "Code").mkdir()
    (root / "Code" / "ReadMe.txt").write_text("Code of the release.\n", encoding="ascii")
    (root / "Sub01" / "Data" / "Sub01_WAK_Data.csv.tmp").write_text("left over", encoding="ascii")
    _write_subjects(root, people)
    planted = {
        "doubled folder": "SIAT_LLMD20230404/SIAT_LLMD20230404",
        "legs by group": "odd people: groups 1-5 right, 6-10 left; even people: a counter of left cycles",
        "event marks": f"{_MARKS}: Status and Group only where a phase begins; the last cycle of each leg has no end",
        "partial cycles": "first and last cycle of the even people's UPS",
        "no label": "first row of every label file; after the last group of gait files",
        "lengths": "the label files of DNS are 7 rows longer than the data",
        "held rows": "angles and torques of every DNS are held for 16 rows, elsewhere they are interpolated",
        "dead electrode": "sEMG: soleus is constant zero in the even people's UPS",
        "missing values": "30 rows of sEMG: vastus medialis in the odd people's UPS are empty",
        "blanks": "column names have leading or trailing blanks in every UPS",
        "missing movement": "KLCL of the even people",
        "other letters": "the movements HS and TO are not the events of these names",
        "right leg": "has no EMG",
    }
    return Truth(dataset="siat", strides=stride_truth(rows), sign_convention=SIGNS, planted=planted)


def joint_columns() -> Iterator[tuple[str, str, int, int]]:
    """Yield (column without its group and last word, side, joint, motion) in the order of the file."""
    for side in _SIDES:
        for name, joint, motion in _JOINTS:
            yield f"{side} {name}", side, joint, motion


def _odd(name: str) -> bool:
    return int(name[3:]) % 2 == 1


def _write_gait(root: Path, name: str, code: str, person: Person, *, seed: int, minutes: float) -> list[dict[str, Any]]:
    rng = generator(seed, "siat", name, code, "gait")
    count = 2 * _LABELLED + (5 if code == "WAK" or name == _MARKS else 3) if _odd(name) else _LABELLED + 3
    length = max(count * stride_time(person, GAIT[code], _SPEED), minutes * 60 / 3)
    gait = make_gait(person, [Bout(activity=GAIT[code], duration=length, speed=_SPEED)], rng, grid=RATE)
    time = np.arange(round(gait.duration * RATE)) / RATE
    columns: dict[str, FloatArray] = {"Time": time}
    hold = code == "DNS"
    by_side = {
        kind: {side: _upsample(gait, time, function, side, hold=hold) for side in _SIDES}
        for kind, function in (("angle", angles), ("torque", moments))
    }
    for kind, prefix, scale in (("angle", "Kinematic", 1.0), ("torque", "Kinetic", person.body_mass)):
        for column, side, joint, motion in joint_columns():
            columns[f"{prefix}: {column} {kind}"] = by_side[kind][side][:, joint, motion] * scale
    emg = make_emg(
        gait, "left", tuple(MUSCLES.values()), rng, rate=RATE, line_frequency=LINE_FREQUENCY, hum=0.003, offset=0.03
    )
    columns |= {f"sEMG: {raw}": emg[:, k] for k, raw in enumerate(MUSCLES)}
    if code == "UPS" and _odd(name):
        columns["sEMG: vastus medialis"][4000:4030] = np.nan
    elif code == "UPS":
        columns["sEMG: soleus"][:] = 0
    labelled = _groups(gait, name, code)
    states, group = _labels(gait, labelled, time.size, phases=5 if code == "WAK" else 3)
    if name == _MARKS:
        begins = np.r_[False, (np.diff(states) != 0) | (np.diff(group) != 0)] & np.isfinite(states)
        states[~begins] = group[~begins] = np.nan
        labelled = [cycle for cycle, later in pairwise(labelled) if cycle[3] == later[3]]
    if code == "UPS" and not _odd(name):
        first, last = labelled[0], labelled[-1]
        states[: round((first[0] + 0.5 * (first[1] - first[0])) * RATE)] = np.nan
        states[round((last[0] + 0.8 * (last[1] - last[0])) * RATE) :] = np.nan
        labelled = labelled[1:-1]
    _write(root, name, code, columns, [_text(value) for value in states], group, extra=7 if code == "DNS" else 0)
    return [
        {"source_patient": name, "trial": code, "side": side, "activity": GAIT[code], "trial_time": start,
         "duration": stop - start} for start, stop, _, side, _ in labelled
    ]  # fmt: skip


def _upsample(gait: Gait, time: FloatArray, function: Any, side: str, *, hold: bool) -> FloatArray:
    """Return a quantity made at 120 Hz and laid on the rows of the EMG, (row, joint, motion): held or linear."""
    every = RATE // NATIVE_RATE
    native = np.arange(time.size // every + 2) / NATIVE_RATE
    values = np.asarray(function(gait, native, side))
    row = np.arange(time.size)
    if hold:
        return values[row // every]
    share = (row % every / every)[:, None, None]
    return values[row // every] * (1 - share) + values[row // every + 1] * share


Labelled = tuple[float, float, float, str, int]
"""Contact, next contact, foot off (s), leg, group."""


def _groups(gait: Gait, name: str, code: str) -> list[Labelled]:
    """Return the labelled cycles, in order of time and without overlap."""
    found: list[Labelled] = []
    each = _LABELLED + 1 if code == "WAK" or name == _MARKS else _LABELLED
    plan = (("right", each), ("left", each)) if _odd(name) else (("left", 99),)
    free = 0.3
    for order, (side, count) in enumerate(plan):
        cycles = [
            (start, stop, off, side)
            for (start, stop), off in zip(pairwise(gait.contacts[side]), gait.foot_offs[side], strict=True)
            if start >= free and stop < gait.duration - 0.05
        ][:count]
        found += [(*cycle, 5 * order + k + 1) for k, cycle in enumerate(cycles)]
        free = cycles[-1][1] + 0.02
    return found


def _labels(gait: Gait, cycles: list[Labelled], rows: int, *, phases: int) -> tuple[FloatArray, FloatArray]:
    """Return `Status` and `Group` of every row, NaN outside the cycles and in the first row."""
    status, group = np.full(rows, np.nan), np.full(rows, np.nan)
    for start, stop, off, side, number in cycles:
        fine = np.arange(start, stop, 1 / RATE)
        knee = angles(gait, fine, side)[:, 1, 2]
        share = (fine - start) / (stop - start)
        flexed = start + fine[np.where((share > 0.05) & (share < 0.3), knee, -99).argmax()] - start
        extended = fine[np.where((share > 0.3) & (share < 0.55), knee, 99).argmin()]
        bent = fine[np.where(share > 0.55, knee, -99).argmax()]
        borders = [start, flexed, extended, off, bent, stop] if phases == 5 else [start, off, bent, stop]
        for phase, (a, b) in enumerate(pairwise(borders), start=1):
            status[round(a * RATE) : round(b * RATE)] = phase
        group[round(start * RATE) : round(stop * RATE)] = number
    status[0] = group[0] = np.nan
    return status, group


def _text(value: float) -> str:
    return "" if np.isnan(value) else str(int(value))


def _write_rest(root: Path, name: str, code: str, person: Person, *, seed: int) -> None:
    """Write a movement without gait: postures and repetitions labelled active or at rest."""
    rng = generator(seed, "siat", name, code)
    time = np.arange(round(_REST_SECONDS * RATE)) / RATE
    angle, moment, emg, active = move(code, person, time, rng, muscles=tuple(MUSCLES.values()), rate=RATE)
    columns: dict[str, FloatArray] = {"Time": time}
    for kind, group, values in (("angle", "Kinematic", angle), ("torque", "Kinetic", moment * person.body_mass)):
        for column, side, joint, motion in joint_columns():
            columns[f"{group}: {column} {kind}"] = values[:, _SIDES.index(side), joint, motion]
    columns |= {f"sEMG: {raw}": emg[:, k] for k, raw in enumerate(MUSCLES)}
    status = ["A" if on else "R" for on in active]
    _write(root, name, code, columns, ["", *status[1:]], np.ones(time.size))


def _write(
    root: Path,
    name: str,
    code: str,
    columns: Mapping[str, FloatArray],
    status: list[str],
    group: FloatArray,
    *,
    extra: int = 0,
) -> None:
    blank = {k: f" {c}" if k % 2 else f"{c} " for k, c in enumerate(columns)}
    named = {(blank[k] if code == "UPS" else column): value for k, (column, value) in enumerate(columns.items())}
    places = {key: 9 if key.strip() == "Time" else 6 if "sEMG" in key else 5 for key in named}
    write_csv(root / name / "Data" / f"{name}_{code}_Data.csv", named, places)
    path = root / name / "Labels" / f"{name}_{code}_Label.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = zip(range(len(status) + extra), [*status, *[""] * extra], [*group, *[np.nan] * extra], strict=True)
    lines = [f"{row / RATE:.9f},{word},{_text(number)}" for row, word, number in rows]
    path.write_text("\n".join(["Time,Status,Group", *lines]) + "\n", encoding="ascii")


def _write_subjects(root: Path, people: list[tuple[str, Person]]) -> None:
    rows: list[list[str | float]] = [["Subject", "gender", "age", "weight", "height"]]
    rows += [[name, p.sex[0].upper(), p.age, p.body_mass, round(p.height * 1000)] for name, p in people]
    write_workbook(root / "SubjectInformation.xlsx", "Sheet1", rows)
