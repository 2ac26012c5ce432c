"""Short gaps bridged before filtering and masked afterwards; long ones split the signal."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from biomech_xr import process
from docs.figures.signals import walk
from docs.figures.style import AFTER, BAND, MARK, OTHER, note, sheet, trace

_MUSCLE: Final = "tibialis_anterior"
_GAPS: Final = (0.015, 0.06)
"""Lengths of two gaps, s: one that is bridged, one that is not."""


def draw_bridge() -> Any:
    """Return EMG with two gaps, the same with the short one filled, and the band-passed product with both masked."""
    walked = walk((_MUSCLE,))
    whole = walked.emg.sel(channel=_MUSCLE)
    start = float(walked.contacts[8]) - 0.12
    holes = [(start + 0.15, start + 0.15 + _GAPS[0]), (start + 0.25, start + 0.25 + _GAPS[1])]
    time = whole["time"].values
    lost = np.zeros(time.size, dtype=bool)
    for begin, end in holes:
        lost |= (time >= begin) & (time < end)
    broken = whole.where(~lost).assign_attrs(whole.attrs)
    filled, interpolated = process.interpolate_gaps(broken, longest=0.02)
    product = process.bandpass(filled, low=20.0, high=450.0, order=4).where(~interpolated)
    figure = sheet(4.2)
    rows = figure.subplots(3, 1, sharex=True, sharey=True)
    span = slice(start, start + 0.4)
    titles = (
        f"As recorded: gaps of {1000 * _GAPS[0]:.0f} and {1000 * _GAPS[1]:.0f} ms (shaded)",
        "The short one is bridged by a straight line (dashed), the long one splits the signal",
        "Band-passed in two pieces, not three; what was bridged is masked again",
    )
    for axis, data, title in zip(rows, (broken, filled, product), titles, strict=True):
        part = (data.where(~lost) if data is filled else data).sel(time=span)
        trace(axis, 1000 * (part["time"].values - start), part.values, MARK if data is broken else AFTER, lw=0.9)
        for begin, end in holes:
            axis.axvspan(1000 * (begin - start), 1000 * (end - start), color=BAND, lw=0, zorder=0)
        axis.set_title(title)
        axis.set_ylabel("EMG (mV)")
    line = filled.sel(time=slice(holes[0][0] - 0.0015, holes[0][1] + 0.0005))
    rows[1].plot(1000 * (line["time"] - start), line, color=OTHER, lw=1.6, ls=(0, (2, 1)))
    note(rows[0], 1000 * (holes[1][0] + _GAPS[1] / 2 - start), 0.42, "missing", color=MARK, ha="center")
    rows[0].set(ylim=(-0.55, 0.55), yticks=(-0.5, 0, 0.5), xlim=(0, 400))
    rows[-1].set_xlabel("time (ms)")
    return figure
