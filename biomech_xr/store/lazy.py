"""Stored arrays as Dask sees them: opened in the process that reads, sliced by rows, never read while being built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import dask.array as da
import numpy as np
import numpy.typing as npt


class Source(Protocol):
    """What `lazy_array` wraps."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole array."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""

    def __getitem__(self, key: Any) -> npt.NDArray[Any]: ...


def take(read: Callable[[int, int], npt.NDArray[Any]], rows: int, key: Any) -> npt.NDArray[Any]:
    """Return ``array[key]`` for basic indexing, where ``read(start, stop)`` returns rows of the array."""
    index = key if isinstance(key, tuple) else (key,)
    first = index[0] if index else slice(None)
    if not isinstance(first, slice):
        return np.asarray(read(int(first), int(first) + 1)[0][tuple(index[1:])])
    start, stop, step = first.indices(rows)
    if step <= 0:
        return np.asarray(read(0, rows)[index])
    return np.asarray(read(start, max(start, stop))[(slice(None, None, step), *index[1:])])


def lazy_array(source: Source, *, rows: int, name: str) -> da.Array:
    """Return a Dask array over a source, ``rows`` rows a chunk; nothing is read and nothing is hashed."""
    shape = source.shape
    return da.from_array(
        source,
        chunks=(rows, *shape[1:]),
        name=name,
        lock=False,
        asarray=True,
        fancy=False,
        meta=np.empty((0,) * len(shape), dtype=source.dtype),
    )
