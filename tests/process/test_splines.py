"""Our splines are SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from biomech_xr.process.engine.splines import cubic


@pytest.mark.parametrize("size", [4, 5, 17, 400])
@pytest.mark.parametrize("even", [True, False])
def test_splines_are_those_of_scipy(size: int, even: bool) -> None:
    draw = np.random.default_rng(size)
    times = np.arange(size) / 200 + 3.0 if even else np.cumsum(0.2 + draw.random(size))
    values = draw.standard_normal((7, size)).cumsum(axis=1)
    span = times[-1] - times[0]
    query = draw.uniform(times[0] - 0.01 * span, times[-1] + 0.01 * span, 300)
    query[:3] = times[0], times[-1], times[size // 2]
    found, expected = cubic(times, values.astype(np.float32), query), None
    expected = CubicSpline(times, values.astype(np.float32).astype(np.float64), axis=-1)(query)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * np.abs(values).max())


def test_a_cubic_comes_back_exactly() -> None:
    times = np.sort(np.random.default_rng(0).random(9))
    query = np.linspace(-0.1, 1.1, 50)
    np.testing.assert_allclose(cubic(times, (times**3 - 2 * times)[None], query)[0], query**3 - 2 * query, atol=1e-10)
