"""What kind of EMG a column holds, and its true sampling rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import ConfigError
from biomech_xr.evidence._cycles import FloatArray, confidence
from biomech_xr.evidence.decision import Decision

_NOMINAL_STRIDE: Final = 1.1
_SHORTEST: Final = 48
_ENVELOPE_TOP: Final = 25.0
_LOW: Final = 10.0
_HIGH: Final = 460.0
_MAINS: Final = (50.0, 60.0)
_LEAST_TIME: Final = 1.5
_SEGMENT: Final = 2.0
_LINE_SEGMENT: Final = 10.0
_MOST_TIME: Final = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Figures:
    """What is measured of a signal; shares are of the power about the mean."""

    lowest: float
    skewness: float
    offset: float
    fast: float
    low: float
    high: float
    line: float
    seconds: float

    def text(self) -> str:
        return (
            f"1st percentile {self.lowest:+.2f} of the peak, offset {self.offset:.3f} SD, power below {_LOW:g} Hz "
            f"{100 * self.low:.1f} %, above {_ENVELOPE_TOP:g} Hz {100 * self.fast:.1f} %, above {_HIGH:g} Hz "
            f"{100 * self.high:.1f} %, mains line {self.line:.1f} times its surroundings, {self.seconds:.1f} s"
        )


def emg_state(samples: npt.ArrayLike, rate: float = math.nan) -> Decision[str]:
    """Decide whether EMG is raw, band-passed or an envelope.

    An envelope is not negative (but for a filter's undershoot) and has next to no power above 25 Hz. Band-passed EMG
    swings about zero with next to no power below 10 Hz or above 460 Hz and without a mains line. Raw EMG shows an
    offset or slow artefacts (De Luca et al. 2010, J Biomech 43:1573). A mains line alone, a rectified but unsmoothed
    signal and a constant are not decided. Of more than 60 s an even selection of pieces is used.

    Parameters
    ----------
    samples
        One channel in any unit, shape (sample,), or strides of shape (stride, point); NaN allowed.
    rate
        Hz; where NaN, strides are taken to last 1.1 s, and of one long signal only an envelope or an offset is told.

    Returns
    -------
    Decision[str]
        `raw`, `bandpassed` or `envelope`.

    Raises
    ------
    ConfigError
        The array has more than two dimensions.
    """
    values = np.asarray(samples, dtype=np.float64)
    if values.ndim not in (1, 2):
        raise ConfigError(f"evidence: EMG of shape {values.shape}; expected (sample,) or (stride, point).")
    stated = math.isfinite(rate) and rate > 0
    pace = rate if stated else values.shape[-1] / _NOMINAL_STRIDE if values.ndim == 2 else 1000.0
    pieces = _selected([piece for row in np.atleast_2d(values) for piece in _finite_runs(row)], pace)
    joined = np.concatenate([np.empty(0), *pieces])
    if joined.size < _SHORTEST or np.ptp(joined) <= 1e-12 * np.abs(joined).max():
        return Decision("raw", 0.0, f"{joined.size} usable samples, constant or too few")
    figures = _measure(pieces, joined, pace)
    state, strength = _state(figures)
    known = stated or state == "envelope" or (state == "raw" and figures.offset > 0.1)
    sure = min(confidence(strength), 0.99 if known else 0.8, 0.99 if figures.seconds >= _LEAST_TIME else 0.75)
    return Decision(state, sure, figures.text() + ("" if stated else ", rate not stated"))


def _finite_runs(row: FloatArray) -> list[FloatArray]:
    borders = np.flatnonzero(np.diff(np.isfinite(row).astype(np.int8))) + 1
    return [run for run in np.split(row, borders) if run.size >= _SHORTEST and np.isfinite(run[0])]


def _selected(pieces: list[FloatArray], rate: float) -> list[FloatArray]:
    """Return an even selection of at most `_MOST_TIME` of signal, cut into pieces of at most `_LINE_SEGMENT`."""
    most, longest = round(_MOST_TIME * rate), max(_SHORTEST, round(_LINE_SEGMENT * rate))
    total = sum(piece.size for piece in pieces)
    if total <= most:
        return pieces
    short = [piece[start : start + longest] for piece in pieces for start in range(0, piece.size, longest)]
    short = [piece for piece in short if piece.size >= _SHORTEST]
    kept = np.linspace(0, len(short) - 1, max(1, int(len(short) * most / total))).astype(int)
    return [short[index] for index in kept]


def _measure(pieces: list[FloatArray], joined: FloatArray, rate: float) -> _Figures:
    mean, spread = float(joined.mean()), float(joined.std())
    longest = max(piece.size for piece in pieces)
    frequency, power = _spectrum(pieces, mean, rate, min(longest, round(_SEGMENT * rate)))
    fine = (frequency, power)
    if longest > _SEGMENT * rate:
        fine = _spectrum(pieces, mean, rate, min(longest, round(_LINE_SEGMENT * rate)))
    total = float(power.sum()) or 1.0
    low, high = np.percentile(joined, [1, 99.5])
    return _Figures(
        lowest=float(low) / max(abs(float(high)), 1e-300),
        skewness=float(np.mean(((joined - mean) / spread) ** 3)),
        offset=abs(mean) / spread,
        fast=float(power[frequency > _ENVELOPE_TOP].sum()) / total,
        low=float(power[frequency < _LOW].sum()) / total,
        high=float(power[frequency > _HIGH].sum()) / total,
        line=max(_line(*fine, mains) for mains in _MAINS),
        seconds=joined.size / rate,
    )


def _spectrum(pieces: list[FloatArray], mean: float, rate: float, longest: int) -> tuple[FloatArray, FloatArray]:
    """Return the mean power spectrum about the common mean, over half-overlapping Hann segments, on one grid."""
    size = max(_SHORTEST, longest)
    total = np.zeros(size // 2 + 1)
    for piece in pieces:
        length = min(size, piece.size)
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
        rows = np.lib.stride_tricks.sliding_window_view(piece - mean, length)[:: max(1, length // 2)]
        power = np.abs(np.fft.rfft(rows * window, n=size, axis=-1)) ** 2
        total += piece.size * power.mean(axis=0) / (window @ window)
    total[1 : -1 if size % 2 == 0 else None] *= 2
    return np.asarray(np.fft.rfftfreq(size, 1 / rate), dtype=np.float64), total


def _line(frequency: FloatArray, power: FloatArray, mains: float) -> float:
    """Return the highest power within 1 Hz of the mains over the median of 4 to 12 Hz beside it."""
    distance = np.abs(frequency - mains)
    near, around = power[distance <= 1], power[(distance >= 4) & (distance <= 12)]
    if not near.size or around.size < 4 or not np.median(around) > 0:
        return 0.0
    return float(near.max() / np.median(around))


def _state(figures: _Figures) -> tuple[str, float]:
    """Return the state and the strength of the evidence for it."""
    positive, smooth = 2 + 20 * min(figures.lowest, 0.0), 2 - figures.fast / 0.1
    envelope = min(positive, smooth)
    if envelope > 0 or smooth > 1:
        return "envelope", envelope
    if positive > 1.5 and figures.skewness > 0.5:
        return "envelope", 0.0
    raw = max(figures.offset / 0.04, figures.low / 0.06, 0.75 if figures.line > 25 else 0.0)
    limits = (figures.offset / 0.015, figures.low / 0.01, figures.high / 0.1, figures.line / 15)
    clean = 2 - max(limits)
    return ("bandpassed", clean) if clean > raw else ("raw", raw)
