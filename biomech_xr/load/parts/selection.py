"""Which parts, people and strides a loader uses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.errors import ConfigError, LostDataError, StoreError
from biomech_xr.load.checks import check_names, whole_numbers
from biomech_xr.load.parts.durations import next_durations
from biomech_xr.load.parts.filters import Parts, chosen, has_modality
from biomech_xr.load.parts.sources import Ints, Source
from biomech_xr.store import layout
from biomech_xr.store.local_cache import LocalCache
from biomech_xr.store.persons import load_table
from biomech_xr.store.reading import Part, open_part
from biomech_xr.store.strides import asked_sources, find_version
from biomech_xr.window import split as splits
from biomech_xr.window.index import Grid, StrideFacts, WindowIndex
from biomech_xr.window.persons import leave_out, split_and_view

_LOG = logging.getLogger(__name__)

Indexer = Callable[..., WindowIndex]


def open_parts(
    url: str,
    *,
    chain: str,
    datasets: Sequence[str] | None,
    version: int | None = None,
    cache: LocalCache | None = None,
) -> tuple[int, dict[str, list[Part]]]:
    """Return the number of the version that is read, and the parts of each source, in alphabetical order.

    Raises
    ------
    NotAStoreError
        No finished strides, or a source that was asked for is not there.
    ConfigError
        None of the sources holds a stride, or an option is of another kind.
    """
    check_names(datasets=datasets, chain=chain)
    if version is not None:
        whole_numbers(version=version)
    found = find_version(url, chain, version)
    names = asked_sources(found, datasets)
    opened: dict[str, list[Part]] = {name: [] for name in names}
    for dataset, part, digest in found.parts:
        if dataset in opened:
            fresh = open_part(layout.strides_url(url, chain, dataset), part=part, cache=cache)
            if fresh.manifest["digest"] != digest:
                raise LostDataError(f"{fresh.url}: its list is not the one that version {found.number} was made of.")
            opened[dataset] += [fresh] if fresh.size else []  # a part without strides holds reasons alone
    if not any(opened.values()):
        raise ConfigError(
            f"{url}: {', '.join(opened)}: found no stride of chain {chain!r}, expected some. Choose other datasets, or "
            f"see why: biomech-xr info {url} counts rejected candidates by reason."
        )
    return found.number, opened


def split_groups(
    url: str, *, chain: str, split: str, name: str, parts: Parts, version: int | None = None
) -> frozenset[str]:
    """Return the person groups of a split, which is created or extended, of a view of all people, or in both.

    Raises
    ------
    SplitError
        An unknown split, or a person would be in two.
    """
    check_names(split=split)
    place, view = split_and_view(split)
    if place:
        splits.check_name(place)
    people = load_table(url)
    _say_quarantined(parts, people.quarantine)
    if view:
        everybody = _members(open_parts(url, chain=chain, datasets=None, version=version)[1])
        seen = leave_out(view, everybody, people) or frozenset()
        if not place:
            return seen
    manifest = splits.load(url, name)
    if manifest is None or not manifest.knows(_members(parts), people):
        manifest = splits.load_or_create(url, _members(open_parts(url, chain=chain, datasets=None)[1]), name=name)
    return manifest.groups(place) & seen if view else manifest.groups(place)


def _members(parts: Parts) -> dict[str, set[str]]:
    return splits.members_of(part.labels for group in parts.values() for part in group)


def _say_quarantined(parts: Parts, quarantine: frozenset[str]) -> None:
    """Say how many strides are in no split, because their people were found in two."""
    if quarantine:
        groups = pd.concat([part.labels["person_group"].astype(object) for group in parts.values() for part in group])
        counts = groups[groups.isin(quarantine)].value_counts()
        people = ", ".join(sorted(map(str, counts.index)))
        if len(counts):
            _LOG.warning("%d strides of %s are in quarantine, so in no split", counts.sum(), people)


def persons_of(parts: Parts) -> tuple[str, ...]:
    """Return all person groups of the parts, in alphabetical order."""
    tables = [part.labels["person_group"] for opened in parts.values() for part in opened]
    return tuple(sorted({str(name) for column in tables for name in column.unique()}))


def make_sources(
    parts: Parts, *, persons: Sequence[str], groups: frozenset[str] | None, filters: Mapping[str, Any], index: Indexer
) -> list[Source]:
    """Return what a loader needs of every part, in order; arguments as for `make_source`."""
    sources: list[Source] = []
    first_row = 0
    for dataset, opened in enumerate(parts.values()):
        for part in opened:
            source = make_source(
                part,
                first_row=first_row,
                dataset=dataset,
                persons=persons,
                groups=groups,
                filters=filters,
                index=index,
            )
            sources.append(source)
            first_row += part.size
    return sources


def make_source(
    part: Part,
    *,
    first_row: int,
    dataset: int,
    persons: Sequence[str],
    groups: frozenset[str] | None,
    filters: Mapping[str, Any],
    index: Indexer,
) -> Source:
    """Return what a loader needs of a part.

    Parameters
    ----------
    part
        The opened part.
    first_row, dataset, persons
        Strides in the parts before; code of the source; list that person codes refer to.
    groups
        Person groups of the split, None for everybody. Strides of others are not counted at all.
    filters
        See `chosen`.
    index
        Called like `index_windows` with the facts of all strides of the split, ``grid``, ``time_size`` and ``delay``.
    """
    labels = part.labels
    shape = part.variables["kinematics"][1]
    grid = Grid.of(part.attrs.get("grid", {}), points=shape[-1])
    member = np.ones(part.size, dtype=bool) if groups is None else labels["person_group"].isin(groups).to_numpy(bool)
    selected = chosen(part, filters, among=member)
    duration = labels["duration"].to_numpy(np.float64, copy=True)  # a view would keep all labels in memory
    facts = StrideFacts(
        duration=duration,
        emg_history=labels["emg_history"].to_numpy(np.int64),
        kinematics_history=labels["kinematics_history"].to_numpy(np.int64),
        kinematics_future=labels["kinematics_future"].to_numpy(np.int64),
        has_emg=has_modality(part, "emg", wanted=True, among=selected & member),
        has_kinematics=has_modality(part, "kinematics", wanted=True, among=selected & member),
        selected=selected,
        member=member,
    )
    delay = float(part.attrs.get("kinematics_delay", 0.0))
    found = index(facts, grid=grid, time_size=part.variables["emg"][1][-1], delay=delay)
    return Source(
        folder=part.folder,
        part=part.name,
        cache=part.cache,
        digest=part.manifest["digest"],
        first_row=first_row,
        chunk=part.chunk,
        dataset=dataset,
        grid=grid,
        index=found,
        duration=duration,
        next_duration=next_durations(labels),
        activity=_codes(labels["activity"], words.ACTIVITIES),
        person=_codes(labels["person_group"], persons),
        lookahead=_lookahead(part),
        lookahead_known=bool(part.attrs.get("kinematics_lookahead_known", False)),
        calibration=str(part.attrs.get("calibration", "not stated")),
    )


def _lookahead(part: Part) -> float:
    """Return what the signals of a part know of the future (s), the source's own processing included."""
    value = part.attrs.get("lookahead")
    if value is None:
        raise StoreError(f"{part.url}: attribute 'lookahead' is missing, expected seconds. Process the dataset again.")
    return float(value)


def _codes(column: pd.Series[Any], known: Sequence[str]) -> Ints:
    return np.asarray(pd.Categorical(column.astype(object), categories=list(known)).codes, dtype=np.int64)
