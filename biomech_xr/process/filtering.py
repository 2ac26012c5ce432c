"""A track through the stages of a chain: channels with the same hum together, short gaps bridged, then to 1 kHz."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.process import hum, responses
from biomech_xr.process.chain import PEAK_CUTOFF, Chain
from biomech_xr.process.engine import apply_stages
from biomech_xr.process.filters import butterworth
from biomech_xr.process.kernels import MIN_PIECE_SECONDS, Array, finite_pieces
from biomech_xr.process.resample import causal_linear, polyphase
from biomech_xr.process.stages import Rectify, Rms, Sections, Stage
from biomech_xr.process.steps import bridge
from biomech_xr.process.tracks import EmgTask, Track

_NEIGHBORS = ((np.floor, 1e-6), (np.ceil, -1e-6))


def finish(track: Track, chain: Chain, task: EmgTask) -> tuple[tuple[Array, float], tuple[Array, float]]:
    """Return a track after its filters, and its 6 Hz envelope, both at 1 kHz with the exact rate reached.

    Both are one object where the product is that envelope.
    """
    done: list[tuple[npt.NDArray[np.intp], Array, Array]] = []
    rate, same = track.rate, True
    for rows, values, stages, filled in groups(track, chain, task.state, task.line_frequency):
        product, envelope, rate = _finish_group(values, stages, track.rate, chain, task.state)
        same = same and envelope is product
        missing = _resampled_mask(filled, track.rate, rate, product.shape[1])
        product = np.where(missing, np.nan, product) if filled.any() else product
        done.append((rows, product, envelope))
    if len(done) == 1:
        _, product, envelope = done[0]
        whole = (product, rate)
        return whole, whole if same else (envelope, rate)
    both = np.empty((2, len(track.values), done[0][1].shape[1]))
    for rows, product, envelope in done:
        both[0, rows], both[1, rows] = product, envelope
    whole = (both[0], rate)
    return whole, whole if same else (both[1], rate)


def groups(
    track: Track, chain: Chain, state: words.EmgState, line_frequency: float
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[Any], tuple[Stage, ...], npt.NDArray[np.bool_]]]:
    """Yield channels of a track that have the same stages: rows, values to filter, stages, and which were interpolated.

    Channels differ where a notch is set only if the line is there. Pieces too short to settle are missing, and gaps
    that the chain bridges are filled.
    """
    settings = {"state": state, "line_frequency": line_frequency, "band_rate": track.band_rate}
    lines = chain.lines(track.rate, line_frequency=line_frequency, band_rate=track.band_rate)
    found = hum.groups(track.values, lines, rate=track.rate) if lines and state != "envelope" else ()
    for rows, there in found or ((np.arange(len(track.values)), None),):
        stages = chain.stages(track.rate, lines=there, **settings)  # type: ignore[arg-type]
        values: npt.NDArray[Any] = track.values if len(rows) == len(track.values) else track.values[rows]
        filled = np.zeros((1, 1), dtype=bool)
        if chain.bridge:
            values, filled = bridge(values, samples=round(chain.bridge * track.rate + 1e-6))
        if not chain.causal:
            values = _settled(
                values, round(max(responses.settling(stages, track.rate), MIN_PIECE_SECONDS) * track.rate)
            )
        yield rows, values, stages, filled


def product_of(values: Array, chain: Chain) -> Array:
    """Return what a chain makes: an envelope is never negative."""
    return np.maximum(values, 0.0) if chain.product == "envelope" else values


def _finish_group(
    values: npt.NDArray[Any], stages: tuple[Stage, ...], native: float, chain: Chain, state: words.EmgState
) -> tuple[Array, Array, float]:
    """Return the product and the 6 Hz envelope of channels with the same stages, at the rate returned."""

    def run(data: npt.NDArray[Any], steps: tuple[Stage, ...]) -> Array:
        return np.asarray(apply_stages(data, steps, rate=native, causal=chain.causal), dtype=np.float64)

    signed = 0 if state == "envelope" else len(stages)
    split = next((i for i, stage in enumerate(stages) if isinstance(stage, Rectify | Rms)), signed)
    convert = causal_linear if chain.causal else polyphase
    peak = (Rectify(), Sections.of(butterworth("lowpass", PEAK_CUTOFF, order=2, rate=native)))
    same = chain.product == "envelope" and stages[split:] in (peak, peak[1:])
    base = values if same else run(values, stages[:split])
    filtered = run(base, stages if same else stages[split:])
    done, rate = convert(product_of(filtered, chain), rate=native)
    product = product_of(done, chain)
    if same:
        return product, product, rate
    return product, convert(run(base, peak), rate=native)[0], rate


def _settled(values: npt.NDArray[Any], samples: int) -> npt.NDArray[Any]:
    """Return signals without the gap-free pieces of fewer ``samples``."""
    short = [(rows, start, stop) for rows, start, stop in finite_pieces(values) if stop - start < samples]
    if short:
        values = values.copy()
    for rows, start, stop in short:
        values[rows, start:stop] = np.nan
    return values


def _resampled_mask(filled: npt.NDArray[np.bool_], native: float, rate: float, size: int) -> npt.NDArray[np.bool_]:
    """Return which samples at the new rate lie on, or next to, one that was interpolated."""
    place = np.arange(size) * (native / rate)
    last = filled.shape[1] - 1
    before, after = (np.clip(edge(place + shift), 0, last).astype(np.int64) for edge, shift in _NEIGHBORS)
    return np.asarray(filled[:, before] | filled[:, after])
