"""Blocks of strides in memory with the facts that place their windows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import SchemaError
from biomech_xr.load import kernels
from biomech_xr.load.gather import Block
from biomech_xr.load.sources import Source, read_joined
from biomech_xr.store.encoding import MISSING


def read_block(source: Source, start: int) -> Block:
    """Return the block of strides that begins at a row of the part; dims and units as in `Block`.

    Raises
    ------
    LostDataError
        Stored data are missing or damaged.
    SchemaError
        The part has another number of EMG channels.
    """
    part = source.open()
    stop = min(start + source.chunk, part.size)
    emg = part.read("emg", start, stop)
    if emg.shape[1] != kernels.CHANNELS:
        raise SchemaError.of(part.url, [f"emg has {emg.shape[1]} channels, expected {kernels.CHANNELS}"])
    return Block(
        emg=np.ascontiguousarray(emg, dtype=MISSING.dtype),
        angles=read_joined(source, "kinematics", start, stop),
        moments=read_joined(source, "kinetics", start, stop),
        floats=_floats(source, slice(start, stop)),
        ints=_ints(source, slice(start, stop)),
    )


def _floats(source: Source, rows: slice) -> npt.NDArray[np.float64]:
    """Return the columns of `kernels.FLOATS`, dims (stride, column)."""
    index = source.index
    columns = {
        "numerator": index.numerator[rows],
        "denominator": index.denominator,
        "step": index.step[rows],
        "fraction": index.fraction[rows],
        "horizon": index.horizon[rows],
        "duration": source.duration[rows],
        "next_duration": source.next_duration[rows],
        "delay": index.delay,
    }
    out = np.empty((rows.stop - rows.start, len(kernels.FLOATS)), dtype=np.float64)
    for number, name in enumerate(kernels.FLOATS):
        out[:, number] = columns[name]
    return out


def _ints(source: Source, rows: slice) -> npt.NDArray[np.int64]:
    """Return the columns of `kernels.INTS`, dims (stride + 1, column)."""
    index, strides = source.index, rows.stop - rows.start
    columns = {
        "first": index.first[rows],
        "hop": index.hop,
        "ahead": index.ahead[rows],
        "activity": source.activity[rows],
        "person": source.person[rows],
        "row": np.arange(rows.start, rows.stop) + source.first_row,
        "dataset": source.dataset,
    }
    out = np.zeros((strides + 1, len(kernels.INTS)), dtype=np.int64)
    for number, name in enumerate(kernels.INTS):
        if name in columns:
            out[:strides, number] = columns[name]
    out[1:, kernels.INTS.index("windows_before")] = np.cumsum(index.count[rows])
    return out
