"""Strides on a device: those of the blocks in use lie side by side in a few tensors, each block in a slot.

Legend of shapes: S strides, C EMG channels, T, L and M the most EMG samples, angles and moments of any stride, J joint
components.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import torch

from biomech_xr.load.blocks.block import CHANNELS, COMPONENTS
from biomech_xr.load.blocks.buffers import Layout, Pieces
from biomech_xr.load.blocks.reader import block_fields
from biomech_xr.load.cut.kernels import BLOCK_COLUMNS
from biomech_xr.load.parts.sources import Source

TORCH: Final = {np.dtype(name): getattr(torch, name) for name in ("float32", "float64", "int16", "int64", "bool")}
"""Kinds of values, NumPy's and torch's."""

_BASE: Final = BLOCK_COLUMNS.index("base")
_LEFT: Final = 4
"""Slots that are not given to blocks while they are read, so that others find room without moving everything."""


@dataclass(kw_only=True, slots=True, eq=False)
class Shipped:
    """A block on the device until it has a slot: EMG codes (S, C, T), whether windows are measured, angles, torque.

    `row` is the row of the table for `facts`, with the first stride of the slot once there is one; `ready` is None, or
    the event after which the tensors are complete. A block that was read into its slot has `slot`, of the tensors that
    were made as number `made`.
    """

    facts: tuple[npt.NDArray[Any], ...]
    row: npt.NDArray[np.int64]
    tensors: list[torch.Tensor] = field(default_factory=list)
    ready: Any = None
    slot: int = -1
    made: int = 0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Claim:
    """A slot for a block that is being read, of tensors that were made as number `made`: arrays of `block_fields`."""

    slot: int
    made: int
    arrays: dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """What an arena has room for: blocks at a time, strides of each, and EMG samples, points, angles and moments."""

    slots: int
    chunk: int
    time: int
    points: int
    samples: int
    moments: int

    @classmethod
    def of(cls, sources: Sequence[Source], *, slots: int) -> Self:
        """Return the room that blocks of any of these parts fit into; errors as of `BlockReader`."""
        shapes = [{name: shape for name, (shape, _) in block_fields(source).items()} for source in sources]
        return cls(
            slots=slots,
            chunk=max(source.chunk for source in sources),
            time=max(shape["emg"][2] for shape in shapes),
            points=max(shape["measured"][1] for shape in shapes),
            samples=max(shape["angles"][1] for shape in shapes),
            moments=max(shape["moments"][1] for shape in shapes),
        )


class Arena:
    """The strides in use on a device: four tensors whose first dim is slots of `chunk` strides.

    `emg` holds codes and begins with one window of zeros, where windows that are not measured point to; `angles` and
    `torque` end with a stride that is nobody's: where targets lie on samples, the sample after is read too, and not
    used. All is made at once, as large as the room says: only blocks beyond its slots make it grow, which moves the
    tensors; `made` counts that. `channel_starts` is where each channel of a stride begins.
    """

    def __init__(self, device: torch.device, *, room: Room, window: int, memory: Pieces | None = None) -> None:
        self._device, self._chunk, self._window = device, room.chunk, window
        self._memory = Pieces(spare=0) if memory is None else memory
        self._slots: dict[int, int] = {}
        self._free: list[int] = []
        self._count = self.made = 0
        self._changing = Lock()
        self.channel_starts = torch.arange(CHANNELS, device=device) * room.time
        self.time, self.points, self.samples, self.moments = room.time, room.points, room.samples, room.moments
        self._make(room.slots)

    def claim(self, source: Source) -> Claim | None:
        """Return a slot to read a block of a part into, in this machine's memory; None where it must come by `place`.

        Any thread may call it. The shapes must be those of the arena, and slots must be left.
        """
        fields = block_fields(source)
        with self._changing:
            names = dict(zip(fields, self._parts(), strict=True))
            fits = all(names[name].shape[1:] == shape[1:] for name, (shape, _) in fields.items())
            if not fits or source.chunk != self._chunk or len(self._free) <= _LEFT:
                return None
            slot = self._free.pop()
            rows = slice(slot * self._chunk, (slot + 1) * self._chunk)
            arrays = {name: whole[rows].numpy() for name, whole in names.items()}
            return Claim(slot=slot, made=self.made, arrays=arrays)

    def place(self, number: int, shipped: Shipped) -> None:
        """Copy a block into a slot when it has none yet, and write the first stride of that slot into its row."""
        if number not in self._slots:
            slot = self._slots[number] = shipped.slot if shipped.slot >= 0 else self._found()
            if shipped.ready is not None:
                torch.cuda.current_stream(self._device).wait_event(shipped.ready)
            start = slot * self._chunk
            if shipped.slot < 0 or shipped.made != self.made:
                self._copy(shipped, start)
            shipped.tensors = []
            shipped.row[_BASE] = start

    def _found(self) -> int:
        """Return a slot that no block has any more."""
        with self._changing:
            if not self._free:
                self._grow()
            return self._free.pop()

    def _copy(self, shipped: Shipped, start: int) -> None:
        """Copy a block to the strides from ``start`` on."""
        places = [
            whole[start : start + len(tensor)][tuple(slice(size) for size in tensor.shape)]
            for whole, tensor in zip(self._parts(), shipped.tensors, strict=True)
        ]
        for place, tensor in zip(places, shipped.tensors, strict=True):
            place.copy_(tensor)
            if shipped.ready is not None:
                tensor.record_stream(torch.cuda.current_stream(self._device))

    def release(self, over: Callable[[int], bool]) -> None:
        """Free the slots of blocks that are not needed again."""
        for number in [number for number in self._slots if over(number)]:
            self._free.append(self._slots.pop(number))

    def _parts(self) -> list[torch.Tensor]:
        strides = len(self.measured)
        emg = self.emg[self._window :].view(strides, CHANNELS, self.time)
        return [emg, self.measured, self.angles, self.torque]

    def _grow(self) -> None:
        """Double the slots; what is there is kept. Blocks that are being read go on in the memory of before."""
        old = self._parts()
        self._make(2 * self._count)
        for whole, tensor in zip(self._parts(), old, strict=True):
            whole[: len(tensor)].copy_(tensor)

    def _make(self, slots: int) -> None:
        """Make tensors of so many slots; those that are new are free."""
        self._free += range(self._count, slots)
        self._count = slots
        self.made += 1
        strides = slots * self._chunk
        shapes = {
            "emg": ((self._window + strides * CHANNELS * self.time,), np.int16),
            "measured": ((strides, self.points, CHANNELS), np.bool_),
            "angles": ((strides + 1, self.samples, COMPONENTS), np.float32),
            "torque": ((strides + 1, self.moments, COMPONENTS), np.float32),
        }
        if self._device.type == "cuda":
            made = [
                torch.empty(size, dtype=TORCH[np.dtype(kind)], device=self._device) for size, kind in shapes.values()
            ]
        else:
            made = [torch.from_numpy(array) for array in self._memory.take(Layout(shapes)).values()]
        self.emg, self.measured, self.angles, self.torque = made
        self.emg[: self._window] = 0
