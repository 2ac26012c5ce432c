"""The tables of Camargo's sensors: columns, units, signs and rates as the README and scripts of the dataset say."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from biomech_xr.synthetic.camargo.recordings import EMG_RATE, Recording
from biomech_xr.synthetic.emg import make_emg
from biomech_xr.synthetic.gait import Gait, angles, moments
from biomech_xr.synthetic.person import FloatArray

EMG: Final = {
    "gastrocmed": "gastrocnemius_medialis", "tibialisanterior": "tibialis_anterior", "soleus": "soleus",
    "vastusmedialis": "vastus_medialis", "vastuslateralis": "vastus_lateralis", "rectusfemoris": "rectus_femoris",
    "bicepsfemoris": "biceps_femoris", "semitendinosus": "semitendinosus", "gracilis": "gracilis",
    "gluteusmedius": "gluteus_medius", "rightexternaloblique": "external_oblique",
}  # fmt: skip
RATE: Final = 200
EMG_LEAD: Final = 0.012
"""The EMG table starts this long (s) before the others."""

_LEG: Final = (
    ("hip_flexion", 0, 2, 1), ("hip_adduction", 0, 0, 1), ("hip_rotation", 0, 1, 1), ("knee_angle", 1, 2, -1),
    ("ankle_angle", 2, 2, 1), ("subtalar_angle", 2, 0, 1),
)  # fmt: skip
"""Column, joint, motion and sign of the coordinates of one leg."""

_PELVIS: Final = ("pelvis_tilt", "pelvis_list", "pelvis_rotation", "pelvis_tx", "pelvis_ty", "pelvis_tz")
_LUMBAR: Final = ("lumbar_extension", "lumbar_bending", "lumbar_rotation")
_SIDES: Final = ("right", "left")


def emg_table(recording: Recording, rng: np.random.Generator) -> pd.DataFrame:
    """Return EMG of the right leg, band-passed 20-400 Hz upstream, mV, 1 kHz."""
    values = make_emg(recording.gait, "right", tuple(EMG.values()), rng, rate=EMG_RATE, line_frequency=60.0, hum=0.004,
                      offset=0.0, band=(20.0, 400.0), start=-EMG_LEAD)  # fmt: skip
    header = np.round(recording.origin - EMG_LEAD + np.arange(len(values)) / EMG_RATE, 6)
    return pd.DataFrame({"Header": header, **{column: values[:, k] for k, column in enumerate(EMG)}})


def header(recording: Recording) -> tuple[FloatArray, FloatArray]:
    """Return the times of a 200 Hz table on the clock of the gait and on the absolute clock, s."""
    time = np.arange(round(recording.gait.duration * RATE)) / RATE
    return time, np.round(recording.origin + time, 6)


def ik_table(recording: Recording) -> pd.DataFrame:
    """Return joint angles of the OpenSim model, degrees: the knee is negative in flexion."""
    time, clock = header(recording)
    sway = np.sin(2 * np.pi * recording.gait.cycles(time, "right"))
    table = {"Header": clock} | dict.fromkeys(_PELVIS[:3], 2 * sway)
    table |= {"pelvis_tx": np.zeros(time.size), "pelvis_ty": 0.95 + 0.02 * sway, "pelvis_tz": 0.03 * sway}
    for side in _SIDES:
        angle = angles(recording.gait, time, side)
        table |= {f"{column}_{side[0]}": sign * angle[:, j, m] for column, j, m, sign in _LEG}
        table[f"mtp_angle_{side[0]}"] = np.zeros(time.size)
    return pd.DataFrame(table | dict.fromkeys(_LUMBAR, -1.5 * sway))


def less_static(table: pd.DataFrame, static: pd.DataFrame) -> pd.DataFrame:
    """Return angles relative to the mean of the static trial: `ik_offset`."""
    return pd.concat([table["Header"], table.drop(columns="Header") - static.drop(columns="Header").mean()], axis=1)


def id_table(recording: Recording, mass: float) -> pd.DataFrame:
    """Return generalised forces, N m and N.

    Off the treadmill those of a leg are NaN while its foot is on the ground beside the plates, those of the trunk
    while either is.
    """
    time, clock = header(recording)
    table: dict[str, FloatArray] = {}
    for column in _PELVIS:
        table[f"{column}_{'force' if column[-2] == 't' and len(column) == 9 else 'moment'}"] = np.zeros(time.size)
    for side in _SIDES:
        moment = moments(recording.gait, time, side) * mass
        table |= {f"{column}_{side[0]}_moment": sign * moment[:, j, m] for column, j, m, sign in _LEG}
        table[f"mtp_angle_{side[0]}_moment"] = np.zeros(time.size)
    frame = pd.DataFrame(table | {f"{column}_moment": np.zeros(time.size) for column in _LUMBAR})
    if recording.mode != "treadmill":
        windows = on_plates(recording.gait)
        beside = ~np.any([(time >= start) & (time < stop) for start, stop in windows], axis=0)
        lost = {side: beside & ~_in_air(recording.gait, time, side) for side in _SIDES}
        legs = [{"_r_": "right", "_l_": "left"}.get(str(name)[-9:-6], "") for name in frame]
        either = lost["right"] | lost["left"]
        frame = frame.mask(np.stack([lost.get(leg, either) for leg in legs], axis=1))
        if recording.name == "ramp_2_r_01_01":
            row = int(np.ceil(windows[0][0] * RATE - 1e-9))
            frame.loc[row, ["hip_flexion_r_moment", "knee_angle_r_moment"]] = 20 * mass
    frame.insert(0, "Header", clock)
    return frame


def on_plates(gait: Gait) -> list[tuple[float, float]]:
    """Return the (start, stop) times, s, during which every foot on the ground is on a plate: the middle of a bout."""
    right = gait.contacts["right"]
    windows = []
    for bout, start in zip(gait.bouts, gait.starts, strict=True):
        inside = right[(right >= start - 1e-9) & (right < start + bout.duration)]
        if bout.activity != "stand" and not bout.label and inside.size > 2:
            windows.append((float(inside[1]) if inside.size > 3 else float(inside[0]), float(inside[-1])))
    return windows


def _in_air(gait: Gait, time: FloatArray, side: str) -> np.ndarray:
    """Return whether a foot is between foot off and contact at each time (s)."""
    stride = np.clip(np.searchsorted(gait.contacts[side], time + 1e-9, side="right") - 1, -1, None)
    walking = (stride >= 0) & (stride < gait.foot_offs[side].size)
    off = gait.foot_offs[side][np.clip(stride, 0, gait.foot_offs[side].size - 1)]
    return np.asarray(walking & (time > off))


def cycle_table(recording: Recording, side: str) -> pd.DataFrame:
    """Return the gait cycle of one leg: per cent from contact to contact and from foot off to foot off."""
    _, clock = header(recording)
    events = {"HeelStrike": recording.gait.contacts[side], "ToeOff": recording.gait.foot_offs[side]}
    columns = {name: _sawtooth(times, clock.size, plates=recording.plates) for name, times in events.items()}
    return pd.DataFrame({"Header": clock, **columns})


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


def imu_table(ik: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return accelerations (m/s2) and angular velocities (rad/s) of four units on the trunk and the right leg."""
    hip, knee, ankle = (np.deg2rad(ik[f"{name}_r"].to_numpy()) for name in ("hip_flexion", "knee_angle", "ankle_angle"))
    tilts = {"foot": hip + knee + ankle, "shank": hip + knee, "thigh": hip, "trunk": np.zeros(hip.size)}
    table = {"Header": ik["Header"].to_numpy()}
    for segment, tilt in tilts.items():
        noise = rng.standard_normal((6, tilt.size)) * np.array([[0.2], [0.2], [0.2], [0.01], [0.01], [0.01]])
        clean = {"Accel_X": 9.81 * np.sin(tilt), "Accel_Y": 9.81 * np.cos(tilt), "Gyro_Z": np.gradient(tilt, 1 / RATE)}
        names = [f"{kind}_{axis}" for kind in ("Accel", "Gyro") for axis in "XYZ"]
        table |= {f"{segment}_{name}": clean.get(name, 0.0) + noise[k] for k, name in enumerate(names)}
    return pd.DataFrame(table)


def marker_table(recording: Recording) -> pd.DataFrame:
    """Return the heel markers of a person who stands still, mm."""
    _, clock = header(recording)
    place = {"R_Heel": (0.0, 45.0, 120.0), "L_Heel": (0.0, 45.0, -120.0)}
    columns = {
        f"{name}_{axis}": np.full(clock.size, xyz[k]) for name, xyz in place.items() for k, axis in enumerate("xyz")
    }
    return pd.DataFrame({"Header": clock, **columns})
