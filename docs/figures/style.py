"""One look for all figures, and SVG text that stays the same from run to run."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

Array = npt.NDArray[np.float64]

INK: Final = "#26323d"
BEFORE: Final = "#a3aeb9"
AFTER: Final = "#0b4f8a"
OTHER: Final = "#d9691c"
"""Light, dark and middle: they differ in gray too, and `OTHER` is always dashed."""
MARK: Final = "#6b7783"
BAND: Final = "#eef2f6"

_WIDTH: Final = 7.3
_LOOK: Final = {
    "axes.edgecolor": MARK,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.solid_joinstyle": "round",
    "path.simplify": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "biomech-xr",
    "text.color": INK,
    "xtick.color": MARK,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.color": MARK,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 8.5,
}
_PLACES: Final = re.compile(r' (?:d|x|y|width|height|transform)="[^"]*"')
_LONG: Final = re.compile(r"-?\d+\.\d{3,}")


def sheet(height: float) -> Any:
    """Return an empty figure as wide as a page's text, ``height`` inches high."""
    return Figure(figsize=(_WIDTH, height), layout="constrained")


def svg(draw: Callable[[], Any], title: str) -> str:
    """Return a figure as SVG text: text kept as text, coordinates to 0.01 pt, no date and no version."""
    buffer = io.StringIO()
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_LOOK)
        figure = draw()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Title": title})
    text = _PLACES.sub(lambda place: _LONG.sub(_short, place[0]), buffer.getvalue())
    return "\n".join(line.rstrip() for line in text[text.index("<svg") :].splitlines()) + "\n"


def thin(time: Array, values: Array, *, columns: int = 420) -> tuple[Array, Array]:
    """Return a trace reduced to the lowest and the highest sample of each column of the drawing, in their order."""
    size = -(-values.size // columns)
    if size <= 2:
        return time, values
    whole = values[: values.size // size * size].reshape(-1, size)
    ends = np.sort(np.stack([whole.argmin(axis=1), whole.argmax(axis=1)], axis=1), axis=1)
    kept = (ends + size * np.arange(len(whole))[:, None]).reshape(-1)
    return time[kept], values[kept]


def trace(axis: Any, time: Array, values: Array, color: str, *, columns: int = 420, **look: Any) -> None:
    """Draw a noise-like signal, thinned to what the drawing can show."""
    axis.plot(*thin(time, values, columns=columns), color=color, **({"lw": 0.7} | look))
    axis.margins(x=0)


def curve(axis: Any, time: Any, values: Any, *, points: int = 240, **look: Any) -> None:
    """Draw a smooth signal by about ``points`` of its samples, the last one among them."""
    every = max(1, len(time) // points)
    kept = np.unique(np.r_[0 : len(time) : every, len(time) - 1])
    axis.plot(np.asarray(time)[kept], np.asarray(values)[kept], **look)
    axis.margins(x=0)


def contacts(axis: Any, times: Iterable[float]) -> None:
    """Mark initial contacts by dotted lines."""
    for time in times:
        axis.axvline(time, color=MARK, lw=0.9, ls=(0, (1, 2)), zorder=0)


def note(axis: Any, x: float, y: float, text: str, **look: Any) -> None:
    """Write a remark at data coordinates."""
    axis.text(x, y, text, **({"fontsize": 8.5, "color": INK} | look))


def _short(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")
