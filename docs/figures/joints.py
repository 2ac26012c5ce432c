"""What is done to angles: onto a phase grid, and their velocity from past samples."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
import xarray as xr

from biomech_xr import process
from biomech_xr import vocabulary as words
from biomech_xr.synthetic.gait import Bout, angles, make_gait
from biomech_xr.synthetic.person import generator, make_person
from docs.figures.style import AFTER, BEFORE, MARK, OTHER, Array, curve, sheet

_SIDE: Final = "right"
_KNEE: Final = (words.JOINTS.index("knee"), words.MOTIONS.index("flexion"))
_RATE: Final = 100.0
_NOISE: Final = 0.15
"""Noise of a marker-based angle, degrees."""
_CUTOFF: Final = 6.0


@lru_cache(maxsize=4)
def _knee(rate: float) -> tuple[xr.DataArray, Array]:
    """Return the knee's flexion (degrees) of somebody who walks ever faster, and the contacts (s)."""
    speeds = (0.8, 1.0, 1.3, 1.6)
    bouts = [Bout(activity="walk", duration=8.0, speed=speed) for speed in speeds]
    gait = make_gait(make_person("walker", seed=7), bouts, generator(7, "figures", "knee"), grid=_RATE)
    time = np.arange(0, gait.duration, 1 / rate)
    values = angles(gait, time, _SIDE)[:, _KNEE[0], _KNEE[1]]
    attrs = {"sampling_frequency": rate, "units": "degrees"}
    knee = xr.DataArray(values, dims="time", coords={"time": ("time", time, {"units": "s"})}, attrs=attrs)
    return knee, np.asarray(gait.contacts[_SIDE])


def draw_phase() -> Any:
    """Return the knee's angle of strides of different durations, by time since contact and on the phase grid."""
    knee, starts = _knee(_RATE)
    chosen = np.unique(np.linspace(1, len(starts) - 3, 9).round().astype(int))
    first, durations = starts[chosen], np.diff(starts)[chosen]
    grid = process.to_phase(knee, first, durations, points=200)
    figure = sheet(3.0)
    times, phases = figure.subplots(1, 2, sharey=True)
    order = np.argsort(durations)
    for place, i in enumerate(order):
        look: dict[str, Any] = {"color": BEFORE, "lw": 0.9}
        if place in (0, len(order) - 1):
            look = {"color": AFTER, "lw": 1.6} if place == 0 else {"color": OTHER, "lw": 1.6, "ls": (0, (4, 1.5))}
            look["label"] = f"the {'fastest' if place == 0 else 'slowest'} stride, {durations[i]:.2f} s"
        own = knee.sel(time=slice(first[i], first[i] + durations[i]))
        curve(times, own["time"].values - first[i], own.values, **look)
        phase = 100 * grid["phase"].values
        curve(phases, phase, grid.isel(stride=i).values, points=100, **look)
    times.set(xlabel="time since contact (s)", ylabel="knee flexion (degrees)", title="Strides as they were measured")
    phases.set(xlabel="phase (% of the stride)", title="200 samples a stride", xticks=range(0, 101, 20))
    figure.legend(*times.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def draw_differentiate() -> Any:
    """Return the knee's velocity from noisy angles, by differences and by the two forms that smooth, with delays."""
    exact, starts = _knee(_RATE)
    fine, _ = _knee(10 * _RATE)
    true = np.gradient(fine.values, 1 / (10 * _RATE))
    noise = _NOISE * np.random.default_rng(1).standard_normal(exact.size)
    knee = (exact + noise).assign_attrs(exact.attrs)
    low = process.differentiate(knee, cutoff=_CUTOFF)
    forms = {
        "backward difference": process.differentiate(knee),
        f"the same after a causal {_CUTOFF:g} Hz low-pass": low,
        "parabola through the last 7 samples": process.differentiate(knee, method="quadratic", samples=7),
    }
    middle = len(starts) // 2
    begin, end = float(starts[middle]), float(starts[middle + 1])
    figure = sheet(4.6)
    rows = figure.subplots(3, 1, sharex=True, sharey=True)
    for axis, (name, done) in zip(rows, forms.items(), strict=True):
        late = float(done.attrs.get("delay", 0.0))
        shown = (fine["time"].values >= begin) & (fine["time"].values <= end)
        curve(axis, fine["time"].values[shown] - begin, true[shown], color=BEFORE, lw=3.2, label="true velocity")
        part = done.sel(time=slice(begin, end))
        curve(axis, part["time"].values - begin, part.values, color=AFTER, lw=1.1, label="as computed")
        back = done.sel(time=slice(begin + late, end + late))
        look: dict[str, Any] = {"color": OTHER, "lw": 1.1, "ls": (0, (3, 1.5))}
        curve(axis, back["time"].values - late - begin, back.values, label="earlier by the stated delay", **look)
        axis.set_title(f"{name}: delay {1000 * late:.0f} ms")
        axis.axhline(0, color=MARK, lw=0.6, zorder=0)
    rows[1].set_ylabel("knee velocity (degrees/s)")
    rows[-1].set_xlabel("time since contact (s)")
    rows[0].set(xlim=(0, end - begin), ylim=(-520, 520), yticks=(-400, 0, 400))
    figure.legend(*rows[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
