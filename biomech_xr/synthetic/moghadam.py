"""Writer of the raw tree of Mohammadi Moghadam et al. 2023: overground trials as EMG and IMU CSV, .mot and .sto files.

Folders, names and quirks are those that public readers of the release describe (doi:10.1038/s41598-023-31906-z). A
trial is named after its number: file `12` is trial_12. Only three steps of a trial are on force plates, so that one
stride of one leg has a known contact at both ends; that leg changes from trial to trial.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr.synthetic.emg import envelopes
from biomech_xr.synthetic.gait import Bout, Gait, angles, make_gait, moments
from biomech_xr.synthetic.person import FloatArray, Person, generator, make_person
from biomech_xr.synthetic.tables import write_workbook
from biomech_xr.synthetic.truth import Truth, stride_truth

IDS: Final = ("P1", "P4", "P2", "P3", *(f"P{number}" for number in range(5, 18)))
RATE: Final = 100
MUSCLES: Final = {
    "TibialisAnterior": "tibialis_anterior",
    "Soleus": "soleus",
    "GastrocnemiusMedialis": "gastrocnemius_medialis",
    "BicepsFemoris": "biceps_femoris",
    "Semitendinosus": "semitendinosus",
    "RectusFemoris": "rectus_femoris",
    "VastusLateralis": "vastus_lateralis",
    "GluteusMaximus": "gluteus_maximus",
}
"""In the order of the columns of a file without names."""

COORDINATES: Final = {
    "hip_flexion": (0, 2),
    "hip_adduction": (0, 0),
    "hip_rotation": (0, 1),
    "knee_angle": (1, 2),
    "ankle_angle": (2, 2),
    "subtalar_angle": (2, 0),
    "mtp_angle": None,
}
SIGNS: Final = {
    "knee_angle_*": "flexion negative: canonical = -value",
    "knee_angle_*_moment": "conjugate to the file's angle: canonical = -value / body mass",
    "*_moment": "N m: canonical = value / body mass",
    "EMG": "envelope, unit not stated",
}
_SIDES: Final = (("r", "right"), ("l", "left"))
_FEWEST: Final = 8
_LENGTH: Final = 6.0
_MARGIN: Final = 0.25
_UNMEASURED: Final = 5
_FADE: Final = 0.06
_REMAINS: Final = 0.01
_GAPS: Final = {"P4": (8, 9, 10, 12, 13, 14, 16, 17), "P1": (1, 2, 3, 5, 6, 7, 8, 9)}


def write_moghadam(out: Path, *, patients: int, seed: int, minutes: float) -> Truth:
    """Write the tree of ``patients`` people, eight trials or more each; `minutes` of walking per person."""
    root = out / "Surrogate_modelling_to_predict_gait_time_series-main"
    rows: list[dict[str, Any]] = []
    people = []
    for name in IDS[:patients]:
        person = make_person(f"moghadam-{name}", seed=seed)
        people.append((name, person))
        count = max(_FEWEST, round(minutes * 60 / _LENGTH))
        first = _GAPS.get(name, tuple(range(1, _FEWEST + 1)))
        numbers = [*first, *range(first[-1] + 1, first[-1] + 1 + count - len(first))]
        for order, number in enumerate(numbers):
            rows += _write_trial(root, name, number, person, order, seed=seed)
    _write_summary(root, people)
    (root / "Gait_Time_Series" / "P1Data" / "Joints_Kinetics" / "readme.txt").write_text("stray\n", encoding="ascii")
    planted = {
        "positions": "EMG files of even people have no names: time, 8 right, 8 left; those of odd people have names in "
        "another order",
        "time": "column Time in odd people's EMG, time in the others'; no clock starts at 0",
        "imu": "delimiter ; or tab, names padded with blanks, other length; unreadable in P4 trials 12 to 16",
        "numbers": "P1 has no trial 4, P4 starts at 8 without 11 and 15",
        "missing kinetics": "P4 trial 17",
        "plates": "moments of steps beside the plates are next to nothing; the first and last rows are exactly zero",
        "knee": "extension-positive angle and moment",
    }
    return Truth(dataset="moghadam", strides=stride_truth(rows), sign_convention=SIGNS, planted=planted)


def _write_trial(root: Path, name: str, number: int, person: Person, order: int, *, seed: int) -> list[dict[str, Any]]:
    """Write the four files of a trial; return its true stride."""
    rng = generator(seed, "moghadam", name, number)
    bout = Bout(activity="walk", duration=_LENGTH, speed=float(rng.uniform(1.2, 1.3)))
    gait = make_gait(person, [bout], rng, grid=1000)
    offset = round(float(rng.uniform(0.8, 3.0)), 2)
    folder = root / "Gait_Time_Series" / f"{name}Data"
    time = _MARGIN + np.arange(round((gait.duration - 2 * _MARGIN) * RATE)) / RATE
    leg, steps = _plates(gait, right_first=order % 2 == 0)
    angle, moment = _joint_columns(gait, time, person, steps)
    _write_storage(folder / "Joints_Kinematics" / f"{number}.mot", "Coordinates", "yes", time + offset, angle)
    lacking = name == "P4" and number == 17
    if not lacking:
        title = "Inverse Dynamics Generalized Forces"
        _write_storage(folder / "Joints_Kinetics" / f"{number}.sto", title, "no", time + offset, moment)
    later = np.append(time, time[-1] + np.arange(1, 16) / RATE)
    _write_emg(folder / "EMG" / f"{number}.csv", name, gait, later, offset)
    _write_imu(folder / "IMU" / f"{number}.csv", name, number, later + 0.004, offset, rng)
    start, stop = steps[leg]
    row = {"source_patient": name, "trial": f"trial_{number}", "side": leg, "activity": "walk",
           "trial_time": start + offset, "duration": stop - start}  # fmt: skip
    return [] if lacking else [row]


def _plates(gait: Gait, *, right_first: bool) -> tuple[str, dict[str, list[float]]]:
    """Return the leg that steps on two of the three plates, and the contacts (s) on plates of each leg."""
    leg, other = ("right", "left") if right_first else ("left", "right")
    first = 2 if right_first else 1
    start, stop = gait.contacts[leg][first : first + 2]
    between = [float(t) for t in gait.contacts[other] if start < t < stop]
    return leg, {leg: [float(start), float(stop)], other: between}


def _joint_columns(
    gait: Gait, time: FloatArray, person: Person, steps: Mapping[str, Sequence[float]]
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Return the columns of the kinematics (degrees) and the kinetics (N m) file, signs of the file."""
    angle, moment = {}, {}
    for letter, side in _SIDES:
        degrees = angles(gait, time, side)
        force = moments(gait, time, side) * person.body_mass * _loaded(gait, time, side, steps[side])[:, None, None]
        force[:_UNMEASURED] = force[-_UNMEASURED:] = 0
        for name, place in COORDINATES.items():
            sign = -1 if name == "knee_angle" else 1
            angle[f"{name}_{letter}"] = sign * degrees[:, *place] if place else np.zeros(time.size)
            moment[f"{name}_{letter}_moment"] = sign * force[:, *place] if place else np.zeros(time.size)
    return angle, moment


def _loaded(gait: Gait, time: FloatArray, side: str, on_plate: Sequence[float]) -> FloatArray:
    """Return the share of the moment that inverse dynamics sees, (time,): next to none in stances beside plates."""
    share = np.ones(time.size)
    stances = zip(gait.contacts[side][:-1], gait.foot_offs[side], strict=True)
    for contact, off in [*stances, (float(gait.contacts[side][-1]), gait.duration + 1)]:
        if not np.isclose(contact, on_plate).any():
            inside = np.clip((time - contact) / _FADE, 0, 1) * np.clip((off - time) / _FADE, 0, 1)
            share -= (1 - _REMAINS) * np.where((time > contact) & (time < off), inside, 0)
    return share


def _write_storage(path: Path, title: str, degrees: str, time: FloatArray, columns: Mapping[str, FloatArray]) -> None:
    """Write a .mot file (comment lines before endheader) or a .sto file (none)."""
    comment = (
        "\nUnits are S.I. units (second, meters, Newtons, ...)\nAngles are in degrees.\n\n" if degrees == "yes" else ""
    )
    head = (
        f"{title}\nversion=1\nnRows={time.size}\nnColumns={len(columns) + 1}\ninDegrees={degrees}\n{comment}endheader\n"
    )
    table = np.column_stack([time, *columns.values()])
    rows = "\n".join("\t".join(f"{value:16.8f}" for value in row) for row in table.tolist())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + "\t".join(["time", *columns]) + "\n" + rows + "\n", encoding="ascii")


def _write_emg(path: Path, name: str, gait: Gait, time: FloatArray, offset: float) -> None:
    columns: dict[str, FloatArray] = {}
    for letter, side in _SIDES:
        values = envelopes(gait, side, tuple(MUSCLES.values()), time)
        columns |= {f"{letter.upper()}{raw}": values[:, k] for k, raw in enumerate(MUSCLES)}
    named = int(name[1:]) % 2 == 1
    if named:
        order = sorted(columns)
        columns = {key: columns[key] for key in [*order[3:], *order[:3]]}
    table = np.column_stack([time + offset, *columns.values()])
    lines = [",".join(f"{value:.7f}" for value in row) for row in table.tolist()]
    path.parent.mkdir(parents=True, exist_ok=True)
    head = [",".join(["Time", *columns])] if named else []
    path.write_text("\n".join([*head, *lines]) + "\n", encoding="ascii")


def _write_imu(path: Path, name: str, number: int, time: FloatArray, offset: float, rng: np.random.Generator) -> None:
    """Write foot and shank accelerometers; they are noise around gravity, as their calibration is not described."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if name == "P4" and 12 <= number <= 16:
        path.write_text("Time;RF_accel.x\nerror\n", encoding="ascii")
        return
    mark = ";" if number % 2 else "\t"
    names = [f"{segment}_accel.{axis}" for segment in ("RF", "LF", "RS", "LS") for axis in "xyz"]
    values = rng.normal(0, 0.3, (time.size, len(names))) + [9.81 if column.endswith("y") else 0 for column in names]
    lines = [mark.join(f"{value:.5f}" for value in row) for row in np.column_stack([time + offset, values]).tolist()]
    head = mark.join(["Time", *(f" {column} " for column in names)])
    path.write_text("\n".join([head, *lines]) + "\n", encoding="ascii")


def _write_summary(root: Path, people: Sequence[tuple[str, Person]]) -> None:
    rows: list[list[str | float]] = [
        ["ID", "", "Participant Info", "", "", ""],
        ["WS-key", "Date", "Sex", "Age", "Weight (kg)", "height (cm)"],
    ]
    rows += [[n, "", p.sex[0].upper(), p.age, p.body_mass, round(p.height * 100)] for n, p in people]
    write_workbook(root / "Study Summary.xlsx", "Sheet1", rows)
