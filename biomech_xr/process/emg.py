"""EMG of one trial: filtered as long as it is gap-free, resampled to 1 kHz, then cut with real history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from biomech_xr import vocabulary as words
from biomech_xr.errors import ProcessingError
from biomech_xr.process.chain import PEAK_CUTOFF, Chain
from biomech_xr.process.filters import apply_kernel, butterworth
from biomech_xr.process.kernels import Array, Array32, filter_sections, suffix_length
from biomech_xr.process.kinematics import owned_samples
from biomech_xr.process.pieces import Run, cut_runs, evaluate, evaluate_causal
from biomech_xr.process.resample import EMG_RATE, causal_linear, polyphase, ratio
from biomech_xr.schema import HISTORY, Signal

CHANNELS = len(words.MUSCLES)


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


def refusal(chain: Chain, *, state: str, kind: str, contiguity: str, rate: float) -> str:
    """Return why a chain cannot serve EMG of this form, or an empty text when it can."""
    if chain.product == "bandpassed":
        if state == "envelope":
            return "the source publishes envelopes, which cannot be band-passed"
        if kind == "segmented":
            return "the EMG exists only time-normalised, which cannot be band-passed at a true rate"
        if chain.causal and ratio(rate) != 1:
            return f"band-passed EMG at {rate:g} Hz cannot be brought to {EMG_RATE} Hz without looking ahead"
    if chain.causal and kind != "continuous" and contiguity == "isolated":
        return "isolated strides have no past to start a causal filter on"
    return ""


def filter_emg(
    emg: xr.DataArray,
    chain: Chain,
    *,
    line_frequency: float,
    state: words.EmgState = "raw",
    sampling_frequency: float | None = None,
    dim: str = "sample",
) -> xr.DataArray:
    """Return a whole trial's EMG after all filters of a chain, at its native rate, not normalised.

    Parameters
    ----------
    emg
        Dims ``(..., dim)``, any unit; NaN marks gaps. Lazy input stays lazy.
    line_frequency
        Mains frequency in Hz.
    sampling_frequency
        Hz; by default the attribute ``sampling_frequency``.

    Returns
    -------
    xr.DataArray
        float32. At 1000 Hz these are the very samples that strides are cut from.

    Raises
    ------
    ProcessingError
        The chain cannot serve EMG of this state or rate.
    """
    rate = float(emg.attrs.get("sampling_frequency", np.nan) if sampling_frequency is None else sampling_frequency)
    reason = refusal(chain, state=state, kind="continuous", contiguity="", rate=rate)
    if reason:
        raise ProcessingError(f"chain {chain.name!r}: {reason}. Use the chain 'envelope'.")

    def kernel(values: Array32) -> Array32:
        stages = chain.stages(rate, state=state, line_frequency=line_frequency, band_rate=rate)
        return _product(_filtered(values, stages, rate, chain), chain).astype(np.float32)

    return apply_kernel(emg, kernel, dim=dim)


def process_emg(signal: Signal | None, task: EmgTask, chain: Chain) -> tuple[Array32, Array32]:
    """Return unscaled EMG (n, 13, time) and the maximum of each stride's 6 Hz envelope (n, 13).

    The maxima are those of `PEAK_CUTOFF`, whatever the chain's own low-pass; only envelopes that a source published on
    a grid of points a stride are taken as they are.
    NaN where nothing was measured: channels the source lacks, gaps, history across a gap or before the piece, and
    t >= duration. Units are those of the source.
    """
    emg = np.full((task.rows.size, CHANNELS, task.time_size), np.nan, dtype=np.float32)
    peaks = np.full((task.rows.size, CHANNELS), np.nan, dtype=np.float32)
    if signal is None or refusal(
        chain, state=task.state, kind=signal.kind, contiguity=signal.contiguity, rate=signal.sampling_frequency
    ):
        return emg, peaks
    sides = muscle_values(signal)
    if signal.kind == "segmented" and task.state == "envelope":
        for run in cut_runs(signal, task.table, sides):
            own, kept = _wanted(run, task)
            if own.size == 0 or (chain.causal and run.members.size == 1):
                continue
            emg[own] = _interpolated(run, kept, task, own, causal=chain.causal)
            peaks[own] = _peaks(emg[own], task.owned[own])
        return emg, peaks
    for track in _tracks(signal, task, sides, causal=chain.causal):
        done, envelope = _finish(track, chain, task)
        emg[track.rows] = _cut(*done, track, task, causal=chain.causal)
        cut = emg[track.rows] if envelope is done else _cut(*envelope, track, task, causal=chain.causal)
        peaks[track.rows] = _peaks(cut, task.owned[track.rows])
    return emg, peaks


def muscle_values(signal: Signal) -> Mapping[str, Array32]:
    """Return the 13 channels of the product for each side present, (13, rows), NaN for muscles the source lacks.

    A muscle of `vocabulary.SUBSTITUTES` stands in where its own channel is absent. Samples before a channel's first
    non-zero one were not measured, so a constant-zero channel is NaN throughout.
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
        alive = np.logical_or.accumulate(np.nan_to_num(picked) != 0, axis=1)
        out[str(side)] = np.where(alive, picked, np.float32(np.nan))
    return out


def history_length(emg: Array32, measured: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the samples of real EMG before contact, the least over the measured channels, (n,); 0 without one."""
    lengths = suffix_length(np.isfinite(emg[..., :HISTORY]))
    least = np.where(measured, lengths, HISTORY).min(axis=1)
    return np.where(measured.any(axis=1), least, 0)


def _tracks(signal: Signal, task: EmgTask, sides: Mapping[str, Array32], *, causal: bool) -> Iterator[Track]:
    """Yield what is filtered in one go; a stride alone has no past to start a causal filter on."""
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
        own, kept = _wanted(run, task)
        if own.size == 0 or (causal and run.members.size == 1):
            continue
        native = 1 / run.coarsest
        if signal.kind == "ragged":
            native = rate = signal.sampling_frequency
        else:
            rate = float(max(EMG_RATE, np.ceil(1 / run.finest - 1e-6)))
        query = np.arange(int(np.ceil(run.end * rate - 1e-6))) / rate
        joined = evaluate(run, query)
        yield Track(values=joined, rate=rate, band_rate=native, t0=0.0, rows=own, contacts=run.starts[kept])


def _wanted(run: Run, task: EmgTask) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return the positions in the result of a run's strides, and which of its members are wanted."""
    position = np.full(len(task.table), -1)
    position[task.rows] = np.arange(task.rows.size)
    kept = position[run.members] >= 0
    return position[run.members][kept], kept


def _filtered(
    values: npt.NDArray[np.float32] | Array, stages: Sequence[Array | None], rate: float, chain: Chain
) -> Array:
    """Return signals after stages of a chain; None rectifies."""
    out = np.asarray(values, dtype=np.float64)
    for sections in stages:
        out = np.abs(out) if sections is None else filter_sections(out, sections, rate=rate, causal=chain.causal)
    return out


def _product(values: Array, chain: Chain) -> Array:
    """Return what a chain makes: an envelope is never negative."""
    return np.maximum(values, 0.0) if chain.product == "envelope" else values


def _finish(track: Track, chain: Chain, task: EmgTask) -> tuple[tuple[Array, float], tuple[Array, float]]:
    """Return a track after its filters, and its 6 Hz envelope, both at 1 kHz with the exact rate reached.

    Both are one object where the product is that envelope.
    """
    stages = chain.stages(track.rate, state=task.state, line_frequency=task.line_frequency, band_rate=track.band_rate)
    none = 0 if task.state == "envelope" else len(stages)
    rectified = next((i + 1 for i, sections in enumerate(stages) if sections is None), none)
    base, rest = _filtered(track.values, stages[:rectified], track.rate, chain), stages[rectified:]
    convert = causal_linear if chain.causal else polyphase
    done, rate = convert(_product(_filtered(base, rest, track.rate, chain), chain), rate=track.rate)
    product = (_product(done, chain), rate)
    lowpass = butterworth("lowpass", PEAK_CUTOFF, order=2, rate=track.rate)
    if chain.product == "envelope" and len(rest) == 1 and np.array_equal(np.asarray(rest[0]), lowpass):
        return product, product
    return product, convert(_filtered(base, (None, lowpass), track.rate, chain), rate=track.rate)


def _cut(values: Array, rate: float, track: Track, task: EmgTask, *, causal: bool) -> Array32:
    """Return the strides of a track (n, 13, time): sample 0 is nearest to contact, in causal chains the last before it.

    The stamps are whole ms after sample 0; the rounding of the contact to a sample is at most 0.5 ms (causal: 1 ms,
    always a delay).
    """
    place = (track.contacts - track.t0) * rate
    zero = np.floor(place + (1e-6 if causal else 0.5))
    zero = np.where(np.isfinite(zero), zero, -10 * task.time_size).astype(np.int64)
    columns = zero[:, None] + np.arange(-HISTORY, task.time_size - HISTORY)
    outside = (columns < 0) | (columns >= values.shape[1])
    k = np.arange(-HISTORY, task.time_size - HISTORY)
    outside |= k >= task.owned[track.rows][:, None]
    single = values.astype(np.float32)
    out = np.ascontiguousarray(single[:, np.clip(columns, 0, max(values.shape[1] - 1, 0))].swapaxes(0, 1))
    out[np.broadcast_to(outside[:, None], out.shape)] = np.nan
    return _same_piece(out)


def _interpolated(
    run: Run, kept: npt.NDArray[np.bool_], task: EmgTask, own: npt.NDArray[np.int64], *, causal: bool
) -> Array32:
    """Return published envelopes of a run on 1 kHz over their own strides, with the history their run has."""
    k = np.arange(-HISTORY, task.time_size - HISTORY)
    owned = k < task.owned[own][:, None]
    query = (run.starts[kept, None] + k / EMG_RATE)[owned]
    found = evaluate_causal(run, query) if causal else evaluate(run, query)
    out = np.full((own.size, CHANNELS, k.size), np.nan, dtype=np.float32)
    out.swapaxes(0, 1)[:, owned] = np.maximum(found, 0.0)
    return _same_piece(out)


def _same_piece(emg: Array32) -> Array32:
    """Blank history that lies before a gap: it belongs to another piece of signal."""
    past = emg[..., :HISTORY]
    whole = suffix_length(np.isfinite(past))
    past[np.arange(HISTORY) < HISTORY - whole[..., None]] = np.nan
    contact_missing = ~np.isfinite(emg[..., HISTORY])
    past[contact_missing] = np.nan
    return emg


def _peaks(envelope: Array32, owned: npt.NDArray[np.int64]) -> Array32:
    """Return each stride's maximum over 0 <= t < duration, (n, 13); NaN where the channel is not fully measured."""
    stride = envelope[..., HISTORY:]
    inside = np.arange(stride.shape[-1]) < owned[:, None, None]
    whole = (np.isfinite(stride) | ~inside).all(axis=-1)
    highest = np.where(inside & np.isfinite(stride), stride, -np.inf).max(axis=-1, initial=-np.inf)
    return np.where(whole & np.isfinite(highest), highest, np.nan).astype(np.float32)
