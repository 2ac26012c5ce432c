"""Writer of the raw trees of Moreira et al. 2021: strides of 1001 points at seven speeds, as MATLAB tables and as text.

Layout, names, units and signs are those of the published descriptions and public readers
(doi:10.1038/s41597-021-00881-3). Every person has `MAT files/Participant<N>/Processed_Data.mat`, every third one in the
newer container; the first also has the text release of two speeds in `ASCII files`. A trial is called after speed, leg
and walk: ``V15_R_T2``. The name of the envelope is not published; it is `EMGs_env` here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.synthetic.activation import KNOWN_MUSCLES
from biomech_xr.synthetic.emg import envelopes, make_emg
from biomech_xr.synthetic.gait import Bout, Gait, angles, make_gait, moments, vertical_forces
from biomech_xr.synthetic.matfile import cell, save_struct
from biomech_xr.synthetic.person import FloatArray, Person, generator, make_person
from biomech_xr.synthetic.tables import write_csv
from biomech_xr.synthetic.truth import Truth, stride_truth

NUMBERS: Final = (1, 4, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
IDS: Final = tuple(f"Participant{number}" for number in NUMBERS)
SPEEDS: Final = {"V1": 1.0, "V15": 1.5, "V2": 2.0, "V25": 2.5, "V3": 3.0, "V35": 3.5, "V4": 4.0}
LACKING: Final = {4: ("V1", "V35", "V4")}
POINTS: Final = 1001
MUSCLES: Final = {
    "VL": "vastus_lateralis", "BF": "biceps_femoris", "TA": "tibialis_anterior", "GAL": "gastrocnemius_lateralis",
}  # fmt: skip
TEXT_SPEEDS: Final = ("V2", "V4")
SIGNS: Final = {
    "Angles": "degrees, canonical",
    "Torques": "N m, internal and canonical but for hip Z, which is external-positive: canonical = -value",
    "Torques_Norm": "N m/kg, the same divided by the body mass",
    "GRF": "N: X forward, Y medial, Z up",
    "EMGs_env": "per cent of MVC",
}
_RATE: Final = 1000
_AXES: Final = ("flexion", "adduction", "rotation")
_DECIMALS: Final = 6

Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class _Walk:
    """The tables of one leg in one walk, and the durations (s) of its strides; the second may be unknown."""

    speed: str
    letter: str
    name: str
    tables: Tables
    durations: tuple[float, ...]


def write_moreira(out: Path, *, patients: int, seed: int, minutes: float) -> Truth:
    """Write the tree of ``patients`` people; more ``minutes`` give more walks (1 to 8, at V2 one more)."""
    rows: list[dict[str, Any]] = []
    for index, number in enumerate(NUMBERS[:patients]):
        name = f"Participant{number}"
        person = make_person(f"moreira-{name}", seed=seed)
        walks = list(_walks(person, number, seed=seed, count=min(8, max(1, round(2 * minutes)))))
        rows += [row for walk in walks for row in _true_strides(name, walk)]
        folder = out / "MAT files" / name
        variables = {f"Subject{number}_pro": _struct(walks)}
        save_struct(
            folder / "Processed_Data.mat", variables, version="v7.3" if index % 3 == 2 else "v5", compress=False
        )
        _write_metadata(folder, number, person)
        if index == 0:
            folder = out / "ASCII files" / name
            _write_text(folder, [walk for walk in walks if walk.speed in TEXT_SPEEDS])
            _write_metadata(folder, number, person)
    (out / "MAT files" / "readme.txt").write_text("no person\n", encoding="ascii")
    planted = {
        "two containers": "every third Processed_Data.mat is v7.3",
        "narrow left leg": "at V1, V2 and V3 of everyone: first stride only, no pelvis",
        "missing second stride time": "the last walk of the right leg at V25 has NaN in St2_Time",
        "empty cell": "row 2 of every cell of trials has a name (T2) and no table",
        "names": "walks are T1, T3, T4, ...",
        "missing speeds": "Participant4 has no V1, V35, V4",
        "no signal": "the folder Properties in the text release",
        "hip rotation": "torques external-positive",
        "tie": "the first person is in both releases",
    }
    return Truth(dataset="moreira", strides=stride_truth(rows), sign_convention=SIGNS, planted=planted)


def _walks(person: Person, number: int, *, seed: int, count: int) -> Iterator[_Walk]:
    for speed, kmh in SPEEDS.items():
        if speed in LACKING.get(number, ()):
            continue
        walks = count + (speed == "V2")
        for index in range(walks):
            trial = f"T{1 if index == 0 else index + 2}"
            rng = generator(seed, "moreira", number, speed, trial)
            bout = Bout(activity="walk", duration=7.0, speed=kmh / 3.6)
            gait = make_gait(person, [bout], rng, grid=_RATE)
            for letter, side in (("R", "right"), ("L", "left")):
                narrow = letter == "L" and speed in ("V1", "V2", "V3")
                contacts = gait.contacts[side][1:4]
                durations = np.diff(contacts)[: 1 if narrow else 2]
                tables = _tables(gait, side, contacts, rng, narrow=narrow)
                lost = letter == "R" and speed == "V25" and index == walks - 1
                known = (*durations[:1], np.nan) if lost else tuple(durations)
                yield _Walk(speed=speed, letter=letter, name=trial, tables=tables, durations=tuple(map(float, known)))


def _tables(gait: Gait, side: str, contacts: FloatArray, rng: np.random.Generator, *, narrow: bool) -> Tables:
    """Return the tables of one leg between three contacts (s): columns St1_... and, unless narrow, St2_... ."""
    grid = np.linspace(0, 1, POINTS)
    time = np.concatenate([contacts[k] + grid * (contacts[k + 1] - contacts[k]) for k in range(1 if narrow else 2)])
    angle, moment = angles(gait, time, side), moments(gait, time, side)
    moment[:, 0, 1] *= -1
    sway = np.sin(2 * np.pi * gait.cycles(time, side))[:, None]
    pelvis = None if narrow else 3 * sway * np.array([1.0, 0.7, 1.3])
    norm = _joint_table(moment, None if pelvis is None else 0.1 * pelvis, _DECIMALS)
    return {
        "Angles": _joint_table(angle, pelvis, _DECIMALS),
        "Torques": norm * gait.person.body_mass,
        "Torques_Norm": norm,
        "GRF": _table(_forces(gait, side, time), ("GRF_X", "GRF_Y", "GRF_Z"), together=True),
        "EMGs_filt": _table(_filtered(gait, side, time, rng), tuple(MUSCLES), together=False),
        "EMGs_env": _table(_envelope(gait, side, time), tuple(MUSCLES), together=False),
    }


def _joint_table(values: FloatArray, pelvis: FloatArray | None, decimals: int) -> pd.DataFrame:
    """Return pelvis, hip, knee, ankle, each X Y Z of the first and then of the second stride."""
    flat = np.stack([values[:, :, words.MOTIONS.index(motion)] for motion in _AXES], axis=2).reshape(len(values), -1)
    names = [f"{joint}_{axis}" for joint in ("Hip", "Knee", "Ankle") for axis in "XYZ"]
    if pelvis is not None:
        flat, names = np.concatenate([pelvis, flat], axis=1), [*(f"Pelvis_{axis}" for axis in "XYZ"), *names]
    return _table(np.round(flat, decimals), tuple(names), together=True)


def _table(values: FloatArray, names: tuple[str, ...], *, together: bool) -> pd.DataFrame:
    """Return (stride * point, column) as one column a stride; the strides alternate by threes or by single columns."""
    strides = len(values) // POINTS
    step = 3 if together else 1
    order = [
        (stride, first + k) for first in range(0, len(names), step) for stride in range(strides) for k in range(step)
    ]
    cut = values.reshape(strides, POINTS, -1)
    return pd.DataFrame({f"St{stride + 1}_{names[k]}": cut[stride, :, k] for stride, k in order})


def _forces(gait: Gait, side: str, time: FloatArray) -> FloatArray:
    vertical = vertical_forces(gait, time, side) * gait.person.body_mass
    phase = gait.cycles(time, side) % 1
    return np.stack([-0.12 * vertical * np.cos(np.pi * phase / 0.61), 0.03 * vertical, vertical], axis=1)


def _filtered(gait: Gait, side: str, time: FloatArray, rng: np.random.Generator) -> FloatArray:
    emg = make_emg(gait, side, tuple(MUSCLES.values()), rng, rate=_RATE, line_frequency=50.0, hum=0.0, offset=0.0)
    clock = np.arange(len(emg)) / _RATE
    return np.stack([np.interp(time, clock, channel) for channel in emg.T], axis=1)


def _envelope(gait: Gait, side: str, time: FloatArray) -> FloatArray:
    """Return the envelopes in per cent of a maximal contraction, three times the full activation of the human."""
    muscles = tuple(MUSCLES.values())
    rows = [KNOWN_MUSCLES.index(muscle) for muscle in muscles]
    maxima = 3 * gait.person.emg_gain[words.SIDES.index(side), rows]
    return np.asarray(100 * envelopes(gait, side, muscles, time) / maxima)


def _struct(walks: list[_Walk]) -> dict[str, Any]:
    """Return the nested struct: speed, leg, signal; a cell of (name, table) with an empty second row."""
    result: dict[str, Any] = {}
    for walk in walks:
        leg = result.setdefault(walk.speed, {}).setdefault(walk.letter, {})
        for signal, table in walk.tables.items():
            leg.setdefault(signal, []).append([walk.name, table])
        leg.setdefault("Stride_Time", []).append(walk.durations)
    for legs in result.values():
        for leg in legs.values():
            for signal in leg:
                empty = [np.nan] * len(leg[signal][0]) if signal == "Stride_Time" else ["T2", np.empty((0, 0))]
                leg[signal].insert(1, empty)
            times = np.array(leg["Stride_Time"], dtype=float)
            leg["Stride_Time"] = pd.DataFrame({f"St{k + 1}_Time": times[:, k] for k in range(times.shape[1])})
            for signal in leg:
                if signal != "Stride_Time":
                    leg[signal] = cell(leg[signal])
    return result


def _write_text(folder: Path, walks: list[_Walk]) -> None:
    for walk in walks:
        leg = folder / "Processed_Data" / walk.speed / walk.letter
        (leg / "Properties").mkdir(parents=True, exist_ok=True)
        (leg / "Properties" / "info.txt").write_text("no signal\n", encoding="ascii")
        for signal, table in walk.tables.items():
            path = leg / signal / f"{walk.name}.txt"
            columns: Mapping[str, FloatArray] = {str(name): table[name].to_numpy() for name in table}
            write_csv(path, columns, dict.fromkeys(columns, _DECIMALS))
            path.write_bytes(path.read_bytes().replace(b",", b"\t"))


def _write_metadata(folder: Path, number: int, person: Person) -> None:
    lines = [
        f"Subject{number}",
        f"Gender: {person.sex.title()}",
        f"Age: {person.age:.0f} years",
        f"Body Height: {person.height:.2f} m",
        f"Body Mass: {person.body_mass:.1f} kg",
        f"Leg Length: {person.leg_length:.2f} m",
        f"Foot Length: {0.15 * person.height:.2f} m",
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Metadata.txt").write_text("\n".join(lines) + "\n", encoding="ascii")


def _true_strides(patient: str, walk: _Walk) -> list[dict[str, Any]]:
    side = "right" if walk.letter == "R" else "left"
    trial = f"{walk.speed}_{walk.letter}_{walk.name}"
    return [
        {"source_patient": patient, "trial": trial, "side": side, "activity": "walk", "trial_time": np.nan,
         "duration": duration}
        for duration in walk.durations
    ]  # fmt: skip
