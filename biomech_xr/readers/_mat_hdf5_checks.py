"""Contents of a MATLAB v7.3 file that h5py would follow out of the file, size memory by, or take for something else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

MOST_DIMS: Final = 32
LONGEST_EMPTY: Final = 1 << 22
OVERHEAD: Final = 1 << 16
"""Most dims of an array, the longest dim of one without elements, and what is no trouble of its own, in bytes."""

_MOST_RATIO: Final = 1100
_UNWRITTEN: Final = 1 << 24
"""What deflate can save at most, and bytes of an array that need not be in the file at all."""

_FILTERS: Final = (1, 2, 3)
"""Numbers of deflate, shuffle and Fletcher-32 in HDF5's registry."""


class RefusedError(ValueError):
    """The file holds something that MATLAB does not write, or that is not to be trusted."""


def check_storage(item: Any, shape: Sequence[int], kind: Any, shown: str, size: int) -> int:
    """Return the bytes that an array takes in the file; refuse those elsewhere, and more values than they can hold."""
    import h5py

    made = item.get_create_plist()
    layout = made.get_layout()
    if layout == h5py.h5d.VIRTUAL or made.get_external_count():
        raise RefusedError(f"{shown}: an array whose values are in other files or arrays")
    filters = [made.get_filter(k)[0] for k in range(made.get_nfilters())] if layout == h5py.h5d.CHUNKED else []
    unknown = [number for number in filters if number not in _FILTERS]
    if unknown:
        raise RefusedError(f"{shown}: the filter {unknown[0]}")
    stored = int(item.get_storage_size())
    declared = math.prod(shape) * kind.itemsize
    chunk = math.prod(made.get_chunk()) * kind.itemsize if layout == h5py.h5d.CHUNKED else 0
    start = item.get_offset() if layout == h5py.h5d.CONTIGUOUS else None
    if start is not None and start + declared > size:
        raise RefusedError(f"{shown}: {declared} bytes from byte {start} in a file of {size}")
    room = math.prod(n + c for n, c in zip(shape, made.get_chunk(), strict=True)) * kind.itemsize if chunk else declared
    bomb = declared > _MOST_RATIO * stored + _UNWRITTEN or stored > room + room // 8 + OVERHEAD
    if bomb or chunk > 4 * declared + _UNWRITTEN:
        raise RefusedError(f"{shown}: {declared} bytes in chunks of {chunk}, {stored} of them in the file")
    return stored


def marked_empty(item: Any, shape: Sequence[int], kind: Any) -> list[int] | None:
    """Return the dims that an array marked as empty holds, None for any other."""
    import h5py

    if not h5py.h5a.exists(item, b"MATLAB_empty"):
        return None
    mark = h5py.h5a.open(item, b"MATLAB_empty")
    if mark.dtype.kind not in "biu" or math.prod(mark.shape) != 1:
        raise RefusedError("a mark of emptiness that is no number")
    value = np.empty(mark.shape, mark.dtype)
    mark.read(value)
    if not value.any():
        return None
    if kind.kind not in "iu" or math.prod(shape) > MOST_DIMS:
        raise RefusedError("an array marked as empty that does not hold its dims")
    dims = [int(n) for n in values_of(item).reshape(-1)]
    if any(not 0 <= n <= LONGEST_EMPTY for n in dims):
        raise RefusedError(f"an empty array of {dims}")
    return dims


def class_of(item: Any) -> str | None:
    """Return MATLAB's name of an object's class."""
    import h5py

    if not h5py.h5a.exists(item, b"MATLAB_class"):
        return None
    stated = h5py.h5a.open(item, b"MATLAB_class")
    if stated.dtype.kind != "S" or stated.shape != () or stated.dtype.itemsize > 128:
        return ""
    value = np.empty((), stated.dtype)
    stated.read(value)
    return bytes(value[()]).decode("latin-1")


def field_order(group: Any) -> list[str] | None:
    """Return the names that a group's attribute says are its fields."""
    import h5py

    if not h5py.h5a.exists(group, b"MATLAB_fields"):
        return None
    stated = h5py.h5a.open(group, b"MATLAB_fields")
    if math.prod(stated.shape) > OVERHEAD or stated.get_type().get_class() != h5py.h5t.VLEN:
        raise RefusedError("a list of fields that is none")
    order = h5py.Group(group).attrs["MATLAB_fields"]
    return [b"".join(entry).decode("latin-1") for entry in np.asarray(order).reshape(-1)]


def values_of(item: Any) -> Any:
    """Return all of an array."""
    import h5py

    values = np.empty(item.shape, item.dtype)
    item.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
    return values
