"""Writer of the files of Grimmer et al. 2020: level walking and stairs, one set of MATLAB files a person.

Folders, variables, nesting `Emg{configuration}{trial}`, channel names and clocks are those that public readers of the
deposit (doi:10.48328/tudatalib-1182) use. A reader that follows them makes one trial of every recording, named
`config<c>_trial<t>`, both from 1. Open points are chosen here, in `Form`: OpenSim's extension-positive knee, degrees,
N m/kg. Every recording walks, climbs, walks on top, descends and walks; configurations 1 to 3 list the touchdowns at
the foot of the stairs, 4 to 6 those at the top.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr.synthetic.emg import make_emg
from biomech_xr.synthetic.gait import Bout, Gait, angles, make_gait, moments, vertical_forces
from biomech_xr.synthetic.matfile import Version, save_struct
from biomech_xr.synthetic.person import FloatArray, Person, generator, make_person
from biomech_xr.synthetic.truth import Truth, stride_truth

PEOPLE: Final = 12
RATE: Final = 200
EMG_RATE: Final = 10_000 / 9
EVENT_GRID: Final = 400
"""Hz; touchdowns fall on whole and half frames."""

CONFIGURATIONS: Final = 6
MUSCLES: Final = {
    "vas": "vastus_lateralis",
    "rcf": "rectus_femoris",
    "tib": "tibialis_anterior",
    "bcf": "biceps_femoris",
    "gas": "gastrocnemius_lateralis",
    "sol": "soleus",
}
COMPONENTS: Final = (
    ("hip", "flexion", 0, 2),
    ("hip", "adduction", 0, 0),
    ("hip", "rotation", 0, 1),
    ("knee", "flexion", 1, 2),
    ("ankle", "flexion", 2, 2),
)
LEGS: Final = (("r", "right"), ("l", "left"))
NO_EMG: Final = (2, 4, 0)
"""Person, and configuration and trial from 0, whose EMG is missing."""

_SHORT_EMG: Final = 5
_GAP: Final = slice(3000, 3045)
_BORDER: Final = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """What the notes leave open: sign of the knee (angle and moment), units, container of the files."""

    knee: int = -1
    radians: bool = False
    newton_meters: bool = False
    external: bool = False
    version: Version = "v5"


def write_grimmer(out: Path, *, patients: int, seed: int, minutes: float, form: Form | None = None) -> Truth:
    """Write the tree of ``patients`` people: at least one recording a configuration, two of the first."""
    form = form or Form()
    rows: list[dict[str, Any]] = []
    everyone = [make_person(f"grimmer-subject{number}", seed=seed) for number in range(1, PEOPLE + 1)]
    for number, person in enumerate(everyone[:patients], start=1):
        files: dict[str, list[list[Any]]] = {
            name: [[] for _ in range(CONFIGURATIONS)]
            for name in ("Emg", "Forces", "Marker", "TD_ascent", "TD_descent", "Joint_Kinematics", "Joint_Kinetics")
        }
        for config, trial, gait in _recordings(person, number, seed=seed, minutes=minutes):
            rng = generator(seed, "grimmer", number, config, trial, "signals")
            lists = _touchdowns(gait, config)
            rows += _true_strides(gait, lists, f"subject{number}", f"config{config + 1}_trial{trial + 1}")
            emg = {} if (number, config, trial) == NO_EMG else _emg(gait, rng)
            files["Emg"][config].append(emg or np.zeros((0, 0)))
            files["Forces"][config].append(_forces(gait))
            files["Marker"][config].append({"marker1": np.zeros((1, 3))})
            files["Joint_Kinematics"][config].append(_joints(gait, form, "angle"))
            files["Joint_Kinetics"][config].append(_joints(gait, form, "moment"))
            for part in ("ascent", "descent"):
                frames = {f"td{leg.upper()}": _frames(lists[part][side]) for leg, side in LEGS}
                files[f"TD_{part}"][config].append(frames)
        _save(out, number, files, form.version)
    _write_averages(out, everyone)
    (out / "Preprocessed" / "EMG" / "._EMG1.mat").write_bytes(b"\x00\x05\x16\x07")
    planted = {
        "two clocks": "touchdowns are 200 Hz frames from 1, half of them between frames; EMG is at 1111.11 Hz",
        "unknown touchdown": "the left contact before the first step down is NaN in configurations 4 to 6",
        "padding": "every list ends in a NaN",
        "file names": "files of joints bear another prefix; nothing is zero-padded",
        "no EMG": "person 2: Emg{5}{1} is empty",
        "gap": "vas_l of the first recording of configuration 3 has 45 NaN",
        "short EMG": f"{_SHORT_EMG} samples shorter than the other streams",
        "not muscles": "foo_* and sha_* are sensors of foot and shank",
        "stray file": "._EMG1.mat",
    }
    return Truth(dataset="grimmer", strides=stride_truth(rows), sign_convention=_signs(form), planted=planted)


def _signs(form: Form) -> dict[str, str]:
    knee = "extension positive, angle and moment" if form.knee < 0 else "flexion positive"
    unit = "N m" if form.newton_meters else "N m/kg"
    return {
        "knee_*": f"{knee}: canonical = {'-' if form.knee < 0 else ''}value",
        "*_angle_*": "radians" if form.radians else "degrees",
        "*_moment_*": f"{unit}, {'external' if form.external else 'internal'}",
        "Emg": "V",
    }


def _recordings(person: Person, number: int, *, seed: int, minutes: float) -> Iterator[tuple[int, int, Gait]]:
    """Yield (configuration, trial, gait) of every recording, both from 0."""
    for config in range(CONFIGURATIONS):
        count = max(1, round(minutes * 60 / 30)) + (config == 0)
        level, top = (4.6, 2.2) if config < 3 else (2.2, 10.0)
        plan = (("walk", level), ("stair_ascent", 4.5), ("walk", top), ("stair_descent", 4.5), ("walk", level))
        for trial in range(count):
            rng = generator(seed, "grimmer", number, config, trial)
            bouts = [Bout(activity=activity, duration=duration) for activity, duration in plan]
            yield config, trial, make_gait(person, bouts, rng, grid=EVENT_GRID)


def _touchdowns(gait: Gait, config: int) -> dict[str, dict[str, FloatArray]]:
    """Return contact times (s) of each part and leg, as listed; the one before the first step down may be NaN."""
    up, top, down, floor = gait.starts[1:5]
    middle = (top + down) / 2
    spans = {"ascent": (0.0, top), "descent": (down, gait.duration - 0.1)} if config < 3 else {
        "ascent": (up, middle - 0.2), "descent": (middle + 0.2, floor)
    }  # fmt: skip
    lists: dict[str, dict[str, FloatArray]] = {}
    for part, (start, stop) in spans.items():
        lists[part] = {}
        for _, side in LEGS:
            times = gait.contacts[side]
            chosen = times[(times >= start - 1e-9) & (times <= stop + 1e-9)]
            if part == "descent" and config >= 3 and side == "left":
                chosen = np.where(chosen == chosen[chosen < down][-1], np.nan, chosen)
            lists[part][side] = chosen
    return lists


def _true_strides(
    gait: Gait, lists: Mapping[str, Mapping[str, FloatArray]], person: str, trial: str
) -> list[dict[str, Any]]:
    """Return the strides between listed touchdowns.

    Ascending, a stride climbs when one of its contacts is on the stairs, the border to the top included; descending,
    when it begins above the floor, on the stairs or at the edge.
    """
    up, top, down, floor = gait.starts[1:5]
    rows = []
    for part, legs in lists.items():
        for side, times in legs.items():
            for start, stop in pairwise(times):
                if not np.isfinite([start, stop]).all():
                    continue
                raised = [up - 1e-9 < time < top + 1e-9 for time in (start, stop)]
                lowered = down - 1e-9 < start < floor - 1e-9
                stairs = any(raised) if part == "ascent" else lowered
                activity = f"stair_{part}" if stairs else "walk"
                rows.append({"source_patient": person, "trial": trial, "side": side, "activity": activity,
                             "trial_time": start, "duration": stop - start})  # fmt: skip
    return rows


def _frames(times: FloatArray) -> FloatArray:
    """Return a row of 1-based frames that ends in a NaN."""
    return np.append(np.round(times * RATE + 1, 6), np.nan)[None]


def _emg(gait: Gait, rng: np.random.Generator) -> dict[str, FloatArray]:
    """Return the EMG channels of a trial in V, and four that are no muscles."""
    columns: dict[str, FloatArray] = {}
    for leg, side in LEGS:
        emg = make_emg(gait, side, tuple(MUSCLES.values()), rng, rate=EMG_RATE, line_frequency=50.0)[:-_SHORT_EMG]
        columns |= {f"{raw}_{leg}": emg[:, [k]] * 1e-3 for k, raw in enumerate(MUSCLES)}
        turn = 2 * np.pi * np.arange(len(emg)) / EMG_RATE
        columns |= {f"{raw}_{leg}": np.sin(turn)[:, None] for raw in ("foo", "sha")}
    return columns


def _joints(gait: Gait, form: Form, quantity: str) -> dict[str, FloatArray]:
    """Return angles or moments of a trial at 200 Hz in the raw signs and units."""
    time = np.arange(round(gait.duration * RATE)) / RATE
    scale = np.pi / 180 if form.radians else 1.0
    if quantity == "moment":
        scale = (gait.person.body_mass if form.newton_meters else 1.0) * (-1 if form.external else 1)
    columns = {}
    for leg, side in LEGS:
        values = (angles if quantity == "angle" else moments)(gait, time, side) * scale
        for joint, motion, j, m in COMPONENTS:
            sign = form.knee if joint == "knee" else 1
            columns[f"{joint}_{quantity}_{motion}_{leg}"] = sign * values[:, j, m][:, None]
    return columns


def _forces(gait: Gait) -> dict[str, FloatArray]:
    """Return forces and plate moments of each leg at 200 Hz, NaN without contact and on top, where no plate is."""
    time = np.arange(round(gait.duration * RATE)) / RATE
    plates = {}
    for leg, side in LEGS:
        force = np.zeros((time.size, 6))
        force[:, 2] = vertical_forces(gait, time, side) * gait.person.body_mass
        contacts, offs = gait.contacts[side], gait.foot_offs[side]
        last = np.searchsorted(contacts, time, side="right") - 1
        known = (last >= 0) & (last < offs.size)
        touching = known & (time < np.append(offs, np.inf)[np.clip(last, 0, offs.size)])
        top = (time > gait.starts[2] + _BORDER) & (time < gait.starts[3] - _BORDER)
        force[~touching | top] = np.nan
        plates[f"All_{leg}"] = force
    return plates


def _save(out: Path, number: int, files: Mapping[str, list[list[Any]]], version: Version) -> None:
    """Write the files of one person; a gap is planted in the third configuration."""
    gapped = files["Emg"][2][0]
    gapped["vas_l"] = gapped["vas_l"].copy()
    gapped["vas_l"][_GAP] = np.nan
    raw, done = out / "Preprocessed", out / "Processed"
    contents: dict[Path, dict[str, Any]] = {
        raw / "EMG" / f"EMG{number}.mat": {"Emg": files["Emg"], "Emg_fs": EMG_RATE, "Emg_unit": "V"},
        raw / "Forces" / f"Forces{number}.mat": {
            "Forces": files["Forces"], "Forces_fs": float(RATE), "Forces_unit": "N"
        },
        raw / "Marker" / f"Marker{number}.mat": {"Marker": files["Marker"], "Marker_fs": float(RATE)},
        done / "Touchdowns" / f"Touchdowns{number}.mat": {
            "TD_ascent": files["TD_ascent"], "TD_descent": files["TD_descent"], "TD_fs": float(RATE)
        },
        done / "Joint_Kinematics" / f"Angles_S{number}.mat": {"Joint_Kinematics": files["Joint_Kinematics"]},
        done / "Joint_Kinetics" / f"Moments_S{number}.mat": {"Joint_Kinetics": files["Joint_Kinetics"]},
    }  # fmt: skip
    for path, variables in contents.items():
        save_struct(path, variables, version=version, compress=False)


def _write_averages(out: Path, everyone: list[Person]) -> None:
    """Write the file of group averages, of which only the masses matter."""
    mean = {muscle: {"subj_mean": np.zeros((PEOPLE, 100))} for muscle in ("BF", "RF", "VL", "GAS", "SOL", "TA")}
    heights = {height: {part: {"stride1": mean} for part in ("ascent", "descent")} for height in ("low", "high")}
    masses = np.array([[person.body_mass for person in everyone]])
    content = {"data": {"info": {"subjects_mass": masses}, **heights}}
    save_struct(out / "FullyProcessed" / "Data_fully_processed.mat", content)
