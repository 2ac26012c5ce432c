"""What batches hold beside plain windows, by the options of a loader: a phase, the other leg, augmentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import torch

from biomech_xr.errors import ConfigError
from biomech_xr.load.cut.host import Batch, Cutter, Needed
from biomech_xr.load.inputs.augment import Augmentation, Augmenter, TimeJitter, check_augmentations, plain_values
from biomech_xr.load.inputs.companion import OtherLeg, WithCompanion
from biomech_xr.load.inputs.jitter import Jitter, can_move, check_jitter, every_sample
from biomech_xr.load.inputs.phases import PHASES, EstimatedPhase, Phase
from biomech_xr.load.parts.durations import previous_durations
from biomech_xr.load.parts.filters import Parts
from biomech_xr.load.parts.sources import Source
from biomech_xr.window.order import Share

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """The options, and what they need of the labels of every part.

    `previous` holds `previous_durations` for an estimated phase, `legs` the strides of the other leg by the part's
    first row; both are empty where nobody asked.
    """

    phase: Phase
    augment: tuple[Augmentation, ...]
    previous: tuple[Floats, ...] = ()
    legs: Mapping[int, OtherLeg] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        parts: Parts,
        sources: Sequence[Source],
        *,
        phase: Phase,
        companion: bool,
        augment: Sequence[Augmentation],
        split: str | None,
        emg: str,
    ) -> Self:
        """Return the inputs of a loader; `sources` are those of the parts, in their order.

        Raises
        ------
        ConfigError
            An unknown phase or kind of EMG, augmentations that do not fit (see `check_augmentations`), or time jitter
            that moves no window.
        """
        if phase not in PHASES:
            raise ConfigError(f"phase: found {phase!r}, expected one of {', '.join(map(repr, PHASES))}.")
        if emg not in ("float32", "int16"):
            raise ConfigError(f"emg: found {emg!r}, expected 'float32' or 'int16'.")
        check_augmentations(augment, split=split, emg=emg)
        for one in augment:
            if isinstance(one, TimeJitter):
                check_jitter(sources, ms=one.ms)
        labels = [part.labels for opened in parts.values() for part in opened]
        legs = [OtherLeg.of(table) for table in labels] if companion else []
        return cls(
            phase=phase,
            augment=tuple(augment),
            previous=tuple(map(previous_durations, labels)) if phase == "estimated" else (),
            legs={source.first_row: leg for source, leg in zip(sources, legs, strict=False)},
        )

    def recorded(self) -> dict[str, Any]:
        """Return the options as a state records them, as plain values."""
        return {"phase": self.phase, "companion": bool(self.legs), "augment": plain_values(self.augment)}

    def lookahead(self, source: Source) -> float:
        """Return how far (s) the inputs from a part know the future.

        A phase grid knows when the stride ends, that of the other leg too, and so does the oracle.
        """
        if source.grid.rate and self.phase != "oracle":
            return source.lookahead
        used = np.flatnonzero(source.index.count)
        ends = source.duration[used].max(initial=0.0)
        if self.legs and not source.grid.rate:
            ends = max(ends, source.duration[self.legs[source.first_row].met(used)].max(initial=0.0))
        return max(source.lookahead, float(ends))

    def describe(self, sources: Sequence[Source]) -> Iterator[str]:
        """Yield a line for each option that is on."""
        if self.previous:
            known = _share(sources, [np.isfinite(values) for values in self.previous])
            yield f"phase: estimated from the stride before, known in {known:.1%} of the windows"
        if self.legs:
            covered = _share(sources, [self.legs[source.first_row].covered for source in sources])
            yield f"companion: the other leg has a stride in {covered:.1%} of the windows"
        if self.augment:
            yield f"augmentation: {', '.join(map(str, self.augment))}"
        for one in self.augment:
            if isinstance(one, TimeJitter):
                moved = _share(sources, [can_move(source, one.ms) for source in sources])
                yield f"time jitter: {moved:.1%} of the windows can move"


def _share(sources: Sequence[Source], values: Sequence[npt.NDArray[Any]]) -> float:
    """Return the mean of a number of every stride over all windows."""
    count = np.concatenate([source.index.count for source in sources])
    return float(np.average(np.concatenate(values), weights=count)) if count.any() else 0.0


class Making:
    """What an iteration over one epoch does for its batches around the cutter, which does most of it.

    Parameters
    ----------
    inputs, sources, blocks
        The options, the parts, and part and first stride of every block.
    cutter, device
        What cuts windows, and where.
    seed
        Seed and epoch of augmentation.
    rank
        Which slice of each step the batches are.
    """

    def __init__(
        self,
        inputs: Inputs,
        sources: Sequence[Source],
        blocks: Sequence[tuple[int, int]],
        cutter: Cutter,
        *,
        device: torch.device,
        seed: tuple[int, ...],
        rank: int,
    ) -> None:
        self._rank = rank
        self._phase, self._blocks, self._sources = inputs.phase, blocks, sources
        self._cutter = WithCompanion(cutter, inputs.legs, device) if inputs.legs else cutter
        self.together: Final = self._cutter.together
        spacing = [source.index.step for source in sources]
        self._estimate = EstimatedPhase(spacing, inputs.previous) if inputs.previous else None
        self._augmenter = Augmenter(inputs.augment, seed=seed) if inputs.augment else None
        self._jitter: Jitter | None = None
        for place, one in enumerate(inputs.augment):
            if isinstance(one, TimeJitter):
                self._jitter = Jitter(sources, blocks, ms=one.ms, seed=seed, place=place)
                self._sources = [every_sample(source) for source in sources]

    def read(self, number: int) -> Any:
        """Return a block for `batches`; called in a reading thread."""
        part, start = self._blocks[number]
        return self._cutter.read(self._sources[part], start)

    def share(self, share: Share) -> Share:
        """Return the share that is cut in place of a share."""
        return self._jitter(share, self._rank) if self._jitter else share

    def batches(self, shares: Sequence[Needed]) -> list[Batch]:
        """Return the windows of each of some shares, at most `together`, as the options ask for them."""
        batches = self._cutter.batches(shares)
        for batch, (share, _) in zip(batches, shares, strict=True):
            self._add(batch, share.step)
        return batches

    def _add(self, batch: Batch, step: int) -> None:
        """Change the batch of a step to what the options ask for."""
        if self._phase == "none":
            del batch["phase"]
        elif self._estimate is not None:
            self._estimate(batch)
        else:
            batch["phase_mask"] = torch.ones_like(batch["weight"], dtype=torch.bool)
        if self._augmenter is not None:
            self._augmenter(batch, step, self._rank)
