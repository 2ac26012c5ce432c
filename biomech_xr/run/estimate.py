"""What processing one dataset will take, before it starts: from the plan, and from one task that is tried."""

from __future__ import annotations

import sys
import tempfile
import time
import tracemalloc
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import dask
import numpy as np

from biomech_xr.process import Chain, Plan
from biomech_xr.process.graph import graph_of
from biomech_xr.process.tasks import Group, groups_of, process_group, source_of
from biomech_xr.run.process import plan_rest, plan_work, planned_fingerprint
from biomech_xr.store import layout, patient_entry, shards_done

_WORKER: Final = 400 * 2**20
"""Memory of a worker that holds the libraries and no data, bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What is to be done for one dataset and what it will take.

    `tasks`, `strides` and `shards` count what is missing; `bytes_in` is the size of the recordings read, `bytes_out`
    that of the shards; `memory` is the most that a worker needs, bytes; `rate` is in strides a second and thread,
    measured on one task, `measured_on`. `refused` is what the chain cannot serve: reason -> trials, strides, the first.
    """

    dataset: str
    tasks: int = 0
    strides: int = 0
    shards: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    memory: int = 0
    rate: float = 0.0
    measured_on: str
    refused: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def minutes(self, threads: int) -> float:
        """Return the minutes that so many threads will take."""
        return self.strides / self.rate / threads / 60 if self.strides else 0.0


def estimate(root: str, dataset: str, chain: Chain, *, threads_per_worker: int, partial: bool = False) -> Estimate:
    """Return what processing a dataset will take; nothing is written to the store.

    The task with the most strides is done twice into a temporary folder: once for its time, once for its memory.
    ``partial`` as in `biomech_xr.run.shard_work`.

    Raises
    ------
    NotAStoreError, ConfigError, ProcessingError
        As `biomech_xr.process.make_plan`.
    """
    plan = plan_rest(root, dataset, chain, resume=False, partial=partial).plan
    if plan is None or plan.labels.empty:
        return Estimate(dataset=dataset, measured_on="nothing")
    done = shards_done(root, chain.name, dataset, fingerprint=planned_fingerprint(plan))
    missing = [shard for shard in range(layout.shard_count(len(plan.labels))) if shard not in done]
    graph, _ = graph_of(plan, missing, split=True)
    groups = groups_of(plan)
    used = [groups[key[1]] for key in graph if str(key[0]).startswith("group-")]
    share = sum(group.stop - group.start for group in used) / len(plan.labels)
    strides = sum(stop - start for start, stop in (layout.shard_bounds(shard, len(plan.labels)) for shard in missing))
    largest = max(groups, key=lambda group: group.stop - group.start)
    probe = _probe(plan, largest)
    person = int(plan.labels["patient"].value_counts().max())
    return Estimate(
        dataset=dataset,
        tasks=len(graph),
        strides=strides,
        shards=len(missing),
        bytes_in=round(share * _recorded(root, plan)),
        bytes_out=round(strides * probe.written),
        memory=round(_WORKER + threads_per_worker * probe.peak + person * probe.held),
        rate=probe.rate,
        measured_on=f"{largest.stop - largest.start} strides in {len(largest.units)} trial(s)",
        refused=plan.attrs["emg_refused"],
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Probe:
    """What a task took: its peak of memory (bytes); bytes held and written a stride; strides a second."""

    peak: int
    held: float
    written: float
    rate: float


def _recorded(root: str, plan: Plan) -> int:
    entries = (patient_entry(root, plan.dataset, str(name)) for name in plan.labels["patient"].cat.categories)
    return sum(sum(entry["objects"].values()) for entry in entries if entry is not None)


def _probe(plan: Plan, group: Group) -> _Probe:
    process_group(source_of(plan), group.units[:1], {})
    part = part_of(plan, group)
    count = len(part.labels)
    started = time.perf_counter()
    written, _ = _processed(part)
    seconds = time.perf_counter() - started
    tracemalloc.start()
    try:
        _, held = _processed(part)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return _Probe(peak=peak, held=held / count, written=written / count, rate=count / seconds)


def _processed(part: Plan) -> tuple[int, int]:
    """Process a plan into a temporary folder; return the bytes written and the bytes held between its tasks."""
    with tempfile.TemporaryDirectory(prefix="biomech-xr-") as folder:
        graph, keys = plan_work(folder, part).graph(split=True)
        between = [key for key in graph if str(key[0]).startswith("strides-")]
        entries, pieces = dask.get(graph, [keys, between])
    written = sum(size for entry in entries for size in entry["objects"].values())
    return written, sum(sys.getsizeof(packed) for piece in pieces for packed in piece)


def part_of(plan: Plan, group: Group) -> Plan:
    """Return the plan of some trials of a plan that follow one another."""
    start, stop = group.start, group.stop
    units = {
        (unit.patient, unit.trial): (unit.start - start, unit.start - start + unit.side.size) for unit in group.units
    }
    return replace(
        plan,
        labels=plan.labels.iloc[start:stop].reset_index(drop=True),
        order=np.argsort(np.argsort(plan.order[start:stop], kind="stable"), kind="stable"),
        units=units,
        rejected=plan.rejected.iloc[:0],
    )
