"""Masked losses: what is hidden reaches neither value nor gradient; pads do not count."""

from __future__ import annotations

import math

import pytest
import torch

from tests.training.fake_windows import make_batch
from training import losses
from training.config import TrainConfig
from training.tasks.emg import EmgTask

CONFIG = TrainConfig.of(
    {"store": "fake", "out": "unused", "window": 32, "global_batch": 12, "model": {"features": 16, "heads": 2}}
)


def test_nan_and_infinity_behind_masks_reach_neither_loss_nor_gradient() -> None:
    prediction = torch.tensor([[1.0, 2.0], [3.0, math.inf]], requires_grad=True)
    target = torch.tensor([[0.0, math.nan], [-math.inf, 1.0]])
    mask = torch.tensor([[True, False], [False, False]])
    term = losses.squared_error(prediction, target, mask, weight_B=torch.ones(2), scale_K=torch.tensor([2.0, 1.0]))
    term.error.backward()
    assert term.error.item() == pytest.approx(0.25)
    assert term.amount.item() == 1
    assert prediction.grad is not None
    torch.testing.assert_close(prediction.grad, torch.tensor([[0.5, 0.0], [0.0, 0.0]]))


def test_every_parameter_keeps_a_finite_gradient_when_hidden_values_are_not_finite() -> None:
    task = EmgTask(CONFIG)
    clean = make_batch(12)
    statistics = task.fit([clean])
    torch.manual_seed(0)
    model = task.model(statistics)
    model.eval()

    def gradients(batch: dict[str, torch.Tensor]) -> list[torch.Tensor]:
        model.zero_grad()
        losses.combine(task.terms(model, batch, statistics), task.weights())[0].backward()
        return [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]

    expected = gradients(clean)
    dirty = {name: value.clone() for name, value in clean.items()}
    for name in ("emg", "kinematic_state", "target_kinematic_state", "target_torque"):
        dirty[name][~dirty[f"{name}_mask"]] = math.nan
    found = gradients(dirty)
    assert len(found) == len(list(model.parameters()))
    assert all(torch.isfinite(gradient).all() for gradient in found)
    torch.testing.assert_close(found, expected)


def test_padded_windows_do_not_count_whatever_they_hold() -> None:
    task = EmgTask(CONFIG)
    batch = make_batch(12)
    statistics = task.fit([batch])
    torch.manual_seed(0)
    model = task.model(statistics)
    model.eval()
    alone = losses.combine(task.terms(model, batch, statistics), task.weights())[1]
    pads = {name: value.clone() for name, value in make_batch(4, seed=9).items()}
    pads["weight"][:] = 0.0
    pads["emg"][:] = math.nan
    both = {name: torch.cat([batch[name], pads[name]]) for name in batch}
    objective, values = losses.combine(task.terms(model, both, statistics), task.weights())
    objective.backward()
    assert values == pytest.approx(alone, rel=1e-5)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_a_term_without_any_target_is_left_out_and_has_no_gradient() -> None:
    prediction = torch.ones(2, 1, requires_grad=True)
    hidden = torch.zeros(2, 1, dtype=torch.bool)
    term = losses.squared_error(prediction, prediction, hidden, weight_B=torch.ones(2), scale_K=torch.ones(1))
    objective, values = losses.combine({"torque": term}, {"torque": 1.0})
    objective.backward()
    assert values == {"loss": 0.0}
    assert prediction.grad is not None
    assert not prediction.grad.any()


def test_phase_error_is_circular() -> None:
    def point(turns: float) -> torch.Tensor:
        return torch.tensor([[math.sin(2 * math.pi * turns), math.cos(2 * math.pi * turns)]])

    one, yes = torch.ones(1), torch.ones(1, dtype=torch.bool)
    near = losses.phase_error(point(0.99), point(0.01), yes, weight_B=one).error
    same = losses.phase_error(point(0.48), point(0.50), yes, weight_B=one).error
    far = losses.phase_error(point(0.0), point(0.5), yes, weight_B=one).error
    torch.testing.assert_close(near, same)
    assert far.item() == pytest.approx(2.0)


def test_mean_over_batches_weights_by_valid_targets_not_by_batches() -> None:
    mean = losses.Mean()
    mean.add({"state": losses.Term(torch.tensor(4.0), torch.tensor(1.0))})
    mean.add({"state": losses.Term(torch.tensor(0.0), torch.tensor(3.0))})
    assert mean.values({"state": 2.0}) == {"state": 1.0, "loss": 2.0}
    assert losses.Mean().values({}) == {}
