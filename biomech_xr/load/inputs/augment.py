"""Augmentation of training batches: what a measured window could as well have looked like.

Every augmentation draws from a generator of its own, which knows nothing but seed, epoch, step, window and its place in
the step: a window of an epoch comes out the same for any number of ranks and workers, on any device, and after a
resume. One that a step holds twice comes out as two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch

from biomech_xr.errors import ConfigError
from biomech_xr.load.blocks.block import CHANNELS, COMPONENTS
from biomech_xr.load.inputs import draws
from biomech_xr.window.persons import split_and_view

Batch = dict[str, torch.Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelDropout:
    """Hides whole channels, each with probability `p`: value 0 and mask false, as if they had not been measured.

    `part` says which inputs: ``emg`` (each of the 13 muscles) or ``kinematics`` (each of the nine joint components,
    its angle, velocity and acceleration together). Targets stay; a loss that compares with the hidden state leaves
    its component out, as for every state that is not measured.

    Raises
    ------
    ConfigError
        A probability outside [0, 1], or another part.
    """

    p: float
    part: Literal["emg", "kinematics"] = "emg"

    def __post_init__(self) -> None:
        _require(0 <= self.p <= 1, self, "0 <= p <= 1")
        _require(self.part in ("emg", "kinematics"), self, "part 'emg' or 'kinematics'")

    def apply(self, batch: Batch, keys: torch.Tensor) -> None:
        """Change a batch in place; `keys` (B,) are those of its windows, see `draws`."""
        if self.part == "emg":
            name, hidden = "emg", draws.uniform(keys, CHANNELS) < self.p
        else:
            name, hidden = "kinematic_state", (draws.uniform(keys, COMPONENTS) < self.p).repeat(1, 3)
        batch[f"{name}_mask"].logical_and_(~hidden)
        _clear(batch[name], hidden)


@dataclass(frozen=True, kw_only=True, slots=True)
class AmplitudeScale:
    """Multiplies each EMG channel of a window with a number of its own, uniform in [`low`, `high`].

    Raises
    ------
    ConfigError
        Not 0 < low <= high < infinity.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        _require(0 < self.low <= self.high < np.inf, self, "0 < low <= high")

    def apply(self, batch: Batch, keys: torch.Tensor) -> None:
        """Change a batch in place; `keys` (B,) are those of its windows, see `draws`."""
        factor = self.low + (self.high - self.low) * draws.uniform(keys, CHANNELS)
        batch["emg"].mul_(factor.to(torch.float32)[..., None])


@dataclass(frozen=True, kw_only=True, slots=True)
class Noise:
    """Adds white normal noise of standard deviation `sd` (in units of `emg_scale`) to measured EMG channels.

    It is added to the EMG as it is stored, so an envelope may come out below 0.

    Raises
    ------
    ConfigError
        A standard deviation that is not positive and finite.
    """

    sd: float

    def __post_init__(self) -> None:
        _require(0 < self.sd < np.inf, self, "sd > 0")

    def apply(self, batch: Batch, keys: torch.Tensor) -> None:
        """Change a batch in place; `keys` (B,) are those of its windows, see `draws`."""
        draws.add_normal(batch["emg"], batch["emg_mask"], draws.bits(keys, CHANNELS), self.sd)


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeJitter:
    """Moves the instant of a window by up to `ms` either way, in whole samples of its stride's kinematic grid.

    Inputs, targets, phase and labels all move, so they stay those of one instant; every window stays among those of
    its stride that exist, which is also what bounds the move near its ends. With a hop of 1 this draws windows of the
    epoch again in place of others; with a greater hop it reaches those that the hop leaves out.

    Raises
    ------
    ConfigError
        A time that is not positive and finite.
    """

    ms: float

    def __post_init__(self) -> None:
        _require(0 < self.ms < np.inf, self, "ms > 0")


Augmentation: TypeAlias = ChannelDropout | AmplitudeScale | Noise | TimeJitter


def check_augmentations(augment: Sequence[Augmentation], *, split: str | None, emg: str) -> None:
    """Raise `ConfigError` when augmentations do not fit a loader: held-out people, EMG in codes, jitter twice."""
    for one in augment if isinstance(augment, Sequence) else [augment]:
        if not isinstance(augment, Sequence) or not isinstance(one, Augmentation):
            raise ConfigError(f"augment: found {one!r}, expected augmentations of biomech_xr.load, in a list.")
        if emg != "float32" and isinstance(one, AmplitudeScale | Noise):
            raise ConfigError(f"augment: {one} changes values of EMG, found emg={emg!r}, expected emg='float32'.")
    if sum(isinstance(one, TimeJitter) for one in augment) > 1:
        raise ConfigError("augment: found TimeJitter twice, expected once. Add their times.")
    place, view = split_and_view(split or "")
    if augment and place != "train" and (place or view.startswith("only:")):
        raise ConfigError(
            f"augment: found split={split!r}, expected 'train'. Scores and validation are of windows as measured."
        )


def plain_values(augment: Sequence[Augmentation]) -> list[dict[str, Any]]:
    """Return augmentations as values that JSON gives back as they are."""
    return [
        {"kind": type(one).__name__}
        | {name: value if isinstance(value, str) else float(value) for name, value in asdict(one).items()}
        for one in augment
    ]


def _clear(values: torch.Tensor, hidden: torch.Tensor) -> None:
    """Write 0 where a channel is hidden; on a processor only there, on a device without waiting for it."""
    if values.device.type == "cpu":
        values.view(hidden.numel(), -1).index_fill_(0, hidden.view(-1).nonzero()[:, 0], 0)
    else:
        values.masked_fill_(hidden.view(*hidden.shape, *[1] * (values.ndim - 2)), 0)


def _require(good: bool, value: object, expected: str) -> None:  # noqa: FBT001
    if not good:
        raise ConfigError(f"augment: found {value}, expected {expected}.")


class Augmenter:
    """Applies augmentations to the batches of one epoch; time jitter is applied before windows are cut, see `Jitter`.

    Parameters
    ----------
    augment
        What to do, in this order.
    seed
        Seed and epoch: with the step, the window and its place in the step they fix all numbers.
    """

    def __init__(self, augment: Sequence[Augmentation], *, seed: tuple[int, ...]) -> None:
        self._seed = seed
        self._steps = [(place, one) for place, one in enumerate(augment) if not isinstance(one, TimeJitter)]

    def __call__(self, batch: Batch, step: int, rank: int) -> None:
        """Change the batch of a rank of a global step in place."""
        for place, one in self._steps:
            one.apply(batch, draws.window_keys((*self._seed, step, place), batch["stride"], batch["sample"], rank))
