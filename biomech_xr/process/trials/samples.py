"""What one trial is processed from, as plain arrays: its signals and its candidate strides.

Labelled arrays and tables cost more to make and to index than a stride costs to filter; they end here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.process.engine.kernels import Array, Array32
from biomech_xr.schema import GROUP_DIMS, Signal

Index = npt.NDArray[np.int64]
Finite = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """A signal group of one trial at its native rate; what is not said here is as in `schema.Signal`.

    `values` have the dims of `schema.GROUP_DIMS`; `sides` are the labels of the second as indices of
    `vocabulary.SIDES`, `names` those of the last.
    """

    values: Array32
    sides: tuple[int, ...]
    names: tuple[str, ...]
    kind: words.SignalKind
    sampling_frequency: float
    t0: float
    points: int
    endpoint: bool
    lengths: tuple[int, ...]
    contiguity: words.Contiguity

    @property
    def size(self) -> int:
        """Rows."""
        return len(self.values)

    def time(self) -> Array:
        """Return the time (s) of every row on the trial's clock; continuous signals only."""
        return self.t0 + np.arange(self.size) / self.sampling_frequency


def samples_of(signal: Signal, group: str) -> Samples:
    """Return a labelled signal as plain arrays."""
    values = signal.values.transpose(*GROUP_DIMS[group])
    return Samples(
        values=np.ascontiguousarray(values.to_numpy(), dtype=np.float32),
        sides=tuple(words.SIDES.index(str(side)) for side in values["side"].to_numpy()),
        names=tuple(str(name) for name in values[values.dims[-1]].to_numpy()),
        kind=signal.kind,
        sampling_frequency=signal.sampling_frequency,
        t0=signal.t0,
        points=signal.points,
        endpoint=signal.endpoint,
        lengths=signal.lengths,
        contiguity=signal.contiguity,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """The candidate strides of one trial: side (index of `vocabulary.SIDES`), number, contact, duration (s), segment.

    Columns as in `schema.STRIDE_COLUMNS`; rejected neighbors are among them, because they give history.
    """

    side: Index
    number: Index
    time: Array
    duration: Array
    segment: Index

    @classmethod
    def of(cls, table: pd.DataFrame) -> Candidates:
        """Return the strides of a table."""
        return cls(
            side=codes_of(table["side"], words.SIDES),
            number=table["stride_number"].to_numpy(dtype=np.int64),
            time=table["trial_time"].to_numpy(dtype=np.float64),
            duration=table["duration"].to_numpy(dtype=np.float64),
            segment=table["segment"].to_numpy(dtype=np.int64),
        )

    def take(self, rows: slice | Index) -> Candidates:
        """Return some of them."""
        return Candidates(
            side=self.side[rows],
            number=self.number[rows],
            time=self.time[rows],
            duration=self.duration[rows],
            segment=self.segment[rows],
        )

    def places(self, side: npt.NDArray[Any], number: npt.NDArray[Any]) -> Index:
        """Return where strides given by side and number are; all of them are there."""
        own = self.number * len(words.SIDES) + self.side
        wanted = number.astype(np.int64) * len(words.SIDES) + side
        order = np.argsort(own, kind="stable")
        return np.asarray(order[np.searchsorted(own[order], wanted)])


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialData:
    """One trial as it is processed: its candidate strides, its signals by group, and what is known of it.

    `line_frequency` is in Hz, `kinetics_limit` in N m/kg.
    """

    patient: str
    trial: str
    state: words.EmgState
    line_frequency: float
    kinetics_limit: float
    strides: Candidates
    signals: Mapping[str, Samples | None]


def codes_of(column: pd.Series[Any], names: Sequence[str]) -> Index:
    """Return the place of each value of a column of text among some names, -1 for others."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype("category")
    place = {name: i for i, name in enumerate(names)}
    table = np.array([place.get(str(name), -1) for name in column.cat.categories] or [-1], dtype=np.int64)
    return np.asarray(table[column.cat.codes.to_numpy()])
