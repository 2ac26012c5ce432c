"""Wavelet shrinkage: bursts against a quiet baseline, and what happens to the coefficients."""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np
import pywt
from scipy import signal

from biomech_xr import process
from docs.figures.signals import walk
from docs.figures.style import AFTER, BEFORE, MARK, OTHER, Array, contacts, sheet, trace

_RULES: Final[tuple[Literal["soft", "hard", "garrote"], ...]] = ("soft", "hard", "garrote")
_WAVELET: Final = "db4"
_LEVEL: Final = 4
_SHOWN_LEVEL: Final = 3
_TONE: Final = (217.0, 0.02)
"""Frequency (Hz) and amplitude (mV) of a tone amid EMG, as a telephone near the amplifier makes it."""


def draw_wavelet() -> Any:
    """Return bursts before and after each kind of shrinkage, and the coefficients of one level after against before."""
    walked = walk(("soleus",))
    before = process.bandpass(walked.emg.sel(channel="soleus"), low=20.0, high=450.0, order=4)
    done = {
        shrink: process.wavelet_denoise(before, wavelet=_WAVELET, level=_LEVEL, rule="universal", shrink=shrink)
        for shrink in _RULES
    }
    amplitude = walked.amplitude.sel(channel="soleus").values
    burst, quiet = amplitude > 0.5 * amplitude.max(), amplitude < 0.1 * amplitude.max()
    names: dict[str, Any] = {"before": before} | done
    figure = sheet(4.4)
    grid = figure.add_gridspec(4, 2, width_ratios=(1.7, 1))
    rows = [figure.add_subplot(grid[row, 0]) for row in range(4)]
    shown = walked.stride(8, strides=2)
    for axis, (name, data) in zip(rows, names.items(), strict=True):
        part = data.sel(time=shown)
        trace(axis, part["time"].values - shown.start, part.values, MARK if name == "before" else AFTER, columns=320)
        contacts(axis, [walked.contacts[9] - shown.start])
        axis.set(ylim=(-0.65, 0.65), yticks=(-0.5, 0, 0.5))
        loud, rest = (f"{_kept(data, before, where):.0f} %" for where in (burst, quiet))
        kept = f": the burst keeps {loud}, the rest {rest} of its RMS"
        axis.set_title(name + ("" if name == "before" else kept))
        axis.tick_params(labelbottom=axis is rows[-1])
    figure.supylabel("EMG (mV)", fontsize=9)
    rows[-1].set_xlabel("time (s)")
    _draw_coefficients(
        figure.add_subplot(grid[:, 1]), _details(before), {name: _details(one) for name, one in done.items()}
    )
    return figure


def draw_packets() -> Any:
    """Return EMG with a tone inside its band: before, after wavelets (`default`), after packets (`reference`)."""
    walked = walk(("soleus",), seconds=40.0)
    clean = walked.emg.sel(channel="soleus")
    spoiled = (clean + _TONE[1] * np.sin(2 * np.pi * _TONE[0] * clean["time"])).astype(np.float32)
    before = process.bandpass(spoiled.assign_attrs(clean.attrs), low=15.0, high=400.0, order=7)
    done = {"before": before}
    for name, chain in (("db4, level 4", "default"), ("db7, level 9, packets", "reference")):
        own = process.load_chain(chain).emg[2].model_dump(exclude={"step"})
        done[name] = process.wavelet_denoise(before, **own)
    figure = sheet(4.2)
    grid = figure.add_gridspec(3, 2, width_ratios=(1.4, 1))
    rows = [figure.add_subplot(grid[row, 0]) for row in range(3)]
    shown = walked.stride(8, strides=2)
    spectra = figure.add_subplot(grid[:, 1])
    looks = (
        {"color": BEFORE, "lw": 3.2},
        {"color": OTHER, "lw": 1.1, "ls": (0, (3, 1.5))},
        {"color": AFTER, "lw": 1.1},
    )
    for axis, (name, data), look in zip(rows, done.items(), looks, strict=True):
        part = data.sel(time=shown)
        trace(axis, part["time"].values - shown.start, part.values, MARK if name == "before" else AFTER, columns=320)
        contacts(axis, [walked.contacts[9] - shown.start])
        axis.set(ylim=(-0.65, 0.65), yticks=(-0.5, 0, 0.5), title=name)
        axis.tick_params(labelbottom=axis is rows[-1])
        frequency, power = signal.welch(data.values.astype(float), fs=1000.0, nperseg=4000, detrend=False)
        near = np.abs(frequency - _TONE[0]) < 16
        spectra.semilogy(frequency[near], power[near], label=name, **look)
    rows[0].set_title(f"before: soleus with a tone of {_TONE[0]:g} Hz")
    figure.supylabel("EMG (mV)", fontsize=9)
    rows[-1].set_xlabel("time (s)")
    spectra.set(xlabel="frequency (Hz)", ylabel="power (mV²/Hz)", title="Spectrum about the tone")
    figure.legend(*spectra.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _draw_coefficients(axis: Any, given: Array, shrunk: dict[str, Array]) -> None:
    """Draw coefficients after against before, of each kind, in multiples of the threshold."""
    noise = float(np.median(np.abs(given))) / 0.6745
    limit = noise * np.sqrt(2 * np.log(given.size * 2**_SHOWN_LEVEL))
    scaled = given / limit
    fine = np.abs(np.abs(scaled) - 1) < 0.1
    _, places = np.unique(np.where(fine, np.round(scaled, 2), np.round(scaled, 1)), return_index=True)
    near = places[np.abs(scaled[places]) < 3]
    looks: dict[str, dict[str, Any]] = {
        "soft": {"color": AFTER, "ls": "-"},
        "garrote": {"color": OTHER, "ls": (0, (4, 1.5))},
        "hard": {"color": MARK, "ls": (0, (1, 1))},
    }
    axis.plot([-3, 3], [-3, 3], color=BEFORE, lw=0.8, zorder=0)
    for name, look in looks.items():
        axis.plot(scaled[near], shrunk[name][near] / limit, label=name, **look)
    axis.set(xlim=(-3, 3), ylim=(-3, 3), xlabel="coefficient before / threshold", ylabel="after / threshold")
    axis.set_aspect("equal")
    axis.set_title(f"Coefficients of level {_SHOWN_LEVEL}")
    axis.legend(loc="upper left")


def _details(data: Any) -> Array:
    """Return the detail coefficients of the level shown, without those that the ends reach."""
    found = pywt.wavedec(data.values.astype(float), _WAVELET, mode="symmetric", level=_LEVEL)
    return np.asarray(found[_LEVEL - _SHOWN_LEVEL + 1][16:-16])


def _kept(data: Any, before: Any, where: Any) -> float:
    """Return the root mean square after in per cent of that before, over some samples."""
    return float(100 * np.sqrt(np.mean(data.values[where] ** 2.0) / np.mean(before.values[where] ** 2.0)))
