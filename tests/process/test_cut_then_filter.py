"""A trial filtered whole and then cut, against strides that are cut first: what docs/explanation/processing.md says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import xarray as xr

from biomech_xr import process
from biomech_xr.schema import HISTORY
from tests.process.patients import processed, raw_emg, walking_trial

RATE = 1000.0
SOL = 8
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "processing.md"


def cut_then_filter(chain: process.Chain) -> tuple[np.ndarray, np.ndarray]:
    """Return the strides (n, 1100) of the left soleus: filtered whole then cut, and cut then filtered."""
    emg = raw_emg(24.0, RATE, seed=4)
    contacts = {"left": 0.5 + 1.1 * np.arange(21)}
    trial = walking_trial(seconds=24.0, emg=emg, contacts=contacts)
    whole = processed(trial, chain)["emg"][:, SOL, HISTORY : HISTORY + 1100]
    starts = np.round(np.asarray(contacts["left"])[:-1] * RATE).astype(int)
    strides = np.stack([emg[start : start + 1100, 0, 1] for start in starts])
    alone = process.filter_emg(
        xr.DataArray(strides, dims=("stride", "time"), attrs={"sampling_frequency": RATE}),
        chain,
        line_frequency=50.0,
        dim="time",
    )
    return whole, alone.values


def test_filtering_each_stride_alone_errs_near_the_cut() -> None:
    whole, alone = cut_then_filter(process.load_chain("envelope"))
    peak = whole.max(axis=1).mean()
    error = np.abs(alone - whole) / peak
    edge = np.concatenate((error[:, :50], error[:, -50:]), axis=1).max(axis=1)
    middle = error[:, 500:600].max()
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    stated = re.search(r"differ by (\d+) % of the envelope's peak on average and by up to (\d+) %", text)
    assert stated is not None, "the page states the figures"
    assert abs(100 * edge.mean() - float(stated[1])) < 1, f"found {100 * edge.mean():.1f} %"
    assert abs(100 * edge.max() - float(stated[2])) < 2, f"found {100 * edge.max():.1f} %"
    assert middle < 0.02


def test_history_is_the_signal_before_contact_not_padding() -> None:
    chain = process.load_chain("envelope")
    trial = walking_trial(contacts={"left": 0.5 + 1.1 * np.arange(10)})
    block = processed(trial, chain)
    before = block["emg"][1:, SOL, :HISTORY]
    np.testing.assert_array_equal(before, block["emg"][:-1, SOL, HISTORY + 1100 - 250 : HISTORY + 1100])
    assert np.isfinite(before).all()
