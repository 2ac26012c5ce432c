"""Band-pass, notch and resampling: signals and their spectra."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import xarray as xr
from scipy import signal

from biomech_xr import process
from docs.figures.signals import LINE, walk
from docs.figures.style import AFTER, BAND, BEFORE, MARK, OTHER, Array, contacts, note, sheet, trace

_BAND: Final = (20.0, 450.0)
_POWER: Final = "power (mV²/Hz)"
_FREQUENCY: Final = "frequency (Hz)"


def draw_mean() -> Any:
    """Return EMG with an offset and drift, the same without its mean, and after a high-pass."""
    walked = walk(("tibialis_anterior",), drift=0.3)
    raw = walked.emg.sel(channel="tibialis_anterior")
    raw = (raw + np.float32(0.4)).assign_attrs(raw.attrs)
    figure = sheet(3.9)
    rows = figure.subplots(3, 1, sharex=True, sharey=True)
    for axis, data, title, color in (
        (rows[0], raw, "Raw: an offset of 0.4 mV, and drift", MARK),
        (rows[1], process.remove_mean(raw), "Without its mean: the drift stays", AFTER),
        (rows[2], process.highpass(raw, cutoff=20.0, order=4), "After a 20 Hz high-pass: both are gone", AFTER),
    ):
        part = data.sel(time=slice(6, 16))
        trace(axis, part["time"].values - 6, part.values, color)
        axis.axhline(0, color=MARK, lw=0.6, zorder=0)
        axis.set_title(title)
    rows[0].set(xlim=(0, 10), ylim=(-0.6, 1.1), yticks=(-0.5, 0, 0.5, 1))
    rows[1].set_ylabel("EMG (mV)")
    rows[2].set_xlabel("time (s)")
    return figure


def draw_bandpass() -> Any:
    """Return two strides before and after the band-pass, and the spectra of the walk."""
    walked = walk(("tibialis_anterior",), rate=2000.0, drift=0.15, artefact=0.5)
    before = walked.emg.sel(channel="tibialis_anterior")
    after = process.bandpass(before, low=_BAND[0], high=_BAND[1], order=4)
    shown = slice(walked.contacts[8] - 0.25, walked.contacts[10] + 0.25)
    figure = sheet(3.5)
    grid = figure.add_gridspec(2, 2, width_ratios=(1.25, 1))
    top = figure.add_subplot(grid[0, 0])
    bottom = figure.add_subplot(grid[1, 0], sharex=top, sharey=top)
    spectra = figure.add_subplot(grid[:, 1])
    for axis, data, color in ((top, before, MARK), (bottom, after, AFTER)):
        part = data.sel(time=shown)
        trace(axis, part["time"].values - shown.start, part.values, color)
        contacts(axis, walked.contacts[8:11] - shown.start)
        axis.set_ylabel("EMG (mV)")
    top.set_title("Raw: drift, artefacts at contact (dotted)")
    bottom.set_title("Band-passed, 20-450 Hz, zero-phase")
    top.set(xlim=(0, shown.stop - shown.start), ylim=(-0.6, 0.8), yticks=(-0.5, 0, 0.5))
    top.tick_params(labelbottom=False)
    bottom.set_xlabel("time (s)")
    spectra.axvspan(*_BAND, color=BAND, lw=0, zorder=0)
    for data, look in ((before, {"color": BEFORE, "lw": 3.2}), (after, {"color": AFTER})):
        spectra.loglog(*_spectrum_in_octaves(data), **look)
    spectra.set_xlim(1, 1000)
    spectra.set_ylim(1e-10, 0.1)
    spectra.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
    spectra.set(xlabel=_FREQUENCY, ylabel=_POWER, title="Spectrum; the band is shaded")
    note(spectra, 1.3, 2e-2, "raw", color=MARK)
    note(spectra, 6.5, 3e-9, "filtered", color=AFTER, ha="right")
    return figure


def draw_notch() -> Any:
    """Return the spectra of a channel with hum and of one without, before and after the notch."""
    settings: dict[str, Any] = {"line_frequency": LINE, "upper": _BAND[1], "width": 6.0}
    panels = []
    for hum in (0.03, 0.0):
        raw = walk(("tibialis_anterior",), seconds=60.0, hum=hum).emg.sel(channel="tibialis_anterior")
        before = process.bandpass(raw, low=_BAND[0], high=_BAND[1], order=4)
        panels.append((before, process.notch(before, only_if_present=True, **settings)))
    figure = sheet(2.9)
    axes = figure.subplots(1, 2, sharey=True)
    titles = ("Hum at 50 and 150 Hz: notched there", "No hum: nothing is taken away")
    for axis, (before, after), title in zip(axes, panels, titles, strict=True):
        axis.semilogy(*_spectrum(before), color=BEFORE, lw=3.2, label="before")
        axis.semilogy(*_spectrum(after), color=AFTER, lw=1.1, label="only where there is hum")
        axis.set(xlim=(25, 175), xticks=(50, 100, 150), xlabel=_FREQUENCY, title=title)
    always = process.notch(panels[1][0], **settings)
    axes[1].semilogy(*_spectrum(always), color=OTHER, lw=1.2, ls=(0, (3, 1.5)), label="always, as in causal chains")
    axes[0].set(ylabel=_POWER, ylim=(3e-8, 2e-3))
    handles, labels = axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def draw_resample() -> Any:
    """Return a tone of 450 Hz on an envelope, resampled to 200 Hz and thinned to it, as spectra and in time."""
    tone, rate, target = 450.0, 2000.0, 200.0
    walked = walk(("soleus",), rate=rate)
    band = process.bandpass(walked.emg.sel(channel="soleus"), low=_BAND[0], high=_BAND[1], order=4)
    smooth = process.linear_envelope(band, cutoff=6.0, order=2)
    spoiled = smooth + 0.03 * np.sin(2 * np.pi * tone * smooth["time"]).astype(np.float32)
    spoiled = spoiled.assign_attrs(smooth.attrs)
    right = process.resample(spoiled, target=target)
    wrong = spoiled[:: round(rate / target)].assign_attrs(sampling_frequency=target)
    figure = sheet(3.0)
    spectra, times = figure.subplots(1, 2, width_ratios=(1.25, 1))
    spectra.axvspan(0, target / 2, color=BAND, lw=0, zorder=0)
    for data, look in (
        (spoiled, {"color": BEFORE, "lw": 3.2}),
        (wrong, {"color": OTHER, "lw": 1.1, "ls": (0, (3, 1.5))}),
        (right, {"color": AFTER, "lw": 1.3}),
    ):
        spectra.semilogy(*_spectrum(data, seconds=1.0), **look)
    spectra.set(xlim=(0, 500), ylim=(1e-14, 1), xlabel=_FREQUENCY, ylabel=_POWER)
    spectra.set_title("Spectrum; what 200 Hz can hold is shaded")
    note(spectra, tone, 1e-2, "450 Hz tone", color=MARK, ha="center")
    note(spectra, 110, 1e-4, "folded to 50 Hz", color=OTHER)
    start = float(walked.contacts[8]) + 0.3
    part = slice(start, start + 0.3)
    shown, kept, thinned = (data.sel(time=part) for data in (spoiled, right, wrong))
    times.plot(1000 * (shown["time"] - start), shown, color=BEFORE, lw=0.7, label="2000 Hz, with a tone of 450 Hz")
    times.plot(
        1000 * (thinned["time"] - start), thinned, color=OTHER, lw=1.3, ls=(0, (3, 1.5)), label="every tenth sample"
    )
    times.plot(1000 * (kept["time"] - start), kept, color=AFTER, label="resampled to 200 Hz")
    times.set(xlabel="time (ms)", ylabel="envelope (mV)", title="Soleus at push-off")
    times.margins(x=0)
    figure.legend(*times.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _spectrum(data: xr.DataArray, *, seconds: float = 2.0) -> tuple[Array, Array]:
    """Return Welch's spectrum with segments of some seconds: frequency (Hz) and power (mV²/Hz)."""
    rate = float(data.attrs["sampling_frequency"])
    frequency, power = signal.welch(data.values.astype(float), fs=rate, nperseg=round(seconds * rate), detrend=False)
    return frequency, power


def _spectrum_in_octaves(data: xr.DataArray) -> tuple[Array, Array]:
    """Return the spectrum without the first and the last second, averaged over bands of a twelfth of an octave."""
    margin = round(float(data.attrs["sampling_frequency"]))
    frequency, power = _spectrum(data[margin:-margin], seconds=1.0)
    band = np.round(12 * np.log2(np.maximum(frequency, frequency[1]))).astype(int)
    kept = np.unique(band[1:])
    return (
        np.array([frequency[1:][band[1:] == one].mean() for one in kept]),
        np.array([power[1:][band[1:] == one].mean() for one in kept]),
    )
