"""Angles and moments of a higher rate than the grid's: no alias, no gap overlooked, no gap crossed, one delay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from biomech_xr import process
from biomech_xr.process.trials.trial import process_recording
from biomech_xr.schema import Trial
from tests.process.patients import FakePatient, knee_angle, planned, processed, walking_trial

ENVELOPE, REALTIME = (process.load_chain(name) for name in ("envelope", "realtime"))
HERTZ = process.load_chain("envelope", ["grid={rate: 100}"])
GRIDS = pytest.mark.parametrize("chain", [ENVELOPE, HERTZ, REALTIME], ids=["phase", "hertz", "realtime"])
RATE = 1000.0
T = np.arange(12000) / RATE


def both(values: np.ndarray) -> np.ndarray:
    return np.stack([values, values], axis=1)


def trial_of(values: np.ndarray, **changes: object) -> Trial:
    """Return a trial of which both knees have these angles (1 kHz) and a tenth of them as moments."""
    moments = {"moments": both(values / 50), "moment_rate": RATE}
    return walking_trial(joint_rate=RATE, angles=both(values), **{**moments, **changes})  # type: ignore[arg-type]


def knee(block: dict[str, np.ndarray], name: str = "kinematics") -> np.ndarray:
    return block[name][:, 1, 2]


@GRIDS
@pytest.mark.parametrize("name", ["kinematics", "kinetics"])
def test_a_gap_between_two_grid_samples_is_masked_and_counted(chain: process.Chain, name: str) -> None:
    trial = trial_of(knee_angle(T))
    signal = trial.signals[name]
    values = signal.values.copy()
    left = trial.strides[trial.strides["side"] == "left"].iloc[3]
    spacing = left.duration / 200 if chain.grid.phase else 0.01
    first = int(np.floor((left.trial_time + 60 * spacing) * RATE + 1e-6)) + 1
    values[first : first + 3, 0] = np.nan
    block = processed(replace(trial, signals={**trial.signals, name: replace(signal, values=values)}), chain)
    if chain is ENVELOPE:
        assert np.isfinite(knee(block, name)[3]).all(), "no grid sample is hit"
    assert np.flatnonzero(~knee(block, f"{name}_mask")).tolist() == [3]
    coverage = knee(block, f"{name}_coverage")
    assert coverage[3] <= 1 - 3 / (left.duration * RATE) + 1e-6
    assert (np.delete(coverage, 3) == 1).all()


@pytest.mark.parametrize(
    ("chain", "left_over"), [(ENVELOPE, 0.05), (HERTZ, 0.02), (REALTIME, 0.15)], ids=["phase", "hertz", "realtime"]
)
def test_what_the_grid_cannot_hold_is_taken_away_not_folded(chain: process.Chain, left_over: float) -> None:
    ripple = 2 * np.sin(2 * np.pi * 95 * T)
    clean, rough = (processed(trial_of(values), chain) for values in (knee_angle(T), knee_angle(T) + ripple))
    inside = slice(1, 8)
    for name, scale in (("kinematics", 1.0), ("kinetics", 50.0)):
        error = scale * np.abs(knee(rough, name)[inside] - knee(clean, name)[inside])
        assert np.nanmax(error) < left_over


@pytest.mark.parametrize("frequency", [1.0, 6.0])
def test_movement_is_kept_on_the_phase_grid(frequency: float) -> None:
    def angle(t: np.ndarray) -> np.ndarray:
        return 20 * np.sin(2 * np.pi * frequency * t)

    trial = trial_of(angle(T))
    k = np.arange(200) / 200
    expected = angle(
        trial.strides["trial_time"].to_numpy()[:, None] + k * trial.strides["duration"].to_numpy()[:, None]
    )
    assert np.abs(knee(processed(trial, ENVELOPE)) - expected).max() < 0.02


def test_no_filter_where_the_grid_is_as_fine_as_the_source() -> None:
    assert ENVELOPE.joint_lowpass(125.0, 1.6) is None
    assert ENVELOPE.joint_lowpass(126.0, 1.6) is not None
    assert REALTIME.joint_lowpass(100.0, 1.6) is None
    assert ENVELOPE.joint_lowpass(1000.0, None) is None


@GRIDS
def test_filters_do_not_cross_gaps_and_short_pieces_are_kept(chain: process.Chain) -> None:
    values = knee_angle(T)
    values[3000:3040] = np.nan
    values[3050:3100] = np.nan
    other = values.copy()
    other[3100:] = -50.0
    blocks = [processed(trial_of(x), chain) for x in (values, other)]
    for stride in range(18):
        start, duration = trial_of(values).strides.loc[stride, ["trial_time", "duration"]]
        grid = np.arange(knee(blocks[0]).shape[1]) * (duration / 200 if chain.grid.phase else 0.01)
        inside = (start + grid < 3.0999) & (grid < duration)
        np.testing.assert_array_equal(*(knee(block)[stride, inside] for block in blocks))
        piece = inside & (start + grid > 3.0425) & (start + grid < 3.0485)
        assert np.isfinite(knee(blocks[0])[stride, piece]).all()
        if chain is not REALTIME:
            assert np.abs(knee(blocks[0])[stride, piece] - knee_angle(start + grid[piece])).max(initial=0.0) < 0.5


@pytest.mark.parametrize("moment_rate", [100.0, 1000.0])
def test_causal_angles_and_moments_lag_alike_by_the_stored_delay(moment_rate: float) -> None:
    def slow(t: np.ndarray) -> np.ndarray:
        return np.sin(2 * np.pi * 0.8 * t)

    moments = both(slow(np.arange(round(12 * moment_rate)) / moment_rate))
    for joint_rate in (100.0, 400.0):
        angles = both(slow(np.arange(round(12 * joint_rate)) / joint_rate))
        trial = walking_trial(joint_rate=joint_rate, angles=angles, moments=moments, moment_rate=moment_rate)
        plan = planned([trial], REALTIME)
        delay = plan.attrs["kinematics_delay"]
        if joint_rate == moment_rate == 100.0:
            assert delay == pytest.approx(0.01)
        else:
            assert 0.01 < delay < 0.015
        rows = trial.strides[["side", "stride_number"]]
        block = process_recording(
            FakePatient([trial]), trial.trial, rows, REALTIME, time_size=plan.time_size, joint_delay=delay
        )
        start = trial.strides["trial_time"].to_numpy()[:, None]
        expected = slow(start + np.arange(110) / 100 - delay)
        for name in ("kinematics", "kinetics"):
            assert np.abs(knee(block, name)[:, :110] - expected).max() < 2e-3


@pytest.mark.parametrize("chain", [ENVELOPE, HERTZ], ids=["phase", "hertz"])
def test_the_lookahead_of_the_lowpass_is_stated(chain: process.Chain) -> None:
    at, values = 6.2345, knee_angle(T)
    changed = np.where(at > T, values, -40 + 2 * values[::-1])
    trial = trial_of(values)
    before, after = (processed(trial_of(x), chain) for x in (values, changed))
    grid = np.arange(knee(before).shape[1])
    step = trial.strides["duration"].to_numpy()[:, None] / 200 if chain.grid.phase else 0.01
    time = trial.strides["trial_time"].to_numpy()[:, None] + grid * step
    lookahead = chain.kinematics_lookahead(RATE, 1.6)
    assert 0.02 < lookahead < 0.15
    assert lookahead <= chain.lookahead(1000.0, kinematics_rate=RATE, maximum_duration=1.6)
    change = np.abs(knee(before) - knee(after))
    assert np.nanmax(change[time <= at - lookahead]) < 2e-2, "1e-4 of a change of 150 degrees"
    assert np.nanmax(change[(time < at) & (time > at - lookahead / 4)]) > 0.1
    assert planned([trial], chain).attrs["lookahead_chain"] >= lookahead
