"""Batches cut by this machine's processor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import torch

from biomech_xr.load import gather
from biomech_xr.load.blocks import read_block
from biomech_xr.load.buffers import Buffers
from biomech_xr.load.sources import Source
from biomech_xr.window.order import Share

Batch = dict[str, torch.Tensor]


class Cutter(Protocol):
    """What makes batches out of blocks of strides."""

    def read(self, source: Source, start: int) -> Any:
        """Return a block for `batch`; called in a reading thread."""

    def batch(self, share: Share, blocks: Mapping[int, Any]) -> Batch:
        """Return the windows of a share, whose blocks are given by number."""


class HostCutter:
    """Cuts whole batches into memory that goes round.

    Parameters
    ----------
    batch, window, emg
        Windows of a batch, EMG samples of a window, and dtype of EMG.
    """

    def __init__(self, *, batch: int, window: int, emg: gather.Emg) -> None:
        self._buffers: Final = Buffers(gather.fields(batch, window, emg))

    def read(self, source: Source, start: int) -> gather.Ready:
        """Return a block ready to cut; called in a reading thread, errors as of `read_block`."""
        return gather.make_ready(read_block(source, start))

    def batch(self, share: Share, blocks: Mapping[int, gather.Ready]) -> Batch:
        """Return the windows of a share."""
        arrays = self._buffers.take()
        arrays["weight"][:] = share.weight
        gather.fill(arrays, list(blocks.values()), local_numbers(share, blocks), share.offset)
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


def local_numbers(share: Share, blocks: Mapping[int, Any]) -> npt.NDArray[np.int64]:
    """Return the position among the blocks of a share of each window's block."""
    numbers = np.fromiter(blocks, np.int64, len(blocks))
    order = np.argsort(numbers)
    return order[np.searchsorted(numbers, share.block, sorter=order)]
