"""Strides on a device: those of the blocks in use lie side by side in a few tensors, each block in a slot.

Legend of shapes: S strides, C EMG channels, T, L and M the most EMG samples, angles and moments of any stride, J joint
components.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import torch

from biomech_xr.load.blocks.block import CHANNELS, COMPONENTS
from biomech_xr.load.blocks.reader import block_fields
from biomech_xr.load.cut.kernels import BLOCK_COLUMNS
from biomech_xr.load.parts.sources import Source

TORCH: Final = {np.dtype(name): getattr(torch, name) for name in ("float32", "float64", "int16", "int64", "bool")}
"""Kinds of values, NumPy's and torch's."""

_BASE: Final = BLOCK_COLUMNS.index("base")


@dataclass(kw_only=True, slots=True, eq=False)
class Shipped:
    """A block on the device until it has a slot: EMG codes (S, C, T), whether windows are measured, angles, torque.

    `row` is the row of the table for `facts`, with the first stride of the slot once there is one; `ready` is None, or
    the event after which the tensors are complete.
    """

    facts: tuple[npt.NDArray[Any], ...]
    row: npt.NDArray[np.int64]
    tensors: list[torch.Tensor] = field(default_factory=list)
    ready: Any = None


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

    def __init__(self, device: torch.device, *, room: Room, window: int) -> None:
        self._device, self._chunk, self._window = device, room.chunk, window
        self._slots: dict[int, int] = {}
        self._free: list[int] = []
        self.made = 0
        self.channel_starts = torch.arange(CHANNELS, device=device) * room.time
        self.time, self.points, self.samples, self.moments = room.time, room.points, room.samples, room.moments
        self._make(room.slots)

    def place(self, number: int, shipped: Shipped) -> None:
        """Copy a block into a slot when it has none yet, and write the first stride of that slot into its row."""
        if number not in self._slots:
            if not self._free:
                self._grow()
            slot = self._slots[number] = self._free.pop()
            if shipped.ready is not None:
                torch.cuda.current_stream(self._device).wait_event(shipped.ready)
            start = slot * self._chunk
            places = [
                whole[start : start + len(tensor)][tuple(slice(size) for size in tensor.shape)]
                for whole, tensor in zip(self._parts(), shipped.tensors, strict=True)
            ]
            for place, tensor in zip(places, shipped.tensors, strict=True):
                place.copy_(tensor)
                if shipped.ready is not None:
                    tensor.record_stream(torch.cuda.current_stream(self._device))
            shipped.tensors = []
            shipped.row[_BASE] = start

    def release(self, over: Callable[[int], bool]) -> None:
        """Free the slots of blocks that are not needed again."""
        for number in [number for number in self._slots if over(number)]:
            self._free.append(self._slots.pop(number))

    def _parts(self) -> list[torch.Tensor]:
        strides = len(self.measured)
        emg = self.emg[self._window :].view(strides, CHANNELS, self.time)
        return [emg, self.measured, self.angles, self.torque]

    def _grow(self) -> None:
        """Double the slots; what is there is kept."""
        old = self._parts()
        self._make(2 * len(self._slots))
        for whole, tensor in zip(self._parts(), old, strict=True):
            whole[: len(tensor)].copy_(tensor)

    def _make(self, slots: int) -> None:
        """Make tensors of so many slots; those that no block has are free."""
        self._free += range(len(self._slots), slots)
        self.made += 1
        strides, room = slots * self._chunk, partial(_room, device=self._device)
        self.emg = room((self._window + strides * CHANNELS * self.time,), dtype=torch.int16)
        self.emg[: self._window] = 0
        self.measured = room((strides, self.points, CHANNELS), dtype=torch.bool)
        self.angles = room((strides + 1, self.samples, COMPONENTS))
        self.torque = room((strides + 1, self.moments, COMPONENTS))


def _room(shape: tuple[int, ...], *, device: torch.device, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Return a tensor of undefined content; in this machine's memory numpy's, which asks for large pages."""
    if device.type == "cuda":
        return torch.empty(shape, dtype=dtype, device=device)
    kind = next(name for name, known in TORCH.items() if known == dtype)
    return torch.from_numpy(np.empty(shape, dtype=kind))
