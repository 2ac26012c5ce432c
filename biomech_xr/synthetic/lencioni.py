"""Writer of the files of Lencioni et al. 2019: `Subject<n>.mat`, one struct `s`, one element of `s.Data` a stride.

Members, row names, shapes, units and rates are those of the published descriptor (doi:10.1038/s41597-019-0323-z) and of
a survey of the real files. A reader that follows them makes one trial per `Task`, named by that word, whose strides
have no common clock. What the descriptor leaves open is chosen here: the sign of hip and knee moments as that of the
ankle, the order of the force axes, the content of `StandingData`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr.synthetic.emg import make_emg
from biomech_xr.synthetic.gait import Bout, Gait, angles, make_gait, moments, velocities, vertical_forces
from biomech_xr.synthetic.matfile import Structs, save_struct
from biomech_xr.synthetic.person import FloatArray, Person, generator, make_person, stride_time
from biomech_xr.synthetic.truth import Truth, stride_truth

NO_SIDE: Final = "Subject18"
"""The person whose `EMGSide` is NO."""

IDS: Final = ("Subject1", "Subject3", NO_SIDE, *(f"Subject{n}" for n in range(1, 51) if n not in (1, 3, 18)))
RATES: Final = ((200, 800, 1000), (60, 960, 960), (200, 800, 800))
"""`KinFreq`, `GrfFreq`, `EMGFreq`, Hz."""

MUSCLES: Final = {
    "Tibialis Anterior": "tibialis_anterior",
    "Soleus": "soleus",
    "Gastrocnemius Medialis": "gastrocnemius_medialis",
    "Peroneus Longus": "peroneus_longus",
    "Rectus Femoris": "rectus_femoris",
    "Vastus Medialis": "vastus_medialis",
    "Biceps Femoris": "biceps_femoris",
    "Gluteus Maximus": "gluteus_maximus",
}
TASKS: Final = {
    "Walking": ("walk", 1.25),
    "ToeWalking": ("toe_walk", 1.0),
    "HeelWalking": ("heel_walk", 0.9),
    "StepUp": ("stair_ascent", 0.5),
    "StepDown": ("stair_descent", 0.5),
}
JOINTS: Final = ("Hip", "Knee", "Ankle")
MOTIONS: Final = (("Flx", 2), ("Add", 0), ("Rot", 1))
ANKLE_OFFSET: Final = -22.5
POINTS: Final = 101
STRIDES: Final = 4
"""Fewest strides of each leg and task."""

SIGNS: Final = {
    "Ang": "canonical, degrees; AnkleFlx is 22.5 degrees lower",
    "Mom": "extensor, plantarflexor and abductor positive, N m/kg: canonical = -value in all rows",
    "EMG": "mV, right leg whatever the stride's foot",
}


def write_lencioni(out: Path, *, patients: int, seed: int, minutes: float) -> Truth:
    """Write one file per person: ``minutes`` of each task, half of it left out, at least four strides a leg."""
    rows: list[dict[str, Any]] = []
    for name in IDS[:patients]:
        person = make_person(f"lencioni-{name}", seed=seed)
        number = int(name.removeprefix("Subject"))
        rates = RATES[_order(number)]
        elements: list[dict[str, Any]] = []
        for task, (activity, _) in TASKS.items():
            for side, element, duration in _strides(person, name, task, rates, seed=seed, minutes=minutes):
                elements.append(element)
                rows.append({"source_patient": name, "trial": task, "side": side, "activity": activity,
                             "trial_time": np.nan, "duration": duration})  # fmt: skip
        _spoil(elements)
        content = _content(person, name, rates, elements)
        save_struct(out / f"{name}.mat", {"s": content}, compress=False)
    (out / "readme.txt").write_text("Synthetic copy of the format.\n", encoding="ascii")
    planted = {
        "left strides": "elements with Foot LX hold the EMG of the right leg",
        "no side": f"EMGSide of {NO_SIDE} is NO",
        "spelling": "every person with cameras at 60 Hz has EMGFeq instead of EMGFreq",
        "wrong cadence": "element 1 of each person",
        "late force": "every fourth force record starts 50 ms after contact, with its own time stamp",
        "no moments": "Mom of the last element (StepDown) is empty",
        "dead electrode": "Gluteus Maximus is 0 in all strides on stairs",
        "padding": "Task, Foot and all names end in blanks",
    }
    return Truth(dataset="lencioni", strides=stride_truth(rows), sign_convention=SIGNS, planted=planted)


def _order(number: int) -> int:
    """Return which rates a person has: known for some, else in turn."""
    return {1: 0, 2: 2, 3: 1, 6: 0, 8: 0, 41: 1}.get(number, number % 3)


def _strides(
    person: Person, name: str, task: str, rates: tuple[int, int, int], *, seed: int, minutes: float
) -> Iterator[tuple[str, dict[str, Any], float]]:
    """Yield (side, element, duration in s) of the strides of one task, a few from each pass through the laboratory."""
    activity, speed = TASKS[task]
    wanted = max(STRIDES, min(20, round(minutes * 60 / stride_time(person, activity, speed) / 4)))
    for first in range(0, wanted, 2):
        rng = generator(seed, "lencioni", name, task, first)
        pace = speed * (1 + 0.15 * ((first // 2) % 3 - 1)) if task == "Walking" else speed
        length = 5.2 * stride_time(person, activity, pace)
        gait = make_gait(person, [Bout(activity=activity, duration=length, speed=pace)], rng, grid=rates[0])
        emg = make_emg(
            gait, "right", tuple(MUSCLES.values()), rng, rate=rates[2], line_frequency=50.0, offset=0.04, band=(10, 400)
        )
        for number in range(first, min(first + 2, wanted)):
            for side in ("right", "left"):
                k = 1 + number - first
                start, stop = gait.contacts[side][k : k + 2]
                late = 0.05 if number % 4 == 3 else 0.0
                element = _element(gait, side, k, rates, emg, late=late)
                element |= {"Task": f"{task:<12}", "speed": round(pace, 2), "strideLength": pace * (stop - start)}
                yield side, element, float(stop - start)


def _element(
    gait: Gait, side: str, k: int, rates: tuple[int, int, int], emg: FloatArray, *, late: float
) -> dict[str, Any]:
    """Return the members of stride ``k`` of one leg that follow from the trial."""
    kinematics, force_rate, emg_rate = rates
    start, stop = gait.contacts[side][k : k + 2]
    grid = start + np.linspace(0, 1, POINTS) * (stop - start)
    first, last = round(start * emg_rate), round(stop * emg_rate)
    plate = round((start + late) * force_rate)
    force_time = np.arange(plate, round(gait.foot_offs[side][k] * force_rate)) / force_rate
    force = np.zeros((9, force_time.size))
    force[1] = np.round(vertical_forces(gait, force_time, side) * gait.person.body_mass, 2)
    angle, moment = angles(gait, grid, side), moments(gait, grid, side)
    power = moment[:, :, 2] * np.deg2rad(velocities(gait, grid, side)[:, :, 2])
    return {
        "Foot": "RX  " if side == "right" else "LX  ",
        "EMG": emg[first : last + 1].T,
        "Ang": np.concatenate([_pelvis(gait, grid, side), _rows(angle) + _offset()]),
        "Mom": -_rows(moment),
        "Pwr": power.T,
        "Grf": force,
        "Marker": _markers(round((stop - start) * kinematics) + 1),
        "TimeStampKin": start,
        "TimeStampGrf": plate / force_rate,
        "TimeStampEmg": start,
        "cadence": 120 / (stop - start),
    }


def _rows(values: FloatArray) -> FloatArray:
    """Return (time, joint, motion) as rows: hip, knee, ankle, each flexion, adduction, rotation."""
    return np.array([values[:, joint, motion] for joint in range(3) for _, motion in MOTIONS])


def _offset() -> FloatArray:
    offset = np.zeros((9, 1))
    offset[6] = ANKLE_OFFSET
    return offset


def _pelvis(gait: Gait, time: FloatArray, side: str) -> FloatArray:
    turn = 2 * np.pi * gait.cycles(time, side)
    return np.stack([10 + np.sin(2 * turn), 4 * np.sin(turn), 5 * np.cos(turn)])


def _markers(frames: int) -> FloatArray:
    """Return 29 markers that move straight ahead, mm, shape (87, frames)."""
    place = np.arange(87.0)[:, None] * 10
    forward = (np.arange(87) % 3 == 0)[:, None] * np.arange(frames)
    return np.asarray(place + forward)


def _spoil(elements: list[dict[str, Any]]) -> None:
    """Plant the defects of the real files."""
    elements[0]["cadence"] *= 2
    elements[-1]["Mom"] = np.zeros((0, 0))
    for element in elements:
        if element["Task"].startswith("Step"):
            element["EMG"] = element["EMG"].copy()
            element["EMG"][list(MUSCLES).index("Gluteus Maximus")] = 0.0


def _content(person: Person, name: str, rates: tuple[int, int, int], elements: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the struct `s`."""
    angle_names = [f"{joint}{short}" for joint in ("Pelvis", *JOINTS) for short, _ in MOTIONS]
    force_names = [f"{what}_{axis}" for what in ("GRFF", "Cop", "Torque") for axis in "XYZ"]
    spelling = "EMGFeq" if rates[0] == 60 else "EMGFreq"
    return {
        "name": name,
        "Age": person.age,
        "Gender": person.sex[0].upper(),
        "BH": round(person.height * 100, 1),
        "BM": person.body_mass,
        "KinFreq": float(rates[0]),
        "GrfFreq": float(rates[1]),
        spelling: float(rates[2]),
        "EMGSide": "NO" if name == NO_SIDE else "RX",
        "EmgVarName": _padded(list(MUSCLES)),
        "AngVarName": _padded(angle_names),
        "MomVarName": _padded([f"{row}Mom" for row in angle_names[3:]]),
        "GrfVarName": _padded(force_names),
        "PwrVarName": _padded([f"{joint}Pwr" for joint in JOINTS]),
        "StandingData": {"Marker": _markers(2)},
        "Data": Structs(elements),
    }


def _padded(names: list[str]) -> np.ndarray:
    """Return names as a char matrix, every row as long as the longest plus a blank."""
    width = max(map(len, names)) + 1
    return np.array([name.ljust(width) for name in names])
