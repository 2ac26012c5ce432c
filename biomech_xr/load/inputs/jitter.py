"""Time jitter: windows at other samples of their stride, chosen before anything is cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from biomech_xr.errors import ConfigError
from biomech_xr.load.inputs import draws
from biomech_xr.load.parts.sources import Source
from biomech_xr.window.order import Share

Ints = npt.NDArray[np.int64]


def every_sample(source: Source) -> Source:
    """Return a part with a window at every sample from the first to the last one of each stride, as if hop were 1."""
    index = source.index
    count = np.where(index.count > 0, index.hop * (index.count - 1) + 1, 0)
    return replace(source, index=replace(index, hop=1, count=count))


def can_move(source: Source, ms: float) -> npt.NDArray[np.bool_]:
    """Return in which strides of a part windows have another place within `ms` (stride,)."""
    return np.asarray((_most(source, ms) > 0) & (source.index.hop * (source.index.count - 1) > 0), dtype=np.bool_)


def check_jitter(sources: Sequence[Source], *, ms: float) -> None:
    """Raise `ConfigError` when there are windows and none can move: samples are further apart, or strides too short."""
    used = [source.index.step[source.index.count > 0] for source in sources]
    spacing = np.concatenate(used) if used else np.empty(0)
    if spacing.size and not any(can_move(source, ms).any() for source in sources):
        raise ConfigError(
            f"augment: found TimeJitter(ms={ms:g}), which moves no window: kinematic samples are "
            f"{1000 * spacing.min():.3g} ms apart or more, and a stride needs two windows. Raise ms or leave it out."
        )


def _most(source: Source, ms: float) -> Ints:
    """Return the furthest move in each stride, samples."""
    return np.asarray(np.floor(ms / 1000 / source.index.step + 1e-9), dtype=np.int64)


class Jitter:
    """Moves windows within their strides.

    Parameters
    ----------
    sources
        The parts with their own hop. What a share then asks for is a window of `every_sample`.
    blocks
        Part and first stride of every block.
    ms
        The furthest move.
    seed, place
        Seed and epoch, and the place of the augmentation in its list: with step, window and place in the step they
        fix the move.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        blocks: Sequence[tuple[int, int]],
        *,
        ms: float,
        seed: tuple[int, ...],
        place: int,
    ) -> None:
        self._seed, self._place = seed, place
        index = [source.index for source in sources]
        self._hop = index[0].hop if index else 1
        self._first, count = (np.concatenate([getattr(one, name) for one in index]) for name in ("first", "count"))
        self._most = np.concatenate([_most(source, ms) for source in sources])
        self._last = self._hop * np.maximum(count - 1, 0)
        self._before, self._fine = (
            np.concatenate([[0], np.cumsum(values)]) for values in (count, np.where(count > 0, self._last + 1, 0))
        )
        self._rows = np.array([sources[part].first_row + start for part, start in blocks], dtype=np.int64)

    def __call__(self, share: Share, rank: int) -> Share:
        """Return the share of a rank with its windows moved, each numbered as in `every_sample`."""
        begin = self._rows[share.block]
        number = self._before[begin] + share.offset
        row = np.searchsorted(self._before, number, side="right") - 1
        place = self._hop * (number - self._before[row])
        low = np.maximum(place - self._most[row], 0)
        high = np.minimum(place + self._most[row], self._last[row])
        stride, sample = (torch.from_numpy(values) for values in (row, self._first[row] + place))
        keys = draws.window_keys((*self._seed, share.step, self._place), stride, sample, rank)
        part = draws.uniform(keys, 1)[:, 0].numpy()
        moved = low + np.floor(part * (high - low + 1)).astype(np.int64)
        return replace(share, offset=self._fine[row] - self._fine[begin] + moved)
