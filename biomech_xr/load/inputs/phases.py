"""The phase at t as an input: known afterwards (oracle), or estimated from the stride before, as a device could."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import torch

Floats = npt.NDArray[np.float64]
Phase = Literal["none", "oracle", "estimated"]
PHASES: Final = ("none", "oracle", "estimated")

_BELOW_ONE: Final = 1 - 2.0**-24
"""The greatest float32 below 1."""


class EstimatedPhase:
    """Writes what a device could know of the phase: time since contact over the duration of the stride before.

    It assumes that contact is detected without delay. It stays below 1 when a stride lasts longer than the one before,
    and is 0 with mask false where no stride ends at this contact.

    Parameters
    ----------
    spacing, previous
        Of all strides of all parts, in their order: distance of kinematic samples, and `previous_durations`, s.
    """

    def __init__(self, spacing: Iterable[Floats], previous: Iterable[Floats]) -> None:
        self._tables = [torch.from_numpy(np.concatenate([*values])) for values in (spacing, previous)]

    def __call__(self, batch: dict[str, torch.Tensor]) -> None:
        """Write `phase` and `phase_mask` of a batch, wherever it is."""
        stride = batch["stride"]
        self._tables = [table.to(stride.device) for table in self._tables]  # a copy for the first batch alone
        spacing, previous = (table[stride] for table in self._tables)
        phase = batch["sample"] * spacing / previous
        known = batch["phase_mask"] = torch.isfinite(phase)
        batch["phase"].copy_(torch.where(known, phase.clamp(max=_BELOW_ONE), 0.0))
