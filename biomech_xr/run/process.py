"""The units of work of the process stage: one shard of 512 strides, and the manifest that makes them a product."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dask import delayed

from biomech_xr.process import Chain, Plan, make_plan, shard_blocks
from biomech_xr.process.plan import LATE_LABELS
from biomech_xr.store import create_part, finish, list_patients, patient_entry, shards_done, write_shard
from biomech_xr.store.layout import MANIFEST, strides_url
from biomech_xr.store.objects import exists, join
from biomech_xr.store.reading import read_manifest


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardWork:
    """What is to be done for one dataset: the plan, and one lazy task for each shard that is missing.

    Each task computes to the ledger entry of its shard; `names` are what to call the tasks in a message; `done` counts
    the shards that were there already. `fingerprints` are those of all parts that the product will have; the plan is
    of the people in none of the finished ones, None when there are no such people.
    """

    root: str
    dataset: str
    chain: Chain
    plan: Plan | None
    tasks: list[Any]
    names: list[str]
    done: int
    fingerprints: list[str]


def shard_work(root: str, dataset: str, chain: Chain) -> ShardWork:
    """Write the metadata of a part and return the lazy tasks that fill it; what exists is left alone.

    Finished parts of the same configuration stay when the recordings of all their people are those that they were
    made of; everybody else makes one new part.

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
        The output holds files that are not ours.
    """
    recordings = _recordings(root, dataset)
    kept = _kept_parts(root, dataset, chain, recordings)
    done_people = {patient for part in kept for patient in part["recordings"]}
    people = [patient for patient in recordings if patient not in done_people]
    fingerprints = [str(part["fingerprint"]) for part in kept]
    if kept and not people:
        return ShardWork(
            root=root, dataset=dataset, chain=chain, plan=None, tasks=[], names=[], done=0, fingerprints=fingerprints
        )
    plan = make_plan(root, dataset, chain, people or None)
    plan = replace(plan, attrs={**plan.attrs, "recordings": {name: recordings[name] for name in people}})
    part = create_planned(root, plan)
    done = shards_done(root, chain.name, dataset, fingerprint=part["fingerprint"])
    write = delayed(write_shard, pure=True)
    blocks = {shard: block for shard, block in enumerate(shard_blocks(plan)) if shard not in done}
    tasks = [
        write(root, chain.name, dataset, shard, block, fingerprint=part["fingerprint"])
        for shard, block in blocks.items()
    ]
    return ShardWork(
        root=root,
        dataset=dataset,
        chain=chain,
        plan=plan,
        tasks=tasks,
        names=[f"{dataset} shard {shard}" for shard in blocks],
        done=len(done),
        fingerprints=[*fingerprints, part["fingerprint"]],
    )


def create_planned(root: str, plan: Plan) -> dict[str, Any]:
    """Write the metadata and tables of the part that a plan makes, and return its ledger entry, see `create_part`."""
    chain, labels = plan.chain, plan.labels.drop(columns=[*LATE_LABELS, "emg_clipped"])
    return create_part(
        root, chain.name, plan.dataset, labels, plan.rejected, plan.template, plan.attrs, config_hash=chain.hash()
    )


def _recordings(root: str, dataset: str) -> dict[str, str]:
    """Return patient -> digest of the ledger entry of the recordings."""
    found = {}
    for _, patient in list_patients(root, dataset):
        entry = patient_entry(root, dataset, patient)
        if entry is not None:
            found[patient] = str(entry["digest"])
    return found


def _kept_parts(root: str, dataset: str, chain: Chain, recordings: dict[str, str]) -> list[dict[str, Any]]:
    """Return the parts in the source's manifest that this run would make again just as they are."""
    folder = strides_url(root, chain.name, dataset)
    if not exists(join(folder, MANIFEST)):
        return []
    manifest = read_manifest(folder)
    if manifest["config_hash"] != chain.hash():
        return []
    return [
        part
        for part in manifest["parts"]
        if part["recordings"] and all(recordings.get(name) == digest for name, digest in part["recordings"].items())
    ]


def finish_strides(work: ShardWork) -> dict[str, Any]:
    """Check that every shard is there, write the manifest of the source and return it; `publish` makes it a version.

    Raises
    ------
    NotAStoreError
        Shards are missing; the message names them.
    """
    return finish(work.root, work.chain.name, work.dataset, work.fingerprints)
