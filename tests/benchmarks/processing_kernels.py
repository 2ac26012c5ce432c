"""The engine on one core beside SciPy and PyWavelets: the chain of raw EMG, and each of its stages.

    python -m tests.benchmarks.processing_kernels [--json bench/kernels.json] [--seconds 60] [--repeats 5]

13 channels of EMG-like bursts go through band-pass 20-450 Hz of order 4, notches at 50 Hz and its harmonics, DWT
denoising (db4, level 4, soft, universal), an amplitude scale and resampling to 1000 Hz. Four baselines do the same:

- loop: channel by channel as it is usually written, one filter after the other with the defaults of SciPy;
- loop over strides: this loop on the trial cut into pieces of a stride's length, as pipelines of strides do it;
- loop, same taps: this loop with the resampler's filter of this library, which is longer;
- batched: the same arithmetic as the engine on all channels at once.

The loop differs from the engine by some 1e-3 SD even far from the ends. Its filters agree there to 1e-11 SD, but each
of them is padded in its own way, and what differs near the ends moves the medians that all thresholds come from; the
note also says how far they are apart where the loop's filtered ends are replaced by those of the merged filter.
Processor time of this process counts, the least of interleaved repeats. How much two threads do beside one is told by
wall time, beside what they do of arithmetic that never leaves the registers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pywt
from scipy import signal

from biomech_xr.compiled import compiled
from biomech_xr.process.engine.apply import apply_stages
from biomech_xr.process.engine.kernels import PAD_SECONDS
from biomech_xr.process.engine.stages import Rectify, Sections, Shrinkage, Stage
from biomech_xr.process.steps.resample import EMG_RATE, antialias, ratio
from tests.benchmarks.common import Case, arguments, report

Array = np.ndarray

RATES = (1111.11, 2000.0)
CHANNELS = 13
STRIDE_SECONDS = 1.1
WIDTH = 6.0
DENOISE = Shrinkage("db4", 4, "universal", "soft", packets=False)


def main() -> None:
    """Measure and report."""
    parser = arguments("The engine beside SciPy and PyWavelets on one core.")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the trial")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    cases: dict[str, Case] = {}
    for rate in RATES:
        cases |= chain_cases(rate, given.seconds, given.repeats) | stage_cases(rate, given.seconds, given.repeats)
    report(cases, given.json)


def chain_cases(rate: float, seconds: float, repeats: int) -> dict[str, Case]:
    """Return the whole chain against the loop over channels, and against SciPy on all channels at once."""
    x, band, lines = trial(rate, seconds)
    stages = (Sections.of(band), Sections.of(np.concatenate([signal.tf2sos(*line) for line in lines])), DENOISE)
    scale = np.linspace(0.5, 2, CHANNELS)

    def ours() -> Array:
        return np.asarray(apply_stages(x, stages, rate=rate, causal=False, scale=scale, target=EMG_RATE))

    def loop(resample: Callable[[Array, float], Array] = plainly_resampled) -> Array:
        return np.stack(
            [resample(denoised(filtered(row, band, lines)) * k, rate) for row, k in zip(wide, scale, strict=True)]
        )

    def strides() -> list[Array]:
        borders = np.arange(0, wide.shape[1] + 1, round(STRIDE_SECONDS * rate))
        return [
            plainly_resampled(denoised(filtered(row[start:stop], band, lines)) * k, rate)
            for start, stop in pairwise(borders)
            for row, k in zip(wide, scale, strict=True)
        ]

    def same() -> Array:
        return loop(resampled)

    def batched() -> Array:
        return resampled(denoised(merged(wide, band, lines, rate)) * scale[:, None], rate)

    wide = x.astype(np.float64)
    found, exact = ours(), batched()
    far, middle = slice(round(EMG_RATE), -round(EMG_RATE)), slice(round(rate), -round(rate))
    ends = merged(wide, band, lines, rate)
    ends[:, middle] = np.stack([filtered(row, band, lines)[middle] for row in wide])
    mended = resampled(denoised(ends) * scale[:, None], rate)
    apart = {name: error(found[:, far], other[:, far]) for name, other in (("loop", same()), ("mended", mended))}
    used = least({"ours": ours, "loop": loop, "same": same, "batched": batched}, repeats)
    used |= least({"strides": strides}, 1)
    per = {name: value / (seconds * CHANNELS) * 1e6 for name, value in used.items()}
    errors = f"inside {apart['loop']:.1e} SD from it, {apart['mended']:.1e} with the same ends"
    return {
        f"chain {rate:g} Hz, loop": case(per["ours"], per["loop"], f"{found.dtype}, SciPy's defaults"),
        f"chain {rate:g} Hz, loop over strides": case(per["ours"], per["strides"], f"pieces of {STRIDE_SECONDS} s"),
        f"chain {rate:g} Hz, loop, same taps": case(per["ours"], per["same"], errors),
        f"chain {rate:g} Hz, batched": case(per["ours"], per["batched"], f"rms {error(found, exact):.1e} SD from it"),
        f"chain {rate:g} Hz, two threads": scaling(ours, repeats),
    }


def stage_cases(rate: float, seconds: float, repeats: int) -> dict[str, Case]:
    """Return each stage alone against SciPy or PyWavelets on all channels at once."""
    x, band, lines = trial(rate, seconds)
    wide = x.astype(np.float64)
    notches = np.concatenate([signal.tf2sos(*line) for line in lines])
    low = signal.butter(2, 6, output="sos", fs=rate)
    pairs: dict[str, tuple[tuple[Stage, ...], float | None, Callable[[], object]]] = {
        "copy": ((), None, lambda: wide.copy()),
        "band-pass": ((Sections.of(band),), None, lambda: both_ways(wide, band, rate)),
        f"{len(lines)} notches": ((Sections.of(notches),), None, lambda: both_ways(wide, notches, rate)),
        "envelope": ((Rectify(), Sections.of(low)), None, lambda: both_ways(np.abs(wide), low, rate)),
        "denoise": ((DENOISE,), None, lambda: denoised(wide)),
        "resample": ((), EMG_RATE, lambda: resampled(wide, rate)),
    }
    cases = {}
    for name, (stages, target, peer) in pairs.items():

        def ours(stages: tuple[Stage, ...] = stages, target: float | None = target) -> Array:
            return np.asarray(apply_stages(x, stages, rate=rate, causal=False, target=target))

        kind = ours().dtype
        used = least({"ours": ours, "peer": peer}, repeats)
        per = {key: value / (seconds * CHANNELS) * 1e6 for key, value in used.items()}
        cases[f"{name} {rate:g} Hz"] = case(per["ours"], per["peer"], f"{kind}, load and store included")
    return cases


def trial(rate: float, seconds: float) -> tuple[Array, Array, list[tuple[Array, Array]]]:
    """Return EMG-like signals in float32, band-pass sections, and a notch (b, a) for each harmonic of 50 Hz."""
    t = np.arange(round(seconds * rate)) / rate
    bursts = 0.05 + np.sin(np.pi * t) ** 8
    noise = np.random.default_rng(0).standard_normal((CHANNELS, t.size))
    x = (noise * bursts + 0.1 * np.sin(2 * np.pi * 50 * t)).astype(np.float32)
    band = signal.butter(4, (20, 450), btype="bandpass", output="sos", fs=rate)
    return x, band, [signal.iirnotch(f, f / WIDTH, fs=rate) for f in range(50, 450, 50)]


def filtered(row: Array, band: Array, lines: list[tuple[Array, Array]]) -> Array:
    """Return one channel filtered as it is usually written: one filter after the other."""
    row = signal.sosfiltfilt(band, row)
    for numerator, denominator in lines:
        row = signal.filtfilt(numerator, denominator, row)
    return row


def merged(values: Array, band: Array, lines: list[tuple[Array, Array]], rate: float) -> Array:
    """Return channels filtered by one cascade."""
    return both_ways(values, np.concatenate((band, *[signal.tf2sos(*line) for line in lines])), rate)


def both_ways(values: Array, sections: Array, rate: float) -> Array:
    """Return channels filtered forward and backward, padded as the engine pads."""
    return np.asarray(signal.sosfiltfilt(sections, values, padtype="even", padlen=round(PAD_SECONDS * rate)))


def denoised(values: Array) -> Array:
    """Return channels denoised by PyWavelets."""
    low, *details = pywt.wavedec(values, DENOISE.wavelet, mode="symmetric", level=DENOISE.level)
    factor = np.sqrt(2 * np.log(values.shape[-1])) / 0.6744897501960817
    shrunk = []
    for detail in details:
        limit = factor * np.median(np.abs(detail), axis=-1, keepdims=True)
        shrunk.append(pywt.threshold(detail, limit, "soft"))
    return np.asarray(pywt.waverec([low, *shrunk], DENOISE.wavelet, mode="symmetric")[..., : values.shape[-1]])


def plainly_resampled(values: Array, rate: float) -> Array:
    """Return channels at 1000 Hz by the resampler's own filter."""
    share = ratio(rate)
    return np.asarray(signal.resample_poly(values, share.numerator, share.denominator, axis=-1))


def resampled(values: Array, rate: float) -> Array:
    """Return channels at 1000 Hz by the filter of this library."""
    share = ratio(rate)
    window = antialias(share.numerator, share.denominator)
    whole = signal.resample_poly(values, share.numerator, share.denominator, axis=-1, window=window, padtype="reflect")
    return np.asarray(whole[..., : (values.shape[-1] - 1) * share.numerator // share.denominator + 1])


def error(found: Array, expected: Array) -> float:
    """Return the largest rms difference of a channel in its SD; what lies after the last input sample is left out."""
    found = found[:, : expected.shape[1]]
    return float((np.sqrt(np.mean((found - expected) ** 2, axis=-1)) / expected.std(axis=-1)).max())


def least(functions: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the least processor time (s) of each function; they take turns."""
    best = dict.fromkeys(functions, np.inf)
    for _ in range(repeats):
        for name, function in functions.items():
            started = time.thread_time()
            function()
            best[name] = min(best[name], time.thread_time() - started)
    return best


def scaling(ours: Callable[[], object], repeats: int) -> Case:
    """Return how much more two threads do than one, beside arithmetic in registers; the best of some repeats."""
    found, limit = (
        max(2 * walls(function, 1) / walls(function, 2) for _ in range(repeats))
        for function in (ours, lambda: arithmetic(10_000_000))
    )
    return Case(value=found, unit="x", baseline=limit, ratio=found / limit, note="over one; baseline: arithmetic alone")


def walls(function: Callable[[], object], threads: int) -> float:
    """Return the wall time (s) in which each of some threads calls a function four times."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: function(), range(threads)))
        started = time.perf_counter()
        list(pool.map(lambda _: [function() for _ in range(4)], range(threads)))
        return time.perf_counter() - started


@compiled()
def arithmetic(rounds: int) -> float:
    """Multiply and add in 64 accumulators, so many times."""
    values = np.ones(64, np.float32)
    for _ in range(rounds):
        for place in range(64):
            values[place] = values[place] * np.float32(0.999) + np.float32(1e-3)
    return float(values.sum())


def case(ours: float, baseline: float, note: str) -> Case:
    """Return the result of times in microseconds per channel-second; the ratio is how many times faster."""
    return Case(value=ours, unit="us", baseline=baseline, ratio=baseline / ours, note=note)


if __name__ == "__main__":
    main()
