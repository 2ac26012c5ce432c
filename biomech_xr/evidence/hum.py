"""The true sampling rate of EMG, from the mains hum in it: a clock that nobody can forget to publish."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.evidence.decision import Decision
from biomech_xr.evidence.rates import DEVICE_RATES

FloatArray = npt.NDArray[np.float64]

STRIDE_TIMES: Final = (0.7, 2.2)
"""How long (s) a typical stride may be: rates that would make it shorter or longer are out of the question."""

_LINE: Final = 15.0
_NEAR: Final = 0.03
_DOUBT: Final = 0.004  # the mains stray by 0.2 %, and the top of a line is not where it is to the last digit
_LOUDNESS: Final = 200
_SEGMENT, _FEWEST, _PADDED = 8192, 4096, 16_384
_SURE, _UNSURE = 0.95, 0.5


def rate_from_hum(channels: Sequence[npt.ArrayLike], stride: float, *, line_frequency: float) -> Decision[float]:
    """Decide at which device rate a narrow line of EMG lies at the mains frequency.

    The line must stand out in the median channel. Of several rates the highest counts, for which it is the fundamental;
    others must be its harmonics. Exactly one device rate must fit where the line lies, to 0.4 % and two standard errors
    over channels: 1920 and 1925.9 Hz are not told apart.

    Parameters
    ----------
    channels
        Raw EMG of each channel in any unit, shape (sample,) each; strides may be joined. Not finite samples and
        channels of less than about two seconds are left out.
    stride
        Samples of a typical stride.
    line_frequency
        Mains frequency in Hz.

    Returns
    -------
    Decision[float]
        Hz; NaN with confidence 0 where no line stands out.
    """
    low, high = STRIDE_TIMES
    known = np.array([rate for rate in DEVICE_RATES if low <= stride / rate <= high])
    usable = [_even(joined) for joined in map(_finite, channels) if joined.size >= _FEWEST and np.ptp(joined) > 0]
    scores = [_scores(signal, known, line_frequency) for signal in usable] if known.size else []
    score = np.median(scores, axis=0) if scores else np.zeros(known.size)
    strong = known[score >= _LINE]
    if not strong.size:
        return Decision(math.nan, 0.0, f"no hum of {line_frequency:g} Hz in {len(scores)} channels")
    each = np.array([line_frequency / _place(signal, stride, line_frequency / strong.max()) for signal in usable])
    measured = float(np.median(each))
    doubt = _DOUBT * measured + 2 * 1.2533 * 1.4826 * float(np.median(np.abs(each - measured))) / math.sqrt(each.size)
    inside = known[np.abs(known - measured) <= doubt]
    rate = float(known[np.argmin(np.abs(known - measured))])
    other = [float(one) for one in strong if abs(rate / one - round(rate / one)) > _NEAR]
    text = (
        f"mains hum of {line_frequency:g} Hz {score.max():.0f} times its surroundings in the median of {len(scores)} "
        f"channels, at the place of {measured:.1f} Hz, uncertain by {doubt:.1f}; strides of {stride / rate:.2f} s"
    )
    if inside.size != 1:
        fits = ", ".join(f"{one:.2f}" for one in inside) or "none"
        return Decision(rate, _UNSURE, f"{text}; device rates that fit: {fits}")
    if other:
        return Decision(rate, _UNSURE, f"{text}; but lines for {', '.join(f'{one:.0f} Hz' for one in other)} too")
    return Decision(rate, _SURE, text)


def _finite(samples: npt.ArrayLike) -> FloatArray:
    values = np.asarray(samples, dtype=np.float64)
    return values[np.isfinite(values)]


def _even(samples: FloatArray) -> FloatArray:
    """Return a signal at an even loudness, so that hum between bursts counts as much as in them."""
    from scipy.ndimage import uniform_filter1d

    centered = samples - np.median(samples)
    loudness = np.sqrt(np.maximum(uniform_filter1d(centered**2, _LOUDNESS, mode="constant"), 0.0))
    return np.asarray(centered / np.maximum(loudness, 1e-9 * loudness.max()))


def _scores(signal: FloatArray, known: FloatArray, line_frequency: float) -> FloatArray:
    """Return for each rate the power at the mains over that beside it."""
    from scipy.signal import welch

    frequency, power = welch(signal, nperseg=min(signal.size, _SEGMENT), detrend=False)
    scores = []
    for rate in known:
        distance = np.abs(frequency * rate - line_frequency)
        beside = float(np.median(power[(distance >= 4) & (distance <= 12)]))
        scores.append(float(power[distance <= 0.75].max(initial=0)) / beside if beside > 0 else 0.0)
    return np.array(scores)


def _place(signal: FloatArray, stride: float, near: float) -> float:
    """Return the frequency of a line, in cycles a sample, from stretches of a stride: pieces may be joined anywhere."""
    from scipy.signal import welch

    frequency, power = welch(signal, nperseg=min(signal.size, round(stride)), nfft=_PADDED, detrend=False)
    inside = np.flatnonzero(np.abs(frequency / near - 1) <= _NEAR)
    top = int(inside[np.argmax(power[inside])])
    before, peak, after = np.log(np.maximum(power[top - 1 : top + 2], np.finfo(float).tiny))
    bend = before - 2 * peak + after
    return float(frequency[top] + (0.5 * (before - after) / bend if bend < 0 else 0.0) * frequency[1])
