"""EMG of one trial as signals to filter in one go: the channels of the product, whole trials, joined cut strides."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.process.engine.kernels import Array, Array32
from biomech_xr.process.steps.resample import EMG_RATE
from biomech_xr.process.trials import reasons
from biomech_xr.process.trials.cutting import blank_dropouts, blank_still, first_recorded, pick_columns
from biomech_xr.process.trials.kinematics import owned_samples
from biomech_xr.process.trials.pieces import Run, cut_runs, evaluate, evaluate_causal
from biomech_xr.process.trials.samples import Candidates, Samples
from biomech_xr.schema import HISTORY

Codes = npt.NDArray[np.int64]
Index = npt.NDArray[np.int64]

CHANNELS = len(words.MUSCLES)

_DROPOUT = 0.02
"""Seconds of zeros from which raw EMG was not measured, where its resolution would show the noise of an electrode."""

_RESOLVED = 1e-3
"""Steps of that share of a channel's deviation do show it: electrodes and amplifiers make 1 uV or more at rest, and the
muscle at work hardly ever a thousand times as much."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Track:
    """EMG of one side that is filtered in one go: values (m, samples) at ``rate`` Hz, first sample at ``t0`` s.

    `channels` are the m channels of the product. `band_rate` is the native rate where the values were brought to
    ``rate`` from a lower one. `rows` are the strides (positions in the result) to cut from it, `contacts` their
    contacts on the track's clock in s.
    """

    values: npt.NDArray[np.float32] | Array
    channels: Index
    rate: float
    band_rate: float
    t0: float
    rows: Index
    contacts: Array


@dataclass(frozen=True, kw_only=True, slots=True)
class EmgTask:
    """What is wanted of one trial: its candidate strides, the n rows wanted, and the samples stored at most."""

    strides: Candidates
    rows: Index
    state: words.EmgState
    line_frequency: float
    time_size: int

    @property
    def sides(self) -> Index:
        """Return the side of each stride wanted, (n,)."""
        return self.strides.side[self.rows]

    @property
    def owned(self) -> Index:
        """Return the 1 kHz samples that each stride owns, (n,)."""
        return owned_samples(self.strides.duration[self.rows], EMG_RATE)

    @property
    def ends(self) -> Index:
        """Return the samples stored of each stride, history included, (n,)."""
        return np.minimum(self.owned + HISTORY, self.time_size)


@dataclass(frozen=True, kw_only=True, slots=True)
class Muscles:
    """The channels of the product that one side has: their places, their samples (m, rows), and all channels' codes.

    A code is that of `reasons.EMG_REASONS` for a channel without values, 0 with values.
    """

    channels: Index
    values: Array32
    codes: Codes


def muscles_of(signal: Samples, *, dropouts: bool, causal: bool) -> Mapping[int, Muscles]:
    """Return the channels of the product for each side present.

    A muscle of `vocabulary.SUBSTITUTES` stands in where its own channel is absent. Samples before a channel's first
    non-zero one were not measured, and a channel that never changes from there on was not measured at all. With
    ``dropouts`` neither were `_DROPOUT` s or more of zeros, unless the resolution is too coarse to tell: for continuous
    recordings of raw EMG only, because processing may make zeros, and not for causal chains, because it looks ahead.

    What looks at the whole trial has a ``causal`` form: of a channel and its substitute the one that is recorded first
    counts, and a channel that has not changed for `_DROPOUT` s was not measured from there on until it does.
    """
    flat = signal.values.reshape(signal.size, -1)
    first = first_recorded(flat).reshape(len(signal.sides), -1)
    place = {name: i for i, name in enumerate(signal.names)}
    out = {}
    for i, side in enumerate(signal.sides):
        columns = np.full(CHANNELS, -1)
        for j, muscle in enumerate(words.MUSCLES):
            listed = [place[name] for name in (muscle, words.SUBSTITUTES.get(muscle)) if name in place]
            found = [k for k in listed if first[i, k] < signal.size]
            if found:
                chosen = min(found, key=lambda k: first[i, k]) if causal else found[0]
                columns[j] = i * len(signal.names) + chosen
        channels = np.flatnonzero(columns >= 0)
        values = np.empty((channels.size, signal.size), dtype=np.float32)
        changes = pick_columns(flat, columns[channels], values)
        codes = np.where(columns >= 0, reasons.CONSTANT, reasons.NOT_RECORDED)
        codes[channels[changes]] = reasons.MEASURED
        if causal:
            blank_still(values, _zeros(signal))
        elif not changes.all():
            channels, values = channels[changes], values[changes]
        if dropouts:
            blank_dropouts(values, _zeros(signal), _RESOLVED)
        out[side] = Muscles(channels=channels, values=values, codes=codes)
    return out


def _zeros(signal: Samples) -> int:
    """Return the samples of `_DROPOUT`, of time-normalised strides as if they took a second."""
    rate = signal.points if signal.kind == "segmented" else signal.sampling_frequency
    return max(2, math.ceil(_DROPOUT * rate - 1e-6))


def tracks(signal: Samples, task: EmgTask, sides: Mapping[int, Muscles], *, causal: bool) -> Iterator[Track]:
    """Yield what is filtered in one go; a stride alone has no past to start a causal filter on.

    Cut strides are joined by splines, of causal chains linearly and one sample late.
    """
    if signal.kind == "continuous":
        contacts, rate = task.strides.time[task.rows], signal.sampling_frequency
        for side, one in sides.items():
            own = np.flatnonzero(task.sides == side)
            if own.size:
                yield Track(
                    values=one.values,
                    channels=one.channels,
                    rate=rate,
                    band_rate=rate,
                    t0=signal.t0,
                    rows=own,
                    contacts=contacts[own],
                )
        return
    for run in cut_runs(signal, task.strides, {side: one.values for side, one in sides.items()}):
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
        yield Track(
            values=joined,
            channels=sides[int(task.sides[own[0]])].channels,
            rate=rate,
            band_rate=native,
            t0=0.0,
            rows=own,
            contacts=run.starts[kept],
        )


def wanted(run: Run, task: EmgTask) -> tuple[Index, npt.NDArray[np.bool_]]:
    """Return the positions in the result of a run's strides, and which of its members are wanted."""
    position = np.full(task.strides.side.size, -1)
    position[task.rows] = np.arange(task.rows.size)
    kept = position[run.members] >= 0
    return position[run.members][kept], kept
