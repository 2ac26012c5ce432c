"""Cutting into strides, and derivatives: closed forms, clocks, gaps, the future."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from biomech_xr import process
from biomech_xr.errors import ProcessingError

RATE = 200.0


def angle(t: np.ndarray) -> np.ndarray:
    return np.asarray(20 + 25 * np.sin(2 * np.pi * 0.9 * t) + 6 * np.sin(2 * np.pi * 2.7 * t + 1))


def signal(start: float = 3.0, seconds: float = 10.0) -> xr.DataArray:
    t = start + np.arange(round(seconds * RATE)) / RATE
    coords = {"time": t, "joint": ["knee", "hip"]}
    attrs = {"units": "degree", "sampling_frequency": RATE}
    return xr.DataArray([angle(t), -angle(t)], dims=("joint", "time"), coords=coords, attrs=attrs)


CONTACTS = np.array([4.013, 5.101, 6.204, 7.33])


def test_a_phase_grid_lies_at_k_over_p_of_each_stride() -> None:
    cut = process.to_phase(signal(), CONTACTS)
    assert cut.dims == ("joint", "stride", "phase")
    assert cut.sizes == {"joint": 2, "stride": 3, "phase": 200}
    np.testing.assert_allclose(cut.phase, np.arange(200) / 200)
    np.testing.assert_allclose(cut.trial_time, CONTACTS[:-1])
    t = CONTACTS[:-1, None] + np.arange(200) / 200 * np.diff(CONTACTS)[:, None]
    assert np.abs(cut.sel(joint="knee") - angle(t)).max() < 0.02
    assert cut.attrs == {"units": "degree"}
    given = process.to_phase(signal(), CONTACTS[:-1], np.diff(CONTACTS), points=50)
    np.testing.assert_allclose(given, cut[..., ::4], atol=0.05)


def test_a_grid_in_hz_ends_with_the_stride() -> None:
    cut = process.to_phase(signal(), CONTACTS, rate=100)
    assert cut.dims[-1] == "time_kinematics"
    owned = np.isfinite(cut.sel(joint="knee")).sum("time_kinematics")
    assert owned.values.tolist() == [109, 111, 113]
    k = np.arange(109) / 100
    np.testing.assert_allclose(cut.sel(joint="knee")[0, :109], angle(CONTACTS[0] + k), atol=0.15)


def test_causal_strides_lag_by_what_they_say_and_do_not_see_the_future() -> None:
    x = signal()
    cut = process.to_phase(x, CONTACTS, rate=100, causal=True)
    late = cut.attrs["delay"]
    assert 1 / RATE < late < 0.05
    expected = angle(CONTACTS[1] + np.arange(100) / 100 - late)
    assert np.abs(cut.sel(joint="knee")[1, :100] - expected).max() < 0.5
    now = 6.5
    changed = x.where(x.time < now, 999.0)
    seen = cut.trial_time + cut.time_kinematics < now
    other = process.to_phase(changed, CONTACTS, rate=100, causal=True)
    np.testing.assert_array_equal(other.where(seen), cut.where(seen))
    assert float(abs(other - cut).max()) > 100


def test_what_the_grid_cannot_hold_is_taken_away() -> None:
    t = np.arange(8000) / 1000.0
    x = xr.DataArray(np.sin(2 * np.pi * 90 * t), dims="time", attrs={"sampling_frequency": 1000.0})
    cut = process.to_phase(x, [1.0, 2.0, 3.0], rate=100)
    assert float(np.abs(cut).max()) < 0.01, "90 Hz would fold to 10 Hz"


def test_strides_stay_lazy_and_gaps_stay_gaps() -> None:
    x = signal()
    x[0, 400:460] = np.nan
    lazy = process.to_phase(x.chunk({"joint": 1}), CONTACTS)
    assert isinstance(lazy.data, da.Array)
    cut = process.to_phase(x, CONTACTS)
    xr.testing.assert_identical(lazy.compute(), cut)
    times = cut.trial_time + cut.phase * cut.duration
    gap = (times > 3 + 399.01 / RATE) & (times < 3 + 459.99 / RATE)
    np.testing.assert_array_equal(np.isnan(cut.sel(joint="knee")), gap)
    assert np.isfinite(cut.sel(joint="hip")).all()


@pytest.mark.parametrize(
    ("contacts", "durations", "grid", "message"),
    [
        ([1.0, 2.0], None, {"points": 100, "rate": 100.0}, "both points and rate"),
        ([2.0, 1.0], None, {}, "one positive duration"),
        ([1.0], None, {}, "one positive duration"),
        ([1.0, 2.0], [1.0], {}, "one positive duration"),
        ([1.0, 2.0], None, {"rate": -5.0}, "positive rate"),
        ([1.0, 2.0], None, {"causal": True}, "next contact"),
    ],
)
def test_impossible_strides_are_refused(contacts, durations, grid, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ProcessingError, match=message):
        process.to_phase(signal(), contacts, durations, **grid)


def test_derivatives_of_a_parabola_are_exact_but_for_their_delay() -> None:
    t = np.arange(400) / RATE
    x = xr.DataArray(3 * t**2 + t, dims="time", attrs={"sampling_frequency": RATE, "units": "degree"})
    for method in ("backward", "quadratic"):
        velocity = process.differentiate(x, method=method)
        lag = velocity.attrs["delay"]
        np.testing.assert_allclose(velocity[20:], 6 * (t[20:] - lag) + 1, rtol=2e-4)
        acceleration = process.differentiate(x, method=method, order=2)
        np.testing.assert_allclose(acceleration[20:], 6.0, rtol=2e-3)
    assert process.differentiate(x).attrs["delay"] == pytest.approx(0.5 / RATE)
    assert process.differentiate(x, order=2).attrs["delay"] == pytest.approx(1 / RATE)
    assert process.differentiate(x, method="quadratic").attrs["delay"] == pytest.approx(0, abs=1e-9)
    assert process.differentiate(x, method="quadratic", order=2).attrs["delay"] == pytest.approx(3 / RATE)


def test_derivatives_are_per_second_whatever_the_rate() -> None:
    for rate in (50.0, 400.0):
        t = np.arange(round(4 * rate)) / rate
        x = xr.DataArray(np.sin(2 * np.pi * t), dims="time", coords={"time": t}, attrs={"units": "m"})
        y = process.differentiate(x)
        assert float(y[20:].max()) == pytest.approx(2 * np.pi, rel=0.01)
        assert y.attrs["units"] == "m s-1"


def test_the_next_sample_does_not_follow_from_backward_differences() -> None:
    """Of a central second difference it would: theta(t+1) = 2 theta(t) - theta(t-1) + alpha(t) / rate^2."""
    rng = np.random.default_rng(0)
    x = xr.DataArray(np.cumsum(rng.standard_normal(500)), dims="time", attrs={"sampling_frequency": RATE})
    alpha = process.differentiate(x, order=2).values
    guess = 2 * x.values[2:-1] - x.values[1:-2] + alpha[2:-1] / RATE**2
    assert np.abs(guess - x.values[3:]).mean() > 0.5


@pytest.mark.parametrize("rate", [RATE, RATE * 1.0004])
def test_strides_lie_where_the_stamps_say_whatever_the_rounded_rate(rate: float) -> None:
    """10 minutes, after which a rate stated 0.04 % too low would be a quarter of a second late."""
    x = signal(seconds=600.0).isel(time=slice(0, 119_000))
    t = 3.0 + np.arange(x.sizes["time"]) / rate
    x = x.copy(data=[angle(t), -angle(t)]).assign_coords(time=t)
    contacts = t[-1] - np.array([2.3, 1.2, 0.1])
    expected = angle(contacts[:-1, None] + np.arange(200) / 200 * np.diff(contacts)[:, None])
    cut = process.to_phase(x, contacts)
    assert np.abs(cut.sel(joint="knee") - expected).max() < 0.02
    causal = process.to_phase(x, contacts, rate=RATE, causal=True)
    late = angle(contacts[:-1, None] + np.arange(200) / RATE - causal.attrs["delay"])
    assert np.abs(causal.sel(joint="knee")[:, :200] - late).max() < 0.05


def test_a_given_rate_that_is_not_the_clocks_is_refused() -> None:
    with pytest.raises(ProcessingError, match="100 Hz in sampling_frequency= and 200 Hz in the coordinate"):
        process.to_phase(signal(), CONTACTS, sampling_frequency=100.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": 3}, "found order 3, expected 1 or 2"),
        ({"order": 0}, "found order 0, expected 1 or 2"),
        ({"order": 3, "method": "quadratic"}, "found order 3, expected 1 or 2"),
        ({"method": "central"}, "found method 'central'"),
        ({"method": "quadratic", "samples": 3.5}, "whole number, at least 3"),
    ],
)
def test_derivatives_that_do_not_exist_are_refused(options, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ProcessingError, match=message):
        process.differentiate(signal(), **options)
