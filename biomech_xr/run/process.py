"""The units of work of the process stage: one shard of 512 strides, and the manifest that makes them a product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph

from biomech_xr.process import Chain, Plan, make_plan
from biomech_xr.process.graph import graph_of
from biomech_xr.process.plan import LATE_LABELS
from biomech_xr.store import create_part, finish, shards_done, write_shard
from biomech_xr.store.layout import shard_bounds, shard_count


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardWork:
    """What is to be done for one dataset: the plan, and a graph that writes the shards that are missing.

    `shards` are the numbers of those shards, `names` what to call them in a message; `done` counts the shards that were
    there already; `write` is called with a shard's number and arrays.
    """

    plan: Plan
    shards: list[int]
    names: list[str]
    done: int
    write: Callable[[int, Mapping[str, Any]], Any]

    def graph(self, *, split: bool = False) -> tuple[dict[Any, Any], list[Any]]:
        """Return the graph that writes the shards, and their keys, whose values are the shards' ledger entries.

        ``split`` as in `biomech_xr.process.graph.graph_of`: True for a cluster, False for threads.
        """
        return graph_of(self.plan, self.shards, finish=self.write, split=split)

    @property
    def tasks(self) -> list[Delayed]:
        """The shards as lazy tasks, for ``dask.compute``."""
        graph, keys = self.graph()
        if not keys:
            return []
        name = keys[0][0]
        layers = HighLevelGraph({name: graph}, {name: set()})
        return [Delayed(key, layers, layer=name) for key in keys]

    @property
    def strides(self) -> int:
        """Strides of the shards that are missing."""
        bounds = [shard_bounds(shard, len(self.plan.labels)) for shard in self.shards]
        return sum(stop - start for start, stop in bounds)


def shard_work(root: str, dataset: str, chain: Chain) -> ShardWork:
    """Write the metadata of a part and return the lazy tasks that fill it; shards that exist are left alone.

    Parameters
    ----------
    root
        URL of the store that holds the recordings; the strides go beside them.
    dataset
        Name of the source.
    chain
        The processing chain.

    Raises
    ------
    NotAStoreError, ConfigError, ProcessingError
        As `biomech_xr.process.make_plan`.
    OccupiedError
        The output holds strides of another chain configuration or of other recordings.
    """
    return plan_work(root, make_plan(root, dataset, chain))


def plan_work(root: str, plan: Plan) -> ShardWork:
    """Return the work of a plan, its output below ``root``; as `shard_work`."""
    name, dataset = plan.chain.name, plan.dataset
    up_front = plan.labels.drop(columns=[*LATE_LABELS, "emg_clipped"])
    part = create_part(
        root, name, dataset, up_front, plan.rejected, plan.template, plan.attrs, config_hash=plan.chain.hash()
    )
    done = shards_done(root, name, dataset)
    missing = [shard for shard in range(shard_count(len(plan.labels))) if shard not in done]
    write = partial(_write, root, name, dataset, part["fingerprint"])
    names = [f"{dataset} shard {shard}" for shard in missing]
    return ShardWork(plan=plan, shards=missing, names=names, done=len(done), write=write)


def _write(root: str, chain: str, dataset: str, fingerprint: str, shard: int, arrays: Mapping[str, Any]) -> Any:
    return write_shard(root, chain, dataset, shard, arrays, fingerprint=fingerprint)


def finish_strides(root: str, dataset: str, chain: Chain) -> dict[str, Any]:
    """Check that every shard is there, write the manifest and return it.

    Raises
    ------
    NotAStoreError
        Shards are missing; the message names them.
    """
    return finish(root, chain.name, dataset)
