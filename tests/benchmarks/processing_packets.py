"""Wavelet packet denoising beside `pywt.WaveletPacket` looped over channels, in processor time of one thread.

    python -m tests.benchmarks.processing_packets --json bench/packets.json

A trial of 13 channels, 60 s at 1 kHz, is denoised with db7 at level 9 by both in turn; the least time of each counts.
Values are seconds of signal per second of processor time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pywt

from biomech_xr.process.engine.packets import denoise_packets
from biomech_xr.process.engine.stages import Rule, Shrink
from tests.benchmarks.common import Case, arguments, report

Array = npt.NDArray[np.float64]

_CHANNELS, _SECONDS, _RATE = 13, 60, 1000
_WAVELET, _LEVEL = "db7", 9
_REPEATS, _PLAIN_REPEATS = 7, 2
_NORMAL_MAD = 0.6744897501960817


def main() -> None:
    """Measure and report."""
    given = arguments("Wavelet packet denoising beside a loop over pywt.WaveletPacket.").parse_args()
    report(packet_cases(), given.json)


def packet_cases() -> dict[str, Case]:
    """Return the cases of the default rule and of the dearest one."""
    return {"wavelet packets": measure("universal", "soft"), "wavelet packets, SURE": measure("sure", "garrote")}


def measure(rule: Rule, shrink: Shrink) -> Case:
    """Return the speed beside the plain loop, and how far the two results are apart."""
    values = _trial()
    denoise_packets(values[:1], wavelet=_WAVELET, level=_LEVEL, rule=rule, shrink=shrink)
    ours, fast = _least(
        lambda: denoise_packets(values, wavelet=_WAVELET, level=_LEVEL, rule=rule, shrink=shrink), _REPEATS
    )
    plain, slow = _least(lambda: plain_packets(values, _WAVELET, _LEVEL, rule, shrink), _PLAIN_REPEATS)
    signal = _CHANNELS * _SECONDS
    note = f"{_WAVELET} level {_LEVEL}, {rule}, {shrink}: {1e3 * fast:.0f} ms against {1e3 * slow:.0f} ms"
    note += f"; largest difference {np.abs(ours - plain).max() / values.std():.1e} SD"
    return Case(value=signal / fast, unit="s/s", baseline=signal / slow, ratio=slow / fast, note=note)


def plain_packets(values: Array, wavelet: str, level: int, rule: Rule, shrink: Shrink) -> Array:
    """Return signals (m, n) denoised as the documentation of PyWavelets and the papers have it, one after another."""
    out = np.empty(values.shape)
    for channel, signal in enumerate(values):
        tree = pywt.WaveletPacket(signal, wavelet, mode="symmetric", maxlevel=level)
        for leaf in tree.get_level(level, "natural")[1:]:
            leaf.data = plain_shrink(leaf.data, _plain_threshold(leaf.data, len(signal), rule), shrink)
        out[channel] = tree.reconstruct(update=False)[: len(signal)]
    return out


def plain_shrink(data: Array, threshold: float, shrink: Shrink) -> Array:
    """Return coefficients after shrinkage."""
    if math.isinf(threshold):
        return np.zeros_like(data)
    shrunk: Array = pywt.threshold(data, threshold, mode=shrink)
    return shrunk


def _plain_threshold(data: Array, size: int, rule: Rule) -> float:
    """Return the threshold of a leaf."""
    magnitudes = np.sort(np.abs(data))
    noise = float(np.median(magnitudes)) / _NORMAL_MAD
    if rule == "universal":
        return noise * math.sqrt(2 * math.log(size))
    if rule == "bayes":
        spread = float(np.mean(data**2)) - noise**2
        return noise**2 / math.sqrt(spread) if spread > 0 else math.inf
    if noise == 0:
        return 0.0
    limits = magnitudes[magnitudes <= noise * math.sqrt(2 * math.log(len(data)))]
    powers, over = (limits / noise) ** 2, len(data) - np.arange(1, len(limits) + 1)
    risks = np.append(2 * over - len(data) + np.cumsum(powers) + over * powers, len(data))
    return float(np.append(limits, 0.0)[np.argmin(risks)])


def _trial() -> Array:
    """Return EMG-like signals: bursts of colored noise in white noise."""
    draw = np.random.default_rng(5)
    size = _SECONDS * _RATE
    burst = np.sin(2 * np.pi * np.arange(size) / _RATE) > 0.3
    colored: Array = np.apply_along_axis(
        np.convolve, 1, draw.standard_normal((_CHANNELS, size)), [0.3, 0.9, 0.3], "same"
    )
    noise = 0.1 * draw.standard_normal((_CHANNELS, size))
    signals: Array = noise + colored * burst
    return signals


def _least(function: Callable[[], Array], repeats: int) -> tuple[Array, float]:
    """Return the result of a function and its least processor time in seconds."""
    times: list[Any] = []
    for _ in range(repeats):
        begin = time.process_time()
        result = function()
        times.append(time.process_time() - begin)
    return result, min(times)


if __name__ == "__main__":
    main()
