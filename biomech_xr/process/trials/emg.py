"""EMG of one trial: filtered as long as it is gap-free, resampled to 1 kHz, then cut with real history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from biomech_xr import vocabulary as words
from biomech_xr.errors import ProcessingError
from biomech_xr.process.chains import responses
from biomech_xr.process.chains.building import only_interpolated
from biomech_xr.process.chains.chain import Chain
from biomech_xr.process.engine.apply import apply_stages
from biomech_xr.process.engine.kernels import Array, Array32
from biomech_xr.process.steps.labelled import apply_kernel, as_rows, delayed, rate_of, signed
from biomech_xr.process.steps.resample import EMG_RATE
from biomech_xr.process.trials import reasons
from biomech_xr.process.trials.cutting import cut_strides, highest_of, look_over
from biomech_xr.process.trials.filtering import HumGroups, decide_hum, finish, groups, product_of
from biomech_xr.process.trials.pieces import cut_runs, evaluate, evaluate_causal
from biomech_xr.process.trials.samples import Samples
from biomech_xr.process.trials.tracks import CHANNELS, Codes, EmgTask, Index, Muscles, Track, muscles_of, tracks, wanted
from biomech_xr.schema import HISTORY

_NONE = np.empty(0, dtype=np.int64)
_NOWHERE = -(10**9)


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
        the attribute ``delay``. The attribute ``emg_bands`` says which edges (Hz) each band-pass has at this rate,
        ``emg_state`` becomes the chain's product.

    Raises
    ------
    ProcessingError
        The chain cannot serve EMG of this state or rate, or the attribute ``emg_state`` says that it is of another.
    """
    rate = rate_of(emg if state == "envelope" else signed(emg, f"chain {chain.name!r}"), sampling_frequency, dim)
    reason = chain.refusal(state=state, kind="continuous", contiguity="", rate=rate)
    if reason:
        raise ProcessingError(f"chain {chain.name!r}: {reason}. Use the chain 'envelope'.")
    chain.stages(rate, state=state, line_frequency=line_frequency)

    def kernel(values: Array32) -> Array32:
        flat = as_rows(values)
        track = Track(values=flat, channels=_NONE, rate=rate, band_rate=rate, t0=0.0, rows=_NONE, contacts=np.empty(0))
        out = np.empty(flat.shape, dtype=np.float32)
        for group in groups(track, chain, state, line_frequency):
            done = product_of(apply_stages(group.values, group.stages, rate=rate, causal=chain.causal), chain)
            out[group.rows] = np.where(group.filled, np.nan, done)
        return out.reshape(values.shape)

    done = apply_kernel(emg, kernel, dim=dim).assign_attrs(emg_state=chain.product)
    if chain.causal:
        stages = chain.stages(rate, state=state, line_frequency=line_frequency)
        done = delayed(done, responses.delay(stages, rate, signed=state != "envelope"))
    bands = chain.bands(rate, state=state)
    if bands:
        done = done.assign_attrs(emg_bands=[list(edges) for edges in bands])
    return done.assign_attrs(units=chain.unit(emg.attrs["units"])) if "units" in emg.attrs else done


@dataclass(frozen=True, kw_only=True, slots=True)
class Emg:
    """Unscaled EMG of n strides end to end, see `cutting`, and what is known of each stride and channel, (n, 13).

    ``flat`` (m, samples) holds the channels ``channels``; the others have no value. ``peaks`` are the maxima of the
    6 Hz envelopes, ``codes`` those of `reasons.EMG_REASONS` of the channel in the trial, ``count`` the finite samples
    from the contact on, ``past`` those before it.
    """

    flat: Array32
    channels: Index
    ends: Index
    peaks: Array32
    codes: Codes
    count: Index
    past: Index


def process_emg(signal: Samples | None, task: EmgTask, chain: Chain) -> Emg:
    """Return unscaled EMG, the maximum of each stride's 6 Hz envelope, and why channels are masked.

    The maxima are those of `PEAK_CUTOFF`, whatever the chain's own low-pass; only envelopes that a source published on
    a grid of points a stride are taken as they are.
    NaN where nothing was measured: gaps, history across a gap or before the piece, and t >= duration. The unit is
    `Chain.unit` of the source's.
    """
    if signal is None:
        return _Cuts.of(task, {}).emg()
    whole = task.state == "raw" and signal.kind == "continuous"
    sides = muscles_of(signal, dropouts=whole and not chain.causal, causal=chain.causal)
    cuts = _Cuts.of(task, sides)
    rate, contiguity = signal.sampling_frequency, signal.contiguity
    if chain.refusal(state=task.state, kind=signal.kind, contiguity=contiguity, rate=rate):
        cuts.codes[cuts.codes == reasons.MEASURED] = reasons.REFUSED
        return cuts.emg()
    if only_interpolated(task.state, signal.kind):
        _interpolate(signal, task, sides, cuts, causal=chain.causal)
        return cuts.emg()
    left = np.ones(task.rows.size, dtype=bool)
    for track, found in _tracks(signal, task, sides, chain):
        done, envelope, dropped = finish(track, chain, task, found)
        cuts.add(*done, track, causal=chain.causal)
        if envelope is done:
            cuts.itself[track.rows] = True
        else:
            cuts.add_peaks(*envelope, track, causal=chain.causal)
        left[track.rows] = False
        lost = ~np.isfinite(done[0]).any(axis=1) & np.isfinite(track.values).any(axis=1)
        place = np.ix_(track.rows, track.channels)
        known = cuts.codes[place]
        short = (_too_short(dropped, track, task) | lost) & (known == reasons.MEASURED)
        cuts.codes[place] = np.where(short, reasons.TOO_SHORT, known)
    if signal.kind != "continuous":
        cuts.codes[left[:, None] & (cuts.codes == reasons.MEASURED)] = reasons.REFUSED
    return cuts.emg()


def _tracks(
    signal: Samples, task: EmgTask, sides: Mapping[int, Muscles], chain: Chain
) -> Iterator[tuple[Track, HumGroups]]:
    """Yield tracks with what is known of their hum; cut ones are held together only where all decide on it."""
    found = (track for track in tracks(signal, task, sides, causal=chain.causal) if track.channels.size)
    if signal.kind == "continuous" or not chain.looks_for_hum:
        yield from ((track, None) for track in found)
        return
    listed = list(found)
    yield from zip(listed, decide_hum(listed, chain, task), strict=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cuts:
    """The strides of a trial while they are filled in; ``itself`` says where the product is the envelope."""

    flat: Array32
    channels: Index
    starts: Index
    ends: Index
    peaks: Array32
    codes: Codes
    itself: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, task: EmgTask, sides: Mapping[int, Muscles]) -> _Cuts:
        """Return strides without values."""
        ends, side_of = task.ends, task.sides
        codes = np.full((ends.size, CHANNELS), reasons.NOT_RECORDED)
        for side, one in sides.items():
            codes[side_of == side] = one.codes
        channels = np.unique(np.concatenate([_NONE, *(one.channels for one in sides.values())]))
        return cls(
            flat=np.full((channels.size, int(ends.sum())), np.nan, dtype=np.float32),
            channels=channels,
            starts=ends.cumsum() - ends,
            ends=ends,
            peaks=np.full(codes.shape, np.nan, dtype=np.float32),
            codes=codes,
            itself=np.zeros(ends.size, dtype=bool),
        )

    def add(self, values: Array, rate: float, track: Track, *, causal: bool) -> None:
        """Cut the product of a track: sample 0 is nearest to contact, in causal chains the last before it.

        The stamps are whole ms after sample 0; the rounding of the contact to a sample is at most 0.5 ms (causal:
        1 ms, always a delay).
        """
        rows, place = track.rows, np.searchsorted(self.channels, track.channels)
        zero = _zero(track, rate, causal=causal)
        cut_strides(np.ascontiguousarray(values), zero, self.starts[rows], self.ends[rows], HISTORY, place, self.flat)

    def add_peaks(self, envelope: Array, rate: float, track: Track, *, causal: bool) -> None:
        """Find the maxima of the envelope of a track over 0 <= t < duration; NaN where it is not fully measured."""
        found = np.empty((track.rows.size, track.channels.size), dtype=np.float32)
        sizes = self.ends[track.rows] - HISTORY
        highest_of(np.ascontiguousarray(envelope), _zero(track, rate, causal=causal), sizes, found)
        self.peaks[np.ix_(track.rows, track.channels)] = found

    def emg(self) -> Emg:
        """Return the strides as they are."""
        shape = self.ends.size, self.channels.size
        count, past, highest = np.empty(shape, np.int64), np.empty(shape, np.int64), np.empty(shape, np.float32)
        look_over(self.flat, self.starts, self.ends, HISTORY, count, past, highest)
        whole = [np.zeros(self.codes.shape, dtype=np.int64) for _ in range(2)]
        for every, some in zip(whole, (count, past), strict=True):
            every[:, self.channels] = some
        own = np.ix_(np.flatnonzero(self.itself), self.channels)
        self.peaks[own] = highest[self.itself]
        return Emg(
            flat=self.flat,
            channels=self.channels,
            ends=self.ends,
            peaks=self.peaks,
            codes=self.codes,
            count=whole[0],
            past=whole[1],
        )


def _zero(track: Track, rate: float, *, causal: bool) -> Index:
    """Return the sample that becomes the contact of each stride of a track; far away for a contact of unknown time."""
    place = (track.contacts - track.t0) * rate
    zero = np.floor(place + (1e-6 if causal else 0.5))
    return np.where(np.isfinite(zero), zero, _NOWHERE).astype(np.int64)


def least_history(past: npt.NDArray[np.integer[Any]], measured: npt.NDArray[np.bool_]) -> Index:
    """Return the samples of real EMG before contact, the least over the measured channels, (n,); 0 without one."""
    least = np.where(measured, past, HISTORY).min(axis=1)
    return np.where(measured.any(axis=1), least, 0).astype(np.int64)


def _too_short(dropped: npt.NDArray[np.bool_], track: Track, task: EmgTask) -> npt.NDArray[np.bool_]:
    """Return which channels of the strides of a track (n, m) lack samples only because their piece is too short."""
    short = np.zeros((track.rows.size, len(track.values)), dtype=bool)
    if not dropped.any():
        return short
    durations = task.strides.duration[task.rows][track.rows]
    starts = (track.contacts - track.t0) * track.rate
    stops = starts + durations * track.rate
    for i, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        if start < -0.5 or not stop <= track.values.shape[1] + 0.5:
            continue
        inside = slice(max(round(start), 0), round(stop))
        short[i] = dropped[:, inside].any(axis=1) & np.isfinite(track.values[:, inside]).all(axis=1)
    return short


def _interpolate(signal: Samples, task: EmgTask, sides: Mapping[int, Muscles], cuts: _Cuts, *, causal: bool) -> None:
    """Bring published envelopes to 1 kHz over their own strides, with the history their run has."""
    for run in cut_runs(signal, task.strides, {side: one.values for side, one in sides.items()}):
        own, kept = wanted(run, task)
        if own.size == 0:
            continue
        if causal and run.members.size == 1:
            codes = cuts.codes[own]
            cuts.codes[own] = np.where(codes == reasons.MEASURED, reasons.REFUSED, codes)
            continue
        sizes = cuts.ends[own]
        k = np.arange(sizes.sum()) - np.repeat(sizes.cumsum() - sizes, sizes)
        query = np.repeat(run.starts[kept], sizes) + (k - HISTORY) / EMG_RATE
        found = evaluate_causal(run, query) if causal else evaluate(run, query)
        rows = np.searchsorted(cuts.channels, sides[int(task.sides[own[0]])].channels)
        columns = np.repeat(cuts.starts[own], sizes) + k
        cuts.flat[np.ix_(rows, columns)] = np.maximum(found, 0.0)
        cuts.itself[own] = True
