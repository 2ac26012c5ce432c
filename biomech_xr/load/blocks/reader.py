"""Blocks of strides in memory with the facts that place their windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import SchemaError
from biomech_xr.load.blocks.block import CHANNELS, FLOATS, INTS, Block
from biomech_xr.load.blocks.buffers import Layout, Pieces
from biomech_xr.load.blocks.joined import joined_shape, read_joined
from biomech_xr.load.blocks.measured import find_measured
from biomech_xr.load.parts.sources import Source
from biomech_xr.store.encoding import MISSING

_SPARE: Final = 4
_LARGE: Final = 2**22


class BlockReader:
    """Reads blocks into memory that goes round: it is used again, for any part, once nobody holds a block.

    Parameters
    ----------
    window
        EMG samples of a window.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._memory: Final = Pieces(spare=_SPARE, least=_LARGE)

    def read(self, source: Source, start: int, *, out: Mapping[str, npt.NDArray[Any]] | None = None) -> Block:
        """Return the block of strides that begins at a row of the part; dims and units as in `Block`.

        Any number of threads may call it.

        Parameters
        ----------
        source, start
            The part and the row.
        out
            Where a whole block of the part goes, as of `block_fields`; memory of this reader when left out.

        Raises
        ------
        LostDataError
            Stored data are missing or damaged.
        SchemaError
            The part has another number of EMG channels.
        """
        part = source.open()
        stop = min(start + source.chunk, part.size)
        whole = self._memory.take(Layout(block_fields(source))) if out is None else out
        arrays = {name: values[: stop - start] for name, values in whole.items()}
        part.read("emg", start, stop, out=arrays["emg"])
        read_joined(source, "kinematics", start, stop, arrays["angles"])
        read_joined(source, "kinetics", start, stop, arrays["moments"])
        floats = _floats(source, slice(start, stop))
        find_measured(arrays["emg"], floats, window=self._window, out=arrays["measured"])
        return Block(**arrays, floats=floats, ints=_ints(source, slice(start, stop)))


def block_fields(source: Source) -> dict[str, tuple[tuple[int, ...], Any]]:
    """Return shape and dtype of the signals of a whole block of a part: all of `Block` but `floats` and `ints`.

    Raises
    ------
    SchemaError
        The part has another number of EMG channels.
    """
    part = source.open()
    _, channels, time = part.variables["emg"][1]
    if channels != CHANNELS:
        raise SchemaError.of(part.url, [f"emg has {channels} channels, expected {CHANNELS}"])
    return {
        "emg": ((source.chunk, channels, time), MISSING.dtype),
        "measured": ((source.chunk, source.grid.points, channels), np.bool_),
        "angles": ((source.chunk, *joined_shape(source, "kinematics")), np.float32),
        "moments": ((source.chunk, *joined_shape(source, "kinetics")), np.float32),
    }


def block_size(source: Source) -> int:
    """Return the bytes of the signals of a whole block of a part; errors as of `block_fields`."""
    return Layout(block_fields(source)).size


def _floats(source: Source, rows: slice) -> npt.NDArray[np.float64]:
    """Return the columns of `FLOATS`, dims (stride, column)."""
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
    out = np.empty((rows.stop - rows.start, len(FLOATS)), dtype=np.float64)
    for number, name in enumerate(FLOATS):
        out[:, number] = columns[name]
    return out


def _ints(source: Source, rows: slice) -> npt.NDArray[np.int64]:
    """Return the columns of `INTS`, dims (stride + 1, column)."""
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
    out = np.zeros((strides + 1, len(INTS)), dtype=np.int64)
    for number, name in enumerate(INTS):
        if name in columns:
            out[:strides, number] = columns[name]
    out[1:, INTS.index("windows_before")] = np.cumsum(index.count[rows])
    return out
