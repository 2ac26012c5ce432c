"""EMG and joint state -> next joint state, gait phase and impedance torque.

Shape suffixes: B windows.
"""

# ruff: noqa: N806 - shape suffixes are capitals, see the legend
from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import nn

from training import left_out, losses, sample, scoring, statistics
from training.config import TrainConfig
from training.distributed import Ranks
from training.losses import Term
from training.models.emg_transformer import EmgTransformer, Prediction
from training.scoring import Estimate
from training.task import Batch, Statistics, Windows

log = logging.getLogger(__name__)


class EmgTask:
    """Windows, model and losses of one configuration.

    Parameters
    ----------
    open_windows
        Called like `biomech_xr.load.StrideWindows`, which is the default; on a GPU `DeviceWindows` is, unless workers
        make the batches.
    """

    def __init__(self, config: TrainConfig, *, open_windows: Callable[..., Any] | None = None) -> None:
        self.config = config
        self._open = open_windows

    def windows(
        self,
        split: str,
        ranks: Ranks,
        *,
        remainder: Literal["drop", "pad"],
        datasets: Sequence[str] | None = None,
        augment: bool = False,
        hop: int | None = None,
    ) -> Windows | None:
        """Return the windows of a split, or of the one left out, this rank's share; None when nobody is in it.

        Every other split is without the one left out, see `training.left_out`.
        """
        config = self.config
        chosen = config.datasets if datasets is None else datasets
        if split == left_out.LEFT_OUT:
            chosen = left_out.datasets(config)
        opened = (self._open or _loader(ranks.device, workers=config.workers))(
            config.store,
            split=left_out.view(split, config),
            chain=config.chain,
            version=config.version,
            cache=config.cache,
            cache_gb=config.cache_gb,
            window=config.window,
            hop=hop or config.hop,
            horizon=config.horizon.mapping(),
            global_batch=config.global_batch,
            seed=config.seed,
            rank=ranks.rank,
            world_size=ranks.world_size,
            history=config.history,
            phase=config.phase,
            augment=[one.make() for one in config.augment] if augment else [],
            mixing=config.mixing if augment else None,
            remainder=remainder,
            **({} if augment else {"lanes": sample.LANES}),
            datasets=None if chosen is None else list(chosen),
        )
        found: Windows | None = opened if opened.windows else None
        return found

    def persons_per_split(self, persons: Iterable[str]) -> dict[str, int]:
        """Return how many of these persons each split of the store holds; empty when the store has no split.

        Of a run that leaves somebody out it is everybody in the store, and those left out are in no split.
        """
        from biomech_xr import window  # here, because the libraries of stores take seconds to import

        manifest = window.load(self.config.store)
        if manifest is None:
            return {}
        counted, out = set(persons), frozenset[str]()
        if self.config.leave_out is not None:
            everybody, out = left_out.people(self.config)
            counted = everybody.keys() - out
        counts = {split: len(manifest.groups(split) & counted) for split in window.SPLITS}
        return counts | ({left_out.LEFT_OUT: len(out)} if out else {})

    def fit(self, batches: Iterable[Batch]) -> dict[str, torch.Tensor]:
        """Return the normalization statistics of training windows, see `training.statistics`; log what is missing."""
        found = statistics.fit(batches)
        for quantity, components in scoring.not_learned(found).items():
            log.info("%s: not learned, %s: %s", quantity, statistics.REASON, ", ".join(components))
        return found

    def model(self, statistics: Statistics) -> nn.Module:
        """Return a new transformer."""
        return EmgTransformer(
            window=self.config.window,
            phase_input=self.config.phase != "none",
            statistics=statistics,
            **self.config.model.model_dump(),
        )

    def weights(self) -> dict[str, float]:
        """Return the weight of each loss term."""
        return dict(self.config.loss.model_dump())

    def terms(self, model: nn.Module, batch: Batch, statistics: Statistics) -> dict[str, Term]:
        """Return the loss terms: squared errors over their trivial prediction's, and 1 - cos of the phase error.

        What the statistics do not know (see `training.statistics`) is left out.
        """
        prediction = _predict(model, batch)
        weight_B = batch["weight"]
        return {
            "state": losses.squared_error(
                prediction.state_BS,
                batch["target_kinematic_state"],
                batch["target_kinematic_state_mask"] & batch["kinematic_state_mask"] & statistics["change_known"],
                weight_B=weight_B,
                scale_K=statistics["change_scale"],
            ),
            "phase": losses.phase_error(
                prediction.phase_B2,
                batch["target_phase"],
                batch["target_phase_mask"] & statistics["phase_known"],
                weight_B=weight_B,
            ),
            "torque": losses.squared_error(
                prediction.torque_BJ,
                batch["target_torque"],
                batch["target_torque_mask"] & statistics["torque_known"],
                weight_B=weight_B,
                scale_K=statistics["torque_deviation"],
            ),
        }

    def estimate(self, model: nn.Module, batch: Batch) -> Estimate:
        """Return what is scored, without gradient."""
        with torch.no_grad():
            prediction = _predict(model, batch)
        return Estimate(state=prediction.state_BS, torque=prediction.torque_BJ, phase=prediction.phase_B2)


def _predict(model: nn.Module, batch: Batch) -> Prediction:
    """Run the model; padded windows show it nothing, so that nothing odd in them can reach a gradient."""
    real_B1 = (batch["weight"] > 0)[:, None]
    prediction: Prediction = model(
        batch["emg"],
        batch["emg_mask"] & real_B1,
        batch["kinematic_state"],
        batch["kinematic_state_mask"] & real_B1,
        batch.get("phase"),
        batch.get("phase_mask"),
    )
    return prediction


def _loader(device: torch.device, *, workers: int) -> Callable[..., Any]:
    """Return what makes the batches of a model on a device."""
    from biomech_xr.load import DeviceWindows, StrideWindows  # here, because the libraries of stores take seconds

    return StrideWindows if workers or device.type == "cpu" else partial(DeviceWindows, device=device)
