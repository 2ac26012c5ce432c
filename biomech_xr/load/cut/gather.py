"""What a batch of windows holds, and how it is cut out of blocks of strides.

Legend of shapes: S strides of a block, C EMG channels, T stored EMG samples, J joint components (joint, motion),
P samples of the kinematic grid, L = before + P + after, M = P + after.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from biomech_xr.load.blocks.block import CHANNELS, COMPONENTS, STATE, Block
from biomech_xr.load.cut import kernels
from biomech_xr.load.cut.kernels import BLOCK_COLUMNS

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]
Emg = Literal["float32", "int16"]
Fields = dict[str, tuple[tuple[int, ...], Any]]

_JOINTS: Final = ("kinematic_state", "target_kinematic_state", "target_torque")
_FACTS: Final = (
    "phase", "target_phase", "target_phase_mask", "horizon", "state_age", "spacing",
    "dataset", "activity", "person", "stride", "sample",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Ready:
    """A block ready to cut: `row` is its row of the table."""

    block: Block
    row: Ints


def facts_row(block: Block, **columns: int) -> Ints:
    """Return a block's row of the table: what all cutters need of `kernels.BLOCK_COLUMNS`, and further columns."""
    columns |= {"floats": block.floats.ctypes.data, "ints": block.ints.ctypes.data, "time": block.emg.shape[2]}
    columns |= {"points": block.measured.shape[1], "samples": block.angles.shape[1], "moments": block.moments.shape[1]}
    columns |= {"strides": len(block.floats)}
    return np.array([columns.get(name, 0) for name in BLOCK_COLUMNS], dtype=np.int64)


def make_ready(block: Block) -> Ready:
    """Return a block ready to cut."""
    addresses = {"emg": block.emg, "measured": block.measured, "angles": block.angles, "torque": block.moments}
    return Ready(block=block, row=facts_row(block, **{n: values.ctypes.data for n, values in addresses.items()}))


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


class Cut:
    """Windows to be cut.

    EMG is in units of `emg_scale`, or in steps of `store.encoding.SCALE` where it is int16; angles in degree, moments
    in N m kg-1, time in s. A channel with one missing sample in its window is zero with mask false; of kinematics and
    moments exactly the samples used must be finite.

    Parameters
    ----------
    arrays
        What is written, C-contiguous: those of `fact_fields`, for `windows` those of `signal_fields` too. The weight
        is not written.
    table
        One row a block, as of `facts_row`; the blocks must be kept until all is cut.
    block, offset
        Row of the table, and number of the window in that block.
    place, exact
        Written: the columns of `kernels.PLACE` (N, 4) and, in float64, those of `kernels.EXACT` (N, 2); by default
        nobody wants to see them.
    """

    def __init__(
        self,
        arrays: Mapping[str, Array],
        table: Ints,
        block: Ints,
        offset: Ints,
        *,
        place: Ints | None = None,
        exact: Array | None = None,
    ) -> None:
        self._arrays, self._table, self._block, self._offset = arrays, table, block, offset
        self._place = np.empty((len(block), len(kernels.PLACE)), dtype=np.int64) if place is None else place
        self._exact = np.empty((len(block), len(kernels.EXACT)), dtype=np.float64) if exact is None else exact

    def facts(self) -> None:
        """Write what follows from labels, and where each window lies."""
        found = [self._arrays[name] for name in _FACTS]
        kernels.fill_places(self._table, self._block, self._offset, self._place, self._exact, *found)

    def windows(self) -> None:
        """Write all."""
        self.facts()
        where = self._table, self._block, self._place
        turn = kernels.find_turns(*where)
        emg, measured = (self._arrays[name].reshape(-1) for name in ("emg", "emg_mask"))
        kernels.fill_emg(*where, turn, self._arrays["emg"].shape[2], emg, measured)
        joints = [self._arrays[name + mask].reshape(-1) for name in _JOINTS for mask in ("", "_mask")]
        kernels.fill_joints(*where, self._exact, turn, *joints)
