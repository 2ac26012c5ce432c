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
from biomech_xr.process.trials.emg import history_length
from biomech_xr.process.trials.reasons import without_reference
from biomech_xr.schema import HISTORY, LABELS

Index = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """Strides ``start`` to ``stop`` of a plan, EMG in the source's unit, not yet divided by its reference.

    `emg` holds the first ``ends[i]`` samples of each stride i, end to end, for the rows `channels` of the product;
    `values` holds the other variables as they are, those without any value left out.
    """

    start: int
    stop: int
    channels: Index
    ends: Index
    emg: Array32
    values: Mapping[str, npt.NDArray[Any]]

    def __sizeof__(self) -> int:
        return int(self.emg.nbytes + self.ends.nbytes + sum(array.nbytes for array in self.values.values()))


def pack(block: Mapping[str, npt.NDArray[Any]], rows: slice, ends: Index, *, start: int) -> Packed:
    """Return some strides of a block of `process_trial`, packed.

    Parameters
    ----------
    block
        Variables by name, first dim stride; ``peaks`` is left out.
    rows
        The strides to take.
    ends
        Samples of each of these strides up to its end, history included, (n,); what comes after is NaN in ``emg``.
    start
        Place of the first of them in the plan.
    """
    emg = block["emg"][rows]
    channels = np.flatnonzero(_measured(emg))
    stops = np.cumsum(ends)
    flat = np.empty((channels.size, int(stops[-1])), dtype=np.float32)
    for stride, stop, size in zip(emg, stops, ends, strict=True):
        flat[:, stop - size : stop] = stride[channels, :size]
    values = {}
    for name, array in block.items():
        if name in ("emg", "peaks"):
            continue
        part = np.ascontiguousarray(array[rows])
        if part.dtype.kind != "f" or np.isfinite(part).any():
            values[name] = part.copy() if np.shares_memory(part, array) else part
    return Packed(start=start, stop=start + len(emg), channels=channels, ends=ends, emg=flat, values=values)


def _measured(emg: Array32) -> npt.NDArray[np.bool_]:
    """Return whether a channel has any value; the contacts tell it of most without a look at the rest."""
    found = np.asarray(np.isfinite(emg[..., HISTORY]).any(axis=0))
    for channel in np.flatnonzero(~found):
        found[channel] = np.isfinite(emg[:, channel]).any()
    return found


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
    block = {name: _empty(name, (stop - first, *tail)) for name, tail in tails.items()}
    for packed, scale in pieces:
        rows = slice(packed.start - first, packed.stop - first)
        _divide(packed, scale, block["emg"][rows])
        usable = np.isfinite(scale)
        for name, array in packed.values.items():
            block[name][rows] = array
        block["emg_scale"][rows] = scale
        block["emg_mask"][rows] &= usable
        block["emg_reason"][rows] = without_reference(block["emg_reason"][rows], scale)
        block["emg_coverage"][rows] = np.where(usable, block["emg_coverage"][rows], np.float32(0))
    block["emg_history"] = history_length(block["emg"], block["emg_mask"])
    return block


def _divide(packed: Packed, scale: Array32, emg: Array32) -> None:
    begin = 0
    for stride, size, reference in zip(emg, packed.ends, scale[:, packed.channels], strict=True):
        stride[packed.channels, :size] = packed.emg[:, begin : begin + size] / reference[:, None]
        begin += size


def _empty(name: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    kind = dtype_of(name)
    return np.full(shape, np.nan, dtype=kind) if kind == "float32" else np.zeros(shape, dtype=kind)


def dtype_of(name: str) -> str:
    """Return the dtype of a variable of a shard as it is processed."""
    if name in LABELS:
        return {"bool": "bool", "int": "int64"}[LABELS[name]]
    return "bool" if name.endswith("_mask") else "float32"
