"""How far the stages of a chain see and by how much they lag, computed numerically from the stages themselves."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import numpy as np
from scipy import signal

from biomech_xr.process.engine.kernels import Array
from biomech_xr.process.engine.stages import Rectify, Rms, Sections, Shrinkage, Stage, Tkeo

TAIL: Final = 1e-4
"""Share of an impulse response (sum of absolute values) that may lie beyond the stated lookahead."""

SETTLED: Final = 0.01
"""Share of a forward impulse response (sum of absolute values) that may be missing in a piece worth filtering."""

SPLINE_REACH: Final = 7
"""Native samples after t that a cubic spline at t depends on: its weights fall by 2 - sqrt(3) a sample, to 1e-4."""

_LEAST_SECONDS: Final = 4.0
_MOST_SECONDS: Final = 60.0


def lookahead(stage: Stage, rate: float) -> float:
    """Return how far (s) the zero-phase form of a stage sees into the future.

    Of linear filters the smallest L such that less than `TAIL` of the absolute sum of the forward-backward response
    lies later than L. Of wavelets the reach of their filters, (2^level - 1)(taps - 1) samples: what a coefficient is
    computed from, and what it is spread to. Means and thresholds, which know the whole piece, are calibration.
    """
    if isinstance(stage, Sections):
        return _future(stage.content, rate)
    if isinstance(stage, Rms):
        return (stage.samples // 2) / rate
    if isinstance(stage, Tkeo):
        return 1 / rate
    if isinstance(stage, Shrinkage):
        return float((2**stage.level - 1) * (_taps(stage.wavelet) - 1) / rate)
    return 0.0


def delay(stages: Iterable[Stage], rate: float, *, signed: bool = True) -> float:
    """Return by how much (s) causal stages lag together; what goes in is ``signed`` EMG, or smooth as an envelope is.

    A filter of signed EMG counts the center of its squared impulse response (the delay of a burst's energy); one after
    rectification the center of the response itself (the group delay at 0 Hz). A moving RMS lags by half its window,
    Teager-Kaiser by one sample.
    """
    total = 0.0
    for stage in stages:
        if isinstance(stage, Sections):
            total += center(stage.array, rate, power=2 if signed else 1)
        elif isinstance(stage, Rms):
            total += (stage.samples - 1) / 2 / rate
        elif isinstance(stage, Tkeo):
            total += 1 / rate
        signed = signed and not isinstance(stage, Rectify | Rms | Tkeo)
    return total


def settling(stages: Iterable[Stage], rate: float) -> float:
    """Return the shortest piece (s) that all stages can treat; 0 without filters and wavelets.

    Of a filter the time until all but `SETTLED` of its forward response has come; of wavelets the samples that their
    depth needs, (taps - 1) 2^level, as `pywt.dwt_max_level` counts them.
    """
    longest = 0.0
    for stage in stages:
        if isinstance(stage, Sections):
            longest = max(longest, _settled(stage.content, rate))
        elif isinstance(stage, Shrinkage):
            longest = max(longest, ((_taps(stage.wavelet) - 1) << stage.level) / rate)
    return longest


def center(sections: Array, rate: float, *, power: int) -> float:
    """Return the center (s) of the impulse response of sections, or of its square (``power`` 2)."""
    weight = _response(sections.tobytes(), rate) ** power
    return float(np.arange(weight.size) @ weight / weight.sum()) / rate


def rms_samples(window: float, rate: float, *, causal: bool) -> int:
    """Return the samples of a moving RMS over ``window`` s: odd where it is centered."""
    return max(1, round(window * rate)) if causal else 2 * int(window * rate / 2 + 1e-9) + 1


@lru_cache(maxsize=256)
def _response(sections: bytes, rate: float) -> Array:
    """Return the forward impulse response, long enough for its slowest pole to have died away (1e-8)."""
    array = np.frombuffer(sections).reshape(-1, 6).copy()
    slowest = max(float(np.abs(np.roots(section[3:])).max(initial=0.0)) for section in array)
    seconds = np.log(1e-8) / np.log(slowest) / rate if 0 < slowest < 1 else _LEAST_SECONDS
    impulse = np.zeros(round(min(max(seconds, _LEAST_SECONDS), _MOST_SECONDS) * rate))
    impulse[0] = 1.0
    return np.asarray(signal.sosfilt(array, impulse))


@lru_cache(maxsize=256)
def _future(sections: bytes, rate: float) -> float:
    """Return the L of the forward-backward response of one stage."""
    single = _response(sections, rate)
    both = np.abs(signal.fftconvolve(single, single[::-1]))[single.size - 1 :]
    total = 2 * both.sum() - both[0]
    later = both[::-1].cumsum()[::-1]
    return float(np.flatnonzero(later >= TAIL * total)[-1] + 1) / rate


@lru_cache(maxsize=256)
def _settled(sections: bytes, rate: float) -> float:
    later = np.abs(_response(sections, rate))[::-1].cumsum()[::-1]
    return float(np.flatnonzero(later >= SETTLED * later[0])[-1] + 1) / rate


@lru_cache(maxsize=32)
def _taps(wavelet: str) -> int:
    """Return the filter length of a wavelet; the library that knows it is imported only where a chain has wavelets."""
    import pywt

    return int(pywt.Wavelet(wavelet).dec_len)
