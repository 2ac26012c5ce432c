"""Whether mains hum is found where it is, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import signal

from biomech_xr import process
from biomech_xr.process.hum import harmonics, present
from tests.process.patients import processed, raw_emg, walking_trial

RATE = 1000.0


def gait(seconds: float, seed: int, channels: int = 8) -> np.ndarray:
    """Return noise in the band of EMG in bursts of gait, (channels, n)."""
    count = round(seconds * RATE)
    t = np.arange(count) / RATE
    band = signal.butter(2, (30, 200), btype="bandpass", output="sos", fs=RATE)
    noise = signal.sosfilt(band, np.random.default_rng(seed).standard_normal((channels, count)))
    return np.asarray(noise * (0.05 + np.clip(np.sin(2 * np.pi * 0.9 * t), 0, None) ** 2))


@pytest.mark.parametrize("seconds", [1.0, 5.0, 30.0])
def test_emg_without_hum_is_left_alone(seconds: float) -> None:
    lines = harmonics(50.0, upper=400, rate=RATE)
    assert lines == (50.0, 100.0, 150.0, 200.0, 250.0, 300.0, 350.0)
    found = np.concatenate([present(gait(seconds, seed), lines, rate=RATE) for seed in range(6)])
    assert found.mean() < 0.01


@pytest.mark.parametrize("drift", [0.0, 0.15])
def test_hum_is_found_channel_by_channel_and_harmonic_by_harmonic(drift: float) -> None:
    values = gait(20.0, 0)
    t = np.arange(values.shape[1]) / RATE
    values[1] += 0.1 * np.sin(2 * np.pi * (50 + drift) * t)
    values[2] += 0.1 * np.sin(2 * np.pi * 3 * (50 + drift) * t)
    values[3] = np.nan
    values[4, :19700] = np.nan
    found = present(values, (50.0, 100.0, 150.0), rate=RATE)
    expected = np.zeros((8, 3), dtype=bool)
    expected[1, 0] = expected[2, 2] = True
    expected[4] = True, True, True
    np.testing.assert_array_equal(found, expected, err_msg="channel 4 is too short to tell, so the line counts")


def test_a_notch_only_where_the_line_is() -> None:
    values = gait(10.0, 3, channels=2)
    values[1] += 0.2 * np.sin(2 * np.pi * 100 * np.arange(values.shape[1]) / RATE)
    x = xr.DataArray(values, dims=("channel", "time"), attrs={"sampling_frequency": RATE, "units": "mV"})
    y = process.notch(x, line_frequency=50, width=6, upper=400, only_if_present=True)
    np.testing.assert_array_equal(y[0], x[0].astype(np.float32))
    frequency, before = signal.welch(values[1], fs=RATE, nperseg=2000)
    _, after = signal.welch(y[1].values, fs=RATE, nperseg=2000)
    assert after[frequency == 100.0] < 0.01 * before[frequency == 100.0]
    kept = (np.abs(frequency - 50) < 3) | (np.abs(frequency - 150) < 3)
    np.testing.assert_allclose(after[kept], before[kept], rtol=0.02)


def test_a_chain_notches_each_channel_by_its_own_hum() -> None:
    always = process.load_chain("bandpassed")
    when = process.load_chain(
        "bandpassed", ["emg=[{step: bandpass, low: 20, high: 450, order: 4}, {step: notch, width: 6, when: present}]"]
    )
    never = process.load_chain("bandpassed", ["emg=[{step: bandpass, low: 20, high: 450, order: 4}]"])
    rng = np.random.default_rng(0)
    emg = rng.standard_normal(raw_emg(12.0, 1000.0, seed=0).shape)
    t = np.arange(len(emg)) / 1000
    emg[:, 0, 1] += 3 * sum(np.sin(2 * np.pi * f * t) for f in range(50, 450, 50))
    trial = walking_trial(emg=emg)
    blocks = [processed(trial, chain) for chain in (always, when, never)]
    left = (trial.strides["side"] == "left").to_numpy()
    vastus, soleus = 0, 8
    for name in ("emg", "peaks"):
        notched, chosen, plain = (block[name] for block in blocks)
        np.testing.assert_allclose(chosen[left, soleus], notched[left, soleus], atol=1e-4)
        np.testing.assert_allclose(chosen[left, vastus], plain[left, vastus], atol=1e-4)
        assert np.nanmax(np.abs(notched[left, vastus] - plain[left, vastus])) > 0.05
