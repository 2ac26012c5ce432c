"""What a causal filter delays, and what a filter that starts at a cut gets wrong."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import xarray as xr

from biomech_xr import process
from docs.figures.signals import LINE, Walk, walk
from docs.figures.style import AFTER, BAND, INK, OTHER, Array, contacts, curve, sheet

_DASHED: Final = (0, (4, 1.5))
_MUSCLE: Final = "tibialis_anterior"
_EXAMPLE: Final = 8
_BESIDE: Final = 0.3
_NEAR: Final = 250
"""Samples on either side of a cut whose error is shown."""


def draw_causal_delay() -> Any:
    """Return the envelopes of a pulse and of a stride, zero-phase and causal, with the stated delay."""
    figure = sheet(3.1)
    pulse, stride = figure.subplots(1, 2, width_ratios=(1, 1.25))
    _draw_pulse(pulse)
    walked = walk((_MUSCLE,))
    emg = walked.emg.sel(channel=_MUSCLE)
    done = {}
    for causal in (False, True):
        band = process.bandpass(emg, low=20.0, high=450.0, order=4, causal=causal)
        done[causal] = process.linear_envelope(band, cutoff=6.0, order=2, causal=causal)
    contact = float(walked.contacts[_EXAMPLE])
    for causal, look in _looks():
        shown = done[causal].sel(time=slice(contact - _BESIDE, contact + _BESIDE))
        curve(stride, 1000 * (shown["time"] - contact), shown, **look)
    contacts(stride, [0.0])
    half = 0.5 * float(done[False].sel(time=contact))
    falling = done[False].sel(time=slice(contact, None))
    late = 1000 * float(done[True].attrs["delay"])
    _arrow(stride, 1000 * float(falling["time"][int(np.argmax(falling.values < half))] - contact), late, half)
    stride.set(xlabel="time since contact (ms)", ylabel="envelope (mV)", title="The envelope of a burst at contact")
    stride.set_ylim(bottom=0)
    figure.legend(*stride.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _draw_pulse(axis: Any) -> None:
    """Draw the 6 Hz envelope of a pulse of 1 mV at 0."""
    rate, half = 1000.0, 1000
    impulse = xr.DataArray(np.zeros(2 * half + 1, dtype=np.float32), dims="time", attrs={"sampling_frequency": rate})
    impulse[half] = 1.0
    pulses = {causal: process.linear_envelope(impulse, cutoff=6.0, order=2, causal=causal) for causal in (False, True)}
    time = 1000 * (np.arange(impulse.size) - half) / rate
    near = np.abs(time) <= 150
    for causal, look in _looks():
        curve(axis, time[near], 1000 * pulses[causal].values[near], **look)
    late = 1000 * float(pulses[True].attrs["delay"])
    _arrow(axis, 0.0, late, 18.8)
    contacts(axis, [0.0, late])
    axis.set(xlabel="time since the pulse (ms)", ylabel="envelope (µV)", title="6 Hz envelope of a pulse of 1 mV")
    axis.set(ylim=(0, 20), yticks=range(0, 21, 5))


def cut_errors() -> Array:
    """Return what strides filtered by themselves err, in per cent of the mean peak, (stride, ms near both cuts)."""
    walked, trial, chain = _filtered()
    return _errors(walked, trial, chain)


def _filtered() -> tuple[Walk, xr.DataArray, process.Chain]:
    """Return a walk of a minute, its envelope filtered in one go, and the chain."""
    walked = walk((_MUSCLE,), seconds=60.0)
    chain = process.load_chain("envelope")
    return walked, process.filter_emg(walked.emg, chain, line_frequency=LINE, dim="time").sel(channel=_MUSCLE), chain


def draw_cut_then_filter() -> Any:
    """Return a stride filtered in its trial and by itself, and the error of all strides by distance from the cut."""
    walked, trial, chain = _filtered()
    figure = sheet(4.2)
    grid = figure.add_gridspec(2, 2, height_ratios=(1.25, 1))
    top = figure.add_subplot(grid[0, :])
    first = figure.add_subplot(grid[1, 0])
    last = figure.add_subplot(grid[1, 1], sharey=first)
    errors = _errors(walked, trial, chain)
    edges = errors[:, [0, -1]]
    _draw_one(top, walked, trial, chain, number=1 + int(np.abs(edges - edges.mean(axis=0)).sum(axis=1).argmin()))
    near = errors.shape[1] // 2
    for axis, part, time, title in (
        (first, errors[:, :near], np.arange(near), "Error after the first cut"),
        (last, errors[:, near:], np.arange(-near, 0), "Error before the last cut"),
    ):
        curve(axis, time, part.max(axis=0), color=OTHER, ls=_DASHED, label=f"largest of {len(errors)} strides")
        curve(axis, time, part.mean(axis=0), color=AFTER, label="mean")
        axis.set(xlabel="time from the cut (ms)", title=title)
        axis.margins(x=0)
    first.set(ylabel="error (% of peak)")
    first.set_ylim(bottom=0)
    first.legend(loc="upper right")
    return figure


def _draw_one(axis: Any, walked: Walk, trial: xr.DataArray, chain: process.Chain, *, number: int) -> None:
    """Draw the envelope of one stride with what lies beside it, and of the same stride filtered alone."""
    begin, end = walked.contacts[number : number + 2]
    wide = trial.sel(time=slice(begin - _BESIDE, end + _BESIDE))
    alone = _alone(walked, number, chain)
    axis.axvspan(0, 1000 * (end - begin), color=BAND, lw=0, zorder=0)
    curve(axis, 1000 * (wide["time"] - begin), wide, color=AFTER, label="trial filtered, then cut")
    curve(axis, np.arange(alone.size), alone, color=OTHER, ls=_DASHED, label="cut, then filtered")
    axis.set(xlabel="time since contact (ms)", ylabel="envelope (mV)")
    axis.set_title("6 Hz envelope of the tibialis anterior; the stride is shaded")
    axis.margins(x=0)
    axis.set_ylim(bottom=0)
    axis.legend(loc="upper center")


def _alone(walked: Walk, number: int, chain: process.Chain) -> Array:
    """Return the envelope of a stride that is filtered by itself."""
    begin, end = _samples(walked, number)
    cut = walked.emg.sel(channel=_MUSCLE).isel(time=slice(begin, end)).drop_vars("time")
    return np.asarray(process.filter_emg(cut, chain, line_frequency=LINE, dim="time").values, dtype=float)


def _errors(walked: Walk, trial: xr.DataArray, chain: process.Chain) -> Array:
    """Return the absolute error in per cent of the mean peak, (stride, first and last `_NEAR` ms of a stride)."""
    rows, peaks = [], []
    for number in range(1, len(walked.contacts) - 2):
        begin, end = _samples(walked, number)
        right = trial.values[begin:end].astype(float)
        error = np.abs(_alone(walked, number, chain) - right)
        rows.append(np.concatenate([error[:_NEAR], error[-_NEAR:]]))
        peaks.append(right.max())
    return 100 * np.stack(rows) / float(np.mean(peaks))


def _samples(walked: Walk, number: int) -> tuple[int, int]:
    """Return the first sample of a stride and of the next one, at 1000 Hz."""
    begin, end = np.round(1000 * walked.contacts[number : number + 2]).astype(int)
    return int(begin), int(end)


def _arrow(axis: Any, start: float, late: float, height: float) -> None:
    """Draw a delay (ms) as an arrow to the right, its length written after it."""
    look = {"arrowstyle": "-|>", "color": INK, "lw": 1.1, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 7}
    axis.annotate("", xy=(start + late, height), xytext=(start, height), arrowprops=look)
    place = (start + late, height)
    axis.annotate(f"delay {late:.1f} ms", place, xytext=(6, 0), textcoords="offset points", va="center", fontsize=8.5)


def _looks() -> tuple[tuple[bool, dict[str, Any]], ...]:
    return (
        (False, {"color": AFTER, "label": "zero-phase"}),
        (True, {"color": OTHER, "ls": _DASHED, "label": "causal"}),
    )
