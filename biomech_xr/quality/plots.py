"""Ensemble curves as figures: mean over persons and one SD, one line a source."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr

from biomech_xr.errors import MissingDependencyError
from biomech_xr.vocabulary import JOINTS, MUSCLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C564B")
"""Okabe and Ito's palette, which color-blind readers can tell apart."""

_DIRECTIONS: Final = {"hip": "flexion +", "knee": "flexion +", "ankle": "dorsiflexion +"}


def joint_figure(curves: xr.Dataset, activity: str, *, motion: str = "flexion") -> Figure | None:
    """Return angles (upper row) and moments (lower row) of the three joints, or None without data.

    Parameters
    ----------
    curves
        Result of `ensemble(by=["dataset", "activity"])`, computed; kinematics in degrees, kinetics in N m/kg.
    activity
        Activity to show.
    motion
        Plane to show.
    """
    rows = [("kinematics", "angle (°)"), ("kinetics", "moment (N m/kg)")]
    chosen = curves.sel(activity=activity, motion=motion)
    rows = [(name, label) for name, label in rows if bool(np.isfinite(chosen[f"{name}_mean"]).any())]
    if not rows:
        return None
    figure = _figure(10.5, 2.5 * len(rows) + 0.5)
    axes = figure.subplots(len(rows), len(JOINTS), sharex=True, squeeze=False)
    for row, (name, label) in zip(axes, rows, strict=True):
        for axis, joint in zip(row, JOINTS, strict=True):
            _draw(axis, chosen.sel(joint=joint), name)
            if not axis.lines[:-1]:
                axis.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axis.transAxes, color="#8a949e")
                axis.set_yticks([])
            axis.set_title(f"{joint} {label.split()[0]}, {_DIRECTIONS[joint]}", fontsize=9, loc="left")
        row[0].set_ylabel(label)
    _finish(figure, axes)
    return figure


def muscle_figure(curves: xr.Dataset, activity: str) -> Figure | None:
    """Return the EMG of the muscles that at least one source measured, or None without data.

    Parameters
    ----------
    curves
        As for `joint_figure`; EMG in multiples of the amplitude reference.
    activity
        Activity to show.
    """
    chosen = curves.sel(activity=activity)
    shown = [muscle for muscle in MUSCLES if bool(np.isfinite(chosen["emg_mean"].sel(channel=muscle)).any())]
    if not shown:
        return None
    columns = min(4, len(shown))
    lines = -(-len(shown) // columns)
    figure = _figure(10.5, 1.75 * lines + 0.5)
    axes = figure.subplots(lines, columns, sharex=True, squeeze=False)
    for axis, muscle in zip(axes.flat, shown, strict=False):
        _draw(axis, chosen.sel(channel=muscle), "emg")
        axis.set_title(muscle.replace("_", " "), fontsize=9, loc="left")
        axis.set_ylim(bottom=0)
    for axis in axes.flat[len(shown) :]:
        axis.set_visible(False)
    for row in axes:
        row[0].set_ylabel("EMG (reference)")
    _finish(figure, axes)
    return figure


def as_svg(figure: Figure) -> str:
    """Return a figure as an SVG element without XML prolog, its text kept as text."""
    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "biomech-xr"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError.of("matplotlib", "report") from error
    return Figure(figsize=(width, height), layout="constrained")


def _draw(axis: Axes, curves: xr.Dataset, name: str) -> None:
    percent = 100 * np.asarray(curves["phase"])
    for number, dataset in enumerate(np.asarray(curves["dataset"])):
        one = curves.sel(dataset=dataset)
        mean = np.asarray(one[f"{name}_mean"], dtype=float)
        if not np.isfinite(mean).any():
            continue
        spread = np.asarray(one[f"{name}_sd"], dtype=float)
        if not np.isfinite(spread).any():
            spread = np.asarray(one[f"{name}_sd_strides"], dtype=float)
        color = COLORS[number % len(COLORS)]
        axis.plot(percent, mean, color=color, lw=1.6, label=str(dataset))
        axis.fill_between(percent, mean - spread, mean + spread, color=color, alpha=0.16, lw=0)
    axis.axhline(0, color="#b8c0c8", lw=0.7, zorder=0)


def _finish(figure: Figure, axes: Any) -> None:
    handles: dict[str, Any] = {}
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
        axis.set_xlim(0, 100)
        handles |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    for column in np.asarray(axes).T:
        visible: Sequence[Axes] = [axis for axis in column if axis.get_visible()]
        visible[-1].set_xlabel("gait cycle (%)", fontsize=9)
        visible[-1].tick_params(labelbottom=True)
    handles = dict(sorted(handles.items()))
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper right", ncols=len(handles), frameon=False, fontsize=9
    )
