"""Shrinkage of wavelet packets: equal to a plain loop over PyWavelets, exact without a threshold, kind to bursts."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import pywt

from biomech_xr.errors import ProcessingError
from biomech_xr.process.engine import shrinkage
from biomech_xr.process.engine.packets import denoise_packets
from biomech_xr.process.engine.stages import Rule, Shrink
from tests.benchmarks.processing_packets import plain_packets

Array = npt.NDArray[np.float64]

RATE = 1000.0
RULES: tuple[Rule, ...] = ("universal", "sure", "bayes")
SHRINKS: tuple[Shrink, ...] = ("soft", "hard", "garrote")


@pytest.mark.parametrize("shrink", SHRINKS)
@pytest.mark.parametrize("rule", RULES)
def test_equals_plain_pywavelets(rule: Rule, shrink: Shrink) -> None:
    values = _muscle(2, 1501)
    assert _same(values, "db4", 5, rule, shrink)


@pytest.mark.parametrize(
    ("wavelet", "level", "size"),
    [
        *[("db7", 9, 6657), ("db7", 9, 7000), ("db7", 6, 832), ("haar", 3, 8), ("haar", 5, 333), ("sym5", 1, 18)],
        *[("sym5", 3, 1201), ("coif3", 4, 801), ("bior3.3", 4, 200), ("bior2.4", 3, 201), ("db20", 2, 156)],
    ],
)
def test_equals_plain_pywavelets_for_every_length(wavelet: str, level: int, size: int) -> None:
    assert _same(_muscle(2, size), wavelet, level, "universal", "soft")


@pytest.mark.parametrize("count", [0, 1, 13, 17])
def test_each_signal_is_on_its_own(count: int) -> None:
    values = _muscle(17, 1000)[:count] * np.geomspace(1e-6, 1e6, 17)[:count, None]
    options = {"wavelet": "db7", "level": 4, "rule": "universal", "shrink": "soft"}
    together = denoise_packets(values, **options)  # type: ignore[arg-type]
    assert together.shape == values.shape
    for signal, result in zip(values, together, strict=True):
        np.testing.assert_array_equal(denoise_packets(signal[None], **options)[0], result)  # type: ignore[arg-type]


def test_the_scale_of_a_signal_does_not_matter_and_the_input_is_kept() -> None:
    values = _muscle(2, 900)
    copy = values.copy()
    for rule in RULES:
        once = denoise_packets(values, wavelet="db4", level=4, rule=rule, shrink="garrote")
        large = denoise_packets(1e6 * values, wavelet="db4", level=4, rule=rule, shrink="garrote")
        np.testing.assert_allclose(large, 1e6 * once, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(values, copy)


@pytest.mark.parametrize(("wavelet", "level", "size"), [("db7", 9, 30_001), ("bior3.3", 3, 400), ("haar", 6, 650)])
@pytest.mark.parametrize("shrink", SHRINKS)
def test_without_noise_the_signal_comes_back(shrink: Shrink, wavelet: str, level: int, size: int) -> None:
    values = _muscle(2, size)
    values[:, : size // 4] = values[:, size // 2 :] = 0.0  # half of the coefficients of a leaf are 0, so its noise is
    result = denoise_packets(values, wavelet=wavelet, level=level, rule="universal", shrink=shrink)
    np.testing.assert_allclose(result, values, atol=1e-11)


def test_silence_stays_silent() -> None:
    for rule in RULES:
        for shrink in SHRINKS:
            assert not denoise_packets(np.zeros((2, 300)), wavelet="db4", level=4, rule=rule, shrink=shrink).any()


@pytest.mark.parametrize("shrink", SHRINKS)
def test_noise_goes_and_bursts_stay(shrink: Shrink) -> None:
    time = np.arange(8000) / RATE
    phase = time % 2.0
    envelope = np.where(phase < 0.3, np.sin(np.pi * phase / 0.3) ** 2, 0.0)
    clean = envelope * np.sin(2 * np.pi * 110 * time)
    noise = 0.05 * np.random.default_rng(4).standard_normal(time.size)
    result = denoise_packets((clean + noise)[None], wavelet="db7", level=5, rule="universal", shrink=shrink)[0]
    burst, rest = phase < 0.3, phase > 0.5
    assert result[rest].std() < 0.35 * noise[rest].std()
    assert (result - clean).std() < 0.8 * noise.std()
    gain = result[burst] @ clean[burst] / (clean[burst] @ clean[burst])
    assert abs(gain - 1) < {"soft": 0.2, "garrote": 0.06, "hard": 0.02}[shrink]  # soft takes off every coefficient


def test_a_level_too_deep_says_which_is_possible() -> None:
    with pytest.raises(ProcessingError, match=r"level 9 of wavelet db7 on 1000 .* level 6 or less.*6656 samples"):
        denoise_packets(_muscle(1, 1000), wavelet="db7", level=9, rule="universal", shrink="soft")
    with pytest.raises(ProcessingError, match="too short for any level"):
        denoise_packets(_muscle(1, 5), wavelet="db7", level=1, rule="universal", shrink="soft")
    with pytest.raises(ProcessingError, match="level of 1 or more"):
        denoise_packets(_muscle(1, 1000), wavelet="db7", level=0, rule="universal", shrink="soft")
    deepest = pywt.dwt_max_level(1000, 14)
    denoise_packets(_muscle(1, 1000), wavelet="db7", level=deepest, rule="universal", shrink="soft")


@pytest.mark.parametrize("wavelet", ["db99", "mexh", ""])
def test_an_unknown_wavelet_is_named(wavelet: str) -> None:
    with pytest.raises(ProcessingError, match=f"wavelet; found '{wavelet}'"):
        denoise_packets(_muscle(1, 1000), wavelet=wavelet, level=2, rule="universal", shrink="soft")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_gaps_are_refused(bad: float) -> None:
    values = _muscle(2, 1000)
    values[0, 7] = bad
    with pytest.raises(ProcessingError, match="found 1 values"):
        denoise_packets(values, wavelet="db4", level=2, rule="universal", shrink="soft")


@pytest.mark.parametrize("shrink", SHRINKS)
@pytest.mark.parametrize("limit", [0.5, 0.0, np.inf])
def test_shrinkage_is_pywavelets_at_the_threshold_too(shrink: Shrink, limit: float) -> None:
    values = np.array([-2.0, -0.5, -0.25, 0.0, 0.25, 0.5, np.nextafter(0.5, 1), 3.0])
    found = values.copy()
    shrinkage.shrink_rows(found, 0, 1, np.full(8, limit), SHRINKS.index(shrink))
    with np.errstate(invalid="ignore"):
        expected = pywt.threshold(values, limit, shrink)
    np.testing.assert_allclose(found, np.nan_to_num(expected), rtol=1e-12)
    assert (found[5] != 0) == (limit == 0 or (limit == 0.5 and shrink == "hard"))


@pytest.mark.parametrize("size", [1, 2, 3, 16, 17, 18, 130, 131, 4000])
def test_median_of_any_distribution(size: int) -> None:
    draw = np.random.default_rng(size)
    normal = np.abs(draw.standard_normal(size))
    kinds = [normal, normal**5, normal + 9, normal.round(1), 0 * normal, 1 + 0 * normal, np.arange(size) % 2.0]
    kinds += [normal * (draw.random(size) < 0.45), np.exp(20 * draw.standard_normal(size)), normal * 1e-200]
    for values in kinds:
        assert shrinkage.median(values.copy()) == pytest.approx(np.median(values), rel=1e-12, abs=0)


def test_noise_of_normal_coefficients_is_their_deviation() -> None:
    values = np.abs(3.0 * np.random.default_rng(0).standard_normal(100_001))
    assert shrinkage.noise_of(values) == pytest.approx(3.0, rel=0.02)


@pytest.mark.parametrize("size", [1, 2, 50, 333])
def test_sure_has_the_least_risk_of_all_thresholds(size: int) -> None:
    values = np.abs(np.random.default_rng(size).standard_t(3, size))
    found = shrinkage.threshold_of(values.copy(), 0.8, 10_000, 1)
    limits = np.append(values[values <= 0.8 * math.sqrt(2 * math.log(size))], 0.0)
    risks = [size - 2 * np.sum(values <= limit) + np.sum((np.minimum(values, limit) / 0.8) ** 2) for limit in limits]
    assert found == limits[np.argmin(risks)]


def test_stein_risk_keeps_more_where_there_is_signal() -> None:
    draw = np.random.default_rng(1)
    noise = draw.standard_normal(1000)
    dense = noise + 8.0 * draw.choice([-1, 1], 1000) * (draw.random(1000) < 0.4)
    limits = [shrinkage.threshold_of(np.abs(values), 1.0, 1000, 1) for values in (noise, dense)]
    assert limits[1] < 0.7 * limits[0] <= 0.7 * math.sqrt(2 * math.log(1000))


def _same(values: Array, wavelet: str, level: int, rule: Rule, shrink: Shrink) -> bool:
    ours = denoise_packets(values, wavelet=wavelet, level=level, rule=rule, shrink=shrink)
    plain = plain_packets(values, wavelet, level, rule, shrink)
    assert not np.allclose(ours, values, atol=1e-3)
    np.testing.assert_allclose(ours, plain, rtol=0, atol=1e-12)
    return True


def _muscle(count: int, size: int) -> Array:
    """Return signals of bursts in white noise, standard deviation about 1."""
    draw = np.random.default_rng(size)
    burst = np.arange(size) % 700 < 250
    return draw.standard_normal((count, size)) * (0.3 + 1.5 * burst)
