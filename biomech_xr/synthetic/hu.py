"""Writer of the raw tree of Hu et al. 2018 (ENABL3S): circuits as CSV at 1 kHz, goniometers, events packed in columns.

Layout, columns, units, signs and event coding are those of the authors' release and export code
(doi:10.3389/frobt.2018.00014, data doi:10.6084/m9.figshare.5362627).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr.synthetic.emg import make_emg
from biomech_xr.synthetic.gait import Bout, Gait, angles, make_gait, velocities
from biomech_xr.synthetic.person import FloatArray, Person, generator, make_person
from biomech_xr.synthetic.tables import write_csv, write_workbook
from biomech_xr.synthetic.truth import Truth, stride_truth

IDS: Final = ("AB156", "AB185", "AB186", "AB188", "AB189", "AB190", "AB191", "AB192", "AB193", "AB194")
MODES: Final = {
    "sit": 0, "walk": 1, "ramp_ascent": 2, "ramp_descent": 3, "stair_ascent": 4, "stair_descent": 5, "stand": 6,
}  # fmt: skip
MUSCLES: Final = {
    "TA": "tibialis_anterior",
    "MG": "gastrocnemius_medialis",
    "SOL": "soleus",
    "BF": "biceps_femoris",
    "ST": "semitendinosus",
    "VL": "vastus_lateralis",
    "RF": "rectus_femoris",
}
RATE: Final = 1000
LINE_FREQUENCY: Final = 60.0
SIGNS: Final = {
    "*_Knee": "flexion negative on both legs: canonical = -value",
    "*_Ankle": "dorsiflexion negative on both legs: canonical = -value",
    "EMG": "mV at the skin (volts after an amplification of 1000)",
}
_SHORTEST: Final = 26.0
_QUIET_END: Final = 300
_PAUSE: Final = 3.4
_PREFIXES: Final = (("Right", "right"), ("Left", "left"))
_IMU: Final = ("Ax", "Ay", "Az", "Gy", "Gz", "Gx")
_EVENTS: Final = tuple(
    f"{prefix}_{event}{suffix}"
    for prefix, _ in _PREFIXES
    for event in ("Heel_Contact", "Toe_Off")
    for suffix in ("", "_Trigger")
)


def write_hu(out: Path, *, patients: int, seed: int, minutes: float) -> Truth:
    """Write the tree of ``patients`` people, two circuits or more each; `minutes` of circuits per person."""
    rows: list[dict[str, Any]] = []
    people = []
    for index, name in enumerate(IDS[:patients]):
        person = make_person(f"hu-{name}", seed=seed)
        people.append((name, person))
        folder = out / name / name if index % 2 else out / name
        summaries: list[dict[str, Any]] = []
        for number, gait in _circuits(person, name, seed=seed, minutes=minutes):
            rows += _write_circuit(folder, name, number, gait, seed=seed, summaries=summaries)
        _write_metadata(folder / f"{name}_Metadata.csv", summaries)
    _write_subjects(out, people)
    planted = {
        "doubled folder": "every second person",
        "event gap": f"{_PAUSE:g} s of level walking without events in every odd circuit",
        "lost leading zero": "the first right heel contact of every even circuit follows sitting (mode 0): 311",
        "missing values": "40 ms of Left_ST in every even circuit are NaN",
        "missing number": "circuit 003 does not exist",
    }
    return Truth(dataset="hu", strides=stride_truth(rows), sign_convention=SIGNS, planted=planted)


def _circuits(person: Person, name: str, *, seed: int, minutes: float) -> Iterator[tuple[int, Gait]]:
    pairs = max(1, round(minutes))
    length = max(_SHORTEST, minutes * 60 / (2 * pairs))
    numbers = [number for number in range(1, 2 * pairs + 3) if number != 3][: 2 * pairs]
    for number in numbers:
        rng = generator(seed, "hu", name, number)
        up, down = ("stair_ascent", "ramp_descent") if number % 2 else ("ramp_ascent", "stair_descent")
        speed = float(rng.uniform(1.1, 1.35))
        moving = (length - 5) / 21
        plan = (("sit", 1), ("stand", 1), ("walk", 8 * moving), (up, 3.5 * moving), ("walk", 3 * moving),
                (down, 3.5 * moving), ("walk", 3 * moving), ("stand", 1.5), ("sit", 1.5))  # fmt: skip
        bouts = [Bout(activity=activity, duration=duration, speed=speed) for activity, duration in plan]
        yield number, make_gait(person, bouts, rng, grid=RATE)


def _write_circuit(
    folder: Path, name: str, number: int, gait: Gait, *, seed: int, summaries: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Write one circuit as processed and raw file; return its true strides."""
    rng = generator(seed, "hu", name, number, "signals")
    time = np.arange(round(gait.duration * RATE)) / RATE
    mode = np.array([MODES[bout.activity] for bout in gait.bouts])[gait.bout_at(time)].astype(float)
    events = _events(gait, mode, number)
    signals = _signals(gait, time, rng)
    post = {**signals, **_event_columns(events, time.size), "Mode": mode}
    if number % 2 == 0:
        post["Left_ST"] = post["Left_ST"].copy()
        post["Left_ST"][9000:9040] = np.nan
    names = [*_signal_names(), *(f"{g}_Velocity" for g in _goniometers()), "Mode", *_EVENTS]
    places = {column: _decimals(column) for column in names}
    stem = f"{name}_Circuit_{number:03d}"
    write_csv(folder / "Processed" / f"{stem}_post.csv", {column: post[column] for column in names}, places)
    raw = _raw_columns(signals, rng) | {"Mode": mode}
    write_csv(folder / "Raw" / f"{stem}_raw.csv", {n: raw[n] for n in [*_signal_names(), "Mode"]}, places)
    summaries.append(_summary(stem, signals))
    return _true_strides(name, f"circuit_{number:03d}", events, mode)


def _decimals(column: str) -> int:
    if column == "Mode" or column in _EVENTS:
        return 0
    return 3 if column.endswith((*_IMU, "_Velocity")) else 5


def _signal_names() -> list[str]:
    segments = ("Right_Shank", "Right_Thigh", "Left_Shank", "Left_Thigh", "Waist")
    imu = [f"{segment}_{axis}" for segment in segments for axis in _IMU]
    return [*imu, *(f"{prefix}_{muscle}" for prefix, _ in _PREFIXES for muscle in MUSCLES), *_goniometers()]


def _goniometers() -> list[str]:
    return [f"{prefix}_{joint}" for prefix, _ in _PREFIXES for joint in ("Ankle", "Knee")]


def _signals(gait: Gait, time: FloatArray, rng: np.random.Generator) -> dict[str, FloatArray]:
    """Return the signal columns in the units and signs of the processed file."""
    columns: dict[str, FloatArray] = {}
    for prefix, side in _PREFIXES:
        angle, rate = angles(gait, time, side)[:, :, 2], velocities(gait, time, side)[:, :, 2]
        emg = make_emg(gait, side, tuple(MUSCLES.values()), rng, rate=RATE, line_frequency=LINE_FREQUENCY, hum=0.004)
        columns |= {f"{prefix}_{raw}": emg[:, k] for k, raw in enumerate(MUSCLES)}
        for joint, index in (("Ankle", 2), ("Knee", 1)):
            columns[f"{prefix}_{joint}"] = -angle[:, index]
            columns[f"{prefix}_{joint}_Velocity"] = -rate[:, index]
        columns |= _imu(f"{prefix}_Thigh", angle[:, 0], rate[:, 0], rng)
        columns |= _imu(f"{prefix}_Shank", angle[:, 0] - angle[:, 1], rate[:, 0] - rate[:, 1], rng)
    return columns | _imu("Waist", np.zeros(time.size), np.zeros(time.size), rng)


def _imu(segment: str, tilt: FloatArray, rate: FloatArray, rng: np.random.Generator) -> dict[str, FloatArray]:
    """Return accelerometer (g) and gyroscope (degrees/s) of a segment tilted in the sagittal plane (degrees)."""
    noise = rng.standard_normal((6, tilt.size)) * np.array([[0.02], [0.02], [0.02], [0.5], [0.5], [0.5]])
    tilted = np.deg2rad(tilt)
    clean = {"Ax": np.sin(tilted), "Ay": np.cos(tilted), "Gz": rate}
    return {f"{segment}_{axis}": clean.get(axis, 0.0) + noise[k] for k, axis in enumerate(_IMU)}


def _raw_columns(signals: Mapping[str, FloatArray], rng: np.random.Generator) -> dict[str, FloatArray]:
    """Return the columns of the raw file: converter volts for goniometers and inertial units, hum left in the EMG."""
    columns = {}
    for name in _signal_names():
        value = signals[name]
        if name.endswith(("_Knee", "_Ankle")):
            degrees = -value if name == "Right_Knee" else value
            columns[name] = degrees / 90 + 2 + 0.0005 * rng.standard_normal(value.size)
        elif name.split("_")[-1] in _IMU:
            scale = 8192 if "_A" in name else 65.536
            columns[name] = 2.5 + value * scale / 65536 * 5
        else:
            columns[name] = value
    time = np.arange(next(iter(columns.values())).size) / RATE
    hum = 0.02 * np.sin(2 * np.pi * LINE_FREQUENCY * time)
    return columns | {f"{p}_{m}": columns[f"{p}_{m}"] + hum for p, _ in _PREFIXES for m in MUSCLES}


def _events(gait: Gait, mode: FloatArray, number: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return (row numbers from 0, triggers) of each event list, without the disturbed part and the quiet end."""
    walking = gait.contacts["right"]
    gap = (walking[2] + 0.1, walking[2] + 0.1 + _PAUSE) if number % 2 else (np.inf, np.inf)
    lists = {}
    for prefix, side in _PREFIXES:
        contacts, offs = (np.round(t[side] * RATE).astype(int) for t in (gait.contacts, gait.foot_offs))
        first = MODES["sit"] if number % 2 == 0 and side == "right" else MODES["stand"]
        before_contact = np.concatenate([[first], mode[offs]]).astype(int)
        for event, samples, code, before in (
            ("Heel_Contact", contacts, (3, 1), before_contact),
            ("Toe_Off", offs, (1, 2), mode[contacts[:-1]].astype(int)),
        ):
            now = mode[np.minimum(samples, mode.size - 1)].astype(int)
            trigger = before * 1000 + code[0] * 100 + now * 10 + code[1]
            times = samples / RATE
            kept = (samples < mode.size - _QUIET_END) & ((times < gap[0]) | (times > gap[1]))
            lists[f"{prefix}_{event}"] = (samples[kept], trigger[kept])
    return lists


def _event_columns(events: Mapping[str, tuple[np.ndarray, np.ndarray]], rows: int) -> dict[str, FloatArray]:
    """Return the event columns: numbers from 1, packed at the top, then NaN."""
    columns = {}
    for name, (samples, triggers) in events.items():
        for suffix, values in (("", samples + 1), ("_Trigger", triggers)):
            column = np.full(rows, np.nan)
            column[: values.size] = values
            columns[name + suffix] = column
    return columns


def _true_strides(
    name: str, trial: str, events: Mapping[str, tuple[np.ndarray, np.ndarray]], mode: FloatArray
) -> list[dict[str, Any]]:
    activities = {code: activity for activity, code in MODES.items()}
    rows = []
    for prefix, side in _PREFIXES:
        contacts, _ = events[f"{prefix}_Heel_Contact"]
        for start, stop in pairwise(contacts):
            if mode[start] == mode[stop] and (stop - start) / RATE < _PAUSE - 0.5:
                activity = activities[int(mode[start])]
                rows.append({"source_patient": name, "trial": trial, "side": side, "activity": activity,
                             "trial_time": start / RATE, "duration": (stop - start) / RATE})  # fmt: skip
    return rows


def _summary(stem: str, signals: Mapping[str, FloatArray]) -> dict[str, Any]:
    row: dict[str, Any] = {"Filename": f"{stem}_raw"}
    for joint in _goniometers():
        value = signals[joint]
        row |= {f"{joint}_Mean": value.mean(), f"{joint}_SD": value.std()}
        row |= {f"{joint}_Min": value.min(), f"{joint}_Max": value.max()}
    for side in ("R", "L"):
        for muscle in MUSCLES:
            value = signals[f"{'Right' if side == 'R' else 'Left'}_{muscle}"]
            row[f"{side}{muscle}_SNR"] = 20 * np.log10(value.std() / value[:900].std())
    return row


def _write_metadata(path: Path, summaries: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(summaries[0])]
    lines += [",".join(str(v) if isinstance(v, str) else f"{v:.4f}" for v in row.values()) for row in summaries]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def _write_subjects(out: Path, people: list[tuple[str, Person]]) -> None:
    rows: list[list[str | float]] = [["Subject", "Gender", "Age (years)", "Height (cm)", "Weight (kg)"]]
    rows += [[n, p.sex[0].upper(), p.age, round(p.height * 100, 1), p.body_mass] for n, p in people]
    write_workbook(out / "Subject Trigger Channel Feature Information.xlsx", "Subject Information", rows)
