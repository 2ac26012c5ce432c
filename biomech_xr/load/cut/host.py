"""Batches cut by this machine's processor."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import torch

from biomech_xr.load.blocks.buffers import Buffers
from biomech_xr.load.blocks.reader import BlockReader
from biomech_xr.load.cut import gather
from biomech_xr.load.parts.sources import Source
from biomech_xr.window.order import Share

Batch = dict[str, torch.Tensor]

CUTTERS: Final = 2
"""Threads that cut a batch, the one that asks for it included."""

PIECE: Final = 256
"""Windows that a thread cuts before it takes the next."""


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
        self._reader: Final = BlockReader(window)
        self._buffers: Final = Buffers(gather.fields(batch, window, emg))
        self._helpers: Final = ThreadPoolExecutor(CUTTERS - 1, thread_name_prefix="biomech-xr-cut")

    def read(self, source: Source, start: int) -> gather.Ready:
        """Return a block ready to cut; called in a reading thread, errors as of `BlockReader.read`."""
        return gather.make_ready(self._reader.read(source, start))

    def batch(self, share: Share, blocks: Mapping[int, gather.Ready]) -> Batch:
        """Return the windows of a share."""
        arrays = self._buffers.take()
        arrays["weight"][:] = share.weight
        table = np.stack([ready.row for ready in blocks.values()])
        cut = gather.Cut(arrays, table, local_numbers(share, blocks), share.offset)
        size = len(share.block)
        pieces = iter([(start, min(start + PIECE, size)) for start in range(0, size, PIECE)])

        def work() -> None:
            for start, stop in pieces:
                cut.windows(start, stop)

        helping = [self._helpers.submit(work) for _ in range(CUTTERS - 1)] if size > PIECE else []
        work()
        for helper in helping:
            helper.result()
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


def local_numbers(share: Share, blocks: Mapping[int, Any]) -> npt.NDArray[np.int64]:
    """Return the position among the blocks of a share of each window's block."""
    numbers = np.fromiter(blocks, np.int64, len(blocks))
    order = np.argsort(numbers)
    return order[np.searchsorted(numbers, share.block, sorter=order)]
