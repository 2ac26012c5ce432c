"""The sign of frontal hip moments: decided where walking shows it, never on what is no walking."""

from __future__ import annotations

import numpy as np
import pytest

from biomech_xr.evidence import hip_adduction_moment_sign

PHASE = np.linspace(0, 1, 101)
STANCE = np.where(PHASE < 0.62, np.sin(np.pi * PHASE / 0.62) + 0.25 * np.sin(3 * np.pi * PHASE / 0.62), 0.0)


def walking(rng: np.random.Generator, *, scale: float, noise: float) -> np.ndarray:
    """Return frontal moments of twelve strides: a plateau in stance, little in swing."""
    size = rng.uniform(0.8, 1.2, (12, 1))
    swing = 0.08 * np.sin(2 * np.pi * (PHASE - 0.62) / 0.38) * (PHASE >= 0.62)
    return -scale * (size * (0.8 * STANCE + swing) + noise * rng.standard_normal((12, 101)))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("scale", [1.0, 75.0, 75000.0])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_walking_shows_its_sign_in_any_unit(sign: int, scale: float, noise: float) -> None:
    wrong = 0
    for seed in range(20):
        found = hip_adduction_moment_sign(sign * walking(np.random.default_rng(seed), scale=scale, noise=noise))
        assert found.sure
        wrong += found.value != sign
    assert not wrong


def test_what_is_no_walking_decides_nothing() -> None:
    rng = np.random.default_rng(1)
    standing = -0.4 + 0.02 * rng.standard_normal((12, 101))
    flexion = 30 * np.cos(2 * np.pi * PHASE) + 10 + rng.standard_normal((12, 1))
    other_foot = np.roll(walking(rng, scale=1.0, noise=0.0), 50, axis=1)
    for curve in (np.full((12, 101), -0.3), standing, flexion, other_foot, np.full((12, 101), np.nan)):
        assert not hip_adduction_moment_sign(curve).sure
