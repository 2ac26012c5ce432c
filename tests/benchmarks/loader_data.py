"""Strides of walking people for the benchmark of the loader, written with the store's own writer."""

from __future__ import annotations

import itertools
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.signal import butter, sosfiltfilt

from biomech_xr import vocabulary as words
from biomech_xr.schema import AFTER, BEFORE, HISTORY
from biomech_xr.store import create_part, finish, publish, write_shard
from biomech_xr.store.layout import STRIDES_PER_SHARD, shard_count
from biomech_xr.synthetic.activation import KNOWN_MUSCLES
from biomech_xr.synthetic.emg import make_emg
from biomech_xr.synthetic.gait import Bout, Gait, angles, make_gait, moments
from biomech_xr.synthetic.person import generator, make_person
from tests.load.stores import JOINTS, make_labels

RATE = 1000
POINTS = 200
AXIS = 1600
PER_PERSON = 128
CHAIN = "envelope"
DATASET = "hu"
_DIMS = {
    "emg": ("stride", "channel", "time"),
    "kinematics": (*JOINTS, "phase"),
    "kinetics": (*JOINTS, "phase"),
    "kinematics_before": (*JOINTS, "before"),
    "kinematics_after": (*JOINTS, "after"),
    "kinetics_after": (*JOINTS, "after"),
    "emg_scale": ("stride", "channel"),
    "emg_mask": ("stride", "channel"),
    "kinematics_mask": JOINTS,
    "kinetics_mask": JOINTS,
}


def write_corpus(root: Path, strides: int, *, seed: int = 1, axis: int = AXIS) -> None:
    """Write so many strides of EMG envelopes at 1 kHz and joints on 200 points; one shard of people, again and again.

    All 13 muscles and all joints are measured, which is the most that a loader can have to do. ``axis`` is the longest
    stride (ms) that there is room for.
    """
    people = [_person(seed, number, axis) for number in range(STRIDES_PER_SHARD // PER_PERSON)]
    block = {name: np.concatenate([person[name] for person in people]) for name in people[0]}
    labels = _labels(strides, np.resize(block.pop("duration"), strides))
    template = {name: (_DIMS[name], values.shape[1:]) for name, values in block.items()}
    attrs = {"spec": {}, "lookahead": 0.1, "grid": {"phase": POINTS}, "kinematics_delay": 0.0}
    attrs |= {"kinematics_lookahead_known": True, "calibration": "none: as made"}
    rejected = pd.DataFrame({"patient": pd.Series([], dtype=object)})
    entry = create_part(str(root), CHAIN, DATASET, labels, rejected, template, attrs, config_hash="benchmark")
    for shard in range(shard_count(strides)):
        size = min(STRIDES_PER_SHARD, strides - shard * STRIDES_PER_SHARD)
        piece = {name: values[:size] for name, values in block.items()}
        write_shard(str(root), CHAIN, DATASET, shard, piece, fingerprint=entry["fingerprint"])
    finish(str(root), CHAIN, DATASET, [entry["fingerprint"]])
    publish(str(root), CHAIN, [DATASET])


def _labels(strides: int, duration: np.ndarray) -> pd.DataFrame:
    """Return labels of people who walk 128 strides each."""
    names = {f"{number:04d}": PER_PERSON for number in range(-(-strides // PER_PERSON))}
    labels = make_labels(DATASET, names, np.random.default_rng(0))[:strides].copy()
    labels["duration"], labels["condition"], labels["activity"] = duration, "none", "walk"
    labels["emg_history"], labels["kinematics_history"], labels["kinematics_future"] = HISTORY, BEFORE, AFTER
    ends = labels["duration"].groupby(labels["patient"], observed=True).cumsum()
    labels["trial_time"] = 1 + ends - labels["duration"]
    return labels


def resident() -> int:
    """Return the memory of this process, bytes."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def _person(seed: int, number: int, axis: int) -> dict[str, Any]:
    """Return the strides of one person: duration (s) and every variable of the store."""
    rng = generator(seed, "loader", number)
    gait = make_gait(
        make_person(f"AB{number}", seed=seed), [Bout(activity="walk", duration=1.35 * PER_PERSON)], rng, grid=RATE
    )
    contacts = gait.contacts["right"][1 : PER_PERSON + 2]
    duration = np.diff(contacts)
    grid = contacts[:-1, None] + duration[:, None] * np.arange(-BEFORE, POINTS + AFTER) / POINTS
    signals = {"kinematics": _by_stride(gait, angles, grid), "kinetics": _by_stride(gait, moments, grid)}
    made = {"duration": duration, "emg": _envelopes(gait, np.rint(contacts * RATE).astype(int), axis, rng)}
    for name, values in signals.items():
        made[name] = values[..., BEFORE : BEFORE + POINTS]
        made[f"{name}_after"] = values[..., BEFORE + POINTS :]
        made[f"{name}_mask"] = np.ones((PER_PERSON, 3, 3), dtype=bool)
    made["kinematics_before"] = signals["kinematics"][..., :BEFORE]
    made["emg_scale"] = np.ones((PER_PERSON, len(words.MUSCLES)), np.float32)
    made["emg_mask"] = np.ones((PER_PERSON, len(words.MUSCLES)), dtype=bool)
    return made


def _by_stride(gait: Gait, quantity: Any, grid: np.ndarray) -> np.ndarray:
    """Return a quantity at the times of a grid (stride, sample); float32, dims (stride, joint, motion, sample)."""
    order = np.argsort(grid, axis=None, kind="stable")
    values = np.empty((grid.size, 3, 3), dtype=np.float32)
    values[order] = quantity(gait, grid.ravel()[order], "right")
    return np.ascontiguousarray(np.moveaxis(values.reshape(*grid.shape, 3, 3), 1, -1))


def _envelopes(gait: Gait, contacts: np.ndarray, axis: int, rng: np.random.Generator) -> np.ndarray:
    """Return 6 Hz envelopes over their peak, dims (stride, channel, time), NaN after each stride."""
    muscles = [KNOWN_MUSCLES[number % len(KNOWN_MUSCLES)] for number in range(len(words.MUSCLES))]
    raw = make_emg(gait, "right", muscles, rng, rate=RATE, line_frequency=50, hum=0.002, offset=0)
    smooth = sosfiltfilt(butter(2, 6, fs=RATE, output="sos"), np.abs(raw), axis=0)
    signal = (smooth / smooth.max(axis=0)).astype(np.float32)
    out = np.full((PER_PERSON, len(words.MUSCLES), HISTORY + axis), np.nan, dtype=np.float32)
    for row, (start, stop) in enumerate(itertools.pairwise(contacts)):
        piece = signal[start - HISTORY : stop]
        out[row, :, : len(piece)] = piece.T
    return out
