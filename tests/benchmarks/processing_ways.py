"""The baselines of `processing_dask`: the loop over strides with one pickle each, and batched SciPy on two threads."""

from __future__ import annotations

import pickle
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy import signal
from scipy.interpolate import CubicSpline

from biomech_xr.process.plan import Plan
from biomech_xr.schema import HISTORY, LABELS
from biomech_xr.store import open_patient
from biomech_xr.store.layout import shard_bounds, shard_count
from biomech_xr.store.part import create_part, write_shard

DATASET = "camargo"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is measured: a store with recordings, the plan, and how often."""

    root: str
    plan: Plan
    repeats: int
    loop_strides: int


def loop(setting: Setting, out: str) -> float:
    """Return strides a second of the old way: each stride by itself, each channel by itself, one pickle a stride."""
    plan, done = setting.plan, 0
    started = time.perf_counter()
    for (patient, trial), (start, stop) in plan.units.items():
        recordings = open_patient(setting.root, DATASET, patient)
        held = {group: recordings.signal(trial, group) for group in ("emg", "kinematics", "kinetics")}
        flat = {
            (group, side): one.values.sel(side=side).values.reshape(one.values.sizes["sample"], -1)
            for group, one in held.items()
            for side in one.values["side"].values
        }
        for row in plan.labels.iloc[start:stop].itertuples():
            if done == setting.loop_strides:
                break
            stride: dict[str, Any] = {"emg": {}, "kinematics": {}, "kinetics": {}}
            for group, one in held.items():
                first = round((row.trial_time - one.t0) * one.sampling_frequency)
                last = first + round(row.duration * one.sampling_frequency)
                rows = flat[group, row.side][first:last]
                for channel in range(rows.shape[1]):
                    values = rows[:, channel].astype(float)
                    stride[group][channel] = (
                        _emg(values, one.sampling_frequency) if group == "emg" else _on_phase(values)
                    )
            Path(out, f"{patient}-{trial}-{row.side}-{row.stride_number}.pkl").write_bytes(pickle.dumps(stride))
            done += 1
    return done / (time.perf_counter() - started)


@lru_cache
def _filters(rate: float) -> tuple[Any, Any, Any]:
    """Return band-pass, notches and low-pass, designed once."""
    band = signal.butter(4, (20, 450), "bandpass", fs=rate, output="sos")
    notches = [signal.iirnotch(60 * harmonic, 10 * harmonic, fs=rate) for harmonic in range(1, 8)]
    return band, notches, signal.butter(2, 6, fs=rate, output="sos")


def _emg(values: Any, rate: float) -> Any:
    band, notches, lowpass = _filters(rate)
    values = signal.sosfiltfilt(band, values)
    for b, a in notches:
        values = signal.filtfilt(b, a, values)
    envelope = signal.sosfiltfilt(lowpass, np.abs(values))
    return values / max(envelope.max(), 1e-9)


def _on_phase(values: Any) -> Any:
    return CubicSpline(np.linspace(0, 1, values.size), values)(np.arange(200) / 200)


def batched(setting: Setting, out: str) -> float:
    """Return strides a second of SciPy on whole trials, all channels at once, on two threads; cut, scaled, written."""
    plan = setting.plan
    part = make_part(setting, out)
    size = len(plan.labels)
    shapes = {name: (size, *tail) for name, (_, tail) in plan.template.items()}
    started = time.perf_counter()
    store = {name: np.full(shapes[name], np.nan, np.float32) for name in ("emg", "kinematics", "kinetics")}
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda item: _batched_trial(setting, item, store), plan.units.items()))
        list(pool.map(lambda shard: _batched_shard(setting, out, part, shapes, store, shard), shards_of(plan)))
    return size / (time.perf_counter() - started)


def _batched_trial(setting: Setting, item: Any, store: Mapping[str, Any]) -> None:
    (patient, trial), (start, stop) = item
    recordings = open_patient(setting.root, DATASET, patient)
    emg = recordings.signal(trial, "emg")
    labels = setting.plan.labels.iloc[start:stop]
    assert emg is not None
    rate = emg.sampling_frequency
    values = np.ascontiguousarray(emg.values.sel(side="right").values.T, dtype=np.float64)
    notches = [signal.tf2sos(*signal.iirnotch(60 * k, 10 * k, fs=rate)) for k in range(1, 8)]
    sos = np.concatenate([signal.butter(4, (20, 450), "bandpass", fs=rate, output="sos"), *notches])
    done = signal.sosfiltfilt(sos, values, axis=-1)
    signal.sosfiltfilt(signal.butter(2, 6, fs=rate, output="sos"), np.abs(done), axis=-1)
    single = done.astype(np.float32)
    contacts = np.round((labels["trial_time"].to_numpy() - emg.t0) * rate).astype(int)
    counts = np.ceil(labels["duration"].to_numpy() * 1000).astype(int)
    for i, (contact, count) in enumerate(zip(contacts, counts, strict=True)):
        first = max(contact - HISTORY, 0)
        piece = single[:, first : contact + count]
        begin = HISTORY - (contact - first)
        store["emg"][start + i, : len(piece), begin : begin + piece.shape[1]] = piece
    for group in ("kinematics", "kinetics"):
        joints = recordings.signal(trial, group)
        assert joints is not None
        flat = joints.values.sel(side="right").values.reshape(joints.values.sizes["sample"], 9)
        spline = CubicSpline(joints.time(), flat)
        times = labels["trial_time"].to_numpy()[:, None] + labels["duration"].to_numpy()[:, None] * np.arange(200) / 200
        store[group][start:stop] = np.moveaxis(spline(times), 1, -1).reshape(stop - start, 3, 3, 200)


def _batched_shard(
    setting: Setting, out: str, part: Any, shapes: Mapping[str, Any], store: Mapping[str, Any], shard: int
) -> None:
    first, stop = shard_bounds(shard, len(setting.plan.labels))
    block: dict[str, Any] = {}
    for name, (_, *tail) in shapes.items():
        kind = "bool" if name.endswith("_mask") or name == "kinetics_artefact" else "float32"
        kind = "int64" if name in LABELS and name != "kinetics_artefact" else kind
        block[name] = np.zeros((stop - first, *tail), kind)
    for name, values in store.items():
        block[name] = values[first:stop]
    scale = np.nanmax(np.abs(np.nan_to_num(block["emg"])), axis=-1, keepdims=True)
    block["emg"] = block["emg"] / np.maximum(scale, 1e-9)
    write(setting, out, part, shard, block)


def make_part(setting: Setting, out: str) -> Any:
    plan = setting.plan
    late = [name for name in plan.template if name in LABELS]
    labels = plan.labels.drop(columns=[*late, "emg_clipped"])
    return create_part(
        out, plan.chain.name, DATASET, labels, plan.rejected, plan.template, plan.attrs, config_hash=plan.chain.hash()
    )


def write(setting: Setting, out: str, part: Any, shard: int, block: Mapping[str, Any]) -> None:
    write_shard(out, setting.plan.chain.name, DATASET, shard, block, fingerprint=part["fingerprint"])


def shards_of(plan: Plan) -> range:
    return range(shard_count(len(plan.labels)))
