"""A track through the stages of a chain: channels with the same hum together, short gaps bridged, then to 1 kHz."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.process.chains import responses
from biomech_xr.process.chains.chain import PEAK_CUTOFF, Chain
from biomech_xr.process.engine.apply import apply_stages
from biomech_xr.process.engine.kernels import MIN_PIECE_SECONDS, Array, without_short
from biomech_xr.process.engine.stages import Rectify, Rms, Sections, Stage
from biomech_xr.process.steps import hum
from biomech_xr.process.steps.conditioning import bridge, whole_samples
from biomech_xr.process.steps.filters import butterworth
from biomech_xr.process.steps.resample import EMG_RATE, causal_linear, near_missing, ratio
from biomech_xr.process.trials.tracks import EmgTask, Track

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[Any]
HumGroups = list[tuple[npt.NDArray[np.intp], tuple[float, ...]]] | None
"""Channels with the same harmonics of the mains (Hz), see `hum.groups`; None where that is not known yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Channels of a track that have the same stages: their `rows`, and `values` (m, n) to filter at its rate.

    Of `values`, those `filled` (m, n, or one by one where none) were interpolated over a gap, and those `dropped` are
    missing because their gap-free piece is too short.
    """

    rows: npt.NDArray[np.intp]
    values: npt.NDArray[Any]
    stages: tuple[Stage, ...]
    filled: Flags
    dropped: Flags


class Finished(NamedTuple):
    """A track after its filters and its 6 Hz envelope, at 1 kHz with the exact rate reached; one object if the same.

    `dropped` are the samples (m, n) at the track's own rate that are missing because their piece is too short.
    """

    product: tuple[Floats, float]
    envelope: tuple[Floats, float]
    dropped: Flags


def decide_hum(listed: Sequence[Track], chain: Chain, task: EmgTask) -> list[HumGroups]:
    """Return for each track which channels have which harmonics of the mains.

    Tracks of one side at one rate are decided on together: strides that a source cut from one recording agree.
    """
    if not chain.looks_for_hum or task.state == "envelope":
        return [None] * len(listed)
    sides = task.sides
    alike: dict[tuple[int, float], list[Track]] = {}
    for track in listed:
        alike.setdefault((int(sides[track.rows[0]]), track.rate), []).append(track)
    found: dict[tuple[int, float, tuple[float, ...]], HumGroups] = {}
    for (side, rate), members in alike.items():
        apart = np.full((len(members[0].values), 1), np.nan)
        whole = np.concatenate([part for track in members for part in (track.values, apart)], axis=1)
        for lines in {_lines(track, chain, task.line_frequency) for track in members}:
            found[side, rate, lines] = hum.groups(whole, lines, rate=rate)
    return [found[int(sides[track.rows[0]]), track.rate, _lines(track, chain, task.line_frequency)] for track in listed]


def finish(track: Track, chain: Chain, task: EmgTask, found: HumGroups = None) -> Finished:
    """Return a track after its filters, and its 6 Hz envelope; ``found`` as in `groups`."""
    done: list[tuple[npt.NDArray[np.intp], Floats, Floats]] = []
    rate, same = track.rate, True
    dropped = np.zeros(track.values.shape, dtype=bool)
    for group in groups(track, chain, task.state, task.line_frequency, found):
        product, envelope, rate = _finish_group(group.values, group.stages, track.rate, chain, task.state)
        alike = envelope is product
        near = _near_missing(group, track.rate, rate, product.shape[1], causal=chain.causal)
        if near.any():
            product = np.where(near, np.nan, product)
            envelope = product if alike else np.where(near, np.nan, envelope)
        dropped[group.rows] = group.dropped
        same = same and alike
        done.append((group.rows, product, envelope))
    if len(done) == 1:
        _, product, envelope = done[0]
        whole = (product, rate)
        return Finished(whole, whole if same else (envelope, rate), dropped)
    both = np.empty((2, len(track.values), done[0][1].shape[1]))
    for rows, product, envelope in done:
        both[0, rows], both[1, rows] = product, envelope
    whole = (both[0], rate)
    return Finished(whole, whole if same else (both[1], rate), dropped)


def groups(
    track: Track, chain: Chain, state: words.EmgState, line_frequency: float, found: HumGroups = None
) -> Iterator[Group]:
    """Yield the channels of a track, those with the same stages together; they differ where notches look for hum.

    Pieces too short for the stages are missing, and gaps that the chain bridges are filled. Where the hum is, is
    decided on the track alone unless ``found`` says it.
    """
    settings = {"state": state, "line_frequency": line_frequency, "band_rate": track.band_rate}
    lines = _lines(track, chain, line_frequency)
    if found is None and lines and state != "envelope":
        found = hum.groups(track.values, lines, rate=track.rate)
    for rows, there in found or ((np.arange(len(track.values)), None),):
        stages = chain.stages(track.rate, lines=there, **settings)  # type: ignore[arg-type]
        values: npt.NDArray[Any] = track.values if len(rows) == len(track.values) else track.values[rows]
        filled, dropped = np.zeros((1, 1), dtype=bool), np.zeros((1, 1), dtype=bool)
        if chain.bridge:
            values, filled = bridge(values, samples=whole_samples(chain.bridge, track.rate))
        if not chain.causal:
            least = max(responses.settling(stages, track.rate), MIN_PIECE_SECONDS)
            values, dropped = without_short(values, round(least * track.rate))
        yield Group(rows=rows, values=values, stages=stages, filled=filled, dropped=dropped)


def _lines(track: Track, chain: Chain, line_frequency: float) -> tuple[float, ...]:
    return chain.lines(track.rate, line_frequency=line_frequency, band_rate=track.band_rate)


def product_of(values: Array, chain: Chain) -> Array:
    """Return what a chain makes: an envelope is never negative."""
    return np.maximum(values, 0.0) if chain.product == "envelope" else values


def _finish_group(
    values: npt.NDArray[Any], stages: tuple[Stage, ...], native: float, chain: Chain, state: words.EmgState
) -> tuple[Floats, Floats, float]:
    """Return the product and the 6 Hz envelope of channels with the same stages, at the rate returned."""
    signed = 0 if state == "envelope" else len(stages)
    split = next((i for i, stage in enumerate(stages) if isinstance(stage, Rectify | Rms)), signed)
    peak = (Rectify(), Sections.of(butterworth("lowpass", PEAK_CUTOFF, order=2, rate=native)))
    rates: dict[str, Any] = {"native": native, "causal": chain.causal}
    if chain.product == "envelope" and stages[split:] in (peak, peak[1:]):
        done, rate = _at_emg_rate(product_of(_run(values, stages, **rates), chain), (), **rates)
        product = product_of(done, chain)
        return product, product, rate
    base = _run(values, stages[:split], **rates)
    done, rate = _at_emg_rate(product_of(_run(base, stages[split:], **rates), chain), (), **rates)
    return product_of(done, chain), _at_emg_rate(base, peak, **rates)[0], rate


def _run(data: Floats, stages: tuple[Stage, ...], *, native: float, causal: bool) -> Floats:
    return apply_stages(data, stages, rate=native, causal=causal) if stages else data


def _at_emg_rate(data: Floats, stages: tuple[Stage, ...], *, native: float, causal: bool) -> tuple[Floats, float]:
    """Return signals after stages at about 1 kHz, and the exact rate."""
    share = ratio(native, EMG_RATE)
    if causal:
        return causal_linear(_run(data, stages, native=native, causal=causal), rate=native)
    if share == 1:
        return _run(data, stages, native=native, causal=causal), native
    done = apply_stages(data, stages, rate=native, causal=causal, target=EMG_RATE)
    return done, native * share.numerator / share.denominator


def _near_missing(group: Group, native: float, rate: float, size: int, *, causal: bool) -> Flags:
    """Return which samples at the new rate are near a missing or an interpolated one, see `near_missing`."""
    bad = np.isnan(group.values) | group.filled
    if rate == native:
        return np.broadcast_to(group.filled, bad.shape)
    return near_missing(bad, native, rate, size, causal=causal)
