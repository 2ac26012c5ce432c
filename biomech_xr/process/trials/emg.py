"""EMG of one trial: filtered as long as it is gap-free, resampled to 1 kHz, then cut with real history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import xarray as xr

from biomech_xr import vocabulary as words
from biomech_xr.errors import ProcessingError
from biomech_xr.process.chains import responses
from biomech_xr.process.chains.chain import Chain
from biomech_xr.process.engine.apply import apply_stages
from biomech_xr.process.engine.kernels import Array, Array32, suffix_length
from biomech_xr.process.steps.labelled import apply_kernel, delayed, rate_of
from biomech_xr.process.steps.resample import EMG_RATE
from biomech_xr.process.trials import reasons
from biomech_xr.process.trials.filtering import HumGroups, decide_hum, finish, groups, product_of
from biomech_xr.process.trials.pieces import Run, cut_runs, evaluate, evaluate_causal
from biomech_xr.process.trials.tracks import CHANNELS, Codes, EmgTask, Track, absent, muscle_values, tracks, wanted
from biomech_xr.schema import HISTORY, Signal

_NONE = np.empty(0, dtype=np.int64)


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
        Hz; by default the attribute ``sampling_frequency``, or the spacing of the coordinate of ``dim`` (s).

    Returns
    -------
    xr.DataArray
        float32. At 1000 Hz these are the very samples that strides are cut from. A causal chain adds its delay (s) to
        the attribute ``delay``.

    Raises
    ------
    ProcessingError
        The chain cannot serve EMG of this state or rate.
    """
    rate = rate_of(emg, sampling_frequency, dim)
    reason = chain.refusal(state=state, kind="continuous", contiguity="", rate=rate)
    if reason:
        raise ProcessingError(f"chain {chain.name!r}: {reason}. Use the chain 'envelope'.")
    chain.stages(rate, state=state, line_frequency=line_frequency)

    def kernel(values: Array32) -> Array32:
        flat = values.reshape(-1, values.shape[-1])
        track = Track(values=flat, rate=rate, band_rate=rate, t0=0.0, rows=_NONE, contacts=np.empty(0))
        out = np.empty(flat.shape, dtype=np.float32)
        for group in groups(track, chain, state, line_frequency):
            done = product_of(apply_stages(group.values, group.stages, rate=rate, causal=chain.causal), chain)
            out[group.rows] = np.where(group.filled, np.nan, done)
        return out.reshape(values.shape)

    done = apply_kernel(emg, kernel, dim=dim)
    if chain.causal:
        late = responses.delay(chain.stages(rate, state=state, line_frequency=line_frequency), rate)
        done = delayed(done, late)
    return done.assign_attrs(units=chain.unit(emg.attrs["units"])) if "units" in emg.attrs else done


def process_emg(signal: Signal | None, task: EmgTask, chain: Chain) -> tuple[Array32, Array32, Codes]:
    """Return unscaled EMG (n, 13, time), the maximum of each stride's 6 Hz envelope and why it is masked, both (n, 13).

    The maxima are those of `PEAK_CUTOFF`, whatever the chain's own low-pass; only envelopes that a source published on
    a grid of points a stride are taken as they are.
    NaN where nothing was measured: channels the source lacks, gaps, history across a gap or before the piece, and
    t >= duration. The unit is `Chain.unit` of the source's. The reasons are codes of `reasons.EMG_REASONS`, 0 where the
    channel is in the trial.
    """
    emg = np.full((task.rows.size, CHANNELS, task.time_size), np.nan, dtype=np.float32)
    peaks = np.full((task.rows.size, CHANNELS), np.nan, dtype=np.float32)
    codes = np.full(peaks.shape, reasons.NOT_RECORDED)
    if signal is None:
        return emg, peaks, codes
    sides = muscle_values(signal)
    side_of = task.table["side"].to_numpy()[task.rows]
    for side, values in sides.items():
        codes[side_of == side] = absent(signal, side, values)
    rate, contiguity = signal.sampling_frequency, signal.contiguity
    if chain.refusal(state=task.state, kind=signal.kind, contiguity=contiguity, rate=rate):
        return emg, peaks, np.where(codes == reasons.MEASURED, reasons.REFUSED, codes)
    if signal.kind == "segmented" and task.state == "envelope":
        for run in cut_runs(signal, task.table, sides):
            own, kept = wanted(run, task)
            if own.size == 0:
                continue
            if chain.causal and run.members.size == 1:
                codes[own] = np.where(codes[own] == reasons.MEASURED, reasons.REFUSED, codes[own])
                continue
            emg[own] = _interpolated(run, kept, task, own, causal=chain.causal)
            peaks[own] = _peaks(emg[own], task.owned[own])
        return emg, peaks, codes
    left = np.ones(task.rows.size, dtype=bool)
    for track, found in _tracks(signal, task, sides, chain):
        done, envelope, dropped = finish(track, chain, task, found)
        emg[track.rows] = _cut(*done, track, task, causal=chain.causal)
        cut = emg[track.rows] if envelope is done else _cut(*envelope, track, task, causal=chain.causal)
        peaks[track.rows] = _peaks(cut, task.owned[track.rows])
        left[track.rows] = False
        lost = ~np.isfinite(done[0]).any(axis=1) & np.isfinite(track.values).any(axis=1)
        known = codes[track.rows]
        short = (_too_short(dropped, track, task) | lost) & (known == reasons.MEASURED)
        codes[track.rows] = np.where(short, reasons.TOO_SHORT, known)
    alone = left[:, None] & (codes == reasons.MEASURED) & (signal.kind != "continuous")
    return emg, peaks, np.where(alone, reasons.REFUSED, codes)


def _tracks(
    signal: Signal, task: EmgTask, sides: Mapping[str, Array32], chain: Chain
) -> Iterator[tuple[Track, HumGroups]]:
    """Yield tracks with what is known of their hum; cut ones are held together only where all decide on it."""
    found = tracks(signal, task, sides, causal=chain.causal)
    if signal.kind == "continuous" or not chain.looks_for_hum:
        yield from ((track, None) for track in found)
        return
    listed = list(found)
    yield from zip(listed, decide_hum(listed, chain, task), strict=True)


def history_length(emg: Array32, measured: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the samples of real EMG before contact, the least over the measured channels, (n,); 0 without one."""
    lengths = suffix_length(np.isfinite(emg[..., :HISTORY]))
    least = np.where(measured, lengths, HISTORY).min(axis=1)
    return np.where(measured.any(axis=1), least, 0)


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


def _too_short(dropped: npt.NDArray[np.bool_], track: Track, task: EmgTask) -> npt.NDArray[np.bool_]:
    """Return which channels of the strides of a track (n, 13) lack samples only because their piece is too short."""
    short = np.zeros((track.rows.size, len(track.values)), dtype=bool)
    if not dropped.any():
        return short
    durations = task.table["duration"].to_numpy(dtype=np.float64)[task.rows][track.rows]
    starts = (track.contacts - track.t0) * track.rate
    stops = starts + durations * track.rate
    for i, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        if start < -0.5 or not stop <= track.values.shape[1] + 0.5:
            continue
        inside = slice(max(round(start), 0), round(stop))
        short[i] = dropped[:, inside].any(axis=1) & np.isfinite(track.values[:, inside]).all(axis=1)
    return short


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
