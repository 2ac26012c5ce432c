"""Denoising against PyWavelets."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
import xarray as xr
from scipy import signal

from biomech_xr import process
from biomech_xr.process.engine.apply import apply_stages, run
from biomech_xr.process.engine.kernels import PAD_SECONDS
from biomech_xr.process.engine.medians import noise_rows
from biomech_xr.process.engine.shrinkage import RULES, threshold_of
from biomech_xr.process.engine.stages import Rule, Sections, Shrink, Shrinkage
from biomech_xr.process.engine.vectors import lanes_of

RATE = 1000.0
MAD = 0.6744897501960817


def threshold(values: np.ndarray, size: int, rule: Rule) -> float:
    noise = np.median(np.abs(values)) / MAD
    if rule == "universal":
        return float(noise * np.sqrt(2 * np.log(size)))
    if rule == "bayes":
        spread = np.mean(values**2) - noise**2
        return float(noise**2 / np.sqrt(spread)) if spread > 0 else float(2 * np.abs(values).max())
    candidates = np.concatenate(([0.0], np.abs(values)))
    candidates = candidates[candidates <= noise * np.sqrt(2 * np.log(values.size))]
    scaled = (values / noise) ** 2
    risks = [
        values.size - 2 * (np.abs(values) <= t).sum() * (t > 0) + np.minimum(scaled, (t / noise) ** 2).sum()
        for t in candidates
    ]
    return float(candidates[int(np.argmin(risks))])


def denoised(values: np.ndarray, stage: Shrinkage) -> np.ndarray:
    """Return one signal denoised by PyWavelets."""
    coefficients = pywt.wavedec(values, stage.wavelet, mode="symmetric", level=stage.level)
    shrunk = [
        pywt.threshold(detail, threshold(detail, values.size, stage.rule), stage.shrink) for detail in coefficients[1:]
    ]
    whole = pywt.waverec([coefficients[0], *shrunk], stage.wavelet, mode="symmetric")
    return np.asarray(whole[: values.size])


def bursts(signals: int, samples: int) -> np.ndarray:
    shape = 0.05 + np.sin(np.arange(samples) * np.pi / 400) ** 8
    return np.asarray(np.random.default_rng(samples).standard_normal((signals, samples)) * shape)


@pytest.mark.filterwarnings("ignore:Level value")
@pytest.mark.parametrize("shrink", ["soft", "hard", "garrote"])
@pytest.mark.parametrize("rule", ["universal", "sure", "bayes"])
def test_denoising_is_pywavelets(rule: Rule, shrink: Shrink) -> None:
    for wavelet, level, samples in (("db4", 4, 1501), ("db7", 5, 1000), ("haar", 3, 333), ("db4", 4, 112)):
        stage = Shrinkage(wavelet, level, rule, shrink, packets=False)
        x = bursts(11, samples)
        expected = np.stack([denoised(row, stage) for row in x])
        exact = run(x + 20.0, (stage,), rate=RATE, causal=False, dtype=np.float64)
        np.testing.assert_allclose(exact, expected + 20.0, atol=1e-10)
        found = apply_stages(x, (stage,), rate=RATE, causal=False)
        assert (np.sqrt(np.mean((found - expected) ** 2, axis=1)) < 1e-5 * expected.std(axis=1)).all()


@pytest.mark.parametrize("rate", [1111.11, 2000.0, 4000.0])
def test_a_denoised_chain_is_near_float64_at_any_rate(rate: float) -> None:
    band = signal.butter(4, (20, 450), btype="bandpass", output="sos", fs=rate)
    lines = [signal.tf2sos(*signal.iirnotch(f, f / 6, fs=rate)) for f in range(50, 450, 50)]
    sections = np.concatenate((band, *lines))
    t = np.arange(round(10 * rate)) / rate
    shape = 0.05 + np.sin(np.pi * t) ** 8
    x = np.random.default_rng(0).standard_normal((3, t.size)) * shape + 0.1 * np.sin(2 * np.pi * 50 * t)
    stage = Shrinkage("db4", 4, "universal", "soft", packets=False)
    padding = round(PAD_SECONDS * rate)
    filtered = signal.sosfiltfilt(sections, x, padtype="even", padlen=padding)
    expected = np.stack([denoised(row, stage) for row in filtered])
    found = apply_stages(x, (Sections.of(sections), stage), rate=rate, causal=False)
    assert found.dtype == (np.float64 if rate == 4000 else np.float32)
    assert (np.sqrt(np.mean((found - expected) ** 2, axis=1)) < 1e-5 * expected.std(axis=1)).all()


def test_denoising_keeps_bursts_and_empties_silence() -> None:
    t = np.arange(4000) / RATE
    clean = np.sin(2 * np.pi * 60 * t) * (np.abs(t - 2) < 0.3) * 5
    noisy = clean + 0.1 * np.random.default_rng(0).standard_normal(4000)
    stage = Shrinkage("db4", 4, "universal", "soft", packets=False)
    found = np.asarray(apply_stages(noisy, (stage,), rate=RATE, causal=False))
    assert np.std(found[:1500]) < 0.4 * np.std(noisy[:1500])
    assert np.std(found[1750:2250] - clean[1750:2250]) < 0.25 * np.std(clean[1750:2250])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 2, 500, 4001, 9000])
@pytest.mark.parametrize("kind", ["noise", "bursts", "rounded", "zero", "heavy"])
def test_noise_is_the_median_whatever_the_distribution(kind: str, count: int, dtype: type) -> None:
    lanes = lanes_of(dtype)
    values = np.random.default_rng(count).standard_normal((count + 3, lanes))
    values = {
        "noise": values,
        "bursts": values * (0.05 + np.sin(np.arange(count + 3) / 300)[:, None] ** 8),
        "rounded": np.round(2 * values),
        "zero": 0 * values,
        "heavy": np.exp(8 * values),
    }[kind].astype(dtype)
    noise = np.full(lanes, -1.0)
    noise_rows(values, 3, count, lanes - 1, noise)
    expected = np.median(np.abs(values[3:, :-1].astype(np.float64)), axis=0) / MAD
    np.testing.assert_allclose(noise[:-1], expected, rtol=1e-6)
    assert noise[-1] == -1.0


@pytest.mark.parametrize("loud", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("count", [1, 2, 7, 60, 700, 6000])
@pytest.mark.parametrize("kind", ["noise", "bursts", "rounded", "sparse", "heavy"])
def test_sure_takes_the_least_risk_of_all_magnitudes(kind: str, count: int, loud: float) -> None:
    x = np.random.default_rng(count).standard_normal(count)
    x = {
        "noise": x,
        "bursts": x * (0.05 + np.sin(np.arange(count) / 300) ** 8),
        "rounded": np.round(2 * x),
        "sparse": np.where(np.arange(count) % 9 == 0, 20 * x, 0.1 * x),
        "heavy": np.exp(4 * x),
    }[kind]
    magnitudes = np.abs(x)
    noise = max(loud * np.median(magnitudes) / MAD, 1e-3)
    at = np.append(0.0, magnitudes[magnitudes <= noise * np.sqrt(2 * np.log(count))])
    ordered = np.sort(magnitudes)
    below = np.searchsorted(ordered, at, side="right")
    power = np.append(0.0, np.cumsum((ordered / noise) ** 2))[below]
    risks = count - 2 * np.where(at > 0, below, 0) + power + (count - below) * (at / noise) ** 2
    found = threshold_of(magnitudes.copy(), noise, count, RULES.index("sure"))
    assert found in at
    assert risks[at == found].min() <= risks.min() + 1e-9 * count


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("noise", [0.0, 5e-324, 1e-310, 1e-160, 1e-141, 1e160, np.inf, np.nan])
def test_no_noise_is_too_small_or_too_large(noise: float, rule: str) -> None:
    magnitudes = np.abs(np.random.default_rng(0).standard_normal(4000)) * (noise if np.isfinite(noise) else 1.0)
    magnitudes[::7] = 0.0
    found = threshold_of(magnitudes, noise, 4000, RULES.index(rule))
    if rule == "sure":
        assert 0 <= found <= max(noise * np.sqrt(2 * np.log(4000)), 0) or np.isnan(noise)


@pytest.mark.parametrize("seconds", [2, 60, 120])
def test_a_spike_among_zeros_is_denoised(seconds: int) -> None:
    values = np.zeros((2, 2000 * seconds))
    values[:, 2000] = 1e-3
    time = ("time", np.arange(values.shape[1]) / 2000, {"units": "s"})
    emg = xr.DataArray(values, dims=("channel", "time"), coords={"time": time}, attrs={"units": "V"})
    found = process.filter_emg(emg, process.load_chain("default"), state="raw", line_frequency=50.0, dim="time")
    assert np.isfinite(found).all()
    assert 1e-4 < float(np.abs(found).max()) < 1e-3
