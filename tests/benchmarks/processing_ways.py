"""The baselines of `processing_dask`: the loop over strides with one pickle each, and batched SciPy on two threads."""

from __future__ import annotations

import pickle
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline

from biomech_xr.process.plan import Plan
from biomech_xr.process.steps.resample import EMG_RATE
from biomech_xr.schema import HISTORY, LABELS
from biomech_xr.store import open_patient
from biomech_xr.store.layout import shard_bounds, shard_count
from biomech_xr.store.part import create_part, write_shard
from tests.benchmarks.processing_steps import envelope_peak, resampled, steps_of


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
        recordings = open_patient(setting.root, plan.dataset, patient)
        found = {group: recordings.signal(trial, group) for group in ("emg", "kinematics", "kinetics")}
        held = {group: one for group, one in found.items() if one is not None}
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
                        _emg(values, plan, one.sampling_frequency) if group == "emg" else _on_phase(values)
                    )
            Path(out, f"{patient}-{trial}-{row.side}-{row.stride_number}.pkl").write_bytes(pickle.dumps(stride))
            done += 1
    return done / (time.perf_counter() - started)


def _emg(values: Any, plan: Plan, rate: float) -> Any:
    for step in steps_of(plan.chain, rate, line_of(plan), together=False):
        values = step(values)
    return resampled(values, rate) / max(envelope_peak(values, rate), 1e-9)


def line_of(plan: Plan) -> float:
    """Return the mains frequency (Hz) of the source of a plan."""
    return float(plan.attrs["spec"]["line_frequency"])


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
    plan, ((patient, trial), (start, stop)) = setting.plan, item
    recordings = open_patient(setting.root, plan.dataset, patient)
    labels = plan.labels.iloc[start:stop]
    held = {group: recordings.signal(trial, group) for group in ("emg", "kinematics", "kinetics")}
    for side in labels["side"].unique():
        rows = start + np.flatnonzero((labels["side"] == side).to_numpy())
        times = labels["trial_time"].to_numpy()[rows - start]
        durations = labels["duration"].to_numpy()[rows - start]
        emg = held["emg"]
        assert emg is not None
        rate = emg.sampling_frequency
        done = np.ascontiguousarray(emg.values.sel(side=side).values.T, dtype=np.float64)
        for step in steps_of(plan.chain, rate, line_of(plan), together=True):
            done = step(done)
        envelope_peak(done, rate)
        single = resampled(done, rate).astype(np.float32)
        contacts = np.round((times - emg.t0) * EMG_RATE).astype(int)
        counts = np.ceil(durations * EMG_RATE).astype(int)
        for row, contact, count in zip(rows, contacts, counts, strict=True):
            first = max(contact - HISTORY, 0)
            piece = single[:, first : contact + count]
            begin = HISTORY - (contact - first)
            store["emg"][row, : len(piece), begin : begin + piece.shape[1]] = piece
        for group in ("kinematics", "kinetics"):
            joints = held[group]
            if joints is None:
                continue
            flat = joints.values.sel(side=side).values.reshape(joints.values.sizes["sample"], -1)
            spline = CubicSpline(joints.time(), flat)
            found = np.moveaxis(spline(times[:, None] + durations[:, None] * np.arange(200) / 200), 1, -1)
            store[group][rows, : joints.values.sizes["joint"]] = found.reshape(
                rows.size, joints.values.sizes["joint"], -1, 200
            )


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
        out,
        plan.chain.name,
        plan.dataset,
        labels,
        plan.rejected,
        plan.template,
        plan.attrs,
        config_hash=plan.chain.hash(),
    )


def write(setting: Setting, out: str, part: Any, shard: int, block: Mapping[str, Any]) -> None:
    write_shard(out, setting.plan.chain.name, setting.plan.dataset, shard, block, fingerprint=part["fingerprint"])


def shards_of(plan: Plan) -> range:
    return range(shard_count(len(plan.labels)))
