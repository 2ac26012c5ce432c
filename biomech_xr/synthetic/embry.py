"""Writer of the one raw file of Embry et al. 2018: `InclineExperiment.mat`, MATLAB v7.3, treadmill inclines and speeds.

Layout, names, units and signs are those that users of the authors' file (doi:10.21227/gk32-e868) describe: structs
`Gaitcycle` and `Continuous`, people `AB01` to `AB10`, trials `s<speed>i<incline>` or `s<speed>d<decline>` with `x` for
the decimal point. A trial is called by that name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.synthetic.gait import angles, vertical_forces
from biomech_xr.synthetic.matfile import cell, save_struct
from biomech_xr.synthetic.person import FloatArray, Person, generator, make_person
from biomech_xr.synthetic.truth import Truth, stride_truth
from biomech_xr.synthetic.utd import PLANES, Cut, details, padded, walk

IDS: Final = tuple(f"AB{number:02d}" for number in range(1, 11))
SPEEDS: Final = {"s0x8": 0.8, "s1": 1.0, "s1x2": 1.2}
INCLINES: Final = {
    "d10": -10.0, "d7x5": -7.5, "d5": -5.0, "d2x5": -2.5, "i0": 0.0, "i2x5": 2.5, "i5": 5.0, "i7x5": 7.5, "i10": 10.0,
}  # fmt: skip
POINTS: Final = 150
RATE: Final = 100
OUTLIER: Final = 2
"""Number (from 1) of the stride that the authors call an outlier, right leg, at 1 m/s on level ground and uphill."""
ZEROS: Final = slice(60, 66)
UNPAIRED: Final = "s1x2d7x5"
OFF_GRID: Final = "s1i7x5", "s1x2i0"
"""Trials whose contacts lie between frames: of the first and of the second person."""
WITHOUT_EMG: Final = "s0x8i2x5"
SIGNS: Final = {
    "jointangles.*.x": "flexion, dorsiflexion positive: canonical",
    "jointangles.*.y, z": "adduction, internal rotation positive on both legs: canonical",
    "jointmoment.*": "N mm/kg, extensor, plantarflexor, abductor positive: canonical = -value / 1000",
    "jointforce.*": "forces in N/kg: no moments",
    "emg": "amplitude in a unit of its own",
}
_TRIALS: Final = {s + i: (speed, incline) for s, speed in SPEEDS.items() for i, incline in INCLINES.items()}
TRIALS: Final = (
    tuple(trial for trial, (speed, slope) in _TRIALS.items() if speed == 1.0 or slope == 0),
    ("s0x8i2x5", "s1d5", "s1i0", "s1i5", "s1x2d7x5", "s1x2i0"),
)
"""Trials of the first and of the second person, of the 27 that the source has."""
_LEAST: Final = 5
_FINE: Final = 1000.0
_LEAD: Final = 1.5
"""Record before the first contact, s."""
_FOLDERS: Final = {
    "cycles": (), "stepsout": (), "jointangles": ("kinematics",), "jointmoment": ("kinetics",),
    "jointforce": ("kinetics",), "forceplate": ("kinetics",), "emg": ("emgdata",),
}  # fmt: skip
_SHARES: Final = (("x", 0.1), ("y", 0.05), ("z", 1.0))


def write_embry(out: Path, *, patients: int, seed: int, minutes: float) -> Truth:
    """Write the file of ``patients`` people; `minutes` of walking per person over all trials."""
    rows: list[dict[str, Any]] = []
    cycles: dict[str, Any] = {}
    record: dict[str, Any] = {}
    for index, name in enumerate(IDS[:patients]):
        person = make_person(f"embry-{name}", seed=seed)
        about = details(person, units=index % 2 == 0)
        cycles[name], record[name] = {}, {"subjectdetails": about}
        strides = max(_LEAST, round(minutes * 60 / len(TRIALS[index % 2]) / 1.2))
        for trial in TRIALS[index % 2]:
            made = _trial(person, name, index, trial, seed=seed, strides=strides)
            cycles[name][trial], record[name][trial] = made[:2]
            rows += made[2]
        cycles[name]["subjectdetails"] = about
    save_struct(out / "InclineExperiment.mat", {"Continuous": record, "Gaitcycle": cycles}, version="v7.3")
    planted = {
        "jointforce": "forces stand beside the moments under the same names",
        "stepsout": f"right stride {OUTLIER} of s1i0 and s1i5 is an outlier with a wild knee",
        "padding": "arrays of the left leg end in zero columns up to the width of the right leg",
        "wider padding": "moments of the left leg have one padding column more than the clock in s1d5",
        "unequal counts": f"right RF and TA lack a stride in {UNPAIRED} of every second person; TA is padded",
        "missing values": "six zeros in the left TA of the first stride of s1i0; a NaN stride of the left hip in s1d5",
        "missing trials": f"every second person has only {', '.join(TRIALS[-1])}",
        "missing EMG": f"every second person has no emgdata in {WITHOUT_EMG}",
        "clock": "every second person's stride times start at 0; frames count from 1 into the 100 Hz record",
        "contacts between frames": f"in {OFF_GRID[0]}, and in {OFF_GRID[1]} of every second person",
        "closing frame": "heel-strike frames of s1x2i0 include the last contact",
        "gender": "a number without its coding",
    }
    return Truth(dataset="embry", strides=stride_truth(rows), sign_convention=SIGNS, planted=planted)


def _trial(
    person: Person, name: str, index: int, trial: str, *, seed: int, strides: int
) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    """Return the trial's strides, its continuous record, and its true strides."""
    speed, incline = _TRIALS[trial]
    activity = "walk" if incline == 0 else "ramp_ascent" if incline > 0 else "ramp_descent"
    rng = generator(seed, "embry", name, trial)
    grid = _FINE if trial == OFF_GRID[index % 2] else RATE
    cuts = walk(person, activity, speed=speed, incline=incline, strides=strides, rng=rng, grid=grid)
    width = max(cut.starts.size for cut in cuts.values())
    legs = {side: _leg(cut, index, trial, width) for side, cut in cuts.items()}
    describe = cell([["speed", speed], ["incline", incline]])
    struct: dict[str, Any] = {"description": describe}
    for path in ("cycles", "stepsout", "jointangles", "jointmoment", "jointforce", "forceplate", "emg"):
        place = struct
        for folder in _FOLDERS[path]:
            place = place.setdefault(folder, {})
        place[path] = {side: legs[side][path] for side in words.SIDES}
    if index % 2 and trial == WITHOUT_EMG:
        del struct["emgdata"]
    return struct, _record(cuts, describe), _true_strides(cuts, name, index, trial, activity)


def _leg(cut: Cut, index: int, trial: str, width: int) -> dict[str, Any]:
    """Return the structs of one leg, its traps planted and every array padded to ``width`` columns."""
    angle, moment = cut.joints(POINTS)
    emg = cut.emg(POINTS)
    count = cut.starts.size
    out = np.array([[float(OUTLIER)]]) if _has_outlier(cut.side, trial) else np.empty((0, 0))
    if out.size:
        angle["knee"]["x"][:, OUTLIER - 1] += 60
    if cut.side == "left" and trial == "s1i0":
        emg["TA"][ZEROS, 0] = 0
    if cut.side == "left" and trial == "s1d5":
        angle["hip"]["x"][:, 1] = np.nan
    short = cut.side == "right" and index % 2 and trial == UNPAIRED
    if short:
        emg |= {raw: emg[raw][:, :-1] for raw in ("RF", "TA")}
    emg = {raw: values if short and raw == "RF" else padded(values, width) for raw, values in emg.items()}
    moments_width = width + (cut.side == "left" and trial == "s1d5")
    angle["pelvis"] = {"x": np.full((POINTS, count), 10.0)}
    clock = cut.times(POINTS) + _LEAD if index % 2 == 0 else cut.times(POINTS) - cut.starts
    frames = _frames(cut)
    frame = frames if trial == "s1x2i0" else np.pad(frames[:-1], (0, width - count))
    force = np.array(vertical_forces(cut.gait, cut.times(POINTS).T.ravel(), cut.side)).reshape(-1, POINTS).T
    vertical = {"z": padded(force * cut.gait.person.body_mass, width)}
    return {
        "cycles": {"time": padded(clock, width), "frame": frame},
        "stepsout": out,
        "jointangles": _padded(angle, width),
        "jointmoment": _padded(moment, moments_width),
        "jointforce": {
            joint: {axis: padded(force * share, width) for axis, share in _SHARES} for joint in words.JOINTS
        },
        "forceplate": {"force": vertical},
        "emg": emg,
    }


def _has_outlier(side: str, trial: str) -> bool:
    return side == "right" and trial in ("s1i0", "s1i5")


def _padded(joints: dict[str, dict[str, FloatArray]], width: int) -> dict[str, dict[str, FloatArray]]:
    return {joint: {axis: padded(v, width) for axis, v in parts.items()} for joint, parts in joints.items()}


def _record(cuts: dict[str, Cut], describe: np.ndarray) -> dict[str, Any]:
    """Return the 100 Hz record: its clock and the knees, components as columns."""
    gait = cuts["right"].gait
    time = np.arange(round((gait.duration + 2 * _LEAD) * RATE)) / RATE
    knees = {
        side: {"knee": angles(gait, time - _LEAD, side)[:, 1][:, [words.MOTIONS.index(m) for m in PLANES.values()]]}
        for side in words.SIDES
    }
    return {"time": time[None], "description": describe, "kinematics": {"jointangles": knees}}


def _frames(cut: Cut) -> FloatArray:
    """Return the frame numbers of all contacts, counted from 1."""
    return np.asarray(np.round((np.append(cut.starts, cut.stops[-1]) + _LEAD) * RATE) + 1)


def _true_strides(cuts: dict[str, Cut], name: str, index: int, trial: str, activity: str) -> list[dict[str, Any]]:
    """Return the strides to keep; where their times start at 0, contacts are known by their frames only."""
    rows = []
    for side, cut in cuts.items():
        starts, durations = cut.starts + _LEAD, cut.stops - cut.starts
        if index % 2:
            starts = (_frames(cut)[:-1] - 1) / RATE
            durations = np.append(np.diff(starts), durations[-1])
        rows += [
            {"source_patient": name, "trial": trial, "side": side, "activity": activity,
             "trial_time": float(start), "duration": float(duration)}
            for k, (start, duration) in enumerate(zip(starts, durations, strict=True))
            if not (_has_outlier(side, trial) and k == OUTLIER - 1)
        ]  # fmt: skip
    return rows
