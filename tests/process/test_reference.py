"""The steps against SciPy and PyWavelets, written out, on a made trial and on the real SIAT recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import pywt
import xarray as xr
from scipy import signal

from biomech_xr import process
from biomech_xr.process.engine.kernels import PAD_SECONDS
from tests.process.patients import raw_emg

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "processing.md"

TOLERANCE = 1e-5
"""Rms of the difference in standard deviations of the reference."""


def shrunk(x: np.ndarray, wavelet: str, level: int) -> np.ndarray:
    """Return VisuShrink with soft thresholds and the noise of each level, one signal at a time."""
    out = []
    for row in x:
        approximation, *details = pywt.wavedec(row, wavelet, mode="symmetric", level=level)
        limits = [np.median(np.abs(d)) / 0.6744897501960817 * np.sqrt(2 * np.log(row.size)) for d in details]
        details = [pywt.threshold(d, limit, "soft") for d, limit in zip(details, limits, strict=True)]
        out.append(pywt.waverec([approximation, *details], wavelet, mode="symmetric")[: row.size])
    return np.array(out)


def twice(sections: np.ndarray, x: np.ndarray, rate: float) -> np.ndarray:
    return np.asarray(signal.sosfiltfilt(sections, x, padtype="even", padlen=round(PAD_SECONDS * rate)))


def chain_by_hand(x: np.ndarray, rate: float) -> np.ndarray:
    """Return the chain `default` with all its notches, of signals (m, n) in float64."""
    band = signal.butter(4, (20, 450), btype="bandpass", output="sos", fs=rate)
    notch = [np.concatenate(signal.iirnotch(f, f / 6, fs=rate)) for f in range(50, 450, 50)]
    return shrunk(twice(np.concatenate((band, notch)), x, rate), "db4", 4)


def off(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.max(np.sqrt(np.mean((found - expected) ** 2, axis=-1)) / expected.std(axis=-1)))


def check(x: np.ndarray, rate: float) -> None:
    data = xr.DataArray(x, dims=("channel", "time"), attrs={"sampling_frequency": rate, "units": "mV"})
    band = signal.butter(4, (20, 450), btype="bandpass", output="sos", fs=rate)
    low = signal.butter(2, 6, btype="lowpass", output="sos", fs=rate)
    passed = twice(band, x, rate)
    assert off(process.bandpass(data, low=20, high=450, order=4).values, passed) < TOLERANCE
    forward = signal.sosfilt(band, x, zi=signal.sosfilt_zi(band)[:, None] * x[:, 0][:, None])[0]
    assert off(process.bandpass(data, low=20, high=450, order=4, causal=True).values, forward) < TOLERANCE
    envelope = np.maximum(twice(low, np.abs(x), rate), 0)
    assert off(process.linear_envelope(data, cutoff=6, order=2).values, envelope) < TOLERANCE
    size = 2 * int(0.05 * rate) + 1
    window = np.ones(size) / size
    rms = np.sqrt([np.convolve(row**2, window, mode="valid") for row in x])
    half = size // 2
    assert off(process.rms_envelope(data, window=0.1).values[:, half:-half], rms) < TOLERANCE
    energy = x[:, 1:-1] ** 2 - x[:, :-2] * x[:, 2:]
    assert off(process.tkeo(data).values[:, 1:-1], energy) < TOLERANCE
    options = {"wavelet": "db4", "level": 4, "rule": "universal", "shrink": "soft"}
    assert off(process.wavelet_denoise(data, **options).values, shrunk(x, "db4", 4)) < TOLERANCE
    always = process.load_chain("default", ["emg=" + _with_all_notches()])
    found = process.filter_emg(data, always, line_frequency=50.0, dim="time").values
    assert off(found, chain_by_hand(x, rate)) < TOLERANCE


def _with_all_notches() -> str:
    return (
        "[{step: bandpass, low: 20, high: 450, order: 4}, {step: notch, width: 6}, "
        "{step: wavelet_denoise, wavelet: db4, level: 4, rule: universal, shrink: soft}]"
    )


def test_a_made_trial_equals_the_reference() -> None:
    check(raw_emg(4.0, 1111.11, seed=1).reshape(-1, 6).T, 1111.11)


def recording(samples: Path) -> np.ndarray:
    """Return the real EMG of SIAT Sub10, (9, n) at 1920 Hz, or skip."""
    file = samples / "siat" / "demo_Sub10_session.csv.gz"
    if not file.is_file():
        pytest.skip("no SIAT recording among the real sample files")
    table = pd.read_csv(file)
    return table[[name for name in table if name.startswith("sEMG")]].to_numpy(dtype=np.float64).T


@pytest.mark.realdata
def test_the_real_recording_equals_the_reference(samples: Path) -> None:
    check(recording(samples), 1920.0)


@pytest.mark.realdata
def test_shrinkage_leaves_of_real_emg_what_the_page_says(samples: Path) -> None:
    data = xr.DataArray(recording(samples), dims=("channel", "time"), attrs={"sampling_frequency": 1920.0})
    band = process.bandpass(data, low=20, high=450, order=4)
    text = PAGE.read_text(encoding="utf-8")
    for label, step in (("db4, level 4", 2), ("db7, level 9, packets", 2)):
        own = process.load_chain("default" if "db4" in label else "reference").emg[step]
        options = {"wavelet": own.wavelet, "level": own.level, "packets": own.packets}
        row = next(line for line in text.splitlines() if line.startswith(f"| {label}"))
        stated = [float(cell.strip(" %")) for cell in row.split("|")[2:4]]
        for share, rule, shrink in zip(stated, ("universal", own.rule), ("soft", own.shrink), strict=True):
            left = process.wavelet_denoise(band, rule=rule, shrink=shrink, **options)
            assert float((left.var("time") / band.var("time")).median()) == pytest.approx(share / 100, abs=0.015)


@pytest.mark.realdata
def test_the_line_is_found_in_the_real_recording_as_its_spectrum_shows_it(samples: Path) -> None:
    values = recording(samples)
    data = xr.DataArray(values, dims=("channel", "time"), attrs={"sampling_frequency": 1920.0})
    options = {"line_frequency": 50, "width": 6, "upper": 450}
    some = process.notch(data, only_if_present=True, **options)
    every = process.notch(data, **options)
    frequency, before = signal.welch(values, fs=1920, nperseg=3840)
    _, after = signal.welch(some.values, fs=1920, nperseg=3840)
    for line in range(50, 450, 50):
        at = np.argmin(np.abs(frequency - line))
        around = (np.abs(frequency - line) > 4) & (np.abs(frequency - line) < 13)
        stands = before[:, at - 2 : at + 3].max(axis=1) / np.median(before[:, around], axis=1)
        taken = after[:, at] < 0.1 * before[:, at]
        assert taken[stands > 10].all(), line
        assert not taken[stands < 4].any(), line
    assert off(some.values, every.values) < 0.5
