"""The engine against SciPy, against the future, against gaps, and against the number of signals beside a signal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import signal

from biomech_xr.errors import ProcessingError
from biomech_xr.process.engine.apply import apply_stages, run
from biomech_xr.process.engine.kernels import MIN_PIECE_SECONDS, PAD_SECONDS
from biomech_xr.process.engine.packets import denoise_packets
from biomech_xr.process.engine.program import needed
from biomech_xr.process.engine.stages import Center, Rectify, Rms, Sections, Shrinkage, Stage, Tkeo
from biomech_xr.process.steps.resample import antialias, ratio

RATE = 1000.0
BAND = Sections.of(signal.butter(4, (20, 450), btype="bandpass", output="sos", fs=RATE))
LINE = Sections.of(np.concatenate([signal.tf2sos(*signal.iirnotch(f, f / 6, fs=RATE)) for f in (50, 100, 150)]))
SMOOTH = Sections.of(signal.butter(2, 6, output="sos", fs=RATE))
DENOISE = Shrinkage("db4", 4, "universal", "soft", packets=False)
LINEAR: dict[str, tuple[Stage, ...]] = {"band": (BAND, LINE), "smooth": (SMOOTH,), "center": (Center(),)}
CAUSAL: dict[str, tuple[Stage, ...]] = {
    "sections": (BAND, LINE),
    "envelope": (BAND, Rectify(), SMOOTH),
    "rms": (BAND, Rms(101)),
    "tkeo": (BAND, Tkeo()),
}
EVERY: dict[str, tuple[Stage, ...]] = {**LINEAR, **CAUSAL, "denoise": (BAND, DENOISE)}


def emg(signals: int = 3, samples: int = 3000, seed: int = 0) -> np.ndarray:
    """Return noise in bursts."""
    bursts = 0.05 + np.sin(np.arange(samples) * np.pi / 1000) ** 8
    return np.asarray(np.random.default_rng(seed).standard_normal((signals, samples)) * bursts)


def apply(values: np.ndarray, stages: Sequence[Stage], *, causal: bool = False) -> np.ndarray:
    return np.asarray(apply_stages(values, stages, rate=RATE, causal=causal))


def error(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest rms difference in SD."""
    return float((np.sqrt(np.mean((found - expected) ** 2, axis=-1)) / expected.std(axis=-1)).max())


def both_ways(values: np.ndarray, sections: np.ndarray) -> np.ndarray:
    padding = round(PAD_SECONDS * RATE)
    return np.asarray(signal.sosfiltfilt(sections.copy(), values, padtype="even", padlen=padding))


def test_neighboring_sections_are_one_filter_and_scipys_in_both_precisions() -> None:
    x = emg() + 1000.0
    expected = both_ways(x, np.concatenate((BAND.array, LINE.array)))
    single = apply(x, (BAND, LINE))
    assert single.dtype == np.float32
    assert error(single, expected) < 1e-5
    assert error(run(x, (BAND, LINE), rate=RATE, causal=False, dtype=np.float64), expected) < 1e-10


def test_envelope_is_scipys() -> None:
    x = emg().astype(np.float32)
    expected = both_ways(np.abs(both_ways(x.astype(float), BAND.array)), SMOOTH.array)
    assert error(apply(x, (BAND, Rectify(), SMOOTH)), expected) < 1e-5
    np.testing.assert_allclose(
        run(x, (BAND, Rectify(), SMOOTH), rate=RATE, causal=False, dtype=np.float64), expected, atol=1e-12
    )


def test_causal_sections_start_in_the_steady_state_of_the_first_sample() -> None:
    x = emg() + 3.0
    initial = signal.sosfilt_zi(SMOOTH.array)[:, None, :] * x[None, :, :1]
    expected = signal.sosfilt(SMOOTH.array.copy(), x, zi=initial)[0]
    assert error(apply(x, (SMOOTH,), causal=True), expected) < 1e-5


@pytest.mark.parametrize("causal", [False, True])
def test_rms_is_that_of_the_samples_there_are(causal: bool) -> None:
    x = emg(samples=700)
    squares = np.pad(x**2, ((0, 0), (100, 100)))
    there = np.pad(np.ones_like(x), ((0, 0), (100, 100)))
    shift = 0 if causal else 50
    windows = [
        np.lib.stride_tricks.sliding_window_view(values, 101, axis=-1).sum(axis=-1)[:, shift : shift + 700]
        for values in (squares, there)
    ]
    assert error(apply(x, (Rms(101),), causal=causal), np.sqrt(windows[0] / windows[1])) < 1e-6


def test_energy_of_a_tone_is_its_squared_amplitude_and_frequency() -> None:
    omega = 2 * np.pi * 80 / RATE
    x = 3.0 * np.sin(omega * np.arange(1000))[None]
    centered, late = apply(x, (Tkeo(),)), apply(x, (Tkeo(),), causal=True)
    np.testing.assert_allclose(centered[:, 1:-1], 9 * np.sin(omega) ** 2, rtol=1e-9)
    np.testing.assert_array_equal(late[:, 1:], centered[:, :-1])


def test_centering_takes_the_mean_off_each_piece() -> None:
    x = emg() + 5.0
    x[1, 1000:1500] = np.nan
    x[1, 1500:] += 100.0
    found = apply(x, (Center(),))
    assert np.abs(found[0].mean()) < 1e-6
    assert np.abs(found[1, :1000].mean()) < 1e-6
    assert np.abs(found[1, 1500:].mean()) < 1e-6
    assert error(found[:1], x[:1] - x[:1].mean()) < 1e-6


@pytest.mark.parametrize("name", LINEAR)
def test_linear_stages_are_linear(name: str) -> None:
    x, y = emg(seed=1), emg(seed=2)
    mixed = apply(2 * x - 3 * y, LINEAR[name])
    assert error(mixed, 2 * apply(x, LINEAR[name]) - 3.0 * apply(y, LINEAR[name])) < 1e-5


@pytest.mark.parametrize("name", EVERY)
def test_zero_phase_keeps_the_symmetry_of_a_pulse(name: str) -> None:
    x = np.zeros((1, 2001))
    x[0, 1000] = 1.0
    if name == "denoise":
        pytest.skip("the grid of a wavelet transform has no center")
    found = apply(x, EVERY[name])
    np.testing.assert_allclose(found, found[:, ::-1], atol=2e-6 * np.abs(found).max())
    assert np.abs(found[0]).argmax() == 1000 or name == "rms"


@pytest.mark.parametrize("future", ["larger", "drift", "constant"])
@pytest.mark.parametrize("name", CAUSAL)
def test_changing_the_future_never_changes_the_past(name: str, future: str) -> None:
    x, other = emg(seed=3), emg(seed=4)
    later = {"larger": 50 * other, "drift": other + np.arange(3000.0) ** 2, "constant": 0 * other + 3}[future]
    changed = np.concatenate((x[:, :1500], later[:, 1500:]), axis=1)
    before, after = (apply(values, CAUSAL[name], causal=True) for values in (x, changed))
    np.testing.assert_array_equal(before[:, :1500], after[:, :1500])
    assert (before[:, 1510:] != after[:, 1510:]).any()
    cut = apply(x[:, :1500], CAUSAL[name], causal=True)
    np.testing.assert_array_equal(before[:, :1500], cut)


def test_what_needs_later_samples_is_refused_in_causal_chains() -> None:
    for stage in (Center(), DENOISE):
        with pytest.raises(ProcessingError, match="need later samples"):
            apply(emg(), (stage,), causal=True)
    with pytest.raises(ProcessingError, match="need later samples"):
        apply_stages(emg(), (BAND,), rate=RATE, causal=True, target=500)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", CAUSAL)
def test_gaps_stay_and_do_not_spread(name: str, causal: bool) -> None:
    x = emg()
    x[1, 1200:1300] = np.nan
    found = apply(x, EVERY[name], causal=causal)
    assert np.isnan(found[1, 1200:1300]).all()
    assert np.isnan(found).sum() == 100
    np.testing.assert_array_equal(found[1, 1300:], apply(x[1, 1300:], EVERY[name], causal=causal))
    np.testing.assert_array_equal(found[[0, 2]], apply(x[[0, 2]], EVERY[name], causal=causal))


def test_gaps_stay_when_denoising_and_resampling() -> None:
    x = emg()
    x[1, 1200:1300] = np.nan
    found = apply_stages(x, (BAND, DENOISE), rate=RATE, causal=False, target=500)
    assert np.isnan(found).sum() == 50
    assert np.isnan(found[1, 600:650]).all()


@pytest.mark.parametrize("name", EVERY)
def test_short_pieces_constant_channels_and_nothing_at_all(name: str) -> None:
    wavelets = [needed(stage) for stage in EVERY[name] if isinstance(stage, Shrinkage)]
    short = max([round(MIN_PIECE_SECONDS * RATE), *wavelets]) - 1
    x = np.full((4, 600), np.nan)
    x[0, 100 : 100 + short] = 1.0
    x[1, 100 : 100 + short + 1] = np.random.default_rng(0).standard_normal(short + 1)
    x[2] = 7.0
    found = apply(x, EVERY[name])
    filtered = any(isinstance(stage, Sections | Shrinkage) for stage in EVERY[name])
    assert np.isfinite(found[0]).sum() == (0 if filtered else short)
    assert np.isfinite(found[1]).sum() == short + 1
    np.testing.assert_allclose(found[2], 7.0 if name == "smooth" else 0.0, atol=1e-5)
    assert np.isnan(found[3]).all()
    assert apply(np.full((0, 50), np.nan), EVERY[name]).shape == (0, 50)
    assert apply(np.empty((3, 0)), EVERY[name]).shape == (3, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", EVERY)
def test_a_signal_does_not_know_its_neighbors(name: str, dtype: type) -> None:
    x = emg(signals=33, samples=700).astype(dtype)
    alone = apply(x[0], EVERY[name])
    for signals in (1, 13, 16, 17, 33):
        found = apply(x[:signals], EVERY[name])
        np.testing.assert_array_equal(found[0], alone)
        np.testing.assert_array_equal(found[-1], apply(x[signals - 1], EVERY[name]))


@pytest.mark.parametrize(("rate", "samples"), [(1111.11, 3007), (1111.11, 40), (2000.0, 3000), (800.0, 1001)])
def test_resampling_and_scale_are_scipys(rate: float, samples: int) -> None:
    x = emg(signals=17, samples=samples)
    share, factors = ratio(rate), np.linspace(0.1, 3, 17)
    taps = antialias(share.numerator, share.denominator)
    expected = signal.resample_poly(
        x * factors[:, None], share.numerator, share.denominator, axis=-1, window=taps, padtype="reflect"
    )
    found = apply_stages(x, (), rate=rate, causal=False, target=1000, scale=factors)
    inside = np.isfinite(found).all(axis=0)
    assert found.shape == expected.shape
    assert inside[: (samples - 1) * share.numerator // share.denominator + 1].all()
    assert error(found[:, inside], expected[:, inside]) < 1e-6


def test_the_precision_is_what_the_stages_need() -> None:
    high = 10_000.0
    slow = Sections.of(signal.butter(2, 0.5, output="sos", fs=high))
    x = emg(samples=20_000)
    found = apply_stages(x, (slow,), rate=high, causal=True)
    initial = signal.sosfilt_zi(slow.array)[:, None, :] * x[None, :, :1]
    assert error(found, signal.sosfilt(slow.array.copy(), x, zi=initial)[0]) < 1e-5
    assert apply(emg(), (Tkeo(),)).dtype == np.float64


def test_any_shape_and_integers_are_taken() -> None:
    x = np.round(100 * emg(signals=6)).astype(np.int16).reshape(2, 3, -1)
    found = apply(x, (BAND,))
    assert found.shape == x.shape
    assert error(found.reshape(6, -1), both_ways(x.reshape(6, -1).astype(float), BAND.array)) < 1e-5


def test_wavelet_packets_stand_between_other_stages() -> None:
    x = emg(samples=1200)
    x[1, 520:620] = np.nan
    packets = Shrinkage("db4", 3, "universal", "soft", packets=True)
    found = apply(x, (BAND, packets, Rectify()))
    assert np.isnan(found).sum() == 100
    for row, piece in ((0, slice(0, 1200)), (1, slice(0, 520)), (1, slice(620, 1200))):
        filtered = both_ways(x[row : row + 1, piece], BAND.array)
        clean = denoise_packets(filtered, wavelet="db4", level=3, rule="universal", shrink="soft")
        assert error(found[row : row + 1, piece], np.abs(clean)) < 1e-5


@pytest.mark.parametrize("packets", [False, True])
def test_a_piece_too_short_for_the_wavelet_is_masked_and_loses_no_other(packets: bool) -> None:
    stage = Shrinkage("db7", 6, "universal", "soft", packets=packets)
    values = np.random.default_rng(2).standard_normal((2, 3000)).astype(np.float32)
    values[0, 300] = np.nan
    out = apply_stages(values, (stage,), rate=1000.0, causal=False)
    assert np.isnan(out[0, :301]).all(), "300 samples carry no level 6 of db7"
    assert np.isfinite(out[0, 301:]).all()
    assert np.isfinite(out[1]).all()


@pytest.mark.parametrize("level", [0, -1, 21])
def test_a_level_that_no_transform_has_is_refused(level: int) -> None:
    with pytest.raises(ProcessingError, match=f"level {level}, expected 1 to 20"):
        Shrinkage("db4", level, "universal", "soft", packets=False)


def test_small_emg_on_a_large_drift_is_as_exact_as_any() -> None:
    draw = np.random.default_rng(4)
    times = np.arange(8000) / 1000
    emg = draw.standard_normal((3, 8000)) * 0.05
    drift = np.array([0.0, 100.0, 1000.0])[:, None] * np.sin(np.pi * times)
    sections = signal.butter(4, (20, 450), "bandpass", output="sos", fs=1000)
    out = apply_stages(emg + drift, (Sections.of(sections),), rate=1000.0, causal=False)
    exact = signal.sosfiltfilt(sections, emg + drift, padtype="even", padlen=500)
    error = np.sqrt(np.mean((out - exact) ** 2, axis=1)) / exact.std(axis=1)
    assert (error < 1e-5).all(), error
