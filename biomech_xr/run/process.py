"""The units of work of the process stage: one shard of 512 strides, and the manifest that makes them a product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dask import delayed

from biomech_xr.process import Chain, Plan, make_plan, shard_blocks
from biomech_xr.process.plan import LATE_LABELS
from biomech_xr.store import create_part, finish, shards_done, write_shard


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardWork:
    """What is to be done for one dataset: the plan, and one lazy task for each shard that is missing.

    Each task computes to the ledger entry of its shard; `names` are what to call the tasks in a message; `done` counts
    the shards that were there already.
    """

    plan: Plan
    tasks: list[Any]
    names: list[str]
    done: int


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
    plan = make_plan(root, dataset, chain)
    up_front = plan.labels.drop(columns=[*LATE_LABELS, "emg_clipped"])
    part = create_part(
        root, chain.name, dataset, up_front, plan.rejected, plan.template, plan.attrs, config_hash=chain.hash()
    )
    done = shards_done(root, chain.name, dataset)
    write = delayed(write_shard, pure=True)
    blocks = {shard: block for shard, block in enumerate(shard_blocks(plan)) if shard not in done}
    tasks = [
        write(root, chain.name, dataset, shard, block, fingerprint=part["fingerprint"])
        for shard, block in blocks.items()
    ]
    return ShardWork(plan=plan, tasks=tasks, names=[f"{dataset} shard {shard}" for shard in blocks], done=len(done))


def finish_strides(root: str, dataset: str, chain: Chain) -> dict[str, Any]:
    """Check that every shard is there, write the manifest and return it.

    Raises
    ------
    NotAStoreError
        Shards are missing; the message names them.
    """
    return finish(root, chain.name, dataset)
