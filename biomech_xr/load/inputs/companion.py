"""The other leg's state at the same instant: the last one stored at or before it, never one that came later.

Strides of the other leg lie elsewhere in the part. Which of them a stride meets follows from labels; with a block of
strides they are read, and their states are laid onto the instants of the block's samples. Cutting is then a look-up.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from biomech_xr import vocabulary as words
from biomech_xr.load.blocks.block import COMPONENTS, STATE
from biomech_xr.load.cut.host import Batch, Cutter, Needed
from biomech_xr.load.inputs.companion_kernels import WIDTH, fill_states
from biomech_xr.load.parts.sources import Source
from biomech_xr.window.order import Share

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherLeg:
    """Which strides of the other leg each stride of a part meets: rows ``order[first:stop]``, in order of time.

    Of all strides of the part: `begin` (contact on the clock of the trial) in s; `covered` is the share of the
    stride's time in which the other leg has a stride.
    """

    order: Ints
    first: Ints
    stop: Ints
    begin: Floats
    covered: Floats

    @classmethod
    def of(cls, labels: pd.DataFrame) -> Self:
        """Return it from the labels of a part, in its order; a stride without a time on the clock meets none."""
        begin, duration = (labels[name].to_numpy(np.float64, copy=True) for name in ("trial_time", "duration"))
        side = pd.Categorical(labels["side"].astype(object), categories=list(words.SIDES)).codes.astype(np.int64)
        trial = labels.groupby(["patient", "trial"], observed=True, sort=False).ngroup().to_numpy(np.int64)
        usable = np.flatnonzero(np.isfinite(begin + duration) & (side >= 0))
        leg = 2 * trial + side
        order = usable[np.lexsort((begin[usable], leg[usable]))]
        first, stop = (np.zeros(len(labels), dtype=np.int64) for _ in range(2))
        edges = np.flatnonzero(np.diff(leg[order], prepend=-1, append=-1))
        place = {int(leg[order[low]]): (low, high) for low, high in itertools.pairwise(edges)}
        for number, (low, high) in place.items():
            if number ^ 1 in place:
                start, end = place[number ^ 1]
                own, other = order[low:high], order[start:end]
                first[own] = start + np.searchsorted(begin[other] + duration[other], begin[own], side="right")
                stop[own] = start + np.searchsorted(begin[other], begin[own] + duration[own], side="left")
        stop = np.maximum(first, stop)
        covered = _overlap(begin, duration, order, first, stop)
        return cls(order=order, first=first, stop=stop, begin=begin, covered=covered)

    def marked(self, rows: Ints) -> npt.NDArray[np.bool_]:
        """Return which of `order` the strides of these rows meet."""
        change = np.zeros(len(self.order) + 1, dtype=np.int64)
        np.add.at(change, self.first[rows], 1)
        np.add.at(change, self.stop[rows], -1)
        return np.cumsum(change[:-1]) > 0

    def met(self, rows: Ints) -> Ints:
        """Return the strides of the other leg that the strides of these rows meet, leg by leg in order of time."""
        return self.order[self.marked(rows)]


def _overlap(begin: Floats, duration: Floats, order: Ints, first: Ints, stop: Ints) -> Floats:
    """Return the share of each stride's time in which it meets a stride of the other leg."""
    result = np.zeros(len(begin))
    rows = np.flatnonzero(stop > first)
    if not rows.size:
        return result
    total = np.concatenate([[0.0], np.cumsum(duration[order])])
    low, high = order[first[rows]], order[stop[rows] - 1]
    early = np.maximum(begin[rows] - begin[low], 0)
    late = np.maximum(begin[high] + duration[high] - begin[rows] - duration[rows], 0)
    result[rows] = (total[stop[rows]] - total[first[rows]] - early - late) / duration[rows]
    return np.clip(result, 0.0, 1.0)


def read_states(source: Source, leg: OtherLeg, start: int) -> npt.NDArray[np.float32]:
    """Return the other leg's states at the samples of a block of strides.

    Parameters
    ----------
    source
        The part; chunks of its angles that hold strides of the other leg are read whole, as they are stored.
    leg
        Its strides of the other leg.
    start
        First stride of the block.

    Returns
    -------
    ndarray
        (stride, sample, 28): angles (degree), velocities, accelerations as in `kinematic_state`, and their age (s).
        NaN where the other leg has no stride, or a sample is missing.

    Raises
    ------
    LostDataError
        Stored data are missing or damaged.
    """
    rows = np.arange(start, min(start + source.chunk, len(source.duration)))
    out = np.full((len(rows), source.grid.points, WIDTH), np.nan, dtype=np.float32)
    met = leg.met(rows)
    if met.size:
        chunks = np.unique(met // source.chunk)
        slot = np.searchsorted(chunks, met // source.chunk) * source.chunk + met % source.chunk
        fill_states(_own(source, leg, rows), _other(source, leg, met, slot), _angles(source, chunks), out)
    return out


def _own(source: Source, leg: OtherLeg, rows: Ints) -> Floats:
    """Return the columns of `companion_kernels.OWN` of a block of strides."""
    index = source.index
    place = np.cumsum(leg.marked(rows)) - 1  # of strides of the other leg among those that the block meets
    some = leg.stop[rows] > leg.first[rows]
    first = np.where(some, place[np.minimum(leg.first[rows], len(place) - 1)], 0)
    stop = np.where(some, place[leg.stop[rows] - 1] + 1, 0)
    denominator = np.full(len(rows), index.denominator)
    columns = (leg.begin[rows], index.numerator[rows], denominator, index.samples[rows], first, stop)
    return np.stack(columns, axis=1).astype(np.float64)


def _other(source: Source, leg: OtherLeg, rows: Ints, slot: Ints) -> Floats:
    """Return the columns of `companion_kernels.OTHER` of strides of the other leg."""
    index = source.index
    delay = np.full(len(rows), index.delay)
    columns = (leg.begin[rows], source.duration[rows], index.step[rows], index.samples[rows], slot, delay)
    return np.stack(columns, axis=1).astype(np.float64)


def _angles(source: Source, chunks: Ints) -> npt.NDArray[np.float32]:
    """Return whole chunks of angles, (stride, before + sample, joint x motion), in degree."""
    part = source.open()
    pieces = []
    for chunk in chunks.tolist():
        rows = chunk * source.chunk, min((chunk + 1) * source.chunk, part.size)
        both = [part.read(name, *rows) for name in ("kinematics_before", "kinematics")]
        joined = np.concatenate([values.reshape(len(values), COMPONENTS, -1) for values in both], axis=2)
        pieces.append(np.ascontiguousarray(joined.transpose(0, 2, 1)))
    return np.concatenate(pieces)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A block of another cutter, and the other leg's states of its strides, the first of which is `row`."""

    block: Any
    states: torch.Tensor
    row: int


class WithCompanion:
    """A cutter whose batches hold the other leg's state too.

    Parameters
    ----------
    cutter
        What makes all else.
    legs
        First row of a part -> its strides of the other leg.
    device
        Where batches are made.
    """

    def __init__(self, cutter: Cutter, legs: Mapping[int, OtherLeg], device: torch.device | None = None) -> None:
        self._cutter, self._legs, self._device = cutter, legs, device
        self.together: Final = cutter.together

    def read(self, source: Source, start: int) -> Pair:
        """Return a block for `batches`; called in a reading thread, errors as of `read_states`."""
        states = torch.from_numpy(read_states(source, self._legs[source.first_row], start)).to(self._device)
        return Pair(block=self._cutter.read(source, start), states=states, row=source.first_row + start)

    def batches(self, shares: Sequence[Needed]) -> list[Batch]:
        """Return the windows of each of some shares."""
        own = [(share, {number: pair.block for number, pair in blocks.items()}) for share, blocks in shares]
        batches = self._cutter.batches(own)
        for batch, (share, blocks) in zip(batches, shares, strict=True):
            _add(batch, share, blocks)
        return batches


def _add(batch: Batch, share: Share, blocks: Mapping[int, Pair]) -> None:
    """Add the other leg's state to the windows of a share."""
    stride, sample = batch["stride"], batch["sample"]
    found = torch.empty((len(stride), WIDTH), device=stride.device)
    for start, stop in _runs(share.block):
        pair = blocks[int(share.block[start])]
        place = (stride[start:stop] - pair.row) * pair.states.shape[1] + sample[start:stop]
        torch.index_select(pair.states.view(-1, WIDTH), 0, place, out=found[start:stop])
    good = torch.isfinite(found)
    found = torch.where(good, found, 0.0)
    batch["companion_state"] = found[:, :STATE].contiguous()
    batch["companion_state_mask"] = good[:, :STATE].contiguous()
    batch["companion_age"] = found[:, STATE].contiguous()


def _runs(numbers: Ints) -> Sequence[tuple[int, int]]:
    """Return where runs of the same number begin and end."""
    edges = np.flatnonzero(np.diff(numbers, prepend=-1, append=-1)).tolist()
    return list(itertools.pairwise(edges))
