"""The steps of a chain as SciPy and PyWavelets do them, for the baselines of `processing_dask`.

Made from the same chain that our side gets, so that both do the same work: its filters, its wavelet shrinkage, and the
change of rate to 1000 Hz. Signals are (channel, sample) in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pywt
from scipy import signal

from biomech_xr.process import Chain
from biomech_xr.process.chains.steps_config import Bandpass, Lowpass, Notch, Rectify, WaveletDenoise
from biomech_xr.process.steps.resample import ratio

Array = np.ndarray
Work = Callable[[Array], Array]


def comparable(chain: Chain) -> Chain:
    """Return a chain whose notches are set whether the line is there or not: SciPy has no step that looks for it."""
    steps = [step.model_copy(update={"when": "always"}) if isinstance(step, Notch) else step for step in chain.emg]
    return chain.model_copy(update={"emg": tuple(steps)})


def resampled(values: Array, rate: float) -> Array:
    """Return signals at 1000 Hz by SciPy's own filter; those that have this rate as they are."""
    share = ratio(rate)
    if share == 1:
        return values
    return np.asarray(signal.resample_poly(values, share.numerator, share.denominator, axis=-1))


def envelope_peak(values: Array, rate: float) -> Array:
    """Return the maximum of the 6 Hz envelope of signals, which the amplitude reference is made of."""
    return np.asarray(signal.sosfiltfilt(_low(rate), np.abs(values), axis=-1).max(axis=-1))


@lru_cache
def _low(rate: float) -> Array:
    return np.asarray(signal.butter(2, 6, fs=rate, output="sos"))


@lru_cache
def steps_of(chain: Chain, rate: float, line: float, *, together: bool) -> tuple[Work, ...]:
    """Return the steps of a chain, designed once.

    Parameters
    ----------
    line
        Mains frequency, Hz.
    together
        Filters that follow one another are one cascade, as the batched peer takes them; else each is applied by
        itself, as it is usually written.
    """
    limit = 0.45 * rate
    upper = min([step.high for step in chain.emg if isinstance(step, Bandpass)] + [limit])
    work: list[Work] = []
    cascade: list[Array] = []
    for step in chain.emg:
        sections = _sections(step, rate, line, limit, upper)
        if sections and together:
            cascade += sections
        elif sections:
            work += [_both_ways(one) for one in sections]
        else:
            work += [_both_ways(np.concatenate(cascade))] if cascade else []
            cascade = []
            work.append(_other(step))
    return (*work, *([_both_ways(np.concatenate(cascade))] if cascade else []))


def _sections(step: Any, rate: float, line: float, limit: float, upper: float) -> Sequence[Array]:
    """Return the second-order sections of each filter of a step, none of a step that is no linear filter."""
    if isinstance(step, Bandpass):
        return [signal.butter(step.order, (step.low, min(step.high, limit)), "bandpass", fs=rate, output="sos")]
    if isinstance(step, Lowpass):
        return [signal.butter(step.order, step.cutoff, fs=rate, output="sos")]
    if isinstance(step, Notch):
        lines = np.arange(line, upper, line)
        return [signal.tf2sos(*signal.iirnotch(at, step.q or at / step.width, fs=rate)) for at in lines]
    return []


def _both_ways(sections: Array) -> Work:
    return lambda values: np.asarray(signal.sosfiltfilt(sections, values, axis=-1))


def _other(step: Any) -> Work:
    if isinstance(step, Rectify):
        return np.abs
    if isinstance(step, WaveletDenoise) and not step.packets and step.rule in ("universal", "sure"):
        return lambda values: shrunk(values, step)
    raise SystemExit(f"no baseline for the step {step.step} as this chain has it")


def shrunk(values: Array, step: WaveletDenoise) -> Array:
    """Return signals after the shrinkage of a step, by PyWavelets."""
    low, *details = pywt.wavedec(values, step.wavelet, mode="symmetric", level=step.level)
    made = []
    for detail in details:
        magnitudes = np.sort(np.abs(detail), axis=-1)
        noise = np.median(magnitudes, axis=-1, keepdims=True) / 0.6744897501960817
        if step.rule == "universal":
            limit = noise * np.sqrt(2 * np.log(values.shape[-1]))
        else:
            limit = _least_risk(magnitudes, noise)
        made.append(pywt.threshold(detail, limit, step.shrink))
    return np.asarray(pywt.waverec([low, *made], step.wavelet, mode="symmetric")[..., : values.shape[-1]])


def _least_risk(magnitudes: Array, noise: Array) -> Array:
    """Return the magnitude, or 0, with the least of Stein's unbiased risk, at most noise x sqrt(2 ln coefficients)."""
    count = magnitudes.shape[-1]
    powers = (magnitudes / np.maximum(noise, 1e-300)) ** 2
    places = np.arange(1, count + 1)
    risks = count - 2 * places + np.cumsum(powers, axis=-1) + (count - places) * powers
    risks = np.where(magnitudes <= noise * np.sqrt(2 * np.log(count)), risks, np.inf)
    least = np.argmin(risks, axis=-1)[..., None]
    worth = np.take_along_axis(risks, least, axis=-1) < count
    return np.where(worth, np.take_along_axis(magnitudes, least, axis=-1), 0.0)
