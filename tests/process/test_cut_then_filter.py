"""A trial filtered whole and then cut, against strides that are cut first: what docs/explanation/processing.md says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from biomech_xr import process
from biomech_xr.schema import HISTORY
from docs.figures.delays import cut_errors
from tests.process.patients import processed, walking_trial

SOL = 8
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "processing.md"


def test_filtering_each_stride_alone_errs_near_the_cut_as_page_and_figure_say() -> None:
    errors = cut_errors()
    edge = np.concatenate((errors[:, :50], errors[:, -50:]), axis=1).max(axis=1)
    away = errors[:, errors.shape[1] // 2 - 10 : errors.shape[1] // 2 + 10].max()
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    stated = re.search(r"differ by (\d+) % of the envelope's peak on average and by up to (\d+) %", text)
    assert stated is not None, "the page states the figures"
    assert abs(edge.mean() - float(stated[1])) < 1, f"found {edge.mean():.1f} %"
    assert abs(edge.max() - float(stated[2])) < 1, f"found {edge.max():.1f} %"
    assert edge.max() == errors.max(), "the highest point of the figure lies there"
    assert away < 1, "a quarter of a second away"


def test_history_is_the_signal_before_contact_not_padding() -> None:
    chain = process.load_chain("envelope")
    trial = walking_trial(contacts={"left": 0.5 + 1.1 * np.arange(10)})
    block = processed(trial, chain)
    before = block["emg"][1:, SOL, :HISTORY]
    np.testing.assert_array_equal(before, block["emg"][:-1, SOL, HISTORY + 1100 - 250 : HISTORY + 1100])
    assert np.isfinite(before).all()
