"""The lazy strides dataset: trial tasks, then one amplitude reference a patient, then one task a shard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr
from dask import delayed

from biomech_xr import vocabulary as words
from biomech_xr.config import Config
from biomech_xr.process.chain import Chain, load_chain
from biomech_xr.process.emg import history_length
from biomech_xr.process.kernels import Array32
from biomech_xr.process.normalize import amplitude_reference
from biomech_xr.process.plan import LATE_LABELS, Plan, make_plan
from biomech_xr.process.trial import Block, process_trial
from biomech_xr.schema import BEFORE, HISTORY, INDEX_LEVELS, LABELS
from biomech_xr.store.layout import shard_bounds, shard_count
from biomech_xr.store.persons import load_table
from biomech_xr.store.strides import stride_index, text


class ProcessConfig(Config):
    """What to process: a dataset of a recordings store, under a chain (preset name, YAML path, or the chain itself)."""

    recordings: str = ""
    dataset: str
    chain: str | Chain = "envelope"
    patients: tuple[str, ...] | None = None

    def loaded_chain(self) -> Chain:
        """Return the chain that `chain` names."""
        return self.chain if isinstance(self.chain, Chain) else load_chain(self.chain)


def strides(recordings: str, config: ProcessConfig) -> xr.Dataset:
    """Return the processed strides of one dataset, lazily.

    Parameters
    ----------
    recordings
        URL of the store that holds the recordings (its root).
    config
        Dataset, chain and patients; `config.recordings` is not used here.

    Returns
    -------
    xr.Dataset
        Variables, dims and units as in the strides store (`schema.validate_strides`), Dask-backed in chunks of one
        shard; the labels that only processing knows are Dask-backed coordinates. Only tables were read.

    Raises
    ------
    NotAStoreError, ConfigError, ProcessingError
        As in `make_plan`; a chain that fails on a trial raises `ProcessingError` when computed.
    """
    return lazy_dataset(make_plan(recordings, config.dataset, config.loaded_chain(), config.patients))


def lazy_dataset(plan: Plan) -> xr.Dataset:
    """Return the dataset that a plan describes, Dask-backed; nothing is computed."""
    blocks = shard_blocks(plan)
    labels = load_table(plan.root).apply(plan.labels)
    bounds = [shard_bounds(shard, len(plan.labels)) for shard in range(len(blocks))]
    variables = {}
    for name, (dims, tail) in plan.template.items():
        dtype = _dtype(name)
        parts = [
            da.from_delayed(_pick(block, name), shape=(stop - start, *tail), dtype=dtype)
            for block, (start, stop) in zip(blocks, bounds, strict=True)
        ]
        variables[name] = xr.Variable(dims, da.concatenate(parts, axis=0), _units_of(name, plan))
    known = {
        name: ("stride", text(labels[name]) if kind == "category" else labels[name].to_numpy())
        for name, kind in LABELS.items()
        if name not in INDEX_LEVELS and name not in LATE_LABELS
    }
    late = {name: variables.pop(name) for name in LATE_LABELS}
    coords = xr.Coordinates.from_pandas_multiindex(stride_index(plan.labels), "stride")
    dataset = xr.Dataset(variables, coords=coords).assign_coords(_dim_coords(plan) | known | late)
    return dataset.assign_attrs(plan.attrs)


def shard_blocks(plan: Plan) -> list[Any]:
    """Return one Dask task a shard of 512 strides; each computes to the arrays of `Plan.template` for its strides.

    Tasks: one a trial (filters, grids, maxima), one a patient (amplitude references), one a shard. What a task
    returns does not depend on the scheduler or on the order of tasks.
    """
    trials = {key: _trial_task(plan, key, span) for key, span in plan.units.items()}
    scales = {}
    for patient in dict.fromkeys(patient for patient, _ in plan.units):
        keys = [key for key in plan.units if key[0] == patient]
        start, stop = plan.units[keys[0]][0], plan.units[keys[-1]][1]
        rows = plan.labels.iloc[start:stop][["session", "side", "condition"]].astype(object)
        rows = rows.assign(order=plan.order[start:stop])
        peaks = [_pick(trials[key], "peaks") for key in keys]
        scales[patient] = (start, delayed(_references)(rows, peaks, plan.chain))
    keys = list(plan.units)
    stops = np.array([stop for _, stop in plan.units.values()])
    blocks = []
    for shard in range(shard_count(len(plan.labels))):
        first, last = shard_bounds(shard, len(plan.labels))
        pieces = []
        for key in keys[int(np.searchsorted(stops, first, side="right")) :]:
            start, stop = plan.units[key]
            if start >= last:
                break
            origin, scale = scales[key[0]]
            low, high = max(first, start), min(last, stop)
            pieces.append((trials[key], (low - start, high - start), scale, (low - origin, high - origin)))
        blocks.append(delayed(_assemble)(pieces))
    return blocks


def _trial_task(plan: Plan, key: tuple[str, str], span: tuple[int, int]) -> Any:
    rows = plan.labels.iloc[slice(*span)][["side", "stride_number"]].astype({"side": object}).reset_index(drop=True)
    delay = float(plan.attrs["kinematics_delay"])
    return delayed(process_trial)(
        plan.root, plan.dataset, *key, rows, plan.chain, time_size=plan.time_size, joint_delay=delay
    )


def _references(rows: pd.DataFrame, peaks: Sequence[Array32], chain: Chain) -> Array32:
    return amplitude_reference(rows, np.concatenate(peaks), chain.normalize)


def _assemble(pieces: Sequence[tuple[Block, tuple[int, int], Array32, tuple[int, int]]]) -> Block:
    """Return the arrays of a shard: the strides of its trials, EMG divided by the reference of its patient."""
    parts = [_scaled(block, slice(*rows), scale[slice(*scale_rows)]) for block, rows, scale, scale_rows in pieces]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _scaled(block: Block, rows: slice, scale: Array32) -> Block:
    part = {name: values[rows] for name, values in block.items() if name != "peaks"}
    usable = np.isfinite(scale)
    part["emg"] = part["emg"] / scale[..., None]
    part["emg_scale"] = scale
    part["emg_mask"] = part["emg_mask"] & usable
    part["emg_coverage"] = np.where(usable, part["emg_coverage"], np.float32(0))
    part["emg_history"] = history_length(part["emg"], part["emg_mask"])
    return part


def _pick(block: Any, name: str) -> Any:
    return delayed(_item)(block, name)


def _item(block: Mapping[str, Any], name: str) -> Any:
    return block[name]


def _dtype(name: str) -> str:
    if name in LABELS:
        return {"bool": "bool", "int": "int64"}[LABELS[name]]
    return "bool" if name.endswith("_mask") else "float32"


def _units_of(name: str, plan: Plan) -> dict[str, str]:
    if name in LATE_LABELS:
        return {}
    if name == "emg_scale":
        return {"units": str(plan.attrs["spec"].get("emg_unit", "unknown"))}
    if name == "emg" or name.endswith(("_mask", "_coverage")):
        return {"units": words.UNITS["emg_processed"]}
    return {"units": words.UNITS[name.partition("_")[0]]}


def _dim_coords(plan: Plan) -> dict[str, Any]:
    coords: dict[str, Any] = {
        "channel": list(words.MUSCLES),
        "joint": list(words.JOINTS),
        "motion": list(words.MOTIONS),
        "time": ("time", np.arange(-HISTORY, plan.time_size - HISTORY) / 1000, {"units": words.UNITS["time"]}),
        "before": np.arange(-BEFORE, 0),
        "after": np.arange(plan.template["kinematics_after"][1][-1]),
    }
    size = plan.grid_size
    if plan.chain.grid.rate is None:
        return coords | {"phase": ("phase", np.arange(size) / size, {"units": "1"})}
    stamps = np.arange(size) / plan.chain.grid.rate
    return coords | {"time_kinematics": ("time_kinematics", stamps, {"units": words.UNITS["time"]})}
