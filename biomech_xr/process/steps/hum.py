"""Whether mains hum is in a signal: which harmonics of the line stand out of the spectrum around them.

The rule, for each channel and harmonic f by itself: the spectrum of all gap-free pieces together, of Hann segments of
2 s, half overlapped, or where no piece is that long of the shortest piece at least half as long as the longest; their
mean, of `ROBUST` segments or more their median, so that a spike in one of them hides nothing. The line is there when
the highest bin within max(1, f / 200) Hz of f is at least `STANDS_OUT` times the median of the bins between 3 and 12 Hz
further away, and higher than the highest of so many bins of noise would be about once in a thousand times (F
distribution: both powers are estimates). Where all pieces are shorter than `SHORTEST` s they cannot tell; there the
line counts as present, so that it is removed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import fft, signal, stats

from biomech_xr.process.engine.kernels import Array, finite_pieces

STANDS_OUT: Final = 6.0
"""Times the median power around it: hum below that holds less power than 5 Hz of the EMG beside it."""

SHORTEST: Final = 0.5
"""Seconds of the shortest piece whose spectrum is looked at."""

ROBUST: Final = 5
"""Segments from which on their median is taken."""

_SEGMENT: Final = 2.0
_NEAR: Final = (3.0, 12.0)
_ONCE: Final = 1e-3
_MEDIAN: Final = 0.5


def harmonics(line_frequency: float, *, upper: float, rate: float, width: float = 0.0) -> tuple[float, ...]:
    """Return the mains frequency and its harmonics (Hz) below ``upper``, ``width`` below the Nyquist frequency."""
    top = min(upper, rate / 2 - width)
    return tuple(k * line_frequency for k in range(1, int(top / line_frequency) + 1) if k * line_frequency < top)


def present(values: npt.NDArray[Any], lines: tuple[float, ...], *, rate: float) -> npt.NDArray[np.bool_]:
    """Return which lines (Hz) stand out of the spectrum of each signal (m, n) at ``rate`` Hz, (m, lines).

    Signals without a finite sample have none.
    """
    found = np.zeros((len(values), len(lines)), dtype=bool)
    for rows, bounds in _alike(values):
        lengths = np.diff(bounds, axis=1)[:, 0]
        if lengths.max() < SHORTEST * rate:
            found[rows] = True
            continue
        similar = lengths[lengths >= max(SHORTEST * rate, lengths.max() / 2)]
        size = round(_SEGMENT * rate) if lengths.max() >= _SEGMENT * rate else int(similar.min())
        frequency = np.asarray(np.fft.rfftfreq(size, 1 / rate), dtype=np.float64)
        used = np.flatnonzero(np.any([np.logical_or(*_bins(frequency, line)) for line in lines], axis=0))
        pieces = bounds[lengths >= size]
        power, segments = _spectrum(values, rows, pieces, size, rate, used)
        for k, line in enumerate(lines):
            at, around = (bins[used] for bins in _bins(frequency, line))
            found[rows, k] = _stands_out(power, at, around, segments)
    return found


def groups(
    values: npt.NDArray[Any], lines: tuple[float, ...], *, rate: float
) -> list[tuple[npt.NDArray[np.intp], tuple[float, ...]]]:
    """Return (rows, harmonics that stand out) for the signals (m, n), those with the same harmonics together."""
    there = present(values, lines, rate=rate)
    members: dict[tuple[float, ...], list[int]] = {}
    for row, flags in enumerate(there):
        members.setdefault(tuple(line for line, flag in zip(lines, flags, strict=True) if flag), []).append(row)
    return [(np.array(rows), found) for found, rows in members.items()]


def _bins(frequency: Array, line: float) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which bins are at a line, and which are around it."""
    distance = np.abs(frequency - line)
    reach = max(1.0, line / 200, 1.01 * float(frequency[1]))
    return distance <= reach, (distance > reach + _NEAR[0]) & (distance <= reach + _NEAR[1])


def _stands_out(
    power: Array, at: npt.NDArray[np.bool_], around: npt.NDArray[np.bool_], segments: int
) -> npt.NDArray[np.bool_]:
    """Return for each spectrum (m, bins) whether the line stands out."""
    level = _middle(power[:, around])
    highest = power[:, at].max(axis=-1)
    least = max(STANDS_OUT, _noise(int(at.sum()), int(around.sum()), segments))
    return np.asarray((highest > least * level) & (highest > 0))


@lru_cache(maxsize=4096)
def _noise(at: int, around: int, segments: int) -> float:
    """Return the ratio that the highest of so many bins of noise exceeds about once in a thousand times.

    Half-overlapped Hann segments count for about 3/4 of as many independent ones, two degrees of freedom each; a
    median is half as good as a mean. Hann's neighbors and bursts leave about one in three bins around independent.
    """
    freedom = max(2.0, 1.5 * segments * (_MEDIAN if segments >= ROBUST else 1.0))
    return float(stats.f.isf(_ONCE / at, freedom, freedom * around / 3) * freedom / stats.chi2.median(freedom))


def _spectrum(
    values: npt.NDArray[Any],
    rows: npt.NDArray[np.intp],
    pieces: npt.NDArray[np.int64],
    size: int,
    rate: float,
    used: npt.NDArray[np.intp],
) -> tuple[Array, int]:
    """Return the average power (rows, used bins) of all segments of pieces of signals, and their number."""
    dtype = values.dtype if values.dtype == np.float32 else np.dtype(np.float64)
    window, step = _window(size, dtype), size - size // 2
    # Twice for the negative frequencies, which neither 0 Hz nor the Nyquist frequency has.
    factor = np.where((used == 0) | (2 * used == size), 1.0, 2.0) / (rate * (window**2).sum())
    power, segments = np.empty((rows.size, used.size)), 0
    for i, row in enumerate(rows):
        parts = []
        for start, stop in pieces:
            piece = values[row, start:stop].astype(dtype)
            cut = np.lib.stride_tricks.sliding_window_view(piece, size)[::step]
            bins = fft.rfft((cut - cut.mean(axis=-1, keepdims=True)) * window)[:, used]
            parts.append((bins.real**2 + bins.imag**2) * factor)
        every = np.concatenate(parts)
        segments = len(every)
        power[i] = _middle(every.T) if segments >= ROBUST else every.mean(axis=0)
    return power, segments


def _middle(values: Array) -> Array:
    """Return the median along the last axis; sorting takes a fifth of the time of `numpy.median` here."""
    ordered, half = np.sort(values, axis=-1), values.shape[-1] // 2
    return np.asarray(ordered[..., half] if values.shape[-1] % 2 else ordered[..., half - 1 : half + 1].mean(axis=-1))


@lru_cache(maxsize=64)
def _window(size: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    return np.asarray(signal.get_window("hann", size), dtype=dtype)


def _alike(values: npt.NDArray[Any]) -> list[tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]]:
    """Return (rows, start and stop of each gap-free piece) of the signals, those with the same gaps together."""
    found: dict[bytes, tuple[npt.NDArray[np.intp], list[tuple[int, int]]]] = {}
    for rows, start, stop in finite_pieces(values):
        found.setdefault(rows.tobytes(), (rows, []))[1].append((start, stop))
    return [(rows, np.array(bounds)) for rows, bounds in found.values()]
