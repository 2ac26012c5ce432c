"""Memory of batches and of blocks, used again as soon as nobody holds them.

Fresh memory costs as much as filling it. A batch's memory returns here when its last tensor (or a view of one) is
gone, so a consumer that drops each batch makes two or three buffers go round, and one that keeps batches keeps them.
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
            name: memory[start:end].view(dtype).reshape(shape)
            for name, (start, end, shape, dtype) in self.places.items()
        }


class Buffers:
    """Hands out arrays of fixed shapes, all of one batch (or block) in one piece of memory.

    Parameters
    ----------
    fields
        Shape and dtype of each array.
    together
        Pieces that are made at a time. From 4 MiB on the system can give large pages, which are found faster.
    """

    def __init__(self, fields: Mapping[str, tuple[tuple[int, ...], Any]], *, together: int = 1) -> None:
        self._layout, self._together = Layout(fields), together
        self._free: deque[npt.NDArray[np.uint8]] = deque(maxlen=_SPARE if together == 1 else None)

    def take(self) -> dict[str, npt.NDArray[Any]]:
        """Return arrays to fill, their content undefined."""
        try:
            memory = self._free.pop()  # the one used last is still in the processor's cache
        except IndexError:
            memory = self._fresh()
        # The memoryview between them keeps numpy from linking the fields to `memory` itself, so that `token` dies
        # with the last field; only then is the memory free again.
        token = np.frombuffer(memory.data, dtype=np.uint8)
        weakref.finalize(token, self._free.append, memory).atexit = False
        return self._layout.views(token)

    def _fresh(self) -> npt.NDArray[np.uint8]:
        """Return memory that begins at a multiple of the alignment, and keep what is made together with it."""
        step = -(-self._layout.size // _ALIGNMENT) * _ALIGNMENT
        memory = np.empty(self._together * step + _ALIGNMENT, dtype=np.uint8)
        first = -memory.ctypes.data % _ALIGNMENT
        one, *more = (memory[first + number * step :][: self._layout.size] for number in range(self._together))
        self._free += more
        return one
