"""What the loop asks of a loader and of a task; anything that has these methods can be trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

import torch
from torch import nn

from training.distributed import Ranks
from training.losses import Term

Batch = Mapping[str, torch.Tensor]
Statistics = Mapping[str, torch.Tensor]


class Windows(Protocol):
    """What the loop needs of a loader; `biomech_xr.load.StrideWindows` has it."""

    steps_per_epoch: int
    """Global batches per epoch."""
    datasets: tuple[str, ...]
    """Sources that are read."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next iteration; naming the epoch of a loaded state keeps its place."""

    def state_dict(self, *, steps: int | None = None) -> dict[str, Any]:
        """Return where the iteration is, as plain values; `step` is the next global batch of the epoch, or `steps`."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Make the next iteration go on from there."""

    def describe(self) -> str:
        """Return what is read, what is lost and why, and what the inputs know of the future."""

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        """Iterate over this rank's batches of one epoch."""


class Task(Protocol):
    """What the loop needs of a task: its windows, model and losses."""

    def windows(
        self,
        split: str,
        ranks: Ranks,
        *,
        remainder: Literal["drop", "pad"],
        datasets: Sequence[str] | None = None,
        augment: bool = False,
    ) -> Windows | None:
        """Return the windows of a split, of some sources or of all, as measured or augmented; None without anybody."""

    def fit(self, batches: Iterable[Batch]) -> dict[str, torch.Tensor]:
        """Return the normalization statistics of the training split."""

    def model(self, statistics: Statistics) -> nn.Module:
        """Return a new model."""

    def terms(self, model: nn.Module, batch: Batch, statistics: Statistics) -> dict[str, Term]:
        """Return the loss terms of one batch."""

    def weights(self) -> dict[str, float]:
        """Return the weight of each loss term."""
