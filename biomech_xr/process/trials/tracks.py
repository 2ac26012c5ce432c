"""EMG of one trial as signals to filter in one go: the channels of the product, whole trials, joined cut strides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.process.engine.kernels import Array, Array32
from biomech_xr.process.steps.resample import EMG_RATE
from biomech_xr.process.trials import reasons
from biomech_xr.process.trials.kinematics import owned_samples
from biomech_xr.process.trials.pieces import Run, cut_runs, evaluate, evaluate_causal
from biomech_xr.schema import Signal

Codes = npt.NDArray[np.int64]

CHANNELS = len(words.MUSCLES)

_LOOK = 4096
"""Samples looked at at a time; nearly every channel shows in the first few that it was measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Track:
    """EMG of one side that is filtered in one go: values (13, samples) at ``rate`` Hz, first sample at ``t0`` s.

    `band_rate` is the native rate where the values were brought to ``rate`` from a lower one. `rows` are the strides
    (positions in the result) to cut from it, `contacts` their contacts on the track's clock in s.
    """

    values: npt.NDArray[np.float32] | Array
    rate: float
    band_rate: float
    t0: float
    rows: npt.NDArray[np.int64]
    contacts: Array


@dataclass(frozen=True, kw_only=True, slots=True)
class EmgTask:
    """What is wanted of one trial: its stride table, the n rows wanted, and the columns of the result."""

    table: pd.DataFrame
    rows: npt.NDArray[np.int64]
    state: words.EmgState
    line_frequency: float
    time_size: int

    @property
    def owned(self) -> npt.NDArray[np.int64]:
        """Return the 1 kHz samples that each stride owns, (n,)."""
        return owned_samples(self.table["duration"].to_numpy(dtype=np.float64)[self.rows], EMG_RATE)


def muscle_values(signal: Signal) -> Mapping[str, Array32]:
    """Return the 13 channels of the product for each side present, (13, rows), NaN for muscles the source lacks.

    A muscle of `vocabulary.SUBSTITUTES` stands in where its own channel is absent. Samples before a channel's first
    non-zero one were not measured, and a channel that never changes from there on was not measured at all: both are
    NaN.
    """
    names = [str(name) for name in signal.values["channel"].to_numpy()]
    values = signal.values.transpose("side", "channel", "sample").to_numpy()
    out = {}
    for i, side in enumerate(signal.values["side"].to_numpy()):
        picked = np.full((CHANNELS, values.shape[-1]), np.nan, dtype=np.float32)
        for j, muscle in enumerate(words.MUSCLES):
            for candidate in (muscle, words.SUBSTITUTES.get(muscle)):
                if candidate in names and np.isfinite(values[i, names.index(candidate)]).any():
                    picked[j] = values[i, names.index(candidate)]
                    break
        for row in picked:
            nothing = row[: _first(row)]
            nothing[...] = np.nan
        picked[~_varies(picked)] = np.nan
        out[str(side)] = picked
    return out


def _first(row: Array32) -> int:
    """Return the place of the first sample that is finite and not 0; the length where there is none."""
    for start in range(0, row.size, _LOOK):
        piece = row[start : start + _LOOK]
        alive = np.flatnonzero(np.isfinite(piece) & (piece != 0))
        if alive.size:
            return start + int(alive[0])
    return row.size


def tracks(signal: Signal, task: EmgTask, sides: Mapping[str, Array32], *, causal: bool) -> Iterator[Track]:
    """Yield what is filtered in one go; a stride alone has no past to start a causal filter on.

    Cut strides are joined by splines, of causal chains linearly and one sample late.
    """
    if signal.kind == "continuous":
        side_of = task.table["side"].to_numpy()[task.rows]
        contacts = task.table["trial_time"].to_numpy(dtype=np.float64)[task.rows]
        rate = signal.sampling_frequency
        for side, values in sides.items():
            own = np.flatnonzero(side_of == side)
            if own.size:
                yield Track(values=values, rate=rate, band_rate=rate, t0=signal.t0, rows=own, contacts=contacts[own])
        return
    for run in cut_runs(signal, task.table, sides):
        own, kept = wanted(run, task)
        if own.size == 0 or (causal and run.members.size == 1):
            continue
        native = 1 / run.coarsest
        if signal.kind == "ragged":
            native = rate = signal.sampling_frequency
        else:
            rate = float(max(EMG_RATE, np.ceil(1 / run.finest - 1e-6)))
        query = np.arange(int(np.ceil(run.end * rate - 1e-6))) / rate
        joined = evaluate_causal(run, query, hold=True) if causal else evaluate(run, query)
        yield Track(values=joined, rate=rate, band_rate=native, t0=0.0, rows=own, contacts=run.starts[kept])


def wanted(run: Run, task: EmgTask) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return the positions in the result of a run's strides, and which of its members are wanted."""
    position = np.full(len(task.table), -1)
    position[task.rows] = np.arange(task.rows.size)
    kept = position[run.members] >= 0
    return position[run.members][kept], kept


def absent(signal: Signal, side: str, values: Array32) -> Codes:
    """Return for each of the 13 channels of a side why it has no values, as a code; 0 where it has."""
    own = signal.values.sel(side=side)
    recorded = np.isfinite(own.to_numpy()).any(axis=own.dims.index("sample"))
    names = {str(name) for name, there in zip(own["channel"].to_numpy(), recorded, strict=True) if there}
    there = [muscle in names or words.SUBSTITUTES.get(muscle) in names for muscle in words.MUSCLES]
    missing = np.where(there, reasons.CONSTANT, reasons.NOT_RECORDED)
    return np.where(np.isfinite(values).any(axis=1), reasons.MEASURED, missing)


def _varies(values: Array32) -> npt.NDArray[np.bool_]:
    """Return which signals (m, n) have two different finite samples."""
    return np.array([_differs(row) for row in values], dtype=np.bool_)


def _differs(row: Array32) -> bool:
    """Return whether a signal has two different finite samples; most show it in the first few."""
    for piece in (row[:_LOOK], row):
        finite = piece[np.isfinite(piece)]
        if finite.size and finite.max() > finite.min():
            return True
    return False
