"""The compiled filters against SciPy, for any number of signals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from biomech_xr.process.lanes import LANES, filter_both, filter_forward

SECTIONS = np.concatenate(
    [
        signal.butter(4, (20, 450), btype="bandpass", output="sos", fs=1000),
        signal.tf2sos(*signal.iirnotch(50, 8, fs=1000)),
        signal.butter(2, 6, output="sos", fs=1000),
    ]
)


@pytest.mark.parametrize(("signals", "samples"), [(1, 300), (13, 1000), (LANES, 257), (2 * LANES + 1, 999)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_filters_are_scipys_to_rounding(signals: int, samples: int, dtype: type) -> None:
    values: np.ndarray = np.random.default_rng(signals).standard_normal((signals, samples)).astype(dtype)
    initial = signal.sosfilt_zi(SECTIONS)
    wide = values.astype(np.float64)
    expected = signal.sosfilt(SECTIONS, wide, zi=initial[:, None, :] * wide[None, :, :1])[0]
    np.testing.assert_allclose(filter_forward(values, SECTIONS, initial), expected, atol=1e-11)
    for padding in ("even", "odd"):
        expected = signal.sosfiltfilt(SECTIONS, wide, padtype=padding, padlen=200)
        found = filter_both(values, SECTIONS, initial, padding=padding, length=200)
        np.testing.assert_allclose(found, expected, atol=1e-11)
