"""Every step on DataArrays: what it keeps, what it must not see, and what it does to a pulse, a gap, a sum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from biomech_xr import process
from biomech_xr.errors import ProcessingError

RATE = 1000.0
Step = Callable[..., xr.DataArray]

BOTH: dict[str, Step] = {
    "bandpass": lambda x, **k: process.bandpass(x, low=20, high=400, order=4, **k),
    "highpass": lambda x, **k: process.highpass(x, cutoff=20, order=2, **k),
    "lowpass": lambda x, **k: process.lowpass(x, cutoff=6, order=2, **k),
    "notch": lambda x, **k: process.notch(x, line_frequency=50, width=6, upper=400, **k),
    "notch_q": lambda x, **k: process.notch(x, line_frequency=50, q=10, upper=400, **k),
    "linear_envelope": lambda x, **k: process.linear_envelope(x, cutoff=6, order=2, **k),
    "rms_envelope": lambda x, **k: process.rms_envelope(x, window=0.1, **k),
    "tkeo": process.tkeo,
}
WHOLE: dict[str, Step] = {
    "remove_mean": process.remove_mean,
    "wavelet_denoise": lambda x, **k: process.wavelet_denoise(
        x, wavelet="db4", level=4, rule="universal", shrink="soft", **k
    ),
    "notch_present": lambda x, **k: process.notch(x, line_frequency=50, width=6, upper=400, only_if_present=True, **k),
}
CAUSAL: dict[str, Step] = {
    **{name: lambda x, step=step, **k: step(x, causal=True, **k) for name, step in BOTH.items()},
    "rectify": process.rectify,
    "velocity": process.differentiate,
    "velocity_lowpass": lambda x, **k: process.differentiate(x, cutoff=20, **k),
    "acceleration": lambda x, **k: process.differentiate(x, order=2, **k),
    "velocity_quadratic": lambda x, **k: process.differentiate(x, method="quadratic", **k),
    "acceleration_quadratic": lambda x, **k: process.differentiate(x, method="quadratic", order=2, **k),
}
ALL = {**BOTH, **WHOLE, **{f"{name}_causal": step for name, step in CAUSAL.items()}}
LINEAR = [
    name for name in ALL if not any(part in name for part in ("envelope", "tkeo", "wavelet", "rectify", "present"))
]


def emg(seconds: float = 2.0, channels: int = 2, seed: int = 0) -> xr.DataArray:
    count = round(seconds * RATE)
    values = np.random.default_rng(seed).standard_normal((count, channels)).astype(np.float32)
    coords = {"channel": list("abcd")[:channels], "time": ("time", np.arange(count) / RATE, {"units": "s"})}
    attrs = {"sampling_frequency": RATE, "units": "mV", "electrode": "bipolar"}
    return xr.DataArray(values, dims=("time", "channel"), coords=coords, attrs=attrs, name="emg")


@pytest.mark.parametrize("name", ALL)
def test_dims_coordinates_attributes_dtype_and_unit_are_kept(name: str) -> None:
    x = emg()
    y = ALL[name](x)
    assert y.dims == x.dims
    assert y.dtype == np.float32
    xr.testing.assert_identical(y.coords.to_dataset(), x.coords.to_dataset())
    unit = {"tkeo": "mV2", "velocity": "mV s-1", "acceleration": "mV s-2"}.get(name.split("_")[0], "mV")
    assert y.attrs["units"] == unit
    assert y.attrs["electrode"] == "bipolar"
    assert x.attrs == emg().attrs, "the input is left alone"
    np.testing.assert_array_equal(x, emg())


@pytest.mark.parametrize("name", ALL)
def test_lazy_input_stays_lazy_equals_eager_and_chunks_do_not_matter(name: str) -> None:
    x = emg(channels=4)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("computed something")

    with dask.config.set(scheduler=refuse):
        lazy = [ALL[name](x.chunk({"time": -1, "channel": size})) for size in (1, 3)]
    assert all(isinstance(one.data, da.Array) for one in lazy)
    eager = ALL[name](x)
    for one in lazy:
        xr.testing.assert_identical(one.compute(scheduler="single-threaded"), eager)


@pytest.mark.parametrize("name", [name for name in ALL if name not in ("rectify_causal",)])
def test_a_signal_in_two_chunks_of_time_is_refused(name: str) -> None:
    with pytest.raises(ProcessingError, match=r"Call \.chunk"):
        ALL[name](emg().chunk({"time": 500}))


@pytest.mark.parametrize("name", ALL)
def test_gaps_stay_and_do_not_spread(name: str) -> None:
    x = emg()
    x[900:1000, 0] = np.nan
    y = ALL[name](x)
    assert np.isnan(y[900:1000, 0]).all()
    lost = {"velocity": 1, "acceleration": 2}.get(name.split("_")[0], 0) if "quadratic" not in name else 6
    for start, stop in ((0, 900), (1000, 2000)):
        assert np.isfinite(y[start + lost : stop, 0]).all()
        assert np.isnan(y[start : start + lost, 0]).all()
    alone = ALL[name](x[1000:])
    np.testing.assert_allclose(y[1000:, 0], alone[:, 0], rtol=0, atol=2e-5 * float(abs(alone).max()))
    np.testing.assert_array_equal(y[:, 1], ALL[name](emg())[:, 1], err_msg="another channel's gap is not mine")


@pytest.mark.parametrize("name", BOTH)
def test_zero_phase_steps_do_not_shift_a_pulse(name: str) -> None:
    x = emg(channels=1) * np.float32(0)
    x = x.assign_attrs(sampling_frequency=RATE)
    x[1000] = 1.0
    y = BOTH[name](x).values[:, 0]
    np.testing.assert_allclose(y[700:1001], y[1000:1301][::-1], atol=2e-6)
    assert np.abs(y).max() > 1e-3


@settings(max_examples=5, deadline=None)
@given(
    st.sampled_from(LINEAR),
    st.floats(-3, 3, allow_subnormal=False),
    st.floats(-3, 3, allow_subnormal=False),
    st.integers(0, 99),
)
def test_linear_steps_are_linear(name: str, a: float, b: float, seed: int) -> None:
    x, y = (emg(seconds=0.6, channels=1, seed=seed + k) for k in (0, 1))
    mixed = ALL[name]((x.astype(float) * a + y.astype(float) * b).assign_attrs(x.attrs))
    expected = a * ALL[name](x).astype(float) + b * ALL[name](y).astype(float)
    size = float(abs(ALL[name](x)).max())
    np.testing.assert_allclose(mixed, expected, rtol=0, atol=3e-5 * size * (1 + abs(a) + abs(b)))


@pytest.mark.parametrize("name", ["bandpass", "highpass", "rms_envelope", "tkeo"])
def test_the_stated_delay_is_that_of_the_energy_of_a_burst(name: str) -> None:
    t = np.arange(3000) / RATE
    shape = np.exp(-0.5 * ((t - 1.5) / 0.1) ** 2)
    x = xr.DataArray(
        np.random.default_rng(0).standard_normal((400, 3000)) * shape, dims=("trial", "time"), attrs=emg().attrs
    )
    y = CAUSAL[name](x)
    power = (y if name == "tkeo" else y**2).mean("trial").values
    measured = float(power @ t / power.sum()) - 1.5
    assert y.attrs["delay"] == pytest.approx(measured, abs=0.002)
    assert y.attrs["delay"] > 0
    assert "delay" not in BOTH[name](x).attrs


@pytest.mark.parametrize("name", ["lowpass", "linear_envelope", "velocity", "velocity_lowpass"])
def test_the_stated_delay_is_that_of_a_slow_movement(name: str) -> None:
    t = np.arange(6000) / RATE
    x = xr.DataArray(3 + np.sin(2 * np.pi * 0.5 * t), dims="time", attrs={"sampling_frequency": RATE})
    y = CAUSAL[name](x).values[2000:]
    shape = 2 * np.pi * 0.5 * (t[2000:] - CAUSAL[name](x).attrs["delay"])
    expected = np.pi * np.cos(shape) if "velocity" in name else 3 + np.sin(shape)
    assert np.abs(y - expected).max() < 4e-3
    undelayed = 2 * np.pi * 0.5 * t[2000:]
    wrong = np.pi * np.cos(undelayed) if "velocity" in name else 3 + np.sin(undelayed)
    assert np.abs(y - expected).max() < 0.8 * np.abs(y - wrong).max()


def test_delays_add_up() -> None:
    x = emg()
    once = CAUSAL["bandpass"](x)
    twice = CAUSAL["rms_envelope"](once)
    assert twice.attrs["delay"] == pytest.approx(once.attrs["delay"] + 99 / 2 / RATE)


def test_the_mean_goes_and_nothing_else() -> None:
    x = emg() + np.float32(7)
    x = x.assign_attrs(emg().attrs)
    x[:500, 0] += 3
    x[500:510, 0] = np.nan
    y = process.remove_mean(x)
    assert abs(float(y[:500, 0].mean())) < 1e-5
    assert abs(float(y[510:, 0].mean())) < 1e-5
    np.testing.assert_allclose(y.std("time"), x.std("time"), rtol=0.6)
    np.testing.assert_allclose((x - y)[:500, 0], float((x - y)[0, 0]), atol=1e-5)


def test_moving_rms_of_a_tone_is_its_amplitude_over_root_two() -> None:
    t = np.arange(2000) / RATE
    x = xr.DataArray(5 * np.sin(2 * np.pi * 50 * t), dims="time", attrs={"sampling_frequency": RATE})
    for causal in (False, True):
        y = process.rms_envelope(x, window=0.1, causal=causal).values[200:-200]
        np.testing.assert_allclose(y, 5 / np.sqrt(2), rtol=0.02)
    with pytest.raises(ProcessingError, match="positive time"):
        process.rms_envelope(x, window=0)


def test_teager_kaiser_energy_of_a_tone_is_amplitude_times_sine_of_frequency_squared() -> None:
    t = np.arange(1000) / RATE
    x = xr.DataArray(2 * np.sin(2 * np.pi * 60 * t), dims="time", attrs={"sampling_frequency": RATE, "units": "% MVC"})
    y = process.tkeo(x)
    np.testing.assert_allclose(y[1:-1], (2 * np.sin(2 * np.pi * 60 / RATE)) ** 2, rtol=1e-4)
    assert y.attrs["units"] == "(% MVC)2"
    np.testing.assert_allclose(process.tkeo(x, causal=True)[2:], y[1:-1], rtol=1e-5)


def test_wavelets_take_noise_and_keep_a_burst() -> None:
    t = np.arange(4000) / RATE
    burst = np.sin(2 * np.pi * 90 * t) * (np.abs(t - 2) < 0.25)
    noise = 0.05 * np.random.default_rng(0).standard_normal(4000)
    x = xr.DataArray((burst + noise)[None], dims=("channel", "time"), attrs={"sampling_frequency": RATE})
    y = WHOLE["wavelet_denoise"](x).values[0]
    quiet = np.abs(t - 2) > 0.5
    assert y[quiet].std() < 0.4 * noise[quiet].std()
    assert np.corrcoef(y, burst)[0, 1] > 0.98


def test_only_short_gaps_inside_are_interpolated_and_the_mask_says_where() -> None:
    x = emg()
    x[:5, 0] = x[100:120, 0] = x[300:321, 0] = x[-3:, 0] = np.nan
    filled, mask = process.interpolate_gaps(x)
    expected = np.zeros(x.shape, dtype=bool)
    expected[100:120, 0] = True
    np.testing.assert_array_equal(mask, expected)
    np.testing.assert_array_equal(np.isnan(filled), np.isnan(x) & ~expected)
    np.testing.assert_array_equal(filled.where(~mask), x)
    line = np.linspace(float(x[99, 0]), float(x[120, 0]), 22)[1:-1]
    np.testing.assert_allclose(filled[100:120, 0], line, rtol=1e-5)
    lazy = process.interpolate_gaps(x.chunk({"channel": 1}))
    assert all(isinstance(one.data, da.Array) for one in lazy)
    xr.testing.assert_identical(lazy[0].compute(), filled)
    xr.testing.assert_identical(lazy[1].compute(), mask)
    assert filled.attrs == x.attrs
    xr.testing.assert_identical(mask.coords.to_dataset(), x.coords.to_dataset())


@pytest.mark.parametrize("rate", [100.0, 148.15, 1000.0, 1925.9259, 2148.1481])
def test_no_gap_longer_than_allowed_is_interpolated(rate: float) -> None:
    for samples in range(1, 50):
        x = xr.DataArray(np.arange(200.0), dims="time", attrs={"sampling_frequency": rate})
        x[100 : 100 + samples] = np.nan
        filled, _ = process.interpolate_gaps(x, longest=0.02)
        assert bool(np.isfinite(filled).all()) == (samples / rate <= 0.02 + 1e-9)


@pytest.mark.parametrize(
    ("attrs", "stamps", "message"),
    [
        ({"sampling_frequency": -1000.0}, None, "expected a positive rate"),
        ({"sampling_frequency": np.nan}, None, "expected a positive rate"),
        ({}, None, "no sampling frequency"),
        ({"sampling_frequency": 2000.0}, np.arange(1000) / 1000, "expected one rate"),
        ({}, np.concatenate((np.arange(500) / 1000, 0.5 + np.arange(500) / 2000)), "expected one rate"),
        ({}, np.concatenate((np.arange(500) / 1000, 0.6 + np.arange(500) / 1000)), "expected one rate"),
    ],
)
def test_no_impossible_or_mixed_rates(attrs: dict[str, Any], stamps: np.ndarray | None, message: str) -> None:
    coords = {} if stamps is None else {"time": stamps}
    x = xr.DataArray(np.ones(1000), dims="time", coords=coords, attrs=attrs)
    with pytest.raises(ProcessingError, match=message):
        process.lowpass(x, cutoff=6, order=2)


def test_the_coordinate_gives_the_rate_where_no_attribute_does() -> None:
    x = emg()
    bare = x.drop_attrs(deep=False)
    np.testing.assert_array_equal(process.lowpass(bare, cutoff=6, order=2), process.lowpass(x, cutoff=6, order=2))
    rounded = bare.assign_coords(time=np.round(np.arange(2000) / 1111.11, 3))
    assert process.tkeo(rounded).shape == x.shape


def test_steps_that_know_the_whole_signal_have_no_causal_form() -> None:
    with pytest.raises(ProcessingError, match="looks at the whole signal"):
        process.notch(emg(), line_frequency=50, width=6, upper=400, only_if_present=True, causal=True)
    with pytest.raises(ProcessingError, match="width= or q="):
        process.notch(emg(), line_frequency=50, upper=400)
    with pytest.raises(ProcessingError, match="at least 3"):
        process.differentiate(emg(), method="quadratic", samples=2)


def test_a_rounded_rate_does_not_run_away_from_the_stamps() -> None:
    x = emg(seconds=20.0, channels=1)
    stamps = np.arange(x.sizes["time"]) / 1000.9
    drifting = x.assign_coords(time=("time", stamps, {"units": "s"}))
    exact = x.drop_vars("time").assign_attrs(sampling_frequency=1000.9)
    np.testing.assert_allclose(process.lowpass(drifting, cutoff=6, order=2), process.lowpass(exact, cutoff=6, order=2))
    rounded = x.assign_coords(time=("time", np.round(np.arange(x.sizes["time"]) / 1111.11, 3), {"units": "s"}))
    stated = rounded.assign_attrs(sampling_frequency=1111.11)
    bare = stated.drop_vars("time")
    np.testing.assert_array_equal(process.lowpass(stated, cutoff=6, order=2), process.lowpass(bare, cutoff=6, order=2))


def test_stamps_that_are_missing_in_the_middle_are_refused() -> None:
    stamps = np.arange(2000) / RATE
    stamps[700] = np.nan
    with pytest.raises(ProcessingError, match="expected one rate"):
        process.lowpass(emg().assign_coords(time=stamps), cutoff=6, order=2)
