"""Resampling: true rates, phase, aliases, gaps, causality."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import xarray as xr

from biomech_xr import process
from biomech_xr.errors import ProcessingError
from biomech_xr.process.engine.apply import apply_stages, run
from biomech_xr.process.engine.kernels import delayed_linear, spline
from biomech_xr.process.engine.stages import Rectify, Sections
from biomech_xr.process.steps.filters import butterworth
from biomech_xr.process.steps.resample import causal_linear, polyphase, ratio, reach


@pytest.mark.parametrize("rate", [1111.11, 1925.9259, 2148.1481, 1259.2593, 500.0, 960.0])
@pytest.mark.parametrize("frequency", [3.0, 40.0, 190.0])
def test_a_sinusoid_keeps_amplitude_and_phase_at_the_exact_stamps(rate: float, frequency: float) -> None:
    t = np.arange(round(4 * rate)) / rate
    out, new_rate = polyphase(np.sin(2 * np.pi * frequency * t + 0.3)[None], rate=rate)
    assert new_rate == pytest.approx(1000, rel=2e-6)
    stamps = np.arange(out.shape[1]) / new_rate
    inside = (stamps > 0.2) & (stamps < 3.8)
    expected = np.sin(2 * np.pi * frequency * stamps + 0.3)
    assert np.abs(out[0] - expected)[inside].max() < 3e-3


@pytest.mark.parametrize("frequency", [520.0, 700.0, 900.0])
def test_aliases_are_suppressed(frequency: float) -> None:
    t = np.arange(8000) / 2000.0
    out, _ = polyphase(np.sin(2 * np.pi * frequency * t)[None], rate=2000.0)
    assert np.abs(out[0, 300:-300]).max() < 10 ** (-40 / 20)


@pytest.mark.parametrize("offset", [0.0, 5.0, 100.0, -1e5])
@pytest.mark.parametrize("rate", [1111.11, 2000.0])
def test_single_precision_is_taken_only_where_it_is_exact_enough(rate: float, offset: float) -> None:
    x = np.random.default_rng(0).standard_normal((3, 9000)) * (0.05 + np.sin(np.arange(9000) / 900) ** 8)
    x[1, 120:8880] = np.nan  # a mean that counts gaps as zeros is too small
    x[:2] += offset
    exact, _ = polyphase(x, rate=rate)
    found = apply_stages(x, (), rate=rate, causal=False, target=1000.0)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(exact))
    error = np.sqrt(np.nanmean((found - exact) ** 2, axis=1)) / np.nanstd(exact, axis=1)
    stored = np.abs(offset) * np.finfo(np.float32).eps / np.nanstd(exact, axis=1)
    assert (error < 5e-6 + stored / 2).all()


@pytest.mark.parametrize("offset", [0.0, 5.0, 300.0])
def test_the_mean_counts_where_the_first_stage_does_not_take_it_off(offset: float) -> None:
    x = np.random.default_rng(0).standard_normal((2, 9000)) + offset
    stages = (Rectify(), Sections.of(butterworth("lowpass", 6.0, order=2, rate=2000.0)))
    exact = run(x, stages, rate=2000.0, causal=False, dtype=np.float64, target=1000.0)
    found = apply_stages(x, stages, rate=2000.0, causal=False, target=1000.0)
    stored = max(offset, 1.0) * np.finfo(np.float32).eps
    assert (np.sqrt(np.mean((found - exact) ** 2, axis=1)) < 1e-5 * exact.std(axis=1) + stored / 2).all()


def test_delsys_ratios_are_small() -> None:
    assert ratio(1111.11) == Fraction(9, 10)
    assert ratio(1925.9259) == Fraction(27, 52)
    assert ratio(1000.0) == 1
    with pytest.raises(ProcessingError, match="positive rate"):
        ratio(float("nan"))


def test_equal_rates_return_the_input() -> None:
    x = np.random.default_rng(0).standard_normal((2, 100))
    out, rate = polyphase(x, rate=1000.0)
    np.testing.assert_array_equal(out, x)
    assert rate == 1000.0
    assert reach(1000.0) == 0.0


def test_a_gap_keeps_the_stamps_and_is_not_filtered_across() -> None:
    rate = 2000.0
    x = np.sin(2 * np.pi * 5 * np.arange(6000) / rate)[None]
    gapped = x.copy()
    gapped[0, 2501:2551] = np.nan
    out, new_rate = polyphase(gapped, rate=rate)
    stamps = np.arange(out.shape[1]) / new_rate
    missing = (stamps > 2500 / rate) & (stamps < 2551 / rate)
    assert np.isnan(out[0, missing]).all()
    far = ~missing & (np.abs(stamps - 1.26) > 0.06) & (stamps > 0.06) & (stamps < 2.94)
    assert np.abs(out[0] - np.sin(2 * np.pi * 5 * stamps))[far].max() < 2e-3
    changed = gapped.copy()
    changed[0, :2501] = 99.0
    np.testing.assert_array_equal(polyphase(changed, rate=rate)[0][0, 1276:], out[0, 1276:])


def test_causal_resampling_is_one_sample_late_and_blind_to_the_future() -> None:
    rate = 1920.0
    x = np.cumsum(np.random.default_rng(0).standard_normal((1, 4000)), axis=1)
    out, new_rate = causal_linear(x, rate=rate)
    assert new_rate == 1000.0
    stamps = np.arange(out.shape[1]) / 1000
    expected = np.interp(stamps - 1 / rate, np.arange(4000) / rate, x[0])
    np.testing.assert_allclose(out[0, 1:], expected[1:], rtol=1e-9)
    changed = x.copy()
    cut = 2000
    changed[0, cut:] = 0.0
    known = stamps < cut / rate
    np.testing.assert_array_equal(causal_linear(changed, rate=rate)[0][0, known], out[0, known])


def test_delayed_linear_on_a_sample_needs_that_sample_alone() -> None:
    times = np.arange(5) / 100
    values = np.array([[1.0, 2.0, np.nan, 4.0, 5.0]])
    found = delayed_linear(times, values, np.array([0.0, 0.01, 0.02, 0.025, 0.03, 0.045, 0.05, 0.06]), delay=0.01)
    np.testing.assert_allclose(found[0], [np.nan, 1.0, 2.0, np.nan, np.nan, 4.5, 5.0, np.nan])


def test_spline_stays_inside_its_piece() -> None:
    times = np.arange(30) / 10
    values = np.sin(times)[None].copy()
    values[0, 10:13] = np.nan
    values[0, 15:17] = np.nan
    query = np.array([-0.05, 0.0, 0.55, 0.9, 0.95, 1.35, 1.85, 2.9, 2.95])
    found = spline(times, values, query)[0]
    assert np.isfinite(found).tolist() == [False, True, True, True, False, False, True, True, False]
    np.testing.assert_allclose(found[[1, 2, 3, 6, 7]], np.sin(query[[1, 2, 3, 6, 7]]), atol=1e-4)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_a_piece_of_fewer_than_four_samples_carries_no_cubic(size: int) -> None:
    values = np.full((1, 40), np.nan)
    values[0, 10 : 10 + size] = 1 + np.arange(size) ** 2
    values[0, 20:30] = 5.0
    found = spline(np.arange(40.0), values, np.arange(10.0, 10 + size))[0]
    np.testing.assert_array_equal(found, values[0, 10:14] if size == 4 else np.full(size, np.nan))


@pytest.mark.parametrize("frequency", [450.0, 130.0, 310.0])
def test_what_the_new_rate_cannot_hold_is_gone_by_60_db(frequency: float) -> None:
    t = np.arange(6000) / 1000.0
    out, rate = polyphase(np.sin(2 * np.pi * frequency * t)[None], rate=1000.0, target=200.0)
    assert rate == 200.0
    assert np.abs(out[0, 100:-100]).max() < 10 ** (-60 / 20)


@pytest.mark.parametrize("rate", [1111.11, 1925.9259, 2000.0])
def test_there_and_back_again(rate: float) -> None:
    t = np.arange(round(4 * rate)) / rate
    rng = np.random.default_rng(0)
    tones = [(f, rng.uniform(0, 6.28)) for f in (4.0, 33.0, 120.0, 310.0, 420.0)]
    x = sum(np.sin(2 * np.pi * f * t + phase) for f, phase in tones)
    down, middle = polyphase(x[None], rate=rate)
    back, again = polyphase(down, rate=middle, target=rate)
    assert again == pytest.approx(rate, rel=1e-5)
    size = min(back.shape[1], x.size)
    inside = slice(round(0.3 * rate), size - round(0.3 * rate))
    stamps = np.arange(size) / again
    expected = sum(np.sin(2 * np.pi * f * stamps + phase) for f, phase in tones)
    assert np.sqrt(np.mean((back[0, :size] - expected)[inside] ** 2)) < 5e-3


def test_ratios_come_close_to_any_rate() -> None:
    for rate in (148.15, 1000.5, 999.5, 1000.02, 2000.03):
        share = ratio(rate)
        assert abs(rate * share / 1000 - 1) <= 1e-5, rate
        assert abs(1 / ratio(1000.0, rate) / Fraction(1000.0 / rate) - 1) <= 1e-5
    rng = np.random.default_rng(0)
    for rate, target in 10 ** rng.uniform(0, 4.3, (300, 2)):
        assert abs(rate * ratio(rate, target) / target - 1) <= 1e-5
    assert ratio(1925.93) == Fraction(27, 52), "nominal rates keep their short filter"
    assert ratio(148.148148) == Fraction(27, 4)


@pytest.mark.parametrize("rate", [148.15, 1000.5])
def test_odd_rates_arrive_at_the_target(rate: float) -> None:
    t = np.arange(round(4 * rate)) / rate
    out, new_rate = polyphase(np.sin(2 * np.pi * 30 * t)[None], rate=rate)
    assert new_rate == pytest.approx(1000, rel=1e-5)
    stamps = np.arange(out.shape[1]) / new_rate
    inside = (stamps > 0.5) & (stamps < 3.5)
    assert np.abs(out[0] - np.sin(2 * np.pi * 30 * stamps))[inside].max() < 3e-3


def labelled(size: int = 1000, stamps: np.ndarray | None = None, **attrs: float) -> xr.DataArray:
    coords = {} if stamps is None else {"time": stamps}
    return xr.DataArray(np.ones((2, size)), dims=("channel", "time"), coords=coords, attrs=attrs)


MIXED = np.concatenate((np.arange(500) / 1000, 0.5 + np.arange(500) / 2000))


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (labelled(stamps=np.arange(1000) / 2000, sampling_frequency=1000.0), {}, "expected one rate"),
        (labelled(stamps=np.arange(1000) / 2000), {"sampling_frequency": 1000.0}, "expected one rate"),
        (labelled(stamps=MIXED), {}, "expected one rate"),
        (labelled(), {}, "no sampling frequency"),
        (labelled(sampling_frequency=1000.0).chunk({"time": 500}), {}, r"Call \.chunk"),
        (labelled(size=0, sampling_frequency=1000.0), {}, "found 0 samples"),
        (labelled(sampling_frequency=1000.0), {"target": -5}, "found target -5 Hz"),
        (labelled(sampling_frequency=1000.0), {"target": 0}, "found target 0 Hz"),
        (labelled(sampling_frequency=1000.0), {"target": np.nan}, "found target nan Hz"),
        (labelled(sampling_frequency=1000.0), {"target": 1e-4}, "expected a signal to resample"),
    ],
)
def test_what_cannot_be_resampled_is_refused(data: xr.DataArray, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ProcessingError, match=message):
        process.resample(data, **{"target": 500, **options})


def test_resampled_stamps_end_where_the_stamps_do() -> None:
    stamps = 3 + np.arange(60_000) / 1000.9
    assert float(process.resample(labelled(60_000, stamps, sampling_frequency=1000.0), target=500).time[-1]) == (
        pytest.approx(stamps[-1], abs=0.003)
    )
    bare = labelled(stamps=np.arange(1000) / 2000)
    assert process.resample(bare, target=500).attrs["sampling_frequency"] == pytest.approx(500)


def test_a_tone_above_the_new_nyquist_frequency_is_gone_but_for_the_ends() -> None:
    """A mirrored tone has a kink; the filter's half length from there it is gone, nearer it is not: as documented."""
    t = np.arange(8000) / 2000.0
    outs = [polyphase(np.sin(2 * np.pi * 700 * t + phase)[None], rate=2000.0)[0][0] for phase in np.linspace(0, 3, 7)]
    tone = np.abs(outs).max(axis=0)
    half = round(reach(2000.0) * 1000)
    assert half == 37
    assert tone[half:-half].max() < 1e-3
    assert 0.25 < tone.max() < 0.35


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("rate", "target"), [(2000.0, 1000.0), (4000.0, 1000.0), (1000.0, 1111.11)])
def test_a_gap_between_two_samples_of_the_new_rate_stays_a_gap(rate: float, target: float, causal: bool) -> None:
    for at in range(1000, 1004):
        data = labelled(4000, sampling_frequency=rate)
        data[0, at] = np.nan
        found = process.resample(data, target=target, causal=causal)
        missing = np.flatnonzero(np.isnan(found[0]) & np.isfinite(found[1]))
        longer = max(1 / rate, 1 / target)
        late = found.attrs.get("delay", 0.0)
        assert missing.size, "a filter that runs over the result would cross it"
        assert np.abs(missing / found.attrs["sampling_frequency"] - late - at / rate).max() < 1.01 * longer
        assert np.isfinite(found[1, 2:-1]).all(), "another channel's gap is not mine"


def test_the_causal_form_is_late_by_what_it_says_and_blind_to_the_future() -> None:
    t = np.arange(8000) / 1920.0
    x = xr.DataArray(3 + np.sin(2 * np.pi * 2 * t), dims="time", attrs={"sampling_frequency": 1920.0, "delay": 0.04})
    found = process.resample(x, target=1000, causal=True)
    assert found.attrs["delay"] == pytest.approx(0.04 + 1 / 1920)
    stamps = found["time"].values
    expected = 3 + np.sin(2 * np.pi * 2 * (stamps - 1 / 1920))
    np.testing.assert_allclose(found[1:], expected[1:], atol=1e-4)
    changed = x.copy()
    changed[4000:] = np.nan
    seen = stamps < 4000 / 1920 - 1e-9
    np.testing.assert_array_equal(process.resample(changed, target=1000, causal=True)[seen], found[seen])
    lazy = process.resample(x.expand_dims(channel=2).chunk({"channel": 1}), target=1000, causal=True)
    np.testing.assert_array_equal(lazy.compute()[0], found)
    assert "delay" not in process.resample(x.drop_attrs(), target=1000, sampling_frequency=1920.0).attrs
    same = process.resample(x.assign_attrs(sampling_frequency=1000.0), target=1000, causal=True)
    assert same.attrs["delay"] == 0.04
    with pytest.raises(ProcessingError, match="Make an envelope first"):
        process.resample(x.assign_attrs(emg_state="bandpassed"), target=1000, causal=True)
