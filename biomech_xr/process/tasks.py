"""The tasks of the process stage: groups of trials, amplitude references of people, shards.

group (filters, grids, maxima of some trials) -> reference (one a person) -> shard. The functions are plain: a
scheduler, a pool of threads or a loop may run them, in any order, with the same result. See `biomech_xr.process.graph`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.process.chains.chain import Chain, Normalize
from biomech_xr.process.engine.kernels import Array32
from biomech_xr.process.packed import Packed, assemble, pack
from biomech_xr.process.plan import Plan
from biomech_xr.process.steps.normalize import amplitude_reference
from biomech_xr.process.trials.samples import codes_of
from biomech_xr.process.trials.trial import Block, TrialStrides, process_strides
from biomech_xr.process.trials.views import PersonView
from biomech_xr.store import layout
from biomech_xr.store.layout import shard_count
from biomech_xr.store.recordings import open_patient

Index = npt.NDArray[np.int64]

PEAKS: Final = -1
"""What a group holds of its strides' maxima; its packed strides are held under the number of their shard."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """What all tasks of a plan share."""

    root: str
    dataset: str
    chain: Chain
    time_size: int
    joint_delay: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """The strides of one trial: place of the first in the plan, side (index of `vocabulary.SIDES`), number."""

    patient: str
    trial: str
    start: int
    side: npt.NDArray[np.int8]
    number: npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True, slots=True)
class People:
    """The strides of one person as codes: `session` and `side` of any numbering, `plain` where condition is none.

    `words` are the labels that a reference of kind mvc needs as text, by name.
    """

    session: npt.NDArray[np.integer[Any]]
    side: npt.NDArray[np.integer[Any]]
    plain: npt.NDArray[np.bool_]
    order: Index
    words: Mapping[str, npt.NDArray[np.object_]] = field(default_factory=dict)


GroupResult = dict[int, Any]
"""Shard number -> list of `Packed`; `PEAKS` -> maxima of all strides of the group, (n, channel)."""


def process_group(source: Source, units: Sequence[Unit], shards: Mapping[int, tuple[int, int]]) -> GroupResult:
    """Return the maxima of some trials' strides, and these strides packed by shard.

    Parameters
    ----------
    units
        Trials whose strides follow one another in the plan.
    shards
        Shard -> (first stride, one after the last), of the shards that are wanted.
    """
    result: GroupResult = {shard: [] for shard in shards}
    peaks = []
    person = None
    for unit in units:
        if person is None or person.name != unit.patient:
            opened = open_patient(source.root, source.dataset, unit.patient)
            person = PersonView(opened, [one.trial for one in units if one.patient == unit.patient])
        data = person.trial(unit.trial)
        for rows in _calls(unit):
            chosen = data.strides.places(unit.side[rows], unit.number[rows])
            done = process_strides(
                data, chosen, source.chain, time_size=source.time_size, joint_delay=source.joint_delay
            )
            peaks.append(done.peaks)
            _sort_in(result, done, unit.start + rows.start, shards)
    result[PEAKS] = np.concatenate(peaks)
    return result


def _calls(unit: Unit) -> Iterator[slice]:
    """Yield the strides to process at a time: all of a trial, of one with more than a shard those of one side."""
    size = unit.side.size
    borders = np.flatnonzero(np.diff(unit.side)) + 1 if size > layout.STRIDES_PER_SHARD else np.empty(0, dtype=np.int64)
    edges = [0, *map(int, borders), size]
    yield from (slice(start, stop) for start, stop in pairwise(edges))


def _sort_in(result: GroupResult, done: TrialStrides, begin: int, shards: Mapping[int, tuple[int, int]]) -> None:
    end = begin + done.ends.size
    for shard, (first, stop) in shards.items():
        low, high = max(first, begin), min(stop, end)
        if low < high:
            result[shard].append(pack(done, slice(low - begin, high - begin), start=low))


def reference(people: People, method: Normalize, first: int, *peaks: tuple[int, Array32]) -> Array32:
    """Return the amplitude references of one person's strides, (n, channel).

    Parameters
    ----------
    first
        Place of the person's first stride in the plan.
    peaks
        (place of the first stride, maxima) of the groups that hold the person's strides, in order.
    """
    size = people.order.size
    parts = [values[max(first - start, 0) : max(first + size - start, 0)] for start, values in peaks]
    rows = pd.DataFrame(
        {
            "session": people.session.astype(object),
            "side": people.side.astype(object),
            "condition": np.where(people.plain, "none", ""),
            "order": people.order,
            **people.words,
        }
    )
    return amplitude_reference(rows, np.concatenate(parts), method)


def shard_arrays(
    tails: Mapping[str, tuple[int, ...]],
    bounds: tuple[int, int],
    pieces: Sequence[Sequence[Packed]],
    references: Sequence[tuple[int, Array32]],
) -> Block:
    """Return the arrays of a shard from the packed strides of its groups and the references (place, values)."""
    chosen = []
    for packed in (one for piece in pieces for one in piece):
        start, values = next(one for one in reversed(references) if one[0] <= packed.start)
        chosen.append((packed, values[packed.start - start : packed.stop - start]))
    return assemble(chosen, tails, first=bounds[0], stop=bounds[1])


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Trials whose strides follow one another, ``start`` to ``stop`` of a plan, done in one task."""

    units: tuple[Unit, ...]
    start: int
    stop: int


def source_of(plan: Plan) -> Source:
    """Return what all tasks of a plan share."""
    return Source(
        root=plan.root,
        dataset=plan.dataset,
        chain=plan.chain,
        time_size=plan.time_size,
        joint_delay=float(plan.attrs["kinematics_delay"]),
    )


def groups_of(plan: Plan) -> list[Group]:
    """Return whole trials in groups that end at the trial's end nearest to a shard's: about 512 strides a group."""
    stops = np.array([stop for _, stop in plan.units.values()], dtype=np.int64)
    targets = np.arange(1, shard_count(len(plan.labels)) + 1) * layout.STRIDES_PER_SHARD
    after = np.minimum(np.searchsorted(stops, targets), stops.size - 1)
    before = np.maximum(after - 1, 0)
    last = np.unique(
        np.append(np.where(stops[after] - targets <= targets - stops[before], after, before), stops.size - 1)
    )
    sides = codes_of(plan.labels["side"], words.SIDES).astype(np.int8)
    numbers = plan.labels["stride_number"].to_numpy(dtype=np.int32)
    units = [
        Unit(
            patient=patient,
            trial=trial,
            start=start,
            side=sides[start:stop],
            number=numbers[start:stop],
        )
        for (patient, trial), (start, stop) in plan.units.items()
    ]
    first = np.append(0, last[:-1] + 1)
    return [
        Group(units=tuple(units[i : j + 1]), start=units[i].start, stop=int(stops[j]))
        for i, j in zip(first, last, strict=True)
    ]


def people_of(plan: Plan) -> list[tuple[int, People]]:
    """Return (place of the first stride, strides as codes) of every person of a plan, in order."""
    columns = {name: plan.labels[name].cat.codes.to_numpy() for name in ("patient", "session", "side")}
    plain = codes_of(plan.labels["condition"], ("none",)) == 0
    as_text = ("patient", "session", "side", "source_activity") if plan.chain.normalize.kind == "mvc" else ()
    edges = [0, *(np.flatnonzero(np.diff(columns["patient"])) + 1).tolist(), len(plan.labels)]
    return [
        (
            start,
            People(
                session=columns["session"][start:stop],
                side=columns["side"][start:stop],
                plain=plain[start:stop],
                order=plan.order[start:stop],
                words={name: plan.labels[name].astype(object).to_numpy()[start:stop] for name in as_text},
            ),
        )
        for start, stop in pairwise(edges)
    ]
