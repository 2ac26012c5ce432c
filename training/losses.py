"""Masked losses whose value and gradient do not depend on how windows are split over ranks.

A term is a weighted sum of errors and the weight that went into it. Sums and weights are added over ranks before the
division, so a rank with few valid targets does not count as much as one with many. Masks act through `torch.where`
on the operands, before any arithmetic: NaN or infinity behind a mask reaches neither the value nor the gradient
(0 * NaN would).

Shape suffixes: B windows, K components of a quantity.
"""

# ruff: noqa: N803, N806 - shape suffixes are capitals, see the legend
from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch

from training import distributed


class Term(NamedTuple):
    """One loss term on one rank: `error`, a scalar sum with gradient, and `amount`, the weight of its valid errors."""

    error: torch.Tensor
    amount: torch.Tensor


def squared_error(
    prediction_BK: torch.Tensor,
    target_BK: torch.Tensor,
    mask_BK: torch.Tensor,
    *,
    weight_B: torch.Tensor,
    scale_K: torch.Tensor,
) -> Term:
    """Return the masked sum of ((prediction - target) / scale)^2; no unit once divided by `scale_K`.

    Parameters
    ----------
    prediction_BK, target_BK
        In the same unit, for example degree; anything may stand behind the mask.
    mask_BK
        Boolean; true = measured.
    weight_B
        0 for padded windows, else 1.
    scale_K
        Positive, in the unit of the prediction.
    """
    valid_BK = mask_BK & (weight_B > 0)[:, None]
    zero = prediction_BK.new_zeros(())
    difference_BK = torch.where(valid_BK, prediction_BK, zero) - torch.where(valid_BK, target_BK, zero)
    weight_BK = torch.where(valid_BK, weight_B[:, None], zero)
    return Term(((difference_BK / scale_K).square() * weight_BK).sum(), weight_BK.sum())


def phase_error(
    prediction_B2: torch.Tensor, target_B2: torch.Tensor, mask_B: torch.Tensor, *, weight_B: torch.Tensor
) -> Term:
    """Return the masked sum of 1 - cos(angle between two points of the unit circle): circular, 0..2, no unit."""
    valid_B = mask_B & (weight_B > 0)
    zero = prediction_B2.new_zeros(())
    product_B2 = torch.where(valid_B[:, None], prediction_B2, zero) * torch.where(valid_B[:, None], target_B2, zero)
    weight_valid_B = torch.where(valid_B, weight_B, zero)
    return Term(((1 - product_B2.sum(dim=1)) * weight_valid_B).sum(), weight_valid_B.sum())


def combine(terms: Mapping[str, Term], weights: Mapping[str, float]) -> tuple[torch.Tensor, dict[str, float]]:
    """Return the objective of this rank and the values over all ranks.

    The gradients of the objective, averaged over ranks as DistributedDataParallel does, are those of
    sum over terms of weight * (sum over ranks of total) / (sum over ranks of count).

    Returns
    -------
    tuple
        Scalar with gradient; and the value of each term, with `loss` their weighted sum. A term without a valid
        target anywhere is left out of the values and has gradient 0.
    """
    sums = torch.stack([value for term in terms.values() for value in term])
    every = distributed.total(sums).view(-1, 2)
    objective = sums.new_zeros(())
    for (name, term), (_, count) in zip(terms.items(), every, strict=True):
        share = weights[name] * distributed.world_size() / max(float(count), 1e-12) if count > 0 else 0.0
        objective = objective + share * term.error
    return objective, _values(list(terms), every, weights)


def _values(names: list[str], every: torch.Tensor, weights: Mapping[str, float]) -> dict[str, float]:
    totals, counts = every.T.tolist()
    values = {name: sum_ / count for name, sum_, count in zip(names, totals, counts, strict=True) if count > 0}
    values["loss"] = sum(weights[name] * value for name, value in values.items())
    return values


class Mean:
    """Weighted means of loss terms over many batches and all ranks."""

    def __init__(self) -> None:
        self._sums: dict[str, torch.Tensor] = {}

    def add(self, terms: Mapping[str, Term]) -> None:
        """Add the terms of one batch of this rank."""
        for name, term in terms.items():
            value = torch.stack([part.detach().to(torch.float64) for part in term])
            self._sums[name] = self._sums[name] + value if name in self._sums else value

    def values(self, weights: Mapping[str, float]) -> dict[str, float]:
        """Return each term's mean over all ranks and their weighted sum `loss`; empty without a valid target."""
        if not self._sums:
            return {}
        every = distributed.total(torch.stack(list(self._sums.values())))
        values = _values(list(self._sums), every, weights)
        return values if len(values) > 1 else {}
