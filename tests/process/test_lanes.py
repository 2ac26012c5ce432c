"""The compiled filters against SciPy, for any number of signals, padding and precision."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from biomech_xr.process.engine.kernels import PAD_SECONDS, filter_sections
from biomech_xr.process.engine.upfirdn import phases

RATE = 400.0
SECTIONS = np.concatenate(
    [
        signal.butter(4, (20, 180), btype="bandpass", output="sos", fs=RATE),
        signal.tf2sos(*signal.iirnotch(50, 8, fs=RATE)),
        signal.butter(3, 6, output="sos", fs=RATE),
    ]
)


@pytest.mark.parametrize(("signals", "samples"), [(1, 300), (13, 1000), (8, 257), (17, 150)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_filters_are_scipys_to_rounding(signals: int, samples: int, dtype: type, count: int) -> None:
    sections = SECTIONS[-count:]
    values: np.ndarray = np.random.default_rng(signals).standard_normal((signals, samples)).astype(dtype)
    wide = values.astype(np.float64)
    initial = signal.sosfilt_zi(sections)
    expected = signal.sosfilt(sections, wide, zi=initial[:, None, :] * wide[None, :, :1])[0]
    found = filter_sections(values, sections, rate=RATE, causal=True)
    np.testing.assert_allclose(found, expected, atol=1e-11)
    length = min(samples - 1, round(PAD_SECONDS * RATE))
    for padding in ("even", "odd"):
        expected = signal.sosfiltfilt(sections, wide, padtype=padding, padlen=length)
        found = filter_sections(values, sections, rate=RATE, causal=False, padding=padding)
        np.testing.assert_allclose(found, expected, atol=1e-11)


@pytest.mark.parametrize("up", [1, 3, 9])
def test_phases_hold_every_tap_once(up: int) -> None:
    taps = np.random.default_rng(0).standard_normal(2 * 37 * up + 1)
    found = phases(taps, up)
    np.testing.assert_allclose(np.sort(found[found != 0]), np.sort(taps * up))
