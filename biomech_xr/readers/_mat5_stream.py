"""The variables of a MATLAB v5 file: unpacked once, and shown to a library as far as a `Walker` has passed them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from biomech_xr.readers._mat5 import Walker
from biomech_xr.readers._mat5_checks import CutError, DamageError, TooLargeError

HEADER: Final = 128
_MATRIX, _COMPRESSED = 14, 15
_PACKED: Final = 1 << 16
_UNPACKED: Final = 1 << 20
"""Most bytes handled at once."""


@dataclass(frozen=True)
class Variable:
    """One variable of a file: where it starts (its tag), how many bytes follow the tag, and whether it is packed."""

    start: int
    length: int
    packed: bool

    def pieces(self, stream: BinaryIO, most: int) -> Iterator[bytes]:
        """Yield the unpacked bytes, tag first.

        Raises
        ------
        CutError
            The packed bytes end too early.
        DamageError
            They are no zlib stream.
        TooLargeError
            They unpack to more than ``most`` bytes.
        """
        total = 0
        for piece in self._inflated(stream) if self.packed else self._plain(stream):
            total += len(piece)
            if total > most:
                raise TooLargeError(f"more than {most} bytes")
            yield piece

    def _plain(self, stream: BinaryIO) -> Iterator[bytes]:
        stream.seek(self.start)
        left = 8 + self.length
        while left and (piece := stream.read(min(_UNPACKED, left))):
            left -= len(piece)
            yield piece

    def _inflated(self, stream: BinaryIO) -> Iterator[bytes]:
        stream.seek(self.start + 8)
        inflate = zlib.decompressobj()
        left = self.length
        try:
            while left and not inflate.eof and (packed := stream.read(min(_PACKED, left))):
                left -= len(packed)
                while packed:
                    piece = inflate.decompress(packed, _UNPACKED)
                    packed = inflate.unconsumed_tail
                    yield piece
            while not inflate.eof and (piece := inflate.decompress(b"", _UNPACKED)):
                yield piece
        except zlib.error as error:
            raise DamageError(str(error)) from error
        if not inflate.eof:
            raise CutError("a compressed variable without its end")
        if left or inflate.unused_data:
            raise DamageError("bytes behind the end of a compressed variable")


def store_position(header: bytes, order: str) -> int:
    """Return where a file's header says that its store of MATLAB objects is, 0 without one."""
    field = header[116:124]
    return 0 if field == b" " * 8 else int(struct.unpack(f"{order}Q", field)[0])


def variables(stream: BinaryIO, size: int, order: str) -> Iterator[Variable]:
    """Yield the variables of a file of ``size`` bytes as their tags say.

    Raises
    ------
    CutError
        The file ends within one, or holds none.
    DamageError
        Something else stands between them.
    """
    position = HEADER
    if size <= HEADER:
        raise CutError("a header and no variable")
    while position < size:
        stream.seek(position)
        tag = stream.read(8)
        if len(tag) < 8:
            raise CutError(f"{size} bytes, the last variable's tag is cut")
        kind, length = struct.unpack(f"{order}II", tag)
        if kind not in (_COMPRESSED, _MATRIX):
            raise DamageError(f"element type {kind} at byte {position}")
        if position + 8 + length > size:
            raise CutError(f"{size} bytes, a variable that ends at byte {position + 8 + length}")
        yield Variable(position, length, kind == _COMPRESSED)
        position += 8 + length


class VariableStream:
    """One variable of a file as an uncompressed file of its own, to be read once from start to end.

    Parameters
    ----------
    header
        The 128 bytes that a file begins with.
    walker
        What has to pass the bytes; it has seen none yet.
    pieces
        The unpacked bytes of the variable.
    """

    def __init__(self, header: bytes, walker: Walker, pieces: Iterator[bytes]) -> None:
        self._header = header
        self._walker = walker
        self._pieces = pieces
        self._at = 0
        self._data = b""
        self._start = HEADER
        self._sound = 0
        self.received = 0

    def name(self) -> str:
        """Return the name of the variable; empty for the store of MATLAB objects."""
        while self._walker.name is None:
            self._more()
        return self._walker.name

    def read(self, count: int) -> bytes:
        """Return the next bytes, fewer than ``count`` only at the end."""
        at = self._at - self._start
        if at >= 0 and at + count <= self._sound:
            self._at += count
            return self._data[at : at + count]
        if self._at < HEADER:
            found = self._header[self._at : self._at + count]
            self._at += len(found)
            return found
        parts = []
        left = min(count, self._end() - self._at)
        while left > 0:
            at = self._at - self._start
            if at < 0:
                raise OSError("bytes that are gone")
            if at < self._sound:
                part = self._data[at : min(at + left, self._sound)]
                parts.append(part)
                self._at += len(part)
                left -= len(part)
            else:
                self._more()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a position; bytes that have been read cannot be read again."""
        self._at = offset + (0 if whence == 0 else self._at if whence == 1 else self._end())
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def finish(self) -> None:
        """Raise `DamageError` unless the variable ends where its bytes do."""
        for piece in self._pieces:
            self._feed(piece)
        self._walker.end()

    def _end(self) -> int:
        while not self._walker.size:
            self._more()
        return HEADER + self._walker.size

    def _more(self) -> None:
        """Take another piece and keep what has not been read of the last."""
        piece = next(self._pieces, None)
        if piece is None:
            raise CutError("a variable that is shorter than it says")
        kept = min(max(self._start, self._at), HEADER + self.received)
        self._feed(piece)
        rest = self._data[kept - self._start :]
        self._data = rest + piece if rest else piece
        self._start = kept
        self._sound = HEADER + min(self._walker.position, self.received) - kept

    def _feed(self, piece: bytes) -> None:
        """Let the walker pass a piece; of damaged content, count the rest, which may be too large."""
        self.received += len(piece)
        try:
            self._walker.feed(piece)
        except DamageError:
            for _ in self._pieces:
                pass
            raise
