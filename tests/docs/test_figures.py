"""The figures of the pages are those that the docs build draws now, small, and the same at every build."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="matplotlib not here: make setup installs it")

from docs.figures import FIGURES, IMAGES, drawn
from docs.figures.style import thin

PAGES = sorted(Path(__file__).parents[2].joinpath("docs").rglob("*.md"))
IMAGE = re.compile(r"!\[([^\]]+)\]\(([^)\s]+\.svg)\)")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
NAME = re.compile(r'(?<=id=")[^"]+|#[mp][0-9a-f]{10}')
"""Of clip paths and markers: they depend on the last digit of coordinates."""

SHIFT = 0.5
"""Points by which processors may differ; a step that changes moves curves further."""


def test_pages_show_every_figure_and_no_other() -> None:
    shown = {(page.parent / link).resolve() for page in PAGES for _, link in IMAGE.findall(page.read_text("utf-8"))}
    assert [image for image in shown if not image.is_file()] == []
    drawn_here = {image.stem for image in shown if image.stem.startswith("processing-")}
    assert drawn_here == set(FIGURES)
    assert {image.stem for image in IMAGES.glob("processing-*")} == set(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_the_image_is_what_the_docs_build_draws(name: str) -> None:
    kept, now = (IMAGES / f"{name}.svg").read_text("utf-8"), drawn(name)
    assert len(kept) < 80_000
    assert "<dc:date>" not in kept
    assert _words(kept) == _words(now), "outdated: run python -m docs.figures"
    kept_shape, now_shape = (NAME.sub("", text) for text in (kept, now))
    assert NUMBER.sub("0", kept_shape) == NUMBER.sub("0", now_shape), "outdated: run python -m docs.figures"
    places = [np.array(NUMBER.findall(shape), dtype=float) for shape in (kept_shape, now_shape)]
    assert np.abs(places[0] - places[1]).max() <= SHIFT, "outdated: run python -m docs.figures"


def _words(image: str) -> list[str]:
    """Return what is written in an image."""
    return re.findall(r"<(?:text|tspan)\b[^>]*>([^<]+)<", image)


def test_drawing_twice_gives_the_same_bytes() -> None:
    assert drawn("processing-causal-delay") == drawn("processing-causal-delay")


def test_thinning_keeps_every_extreme_that_can_be_seen() -> None:
    time, values = np.arange(10_000.0), np.random.default_rng(0).standard_normal(10_000)
    kept_time, kept = thin(time, values, columns=100)
    assert kept.size == 200
    assert (np.diff(kept_time) > 0).all()
    np.testing.assert_array_equal(kept.reshape(-1, 2).max(axis=1), values.reshape(100, -1).max(axis=1))
    np.testing.assert_array_equal(kept.reshape(-1, 2).min(axis=1), values.reshape(100, -1).min(axis=1))
