"""Writer of the raw tree of Camargo et al. 2021: one MATLAB table per trial and sensor, treadmill and ramp.

Layout, columns, units, signs and the gait-cycle sawtooth are those of the distribution's README and scripts
(doi:10.1016/j.jbiomech.2021.110320). One thing differs: the `labels` tables run at 20 Hz, not 1000 Hz, because text
cells are slow to write, and the large tables are not compressed. All tables are joined on `Header`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from biomech_xr.synthetic.camargo_conditions import EMG_RATE, ramp_conditions, treadmill_conditions
from biomech_xr.synthetic.emg import make_emg
from biomech_xr.synthetic.gait import Bout, Gait, angles, make_gait, moments
from biomech_xr.synthetic.matfile import save_tables
from biomech_xr.synthetic.person import FloatArray, Person, generator, make_person
from biomech_xr.synthetic.truth import Truth, stride_truth

SUBJECTS: Final = {
    "AB06": (20, "M", 1.80, 74.84), "AB07": (20, "M", 1.65, 55.34), "AB08": (21, "M", 1.74, 72.57),
    "AB09": (21, "F", 1.63, 63.50), "AB10": (22, "M", 1.75, 83.91), "AB11": (21, "M", 1.75, 77.11),
    "AB12": (24, "M", 1.74, 86.18), "AB13": (19, "M", 1.73, 58.97), "AB14": (22, "F", 1.52, 58.41),
    "AB15": (21, "M", 1.78, 96.16), "AB16": (20, "F", 1.65, 55.79), "AB17": (19, "M", 1.68, 61.23),
    "AB18": (19, "F", 1.80, 60.13), "AB19": (19, "M", 1.70, 68.04), "AB20": (21, "F", 1.71, 68.04),
    "AB21": (20, "F", 1.57, 58.06), "AB23": (20, "M", 1.80, 76.82), "AB24": (21, "F", 1.73, 72.57),
    "AB25": (20, "F", 1.63, 52.16), "AB27": (21, "M", 1.70, 68.04), "AB28": (33, "F", 1.69, 62.14),
    "AB30": (31, "M", 1.77, 77.03),
}  # fmt: skip
"""Age (y), gender, height (m) and weight (kg) of the dataset's real participants, as `SubjectInfo.mat` lists them."""

EMG: Final = {
    "gastrocmed": "gastrocnemius_medialis", "tibialisanterior": "tibialis_anterior", "soleus": "soleus",
    "vastusmedialis": "vastus_medialis", "vastuslateralis": "vastus_lateralis", "rectusfemoris": "rectus_femoris",
    "bicepsfemoris": "biceps_femoris", "semitendinosus": "semitendinosus", "gracilis": "gracilis",
    "gluteusmedius": "gluteus_medius", "rightexternaloblique": "external_oblique",
}  # fmt: skip
RATE: Final = 200
SIGNS: Final = {
    "knee_angle_*": "extension positive: canonical = -value, degrees",
    "knee_angle_*_moment": "extension positive, N m: canonical = -value / body mass",
    "*_moment": "N m, generalised force of the angle: canonical = value / body mass",
    "other angles": "canonical, degrees",
}
INCLINES: Final = {1: 5.2, 2: 7.8, 3: 9.2, 4: 11.0, 5: 12.4, 6: 18.0}
_EMG_LEAD: Final = 0.012
_LARGE: Final = ("emg", "ik", "id")
_LEG: Final = (
    ("hip_flexion", 0, 2, 1), ("hip_adduction", 0, 0, 1), ("hip_rotation", 0, 1, 1), ("knee_angle", 1, 2, -1),
    ("ankle_angle", 2, 2, 1), ("subtalar_angle", 2, 0, 1),
)  # fmt: skip
"""Column, joint, motion and sign of the coordinates of one leg."""

_PELVIS: Final = ("pelvis_tilt", "pelvis_list", "pelvis_rotation", "pelvis_tx", "pelvis_ty", "pelvis_tz")
_LUMBAR: Final = ("lumbar_extension", "lumbar_bending", "lumbar_rotation")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Recording:
    """One trial: `mode` is its folder, `origin` (s) the absolute time of 0 s, `missing` a sensor left out."""

    name: str
    mode: str
    gait: Gait
    origin: float
    incline: float = 0.0
    plates: bool = False
    missing: str = ""


def write_camargo(out: Path, *, patients: int, seed: int, minutes: float) -> Truth:
    """Write the tree of ``patients`` people: one treadmill trial, two ramp trials, and one that lacks a sensor."""
    rows: list[dict[str, Any]] = []
    for index, (name, (age, gender, height, mass)) in enumerate(list(SUBJECTS.items())[:patients]):
        sex = "male" if gender == "M" else "female"
        person = make_person(f"camargo-{name}", seed=seed, height=height, body_mass=mass, sex=sex, age=age)
        model = out / name / "osimxml" / f"{name}.osim"
        model.parent.mkdir(parents=True)
        model.write_text('<?xml version="1.0" encoding="UTF-8" ?>\n<OpenSimDocument Version="30000"/>\n', "ascii")
        folder = out / name / ("10_21_2018" if index % 2 else "10_09_18")
        for recording in _recordings(person, name, seed=seed, minutes=minutes):
            rng = generator(seed, "camargo", name, recording.name, "signals")
            rows += _write_trial(folder, name, mass, recording, rng)
    _write_subjects(out)
    planted = {
        "missing sensor": "ramp_1_l_01_01 has no gcRight file: the trial cannot be used",
        "plate-made gait cycle": "treadmill: 0 outside the first and last strike",
        "marker-made gait cycle": "ramp: partial ramps before the first and after the last strike",
        "changing speed": "treadmill belts accelerate from 0 and between four speeds",
        "off the plates": "ramp id is NaN but in the middle of each slope",
        "plate edge": "ramp_2_r_01_01: hip_flexion_r_moment and knee_angle_r_moment spike in one row of the ascent",
        "absolute time": "Header starts far from 0, and earlier in emg than in ik",
        "date folder": "MM_DD_YYYY for every second person",
    }
    return Truth(dataset="camargo", strides=stride_truth(rows), sign_convention=SIGNS, planted=planted)


def _recordings(person: Person, name: str, *, seed: int, minutes: float) -> Iterator[_Recording]:
    rng = generator(seed, "camargo", name)
    speeds = np.round(np.array([1.3, 0.7, 1.0, 1.55]) + 0.05 * rng.integers(-2, 3, 4), 2)
    origin = 20 + round(float(rng.uniform(0, 30)), 2)
    belt = make_gait(person, _treadmill(speeds, max(32.0, minutes * 60)), rng, grid=RATE)
    yield _Recording(name="treadmill_01_01", mode="treadmill", gait=belt, origin=origin, plates=True)
    for ramp, trial, missing in ((1, "l_01_01", "gcRight"), (2, "r_01_01", ""), (5, "l_01_02", "")):
        length = 14.0 if missing else max(22.0, minutes * 30)
        bouts = _ramp(length, float(rng.uniform(1.1, 1.3)), INCLINES[ramp])
        yield _Recording(
            name=f"ramp_{ramp}_{trial}",
            mode="ramp",
            gait=make_gait(person, bouts, rng, grid=RATE),
            origin=origin + 7.3 * ramp,
            incline=INCLINES[ramp],
            missing=missing,
        )


def _ramp(length: float, speed: float, incline: float) -> list[Bout]:
    shares = (("walk", 0.22), ("ramp_ascent", 0.28), ("walk", 0.1), ("ramp_descent", 0.28), ("walk", 0.12))
    moving = [
        Bout(activity=word, duration=share * (length - 3), speed=speed, incline=incline) for word, share in shares
    ]
    return [Bout(activity="stand", duration=1.5), *moving, Bout(activity="stand", duration=1.5)]


def _treadmill(speeds: Sequence[float], length: float) -> list[Bout]:
    """Return standing, four speeds with accelerations between, and standing."""
    steady = (length - 2 - 5 * 1.5) / 4
    bouts, before = [Bout(activity="stand", duration=1)], 0.0
    for speed in speeds:
        bouts += [Bout(activity="walk", duration=1.5, speed=(before + speed) / 2, label="accelerate"),
                  Bout(activity="walk", duration=steady, speed=float(speed))]  # fmt: skip
        before = float(speed)
    slow = Bout(activity="walk", duration=1.5, speed=before / 2, label="accelerate")
    return [*bouts, slow, Bout(activity="stand", duration=1.2)]


def _write_trial(
    folder: Path, name: str, mass: float, recording: _Recording, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Write all sensors of one trial; return its true strides of the right leg."""
    gait, origin = recording.gait, recording.origin
    time = np.arange(round(gait.duration * RATE)) / RATE
    header = np.round(origin + time, 6)
    belt = recording.mode == "treadmill"
    tables: dict[str, dict[str, Any]] = {
        "ik": {"data": _ik(gait, time, header)},
        "id": {"data": _id(recording, time, header, mass)},
        "gcRight": {"data": _cycle(recording, "right", header)},
        "gcLeft": {"data": _cycle(recording, "left", header)},
        "emg": {"data": _emg(recording, rng)},
        "conditions": treadmill_conditions(gait, origin) if belt else ramp_conditions(gait, origin, recording.incline),
    }
    for sensor, variables in tables.items():
        if sensor != recording.missing:
            path = folder / recording.mode / sensor / f"{recording.name}.mat"
            save_tables(path, variables, compress=sensor not in _LARGE)
    return [] if recording.missing else _true_strides(name, recording, tables["conditions"])


def _emg(recording: _Recording, rng: np.random.Generator) -> pd.DataFrame:
    """Return EMG of the right leg, band-passed 20-400 Hz upstream, mV."""
    values = make_emg(recording.gait, "right", tuple(EMG.values()), rng, rate=EMG_RATE, line_frequency=60.0, hum=0.004,
                      offset=0.0, band=(20.0, 400.0), start=-_EMG_LEAD)  # fmt: skip
    header = np.round(recording.origin - _EMG_LEAD + np.arange(len(values)) / EMG_RATE, 6)
    return pd.DataFrame({"Header": header, **{column: values[:, k] for k, column in enumerate(EMG)}})


def _ik(gait: Gait, time: FloatArray, header: FloatArray) -> pd.DataFrame:
    sway = np.sin(2 * np.pi * gait.cycles(time, "right"))
    table = {"Header": header} | dict.fromkeys(_PELVIS[:3], 2 * sway)
    table |= {"pelvis_tx": np.zeros(time.size), "pelvis_ty": 0.95 + 0.02 * sway, "pelvis_tz": 0.03 * sway}
    for side in ("right", "left"):
        angle = angles(gait, time, side)
        table |= {f"{column}_{side[0]}": sign * angle[:, j, m] for column, j, m, sign in _LEG}
        table[f"mtp_angle_{side[0]}"] = np.zeros(time.size)
    return pd.DataFrame(table | dict.fromkeys(_LUMBAR, -1.5 * sway))


def _id(recording: _Recording, time: FloatArray, header: FloatArray, mass: float) -> pd.DataFrame:
    """Return generalised forces, N m and N; all NaN where a foot is on the ground beside the plates."""
    table: dict[str, FloatArray] = {}
    for column in _PELVIS:
        table[f"{column}_{'force' if column[-2] == 't' and len(column) == 9 else 'moment'}"] = np.zeros(time.size)
    for side in ("right", "left"):
        moment = moments(recording.gait, time, side) * mass
        table |= {f"{column}_{side[0]}_moment": sign * moment[:, j, m] for column, j, m, sign in _LEG}
        table[f"mtp_angle_{side[0]}_moment"] = np.zeros(time.size)
    frame = pd.DataFrame(table | {f"{column}_moment": np.zeros(time.size) for column in _LUMBAR})
    if recording.mode == "ramp":
        windows = _on_plates(recording.gait)
        frame[~np.any([(time >= start) & (time < stop) for start, stop in windows], axis=0)] = np.nan
        if recording.name == "ramp_2_r_01_01":
            row = int(np.ceil(windows[0][0] * RATE - 1e-9))
            frame.loc[row, ["hip_flexion_r_moment", "knee_angle_r_moment"]] = 20 * mass
    frame.insert(0, "Header", header)
    return frame


def _on_plates(gait: Gait) -> list[tuple[float, float]]:
    """Return the (start, stop) times, s, during which every foot on the ground is on a plate."""
    right = gait.contacts["right"]
    windows = []
    for bout, start in zip(gait.bouts, gait.starts, strict=True):
        if bout.activity.startswith("ramp"):
            inside = right[(right >= start - 1e-9) & (right < start + bout.duration)]
            windows.append((float(inside[1]) if inside.size > 3 else float(inside[0]), float(inside[-1])))
    return windows


def _cycle(recording: _Recording, side: str, header: FloatArray) -> pd.DataFrame:
    gait = recording.gait
    return pd.DataFrame({
        "Header": header,
        "HeelStrike": _sawtooth(gait.contacts[side], header.size, plates=recording.plates),
        "ToeOff": _sawtooth(gait.foot_offs[side], header.size, plates=recording.plates),
    })  # fmt: skip


def _sawtooth(events: FloatArray, rows: int, *, plates: bool) -> FloatArray:
    """Return 0 at each event rising to 100 at the row before the next one.

    Made from ``plates``, rows outside the first and last event are 0; made from markers they are partial ramps.
    """
    borders = np.round(events * RATE).astype(int)
    value = np.zeros(rows)
    if not plates:
        borders = np.unique([0, *borders, rows])
    for start, stop in pairwise(borders):
        value[start:stop] = np.linspace(0, 100, stop - start)
    return value


def _true_strides(name: str, recording: _Recording, conditions: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the strides of one belt speed, or on the ramp of one activity in most of their time: all of them."""
    contacts = recording.gait.contacts["right"]
    words = [recording.gait.bouts[index].activity for index in recording.gait.bout_at(contacts[:-1])]
    rows = []
    for activity, (start, stop) in zip(words, pairwise(contacts), strict=True):
        if recording.mode == "treadmill":
            speed = conditions["speed"]["Speed"].to_numpy()[round(start * EMG_RATE) : round(stop * EMG_RATE) + 1]
            if not speed.min() == speed.max() > 0:
                continue
        rows.append({"source_patient": name, "trial": recording.name, "side": "right", "activity": activity,
                     "trial_time": recording.origin + start, "duration": stop - start})  # fmt: skip
    return rows


def _write_subjects(out: Path) -> None:
    people = [(np.array([name]), float(age), np.array([gender]), height, weight)
              for name, (age, gender, height, weight) in SUBJECTS.items()]  # fmt: skip
    table = pd.DataFrame(people, columns=["Subject", "Age", "Gender", "Height", "Weight"])
    save_tables(out / "SubjectInfo.mat", {"data": table}, compress=True)
