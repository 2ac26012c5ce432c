"""State and rate of EMG: every planted state, rate, muscle and activity."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from biomech_xr.errors import ConfigError
from biomech_xr.evidence import DEVICE_RATES, LEAST, emg_rate, emg_state
from biomech_xr.synthetic.emg import envelopes, make_emg
from biomech_xr.synthetic.gait import Bout, Gait, make_gait
from biomech_xr.synthetic.person import generator, make_person
from tests.evidence.cases import FloatArray
from tests.evidence.tally import Record, Tally

MUSCLES = ("vastus_lateralis", "rectus_femoris", "tibialis_anterior", "semitendinosus", "soleus", "gluteus_medius")
RATES = (960.0, 1000.0, 10000 / 9, 1920.0, 58000 / 27)


def walk(number: int, activity: str = "walk", duration: float = 6.0) -> Gait:
    """Return a trial of one person."""
    person = make_person(f"emg-{number}", seed=5)
    rng = generator(5, number, activity)
    return make_gait(person, [Bout(activity=activity, duration=duration)], rng, grid=1000)


def states(gait: Gait, rng: np.random.Generator, rate: float) -> dict[str, FloatArray]:
    """Return (sample, muscle) of one trial in the three states.

    Raw EMG has an offset of 10 to 50 microvolts and slow artefacts of motion, which filters must take away.
    """
    plain = make_emg(gait, "right", MUSCLES, rng, rate=rate, line_frequency=50.0, hum=0.004, offset=0.0)
    clean = make_emg(gait, "right", MUSCLES, rng, rate=rate, line_frequency=50.0, hum=0.0, offset=0.0)
    time = np.arange(len(plain)) / rate
    offset = rng.choice([-1, 1], len(MUSCLES)) * rng.uniform(0.01, 0.05, len(MUSCLES))
    drift = 0.01 * np.sin(2 * np.pi * rng.uniform(0.5, 3, len(MUSCLES)) * time[:, None])
    band = butter(4, [20, 400], "bandpass", fs=rate, output="sos")
    low = butter(2, 6, fs=rate, output="sos")
    filtered = sosfiltfilt(band, clean + offset + drift, axis=0)
    return {
        "raw": plain + offset + drift,
        "bandpassed": filtered,
        "envelope": sosfiltfilt(low, np.abs(filtered), axis=0),
    }


def test_every_state_is_found_or_refused(record_property: Record) -> None:
    tallies = {state: Tally(f"emg_state, {state}") for state in ("raw", "bandpassed", "envelope")}
    rng = np.random.default_rng(1)
    for number in range(4):
        activity = ("walk", "stair_ascent")[number // 2]
        gait = walk(number, activity)
        for rate in RATES[number % 2 :: 2]:
            for state, samples in states(gait, rng, rate).items():
                for column, muscle in zip(samples.T, MUSCLES, strict=True):
                    case = f"{number}, {activity}, {rate}, {muscle}"
                    tallies[state].add(emg_state(column, rate), state, case, f"{number}, {activity}, right")
    for tally in tallies.values():
        tally.report(record_property, most_refused=0.02, least_cases=60)


def test_strides_of_envelopes_on_any_grid_are_envelopes(record_property: Record) -> None:
    tally = Tally("emg_state, envelopes cut to strides, no rate")
    for number in range(3):
        gait = walk(number)
        contacts = gait.contacts["right"]
        for points in (100, 101, 200, 1000):
            share = np.arange(points) / points
            time = (contacts[:-1, None] + np.diff(contacts)[:, None] * share).ravel()
            rows = envelopes(gait, "right", MUSCLES, time).reshape(-1, points, len(MUSCLES))
            for muscle in range(len(MUSCLES)):
                tally.add(emg_state(rows[..., muscle]), "envelope", f"{number}, {points}", f"{number}, walk, right")
    tally.report(record_property, most_refused=0.02, least_cases=72)


def test_gaps_do_not_change_the_state() -> None:
    samples = states(walk(1), np.random.default_rng(2), 1000.0)
    for state, values in samples.items():
        column = values[:, 0].copy()
        column[700:900] = np.nan
        column[-50:] = np.nan
        decision = emg_state(column, 1000.0)
        assert (decision.value, decision.confidence >= LEAST) == (state, True), decision.note()


def test_unclear_emg_is_not_decided() -> None:
    rng = np.random.default_rng(3)
    band = states(walk(2), rng, 1000.0)["bandpassed"][:, 0]
    hum = band + 0.5 * band.std() * np.sin(2 * np.pi * 50 * np.arange(band.size) / 1000)
    unclear = {
        "rectified, not smoothed": np.abs(band),
        "constant": np.zeros(5000),
        "nan": np.full(5000, np.nan),
        "empty": np.empty(0),
        "short": band[:400],
        "mains only": hum,
        "white noise at 1 kHz": rng.standard_normal(8000),
        "slow and signed": np.sin(np.arange(8000) / 300),
    }
    for name, samples in unclear.items():
        decision = emg_state(samples, 1000.0)
        assert decision.confidence < LEAST, f"{name}: {decision.note()}"


def test_without_a_rate_bandpassed_is_never_sure() -> None:
    samples = states(walk(3), np.random.default_rng(4), 2000.0)
    assert emg_state(samples["bandpassed"][:, 0]).confidence < LEAST
    assert emg_state(samples["envelope"][:, 0]).value == "envelope"


def test_emg_of_three_dimensions_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"shape \(2, 3, 4\)"):
        emg_state(np.zeros((2, 3, 4)))


def test_every_device_rate_is_found_or_refused(record_property: Record) -> None:
    rng = np.random.default_rng(5)
    clean, coarse = Tally("emg_rate, durations to the millisecond"), Tally("emg_rate, durations to a 100 Hz frame")
    for rate in DEVICE_RATES:
        for _ in range(12):
            time = rng.normal(1.1, 0.06, 30).clip(0.7, 1.6)
            extra = int(rng.integers(2))
            lengths = np.floor(time * rate) + extra
            for tally, grid in ((clean, 1000.0), (coarse, 100.0)):
                lengths[3], stamp = np.nan, np.round(time * grid) / grid
                tally.add(emg_rate(lengths, stamp), rate, f"{rate:.2f} Hz at {grid} Hz, {extra} more")
    clean.report(record_property, most_refused=0.25, least_cases=400)
    coarse.report(record_property, most_refused=0.7, least_cases=400)


def test_durations_that_are_off_by_a_frame_give_no_other_device(record_property: Record) -> None:
    rng = np.random.default_rng(6)
    tally = Tally("emg_rate, durations of one frame (100 or 200 Hz) too many or too few")
    for rate in (800.0, 960.0, 1000.0, 10000 / 9, 1200.0, 1500.0, 1920.0, 2000.0, 58000 / 27):
        for frame in (0.01, -0.01, 0.005, -0.005):
            for _ in range(8):
                time = rng.normal(1.1, 0.06, 40)
                tally.add(emg_rate(np.round(time * rate), time + frame), rate, f"{rate:.2f} Hz, {frame} s")
    tally.report(record_property, most_refused=1.0, least_cases=200)


def test_a_rate_that_no_device_has_is_measured_but_not_sure() -> None:
    time = np.linspace(0.9, 1.3, 20)
    decision = emg_rate(np.round(time * 1371.0), time)
    assert decision.value == pytest.approx(1371, abs=2)
    assert decision.confidence < LEAST


def test_no_usable_piece_gives_nan() -> None:
    decision = emg_rate([math.nan, 0.0], [1.0, -1.0])
    assert math.isnan(decision.value)
    assert decision.confidence == 0


def test_lengths_of_two_kinds_give_no_sure_rate() -> None:
    time = np.full(20, 1.1)
    assert emg_rate(np.where(np.arange(20) % 2, 1100.0, 2200.0), time).confidence < LEAST


def test_shapes_that_differ_are_named() -> None:
    with pytest.raises(ConfigError, match=r"\(3,\).*\(2,\)"):
        emg_rate([1, 2, 3], [1, 2])


def test_of_a_long_signal_a_selection_gives_the_same_state_and_a_slow_one_is_survived() -> None:
    rng = np.random.default_rng(0)
    made = states(walk(3), rng, 1000.0)
    for state, channels in made.items():
        longer = np.tile(channels[:, 0], 30)
        assert emg_state(longer, 1000.0).value == state
    assert emg_state(rng.standard_normal(4000), 4.0).confidence < LEAST
