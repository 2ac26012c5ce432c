"""The recordings of one person, a trial at a time: tables turned into arrays once, signals read ahead of the trials."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import numpy as np
import zarr

from biomech_xr import vocabulary as words
from biomech_xr.process.engine.kernels import Array32
from biomech_xr.process.trials.samples import Candidates, Samples, TrialData, codes_of
from biomech_xr.process.trials.trial import MODALITIES
from biomech_xr.store.ranges import RangeReader
from biomech_xr.store.recordings import PatientRecordings
from biomech_xr.store.stored_array import StoredArray
from biomech_xr.store.trials import row_labels

_AHEAD: Final = 2**24
"""Bytes of a signal group that are read at a time where the next trials follow: stored chunks have 2 MiB."""


class PersonView:
    """What the trials of one person are processed from.

    Parameters
    ----------
    opened
        The recordings.
    trials
        The trials that will be asked for, in order.
    """

    def __init__(self, opened: PatientRecordings, trials: Sequence[str]) -> None:
        self.name = opened.name
        table = opened.trials
        rows = cast("list[dict[str, Any]]", table.to_dict("records"))
        self._rows = {str(row["trial"]): row for row in rows}
        self._patient, self._spec = opened.patient.patient, opened.spec
        self._strides = Candidates.of(opened.strides)
        self._trial_of = codes_of(opened.strides["trial"], [str(row["trial"]) for row in rows])
        self._place = {str(row["trial"]): i for i, row in enumerate(rows)}
        wanted = [self._rows[trial] for trial in trials]
        self._ahead = {group: _Ahead(opened, group, wanted) for group in MODALITIES if group in opened.groups}

    def trial(self, trial: str) -> TrialData:
        """Return one trial; its signals share memory with the next ones'."""
        row = self._rows[trial]
        return TrialData(
            patient=self._patient,
            trial=trial,
            state=row["emg_state"],
            line_frequency=float(self._spec["line_frequency"]),
            kinetics_limit=float(self._spec.get("kinetics_limit", np.inf)),
            strides=self._strides.take(np.flatnonzero(self._trial_of == self._place[trial])),
            signals={group: self._samples(row, group) for group in MODALITIES},
        )

    def _samples(self, row: Mapping[str, Any], group: str) -> Samples | None:
        if group not in self._ahead or not row[f"{group}_kind"]:
            return None
        values, labels = self._ahead[group].read(row)
        *_, names = labels.values()
        return Samples(
            values=values,
            sides=tuple(words.SIDES.index(side) for side in labels["side"]),
            names=tuple(names),
            kind=row[f"{group}_kind"],
            sampling_frequency=float(row[f"{group}_sampling_frequency"]),
            t0=float(row[f"{group}_t0"]),
            points=int(row[f"{group}_points"]),
            endpoint=bool(row[f"{group}_endpoint"]),
            lengths=tuple(json.loads(str(row[f"{group}_lengths"]))),
            contiguity=row[f"{group}_contiguity"],
        )


class _Ahead:
    """One signal group of a person: the rows of a trial, and with them those of the trials that follow it."""

    def __init__(self, opened: PatientRecordings, group: str, wanted: Sequence[Mapping[str, Any]]) -> None:
        self._group = group
        self._labels = opened.labels(group)
        width = 4 * int(np.prod([len(names) for names in self._labels.values()]))
        self._stops: dict[int, int] = {}
        begin = end = -1
        for start, stop in (_span(row, group) for row in wanted):
            if start != end or (stop - begin) * width > _AHEAD:
                begin = start
            end = self._stops[begin] = stop
        self._first, self._values = 0, np.empty((0, 0), dtype=np.float32)
        self._reader = RangeReader(opened.url, opened.ledger["objects"])
        self._stored = StoredArray.of(group, cast("zarr.Array[Any]", opened.group[group]))

    def read(self, row: Mapping[str, Any]) -> tuple[Array32, dict[str, list[str]]]:
        """Return the values of a trial, dims as in `schema.GROUP_DIMS`, and their labels."""
        start, stop = _span(row, self._group)
        if not self._first <= start <= stop <= self._first + len(self._values):
            self._first, self._values = start, np.empty((0, 0), dtype=np.float32)  # the old ones go first
            self._values = self._reader.read(self._stored, [(start, max(stop, self._stops.get(start, stop)))])
        values = self._values[start - self._first : stop - self._first]
        labels = row_labels(row, self._group)
        if labels == self._labels:
            return values, labels
        for axis, (dim, names) in enumerate(labels.items(), start=1):
            values = values.take([self._labels[dim].index(name) for name in names], axis=axis)
        return np.ascontiguousarray(values), labels


def _span(row: Mapping[str, Any], group: str) -> tuple[int, int]:
    start = int(row[f"{group}_row_start"])
    return start, start + int(row[f"{group}_row_size"])
