"""Where the values of an array of ours lie, from its metadata, and how one chunk of it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import google_crc32c
import numcodecs.blosc  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, ShardingCodec

from biomech_xr.errors import StoreError

Buffer = npt.NDArray[np.uint8]

CRC_SIZE: Final = 4

Convert = Callable[[npt.NDArray[Any], npt.NDArray[Any]], object]

Target = tuple[npt.NDArray[Any], int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredArray:
    """Where the values of an array lie: rows are cut into objects of `object_rows`, these into chunks of `chunk_rows`.

    Every chunk is compressed with blosc and followed by its CRC-32C. `index_size` is the size in bytes of the list of
    chunks at the start of an object, 0 where an object is one chunk.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    object_rows: int
    chunk_rows: int
    index_size: int
    key_end: str

    @classmethod
    def of(cls, name: str, array: zarr.Array[Any]) -> StoredArray:
        """Return the facts of an array of ours from its metadata.

        Raises
        ------
        StoreError
            It was written with other codecs.
        """
        shards, chunks = array.shards or array.chunks, array.chunks
        codecs = list(array.metadata.codecs)  # type: ignore[union-attr]
        sharding = codecs[0] if len(codecs) == 1 and isinstance(codecs[0], ShardingCodec) else None
        index_size = 0
        if sharding is not None:
            codecs = list(sharding.codecs)
            index_size = 16 * (shards[0] // chunks[0]) + CRC_SIZE
        known = [type(codec) for codec in codecs] == [BytesCodec, BloscCodec, Crc32cCodec]
        first = sharding is None or sharding.index_location.value == "start"
        whole = all(chunk >= size for chunk, size in zip(chunks[1:], array.shape[1:], strict=True))
        if not (known and first and whole):
            raise StoreError(
                f"{name}: stored with codecs or chunks that this version does not know. Update biomech-xr."
            )
        return cls(
            name=name,
            shape=array.shape,
            dtype=np.dtype(array.dtype),
            object_rows=shards[0],
            chunk_rows=chunks[0],
            index_size=index_size,
            key_end=array.metadata.encode_chunk_key((0,) * array.ndim).removeprefix("c/0"),
        )

    @property
    def tail(self) -> tuple[int, ...]:
        """Shape of one row."""
        return self.shape[1:]

    @property
    def chunk_shape(self) -> tuple[int, ...]:
        """Shape of one stored chunk; the last one is filled up."""
        return (self.chunk_rows, *(max(1, size) for size in self.tail))

    def key(self, number: int) -> str:
        """Return the key of an object."""
        return f"{self.name}/c/{number}{self.key_end}"

    def pieces(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Yield number, first row and the one after the last, within the object, of each object with these rows."""
        while start < stop:
            number, first = divmod(start, self.object_rows)
            last = min(self.object_rows, first + stop - start)
            yield number, first, last
            start += last - first


class CorruptedError(Exception):
    """Bytes that are not what was written."""


def checked(buffer: Buffer) -> Buffer:
    """Return bytes without the CRC-32C at their end, after comparing it."""
    content = buffer[:-CRC_SIZE]
    if len(buffer) < CRC_SIZE or google_crc32c.value(content) != int.from_bytes(buffer[-CRC_SIZE:], "little"):
        raise CorruptedError("the checksum (CRC-32C) does not match")
    return content


def read_index(buffer: Buffer) -> npt.NDArray[np.uint64]:
    """Return offset and size of each chunk of a shard, shape (chunk, 2)."""
    return np.frombuffer(checked(buffer).tobytes(), dtype="<u8").reshape(-1, 2)


def check_range(array: StoredArray, start: int, index: npt.NDArray[np.uint64] | None, buffer: Buffer) -> None:
    """Raise `CorruptedError` unless all checksums in a range of an object match.

    Parameters
    ----------
    array, buffer
        Facts of the array; the range: an index, whole chunks, or a whole object.
    start
        First byte of the range in the object.
    index
        The index of the object; may be None for a range that begins with it.
    """
    if not array.index_size:
        checked(buffer)
        return
    if start == 0:
        index = read_index(buffer[: array.index_size])
    for first, size in [] if index is None else index.tolist():
        if start <= first and first + size <= start + len(buffer):
            checked(buffer[first - start : first - start + size])


def decode(buffer: Buffer, targets: Sequence[Target], *, array: StoredArray, convert: Convert | None) -> None:
    """Decode a stored chunk once, and put rows of it where they go.

    Parameters
    ----------
    buffer
        The chunk with its checksum.
    targets
        ``(out, start, stop)``: where values go, and which rows of the chunk they are.
    array
        Facts of the array.
    convert
        What makes the values of ``out`` from stored ones: ``convert(stored, out)``; None where they are the same.

    Raises
    ------
    CorruptedError
        The bytes are not those of such a chunk.
    """
    content = checked(buffer)
    out, start, stop = targets[0]
    direct = convert is None and len(targets) == 1 and stop - start == array.chunk_rows and out.flags.c_contiguous
    stored = out if direct else np.empty(array.chunk_shape, dtype=array.dtype)
    if int.from_bytes(content[4:8], "little") != stored.nbytes:
        raise CorruptedError("the chunk has another shape")
    try:
        numcodecs.blosc.decompress(content, stored)
    except (RuntimeError, ValueError) as error:
        raise CorruptedError(f"the chunk cannot be decoded ({error})") from error
    for out, start, stop in () if direct else targets:
        if convert is not None:
            convert(stored[start:stop], out)
        else:
            out[...] = stored[start:stop]
