"""Sampling rates of one person: a clock from the mains hum in the EMG, the joints' rate from the lengths of strides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from biomech_xr import evidence
from biomech_xr import vocabulary as words
from biomech_xr.datasets.angelidou import tree
from biomech_xr.datasets.angelidou.tree import Array, Condition
from biomech_xr.datasets.deciding import Judge
from biomech_xr.errors import ConfigError
from biomech_xr.evidence import Decision

EMG_RATE: Final = 2000.0
FRAME_RATE: Final = 100.0
"""The rates that the descriptions assume, Hz; data must support them by a clock of their own."""

LINE_FREQUENCY: Final = 60.0

_MOST: Final = 40
_STRIDE_TIMES: Final = (0.7, 2.2)
_FEWEST: Final = 3
_NEARLY_ALL: Final = 0.9
_FRAMES: Final = 1.5
_LOUDNESS: Final = 200
_SEGMENT: Final = 8192
_STRIDES: Final = 16
_LINE: Final = 15.0
_NEAR: Final = 0.03


def rates(judge: Judge, place: str, found: Sequence[Condition], legs: Sequence[words.Side]) -> tuple[float, float, int]:
    """Return the rates of EMG and joints, Hz, and 0; or a NaN rate and the points of the joints in every stride.

    Raises
    ------
    DataFormatError
        The EMG shows no mains hum by which to tell its rate, and the option `emg_rate` is not given.
    ConfigError
        The option is no rate.
    """
    emg, knee = _lengths(found, legs)
    points = _fixed_points(emg, knee)
    rate = judge.asked("emg_rate")
    if rate is None:
        rate = judge.value("emg_rate", f"{place}.EMG", _mains_clock(found, legs, emg, knee))
    elif not 0 < rate < np.inf:
        raise ConfigError(f"angelidou: option emg_rate={rate:g}: expected a rate in Hz.")
    if not emg.size:
        return rate, FRAME_RATE, 0
    if points:
        return rate, np.nan, points
    frames = float(np.median(knee / emg)) * rate
    whole = round(frames / 5) * 5
    return rate, float(whole) if whole and abs(frames - whole) < 0.01 * whole else frames, 0


def _lengths(found: Sequence[Condition], legs: Sequence[words.Side]) -> tuple[Array, Array]:
    """Return the samples of EMG (TA) and of the knee of strides that have both, from all conditions alike."""
    pairs = []
    for condition in found:
        for letter in (tree.LETTERS[side] for side in legs):
            emg = tree.column(condition.leaf["EMG"], f"{letter}TA")
            knee = tree.column(condition.leaf["jointAngles"], f"{letter}Knee")
            pairs += [
                (tree.rows(emg, index), tree.rows(knee, index)) for index in range(min(len(emg), len(knee), _MOST))
            ]
    lengths = np.array([pair for pair in pairs if all(pair)], dtype=np.float64).reshape(-1, 2)
    return lengths[:, 0], lengths[:, 1]


def _mains_clock(found: Sequence[Condition], legs: Sequence[words.Side], emg: Array, knee: Array) -> Decision[float]:
    """Return the device rate at which a narrow line of the EMG lies at the mains frequency.

    The line must stand out in the median channel. Of several rates the highest counts, for which it is the fundamental;
    others must be its harmonics.
    """
    ratio = evidence.emg_rate(emg, knee / FRAME_RATE)
    length = float(np.median(emg)) if emg.size else np.nan
    low, high = _STRIDE_TIMES
    known = np.array([rate for rate in evidence.DEVICE_RATES if low <= length / rate <= high])
    scores = [_line(samples, known) for samples in _channels(found, legs)] if known.size else []
    score = np.median(scores, axis=0) if scores else np.zeros(known.size)
    strong = known[score >= _LINE]
    if not strong.size:
        text = f"no mains hum in the EMG; {ratio.value:.0f} Hz where frames are at {FRAME_RATE:g} Hz: {ratio.evidence}"
        return Decision(ratio.value, min(ratio.confidence, 0.5), text)
    alike = np.abs(known / strong.max() - 1) < _NEAR
    rate = float(known[alike][np.argmax(score[alike])])
    other = [float(r) for r in strong if abs(rate / r - round(rate / r)) > _NEAR]
    loud = float(score[known == rate][0])
    text = (
        f"mains hum of {LINE_FREQUENCY:g} Hz {loud:.0f} times its surroundings in the median of {len(scores)} "
        f"channels; strides of {length / rate:.2f} s; {ratio.evidence} if frames are at {FRAME_RATE:g} Hz"
    )
    if other:
        return Decision(rate, 0.5, f"{text}; but lines for {', '.join(f'{r:.0f} Hz' for r in other)} too")
    return Decision(rate, 0.95, text)


def _channels(found: Sequence[Condition], legs: Sequence[words.Side]) -> list[Array]:
    """Return the joined first strides of every channel in the first condition that has some."""
    for condition in found:
        channels = []
        for name in (tree.LETTERS[side] + raw for side in legs for raw in tree.CHANNELS):
            cells = tree.column(condition.leaf["EMG"], name)
            pieces = [tree.stride(cells, index, 1)[:, 0] for index in range(min(len(cells), _STRIDES))]
            joined = np.concatenate([np.empty(0), *pieces])
            joined = joined[np.isfinite(joined)]
            if joined.size >= _SEGMENT // 2 and np.ptp(joined) > 0:
                channels.append(joined)
        if channels:
            return channels
    return []


def _line(samples: Array, known: Array) -> Array:
    """Return for each rate the power at the mains over that beside it, of the signal at an even loudness."""
    from scipy.signal import welch

    centered = samples - np.median(samples)
    window = np.ones(_LOUDNESS) / _LOUDNESS
    loudness = np.sqrt(np.convolve(centered**2, window, mode="same"))
    even = centered / np.maximum(loudness, 1e-9 * loudness.max())
    frequency, power = welch(even, nperseg=min(even.size, _SEGMENT), detrend=False)
    scores = []
    for rate in known:
        distance = np.abs(frequency * rate - LINE_FREQUENCY)
        beside = float(np.median(power[(distance >= 4) & (distance <= 12)]))
        scores.append(float(power[distance <= 0.75].max(initial=0)) / beside if beside > 0 else 0.0)
    return np.array(scores)


def _fixed_points(emg: Array, knee: Array) -> int:
    """Return the number of points that nearly all strides have while their EMG differs in length; 0 where none."""
    if emg.size < _FEWEST:
        return 0
    points, counts = np.unique(knee, return_counts=True)
    usual = knee == points[np.argmax(counts)]
    differs = np.ptp(emg[usual]) > _FRAMES * np.median(emg / knee)
    return int(knee[usual][0]) if differs and usual.mean() >= _NEARLY_ALL else 0
