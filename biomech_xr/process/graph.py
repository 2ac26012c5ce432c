"""The graph of the process stage: groups of trials, then one amplitude reference a person, then one task a shard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
from dask._task_spec import Task, TaskRef

from biomech_xr.process.chains.chain import Normalize
from biomech_xr.process.engine.kernels import Array32
from biomech_xr.process.plan import Plan
from biomech_xr.process.tasks import (
    PEAKS,
    People,
    groups_of,
    people_of,
    process_group,
    reference,
    shard_arrays,
    source_of,
)
from biomech_xr.store import layout
from biomech_xr.store.layout import shard_bounds, shard_count

Key = tuple[Any, ...]


def graph_of(
    plan: Plan,
    shards: Sequence[int] | None = None,
    *,
    finish: Callable[..., Any] | None = None,
    split: bool = False,
) -> tuple[dict[Key, Task], list[Key]]:
    """Return the graph that makes shards, and the keys of the shards.

    Tasks: one a group of trials (about a shard's strides), one a person, one a shard. Only what the wanted shards
    depend on is in the graph.

    Parameters
    ----------
    plan
        What to make.
    shards
        Those wanted; all by default.
    finish
        Called in the task of a shard as ``finish(shard, arrays)``; its result is that of the task.
    split
        For workers that do not share memory: what a group made is divided by small tasks, so that a worker fetches no
        more of it than it needs. See `priority_of`.
    """
    wanted = list(range(shard_count(len(plan.labels)))) if shards is None else list(shards)
    bounds = {shard: shard_bounds(shard, len(plan.labels)) for shard in wanted}
    builder = _Graph(plan, bounds, split=split)
    tails = {name: tail for name, (_, tail) in plan.template.items()}
    keys = [builder.shard(shard, tails, finish) for shard in wanted]
    return builder.tasks, keys


def priority_of(key: Key) -> int:
    """Return the priority of a task by its key: groups in the order of the plan, and before them all that ends one.

    So shards are written early, and no more groups are held than the person at hand has.
    """
    return -int(key[1]) if str(key[0]).startswith("group-") else 1


class _Graph:
    """Builds the tasks from the shards back, each once."""

    def __init__(self, plan: Plan, bounds: Mapping[int, tuple[int, int]], *, split: bool) -> None:
        self.tasks: dict[Key, Task] = {}
        self._split = split
        self._source, self._bounds = source_of(plan), bounds
        self._groups, self._people = groups_of(plan), people_of(plan)
        self._group_stops = np.array([group.stop for group in self._groups])
        self._group_starts = np.array([group.start for group in self._groups])
        self._people_stops = np.array([start + people.order.size for start, people in self._people])
        self._token = uuid4().hex[:12]

    def shard(self, shard: int, tails: Mapping[str, tuple[int, ...]], finish: Callable[..., Any] | None) -> Key:
        first, stop = self._bounds[shard]
        pieces = [self._part(group, shard) for group in _span(self._group_stops, first, stop)]
        people = list(_span(self._people_stops, first, stop))
        starts = [self._people[person][0] for person in people]
        references = [self._reference(person) for person in people]
        return self._add(
            "shard",
            (shard,),
            _run_shard,
            finish,
            shard,
            tails,
            (first, stop),
            starts,
            len(pieces),
            *pieces,
            *references,
        )

    def _part(self, group: int, part: int) -> TaskRef:
        """Return one part of what a group made: the strides of a shard, or `PEAKS`; unless split, all of it."""
        whole = self._group(group)
        if not self._split:
            return whole
        name = "maxima" if part == PEAKS else "strides"
        return TaskRef(self._add(name, (group, part), itemgetter(part), whole))

    def _group(self, number: int) -> TaskRef:
        group = self._groups[number]
        shards = {
            shard: self._bounds[shard]
            for shard in range(
                group.start // layout.STRIDES_PER_SHARD, (group.stop - 1) // layout.STRIDES_PER_SHARD + 1
            )
            if shard in self._bounds
        }
        return TaskRef(self._add("group", (number,), process_group, self._source, group.units, shards))

    def _reference(self, person: int) -> TaskRef:
        start, people = self._people[person]
        groups = list(_span(self._group_stops, start, start + people.order.size))
        starts = [self._groups[group].start for group in groups]
        method = self._source.chain.normalize
        peaks = [self._part(group, PEAKS) for group in groups]
        return TaskRef(self._add("reference", (person,), _run_reference, people, method, start, starts, *peaks))

    def _add(self, name: str, place: tuple[int, ...], function: Callable[..., Any], *arguments: Any) -> Key:
        key = (f"{name}-{self._token}", *place)
        if key not in self.tasks:
            self.tasks[key] = Task(key, function, *arguments)
        return key


def _span(stops: npt.NDArray[Any], first: int, stop: int) -> range:
    """Return which of some successive ranges, given by their ends, overlap ``first`` to ``stop``."""
    begin, end = np.searchsorted(stops, [first, stop - 1], side="right")
    return range(int(begin), int(end) + 1)


def _run_reference(people: People, method: Normalize, first: int, starts: Sequence[int], *groups: Any) -> Array32:
    peaks = [_picked(group, PEAKS) for group in groups]
    return reference(people, method, first, *zip(starts, peaks, strict=True))


def _run_shard(
    finish: Callable[..., Any] | None,
    shard: int,
    tails: Mapping[str, tuple[int, ...]],
    bounds: tuple[int, int],
    starts: Sequence[int],
    count: int,
    *results: Any,
) -> Any:
    pieces = [_picked(group, shard) for group in results[:count]]
    arrays = shard_arrays(tails, bounds, pieces, list(zip(starts, results[count:], strict=True)))
    return arrays if finish is None else finish(shard, arrays)


def _picked(group: Any, part: int) -> Any:
    return group[part] if isinstance(group, dict) else group
