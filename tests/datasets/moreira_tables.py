"""Tables as Moreira publishes them, from normative curves, and the two ways to lay them out."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biomech_xr.synthetic.activation import activation
from biomech_xr.synthetic.curves import curve, vertical_force
from biomech_xr.synthetic.emg import band_limited
from biomech_xr.synthetic.matfile import cell, save_struct
from biomech_xr.synthetic.moreira import write_moreira
from biomech_xr.synthetic.truth import Truth

POINTS, MASS = 1001, 70.0
MUSCLES = {
    "VL": "vastus_lateralis",
    "BF": "biceps_femoris",
    "TA": "tibialis_anterior",
    "GAL": "gastrocnemius_lateralis",
}
JOINTS = ("Hip", "Knee", "Ankle")
Tables = dict[str, pd.DataFrame]

_TEXTS: dict[tuple[tuple[str, ...], str | bytes], str] = {}
_TREES: list[tuple[Path, Truth]] = []


def tables(*, second: bool = True) -> Tables:
    """Return the six tables of one walk with one or two strides; the second is 10 % larger than the first."""
    phase = np.linspace(0, 1, POINTS)
    angle, moment = (curve("walk", quantity)(phase)[:, :, [2, 0, 1]] for quantity in ("angle", "moment"))
    moment[:, 0, 2] *= -1
    force = vertical_force(phase) * MASS
    envelope = np.stack([5 + 40 * activation(muscle, "walk", phase) for muscle in MUSCLES.values()], axis=1)
    noise = 0.1 * band_limited(np.random.default_rng(2), POINTS, 4, rate=900.0)
    joints = [f"{joint}_{axis}" for joint in JOINTS for axis in "XYZ"]
    flat = {
        "Angles": (joints, angle.reshape(POINTS, 9)),
        "Torques": (joints, MASS * moment.reshape(POINTS, 9)),
        "Torques_Norm": (joints, moment.reshape(POINTS, 9)),
        "GRF": (["GRF_X", "GRF_Y", "GRF_Z"], np.stack([-0.1 * force, 0.03 * force, force], axis=1)),
        "EMG soft": (list(MUSCLES), envelope),
        "EMG hard": (list(MUSCLES), noise),
    }
    strides = (1, 2) if second else (1,)
    return {
        signal: pd.DataFrame(
            {f"St{k}_{name}": (0.9 + 0.1 * k) * values[:, i] for k in strides for i, name in enumerate(names)}
        )
        for signal, (names, values) in flat.items()
    }


def write_text(root: Path, content: Mapping[str, Mapping[str, Tables]], *, person: str = "Participant1") -> Path:
    """Write ``V2/R`` -> walk -> tables as the text release does; return the person's folder."""
    folder = root / "ASCII files" / person
    for leg, walks in content.items():
        for walk, signals in walks.items():
            for signal, table in signals.items():
                path = folder / "Processed_Data" / leg / signal / f"{walk}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(_text(table), encoding="ascii")
    return folder


def _text(table: pd.DataFrame) -> str:
    """Return a table as the text release has it; what was rendered before is not rendered again."""
    values = table.to_numpy()
    key = (tuple(map(str, table)), str(table.values.tolist()) if values.dtype == object else values.tobytes())
    if key not in _TEXTS:
        _TEXTS[key] = table.round(6).to_csv(sep="\t", index=False, lineterminator="\n", na_rep="NaN")
    return _TEXTS[key]


def written_tree(factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """Return the synthetic tree of two people, written once for all tests of a process."""
    if not _TREES:
        root = factory.mktemp("moreira")
        _TREES.append((root, write_moreira(root, patients=2, seed=3, minutes=0.3)))
    return _TREES[0]


def write_mat(
    root: Path,
    content: Mapping[str, Mapping[str, Tables]],
    times: Mapping[str, pd.DataFrame],
    *,
    version: Any = "v5",
    empty: Mapping[str, Sequence[str]] = types.MappingProxyType({}),
    person: str = "Participant1",
) -> Path:
    """Write the same as the MATLAB release does, with the `Stride_Time` of each leg; return the file.

    ``empty`` names the signals of a leg that are ``[]``.
    """
    struct: dict[str, dict[str, dict[str, Any]]] = {}
    for leg, walks in content.items():
        speed, letter = leg.split("/")
        signals = sorted({signal for tables in walks.values() for signal in tables})
        node: dict[str, Any] = {
            signal.replace(" ", "_"): cell([[walk, walks[walk].get(signal, np.empty((0, 0)))] for walk in walks])
            for signal in signals
        } | {signal: np.empty((0, 0)) for signal in empty.get(leg, ())}
        if leg in times:
            node["Stride_Time"] = times[leg]
        struct.setdefault(speed, {})[letter] = node
    path = root / "MAT files" / person / "Processed_Data.mat"
    save_struct(path, {f"Subject{person[11:]}_pro": struct}, version=version)
    return path
