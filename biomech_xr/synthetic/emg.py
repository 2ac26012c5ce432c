"""Surface EMG: band-limited noise shaped by activation, with mains hum and an offset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.fft import irfft, next_fast_len, rfftfreq

from biomech_xr import vocabulary as words
from biomech_xr.synthetic.activation import KNOWN_MUSCLES, activation
from biomech_xr.synthetic.gait import Bout, Gait, blend
from biomech_xr.synthetic.person import FloatArray

BAND: Final = (20.0, 450.0)
"""Hz; where surface EMG has its power (De Luca et al. 2010, J Biomech 43:1573)."""

_PEAK: Final = 90.0


def make_emg(
    gait: Gait,
    side: str,
    muscles: Sequence[str],
    rng: np.random.Generator,
    *,
    rate: float,
    line_frequency: float,
    hum: float = 0.01,
    offset: float = 0.05,
    band: tuple[float, float] = BAND,
    start: float = 0.0,
) -> FloatArray:
    """Return the EMG of some muscles of one leg.

    Parameters
    ----------
    gait
        The trial.
    side
        The leg.
    muscles
        Words of `activation.KNOWN_MUSCLES`.
    rng
        Source of the noise.
    rate
        Sampling rate, Hz.
    line_frequency
        Mains frequency, Hz; the third harmonic has a third of its amplitude.
    hum, offset
        Amplitude of the hum and largest constant offset, mV; 0 leaves them out.
    band
        Hz between which the noise has power.
    start
        Time of the first sample on the clock of ``gait``, s.

    Returns
    -------
    numpy.ndarray
        mV, shape (sample, muscle), from ``start`` to the end of the trial.
    """
    samples = round((gait.duration - start) * rate)
    time = start + np.arange(samples) / rate
    level = envelopes(gait, side, muscles, time)
    result = level * band_limited(rng, samples, len(muscles), rate=rate, band=band)
    tone = np.sin(2 * np.pi * line_frequency * time) + np.sin(6 * np.pi * line_frequency * time) / 3
    result += hum * rng.uniform(0.6, 1.4, len(muscles)) * tone[:, None]
    return np.asarray(result + offset * rng.uniform(-1, 1, len(muscles)))


def envelopes(gait: Gait, side: str, muscles: Sequence[str], time: FloatArray) -> FloatArray:
    """Return the true amplitude of the EMG, mV root mean square, shape (time, muscle); ``time`` in s, ascending."""
    phase = (gait.cycles(time, side) - gait.person.timing) % 1
    table_phase = np.linspace(0, 1, 501)

    def value(bout: Bout, index: np.ndarray) -> FloatArray:
        faster = gait.person.speed_effect * (bout.speed - 1.25)
        effect = 1 + 0.4 * faster if bout.activity not in ("sit", "stand") else 1.0
        tables = [activation(muscle, bout.activity, table_phase) for muscle in muscles]
        return effect * np.stack([np.interp(phase[index], table_phase, table) for table in tables], axis=1)

    rows = [KNOWN_MUSCLES.index(muscle) for muscle in muscles]
    return blend(gait, time, value) * gait.person.emg_gain[words.SIDES.index(side), rows]


def band_limited(
    rng: np.random.Generator, samples: int, channels: int, *, rate: float, band: tuple[float, float] = BAND
) -> FloatArray:
    """Return unit-variance noise with the spectrum of surface EMG inside ``band`` (Hz), shape (sample, channel)."""
    size = next_fast_len(samples, real=True)
    frequency = rfftfreq(size, 1 / rate)
    power = (frequency / _PEAK) ** 2 / (1 + (frequency / _PEAK) ** 2) ** 2
    power[(frequency < band[0]) | (frequency > band[1])] = 0
    amplitude = np.sqrt(power * size**2 / (4 * power.sum()))
    shape = (channels, frequency.size)
    spectrum = amplitude * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))
    return np.asarray(irfft(spectrum, n=size, axis=1)[:, :samples].T)
