"""Normalization and the linear baseline, fitted on windows of training people; stored in every checkpoint.

A component that training windows do not measure has no scale, so it is not *known*: the model does not look at it,
no loss counts it and no score is given for it, whatever other people's windows hold.

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
LEAST_WINDOWS = 8
"""Windows that must measure a component: from fewer, a standard deviation is off by more than a quarter on average."""
LEAST_DEVIATION = 1e-6
"""A standard deviation up to this much of 1 + |mean| (in the component's unit) is rounding: nothing varies."""
REASON = f"because fewer than {LEAST_WINDOWS} sampled training windows measure it, or it never varies in them"


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
        `linear` (28, 27): ridge regression from the normalized state and 1 to change / change_scale; and booleans
        `emg_known` (13,), `state_known`, `change_known` (27,), `torque_known` (9,), `phase_known` (1,): at least
        `LEAST_WINDOWS` windows measure the component, and it varies (EMG: they measure it). What is not known has
        mean 0 and scale 1.
    """
    kept = [_keep(batch) for batch in batches]
    whole = {name: torch.cat([one[name] for one in kept]) for name in kept[0]}
    state_mean, state_deviation, state_known = _moments(whole["state"], whole["state_mask"])
    torque_mean, torque_deviation, torque_known = _moments(whole["torque"], whole["torque_mask"])
    phase_mean, _, phase_known = _moments(whole["phase"], whole["phase_mask"][:, None].expand(-1, 2))
    change_mean, change_deviation, change_varies = _moments(whole["change"], whole["change_mask"])
    change_scale = (change_mean.square() + change_deviation.square()).sqrt()
    change_known = change_varies & state_known
    normal_BS = _normal(whole["state"], whole["state_mask"] & state_known, state_mean, state_deviation)
    linear = _ridge(normal_BS, whole["change"] / change_scale, whole["change_mask"] & change_known)
    found = {
        "state_mean": state_mean,
        "state_deviation": state_deviation,
        "change_scale": change_scale,
        "torque_mean": torque_mean,
        "torque_deviation": torque_deviation,
        "phase_mean": phase_mean,
        "linear": linear,
    }
    known = {
        "emg_known": total(whole["emg_mask"].sum(dim=0)) >= LEAST_WINDOWS,
        "state_known": state_known,
        "change_known": change_known,
        "torque_known": torque_known,
        "phase_known": phase_known.all(dim=0, keepdim=True),
    }
    return {name: value.to(torch.float32) for name, value in found.items()} | known


def linear_change(statistics: Batch, state_BS: torch.Tensor, mask_BS: torch.Tensor) -> torch.Tensor:
    """Return the change of the state (B, 27) in its units that the ridge regression of `fit` predicts."""
    seen_BS = mask_BS & statistics["state_known"]
    normal_BS = _normal(state_BS, seen_BS, statistics["state_mean"], statistics["state_deviation"])
    change_BS: torch.Tensor = normal_BS @ statistics["linear"][:-1] + statistics["linear"][-1]
    return change_BS * statistics["change_scale"]


def _normal(state_BS: torch.Tensor, mask_BS: torch.Tensor, mean: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Return the normalized state, 0 behind the mask."""
    return torch.where(mask_BS, (state_BS - mean) / scale, 0.0)


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
    kept = {"emg_mask": (batch["emg_mask"] & real[:, None]).cpu()}
    for name, (value, valid) in quantities.items():
        shown = valid if valid.ndim == value.ndim else valid[:, None]
        kept[name] = torch.where(shown, value, torch.zeros_like(value)).to("cpu", torch.float64)
        kept[f"{name}_mask"] = valid.cpu().clone()
    return kept


def _moments(value: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return mean and standard deviation per column over all ranks, and which are known; 0 and 1 where not."""
    count = total(mask.sum(dim=0))
    mean = total(torch.where(mask, value, 0.0).sum(dim=0)) / count.clamp(min=1)
    square = total(torch.where(mask, value - mean, 0.0).square().sum(dim=0)) / count.clamp(min=1)
    deviation = square.sqrt()
    known = (count >= LEAST_WINDOWS) & (deviation > LEAST_DEVIATION * (1 + mean.abs()))
    return torch.where(known, mean, 0.0), torch.where(known, deviation, 1.0), known


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
