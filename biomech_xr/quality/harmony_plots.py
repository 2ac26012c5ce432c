"""The same activity of all sources overlaid: one page of panels a quantity, misfits dashed and named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from biomech_xr.errors import MissingDependencyError
from biomech_xr.quality.harmony import Harmony, Verdict
from biomech_xr.quality.harmony_curves import COMPONENTS, FloatArray, Quantity
from biomech_xr.quality.plots import COLORS, as_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TITLES: Final[Mapping[Quantity, str]] = {
    "angle": "joint angles (degrees)",
    "moment": "internal joint moments (N m/kg)",
    "emg": "EMG envelopes (multiples of the amplitude reference)",
}
_FILES: Final[Mapping[Quantity, str]] = {"angle": "angles", "moment": "moments", "emg": "emg"}
_COLUMNS: Final[Mapping[Quantity, int]] = {"angle": 3, "moment": 3, "emg": 4}
_REMARKS: Final = {
    "flat": "small: shape not judged",
    "too_few_sources": "too few sources to judge",
    "others_disagree": "sources disagree: not judged",
}
Styles = Mapping[str, dict[str, Any]]
_GRAY: Final = "#6b7680"


def write_figures(harmony: Harmony, folder: Path) -> list[Path]:
    """Write one SVG file for each quantity that a source has, and return their paths.

    Raises
    ------
    MissingDependencyError
        matplotlib is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for quantity, name in _FILES.items():
        figure = overlay(harmony, quantity)
        if figure is not None:
            path = folder / f"harmony-{harmony.activity}-{name}.svg"
            path.write_text(as_svg(figure), encoding="utf-8")
            paths.append(path)
    return paths


def overlay(harmony: Harmony, quantity: Quantity) -> Figure | None:
    """Return the curves of all sources, one panel a component, or None when no source has the quantity.

    A source is one line, the mean of its legs; a curve that does not fit is drawn by itself, dashed, and named with
    its source, leg and misfit. The axes are set by the curves that fit.
    """
    own = [verdict for verdict in harmony.curves if verdict.curve.quantity == quantity]
    if not own:
        return None
    styles = {dataset: _style(place) for place, dataset in enumerate(harmony.sources)}
    components = [
        name for name in _arranged(quantity) if quantity != "emg" or any(v.curve.component == name for v in own)
    ]
    columns = min(_COLUMNS[quantity], len(components))
    lines = -(-len(components) // columns)
    legend_rows = -(-len(harmony.sources) // 8)
    figure = _figure(10.5, 1.95 * lines + 0.7 + 0.22 * legend_rows)
    axes = figure.subplots(lines, columns, sharex=True, squeeze=False)
    for axis, component in zip(axes.flat, components, strict=False):
        _panel(axis, component, [v for v in own if v.curve.component == component], styles)
    for axis in axes.flat[len(components) :]:
        axis.set_visible(False)
    for column in axes.T:
        last = [axis for axis in column if axis.get_visible()][-1]
        last.set_xlabel("gait cycle (%)", fontsize=9)
        last.tick_params(labelbottom=True)
    figure.suptitle(f"{harmony.activity.replace('_', ' ')}: {_TITLES[quantity]}", fontsize=11, x=0.01, ha="left")
    _legend(figure, [name for name in harmony.sources if any(v.curve.dataset == name for v in own)], styles)
    return figure


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError.of("matplotlib", "report") from error
    return Figure(figsize=(width, height), layout="constrained")


def _arranged(quantity: Quantity) -> Sequence[str]:
    """Return the components in reading order: flexion, adduction, rotation of each joint."""
    names = COMPONENTS[quantity]
    if quantity == "emg":
        return names
    return [
        f"{joint} {motion}" for joint in ("hip", "knee", "ankle") for motion in ("flexion", "adduction", "rotation")
    ]


def _style(place: int) -> dict[str, Any]:
    """Return color and marker of a source; the palette is used a second time with dots, a third with squares."""
    marks = ("", "o", "s")
    return {
        "color": COLORS[place % len(COLORS)],
        "marker": marks[place // len(COLORS) % len(marks)],
        "markevery": (7 * (place % len(COLORS)), 50),
        "markersize": 3,
    }


def _panel(axis: Axes, component: str, verdicts: Sequence[Verdict], styles: Styles) -> None:
    axis.set_title(component, fontsize=9, loc="left")
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
    axis.set_xlim(0, 100)
    if not verdicts:
        axis.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axis.transAxes, color=_GRAY, fontsize=8)
        axis.set_yticks([])
        return
    fitting: list[FloatArray] = []
    for dataset in sorted({verdict.curve.dataset for verdict in verdicts}):
        legs = [v.curve.values for v in verdicts if v.curve.dataset == dataset and not v.flags]
        if legs:
            fitting.append(np.mean(legs, axis=0))
            axis.plot(_percent(fitting[-1]), fitting[-1], lw=1.3, **styles[dataset])
    wrong = [verdict for verdict in verdicts if verdict.flags]
    for verdict in wrong:
        values = verdict.curve.values
        axis.plot(_percent(values), values, lw=1.5, ls="--", **styles[verdict.curve.dataset])
    axis.axhline(0, color="#b8c0c8", lw=0.7, zorder=0)
    words = _words(verdicts)
    _limits(axis, fitting or [verdict.curve.values for verdict in wrong], max(len(words), 1))
    _write(axis, verdicts, words, styles)


def _percent(values: FloatArray) -> FloatArray:
    return 100 * np.arange(len(values)) / len(values)


def _limits(axis: Axes, curves: Sequence[FloatArray], words: int) -> None:
    """Set the axis by the curves that fit, with room for those that do not and for the lines of words above."""
    low, high = float(np.min(curves)), float(np.max(curves))
    size = max(high - low, 1e-6)
    axis.set_ylim(min(low - 0.25 * size, 0), high + (0.15 + 0.2 * words) * size)


def _words(verdicts: Sequence[Verdict]) -> list[tuple[str, str]]:
    """Return (source, words) for what does not fit, legs of one source that err alike together."""
    lines: dict[tuple[str, str], list[str]] = {}
    for verdict in verdicts:
        if verdict.fit and verdict.flags:
            like = verdict.fit.looks_like
            said = ", ".join(f"like {like}" if flag == "unlike" and like else flag for flag in verdict.flags)
            lines.setdefault((verdict.curve.dataset, said), []).append(verdict.curve.side)
    return [
        (dataset, f"{dataset}{'' if len(sides) == 2 else f' ({sides[0]})'}: {said}")
        for (dataset, said), sides in lines.items()
    ]


def _write(axis: Axes, verdicts: Sequence[Verdict], words: Sequence[tuple[str, str]], styles: Styles) -> None:
    """Name what does not fit in the color of its source, or say why nothing was judged."""
    place: dict[str, Any] = {
        "transform": axis.transAxes,
        "ha": "right",
        "va": "top",
        "bbox": {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
    }
    for line, (dataset, text) in enumerate(words):
        axis.text(0.98, 0.98 - 0.12 * line, text, fontsize=8, color=str(styles[dataset]["color"]), **place)
    states = {verdict.status for verdict in verdicts}
    if not words and len(states) == 1 and (text := _REMARKS.get(next(iter(states)), "")):
        axis.text(0.98, 0.98, text, fontsize=7, color=_GRAY, **place)


def _legend(figure: Figure, names: Sequence[str], styles: Styles) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], lw=1.6, label=name, **{k: v for k, v in styles[name].items() if k != "markevery"})
               for name in names]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=min(8, len(names)), frameon=False, fontsize=9)
