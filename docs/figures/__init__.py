"""Figures of docs/explanation/processing.md, drawn with the library's own steps on a synthetic walker's EMG.

    python -m docs.figures

writes docs/images/processing-*.svg; the same versions of libraries write the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from docs.figures.amplitudes import draw_envelope, draw_normalize, draw_rms_tkeo
from docs.figures.delays import draw_causal_delay, draw_cut_then_filter
from docs.figures.filters import draw_bandpass, draw_mean, draw_notch, draw_resample
from docs.figures.gaps import draw_bridge
from docs.figures.joints import draw_differentiate, draw_phase
from docs.figures.style import svg
from docs.figures.wavelets import draw_packets, draw_wavelet

IMAGES: Final = Path(__file__).parents[1] / "images"

FIGURES: Final[Mapping[str, Callable[[], Any]]] = {
    "processing-bandpass": draw_bandpass,
    "processing-bridge": draw_bridge,
    "processing-causal-delay": draw_causal_delay,
    "processing-cut-then-filter": draw_cut_then_filter,
    "processing-differentiate": draw_differentiate,
    "processing-envelope": draw_envelope,
    "processing-mean": draw_mean,
    "processing-normalize": draw_normalize,
    "processing-notch": draw_notch,
    "processing-packets": draw_packets,
    "processing-phase": draw_phase,
    "processing-resample": draw_resample,
    "processing-rms-tkeo": draw_rms_tkeo,
    "processing-wavelet": draw_wavelet,
}
"""What draws each image, by the name of its file."""


def drawn(name: str) -> str:
    """Return an image as SVG text."""
    return svg(FIGURES[name], name)
