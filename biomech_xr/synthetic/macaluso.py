"""Writer of the raw tree of Macaluso et al. 2020: one MATLAB file a person in `Subject`, perturbed treadmill walking.

Layout and names are those that a user of the authors' files (doi:10.21227/12hp-e249) describes; axes, signs and units
follow the same lab's sister set. The version of the files is not stated: the first, third, ... person gets MATLAB
v7.3, the others v5. A trial is called by task and part: `level_part1`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.synthetic.matfile import save_struct
from biomech_xr.synthetic.person import FloatArray, Person, generator, make_person
from biomech_xr.synthetic.truth import Truth, stride_truth
from biomech_xr.synthetic.utd import Cut, details, padded, walk

IDS: Final = tuple(f"AB{number:02d}" for number in range(1, 11))
TASKS: Final = {"downhill": ("ramp_descent", 10.0), "level": ("walk", 0.0), "uphill": ("ramp_ascent", 10.0)}
PARTS: Final = ("part1", "part2")
EMG_POINTS: Final = 3000
POINTS: Final = (150, 101)
"""Points of angles and moments, of the first and the second person."""
GAINS: Final = (1.0, 1000.0)
"""Amplitude of the EMG of the first and the second person: each in a unit of its own."""
OUTLIER: Final = 2
"""Number (from 1) of the stride that the authors call an outlier, right leg of level_part2."""
SPIKE: Final = 20.0
SIGNS: Final = {
    "jointangles.*.x_norm": "flexion, dorsiflexion positive: canonical",
    "jointangles.*.y_norm, z_norm": "adduction, internal rotation positive on both legs: canonical",
    "jointmoment.*": "N mm/kg, extensor, plantarflexor, abductor positive: canonical = -value / 1000",
    "emg": "envelopes, each person in a unit of its own",
}
_SPEED: Final = 1.2
_LEAST: Final = 5
_GRID: Final = 100.0
_LEAD: Final = 2.0


def write_macaluso(out: Path, *, patients: int, seed: int, minutes: float) -> Truth:
    """Write the files of ``patients`` people; `minutes` of walking per person over all tasks and parts."""
    rows: list[dict[str, Any]] = []
    strides = max(_LEAST, round(minutes * 60 / (len(TASKS) * len(PARTS)) / 1.1))
    for index, name in enumerate(IDS[:patients]):
        person = make_person(f"macaluso-{name}", seed=seed)
        content: dict[str, Any] = {"subjectdetails": details(person, units=index % 2 == 1)}
        for task in TASKS:
            if index % 2 and task == "downhill":
                continue
            content[task] = {"average": {"knee": np.zeros((150, 1))}}
            for part in PARTS:
                content[task][part], found = _part(person, name, index, (task, part), strides=strides, seed=seed)
                rows += found
        version: Any = "v5" if index % 2 else "v7.3"
        save_struct(out / "Subject" / f"{name}.mat", {name: content}, version=version, compress=False)
    (out / "Subject" / "._AB01.mat").write_bytes(b"\x00\x05\x16\x07")
    planted = {
        "container": "every second file is MATLAB v5, the others v7.3",
        "missing task": "every second person has no downhill",
        "further fields": "`average` stands beside the parts and is no trial",
        "stray file": "Subject/._AB01.mat is no MATLAB file",
        "amplitude": f"EMG of every second person is {GAINS[1] / GAINS[0]:g} times that of the others",
        "points": f"angles have {POINTS[0]} points, of every second person {POINTS[1]}",
        "unequal counts": "left RF and TA lack a stride in uphill_part2, TA is padded to full width",
        "padding": "arrays of the left leg end in a zero column in level_part1",
        "missing values": "five zeros in the left TA of the first stride of level_part1; a NaN knee in level_part2",
        "outliers": f"right stride {OUTLIER} of level_part2 is in stepsout; "
        f"an ankle moment of uphill_part1 is {SPIKE:g} times too large",
        "gender": "a number without its coding",
    }
    return Truth(dataset="macaluso", strides=stride_truth(rows), sign_convention=SIGNS, planted=planted)


def _part(
    person: Person, name: str, index: int, place: tuple[str, str], *, strides: int, seed: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the struct of one part of a task, and its true strides."""
    (activity, incline), trial = TASKS[place[0]], "_".join(place)
    rng = generator(seed, "macaluso", name, trial)
    cuts = walk(person, activity, speed=_SPEED, incline=incline, strides=strides, rng=rng, grid=_GRID)
    legs = {side: _leg(cut, index, trial) for side, cut in cuts.items()}
    struct: dict[str, Any] = {
        "cycles": {side: {"time": legs[side]["time"]} for side in words.SIDES},
        "emg": {side: legs[side]["emg"] for side in words.SIDES},
        "kinematics": {"jointangles": {side: legs[side]["angles"] for side in words.SIDES}},
        "kinetics": {"jointmoment": {side: legs[side]["moments"] for side in words.SIDES}},
    }
    dropped: dict[str, set[int]] = {side: set() for side in words.SIDES}
    if trial == "level_part2":
        struct["stepsout"] = {"left": np.empty((0, 0)), "right": np.array([[float(OUTLIER)]])}
        dropped["right"] = {OUTLIER - 1}
    rows = [
        {"source_patient": name, "trial": trial, "side": side, "activity": activity,
         "trial_time": float(start) + _LEAD, "duration": float(stop - start)}
        for side, cut in cuts.items()
        for k, (start, stop) in enumerate(zip(cut.starts, cut.stops, strict=True))
        if k not in dropped[side]
    ]  # fmt: skip
    return struct, rows


def _leg(cut: Cut, index: int, trial: str) -> dict[str, Any]:
    """Return clock and curves of one leg with its traps, all named as in the file."""
    points, left = POINTS[index % 2], cut.side == "left"
    angle, moment = cut.joints(points)
    emg = cut.emg(EMG_POINTS, GAINS[index % 2])
    time = cut.times(points) + _LEAD
    if trial == "level_part2" and left:
        angle["knee"]["x"][:, 1] = np.nan
    if trial == "level_part2" and not left:
        angle["knee"]["x"][:, OUTLIER - 1] += 60
    if trial == "level_part1" and left:
        emg["TA"][600:605, 0] = 0
    if trial == "uphill_part1" and not left:
        moment["ankle"]["x"][:, 1] *= SPIKE
    if trial == "uphill_part2" and left:
        emg |= {"RF": emg["RF"][:, :-1], "TA": padded(emg["TA"][:, :-1], cut.starts.size)}
    columns = cut.starts.size + (left and trial == "level_part1")
    emg = {raw: values if values.shape[1] < cut.starts.size else padded(values, columns) for raw, values in emg.items()}
    return {
        "time": padded(time, columns),
        "emg": {f"{cut.side[0].upper()}{raw}_norm": values for raw, values in emg.items()},
        "angles": _named(angle, columns),
        "moments": _named(moment, columns),
    }


def _named(joints: dict[str, dict[str, FloatArray]], columns: int) -> dict[str, dict[str, FloatArray]]:
    return {
        joint: {f"{axis}_norm": padded(values, columns) for axis, values in parts.items()}
        for joint, parts in joints.items()
    }
