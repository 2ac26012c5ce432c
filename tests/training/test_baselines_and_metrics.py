"""Baselines are exact on the motion they assume; scores count a person once."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.training.fake_windows import make_batch
from training import baselines, statistics
from training.metrics import ALL, SquaredErrors, phase_difference
from training.scoring import MODEL, Estimate, Scoreboard, as_rows

SPACING = 0.005


def state_of(angles: np.ndarray) -> np.ndarray:
    """Return angle, backward velocity and acceleration at samples 2, 3, ... of (samples, 9) angles."""
    velocity = np.diff(angles, axis=0) / SPACING
    acceleration = np.diff(velocity, axis=0) / SPACING
    return np.concatenate([angles[2:], velocity[1:], acceleration], axis=1)


@pytest.mark.parametrize("samples", [1, 10, 40])
@pytest.mark.parametrize(("degree", "name"), list(enumerate(baselines.NAMES)))
def test_baseline_is_exact_on_its_polynomial(degree: int, name: str, samples: int) -> None:
    time = np.arange(80) * SPACING
    coefficients = np.random.default_rng(degree).normal(size=(degree + 1, 9)) * 50
    state = torch.from_numpy(state_of(np.stack([time**k for k in range(degree + 1)], axis=1) @ coefficients))
    now, later = state[:-samples], state[samples:]
    count = torch.ones(len(now), dtype=torch.float64)
    guesses = baselines.extrapolate(now, horizon_B=samples * SPACING * count, spacing_B=SPACING * count)
    torch.testing.assert_close(guesses[name], later, rtol=1e-6, atol=1e-4)
    for lower in baselines.NAMES[:degree]:
        assert (guesses[lower][:, :9] - later[:, :9]).abs().max() > 1e-3


def test_linear_regression_finds_a_linear_law_through_masks() -> None:
    batch = make_batch(512, seed=3)
    batch["target_kinematic_state"][:, :9] = batch["kinematic_state"][:, :9] + 0.005 * batch["kinematic_state"][:, 9:18]
    batch["target_kinematic_state"][~batch["target_kinematic_state_mask"]] = math.nan
    fitted = statistics.fit([batch])
    change = statistics.linear_change(fitted, batch["kinematic_state"], batch["kinematic_state_mask"])
    truth = 0.005 * batch["kinematic_state"][:, 9:18]
    valid = batch["kinematic_state_mask"][:, :9]
    assert (change[:, :9] - truth)[valid].abs().max() < 0.01 * truth[valid].abs().max()


def test_statistics_ignore_hidden_and_padded_windows() -> None:
    batch = make_batch(64)
    expected = statistics.fit([batch])
    dirty = {name: torch.cat([value, value]) for name, value in batch.items()}
    dirty["weight"][64:] = 0.0
    dirty["kinematic_state"][64:] = 1e6
    dirty["target_torque"][~dirty["target_torque_mask"]] = math.nan
    torch.testing.assert_close(statistics.fit([dirty]), expected)
    assert (expected["state_deviation"] > 0).all()


def test_a_person_counts_once_however_many_windows_it_has() -> None:
    errors = SquaredErrors(("knee flexion",))
    person = np.array([0] * 99 + [1])
    error = np.where(person == 0, 1.0, 3.0)[:, None]
    mask = np.ones_like(error, dtype=bool)
    for part in (slice(0, 40), slice(40, 100)):
        errors.add(error[part], mask[part], person=person[part], activity=np.zeros(len(person[part]), dtype=int))
    pooled, walk = errors.scores(("walk",))
    assert (pooled.activity, walk.activity) == (ALL, "walk")
    assert walk.mean == pytest.approx(2.0)
    assert walk.deviation == pytest.approx(math.sqrt(2.0))
    assert (walk.persons, walk.windows) == (2, 100)


def test_scores_leave_out_what_nobody_measured_and_ignore_hidden_values() -> None:
    errors = SquaredErrors(("hip", "knee"))
    errors.add(np.array([[2.0, math.nan]]), np.array([[True, False]]), person=np.array([7]), activity=np.array([1]))
    scores = errors.scores(("walk", "run"))
    assert [(score.activity, score.component) for score in scores] == [(ALL, "hip"), ("run", "hip")]
    assert scores[0].mean == 2.0
    assert math.isnan(scores[0].deviation)


def test_phase_difference_goes_the_short_way_round() -> None:
    turns = 2 * np.pi * np.array([[0.99, 0.01], [0.25, 0.75]])
    points = np.stack([np.sin(turns), np.cos(turns)], axis=2)
    difference = phase_difference(points[:, 0], points[:, 1])
    assert difference[0] == pytest.approx(-2.0)
    assert abs(difference[1]) == pytest.approx(50.0)


def test_scoreboard_scores_all_predictors_on_the_same_windows() -> None:
    batch = make_batch(60)
    batch["weight"][50:] = 0.0
    perfect = Estimate(
        state=batch["target_kinematic_state"], torque=batch["target_torque"], phase=batch["target_phase"]
    )
    board = Scoreboard()
    board.add(batch, perfect, statistics.fit([batch]))
    rows = as_rows(board.scores(("walk", "run")))
    assert board.windows == 50
    assert board.mean_horizon == pytest.approx(0.005)
    assert {row["quantity"] for row in rows} == {"angle", "velocity", "torque", "phase"}
    for row in rows:
        rmse = row["rmse"]
        assert isinstance(rmse, dict)
        assert rmse[MODEL]["mean"] == pytest.approx(0.0, abs=1e-4)
        assert all(other["mean"] > 0 for name, other in rmse.items() if name in ("zero", "no_change"))
    hip = next(row for row in rows if row["component"] == "hip rotation" and row["quantity"] == "angle")
    assert hip["windows"] == sum(1 for index in range(50) if index % 3)
