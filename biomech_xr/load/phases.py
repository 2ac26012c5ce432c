"""The phase at t as an input: known afterwards (oracle), or estimated from the stride before, as a device could."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

Floats = npt.NDArray[np.float64]
Phase = Literal["none", "oracle", "estimated"]
PHASES: Final = ("none", "oracle", "estimated")

_ADJACENT: Final = 0.005
"""Seconds by which the end of a stride and the next contact of that side may differ."""
_BELOW_ONE: Final = 1 - 2.0**-24
"""The greatest float32 below 1."""


def next_durations(labels: pd.DataFrame) -> Floats:
    """Return the duration (s) of the stride that begins where each one ends; NaN where it is not in the part."""
    return _beside(labels, slice(1, None), slice(None, -1))


def previous_durations(labels: pd.DataFrame) -> Floats:
    """Return the duration (s) of the stride that ends where each one begins; NaN where it is not in the part.

    Parameters
    ----------
    labels
        Labels of the strides of a part, in its order.
    """
    return _beside(labels, slice(None, -1), slice(1, None))


def _beside(labels: pd.DataFrame, other: slice, own: slice) -> Floats:
    """Return the durations of `other` strides at the places of their adjacent `own` ones."""
    duration, begin = (labels[name].to_numpy(np.float64) for name in ("duration", "trial_time"))
    number = labels["stride_number"].to_numpy(np.int64)
    adjacent = (number[1:] == number[:-1] + 1) & (np.abs(begin[1:] - (begin + duration)[:-1]) <= _ADJACENT)
    for name in ("patient", "trial", "side"):
        codes = pd.Categorical(labels[name]).codes
        adjacent &= codes[1:] == codes[:-1]
    result = np.full(len(labels), np.nan)
    result[own] = np.where(adjacent, duration[other], np.nan)
    return result


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
