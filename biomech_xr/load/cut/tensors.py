"""Windows cut out of an arena by tensor operations, whole batches at a time.

A window is a row of a view of the arena in which every sample starts a row, so one `index_select` cuts a batch. EMG
stays in codes until it is cut.

Legend of shapes: N windows, C EMG channels, W EMG samples of a window, J joint components.
"""

from __future__ import annotations

from typing import Final

import torch

from biomech_xr.load.blocks.block import CHANNELS, COMPONENTS
from biomech_xr.load.cut.arena import Arena
from biomech_xr.load.cut.host import Batch
from biomech_xr.schema import BEFORE
from biomech_xr.store.encoding import SCALE

_PIECE: Final = 32_000  # samples scaled at a time: they stay in the processor's cache, and torch starts no threads


def cut(arena: Arena, batch: Batch, *, between: bool) -> None:
    """Write the signals of a batch, whose other fields say where they lie; nothing waits for the device.

    Parameters
    ----------
    arena
        The strides.
    batch
        `gather.fields` on the device of the arena, and `place` (N, 4) and `exact` (N, 2) as of `gather.Cut`.
    between
        Whether a target may lie between two samples of the grid.
    """
    stride, end, sample, ahead = batch["place"].unbind(1)
    _cut_emg(arena, batch, stride, end, sample)
    part, rate = batch["exact"][:, :1], 1.0 / batch["exact"][:, 1:]
    here = stride * arena.samples + BEFORE + sample
    _keep(batch, "kinematic_state", _states(_rows(arena.angles, here - 2, 3), rate))
    later = _rows(arena.angles, here + ahead - 2, 4 if between else 3)
    state = _states(later[:, :3], rate)
    torque = _rows(arena.torque, stride * arena.moments + sample + ahead, 2 if between else 1)
    at = torque[:, 0]
    if between:
        exactly = part == 0.0
        state = torch.where(exactly, state, torch.lerp(state, _states(later[:, 1:], rate), part))
        at = torch.where(exactly, at, torch.lerp(at, torque[:, 1], part))
    _keep(batch, "target_kinematic_state", state)
    _keep(batch, "target_torque", at)


def _cut_emg(arena: Arena, batch: Batch, stride: torch.Tensor, end: torch.Tensor, sample: torch.Tensor) -> None:
    window = batch["emg"].shape[2]
    here = stride * arena.points + sample
    measured = torch.index_select(arena.measured.view(-1, CHANNELS), 0, here, out=batch["emg_mask"])
    first = (stride * (CHANNELS * arena.time) + end + 1)[:, None]  # of the window, behind the window of zeros
    start = torch.where(measured, first + arena.channel_starts, 0)
    every = arena.emg.as_strided((arena.emg.numel() - window + 1, window), (1, 1))
    start, out = start.view(-1), batch["emg"].view(-1, window)
    if out.dtype == torch.int16:
        torch.index_select(every, 0, start, out=out)
        return
    piece = len(start) if start.is_cuda else max(1, _PIECE // window)
    for rows, values in zip(torch.split(start, piece), torch.split(out, piece), strict=True):
        values.copy_(every.index_select(0, rows)).mul_(float(SCALE))  # faster here than one `mul` of codes


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
