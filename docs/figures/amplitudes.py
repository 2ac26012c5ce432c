"""Envelopes, moving RMS, Teager-Kaiser energy and normalization."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from biomech_xr import process
from biomech_xr.process.chains.steps_config import Normalize
from docs.figures.signals import Walk, walk
from docs.figures.style import AFTER, BEFORE, MARK, OTHER, Array, contacts, curve, sheet, trace

_DASHED: Final = (0, (4, 1.5))
_PEOPLE: Final = ("jon", "cleo", "gus")


def draw_envelope() -> Any:
    """Return band-passed EMG, and the same rectified with its envelope and the amplitude that made it."""
    walked = walk(("tibialis_anterior",))
    band = _banded(walked, "tibialis_anterior")
    smooth = process.linear_envelope(band, cutoff=6.0, order=2)
    truth = walked.amplitude.sel(channel="tibialis_anterior") * np.sqrt(2 / np.pi)
    shown = slice(walked.contacts[8] - 0.25, walked.contacts[10] + 0.25)
    figure = sheet(3.9)
    top, bottom = figure.subplots(2, 1, sharex=True)
    _draw(top, band, shown, MARK)
    top.set(ylabel="EMG (mV)", title="Band-passed EMG of the tibialis anterior; contacts dotted")
    _draw(bottom, process.rectify(band), shown, BEFORE, label="rectified")
    smooth, truth = smooth.sel(time=shown), truth.sel(time=shown)
    curve(bottom, smooth["time"] - shown.start, smooth, color=AFTER, lw=1.9, label="6 Hz envelope")
    curve(bottom, truth["time"] - shown.start, truth, color=OTHER, ls=_DASHED, label="true mean amplitude")
    bottom.set(xlabel="time (s)", ylabel="|EMG| (mV)", title="Rectified, and low-passed forward and backward")
    bottom.set_ylim(bottom=0)
    for axis in (top, bottom):
        contacts(axis, walked.contacts[8:11] - shown.start)
    figure.align_ylabels()
    figure.legend(*bottom.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def draw_rms_tkeo() -> Any:
    """Return a burst, its moving RMS over two windows, and its Teager-Kaiser energy."""
    walked = walk(("soleus",))
    band = _banded(walked, "soleus")
    start = float(walked.contacts[8])
    shown = slice(start, float(walked.contacts[9]))
    figure = sheet(4.4)
    top, middle, bottom = figure.subplots(3, 1, sharex=True)
    _draw(top, band, shown, MARK)
    top.set(ylabel="EMG (mV)", title="One stride of the soleus, band-passed")
    for window, look in ((0.05, {"color": OTHER, "ls": _DASHED, "lw": 1.1}), (0.2, {"color": AFTER})):
        part = process.rms_envelope(band, window=window).sel(time=shown)
        middle.plot(part["time"] - start, part, label=f"window {1000 * window:.0f} ms", **look)
    middle.set(ylabel="RMS (mV)", title="Moving RMS, centered")
    middle.set_ylim(bottom=0)
    middle.legend(loc="upper right")
    energy = process.tkeo(band)
    _draw(bottom, energy, shown, AFTER)
    bottom.set(xlabel="time since contact (s)", ylabel="energy (mV²)", title="Teager-Kaiser energy")
    figure.align_ylabels()
    return figure


def draw_normalize() -> Any:
    """Return the strides' envelopes of three people in volts, and divided by each one's own reference."""
    figure = sheet(3.1)
    raw, scaled = figure.subplots(1, 2)
    looks: tuple[dict[str, Any], ...] = (
        {"color": AFTER, "ls": "-"},
        {"color": OTHER, "ls": _DASHED},
        {"color": MARK, "ls": (0, (1, 1))},
    )
    for name, look, letter in zip(_PEOPLE, looks, "ABC", strict=True):
        strides = _strides(name)
        peaks = strides.max("phase").transpose("stride", "channel")
        reference = process.stride_reference(peaks, _table(strides.sizes["stride"]), Normalize(kind="peak_dynamic"))
        divided = process.normalize(strides, reference)
        label = f"person {letter}, reference {1000 * float(reference[0, 0]):.0f} µV"
        _band(raw, strides * 1000, label, look)
        _band(scaled, divided, label, look)
    raw.set(ylabel="envelope (µV)", title="As measured")
    scaled.set(ylabel="envelope (1)", title="Divided by each person's reference")
    scaled.axhline(1, color=MARK, lw=0.8, zorder=0)
    for axis in (raw, scaled):
        axis.set(xlabel="gait cycle (%)", xlim=(0, 100))
        axis.set_ylim(bottom=0)
    scaled.set_ylim(top=1.1)
    figure.legend(*raw.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _banded(walked: Walk, muscle: str) -> xr.DataArray:
    return process.bandpass(walked.emg.sel(channel=muscle), low=20.0, high=450.0, order=4)


def _draw(axis: Any, data: xr.DataArray, shown: slice, color: str, **look: Any) -> None:
    part = data.sel(time=shown)
    trace(axis, part["time"].values - shown.start, part.values, color, columns=500, **look)


def _strides(name: str) -> xr.DataArray:
    """Return the soleus envelopes (channel, stride, phase) of a person's walk, mV."""
    walked = walk(("soleus",), name=name)
    smooth = process.linear_envelope(process.bandpass(walked.emg, low=20.0, high=450.0, order=4), cutoff=6.0, order=2)
    return process.to_phase(smooth, walked.contacts[1:-1])


def _table(count: int) -> pd.DataFrame:
    """Return the labels of one person's strides that the amplitude reference looks at."""
    labels = {"session": "1", "side": "right", "condition": "none"}
    return pd.DataFrame({name: [value] * count for name, value in labels.items()} | {"order": np.arange(count)})


def _band(axis: Any, strides: xr.DataArray, label: str, look: dict[str, Any]) -> None:
    """Draw the mean of strides (channel, stride, phase) and one standard deviation around it."""
    percent = 100 * strides["phase"].values
    mean, spread = (
        part.isel(channel=0).values.astype(float) for part in (strides.mean("stride"), strides.std("stride"))
    )
    outline: Array = np.concatenate([mean + spread, (mean - spread)[::-1]])
    axis.fill(np.concatenate([percent, percent[::-1]]), outline, color=look["color"], alpha=0.13, lw=0)
    axis.plot(percent, mean, label=label, **look)
