"""The units of work of the process stage: one shard of 512 strides, and the manifest that makes them a product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph

from biomech_xr.errors import OccupiedError
from biomech_xr.process import Chain, Plan, make_plan
from biomech_xr.process.graph import graph_of
from biomech_xr.process.plan import LATE_LABELS
from biomech_xr.run.parsed import Parsed, parsed_people
from biomech_xr.run.reuse import finished_parts, started_part
from biomech_xr.store import create_part, finish, ledger, shards_done, write_shard
from biomech_xr.store.layout import shard_bounds, shard_count, strides_url
from biomech_xr.store.part import part_fingerprint


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardWork:
    """What is to be done for one dataset: the plan, and a graph that writes the shards that are missing.

    The plan is of the people in no finished part, None when there are none. `shards` are the numbers of the missing
    shards, `names` what to call them in a message; `done` counts the shards that were there already; `fingerprints` are
    those of all parts that the product will have; `write` is called with a shard's number and arrays. `more` says that
    people are left for a part of their own after this work: ask again when it is finished. `other_code` counts the
    finished parts that stay although other code or other libraries made them; ``same_code`` leaves none. `parsed` says
    whom the source has recordings of, and of whom not; ``partial`` as in `shard_work`.
    """

    root: str
    dataset: str
    chain: Chain
    fingerprints: list[str]
    plan: Plan | None = None
    shards: list[int] = field(default_factory=list)
    done: int = 0
    write: Callable[[int, Mapping[str, Any]], Any] | None = None
    more: bool = False
    other_code: int = 0
    same_code: bool = False
    parsed: Parsed = field(default_factory=Parsed)
    partial: bool = False

    @property
    def names(self) -> list[str]:
        """What to call the missing shards."""
        return [f"{self.dataset} shard {shard}" for shard in self.shards]

    def graph(self, *, split: bool = False) -> tuple[dict[Any, Any], list[Any]]:
        """Return the graph that writes the shards, and their keys, whose values are the shards' ledger entries.

        ``split`` as in `biomech_xr.process.graph.graph_of`: True for a cluster, False for threads.
        """
        if self.plan is None or self.write is None or not self.shards:
            return {}, []
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
        size = 0 if self.plan is None else len(self.plan.labels)
        bounds = [shard_bounds(shard, size) for shard in self.shards]
        return sum(stop - start for start, stop in bounds)


def shard_work(root: str, dataset: str, chain: Chain, *, same_code: bool = False, partial: bool = False) -> ShardWork:
    """Write the metadata of a part and return the work that fills it; what exists is left alone.

    A part that an earlier run began is finished first, so that people who came since cost nothing that was done.

    Parameters
    ----------
    root
        URL of the store that holds the recordings; the strides go beside them.
    dataset
        Name of the source.
    chain
        The processing chain.
    same_code
        Make finished parts again that other code or other libraries made.
    partial
        Go on without people who are known and whose recordings are not there, see `parsed_people`.

    Raises
    ------
    NotAStoreError, ConfigError, ProcessingError
        As `biomech_xr.process.make_plan`.
    LostDataError
        As `parsed_people`.
    OccupiedError
        The output holds files that are not ours.
    """
    rest = plan_rest(root, dataset, chain, same_code=same_code, partial=partial)
    kept = [str(part["fingerprint"]) for part in rest.kept]
    other = sum(part["software"] != ledger.software() for part in rest.kept)
    if rest.plan is None:
        work = ShardWork(root=root, dataset=dataset, chain=chain, fingerprints=[])
    else:
        work = plan_work(root, rest.plan)
    fingerprints = [*kept, *work.fingerprints]
    said = {"other_code": other, "same_code": same_code, "parsed": rest.parsed, "partial": partial}
    return replace(work, chain=chain, fingerprints=fingerprints, more=rest.more, **said)


class Rest(NamedTuple):
    """The finished parts that stay, the plan of the next (None for nobody), whether people are left, who is there."""

    kept: list[dict[str, Any]]
    plan: Plan | None
    more: bool
    parsed: Parsed


def plan_rest(
    root: str, dataset: str, chain: Chain, *, same_code: bool = False, resume: bool = True, partial: bool = False
) -> Rest:
    """Return what stays of a source's strides and what is to be made; nothing is written.

    A part stays when it is whole, the settings that reach its data are the same, and the recordings of all its people
    are those that it was made of. People none of whose strides can be used make a part without strides, which holds the
    reasons, where the source has strides of others. ``resume`` plans a part that was begun before everybody else.
    Errors are those of `shard_work`.
    """
    parsed = parsed_people(root, dataset, partial=partial)
    recordings = parsed.recordings
    kept = finished_parts(root, dataset, chain, recordings, same_code=same_code)
    done = {patient for part in kept for patient in part["recordings"]}
    people = [patient for patient in recordings if patient not in done]
    if kept and not people:
        return Rest(kept, None, more=False, parsed=parsed)
    begun = started_part(root, dataset, chain, {name: recordings[name] for name in people}) if resume else {}
    made_of = begun or parsed.made_of(people)
    plan = make_plan(root, dataset, chain, list(made_of["recordings"]) or None, allow_empty=bool(kept))
    more = len(made_of["recordings"]) < len(people)
    return Rest(kept, replace(plan, attrs={**plan.attrs, **made_of}), more=more, parsed=parsed)


def plan_work(root: str, plan: Plan) -> ShardWork:
    """Return the work of a plan, its output below ``root``; as `shard_work`, whatever parts there are."""
    name, dataset = plan.chain.name, plan.dataset
    part = create_planned(root, plan)
    done = shards_done(root, name, dataset, fingerprint=part["fingerprint"])
    return ShardWork(
        root=root,
        dataset=dataset,
        chain=plan.chain,
        fingerprints=[part["fingerprint"]],
        plan=plan,
        shards=[shard for shard in range(shard_count(len(plan.labels))) if shard not in done],
        done=len(done),
        write=partial(_write, root, name, dataset, part["fingerprint"]),
    )


def create_planned(root: str, plan: Plan, *, software: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Write the metadata and tables of the part that a plan makes, and return its ledger entry, see `create_part`."""
    labels = plan.labels.drop(columns=[*LATE_LABELS, "emg_clipped"])
    facts = (labels, plan.rejected, plan.template, plan.attrs)
    return create_part(root, plan.chain.name, plan.dataset, *facts, config_hash=plan.chain.hash(), software=software)


def planned_fingerprint(plan: Plan) -> str:
    """Return the fingerprint of the part that a plan makes; nothing is written."""
    labels = plan.labels.drop(columns=[*LATE_LABELS, "emg_clipped"])
    return part_fingerprint(labels, plan.rejected, plan.template, plan.attrs, config_hash=plan.chain.hash())


def _write(root: str, chain: str, dataset: str, fingerprint: str, shard: int, arrays: Mapping[str, Any]) -> Any:
    return write_shard(root, chain, dataset, shard, arrays, fingerprint=fingerprint)


def finish_strides(work: ShardWork) -> dict[str, Any]:
    """Check that every shard is there, write the manifest of the source and return it; `publish` makes it a version.

    Raises
    ------
    NotAStoreError
        Shards are missing; the message names them.
    OccupiedError
        Another run finished parts of the source since this one was planned; nothing is written.
    """
    recordings = parsed_people(work.root, work.dataset, partial=work.partial).recordings
    there = finished_parts(work.root, work.dataset, work.chain, recordings, same_code=work.same_code)
    if not {part["fingerprint"] for part in there} <= set(work.fingerprints):
        raise OccupiedError(
            f"{strides_url(work.root, work.chain.name, work.dataset)}: another run finished strides of this source "
            "meanwhile, and this one does not know them. Run again: what is done is kept."
        )
    return finish(work.root, work.chain.name, work.dataset, work.fingerprints, config_hash=work.chain.hash())
