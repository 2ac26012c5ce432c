"""The camargo tree: gait cycles, belt speeds and labels, and the strides that follow from them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from biomech_xr.synthetic import Truth

from .camargo_tree import labels, load, order, table
from .conftest import Tree

TRIALS = (
    ("levelground", "LevelGround_ccw_fast_01_02"),
    ("levelground", "levelground_cw_slow_01_01"),
    ("ramp", "ramp_2_r_01_01"),
    ("stair", "stair_2_l_01_01"),
)


ACTIVITY = {
    "idle": "", "stand": "", "stand-walk": "walk", "walk": "walk", "walk-stand": "walk", "turn1": "turn",
    "turn2": "turn", "walk-rampascent": "ramp_ascent", "rampascent": "ramp_ascent", "rampascent-walk": "walk",
    "walk-rampdescent": "ramp_descent", "rampdescent": "ramp_descent", "rampdescent-walk": "walk",
    "walk-stairascent": "stair_ascent", "stairascent": "stair_ascent", "stairascent-walk": "walk",
    "walk-stairdescent": "stair_descent", "stairdescent": "stair_descent", "stairdescent-walk": "walk",
}  # fmt: skip
"""What a person does under each label; nothing that is a stride under the first two."""


@pytest.fixture(scope="module")
def first(tree: Callable[[str], Tree]) -> Path:
    return tree("camargo")[0] / "AB06" / "10_09_18"


@pytest.fixture(scope="module")
def truth(tree: Callable[[str], Tree]) -> Truth:
    return tree("camargo")[1]


def test_sawtooth_made_from_plates_has_plateaus(first: Path) -> None:
    for sensor in ("gcRight", "gcLeft"):
        strike = table(first, "treadmill", sensor, "treadmill_01_01")["HeelStrike"].to_numpy()
        moving = np.flatnonzero(strike)
        assert moving[0] > 100
        assert (strike[moving[-1] + 1 :] == 0).all()
        assert len(strike) - moving[-1] > 100
        resets = np.flatnonzero(np.diff(strike) < -50)
        assert (strike[resets] == 100).all()
        assert (strike[resets + 1] == 0).all()


@pytest.mark.parametrize(("mode", "trial"), TRIALS)
def test_sawtooth_made_from_markers_has_partial_ramps(first: Path, mode: str, trial: str) -> None:
    for sensor in ("gcRight", "gcLeft"):
        strike = table(first, mode, sensor, trial)["HeelStrike"].to_numpy()
        assert strike[0] == 0
        assert strike[-1] == 100
        assert (np.diff(strike)[np.diff(strike) > -50] > 0).all()
    strike = table(first, mode, "gcRight", trial)["HeelStrike"].to_numpy()
    before = int(np.flatnonzero(np.diff(strike) < -50)[0]) + 1
    assert table(first, mode, "ik", trial)["knee_angle_r"][:before].min() > -25


def test_belt_runs_at_four_speeds_with_accelerations(first: Path) -> None:
    conditions = load(first / "treadmill" / "conditions" / "treadmill_01_01.mat")
    speed = conditions["speed"]["Speed"].to_numpy()
    steady = np.diff(speed) == 0
    values, counts = np.unique(speed[:-1][steady], return_counts=True)
    assert (values[counts > 2000] > 0.5).sum() == 4
    assert 0.05 < (~steady).mean() < 0.4
    assert {"trialStarts", "trialEnds"} <= set(conditions)


def test_ramp_labels(first: Path) -> None:
    _, words, conditions = labels(first, "ramp", "ramp_2_r_01_01")
    assert order(words) == [
        "idle", "stand", "stand-walk", "walk", "walk-rampascent", "rampascent", "rampascent-walk", "walk",
        "walk-rampdescent", "rampdescent", "rampdescent-walk", "walk", "walk-stand", "stand", "idle",
    ]  # fmt: skip
    assert float(np.ravel(conditions["rampIncline"])[0]) == 7.8


def test_stair_labels(first: Path) -> None:
    _, words, conditions = labels(first, "stair", "stair_2_l_01_01")
    assert order(words) == [
        "idle", "walk-stairascent", "stairascent", "stairascent-walk", "idle", "walk-stairdescent", "stairdescent",
        "stairdescent-walk", "idle",
    ]  # fmt: skip
    assert float(np.ravel(conditions["stairHeight"])[0]) == 5.0


def test_level_ground_labels(first: Path) -> None:
    _, words, conditions = labels(first, "levelground", "LevelGround_ccw_fast_01_02")
    assert order(words) == [
        "idle", "stand", "stand-walk", "walk", "turn1", "walk", "turn2", "walk", "walk-stand", "stand", "idle",
    ]  # fmt: skip
    assert [str(np.ravel(conditions[name])[0]) for name in ("speed", "turn")] == ["fast", "ccw"]
    assert {"leadingLegStart", "leadingLegStop"} <= set(conditions)


def test_every_activity_has_four_strides_of_both_legs(truth: Truth) -> None:
    counts = truth.strides.groupby(["source_patient", "side", "activity"]).size().unstack(fill_value=0)
    assert set(counts) == {"walk", "turn", "ramp_ascent", "ramp_descent", "stair_ascent", "stair_descent"}
    assert counts.shape[0] == 4
    assert (counts >= 4).all(axis=None)
    walks = truth.strides.query("activity == 'walk'").groupby(["trial", "side"]).size()
    assert (walks[~walks.index.get_level_values("trial").str.startswith("stair")] >= 4).all()


@pytest.mark.parametrize(("mode", "trial"), TRIALS)
def test_truth_is_what_most_of_each_cycle_is_labelled(truth: Truth, first: Path, mode: str, trial: str) -> None:
    times, words, _ = labels(first, mode, trial)
    known = np.array([ACTIVITY[word] for word in words])
    undecided = []
    for side, sensor in (("right", "gcRight"), ("left", "gcLeft")):
        cycle = table(first, mode, sensor, trial)
        contacts = cycle["Header"].to_numpy()[np.flatnonzero(np.diff(cycle["HeelStrike"]) < -50) + 1]
        expected = []
        for start, stop in pairwise(contacts):
            inside, counts = np.unique(known[(times >= start) & (times < stop)], return_counts=True)
            if counts.max() < 0.48 * counts.sum():
                undecided.append(side)
                continue
            assert counts.max() > 0.55 * counts.sum()
            if inside[counts.argmax()]:
                expected.append((inside[counts.argmax()], round(start, 3), round(stop - start, 3)))
        mine = truth.strides.query(f"source_patient == 'AB06' and trial == '{trial.lower()}' and side == '{side}'")
        found = zip(mine["activity"], mine["trial_time"].round(3), mine["duration"].round(3), strict=True)
        assert list(found) == expected
    assert undecided == (["right"] if mode == "stair" else [])


def test_truth_of_the_treadmill_has_one_belt_speed(truth: Truth, first: Path) -> None:
    speed = load(first / "treadmill" / "conditions" / "treadmill_01_01.mat")["speed"]
    mine = truth.strides.query("source_patient == 'AB06' and trial == 'treadmill_01_01'")
    assert set(mine["side"]) == {"left", "right"}
    for start, duration in zip(mine["trial_time"], mine["duration"], strict=True):
        inside = speed["Speed"][(speed["Header"] >= start) & (speed["Header"] < start + duration)]
        assert inside.min() == inside.max() > 0


def test_a_leg_without_its_cycle_has_no_true_stride(truth: Truth) -> None:
    assert set(truth.strides.query("trial == 'ramp_1_l_01_01'")["side"]) == {"left"}
    assert "static_01" not in set(truth.strides["trial"])
