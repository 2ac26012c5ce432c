"""Writer of the surface-stiffness treadmill walks: one MATLAB struct a person, strides in cells by condition.

Only what one public reader shows is known: fields, channels, cells, sizes, mm for the height. The rest is chosen here,
and chosen differently for every second person, so that a reader cannot rely on it: ids, names of speeds and stiffness,
columns of the joints (adduction, flexion, rotation; or flexion, adduction, rotation), the leg that cuts the strides
(of every third person each leg is cut by its own contacts), the rates (of the same ratio), the `unit` field, and
whether the file is the raw one or the processed copy. A trial is named ``<speed>_<stiffness>``; the source has no
clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.synthetic.emg import make_emg
from biomech_xr.synthetic.gait import Bout, Gait, angles, make_gait, moments
from biomech_xr.synthetic.matfile import FIELDLESS, cell, save_struct
from biomech_xr.synthetic.person import FloatArray, Person, generator, make_person
from biomech_xr.synthetic.truth import Truth, stride_truth

IDS: Final = tuple(f"SUB{number:02d}" for number in range(1, 13))
RATES: Final = ((2000, 100), (2400, 120))
"""Hz, of EMG and joints; of every first and every second person."""

LINE_FREQUENCY: Final = 60.0
SPEEDS: Final = (("S_0x8", 0.8), ("fast", 1.3))
STIFFNESS: Final = ("rigid", "soft")
MUSCLES: Final = {
    "TA": "tibialis_anterior",
    "GA": "gastrocnemius_medialis",
    "VL": "vastus_lateralis",
    "RF": "rectus_femoris",
    "BF": "biceps_femoris",
}
ORDERS: Final = (("adduction", "flexion", "rotation"), ("flexion", "adduction", "rotation"))
"""Motions of the three columns; of every first and every second person."""

CUTTERS: Final[tuple[tuple[str, str], ...]] = (("right", "right"), ("left", "left"), ("left", "right"))
"""Leg whose contacts cut the strides of the left and of the right leg; of every first, second and third person."""

SIGNS: Final = {
    "jointAngles": "canonical, degrees; columns adduction, flexion, rotation or flexion, adduction, rotation",
    "jointMoments": "N mm/kg, extensor, abductor and external rotator positive: canonical = -value / 1000",
    "EMG": "V, signed",
}
_SHORTEST: Final = 6
_SPIKE: Final = 9000.0
_STEP: Final = 20
"""EMG samples a frame."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Walk:
    """One condition: the walk, the frame rate (Hz) and the frames between which each leg's cells lie."""

    speed: str
    stiffness: str
    gait: Gait
    rate: int
    edges: dict[str, list[int]]
    rng: np.random.Generator


def write_angelidou(out: Path, *, patients: int, seed: int, minutes: float) -> Truth:
    """Write the files of ``patients`` people, every second as the processed copy; `minutes` of walking per person."""
    rows: list[dict[str, Any]] = []
    for index, name in enumerate(IDS[:patients]):
        person = make_person(f"angelidou-{name}", seed=seed)
        content: dict[str, Any] = {
            "participantInfo": {"Bodymass": person.body_mass, "Height": person.height * 1000},
            "gaitEvents": FIELDLESS,
        }
        if index % 2:
            content["unit"] = {"jointAngles": "deg", "jointMoments": "Nmm/kg"}
        for walk in _walks(person, name, index, seed=seed, minutes=minutes):
            level = content.setdefault(walk.speed, {"gaitEvents": FIELDLESS})
            level[walk.stiffness] = _condition(walk, index)
            rows += _true_strides(name, walk, CUTTERS[index % 3])
        if index % 2:
            save_struct(out / f"{name}Processed.mat", {"data": {name: content}}, version="v7.3")
        else:
            save_struct(out / f"{name}.mat", {name: content}, compress=False)
    (out / "readme.txt").write_text("One file a participant.\n", encoding="ascii")
    planted = {
        "columns": "adduction, flexion, rotation; of every second person flexion, adduction, rotation",
        "cut": "at right contacts; of every second person of three at left ones: the other leg's cells are no strides; "
        "of every third each leg at its own",
        "rates": "EMG 2000 and joints 100 Hz; of every second person 2400 and 120 Hz: the same ratio",
        "processed copy": "every second person is <ID>Processed.mat with variable data (v7.3) and EMG_Processed",
        "unit": "every second person has a unit field",
        "missing values": f"the cutting leg's TA of stride 2 of {SPEEDS[0][0]}_{STIFFNESS[0]} has 40 NaN",
        "empty cell": f"the cutting leg's VL of stride 3 of {SPEEDS[0][0]}_{STIFFNESS[0]} is empty",
        "moment spike": f"{_SPIKE:g} in one frame of the hip in {SPEEDS[1][0]}_{STIFFNESS[1]}",
        "skip list": "participantInfo, gaitEvents and unit stand beside speeds, gaitEvents beside stiffness",
    }
    return Truth(dataset="angelidou", strides=stride_truth(rows), sign_convention=SIGNS, planted=planted)


def _walks(person: Person, name: str, index: int, *, seed: int, minutes: float) -> Iterator[_Walk]:
    for word, speed in SPEEDS:
        for stiffness in STIFFNESS:
            rng = generator(seed, "angelidou", name, word, stiffness)
            length = max((_SHORTEST + 0.3) * 1.15 * (speed / 1.25) ** -0.58, minutes * 60 / 4)
            rate = RATES[index % 2][1]
            gait = make_gait(person, [Bout(activity="walk", duration=length, speed=speed)], rng, grid=rate)
            edges = {
                side: np.round(gait.contacts[cutter] * rate).astype(int).tolist()
                for side, cutter in zip(words.SIDES, CUTTERS[index % 3], strict=True)
            }
            yield _Walk(speed=word, stiffness=stiffness, gait=gait, rate=rate, edges=edges, rng=rng)


def _condition(walk: _Walk, index: int) -> dict[str, Any]:
    """Return the leaf of one condition, each leg cut as `CUTTERS` says."""
    first = (walk.speed, walk.stiffness) == (SPEEDS[0][0], STIFFNESS[0])
    emg: dict[str, np.ndarray] = {}
    joints: dict[str, dict[str, np.ndarray]] = {"jointAngles": {}, "jointMoments": {}}
    order = [words.MOTIONS.index(motion) for motion in ORDERS[index % 2]]
    time = np.arange(round(walk.gait.duration * walk.rate)) / walk.rate
    for side, cutter in zip(words.SIDES, CUTTERS[index % 3], strict=True):
        letter = side[0].upper()
        signals = make_emg(
            walk.gait, side, tuple(MUSCLES.values()), walk.rng, rate=RATES[index % 2][0], line_frequency=LINE_FREQUENCY
        )
        edges, planted = walk.edges[side], first and side == cutter
        for k, channel in enumerate(MUSCLES):
            emg[letter + channel] = _emg_cells(edges, 1e-3 * signals[:, k], channel if planted else "")
        angle, moment = angles(walk.gait, time, side), -1000 * moments(walk.gait, time, side)
        if (walk.speed, walk.stiffness) == (SPEEDS[1][0], STIFFNESS[1]) and side == cutter:
            moment[edges[2] + 20, 0] = _SPIKE
        for j, joint in enumerate(words.JOINTS):
            for kind, values in (("jointAngles", angle), ("jointMoments", moment)):
                joints[kind][letter + joint.title()] = _cut(edges, values[:, j, order], 1)
    leaf: dict[str, Any] = {"EMG": emg, **joints}
    if index % 2:
        rectified = {name: cell([[np.abs(piece)] for piece in cells[:, 0]]) for name, cells in emg.items()}
        leaf["EMG_Processed"] = rectified
    return leaf


def _cut(edges: list[int], values: FloatArray, step: int) -> np.ndarray:
    """Return a cell column of the pieces between the edges, each (sample, column)."""
    return cell([[values[start * step : stop * step]] for start, stop in pairwise(edges)])


def _emg_cells(edges: list[int], signal: FloatArray, planted: str) -> np.ndarray:
    cells = _cut(edges, signal[:, None], _STEP)
    if planted == "TA":
        cells[2, 0] = cells[2, 0].copy()
        cells[2, 0][300:340] = np.nan
    if planted == "VL":
        cells[3, 0] = np.empty((0, 0))
    return cells


def _true_strides(name: str, walk: _Walk, cutters: tuple[str, str]) -> list[dict[str, Any]]:
    return [
        {"source_patient": name, "trial": f"{walk.speed}_{walk.stiffness}", "side": side, "activity": "walk",
         "trial_time": np.nan, "duration": (stop - start) / walk.rate}
        for side, cutter in zip(words.SIDES, cutters, strict=True)
        if side == cutter
        for start, stop in pairwise(walk.edges[side])
    ]  # fmt: skip
