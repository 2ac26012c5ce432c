"""The filters against scipy, against physics, and against the future."""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import signal

from biomech_xr import process
from biomech_xr.errors import ProcessingError
from biomech_xr.process.engine.kernels import PAD_SECONDS

RATE = 1000.0


def emg(seconds: float = 4.0, channels: int = 3, seed: int = 0) -> xr.DataArray:
    values = np.random.default_rng(seed).standard_normal((channels, round(seconds * RATE))).astype(np.float32)
    attrs = {"sampling_frequency": RATE, "units": "mV"}
    return xr.DataArray(values, dims=("channel", "time"), coords={"channel": list("abc")[:channels]}, attrs=attrs)


FILTERS = {
    "bandpass": lambda x, **k: process.bandpass(x, low=20, high=400, order=4, **k),
    "highpass": lambda x, **k: process.highpass(x, cutoff=20, order=2, **k),
    "lowpass": lambda x, **k: process.lowpass(x, cutoff=6, order=2, **k),
    "notch": lambda x, **k: process.notch(x, line_frequency=50, width=6, upper=400, **k),
    "linear_envelope": lambda x, **k: process.linear_envelope(x, cutoff=6, order=2, **k),
}


def test_zero_phase_bandpass_is_scipys() -> None:
    x = emg()
    sections = signal.butter(4, (20, 400), btype="bandpass", output="sos", fs=RATE)
    padding = round(PAD_SECONDS * RATE)
    expected = signal.sosfiltfilt(sections, x.values.astype(float), padtype="even", padlen=padding)
    found = FILTERS["bandpass"](x)
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-6)
    assert found.dtype == np.float32
    assert found.attrs == x.attrs
    assert list(found.channel.values) == list("abc")


@pytest.mark.parametrize("name", FILTERS)
def test_zero_phase_does_not_shift_and_causal_does(name: str) -> None:
    x = emg(channels=1) * 0
    x = x.assign_attrs(sampling_frequency=RATE)
    x[0, 2000] = 1.0
    symmetric = FILTERS[name](x).values[0]
    np.testing.assert_allclose(symmetric[2000 - 300 : 2001], symmetric[2000:2301][::-1], atol=1e-6)
    causal = FILTERS[name](x, causal=True).values[0]
    assert np.all(causal[:2000] == 0)


@pytest.mark.parametrize("name", FILTERS)
def test_causal_filters_never_see_later_samples(name: str) -> None:
    x, other = emg(seed=1), emg(seed=2)
    changed = x.copy(data=np.concatenate((x.values[:, :1500], 50 * other.values[:, 1500:]), axis=1))
    before = FILTERS[name](x, causal=True).values[:, :1500]
    after = FILTERS[name](changed, causal=True).values[:, :1500]
    np.testing.assert_array_equal(before, after)
    zero_phase = FILTERS[name](changed).values[:, :1500]
    assert not np.array_equal(FILTERS[name](x).values[:, :1500], zero_phase)


def test_causal_filter_starts_in_the_steady_state_of_the_first_sample() -> None:
    x = xr.DataArray(np.full((1, 500), 7.0, dtype=np.float32), dims=("channel", "time"))
    smooth = process.lowpass(x, cutoff=6, order=2, causal=True, sampling_frequency=RATE)
    np.testing.assert_allclose(smooth.values, 7.0, atol=1e-5)
    passed = process.bandpass(x, low=20, high=400, order=4, causal=True, sampling_frequency=RATE)
    np.testing.assert_allclose(passed.values, 0.0, atol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
def test_no_filter_crosses_a_gap(causal: bool) -> None:
    x = emg()
    x[1, 1200:1300] = np.nan
    found = FILTERS["bandpass"](x, causal=causal)
    assert np.isnan(found[1, 1200:1300]).all()
    alone = FILTERS["bandpass"](x[1:2, 1300:], causal=causal)
    np.testing.assert_array_equal(found.values[1, 1300:], alone.values[0])
    whole = FILTERS["bandpass"](emg(), causal=causal)
    np.testing.assert_array_equal(found.values[[0, 2]], whole.values[[0, 2]])


def test_a_zero_phase_piece_too_short_to_have_an_inside_is_missing() -> None:
    x = emg()
    x[0, :1000] = np.nan
    x[0, 1050:] = np.nan
    assert np.isnan(FILTERS["bandpass"](x)[0]).all()


def test_notch_removes_the_line_and_its_harmonics_only() -> None:
    t = np.arange(8000) / RATE
    lines = [50, 100, 150, 300]
    kept = [75, 125, 230]
    x = xr.DataArray(sum(np.sin(2 * np.pi * f * t) for f in lines + kept)[None], dims=("channel", "time"))
    y = process.notch(x, line_frequency=50, width=6, upper=400, sampling_frequency=RATE).values[0, 2000:6000]
    power = np.abs(np.fft.rfft(y)) / 2000
    frequency = np.fft.rfftfreq(4000, 1 / RATE)
    for f in lines:
        assert power[np.argmin(abs(frequency - f))] < 0.02
    for f in kept:
        assert power[np.argmin(abs(frequency - f))] > 0.95


def test_envelope_is_never_negative_and_follows_the_burst() -> None:
    t = np.arange(4000) / RATE
    burst = (np.abs(t - 2) < 0.3).astype(float)
    x = emg(channels=1) * burst
    envelope = FILTERS["linear_envelope"](x.assign_attrs(sampling_frequency=RATE)).values[0]
    assert envelope.min() == 0.0
    inside = envelope[1800:2200].mean()
    assert inside == pytest.approx(np.sqrt(2 / np.pi), rel=0.15)
    assert envelope[:1300].max() < 0.05 * inside


@pytest.mark.parametrize("name", FILTERS)
def test_lazy_input_stays_lazy_and_equals_eager(name: str) -> None:
    x = emg().transpose("time", "channel")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("computed something")

    with dask.config.set(scheduler=refuse):
        lazy = FILTERS[name](x.chunk({"channel": 1, "time": -1}))
    assert isinstance(lazy.data, da.Array)
    xr.testing.assert_identical(lazy.compute(), FILTERS[name](x))


def test_resampling_stays_lazy() -> None:
    x = emg().assign_attrs(sampling_frequency=1111.11)
    lazy = process.resample(x.chunk({"channel": 1}), target=1000)
    assert isinstance(lazy.data, da.Array)
    xr.testing.assert_identical(lazy.compute(), process.resample(x, target=1000))


def test_errors_say_what_to_do() -> None:
    x = emg()
    with pytest.raises(ProcessingError, match="sampling_frequency="):
        process.lowpass(x.drop_attrs(), cutoff=6, order=2)
    with pytest.raises(ProcessingError, match="0 < low < high"):
        process.bandpass(x, low=480, high=460, order=4)
    with pytest.raises(ProcessingError, match="0 < cut-off < 500"):
        process.lowpass(x, cutoff=600, order=2)
    with pytest.raises(ProcessingError, match="50 or 60 Hz"):
        process.notch(x, line_frequency=0, width=6, upper=400)
    with pytest.raises(ProcessingError, match=r"Call \.chunk"):
        process.lowpass(x.chunk({"time": 500}), cutoff=6, order=2)


@pytest.mark.realdata
def test_real_emg_loses_what_lies_outside_the_band_and_keeps_its_bursts(samples) -> None:  # type: ignore[no-untyped-def]
    table = pd.read_csv(samples / "siat" / "demo_Sub10_session.csv.gz")
    names = [name for name in table if name.startswith("sEMG")]
    rate = 1920.0
    x = xr.DataArray(table[names].to_numpy().T, dims=("channel", "time"), attrs={"sampling_frequency": rate})
    chain = process.load_chain("bandpassed")
    y = process.filter_emg(x, chain, line_frequency=50.0, dim="time")
    frequency, raw = signal.welch(x.values, fs=rate, nperseg=4096)
    _, clean = signal.welch(y.values, fs=rate, nperseg=4096)

    def share(low: float, high: float) -> np.ndarray:
        band = (frequency >= low) & (frequency < high)
        return clean[:, band].sum(axis=1) / raw[:, band].sum(axis=1)

    assert (share(2, 8) < 1e-5).all(), "below the band"
    assert (share(600, 960) < 1e-4).all(), "above the band"
    assert (share(49, 51) < 0.01).all(), "the line"
    for low, high in ((70, 80), (120, 130), (220, 230)):
        assert (share(low, high) > 0.93).all(), "between harmonics, inside the band"
    band = signal.butter(4, (20, 450), btype="bandpass", output="sos", fs=rate)
    reference = np.abs(signal.sosfiltfilt(band, x.values))
    envelope = process.linear_envelope(y, cutoff=6, order=2).values
    wide = process.linear_envelope(x.copy(data=reference), cutoff=6, order=2).values
    for found, expected in zip(envelope, wide, strict=True):
        assert np.corrcoef(found, expected)[0, 1] > 0.97
        assert np.percentile(found, 99) > 2 * np.median(found)
