"""Synthetic EMG has the band, the hum and the bursts of EMG."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import welch

from biomech_xr.synthetic.emg import band_limited, envelopes, make_emg
from biomech_xr.synthetic.gait import Bout, Gait, make_gait
from biomech_xr.synthetic.person import generator, make_person

MUSCLES = ("soleus", "tibialis_anterior", "vastus_lateralis")


@pytest.fixture(scope="module")
def gait() -> Gait:
    bouts = [Bout(activity="sit", duration=4), Bout(activity="walk", duration=24)]
    return make_gait(make_person("a", seed=0), bouts, generator(0), grid=1000)


def spectrum(signal: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    frequency, power = welch(signal, rate, nperseg=round(rate), axis=0)
    return frequency, power.mean(axis=-1)


@pytest.mark.parametrize("rate", [1000, 1200, 1920])
def test_power_lies_in_the_band(gait: Gait, rate: int) -> None:
    emg = make_emg(gait, "right", MUSCLES, generator(1), rate=rate, line_frequency=50, hum=0, offset=0)
    frequency, power = spectrum(emg, rate)
    inside = (frequency >= 18) & (frequency <= 452)
    assert power[~inside].sum() < 0.01 * power.sum()
    centre = (frequency * power).sum() / power.sum()
    assert 80 < centre < 220


@pytest.mark.parametrize("line", [50, 60])
def test_the_hum_is_at_the_line_frequency_and_nowhere_else(gait: Gait, line: int) -> None:
    emg = make_emg(gait, "right", MUSCLES, generator(1), rate=1000, line_frequency=line, hum=0.05)[:4000]
    frequency, power = spectrum(emg, 1000)
    near = (np.abs(frequency - line) > 3) & (np.abs(frequency - line) < 9)
    assert power[frequency == line] > 20 * power[near].max()
    other = 110 - line
    around = (np.abs(frequency - other) > 3) & (np.abs(frequency - other) < 6)
    assert power[frequency == other] < 5 * power[around].mean()


def test_amplitude_follows_the_activation(gait: Gait) -> None:
    emg = make_emg(gait, "left", MUSCLES, generator(4), rate=1000, line_frequency=60, hum=0, offset=0)
    truth = envelopes(gait, "left", MUSCLES, np.arange(len(emg)) / 1000)
    window = np.ones(100) / 100
    for k in range(len(MUSCLES)):
        root = np.sqrt(np.convolve(emg[:, k] ** 2, window, mode="same"))
        smooth = np.convolve(truth[:, k], window, mode="same")
        assert np.corrcoef(root, smooth)[0, 1] > 0.9
        assert emg[:3000, k].std() < 0.2 * smooth.max()
        assert abs(root[5000:].mean() / smooth[5000:].mean() - 1) < 0.1


def test_offset_and_channels_are_independent(gait: Gait) -> None:
    emg = make_emg(gait, "right", MUSCLES, generator(5), rate=1000, line_frequency=60, hum=0, offset=0.5)
    assert np.abs(emg.mean(axis=0)).max() > 0.05
    assert np.abs(np.corrcoef(emg.T) - np.eye(3)).max() < 0.1


def test_band_limited_noise_has_unit_variance_for_any_length() -> None:
    for samples in (997, 20000):
        noise = band_limited(generator(6), samples, 4, rate=1000)
        assert noise.shape == (samples, 4)
        assert abs(noise.std() - 1) < 0.1


def test_the_same_generator_gives_the_same_emg(gait: Gait) -> None:
    first, again, other = (
        make_emg(gait, "right", MUSCLES, generator(seed), rate=1000, line_frequency=60) for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
