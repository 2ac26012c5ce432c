"""What a batch of windows holds, and how it is cut out of blocks of strides.

Legend of shapes: S strides of a block, C EMG channels, T stored EMG samples, J joint components (joint, motion),
L = before + P + after kinematic samples, M = P + after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from biomech_xr.load import kernels
from biomech_xr.load.kernels import CHANNELS, COMPONENTS, STATE

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]
Emg = Literal["float32", "int16"]
Fields = dict[str, tuple[tuple[int, ...], Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Neighboring strides as stored, with what places their windows in time.

    `emg` int16 (S, C, T); `angles` float32 (S, J, L) in degree and `moments` float32 (S, J, M) in N m kg-1, the
    samples before, in and after the stride joined without a gap; `floats` (S, ...) and `ints` (S + 1, ...) have the
    columns of `kernels.FLOATS` and `kernels.INTS`, the last row of `ints` the number of windows.
    """

    emg: npt.NDArray[np.int16]
    angles: npt.NDArray[np.float32]
    moments: npt.NDArray[np.float32]
    floats: npt.NDArray[np.float64]
    ints: Ints


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """A block ready to cut, joints side by side: angles (S, L, J), torque (S, M, J); `row` is its row of the table."""

    block: Block
    angles: npt.NDArray[np.float32]
    torque: npt.NDArray[np.float32]
    row: Ints


def facts_row(block: Block, *, base: int = 0) -> Ints:
    """Return a block's row of the table with its facts alone, whose strides count from ``base``."""
    row = np.zeros(len(kernels.BLOCK_COLUMNS), dtype=np.int64)
    row[3:5] = block.floats.ctypes.data, block.ints.ctypes.data
    row[5:] = block.emg.shape[2], block.angles.shape[2], block.moments.shape[2], base
    return row


def make_ready(block: Block) -> Ready:
    """Return a block with the joints of each sample side by side."""
    angles, torque = (np.ascontiguousarray(values.transpose(0, 2, 1)) for values in (block.angles, block.moments))
    row = facts_row(block)
    row[:3] = block.emg.ctypes.data, angles.ctypes.data, torque.ctypes.data
    return Ready(block=block, angles=angles, torque=torque, row=row)


def find_measured(block: Block, *, window: int, points: int) -> npt.NDArray[np.bool_]:
    """Return whether every EMG sample of the window at each kinematic sample is measured: (S, points, C)."""
    out = np.empty((len(block.emg), points, CHANNELS), dtype=np.bool_)
    kernels.find_measured(block.emg.reshape(-1), block.emg.shape[2], block.floats, window, points, out.reshape(-1))
    return out


def signal_fields(batch: int, window: int, emg: Emg = "float32") -> Fields:
    """Return shape and dtype of the arrays of a batch that are cut out of signals."""
    return {
        "emg": ((batch, CHANNELS, window), np.dtype(emg)),
        "emg_mask": ((batch, CHANNELS), np.bool_),
        "kinematic_state": ((batch, STATE), np.float32),
        "kinematic_state_mask": ((batch, STATE), np.bool_),
        "target_kinematic_state": ((batch, STATE), np.float32),
        "target_kinematic_state_mask": ((batch, STATE), np.bool_),
        "target_torque": ((batch, COMPONENTS), np.float32),
        "target_torque_mask": ((batch, COMPONENTS), np.bool_),
    }


def fact_fields(batch: int) -> Fields:
    """Return shape and dtype of the arrays of a batch that follow from labels."""
    return {
        "phase": ((batch,), np.float32),
        "target_phase": ((batch, 2), np.float32),
        "target_phase_mask": ((batch,), np.bool_),
        "horizon": ((batch,), np.float32),
        "state_age": ((batch,), np.float32),
        "spacing": ((batch,), np.float32),
        "weight": ((batch,), np.float32),
        "dataset": ((batch,), np.int64),
        "activity": ((batch,), np.int64),
        "person": ((batch,), np.int64),
        "stride": ((batch,), np.int64),
        "sample": ((batch,), np.int64),
    }


def fields(batch: int, window: int, emg: Emg = "float32") -> Fields:
    """Return shape and dtype of every array of a batch."""
    return signal_fields(batch, window, emg) | fact_fields(batch)


def fill_facts(batch: Mapping[str, Array], table: Ints, block: Ints, offset: Ints, place: Ints, exact: Array) -> None:
    """Write the arrays of `fact_fields` but the weight, and where each window lies.

    Parameters
    ----------
    batch
        Arrays to write, C-contiguous.
    table
        One row a block, as of `facts_row`; the blocks must be kept until this returns.
    block, offset
        Row of the table, and number of the window in that block.
    place, exact
        Written: the columns of `kernels.PLACE` (N, 4), and float64 those of `kernels.EXACT` (N, 2).
    """
    kernels.fill_places(
        table, block, offset, place, exact,
        batch["phase"], batch["target_phase"], batch["target_phase_mask"], batch["horizon"], batch["state_age"],
        batch["spacing"], batch["dataset"], batch["activity"], batch["person"], batch["stride"], batch["sample"],
    )  # fmt: skip


def fill(batch: Mapping[str, Array], blocks: Sequence[Ready], block: Ints, offset: Ints) -> None:
    """Write a whole batch but its weight.

    EMG is in units of `emg_scale`, or in steps of `store.encoding.SCALE` where it is int16; angles in degree, moments
    in N m kg-1, time in s. A channel with one missing sample in its window is zero with mask false; of kinematics and
    moments exactly the samples used must be finite.

    Parameters
    ----------
    batch
        Arrays as in `fields`, C-contiguous.
    blocks
        The strides.
    block, offset
        Place in ``blocks``, and number of the window in that block.
    """
    table = np.stack([ready.row for ready in blocks])
    place = np.empty((len(block), len(kernels.PLACE)), dtype=np.int64)
    exact = np.empty((len(block), len(kernels.EXACT)), dtype=np.float64)
    fill_facts(batch, table, block, offset, place, exact)
    emg = batch["emg"]
    codes = emg.dtype == np.int16
    kernels.fill_emg(table, block, place, emg.shape[2], codes, emg.reshape(-1), batch["emg_mask"].reshape(-1))
    names = ("kinematic_state", "target_kinematic_state", "target_torque")
    outputs = [batch[name + mask].reshape(-1) for name in names for mask in ("", "_mask")]
    kernels.fill_joints(table, block, place, exact, *outputs)
