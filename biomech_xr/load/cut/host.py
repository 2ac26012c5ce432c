"""Batches cut by this machine's processor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import torch

from biomech_xr.load.blocks.buffers import Buffers, Layout
from biomech_xr.load.blocks.reader import BlockReader
from biomech_xr.load.cut import gather
from biomech_xr.load.parts.sources import Source
from biomech_xr.window.order import Share

Batch = dict[str, torch.Tensor]
Ints = npt.NDArray[np.int64]
Needed = tuple[Share, Mapping[int, Any]]
"""A share, and by number the blocks that it needs."""

CUTTERS: Final = 2
"""Threads that cut."""

_WINDOWS: Final = 4096
"""The most that are cut together: enough that what each call costs is little beside the cutting."""
_BYTES: Final = 24 * 2**20
"""The most memory of what is cut together, of which three pieces go round."""


class HasRow(Protocol):
    """A block, the same as another only if it is that very one, with its row of the table."""

    @property
    def row(self) -> Ints:
        """The columns of `kernels.BLOCK_COLUMNS`."""


class Cutter(Protocol):
    """What makes batches out of blocks of strides."""

    def read(self, source: Source, start: int) -> Any:
        """Return a block for `batches`; called in a reading thread."""

    @property
    def together(self) -> int:
        """The most batches to cut together."""

    def batches(self, shares: Sequence[Needed]) -> list[Batch]:
        """Return the windows of each of some shares."""


class HostCutter:
    """Cuts whole batches, a few together, into memory that goes round.

    Parameters
    ----------
    batch, window, emg
        Windows of a batch, EMG samples of a window, and dtype of EMG.
    """

    def __init__(self, *, batch: int, window: int, emg: gather.Emg) -> None:
        self._reader: Final = BlockReader(window)
        self._batch: Final = batch
        size = Layout(gather.fields(batch, window, emg)).size
        self.together: Final = max(1, min(_WINDOWS // batch, _BYTES // size))
        self._buffers: Final = Buffers(gather.fields(self.together * batch, window, emg))
        self._tables: Final = Tables()

    def read(self, source: Source, start: int) -> gather.Ready:
        """Return a block ready to cut; called in a reading thread, errors as of `BlockReader.read`."""
        return gather.make_ready(self._reader.read(source, start))

    def batches(self, shares: Sequence[Needed]) -> list[Batch]:
        """Return the windows of some shares, at most `together`; any number of threads may call it.

        Their memory is used again once all of these batches are dropped.
        """
        slices = [slice(start, start + self._batch) for start in range(0, len(shares) * self._batch, self._batch)]
        arrays = {name: array[: slices[-1].stop] for name, array in self._buffers.take().items()}
        table, rows = self._tables.of({number: block for _, blocks in shares for number, block in blocks.items()})
        block, offset, arrays["weight"][:] = (
            np.concatenate(values) for values in zip(*[(s.block, s.offset, s.weight) for s, _ in shares], strict=True)
        )
        gather.Cut(arrays, table, rows[block], offset).windows()
        return [{name: torch.from_numpy(array[part]) for name, array in arrays.items()} for part in slices]


class Tables:
    """Tables of the blocks of shares; one is made anew only when the blocks are others than those before."""

    def __init__(self) -> None:
        nothing = np.empty(0, dtype=np.int64)
        self._kept: tuple[list[tuple[int, HasRow]], Ints, Ints] = [], nothing, nothing

    def known(self, blocks: Mapping[int, HasRow]) -> bool:
        """Return whether the table of these very blocks is the one that was made last."""
        return [*blocks.items()] == self._kept[0]

    def of(self, blocks: Mapping[int, HasRow]) -> tuple[Ints, Ints]:
        """Return the table, and the row there of each block at the place of its number; any number of threads may call.

        The caller keeps the blocks while it uses the addresses of the table.
        """
        found = [*blocks.items()]
        kept, table, rows = self._kept
        if found != kept:
            table = np.stack([block.row for block in blocks.values()])
            rows = np.zeros(max(blocks) + 1, dtype=np.int64)
            rows[[*blocks]] = np.arange(len(found))
            self._kept = found, table, rows
        return table, rows
