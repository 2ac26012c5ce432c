"""A synthetic walker's raw EMG, with what spoils a real one: hum, drift, movement artefacts at contact, noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import xarray as xr
from scipy import signal

from biomech_xr.synthetic.activation import KNOWN_MUSCLES
from biomech_xr.synthetic.emg import envelopes, make_emg
from biomech_xr.synthetic.gait import Bout, make_gait
from biomech_xr.synthetic.person import generator, make_person
from docs.figures.style import Array

LINE: Final = 50.0
"""Mains frequency, Hz."""

_SIDE: Final = "right"
_FLOOR: Final = 0.003
"""Noise of electrode and amplifier, mV root mean square."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Walk:
    """Level walking of one leg: raw EMG (mV) and its true amplitude (mV root mean square), and contacts in s.

    Arrays have the dims (channel, time).
    """

    emg: xr.DataArray
    amplitude: xr.DataArray
    contacts: Array

    def stride(self, number: int, *, strides: int = 1) -> slice:
        """Return the time (s) of some successive strides, for `sel`."""
        return slice(float(self.contacts[number]), float(self.contacts[number + strides]))


@lru_cache(maxsize=16)
def walk(
    muscles: tuple[str, ...],
    *,
    name: str = "walker",
    seconds: float = 24.0,
    rate: float = 1000.0,
    hum: float = 0.0,
    drift: float = 0.0,
    artefact: float = 0.0,
) -> Walk:
    """Return a person's walk at 1.25 m/s, the same at every call.

    Parameters
    ----------
    muscles
        Words of the synthetic walker.
    name
        Who walks.
    seconds, rate
        Duration in s, sampling frequency in Hz.
    hum, drift, artefact
        Amplitude in mV of the mains hum with its third harmonic, of the slow drift (standard deviation), and of the
        10 Hz oscillation after each contact.
    """
    unknown = [muscle for muscle in muscles if muscle not in KNOWN_MUSCLES]
    if unknown:
        raise ValueError(f"walk: found muscles {unknown}, expected some of {KNOWN_MUSCLES}")
    rng = generator(7, "figures", name)
    gait = make_gait(make_person(name, seed=7), [Bout(activity="walk", duration=seconds)], rng, grid=rate)
    raw = make_emg(gait, _SIDE, muscles, rng, rate=rate, line_frequency=LINE, hum=hum, offset=0.0).T
    time = np.arange(raw.shape[1]) / rate
    raw = raw + _FLOOR * rng.standard_normal(raw.shape) + _wander(rng, raw.shape, drift, rate)
    if artefact:
        raw = raw + artefact * sum(_shaken(time - contact) for contact in gait.contacts[_SIDE])
    coords = {"channel": list(muscles), "time": ("time", time, {"units": "s"})}
    attrs = {"sampling_frequency": rate, "units": "mV"}
    return Walk(
        emg=xr.DataArray(raw.astype(np.float32), dims=("channel", "time"), coords=coords, attrs=attrs),
        amplitude=xr.DataArray(envelopes(gait, _SIDE, muscles, time).T, dims=("channel", "time"), coords=coords),
        contacts=gait.contacts[_SIDE],
    )


def _wander(rng: np.random.Generator, shape: tuple[int, ...], size: float, rate: float) -> Array:
    """Return noise below 1 Hz of standard deviation ``size``."""
    slow = signal.sosfiltfilt(signal.butter(2, 1.0, output="sos", fs=rate), rng.standard_normal(shape))
    return np.asarray(size * slow / slow.std(axis=-1, keepdims=True))


def _shaken(since: Array) -> Array:
    """Return the oscillation of a cable or of soft tissue, by the time (s) since contact."""
    after = np.maximum(since, 0.0)
    return np.where(since > 0, np.exp(-after / 0.05) * np.sin(2 * np.pi * 10 * after), 0.0)
