"""Memory of batches and of blocks, used again as soon as nobody holds them.

Fresh memory costs as much as filling it. The memory of batches that were cut together returns here when their last
tensor (or a view of one) is gone, so a consumer that drops each batch makes three pieces go round, and one that keeps
batches keeps them.
A few pieces wait to be used again, of any size; more of them go back to the system.
"""

from __future__ import annotations

import math
import weakref
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_ALIGNMENT: Final = 64
_SPARE: Final = 4


class Layout:
    """Where arrays of given shapes and dtypes lie in one piece of memory of `size` bytes."""

    def __init__(self, fields: Mapping[str, tuple[tuple[int, ...], Any]]) -> None:
        self.places: dict[str, tuple[int, int, tuple[int, ...], np.dtype[Any]]] = {}
        end = 0
        for name, (shape, kind) in fields.items():
            dtype = np.dtype(kind)
            start = -(-end // _ALIGNMENT) * _ALIGNMENT
            end = start + math.prod(shape) * dtype.itemsize
            self.places[name] = (start, end, shape, dtype)
        self.size = end

    def views(self, memory: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays in some memory."""
        return {
            name: np.ndarray(shape, dtype, memory, start)  # faster than a slice that is viewed and reshaped
            for name, (start, _, shape, dtype) in self.places.items()
        }


class Pieces:
    """Memory that goes round, given out for any layout; any number of threads may take it.

    Parameters
    ----------
    spare
        The most pieces that wait to be used again: memory is bounded by what is in use and these.
    least
        Bytes that a piece has at least. From 4 MiB on the system can give large pages, which are found faster.
    """

    def __init__(self, *, spare: int = _SPARE, least: int = 0) -> None:
        self._least = least
        self._free: deque[npt.NDArray[np.uint8]] = deque(maxlen=spare)

    def take(self, layout: Layout) -> dict[str, npt.NDArray[Any]]:
        """Return arrays of a layout to fill, their content undefined."""
        memory = self._find(layout.size)
        # The memoryview between them keeps numpy from linking the fields to `memory` itself, so that `token` dies
        # with the last field; only then is the memory free again.
        token = np.frombuffer(memory.data, dtype=np.uint8)
        weakref.finalize(token, self._free.append, memory).atexit = False
        return layout.views(token)

    def _find(self, size: int) -> npt.NDArray[np.uint8]:
        """Return a piece that waits and is large enough, the last one used first, or else a new one.

        No lock: the end of an array, which gives its piece back, may come at any time in any thread.
        """
        small = []
        try:
            while len(memory := self._free.pop()) < size:  # the one used last is still in the processor's cache
                small.append(memory)
        except IndexError:
            memory = _fresh(max(size, self._least))
        self._free.extendleft(small)
        return memory


class Buffers:
    """Hands out arrays of fixed shapes, all of one call in one piece of memory.

    Parameters
    ----------
    fields
        Shape and dtype of each array.
    """

    def __init__(self, fields: Mapping[str, tuple[tuple[int, ...], Any]]) -> None:
        self._layout, self._pieces = Layout(fields), Pieces()

    def take(self) -> dict[str, npt.NDArray[Any]]:
        """Return arrays to fill, their content undefined."""
        return self._pieces.take(self._layout)


def _fresh(size: int) -> npt.NDArray[np.uint8]:
    """Return new memory that begins at a multiple of the alignment."""
    memory = np.empty(size + _ALIGNMENT, dtype=np.uint8)
    first = -memory.ctypes.data % _ALIGNMENT
    return memory[first : first + size]
