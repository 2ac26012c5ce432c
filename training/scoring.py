"""Score a model beside predictions that need no learning, on the same windows and the same masks.

Shape suffixes: B windows, S state (27), J joint components (9).
"""

# ruff: noqa: N806 - shape suffixes are capitals, see the legend
from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import torch

from biomech_xr import vocabulary as words
from training import baselines
from training.metrics import Score, SquaredErrors, phase_difference
from training.statistics import REASON, linear_change
from training.task import Batch, Statistics

COMPONENTS: Final = tuple(f"{joint} {motion}" for joint, motion in itertools.product(words.JOINTS, words.MOTIONS))
KNOWN: Final = {
    "angle": ("change_known", slice(0, len(COMPONENTS))),
    "velocity": ("change_known", slice(len(COMPONENTS), 2 * len(COMPONENTS))),
    "torque": ("torque_known", slice(None)),
    "phase": ("phase_known", slice(None)),
}
"""Quantity -> the statistic that says which of its components are known, and where in it."""
UNITS: Final = {"angle": "degree", "velocity": "degree s-1", "torque": "N m kg-1", "phase": "% of cycle"}
MODEL: Final = "model"


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What a model predicts for a batch: state (B, 27), torque (B, 9), phase (B, 2) as (sin, cos)."""

    state: torch.Tensor
    torque: torch.Tensor
    phase: torch.Tensor


class Scoreboard:
    """Squared errors of the model and of every baseline, summed batch by batch.

    Baselines of the state: `no_change`, `linear_extrapolation`, `constant_acceleration` and `linear_regression`
    (ridge on the current state, fitted on training people). Of torque: `zero` and `training_mean`; the current moment
    is no input, so there is no persistence to compare with. Of phase: `training_mean` (the mean direction, which
    knows nothing) and, where the current phase is an input, `no_change` (the mean direction where it is not known).

    Components that the statistics do not know are scored for nobody; `left_out` counts them.
    """

    def __init__(self) -> None:
        self._errors: dict[tuple[str, str], SquaredErrors] = {}
        self._left_out: dict[tuple[str, str], int] = {}
        self._horizon = 0.0
        self.windows = 0

    @property
    def mean_horizon(self) -> float:
        """Mean horizon of the scored windows, s."""
        return self._horizon / max(self.windows, 1)

    def add(self, batch: Batch, estimate: Estimate, statistics: Statistics) -> None:
        """Add a batch of `StrideWindows`, and what the model says of it."""
        real_B = batch["weight"] > 0
        self.windows += int(real_B.sum())
        self._horizon += float(batch["horizon"][real_B].sum())
        self._add_state(batch, estimate, statistics, real_B)
        torque_mask_BJ = self._learned("torque", batch["target_torque_mask"] & real_B[:, None], statistics)
        torques = {
            MODEL: estimate.torque,
            "zero": torch.zeros_like(estimate.torque),
            "training_mean": statistics["torque_mean"].expand_as(estimate.torque),
        }
        for name, torque_BJ in torques.items():
            self._add("torque", name, COMPONENTS, torque_BJ - batch["target_torque"], torque_mask_BJ, batch)
        self._add_phase(batch, estimate, statistics, real_B)

    def _add_state(
        self,
        batch: Batch,
        estimate: Estimate,
        statistics: Statistics,
        real_B: torch.Tensor,  # noqa: N803
    ) -> None:
        state_BS, mask_BS = batch["kinematic_state"], batch["kinematic_state_mask"]
        distance_B = batch["horizon"] + batch["state_age"]
        predictions = baselines.extrapolate(state_BS, horizon_B=distance_B, spacing_B=batch["spacing"])
        predictions["linear_regression"] = state_BS + linear_change(statistics, state_BS, mask_BS)
        predictions[MODEL] = estimate.state
        whole_BJ = mask_BS.view(-1, 3, len(COMPONENTS)).all(dim=1) & real_B[:, None]
        for index, quantity in enumerate(("angle", "velocity")):
            columns = slice(index * len(COMPONENTS), (index + 1) * len(COMPONENTS))
            mask_BJ = whole_BJ & batch["target_kinematic_state_mask"][:, columns]
            mask_BJ = self._learned(quantity, mask_BJ, statistics)
            for name, value_BS in predictions.items():
                error_BJ = value_BS[:, columns] - batch["target_kinematic_state"][:, columns]
                self._add(quantity, name, COMPONENTS, error_BJ, mask_BJ, batch)

    def _add_phase(self, batch: Batch, estimate: Estimate, statistics: Statistics, real_B: torch.Tensor) -> None:  # noqa: N803
        phases = {MODEL: estimate.phase, "training_mean": statistics["phase_mean"].expand_as(estimate.phase)}
        if "phase" in batch:
            angle_B = 2 * torch.pi * batch["phase"]
            known_B = batch.get("phase_mask", real_B)
            circle_B2 = torch.stack([angle_B.sin(), angle_B.cos()], dim=1)
            phases["no_change"] = torch.where(known_B[:, None], circle_B2, phases["training_mean"])
        target = batch["target_phase"].cpu().numpy()
        mask_B1 = self._learned("phase", (batch["target_phase_mask"] & real_B)[:, None], statistics)
        for name, phase_B2 in phases.items():
            error_B1 = torch.from_numpy(phase_difference(phase_B2.cpu().numpy(), target))[:, None]
            self._add("phase", name, ("cycle",), error_B1, mask_B1, batch)

    def _learned(self, quantity: str, mask_BK: torch.Tensor, statistics: Statistics) -> torch.Tensor:  # noqa: N803
        """Return the mask without components that are not known; count the windows that they lose."""
        name, columns = KNOWN[quantity]
        known_K = statistics[name][columns]
        counts = mask_BK.sum(dim=0).tolist()
        for component in not_learned(statistics).get(quantity, []):
            key = (quantity, component)
            self._left_out[key] = self._left_out.get(key, 0) + counts[components_of(quantity).index(component)]
        return mask_BK & known_K

    def _add(
        self,
        quantity: str,
        predictor: str,
        components: tuple[str, ...],
        error: torch.Tensor,
        mask: torch.Tensor,
        batch: Batch,
    ) -> None:
        errors = self._errors.setdefault((quantity, predictor), SquaredErrors(components))
        person, activity = batch["person"].cpu().numpy(), batch["activity"].cpu().numpy()
        errors.add(error.cpu().numpy(), mask.cpu().numpy(), person=person, activity=activity)

    def scores(self, activities: tuple[str, ...]) -> dict[tuple[str, str], list[Score]]:
        """Return (quantity, predictor) -> scores; ``activities`` are the names behind the activity codes."""
        return {key: errors.scores(activities) for key, errors in self._errors.items()}

    def left_out(self) -> list[dict[str, object]]:
        """Return every component that is not learned, so not scored, and how many windows measure it all the same."""
        return [
            {"quantity": quantity, "component": component, "windows": windows}
            for (quantity, component), windows in self._left_out.items()
        ]


def components_of(quantity: str) -> tuple[str, ...]:
    """Return the names of a quantity's components."""
    return ("cycle",) if quantity == "phase" else COMPONENTS


def not_learned(statistics: Statistics) -> dict[str, list[str]]:
    """Return quantity -> the components that training windows do not measure, see `training.statistics`."""
    found = {}
    for quantity, (name, columns) in KNOWN.items():
        known = statistics[name][columns].tolist()
        found[quantity] = [one for one, yes in zip(components_of(quantity), known, strict=True) if not yes]
    return {quantity: components for quantity, components in found.items() if components}


def not_learned_notes(left_out: Iterable[Mapping[str, object]]) -> list[str]:
    """Return a sentence per quantity on what of `Scoreboard.left_out` the scored windows measure."""
    by_quantity: dict[str, list[str]] = {}
    for one in left_out:
        if one["windows"]:
            by_quantity.setdefault(str(one["quantity"]), []).append(f"{one['component']} ({one['windows']} windows)")
    return [
        f"Not learned, {REASON}, so not scored: {quantity} of {', '.join(components)}."
        for quantity, components in by_quantity.items()
    ]


def as_rows(scores: Mapping[tuple[str, str], Iterable[Score]]) -> list[dict[str, object]]:
    """Return one plain mapping per quantity, activity and component, with mean and SD per predictor.

    A standard deviation of a single person is None.
    """
    rows: dict[tuple[str, str, str], dict[str, object]] = {}
    predictors: dict[tuple[str, str, str], dict[str, dict[str, float | None]]] = {}
    for (quantity, predictor), found in scores.items():
        for score in found:
            key = (quantity, score.activity, score.component)
            rows[key] = {
                "quantity": quantity,
                "unit": UNITS[quantity],
                "activity": score.activity,
                "component": score.component,
                "persons": score.persons,
                "windows": score.windows,
            }
            deviation = None if score.persons < 2 else score.deviation
            predictors.setdefault(key, {})[predictor] = {"mean": score.mean, "sd": deviation}
    return [{**row, "rmse": predictors[key]} for key, row in rows.items()]
