"""Normalization and the linear baseline, fitted on windows of training people; stored in every checkpoint.

Shape suffixes: B windows, S state (27), J joint components (9), P predictors (28: normalized state and 1).
"""

# ruff: noqa: N803, N806 - shape suffixes are capitals, see the legend
from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

from training.distributed import total

Batch = Mapping[str, torch.Tensor]
RIDGE = 1e-3
"""Ridge penalty per window on normalized predictors: small, it only keeps unmeasured components solvable."""


def fit(batches: Iterable[Batch]) -> dict[str, torch.Tensor]:
    """Return the statistics of the training windows over all ranks, float32, the same on every rank.

    Parameters
    ----------
    batches
        Batches of `StrideWindows` with states in degree (/s, /s2), torques in N m kg-1; this rank's share.

    Returns
    -------
    dict
        `state_mean`, `state_deviation`, `change_scale` (root mean square of target minus current state), each (27,);
        `torque_mean`, `torque_deviation`, each (9,); `phase_mean` (2,) the mean (sin, cos) of the target phase;
        `linear` (28, 27): ridge regression from the normalized state and 1 to change / change_scale. A component that
        no window measures has mean 0 and scale 1.
    """
    kept = [_keep(batch) for batch in batches]
    whole = {name: torch.cat([one[name] for one in kept]) for name in kept[0]}
    state_mean, state_deviation = _moments(whole["state"], whole["state_mask"])
    torque_mean, torque_deviation = _moments(whole["torque"], whole["torque_mask"])
    phase_mean, _ = _moments(whole["phase"], whole["phase_mask"][:, None].expand(-1, 2))
    change_mean, change_deviation = _moments(whole["change"], whole["change_mask"])
    change_scale = (change_mean.square() + change_deviation.square()).sqrt()
    normal_BS = torch.where(whole["state_mask"], (whole["state"] - state_mean) / state_deviation, 0.0)
    linear = _ridge(normal_BS, whole["change"] / change_scale, whole["change_mask"])
    found = {
        "state_mean": state_mean,
        "state_deviation": state_deviation,
        "change_scale": change_scale,
        "torque_mean": torque_mean,
        "torque_deviation": torque_deviation,
        "phase_mean": phase_mean,
        "linear": linear,
    }
    return {name: value.to(torch.float32) for name, value in found.items()}


def linear_change(statistics: Batch, state_BS: torch.Tensor, mask_BS: torch.Tensor) -> torch.Tensor:
    """Return the change of the state (B, 27) in its units that the ridge regression of `fit` predicts."""
    normal_BS = torch.where(mask_BS, (state_BS - statistics["state_mean"]) / statistics["state_deviation"], 0.0)
    change_BS: torch.Tensor = normal_BS @ statistics["linear"][:-1] + statistics["linear"][-1]
    return change_BS * statistics["change_scale"]


def _keep(batch: Batch) -> dict[str, torch.Tensor]:
    """Return float64 copies on the CPU of what is fitted; what a mask hides becomes 0."""
    real = batch["weight"] > 0
    mask = batch["kinematic_state_mask"] & real[:, None]
    both = mask & batch["target_kinematic_state_mask"]
    quantities = {
        "state": (batch["kinematic_state"], mask),
        "change": (batch["target_kinematic_state"] - batch["kinematic_state"], both),
        "torque": (batch["target_torque"], batch["target_torque_mask"] & real[:, None]),
        "phase": (batch["target_phase"], (batch["target_phase_mask"] & real)),
    }
    kept = {}
    for name, (value, valid) in quantities.items():
        shown = valid if valid.ndim == value.ndim else valid[:, None]
        kept[name] = torch.where(shown, value, torch.zeros_like(value)).to("cpu", torch.float64)
        kept[f"{name}_mask"] = valid.cpu().clone()
    return kept


def _moments(value: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and standard deviation per column over all ranks; 0 and 1 where nothing varies."""
    count = total(mask.sum(dim=0))
    mean = total(torch.where(mask, value, 0.0).sum(dim=0)) / count.clamp(min=1)
    square = total(torch.where(mask, value - mean, 0.0).square().sum(dim=0)) / count.clamp(min=1)
    deviation = square.sqrt()
    return mean, torch.where(deviation > 1e-9, deviation, 1.0)


def _ridge(normal_BS: torch.Tensor, target_BS: torch.Tensor, mask_BS: torch.Tensor) -> torch.Tensor:
    """Return weights (P, S); each target is fitted on the windows that measure it."""
    predictor_BP = torch.cat([normal_BS, torch.ones_like(normal_BS[:, :1])], dim=1)
    weight_BS = mask_BS.to(torch.float64)
    gram = total(torch.einsum("bs,bp,bq->spq", weight_BS, predictor_BP, predictor_BP))
    moment = total(torch.einsum("bs,bp,bs->sp", weight_BS, predictor_BP, target_BS))
    penalty = RIDGE * total(weight_BS.sum(dim=0)).clamp(min=1)
    eye = torch.eye(predictor_BP.shape[1], dtype=torch.float64)
    solved_SP: torch.Tensor = torch.linalg.solve(gram + penalty[:, None, None] * eye, moment)
    return solved_SP.T.contiguous()
