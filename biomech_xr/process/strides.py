"""The lazy strides dataset of a plan, and its shards as lazy tasks."""

from __future__ import annotations

from operator import itemgetter
from typing import Any
from uuid import uuid4

import dask.array as da
import numpy as np
import xarray as xr
from dask._task_spec import Task, TaskRef
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph

from biomech_xr import vocabulary as words
from biomech_xr.config import Config
from biomech_xr.process.chains.chain import Chain, load_chain
from biomech_xr.process.graph import graph_of
from biomech_xr.process.packed import dtype_of
from biomech_xr.process.plan import LATE_LABELS, Plan, make_plan
from biomech_xr.schema import BEFORE, HISTORY, INDEX_LEVELS, LABELS
from biomech_xr.store.layout import shard_bounds
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
    graph, keys = graph_of(plan)
    labels = load_table(plan.root).apply(plan.labels)
    bounds = [shard_bounds(shard, len(plan.labels)) for shard in range(len(keys))]
    counts = tuple(stop - start for start, stop in bounds)
    token, shards = uuid4().hex[:12], keys[0][0]
    variables = {}
    for name, (dims, tail) in plan.template.items():
        layer, zeros = f"{name}-{token}", (0,) * len(tail)
        places = [(layer, i, *zeros) for i in range(len(keys))]
        picked = [Task(place, itemgetter(name), TaskRef(key)) for place, key in zip(places, keys, strict=True)]
        tasks = {task.key: task for task in picked}
        layers = HighLevelGraph({shards: graph, layer: tasks}, {shards: set(), layer: {shards}})
        array = da.Array(layers, layer, chunks=(counts, *((size,) for size in tail)), dtype=dtype_of(name))
        variables[name] = xr.Variable(dims, array, _units_of(name, plan))
    known = {
        name: ("stride", text(labels[name]) if kind == "category" else labels[name].to_numpy())
        for name, kind in LABELS.items()
        if name not in INDEX_LEVELS and name not in LATE_LABELS
    }
    late = {name: variables.pop(name) for name in LATE_LABELS}
    coords = xr.Coordinates.from_pandas_multiindex(stride_index(plan.labels), "stride")
    dataset = xr.Dataset(variables, coords=coords).assign_coords(_dim_coords(plan) | known | late)
    return dataset.assign_attrs(plan.attrs)


def shard_blocks(plan: Plan) -> list[Delayed]:
    """Return one Dask task a shard of 512 strides; each computes to the arrays of `Plan.template` for its strides.

    What a task returns does not depend on the scheduler or on the order of tasks. See `biomech_xr.process.graph`.
    """
    graph, keys = graph_of(plan)
    name = keys[0][0]
    layers = HighLevelGraph({name: graph}, {name: set()})
    return [Delayed(key, layers, layer=name) for key in keys]


def _units_of(name: str, plan: Plan) -> dict[str, str]:
    if name in LATE_LABELS:
        return {}
    if name == "emg_scale":
        return {"units": plan.chain.unit(str(plan.attrs["spec"].get("emg_unit", "unknown")))}
    if name == "emg_reason":
        return {}
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
