"""The rate of EMG by its mains hum: device rates, mains, loudness, harmonics, joints; without hum no decision."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from biomech_xr.evidence import rate_from_hum
from tests.evidence.tally import Record, Tally

RATES = (1000.0, 10000 / 9, 1200.0, 1500.0, 1920.0, 2000.0, 2048.0, 3000.0)
STRIDES = 12


def channels(
    rng: np.random.Generator, rate: float, stride_time: float, hum: float, mains: float, *, joined: bool = False
) -> list[np.ndarray]:
    """Return three channels of bursts once a stride (SD 1 at their height), with hum of an amplitude and harmonics."""
    time = np.arange(round(STRIDES * stride_time * rate)) / rate
    band = butter(2, [20, min(450, 0.45 * rate)], "bandpass", fs=rate, output="sos")
    made = []
    for _ in range(3):
        burst = np.exp(2 * np.cos(2 * np.pi * (time / stride_time - rng.random()))) / np.exp(2) + 0.03
        emg = sosfilt(band, rng.standard_normal(time.size)) * burst * rng.uniform(0.3, 3)
        line = sum(np.sin(2 * np.pi * k * mains * time + rng.random()) / k**2 for k in (1, 2, 3))
        made.append(emg + hum * line)
    if joined:  # strides that were cut out one by one, of slightly different lengths, and laid side by side
        size = round(stride_time * rate)
        ends = [(size * k, size * k + int(size * rng.uniform(0.85, 1))) for k in range(STRIDES)]
        made = [np.concatenate([one[start:stop] for start, stop in ends]) for one in made]
    return made


@pytest.mark.parametrize("mains", [50.0, 60.0])
def test_every_planted_rate_is_found_or_refused(record_property: Record, mains: float) -> None:
    rng = np.random.default_rng(51)
    tally = Tally(f"rate_from_hum, {mains:g} Hz")
    for rate in RATES:
        for stride_time in (1.1, 1.4):
            for hum, joined in itertools.product((0.1, 0.5), (False, True)):
                found = channels(rng, rate, stride_time, hum, mains * rng.uniform(0.998, 1.002), joined=joined)
                decision = rate_from_hum(found, stride_time * rate, line_frequency=mains)
                tally.add(decision, rate, f"{rate:.2f} Hz, {stride_time} s, hum {hum}, {joined=}")
    tally.report(record_property, most_refused=0.3, least_cases=64)


def test_without_hum_no_rate_is_decided(record_property: Record) -> None:
    rng = np.random.default_rng(52)
    tally = Tally("rate_from_hum, no hum")
    for rate in RATES:
        for stride_time in (1.1, 1.4):
            found = channels(rng, rate, stride_time, 0.0, 60.0)
            tally.add(rate_from_hum(found, stride_time * rate, line_frequency=60.0), None, f"{rate:.2f} Hz")
    tally.report(record_property, most_refused=1.0, least_cases=16)
    assert tally.refused == tally.cases


def test_short_constant_and_missing_channels_are_no_clock() -> None:
    for found in ([], [np.full(20_000, np.nan)], [np.zeros(20_000)], [np.sin(np.arange(1000.0))]):
        decision = rate_from_hum(found, 2000.0, line_frequency=60.0)
        assert np.isnan(decision.value)
        assert decision.confidence == 0
    assert not rate_from_hum([np.ones(9)], np.nan, line_frequency=60.0).sure
