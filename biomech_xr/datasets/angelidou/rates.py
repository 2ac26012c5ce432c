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
_FEWEST: Final = 3
_NEARLY_ALL: Final = 0.9
_FRAMES: Final = 1.5
_STRIDES: Final = 16


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
        rate = judge.value("emg_rate", f"{place}.EMG", _clock(found, legs, emg, knee))
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


def _clock(found: Sequence[Condition], legs: Sequence[words.Side], emg: Array, knee: Array) -> Decision[float]:
    """Return the rate that the mains hum tells; without hum what the rate of the frames suggests, which is not sure."""
    ratio = evidence.emg_rate(emg, knee / FRAME_RATE)
    length = float(np.median(emg)) if emg.size else np.nan
    hum = evidence.rate_from_hum(_channels(found, legs), length, line_frequency=LINE_FREQUENCY)
    text = f"{ratio.value:.0f} Hz where frames are at {FRAME_RATE:g} Hz: {ratio.evidence}"
    if np.isnan(hum.value):
        return Decision(ratio.value, min(ratio.confidence, 0.5), f"no mains hum in the EMG; {text}")
    return Decision(hum.value, hum.confidence, f"{hum.evidence}; {text}")


def _channels(found: Sequence[Condition], legs: Sequence[words.Side]) -> list[Array]:
    """Return the joined first strides of every channel in the first condition that has some."""
    for condition in found:
        channels = []
        for name in (tree.LETTERS[side] + raw for side in legs for raw in tree.CHANNELS):
            cells = tree.column(condition.leaf["EMG"], name)
            pieces = [tree.stride(cells, index, 1)[:, 0] for index in range(min(len(cells), _STRIDES))]
            channels.append(np.concatenate([np.empty(0), *pieces]))
        if any(np.isfinite(joined).any() for joined in channels):
            return channels
    return []


def _fixed_points(emg: Array, knee: Array) -> int:
    """Return the number of points that nearly all strides have while their EMG differs in length; 0 where none."""
    if emg.size < _FEWEST:
        return 0
    points, counts = np.unique(knee, return_counts=True)
    usual = knee == points[np.argmax(counts)]
    differs = np.ptp(emg[usual]) > _FRAMES * np.median(emg / knee)
    return int(knee[usual][0]) if differs and usual.mean() >= _NEARLY_ALL else 0
