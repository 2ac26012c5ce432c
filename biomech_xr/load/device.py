"""Batches cut on a device: strides are shipped to it once, their windows never.

The strides of the blocks in use lie side by side in a few tensors on the device (the arena), each block in a slot. A
window is then a row of a view of those tensors in which every sample starts a row, so one `index_select` cuts a whole
batch. EMG stays in codes until it is cut. What follows from labels alone is made here, in pinned memory, and sent in
one piece.

Legend of shapes: N windows, C EMG channels, W EMG samples of a window, J joint components, S strides of the arena,
T, L and M the most EMG samples, angles and moments of any stride.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import torch

from biomech_xr.load import gather, kernels
from biomech_xr.load.blocks import BlockReader, block_fields
from biomech_xr.load.buffers import Buffers, Layout
from biomech_xr.load.host import Batch, local_numbers
from biomech_xr.load.kernels import CHANNELS, COMPONENTS
from biomech_xr.load.sources import Source
from biomech_xr.schema import BEFORE
from biomech_xr.store.encoding import SCALE
from biomech_xr.window.order import Share

_PIECE: Final = 32_000  # samples scaled at a time: they stay in the processor's cache, and torch starts no threads
_TORCH: Final = {np.dtype(name): getattr(torch, name) for name in ("float32", "float64", "int16", "int64", "bool")}


@dataclass(kw_only=True, slots=True)
class Shipped:
    """A block on the device until it has a slot: EMG codes (S, C, T), whether windows are measured, angles, torque.

    `row` is the row of the table for `facts`; `ready` is None, or the event after which the tensors are complete.
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
    used. All is made at once, as large as the room says: only blocks beyond its slots make it grow.
    """

    def __init__(self, device: torch.device, *, room: Room, window: int) -> None:
        self._device, self._chunk, self._window = device, room.chunk, window
        self._slots: dict[int, int] = {}
        self._free: list[int] = []
        self.time, self.points, self.samples, self.moments = room.time, room.points, room.samples, room.moments
        self._make(room.slots)

    def place(self, number: int, shipped: Shipped) -> int:
        """Return the first stride of a block's slot; the block is copied there when it has none yet."""
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
        return self._slots[number] * self._chunk

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
    kind = next(name for name, known in _TORCH.items() if known == dtype)
    return torch.from_numpy(np.empty(shape, dtype=kind))


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
    """

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
    ) -> None:
        self._device, self._window, self._emg, self._between, self._over = device, window, emg, between, over
        self._cuda = device.type == "cuda"
        self._reader: Final = BlockReader(window)
        facts = gather.fact_fields(batch)
        facts |= {"place": ((batch, len(kernels.PLACE)), np.int64), "exact": ((batch, 2), np.float64)}
        self._facts: Final = Layout(facts)
        self._signals: Final = gather.signal_fields(batch, window, emg)
        self._buffers: Final = Buffers(facts | self._signals)
        self._arena: Final = Arena(device, room=room, window=window)
        self._stream: Final = torch.cuda.Stream(device) if self._cuda else None  # type: ignore[no-untyped-call]
        self._channel: Final = torch.arange(CHANNELS, device=device)

    def read(self, source: Source, start: int) -> Shipped:
        """Return a block that is on its way to the device; called in a reading thread, errors as of `BlockReader`."""
        block = self._reader.read(source, start)
        shipped = Shipped(facts=(block.floats, block.ints), row=gather.facts_row(block))
        with self._shipping():
            shipped.tensors = [*map(self._sent, (block.emg, block.measured, block.angles, block.moments))]
            if self._stream is not None:
                shipped.ready = self._stream.record_event()
        return shipped

    def _shipping(self) -> contextlib.AbstractContextManager[Any]:
        return torch.cuda.stream(self._stream) if self._cuda else contextlib.nullcontext()

    def _sent(self, values: npt.NDArray[Any]) -> torch.Tensor:
        tensor = torch.from_numpy(values)
        return tensor.pin_memory().to(self._device, non_blocking=True) if self._cuda else tensor

    def place(self, share: Share, blocks: Mapping[int, Shipped]) -> npt.NDArray[np.int64]:
        """Put the blocks of a share into the arena and return their table."""
        self._arena.release(lambda number: self._over(number, share.pool))
        table = np.stack([shipped.row for shipped in blocks.values()])
        bases = [self._arena.place(number, shipped) for number, shipped in blocks.items()]
        table[:, kernels.BLOCK_COLUMNS.index("base")] = bases
        return table

    def batch(self, share: Share, blocks: Mapping[int, Shipped]) -> Batch:
        """Return the windows of a share, on the device."""
        table = self.place(share, blocks)
        arrays, on_device = self._memory()
        arrays["weight"][:] = share.weight
        local = local_numbers(share, blocks)
        facts = gather.Cut(arrays, table, local, share.offset, place=arrays["place"], exact=arrays["exact"])
        facts.facts(0, len(local))
        batch = on_device()
        stride, end, sample, ahead = batch.pop("place").unbind(1)
        exact = batch.pop("exact")
        self._cut_emg(batch, stride, end, sample)
        self._cut_joints(batch, stride, sample, ahead, exact)
        return batch

    def _memory(self) -> tuple[dict[str, npt.NDArray[Any]], Callable[[], Batch]]:
        """Return arrays to fill with facts, and what then gives all tensors of a batch on the device."""
        if not self._cuda:
            arrays = self._buffers.take()
            return arrays, lambda: {name: torch.from_numpy(array) for name, array in arrays.items()}
        here = torch.empty(self._facts.size, dtype=torch.uint8, pin_memory=True)
        return self._facts.views(here.numpy()), lambda: self._sent_facts(here) | self._outputs()

    def _sent_facts(self, here: torch.Tensor) -> Batch:
        """Send the facts of a batch to the device in one piece."""
        there = here.to(self._device, non_blocking=True)
        return {
            name: there[start:end].view(_TORCH[dtype]).view(shape)
            for name, (start, end, shape, dtype) in self._facts.places.items()
        }

    def _outputs(self) -> Batch:
        """Return tensors for what is cut; on the device torch itself uses memory again."""
        return {
            name: torch.empty(shape, dtype=_TORCH[np.dtype(kind)], device=self._device)
            for name, (shape, kind) in self._signals.items()
        }

    def _cut_emg(self, batch: Batch, stride: torch.Tensor, end: torch.Tensor, sample: torch.Tensor) -> None:
        arena, window = self._arena, self._window
        here = stride * arena.points + sample
        measured = torch.index_select(arena.measured.view(-1, CHANNELS), 0, here, out=batch["emg_mask"])
        first = (stride * (CHANNELS * arena.time) + end + 1)[:, None]  # of the window, behind the window of zeros
        start = torch.where(measured, first + self._channel * arena.time, 0)
        every = arena.emg.as_strided((arena.emg.numel() - window + 1, window), (1, 1))
        start, out = start.view(-1), batch["emg"].view(-1, window)
        if out.dtype == torch.int16:
            torch.index_select(every, 0, start, out=out)
            return
        piece = len(start) if self._cuda else max(1, _PIECE // window)
        for rows, values in zip(torch.split(start, piece), torch.split(out, piece), strict=True):
            values.copy_(every.index_select(0, rows)).mul_(float(SCALE))  # faster here than one `mul` of codes

    def _cut_joints(
        self, batch: Batch, stride: torch.Tensor, sample: torch.Tensor, ahead: torch.Tensor, exact: torch.Tensor
    ) -> None:
        arena, part, rate = self._arena, exact[:, :1], 1.0 / exact[:, 1:]
        here = stride * arena.samples + BEFORE + sample
        _keep(batch, "kinematic_state", _states(_rows(arena.angles, here - 2, 3), rate))
        later = _rows(arena.angles, here + ahead - 2, 4 if self._between else 3)
        state = _states(later[:, :3], rate)
        torque = _rows(arena.torque, stride * arena.moments + sample + ahead, 2 if self._between else 1)
        at = torque[:, 0]
        if self._between:
            exactly = part == 0.0
            state = torch.where(exactly, state, torch.lerp(state, _states(later[:, 1:], rate), part))
            at = torch.where(exactly, at, torch.lerp(at, torque[:, 1], part))
        _keep(batch, "target_kinematic_state", state)
        _keep(batch, "target_torque", at)


def _rows(values: torch.Tensor, start: torch.Tensor, count: int) -> torch.Tensor:
    """Return so many successive rows of J values from each start on: (N, count, J) in float64."""
    flat, size = values.view(-1), count * COMPONENTS
    every = flat.as_strided(((flat.numel() - size) // COMPONENTS + 1, size), (COMPONENTS, 1))
    return every.index_select(0, start).view(-1, count, COMPONENTS).to(torch.float64)


def _states(angles: torch.Tensor, rate: torch.Tensor) -> torch.Tensor:
    """Return angles, velocities and accelerations (N, 3 J) of three successive rows (N, 3, J); rate in Hz."""
    older, back, now = angles.unbind(1)
    return torch.cat([now, (now - back) * rate, (now - 2 * back + older) * (rate * rate)], dim=1)


def _keep(batch: Batch, name: str, values: torch.Tensor) -> None:
    """Write float64 values as they are kept: float32, and 0 with mask false where they are not finite."""
    good = torch.isfinite(values)
    batch[f"{name}_mask"].copy_(good)
    batch[name].copy_(torch.where(good, values, 0.0))
