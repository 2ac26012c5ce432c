"""Batches cut on a device: strides are shipped to it once, their windows never.

What follows from labels alone is made here, on a GPU in pinned memory, and sent in one piece; signals are cut there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from biomech_xr.load.blocks.buffers import Buffers, Layout, Pieces
from biomech_xr.load.blocks.reader import BlockReader
from biomech_xr.load.cut import gather, kernels
from biomech_xr.load.cut.arena import Arena, Room, Shipped
from biomech_xr.load.cut.host import Batch, Ints, Needed, Tables
from biomech_xr.load.cut.recorded import Recorded
from biomech_xr.load.cut.tensors import cut
from biomech_xr.load.parts.sources import Source
from biomech_xr.window.order import Share


class DeviceCutter:
    """Cuts whole batches on a device.

    Parameters
    ----------
    device
        Where the batches shall be.
    batch, window, emg
        Windows of a batch, EMG samples of a window, and dtype of EMG.
    room
        What the arena shall have room for.
    between
        Whether a target may lie between two samples of the grid.
    over
        Whether a block is not needed again once a share of that pool is made: called with block and pool.
    memory
        Where an arena in this machine's memory comes from.
    """

    together: Final = 1

    def __init__(
        self,
        device: torch.device,
        *,
        batch: int,
        window: int,
        emg: gather.Emg,
        room: Room,
        between: bool,
        over: Callable[[int, int], bool],
        memory: Pieces,
    ) -> None:
        self._between, self._over, self._device = between, over, device
        self._reader: Final = BlockReader(window)
        facts = gather.fact_fields(batch)
        facts |= {"place": ((batch, len(kernels.PLACE)), np.int64), "exact": ((batch, len(kernels.EXACT)), np.float64)}
        fields = facts | gather.signal_fields(batch, window, emg)
        self._facts: Final = Layout(facts)
        self._buffers: Final = Buffers(fields)
        self._tables: Final = Tables()
        self._arena: Final = Arena(device, room=room, window=window, memory=memory)
        self._recorded: Recorded | None = None
        if device.type == "cuda":
            self._recorded = Recorded(Layout(fields), device, self._cut)
            self._stream: Final = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def read(self, source: Source, start: int) -> Shipped:
        """Return a block that is on its way to the device; called in a reading thread, errors as of `BlockReader`.

        Where the device is this machine's processor it is read into its slot, if that has its shapes.
        """
        claim = self._arena.claim(source) if self._recorded is None else None
        block = self._reader.read(source, start, out=claim.arrays if claim else None)
        shipped = Shipped(facts=(block.floats, block.ints), row=gather.facts_row(block))
        if claim is not None:
            shipped.slot, shipped.made = claim.slot, claim.made
        arrays = map(torch.from_numpy, (block.emg, block.measured, block.angles, block.moments))
        if self._recorded is None:
            shipped.tensors = [*arrays]
            return shipped
        with torch.cuda.stream(self._stream):
            shipped.tensors = [array.pin_memory().to(self._device, non_blocking=True) for array in arrays]
            shipped.ready = self._stream.record_event()
        return shipped

    def place(self, share: Share, blocks: Mapping[int, Shipped]) -> tuple[Ints, Ints]:
        """Put the blocks of a share into the arena, and return what `Tables.of` does."""
        if not self._tables.known(blocks):
            self._arena.release(lambda number: self._over(number, share.pool))
            for number, shipped in blocks.items():
                self._arena.place(number, shipped)
        return self._tables.of(blocks)

    def batches(self, shares: Sequence[Needed]) -> list[Batch]:
        """Return the windows of each of some shares, on the device."""
        return [self._made(*needed) for needed in shares]

    def _made(self, share: Share, blocks: Mapping[int, Shipped]) -> Batch:
        table, rows = self.place(share, blocks)
        block = rows[share.block]
        if self._recorded is None:
            arrays = self._buffers.take()
            self._fill(arrays, table, block, share)
            batch = {name: torch.from_numpy(array) for name, array in arrays.items()}
            self._cut(batch)
        else:
            here = torch.empty(self._facts.size, dtype=torch.uint8, pin_memory=True)
            self._fill(self._facts.views(here.numpy()), table, block, share)
            batch = self._recorded.batch(here, of=self._arena.made)
        del batch["place"], batch["exact"]
        return batch

    def _fill(self, arrays: dict[str, npt.NDArray[Any]], table: Ints, block: Ints, share: Share) -> None:
        """Write what follows from labels."""
        arrays["weight"][:] = share.weight
        gather.Cut(arrays, table, block, share.offset, place=arrays["place"], exact=arrays["exact"]).facts()

    def _cut(self, batch: Batch) -> None:
        cut(self._arena, batch, between=self._between)
