"""Walk a MATLAB v7.3 file and read from it, in a limited process; `_limited_server` loads this file.

The walk lists every object of the file once, follows every reference, and refuses what MATLAB never writes: links of
other kinds, data in other files, unknown filters, objects that hold themselves, more content than there is room for.
The list says all that is needed to know the values; numbers are then sent in pieces.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from biomech_xr.readers._mat_hdf5_checks import (
    LONGEST_EMPTY,
    MOST_DIMS,
    OVERHEAD,
    RefusedError,
    check_storage,
    class_of,
    field_order,
    marked_empty,
    values_of,
)

_MOST_OBJECTS: Final = 2_000_000
_MOST_REFERENCES: Final = 5_000_000
_MOST_DEPTH: Final = 64
_PIECE: Final = 1 << 24
"""Bytes that are read and sent at once, where chunks allow it."""

_REFERENCES: Final = b"#refs#"
_BROKEN: Final = (
    OSError, LookupError, RuntimeError, ValueError, TypeError, AttributeError, OverflowError, MemoryError, BufferError,
)  # fmt: skip
"""What h5py raises on damaged content."""


def prepare() -> None:
    """Load what is loaded at first use: a child may open no file then."""
    import h5py

    h5py.get_config()
    for codec in ("ascii", "latin-1", "utf-8"):
        codecs.lookup(codec)


def serve(channel: Any, source: str, seal: Callable[[], None]) -> None:
    """Answer requests about one file: ``walk``, ``drain`` and ``read``."""
    import h5py

    try:
        file = h5py.File(source, "r", locking=False)
        seal()
    except _BROKEN as error:
        channel.refuse(error)
        return
    while (request := channel.receive()) is not None:
        try:
            if request[0] == "walk":
                channel.say(Walk(file, Path(source).stat().st_size).listing())
            elif request[0] == "drain":
                for path in request[1]:
                    _drain(h5py.h5o.open(file.id, path.encode("utf-8", "surrogateescape")))
                channel.say(None)
            else:
                for path in request[1]:
                    item = h5py.h5o.open(file.id, path.encode("utf-8", "surrogateescape"))
                    channel.say([item.shape, item.dtype.str])
                    for piece in _pieces(item, request[2]):
                        channel.send(piece)
        except _BROKEN as error:
            channel.refuse(error)


class Walk:
    """One pass over a file."""

    def __init__(self, file: Any, size: int) -> None:
        self._file = file
        self._size = size
        self._stored = 0
        self._references = 0
        self._numbers: dict[int, int] = {}
        self._entries: list[Any] = []
        self._pending: list[tuple[int, Any]] = []

    def listing(self) -> list[Any]:
        """Return an entry an object, the root group first.

        A group is ``["g", [[name, number], ...], order of its fields or None, path]``; an array is ``["d", shape,
        dtype, class, dims where it is marked as empty, numbers that it refers to or None, path]``; both end in whether
        they are MATLAB objects.
        """
        import h5py

        self._add(h5py.h5g.open(self._file.id, b"/"), b"")
        for number, item in self._pending:
            self._entries[number][5] = [self._target(item, reference) for reference in values_of(item).reshape(-1)]
        if self._stored > self._size + OVERHEAD:
            raise RefusedError(f"arrays of {self._stored} stored bytes in a file of {self._size}")
        self._measure()
        return self._entries

    def _add(self, root: Any, path: bytes) -> None:
        """List what is below a group, each object once."""
        import h5py

        waiting = [(root, path, self._enter(root, path), 0)]
        while waiting:
            group, path, number, depth = waiting.pop()
            if depth > _MOST_DEPTH:
                raise RefusedError(f"groups deeper than {_MOST_DEPTH}")
            members = []
            for name in group:
                if group.links.get_info(name).type != h5py.h5l.TYPE_HARD:
                    raise RefusedError(f"{_shown(name)} outside the file, or a link by name")
                item = h5py.h5o.open(group, name)
                address = h5py.h5o.get_info(item).addr
                below = path + b"/" + name
                found = self._numbers.get(address)
                if found is None:
                    found = self._enter(item, below, address)
                    if isinstance(item, h5py.h5g.GroupID):
                        waiting.append((item, below, found, depth + 1))
                members.append([_named(name), found])
            self._entries[number][1] = members

    def _enter(self, item: Any, path: bytes, address: int | None = None) -> int:
        """List one object and return its number."""
        import h5py

        number = len(self._entries)
        if number >= _MOST_OBJECTS:
            raise RefusedError(f"more than {_MOST_OBJECTS} objects")
        self._numbers[h5py.h5o.get_info(item).addr if address is None else address] = number
        shown = path.decode("utf-8", "surrogateescape")
        coded = h5py.h5a.exists(item, b"MATLAB_object_decode")
        if isinstance(item, h5py.h5g.GroupID):
            self._entries.append(["g", [], field_order(item), shown, coded])
        elif isinstance(item, h5py.h5d.DatasetID):
            entry = self._array(item, shown)
            self._entries.append([*entry, shown, coded])
            if entry[5] is not None:
                self._pending.append((number, item))
        else:
            raise RefusedError(f"{_shown(path)}, which is neither a group nor an array")
        return number

    def _array(self, item: Any, shown: str) -> list[Any]:
        import h5py

        space = item.get_space()
        shape = item.shape
        if space.get_simple_extent_type() == h5py.h5s.NULL or len(shape) > MOST_DIMS:
            raise RefusedError(f"{shown}: an array without dims, or with more than {MOST_DIMS}")
        kind = item.dtype
        reference = h5py.check_ref_dtype(kind)
        parts = [kind[name].kind for name in kind.names or ()]
        if item.get_type().committed() or not (
            kind.kind in "biufc" or parts == ["f", "f"] or reference is h5py.Reference
        ):
            raise RefusedError(f"{shown}: values of a type that MATLAB does not write ({kind})")
        self._stored += check_storage(item, shape, kind, shown, self._size)
        if reference is not None:
            self._references += math.prod(shape)
            if self._references > _MOST_REFERENCES:
                raise RefusedError(f"more than {_MOST_REFERENCES} references")
        marked = marked_empty(item, shape, kind)
        if 0 in shape and max(shape) > LONGEST_EMPTY:
            raise RefusedError(f"{shown}: an empty array of {shape}")
        follow: list[int] | None = [] if reference is not None and marked is None else None
        return ["d", list(shape), kind.str, class_of(item), marked, follow]

    def _target(self, item: Any, reference: Any) -> int:
        """Return the number of the object that a reference points to."""
        import h5py

        target = h5py.h5r.dereference(reference, item)
        number = None if target is None else self._numbers.get(h5py.h5o.get_info(target).addr)
        if number is None:
            raise RefusedError("a reference to nothing in the file")
        return number

    def _measure(self) -> None:
        """Refuse objects that hold themselves, and content that grows by being shared again and again."""
        sizes: dict[int, int] = {}
        open_now: set[int] = set()
        stack = [(0, False)]
        while stack:
            number, done = stack.pop()
            if done:
                open_now.discard(number)
                sizes[number] = 1 + sum(sizes[part] for part in self._parts(number))
            elif number in open_now:
                raise RefusedError(f"{self._entries[number][-2] or '/'}: an object that holds itself")
            elif number not in sizes:
                open_now.add(number)
                if len(open_now) > _MOST_DEPTH:
                    raise RefusedError(f"objects deeper than {_MOST_DEPTH}")
                stack.append((number, True))
                stack += [(part, False) for part in self._parts(number)]
        if sizes[0] > 2 * (len(self._entries) + self._references) + OVERHEAD:
            raise RefusedError(f"{len(self._entries)} objects that are {sizes[0]} by being shared")

    def _parts(self, number: int) -> Sequence[int]:
        entry = self._entries[number]
        if entry[0] == "d":
            return entry[5] or ()
        hidden = _REFERENCES.decode() if number == 0 else ""
        return [part for name, part in entry[1] if name != hidden]


def _pieces(item: Any, columns: Sequence[int] | None) -> Iterator[memoryview]:
    """Yield the bytes of an array, or of some rows of its first dim, in pieces that end where chunks do."""
    import h5py

    shape = item.shape
    if not shape:
        yield values_of(item).reshape(1).view(np.uint8).data
        return
    first, last = columns or (0, shape[0])
    made = item.get_create_plist()
    row = math.prod(shape[1:]) * item.dtype.itemsize
    band = made.get_chunk()[0] if made.get_layout() == h5py.h5d.CHUNKED else 1
    step = max(_PIECE // max(row * band, 1), 1) * band
    while first < last:
        stop = min((first // step + 1) * step, last)
        values = np.empty((stop - first, *shape[1:]), item.dtype)
        if stop - first == shape[0]:
            item.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
        else:
            space = item.get_space()
            space.select_hyperslab((first,) + (0,) * (len(shape) - 1), values.shape)
            item.read(h5py.h5s.create_simple(values.shape), space, values)
        if values.size:
            yield values.reshape(-1).view(np.uint8).data
        first = stop


def _drain(item: Any) -> None:
    """Read an object whole, attributes too, and keep nothing."""
    import h5py

    whole = h5py.Group(item) if isinstance(item, h5py.h5g.GroupID) else h5py.Dataset(item)
    if len(whole.attrs) > 64:
        raise RefusedError(f"{len(whole.attrs)} attributes of one object")
    for name in whole.attrs:
        if whole.attrs.get_id(name).get_storage_size() > OVERHEAD:
            raise RefusedError(f"a large attribute {name!r}")
        whole.attrs[name]
    if not isinstance(item, h5py.h5g.GroupID) and h5py.check_ref_dtype(item.dtype) is None:
        for _ in _pieces(item, None):
            pass


def _named(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedError(f"a member named {name!r}") from error


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "replace")[:80]
