"""Whether mains hum is in a signal: which harmonics of the line stand out of the spectrum around them.

The rule, for each channel and harmonic f by itself: Welch's spectrum of the longest gap-free piece (Hann segments of
2 s, half overlapped, or one of the whole piece). The line is there when the highest bin within max(1, f / 200) Hz of f
is at least `STANDS_OUT` times the median of the bins between 3 and 12 Hz further away, and higher than the highest of
so many bins of noise would be once in a thousand times (chi-squared, with the segments averaged). A piece shorter than
`SHORTEST` s cannot tell; there the line counts as present, so that it is removed.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import signal, stats

from biomech_xr.process.kernels import Array, finite_pieces

STANDS_OUT: Final = 6.0
"""Times the median power around it: hum below that holds less power than 5 Hz of the EMG beside it."""

SHORTEST: Final = 0.5
"""Seconds of the shortest piece whose spectrum is looked at."""

_SEGMENT: Final = 2.0
_NEAR: Final = (3.0, 12.0)
_ONCE: Final = 1e-3


def harmonics(line_frequency: float, *, upper: float, rate: float, width: float = 0.0) -> tuple[float, ...]:
    """Return the mains frequency and its harmonics (Hz) below ``upper``, ``width`` below the Nyquist frequency."""
    top = min(upper, rate / 2 - width)
    return tuple(k * line_frequency for k in range(1, int(top / line_frequency) + 1) if k * line_frequency < top)


def present(values: npt.NDArray[Any], lines: tuple[float, ...], *, rate: float) -> npt.NDArray[np.bool_]:
    """Return which lines (Hz) stand out of the spectrum of each signal (m, n) at ``rate`` Hz, (m, lines).

    Signals without a finite sample have none.
    """
    found = np.zeros((len(values), len(lines)), dtype=bool)
    for rows, start, stop in _longest(values):
        if stop - start < SHORTEST * rate:
            found[rows] = True
            continue
        size = min(stop - start, round(_SEGMENT * rate))
        piece = np.asarray(values[rows, start:stop], dtype=np.float64)
        frequency, power = signal.welch(piece, fs=rate, nperseg=size, axis=-1)
        segments = 2 * (stop - start) // size - 1
        for k, line in enumerate(lines):
            found[rows, k] = _stands_out(frequency, power, line, segments)
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


def _stands_out(frequency: Array, power: Array, line: float, segments: int) -> npt.NDArray[np.bool_]:
    """Return for each spectrum (m, bins) whether the line stands out."""
    distance = np.abs(frequency - line)
    reach = max(1.0, line / 200, 1.01 * float(frequency[1]))
    at = distance <= reach
    around = (distance > reach + _NEAR[0]) & (distance <= reach + _NEAR[1])
    level = np.median(power[:, around], axis=-1)
    # Half-overlapped Hann segments count for about 3/4 of as many independent ones: two degrees of freedom each.
    freedom = 2 * max(1.0, 0.75 * segments)
    noise = stats.chi2.isf(_ONCE / at.sum(), freedom) / stats.chi2.median(freedom)
    highest = power[:, at].max(axis=-1)
    return np.asarray((highest > max(STANDS_OUT, float(noise)) * level) & (highest > 0))


def _longest(values: npt.NDArray[Any]) -> list[tuple[npt.NDArray[np.intp], int, int]]:
    """Return (rows, start, stop) of the longest gap-free piece of each signal, rows alike together."""
    best: dict[bytes, tuple[npt.NDArray[np.intp], int, int]] = {}
    for rows, start, stop in finite_pieces(values):
        key = rows.tobytes()
        if key not in best or stop - start > best[key][2] - best[key][1]:
            best[key] = rows, start, stop
    return list(best.values())
