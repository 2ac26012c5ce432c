"""Steps on signals of other types than float32, and on those with hardly a sample."""

from __future__ import annotations

import numpy as np
import pytest

from biomech_xr import process
from tests.process.test_steps import ALL, emg


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", [np.int16, np.float16, np.float64])
def test_numbers_of_any_type_are_taken(name: str, dtype: type) -> None:
    x = (emg() * 100).round().clip(-2000, 2000).assign_attrs(emg().attrs)
    np.testing.assert_array_equal(ALL[name](x.astype(dtype)), ALL[name](x.astype(np.float64)))


@pytest.mark.parametrize("name", ALL)
def test_a_signal_without_samples_or_of_a_few_counts_is_no_crash(name: str) -> None:
    assert ALL[name](emg()[:0]).shape == (0, 2)
    short = ALL[name]((emg()[:20] * 100).astype(np.int16))
    assert short.shape == (20, 2)
    assert short.dtype == np.float32


def test_the_lowest_count_of_a_converter_is_rectified_too() -> None:
    x = emg()[:2].astype(np.int16)
    x[0] = np.iinfo(np.int16).min
    assert (process.rectify(x)[0] == 32768).all()
