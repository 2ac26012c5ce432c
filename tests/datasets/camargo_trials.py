"""Trials of Camargo written from the dataset's description: tables that a test changes before they are saved."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biomech_xr.datasets.camargo import SPEC, recordings
from biomech_xr.readers.matlab import import_matio
from biomech_xr.schema import Trial

MASS = 74.84
ORIGIN = 31.0
SECONDS = 7.0
STRIKES = (0.6, 1.7, 2.8, 3.9, 5.0, 6.1)
LEFT_STRIKES = tuple(strike + 0.55 for strike in STRIKES[:-1])
IMU = [f"{s}_{k}_{a}" for s in ("foot", "shank", "thigh", "trunk") for k in ("Accel", "Gyro") for a in "XYZ"]
Tables = dict[str, dict[str, Any]]


def save(path: Path, variables: dict[str, Any]) -> None:
    """Save variables as a MATLAB v5 file, DataFrames as tables."""
    path.parent.mkdir(parents=True, exist_ok=True)
    import_matio().save_to_mat(str(path), variables, version="v7", do_compression=False)


def sawtooth(strikes: tuple[float, ...], *, markers: bool) -> np.ndarray:
    """Return 0 at each strike rising to 100 before the next; outside 0 (plates) or partial ramps (markers)."""
    value = np.zeros(round(SECONDS * 200))
    borders = np.round(np.array(strikes) * 200).astype(int)
    if markers:
        borders = np.array([0, *borders, value.size])
    for start, stop in itertools.pairwise(borders):
        value[start:stop] = np.linspace(0, 100, stop - start, endpoint=False)
    return value


def swing(phase: np.ndarray) -> np.ndarray:
    """Return a knee that flexes in swing, degrees: 60 at 72 % of the cycle, a little in early stance."""
    late, early = (phase - 0.22) % 1 - 0.5, phase % 1 - 0.14
    return np.asarray(5 + 55 * np.exp(-((late / 0.09) ** 2)) + 12 * np.exp(-((early / 0.06) ** 2)))


def tables(*, markers: bool = False) -> Tables:
    """Return the tables of a trial whose EMG starts 12 ms before the rest; every EMG column holds its own time."""
    clock = ORIGIN + np.arange(round(SECONDS * 200)) / 200
    fast = ORIGIN - 0.012 + np.arange(round(SECONDS * 1000) + 12) / 1000
    ik = {name: np.full(clock.size, 5.0) for name in SPEC.angles}
    moments = {name: np.full(clock.size, -50.0) for name in SPEC.moments}
    for leg, first in (("r", STRIKES[0]), ("l", LEFT_STRIKES[0])):
        phase = (clock - ORIGIN - first) / 1.1
        ik[f"knee_angle_{leg}"] = -swing(phase)
        moments[f"knee_angle_{leg}_moment"] = 40 * np.sin(2 * np.pi * phase)
    moments["hip_adduction_r_moment"] = np.where(clock < ORIGIN + 3, np.nan, -60.0)
    made: Tables = {
        "emg": {"data": pd.DataFrame({"Header": fast} | dict.fromkeys(SPEC.emg, fast))},
        "ik": {"data": pd.DataFrame({"Header": clock} | ik)},
        "id": {"data": pd.DataFrame({"Header": clock} | moments)},
        "conditions": {"speed": pd.DataFrame({"Header": clock, "Speed": np.full(clock.size, 1.2)})},
    }
    for sensor, strikes in (("gcRight", STRIKES), ("gcLeft", LEFT_STRIKES)):
        cycle = {
            "HeelStrike": sawtooth(strikes, markers=markers),
            "ToeOff": sawtooth(tuple(strike + 0.7 for strike in strikes[:-1]), markers=markers),
        }
        made[sensor] = {"data": pd.DataFrame({"Header": clock} | cycle)}
    return made


def imu(*, gravity: float = 9.81) -> dict[str, Any]:
    """Return the table of four inertial units that hang still; Gyro_Z of the shank holds 2."""
    clock = ORIGIN + np.arange(round(SECONDS * 200)) / 200
    columns = {name: np.full(clock.size, gravity if name.endswith("Accel_Y") else 0.01) for name in IMU}
    return {"data": pd.DataFrame({"Header": clock} | columns | {"shank_Gyro_Z": np.full(clock.size, 2.0)})}


def labels(*changes: tuple[float, str]) -> pd.DataFrame:
    """Return the labels table of (start in s, label), 100 rows a second."""
    times = ORIGIN + np.arange(round(SECONDS * 100)) / 100
    index = np.searchsorted([start for start, _ in changes], times - ORIGIN + 1e-9, side="right") - 1
    return pd.DataFrame({"Header": times, "Label": [changes[k][1] for k in index]})


def info(root: Path, *, mass: float = MASS, subject: str = "AB06") -> None:
    """Write SubjectInfo.mat."""
    row = {"Subject": [subject, "AB07"], "Age": [20.0, 20.0], "Gender": ["M", "F"], "Height": [1.8, 1.65]}
    save(root / "SubjectInfo.mat", {"data": pd.DataFrame(row | {"Weight": [mass, 55.34]})})


def write(
    root: Path,
    made: Tables,
    *,
    mode: str = "treadmill",
    name: str = "treadmill_01_01",
    date: str = "10_09_18",
    person: str = "AB06",
) -> Path:
    """Write one trial and return the folder of its mode; ``person`` may be several folders."""
    info(root)
    (root / person / "osimxml").mkdir(parents=True, exist_ok=True)
    for sensor, variables in made.items():
        save(root / person / date / mode / sensor / f"{name}.mat", variables)
    return root / person / date / mode


def read(root: Path, **options: str) -> list[Trial]:
    """Return the trials of AB06."""
    return list(recordings(root, "AB06", options))


def one(root: Path, conditions: dict[str, Any], *, mode: str, name: str, markers: bool = True) -> Trial:
    """Write and read one trial with these conditions."""
    write(root, tables(markers=markers) | {"conditions": conditions}, mode=mode, name=name)
    (trial,) = read(root)
    return trial


def ramp(root: Path, *changes: tuple[float, str]) -> Trial:
    """Write and read a trial of ramp 2 with these labels."""
    conditions = {"labels": labels(*changes), "rampIncline": np.array([[7.8]]), "transLegAscent": "r"}
    return one(root, conditions, mode="ramp", name="ramp_2_r_01_01")


def of(table: pd.DataFrame, side: str) -> pd.DataFrame:
    """Return the rows of one leg by stride number."""
    return table[table["side"] == side].set_index("stride_number")
