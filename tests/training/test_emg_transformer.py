"""The transformer: gains, the torque law, masks."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.fake_windows import make_batch
from training import statistics
from training.models.emg_transformer import EmgTransformer, Prediction, impedance_torque

SIZES = {"window": 32, "features": 16, "heads": 2, "encoder_layers": 1, "decoder_layers": 1, "dropout": 0.0}


def build(*, phase_input: bool = False) -> EmgTransformer:
    torch.manual_seed(0)
    fitted = statistics.fit([make_batch(64)])
    return EmgTransformer(**SIZES, phase_input=phase_input, statistics=fitted)


def predict(model: EmgTransformer, batch: dict[str, torch.Tensor]) -> Prediction:
    names = ("emg", "emg_mask", "kinematic_state", "kinematic_state_mask")
    found: Prediction = model(*(batch[name] for name in names))
    return found


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.floats(0.1, 1e4))
def test_gains_are_never_negative_and_phase_has_unit_length(seed: int, size: float) -> None:
    model = build()
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter))
    batch = make_batch(8, seed=seed)
    batch["kinematic_state"] *= size
    prediction = predict(model, batch)
    for gain in (prediction.stiffness_BJ, prediction.damping_BJ, prediction.inertia_BJ):
        assert gain.shape == (8, 9)
        assert (gain >= 0).all()
    torch.testing.assert_close(prediction.phase_B2.norm(dim=1), torch.ones(8))


def test_torque_law_by_hand() -> None:
    gain = [torch.zeros(1, 9) for _ in range(3)]
    gain[0][0, 8], gain[1][0, 8], gain[2][0, 8] = 4.0, 0.1, 0.01
    deviation = torch.zeros(1, 27)
    deviation[0, 8], deviation[0, 17], deviation[0, 26] = 10.0, -50.0, 300.0  # ankle flexion: degree, /s, /s2
    torque = impedance_torque((gain[0], gain[1], gain[2]), deviation, torch.ones(1, 27, dtype=torch.bool))
    by_hand = math.radians(4.0 * 10.0 + 0.1 * -50.0 + 0.01 * 300.0)
    assert torque[0, 8].item() == pytest.approx(by_hand, rel=1e-6)
    assert not torque[0, :8].any()


def test_masked_component_contributes_no_torque_even_when_not_finite() -> None:
    ones = torch.ones(1, 9)
    deviation = torch.full((1, 27), 5.0)
    deviation[0, 9:] = math.nan
    mask = torch.zeros(1, 27, dtype=torch.bool)
    mask[0, :9] = True
    torque = impedance_torque((ones, ones, ones), deviation, mask)
    torch.testing.assert_close(torque, torch.full((1, 9), math.radians(5.0)))


def test_predicted_torque_follows_the_law_from_predicted_gains_and_equilibrium() -> None:
    batch = make_batch(16, holes=False)
    p = predict(build(), batch)
    angle, velocity, acceleration = torch.deg2rad(p.equilibrium_BS - batch["kinematic_state"]).chunk(3, dim=1)
    law = p.stiffness_BJ * angle + p.damping_BJ * velocity + p.inertia_BJ * acceleration
    torch.testing.assert_close(p.torque_BJ, law, rtol=1e-3, atol=1e-3)


def test_what_a_mask_hides_is_not_looked_at() -> None:
    model, batch = build(), make_batch(12)
    before = predict(model, batch)
    batch["emg"][~batch["emg_mask"]] = math.nan
    batch["kinematic_state"][~batch["kinematic_state_mask"]] = math.inf
    for one, other in zip(before, predict(model, batch), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_masked_muscle_differs_from_a_silent_one() -> None:
    model, batch = build(), make_batch(4, holes=False)
    with torch.no_grad():
        model.change_head.weight.normal_()
    batch["emg"][:, 2] = 0.0
    silent = predict(model, batch).state_BS
    batch["emg_mask"][:, 2] = False
    assert not torch.equal(silent, predict(model, batch).state_BS)


def test_phase_is_an_input_only_when_asked_for() -> None:
    batch = make_batch(4)
    model = build(phase_input=True)
    with torch.no_grad():
        model.change_head.weight.normal_()
    inputs = [batch[name] for name in ("emg", "emg_mask", "kinematic_state", "kinematic_state_mask")]
    here = model(*inputs, batch["phase"]).state_BS
    torch.testing.assert_close(here, model(*inputs, batch["phase"] + 1.0).state_BS, rtol=1e-4, atol=1e-3)
    assert not torch.allclose(here, model(*inputs, batch["phase"] + 0.5).state_BS)
    with pytest.raises(ValueError, match="phase_input"):
        model(*inputs)


def test_an_untrained_model_predicts_the_linear_baseline() -> None:
    batch = make_batch(32, holes=False, seed=5)
    fitted = statistics.fit([make_batch(64)])
    change = statistics.linear_change(fitted, batch["kinematic_state"], batch["kinematic_state_mask"])
    torch.testing.assert_close(
        predict(build(), batch).state_BS, batch["kinematic_state"] + change, rtol=1e-4, atol=1e-2
    )
