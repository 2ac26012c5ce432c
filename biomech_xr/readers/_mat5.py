"""The structure of MATLAB v5 files, followed byte by byte before a library sees it.

SciPy and mat-io trust what a file says of itself: an unknown storage type in a damaged tag ends the process. So a
`Walker` follows every variable through its nested elements first. Format: MathWorks, *MAT-File Format*, level 5; the
elements of MATLAB objects as SciPy and mat-io read them.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Generator, Iterator
from typing import Final

from biomech_xr.readers._mat5_checks import (
    REFERENCE,
    CutError,
    DamageError,
    TooLargeError,
    sound_indices,
    sound_metadata,
    sound_reference,
)

MAX_ARRAYS: Final = 5_000_000
MAX_DEPTH: Final = 64
"""Most arrays in one variable, and how deep they may be nested."""

_MATRIX: Final = 14
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE, _UINT8, _UINT32, _FUNCTION, _OPAQUE = 1, 2, 3, 4, 5, 9, 13, 16, 17
_NUMERIC: Final = range(6, 16)
_NUMBERS: Final = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}
_CHARS: Final = {1: 1, 2: 1, 4: 2, 16: 1, 17: 2, 18: 4}
"""Storage type to bytes of one number, of one unit of text."""

_INT32: Final = (5, 6)
_NAMES: Final = (1, 16)
_LOGICAL, _COMPLEX = 0x200, 0x800
_MOST_DIMS: Final = 32
_LONGEST_NAME: Final = 1024
_MOST_FIELDS: Final = 1 << 14
_MOST_BLANK, _LONGEST_EMPTY = 1 << 14, 1 << 22
_HEAD: Final = 1 << 13
_WRAPPER: Final = "FileWrapper__"


class Walker:
    """Follows the elements of one variable while its unpacked bytes come in.

    `position` is how far they are known to be sound, from the variable's first byte; inside a block of numbers it runs
    ahead of what has come. `size` is the variable's own statement of its length with its tag, 0 before it is known.
    `name` is None before it is known and empty for the store of MATLAB objects. A variable may have ``most`` bytes.
    """

    def __init__(self, order: str, most: int) -> None:
        self._most = most
        self.position = 0
        self.size = 0
        self.name: str | None = None
        self.finished = False
        self._received = 0
        self._data = b""
        self._start = 0
        self._arrays = 0
        self._inside_store = False
        self._objects = False
        self._before_metadata = False
        self._set_order(order)
        self._steps = self._variable()

    def feed(self, piece: bytes) -> None:
        """Take the next bytes.

        Raises
        ------
        DamageError
            They do not continue a MATLAB v5 variable.
        """
        if self.finished:
            raise DamageError("content behind the end of a variable")
        if self.position >= self._received:
            self._data, self._start = piece, self._received
        else:
            self._data, self._start = self._data[self.position - self._start :] + piece, self.position
        self._received += len(piece)
        if self._received >= self.position:  # else still inside a block of numbers
            next(self._steps, None)

    def end(self) -> None:
        """Raise `CutError` unless the variable is complete."""
        if not self.finished:
            raise CutError("a variable without its end")

    def _set_order(self, order: str) -> None:
        self._order = order
        self._pair = struct.Struct(f"{order}II")

    def _variable(self) -> Iterator[None]:
        yield from self._need(8)
        self.size = 8 + self._pair.unpack_from(self._data)[1]
        if self.size > self._most:
            raise TooLargeError(f"a variable of {self.size} bytes")
        yield from self._array(self.size, 0)
        yield from self._need(0)
        if self.name is None:
            raise DamageError("a variable without content")
        self.finished = True

    def _need(self, count: int) -> Iterator[None]:
        while self._received - self.position < count:
            yield

    def _array(self, limit: int, depth: int) -> Iterator[None]:
        """Follow one array (an element of type miMATRIX) that must end at ``limit`` or before."""
        if self.position + 8 > limit:
            raise DamageError("an array without all of its parts")
        yield from self._need(8)
        kind, size = self._pair.unpack_from(self._data, self.position - self._start)
        self._arrays += 1
        if kind != _MATRIX:
            raise DamageError(f"element type {kind} where an array is expected")
        if depth > MAX_DEPTH or self._arrays > MAX_ARRAYS:
            raise DamageError(f"more than {MAX_DEPTH} levels or {MAX_ARRAYS} arrays")
        self.position += 8
        stop = self.position + size
        if stop > limit:
            raise DamageError("an array that does not end inside the one that holds it")
        if size == 0:
            return
        yield from self._need(min(size, _HEAD))
        kind, flags = self._flags(stop)
        if kind == _OPAQUE:
            name = self._text(stop)
            self.name = (name or "-") if self.name is None else self.name
            self._text(stop)
            self._before_metadata = self._text(stop) == _WRAPPER and self._inside_store
            self._objects = True
            yield from self._array(stop, depth + 1)
        else:
            dims = self._dims(stop)
            name = self._text(stop)
            self.name = name if self.name is None else self.name
            if depth == 0 and not self.name:
                yield from self._store(stop, kind, flags, math.prod(dims))
            else:
                yield from self._body(stop, depth, kind, flags, dims)
        if self.position != stop:
            raise DamageError(f"an array whose parts end at byte {self.position}, not {stop}")

    def _body(self, stop: int, depth: int, kind: int, flags: int, dims: list[int]) -> Iterator[None]:
        """Follow what stands behind the name of an array."""
        count = math.prod(dims)
        if kind in _NUMERIC:
            for _ in range(2 if flags & _COMPLEX else 1):
                yield from self._need(min(8, stop - self.position))
                if self._objects:
                    yield from self._object(stop, kind)
                self._numbers(stop, count)
        elif kind == _CHAR:
            yield from self._need(min(8, stop - self.position))
            self._chars(stop, dims)
        elif kind == _CELL:
            yield from self._arrays_inside(stop, depth, count)
        elif kind in (_STRUCT, _OBJECT):
            if kind == _OBJECT:
                self._text(stop)
            fields = yield from self._fields(stop)
            if not fields and count > _MOST_BLANK:
                raise DamageError(f"{count} structs without fields")
            yield from self._arrays_inside(stop, depth, count * fields)
        elif kind == _FUNCTION:
            if not (self._inside_store and self.position == stop):
                yield from self._array(stop, depth + 1)
        elif kind == _SPARSE:
            yield from self._need(stop - self.position)
            self._sparse(stop, flags, dims)
        else:
            raise DamageError(f"array class {kind}")

    def _object(self, stop: int, kind: int) -> Iterator[None]:
        """Check numbers that are a reference to MATLAB objects, or the metadata of all; do not go behind them."""
        start, storage, size, _ = self._element(stop)
        if kind == _UINT32 and storage in _INT32 and size >= 12:
            yield from self._need(start + size - self.position)
            content = self._data[start - self._start : start - self._start + size]
            if self._pair.unpack_from(content)[0] == REFERENCE and not sound_reference(content, self._order):
                raise DamageError("a reference to MATLAB objects that does not name as many as it says")
        if self._before_metadata and kind == _UINT8:
            self._before_metadata = False
            yield from self._need(start + size - self.position)
            if not sound_metadata(self._data[start - self._start : start - self._start + size], self._order):
                raise DamageError("metadata of MATLAB objects that do not follow each other")

    def _arrays_inside(self, stop: int, depth: int, count: int) -> Iterator[None]:
        if count * 8 > stop - self.position:
            raise DamageError(f"{count} arrays in {stop - self.position} bytes")
        for _ in range(count):
            yield from self._array(stop, depth + 1)

    def _store(self, stop: int, kind: int, flags: int, count: int) -> Iterator[None]:
        """Follow the store of MATLAB objects: bytes that hold another array, with a byte order of its own."""
        yield from self._need(min(16, stop - self.position))
        start, storage, size, behind = self._element(stop)
        if kind != _UINT8 or flags & (_LOGICAL | _COMPLEX) or _NUMBERS.get(storage) != 1 or size != count or size < 16:
            raise DamageError("a store of MATLAB objects that is no row of bytes")
        self.position = start
        yield from self._need(8)
        at = start - self._start
        order = {b"IM": "<", b"MI": ">"}.get(self._data[at + 2 : at + 4])
        if order is None:
            raise DamageError("a store of MATLAB objects without a header")
        outer, self._inside_store, self._objects = self._order, True, True
        self._set_order(order)
        self.position = start + 8
        yield from self._array(start + size, 1)
        self._set_order(outer)
        self.position = behind

    def _element(self, stop: int) -> tuple[int, int, int, int]:
        """Return where the content of the data element here starts, its type, its size, and where the next starts."""
        if self.position + 8 > min(stop, self._received):
            raise DamageError("an array without all of its parts")
        kind, size = self._pair.unpack_from(self._data, self.position - self._start)
        small = kind >> 16
        if small > 4:
            raise DamageError(f"{small} bytes in a tag that has room for 4")
        behind = self.position + 8 + (0 if small else size + -size % 8)
        if behind > stop:
            raise DamageError("a data element that does not end inside its array")
        return self.position + (4 if small else 8), kind & 0xFFFF, small or size, behind

    def _content(self, stop: int, kinds: tuple[int, ...]) -> bytes:
        """Return the content of a short data element of one of these types and go behind it."""
        start, kind, size, behind = self._element(stop)
        if kind not in kinds or behind > self._received:
            raise DamageError(f"{size} bytes of type {kind} in the head of an array")
        self.position = behind
        return self._data[start - self._start : start - self._start + size]

    def _flags(self, stop: int) -> tuple[int, int]:
        """Return class and flags of an array."""
        content = self._content(stop, (6,))
        if len(content) != 8:
            raise DamageError(f"{len(content)} bytes of array flags")
        word = self._pair.unpack(content)[0]
        return word & 0xFF, word

    def _dims(self, stop: int) -> list[int]:
        content = self._content(stop, _INT32)
        dims = list(struct.unpack(f"{self._order}{len(content) // 4}i", content[: len(content) // 4 * 4]))
        if len(content) % 4 or not 1 <= len(dims) <= _MOST_DIMS or min(dims) < 0:
            raise DamageError(f"dims {dims[:4]}")
        if 0 in dims and max(dims) > _LONGEST_EMPTY:
            raise DamageError(f"an empty array of {dims[:4]}")
        return dims

    def _text(self, stop: int) -> str:
        content = self._content(stop, _NAMES)
        if len(content) > _LONGEST_NAME or not content.isascii():
            raise DamageError("a name that is no name")
        return content.decode("ascii")

    def _fields(self, stop: int) -> Generator[None, None, int]:
        """Return how many fields a struct has."""
        length = self._content(stop, _INT32)
        width = struct.unpack(f"{self._order}i", length)[0] if len(length) == 4 else 0
        yield from self._need(min(8, stop - self.position))
        _, kind, size, behind = self._element(stop)
        if kind not in _NAMES or not 0 < width <= _LONGEST_NAME or size % width or size // width > _MOST_FIELDS:
            raise DamageError(f"{size} bytes of field names, each of {width}")
        self.position = behind
        return size // width

    def _numbers(self, stop: int, count: int) -> None:
        _, kind, size, behind = self._element(stop)
        if kind not in _NUMBERS or size != count * _NUMBERS[kind]:
            raise DamageError(f"{size} bytes of type {kind} for {count} numbers")
        self.position = behind

    def _chars(self, stop: int, dims: list[int]) -> None:
        """Check text; where it has no content it is as many blanks as its dims say."""
        _, kind, size, behind = self._element(stop)
        if kind not in _CHARS or (size and math.prod(dims) * _CHARS[kind] > size):
            raise DamageError(f"{size} bytes of type {kind} for text of {dims[:4]}")
        if not (size and math.prod(dims)) and max(math.prod(dims), *dims) > _MOST_BLANK:
            raise DamageError(f"text without content of {dims[:4]}")
        self.position = behind

    def _sparse(self, stop: int, flags: int, dims: list[int]) -> None:
        """Check the indices of a sparse matrix, all of which has come: a library writes where they point."""
        parts = []
        for _ in range(4 if flags & _COMPLEX else 3):
            start, kind, size, behind = self._element(stop)
            parts.append((kind, self._data[start - self._start : start - self._start + size]))
            self.position = behind
        known = all(kind in _INT32 for kind, _ in parts[:2]) and all(kind in _NUMBERS for kind, _ in parts[2:])
        widths = [1 if flags & _LOGICAL else _NUMBERS.get(kind, 8) for kind, _ in parts[2:]]
        stored = min(len(part) // width for (_, part), width in zip(parts[2:], widths, strict=True))
        if not known or not sound_indices(parts[0][1], parts[1][1], self._order, dims, stored):
            raise DamageError("a sparse matrix whose indices lie outside")
