"""Whether mains hum is found where it is, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from scipy import signal

from biomech_xr import process
from biomech_xr.process.engine.apply import apply_stages
from biomech_xr.process.steps.hum import harmonics, present
from biomech_xr.schema import HISTORY
from tests.process.patients import cut_trial, emg_values, processed, raw_emg, walking_trial

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


@pytest.mark.parametrize("seconds", [0.6, 1.0, 2.0, 5.0, 10.0])
@pytest.mark.parametrize("bursts", [False, True])
def test_noise_passes_for_hum_about_once_in_a_thousand_lines(seconds: float, bursts: bool) -> None:
    lines = harmonics(50.0, upper=400, rate=RATE)
    values = gait(seconds, 5, channels=round(1500 / seconds))
    if not bursts:
        values /= 0.05 + np.clip(np.sin(2 * np.pi * 0.9 * np.arange(values.shape[1]) / RATE), 0, None) ** 2
    assert present(values, lines, rate=RATE).mean() < 0.003


def test_a_spike_hides_no_hum_and_is_none() -> None:
    values = gait(12.0, 1)
    t = np.arange(values.shape[1]) / RATE
    values[:4] += 0.3 * np.sin(2 * np.pi * 50 * t)
    values[:, 3333] += 1000 * values.std()
    found = present(values, (50.0, 100.0), rate=RATE)
    np.testing.assert_array_equal(found[:, 0], np.arange(8) < 4)
    assert not found[:, 1].any()


def test_strides_cut_from_one_recording_agree_on_their_hum() -> None:
    """A hum that strides of a second show now and then is decided on with all of them."""
    lengths = (1000, 1100, 950, 1050, 990, 1010, 1070, 1100)
    noise = np.random.default_rng(2).standard_normal((sum(lengths), 1, 3))
    noise[:, 0, 1] += 0.25 * np.sin(2 * np.pi * 50 * np.arange(len(noise)) / 1000)
    trial = cut_trial(contiguity="isolated", state="raw", durations=[size / 1000 for size in lengths])
    ragged = replace(
        trial.signals["emg"],
        kind="ragged",
        values=emg_values(noise, ("right",)),
        sampling_frequency=1000.0,
        points=0,
        lengths=lengths,
    )
    trial = replace(trial, signals={"emg": ragged})
    chain = process.load_chain(
        "bandpassed", ["emg=[{step: bandpass, low: 20, high: 450, order: 4}, {step: notch, width: 6, when: present}]"]
    )
    alone = [present(part[:, 0, 1:2].T, (50.0,), rate=1000.0) for part in np.split(noise, np.cumsum(lengths)[:-1])]
    assert 0 < np.mean(alone) < 1
    soleus, vastus = 8, 0
    whole = processed(trial, chain)["emg"]
    both = chain.stages(1000.0, lines=(50.0,)), chain.stages(1000.0, lines=())
    for channel, stages in zip((soleus, vastus), both, strict=True):
        for i, (start, stop) in enumerate(pairwise(np.cumsum((0, *lengths)))):
            source = noise[start:stop, 0, 1 if channel == soleus else 0].astype(np.float32)
            expected = apply_stages(source[None], stages, rate=1000.0, causal=False)[0]
            found = whole[i, channel, HISTORY : HISTORY + stop - start]
            np.testing.assert_allclose(found, expected, atol=1e-5)
