"""Processed strides between the task that filtered them and the task that writes them, without their empty parts.

A block of strides is mostly NaN: channels that the source lacks, samples after the stride's end, moments that were not
measured. Workers hold and send blocks without these, so that all strides of one person fit until the person's amplitude
reference is known. Nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from biomech_xr.process.engine.kernels import Array32
from biomech_xr.process.trials.cutting import unpack
from biomech_xr.process.trials.emg import least_history
from biomech_xr.process.trials.reasons import without_reference
from biomech_xr.process.trials.trial import TrialStrides
from biomech_xr.schema import LABELS

Index = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """Strides ``start`` to ``stop`` of a plan, EMG in the source's unit, not yet divided by its reference.

    `emg` holds the first ``ends[i]`` samples of each stride i, end to end, for the rows `channels` of the product;
    `past` are the samples of each channel before contact, (n, channel); `values` holds the other variables as they are,
    those without any value left out.
    """

    start: int
    stop: int
    channels: Index
    ends: Index
    emg: Array32
    past: npt.NDArray[np.int16]
    values: Mapping[str, npt.NDArray[Any]]

    def __sizeof__(self) -> int:
        held = self.emg.nbytes + self.ends.nbytes + self.past.nbytes
        return int(held + sum(array.nbytes for array in self.values.values()))


def pack(strides: TrialStrides, rows: slice, *, start: int) -> Packed:
    """Return some strides of a trial, packed.

    Parameters
    ----------
    strides
        What `process_strides` returned.
    rows
        The strides to take.
    start
        Place of the first of them in the plan.
    """
    ends = strides.ends[rows]
    begin = int(strides.ends[: rows.start].sum())
    emg = strides.flat[:, begin : begin + int(ends.sum())]
    some = np.isfinite(emg).any(axis=1)
    values = {}
    for name, array in strides.values.items():
        part = array[rows]
        if part.dtype.kind != "f" or np.isfinite(part).any():
            values[name] = part if len(part) == len(array) else part.copy()
    return Packed(
        start=start,
        stop=start + ends.size,
        channels=strides.channels[some],
        ends=ends,
        emg=np.ascontiguousarray(emg if some.all() else emg[some]),
        past=strides.past[rows].astype(np.int16),
        values=values,
    )


def assemble(
    pieces: Sequence[tuple[Packed, Array32]], tails: Mapping[str, tuple[int, ...]], *, first: int, stop: int
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a shard: strides ``first`` to ``stop`` of a plan, EMG divided by its reference.

    Parameters
    ----------
    pieces
        Packed strides that cover the shard, each with the amplitude references of its own strides, (n, channel).
    tails
        Name of each variable -> its shape without the strides.
    """
    block = {name: _empty(name, (stop - first, *tail)) for name, tail in tails.items() if name != "emg"}
    block["emg"] = np.empty((stop - first, *tails["emg"]), dtype=np.float32)
    for packed, scale in pieces:
        rows = slice(packed.start - first, packed.stop - first)
        unpack(packed.emg, packed.ends, packed.channels, scale[:, packed.channels], block["emg"][rows])
        usable = np.isfinite(scale)
        for name, array in packed.values.items():
            block[name][rows] = array
        block["emg_scale"][rows] = scale
        block["emg_mask"][rows] &= usable
        block["emg_reason"][rows] = without_reference(block["emg_reason"][rows], scale)
        block["emg_coverage"][rows] = np.where(usable, block["emg_coverage"][rows], np.float32(0))
        block["emg_history"][rows] = least_history(packed.past, block["emg_mask"][rows])
    return block


def _empty(name: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    kind = dtype_of(name)
    return np.full(shape, np.nan, dtype=kind) if kind == "float32" else np.zeros(shape, dtype=kind)


def dtype_of(name: str) -> str:
    """Return the dtype of a variable of a shard as it is processed."""
    if name in LABELS:
        return {"bool": "bool", "int": "int64"}[LABELS[name]]
    return "bool" if name.endswith("_mask") else "float32"
