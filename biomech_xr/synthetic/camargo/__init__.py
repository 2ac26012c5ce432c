"""Writer of the raw tree of Camargo et al. 2021: one MATLAB table per trial and sensor, in all modes.

Layout, columns, units, signs and the gait-cycle sawtooth are those of the distribution's README and scripts
(doi:10.1016/j.jbiomech.2021.110320). A reader's trial is named after its file, in lower case. Every second person has
the layout of the update of 2024 (`ik_offset`, a static trial) in a doubled folder. What differs: the `labels` tables
run at 20 Hz, the large tables are not compressed, and the sensors fp, gon, jp and markers (of moving trials) are left
out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from biomech_xr.synthetic.camargo import tables
from biomech_xr.synthetic.camargo.recordings import INCLINES, Recording, conditions, true_strides
from biomech_xr.synthetic.gait import Bout, make_gait
from biomech_xr.synthetic.matfile import save_tables
from biomech_xr.synthetic.person import Person, generator, make_person
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

SIGNS: Final = {
    "knee_angle_*": "extension positive: canonical = -value, degrees",
    "knee_angle_*_moment": "extension positive, N m: canonical = -value / body mass",
    "*_moment": "N m, generalised force of the angle: canonical = value / body mass",
    "other angles": "canonical, degrees",
    "imu": "m/s2 and rad/s",
}
PLANTED: Final = {
    "missing sensor": "ramp_1_l_01_01 has no gcRight file: nothing of its right leg can be used",
    "right leg only": "EMG; strides of the left leg have none",
    "plate-made gait cycle": "treadmill: 0 outside the first and last strike",
    "marker-made gait cycle": "elsewhere: partial ramps before the first and after the last strike",
    "changing speed": "treadmill belts accelerate from 0 and between four speeds",
    "idle": "what is walked in stair trials beside the stairs is labelled idle",
    "label within a stride": "stair trials: the right stride off the last step down is 42 % stairdescent, 30 % "
    "stairdescent-walk, 28 % idle",
    "off the plates": "id of a leg is NaN in stance but in the middle of each bout, not on the treadmill",
    "plate edge": "ramp_2_r_01_01: hip_flexion_r_moment and knee_angle_r_moment spike in one row of the ascent",
    "absolute time": "Header starts far from 0, and earlier in emg than in ik",
    "date folder": "MM_DD_YYYY for every second person",
    "doubled folder": "every second person",
    "capitals": "LevelGround_ccw_fast_01_02",
    "repeat number": "treadmill_04_2_01 of every second person",
    "update of 2024": "ik_offset and a static trial for every second person",
    "stray file": "treadmill/emg/._treadmill_01_01.mat of every first person",
}
_LARGE: Final = ("emg", "ik", "ik_offset", "id", "imu")
_PACES: Final = {"slow": 0.9, "normal": 1.2, "fast": 1.5}


def write_camargo(out: Path, *, patients: int, seed: int, minutes: float) -> Truth:
    """Write the tree of ``patients`` people: a treadmill, a stair, two level-ground and two ramp trials each."""
    rows: list[dict[str, Any]] = []
    for index, (name, (age, gender, height, mass)) in enumerate(list(SUBJECTS.items())[:patients]):
        sex = "male" if gender == "M" else "female"
        person = make_person(f"camargo-{name}", seed=seed, height=height, body_mass=mass, sex=sex, age=age)
        update = bool(index % 2)
        base = out / name / name if update else out / name
        model = base / "osimxml" / f"{name}.osim"
        model.parent.mkdir(parents=True)
        model.write_text('<?xml version="1.0" encoding="UTF-8" ?>\n<OpenSimDocument Version="30000"/>\n', "ascii")
        folder = base / ("10_21_2018" if update else "10_09_18")
        static = _write_static(folder, person, seed=seed) if update else None
        for recording in _recordings(person, name, seed=seed, minutes=minutes, update=update):
            rng = generator(seed, "camargo", name, recording.name, "signals")
            _write_trial(folder, mass, recording, rng, static)
            for side in ("left",) if recording.missing == "gcRight" else ("left", "right"):
                rows += true_strides(name, recording, side)
        if not update:
            (folder / "treadmill" / "emg" / "._treadmill_01_01.mat").write_bytes(b"\x00\x05\x16\x07")
    _write_subjects(out)
    return Truth(dataset="camargo", strides=stride_truth(rows), sign_convention=SIGNS, planted=PLANTED)


def _recordings(person: Person, name: str, *, seed: int, minutes: float, update: bool) -> Iterator[Recording]:
    rng = generator(seed, "camargo", name)
    speeds = np.round(np.array([1.3, 0.7, 1.0, 1.55]) + 0.05 * rng.integers(-2, 3, 4), 2)
    origin = 20 + round(float(rng.uniform(0, 30)), 2)

    def made(trial: str, mode: str, bouts: Sequence[Bout], **facts: Any) -> Recording:
        gait = make_gait(person, bouts, rng, grid=tables.RATE)
        return Recording(name=trial, mode=mode, gait=gait, origin=origin + 7.3 * len(bouts), **facts)

    belt = "treadmill_04_2_01" if update else "treadmill_01_01"
    yield made(belt, "treadmill", _treadmill(speeds, max(27.0, minutes * 60)), plates=True)
    long = max(14.0, minutes * 20)
    first = ("slow", "cw") if not update else ("normal", "ccw")
    for trial, (pace, turn) in (("levelground_{1}_{0}_01_01", first), ("LevelGround_{1}_{0}_01_02", ("fast", "ccw"))):
        yield made(trial.format(pace, turn), "levelground", _loop(long, _PACES[pace]), pace=pace, turn=turn)
    for number, trial, missing in ((1, "l_01_01", "gcRight"), (2, "r_01_01", "")):
        bouts = _slope("ramp", 8.5 if missing else max(18.0, minutes * 30), rng, incline=INCLINES[number])
        yield made(f"ramp_{number}_{trial}", "ramp", bouts, number=number, missing=missing)
    number = 3 if update else 2
    yield made(f"stair_{number}_l_01_01", "stair", _slope("stair", max(20.0, minutes * 30), rng), number=number)


def _slope(terrain: str, length: float, rng: np.random.Generator, *, incline: float = 10.0) -> list[Bout]:
    shares = (("walk", 0.15), (f"{terrain}_ascent", 0.31), ("walk", 0.12), (f"{terrain}_descent", 0.3), ("walk", 0.12))
    speed = float(rng.uniform(1.1, 1.3))
    moving = [
        Bout(activity=word, duration=share * (length - 2), speed=speed, incline=incline) for word, share in shares
    ]
    return [Bout(activity="stand", duration=1.0), *moving, Bout(activity="stand", duration=1.2)]


def _loop(length: float, speed: float) -> list[Bout]:
    """Return a walk around the room with two turns; the turning person moves as on the straight."""
    shares = (("", 0.26), ("turn1", 0.18), ("", 0.22), ("turn2", 0.18), ("", 0.16))
    moving = [
        Bout(activity="walk", duration=share * (length - 2.4), speed=speed, label=label) for label, share in shares
    ]
    return [Bout(activity="stand", duration=1.2), *moving, Bout(activity="stand", duration=1.4)]


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
    folder: Path, mass: float, recording: Recording, rng: np.random.Generator, static: pd.DataFrame | None
) -> None:
    """Write all sensors of one trial; with ``static`` also the angles relative to it."""
    ik = tables.ik_table(recording)
    content: dict[str, dict[str, Any]] = {
        "ik": {"data": ik},
        "id": {"data": tables.id_table(recording, mass)},
        "gcRight": {"data": tables.cycle_table(recording, "right")},
        "gcLeft": {"data": tables.cycle_table(recording, "left")},
        "emg": {"data": tables.emg_table(recording, rng)},
        "imu": {"data": tables.imu_table(ik, rng)},
        "conditions": conditions(recording),
    }
    if static is not None:
        content["ik_offset"] = {"data": tables.less_static(ik, static)}
    for sensor, variables in content.items():
        if sensor != recording.missing:
            path = folder / recording.mode / sensor / f"{recording.name}.mat"
            save_tables(path, variables, compress=sensor not in _LARGE)


def _write_static(folder: Path, person: Person, *, seed: int) -> pd.DataFrame:
    """Write a static trial, cut before the person walks: markers and angles; return the angles."""
    rng = generator(seed, "camargo", person.name, "static")
    bouts = [Bout(activity="stand", duration=5.0), Bout(activity="walk", duration=3.0)]
    gait = make_gait(person, bouts, rng, grid=tables.RATE, duration=0.25)
    recording = Recording(name="static_01", mode="static", gait=gait, origin=2.0)
    ik = tables.ik_table(recording)
    for sensor, table in (("markers", tables.marker_table(recording)), ("ik", ik)):
        save_tables(folder / "static" / sensor / "static_01.mat", {"data": table}, compress=True)
    return ik


def _write_subjects(out: Path) -> None:
    people = [(np.array([name]), float(age), np.array([gender]), height, weight)
              for name, (age, gender, height, weight) in SUBJECTS.items()]  # fmt: skip
    table = pd.DataFrame(people, columns=["Subject", "Age", "Gender", "Height", "Weight"])
    save_tables(out / "SubjectInfo.mat", {"data": table}, compress=True)
