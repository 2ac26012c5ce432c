"""Causal steps under every future; zero-phase steps that do not settle, or were asked for an impossible band."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from biomech_xr import process
from biomech_xr.errors import ProcessingError
from tests.process.test_steps import CAUSAL, RATE, Step, emg

FUTURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "other": lambda later: 50 * emg(seed=1).values[-len(later) :],
    "drift": lambda later: later + np.arange(len(later))[:, None],
    "step": lambda later: later + 1e6,
    "constant": lambda later: np.full_like(later, 4.7),
    "zero": np.zeros_like,
    "missing": lambda later: np.full_like(later, np.nan),
    "gap": lambda later: np.where((np.arange(len(later)) // 100 == 3)[:, None], np.nan, 50 * later),
    "spike": lambda later: later + 1e7 * (np.arange(len(later)) == 40)[:, None],
    "infinite": lambda later: np.where((np.arange(len(later)) == 40)[:, None], np.inf, 50 * later),
}
"""What may come after a moment, from what came there at first."""


@pytest.mark.parametrize("future", FUTURES)
@pytest.mark.parametrize("name", CAUSAL)
def test_the_future_never_changes_the_past(name: str, future: str) -> None:
    x = emg()
    changed = x.copy()
    changed[1200:] = FUTURES[future](x.values[1200:])
    found, expected = CAUSAL[name](changed), CAUSAL[name](x)
    np.testing.assert_array_equal(found[:1200], expected[:1200])
    assert not np.array_equal(found[1200:1300], expected[1200:1300])


@pytest.mark.parametrize(
    ("step", "seconds"),
    [
        (lambda x: process.notch(x, line_frequency=50, q=100, upper=450), 0.3),
        (lambda x: process.highpass(x, cutoff=0.5, order=4), 0.3),
        (lambda x: process.lowpass(x, cutoff=1, order=2), 0.11),
        (lambda x: process.notch(x, line_frequency=50, q=100, upper=450, only_if_present=True), 0.3),
    ],
)
def test_a_piece_in_which_a_zero_phase_filter_does_not_settle_is_missing(step: Step, seconds: float) -> None:
    hum = 100 * np.sin(2 * np.pi * 50 * np.arange(8000) / RATE)
    x = emg(seconds=8.0, channels=2)
    x = x + xr.DataArray(hum, dims="time").astype(np.float32)
    x = x.assign_attrs(sampling_frequency=RATE)
    x[round(seconds * RATE), 0] = np.nan
    found = step(x)
    assert np.isnan(found[: round(seconds * RATE) + 1, 0]).all()
    assert np.isfinite(found[round(seconds * RATE) + 1 :, 0]).all()
    assert np.isfinite(found[:, 1]).all()


def test_a_band_is_the_one_that_was_asked_for_or_an_error() -> None:
    x = emg()
    for high in (500, 5000):
        with pytest.raises(ProcessingError, match=f"edges 20-{high} Hz at 1000 Hz, expected 0 < low < high < 500 Hz"):
            process.bandpass(x, low=20, high=high, order=2)
    wide, narrow = (process.bandpass(x, low=20, high=high, order=2) for high in (490, 450))
    assert float(wide.var()) > 1.05 * float(narrow.var())
