"""One object of a strides array as bytes, and its way into place: what Zarr makes of the same rows, byte for byte.

Zarr encodes on threads of its own and copies on one that all share; here the thread that has the values does all of it,
in a third of the time, and blosc leaves the interpreter to others meanwhile.
"""

from __future__ import annotations

import uuid
import zlib
from typing import Any, cast

import google_crc32c
import numcodecs.blosc  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import BloscCodec, ShardingCodec

from biomech_xr.errors import LostDataError
from biomech_xr.store import remote
from biomech_xr.store.objects import Url, join, local_path
from biomech_xr.store.ranges import RangeReader
from biomech_xr.store.stored_array import CRC_SIZE, StoredArray

_NO_CHUNK = 2**64 - 1
_SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")


def write_object(url: Url, array: zarr.Array[Any], name: str, number: int, values: npt.NDArray[Any]) -> dict[str, int]:
    """Write one object of a strides array in one step, and return its key -> the CRC-32 of its bytes as they were sent.

    Parameters
    ----------
    url
        The Zarr group.
    array, name, number
        The array, its name in the group, and the number of the object along the first dim.
    values
        All rows of the object that the array has, in the stored type; of arrays without values nothing is written.

    Raises
    ------
    StoreError
        The storage could not be reached.
    """
    if not values.size:
        return {}
    stored = StoredArray.of(name, array)
    key, data = stored.key(number), encoded_object(array, stored, values)
    place, checksum = join(url, key), zlib.crc32(data)
    path = local_path(place)
    if path is None:
        remote.put(place, data)
        return {key: checksum}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return {key: checksum}


def encoded_object(array: zarr.Array[Any], stored: StoredArray, values: npt.NDArray[Any]) -> bytes:
    """Return the bytes of an object: the list of its chunks where it has one, and the chunks, each with its CRC-32C.

    A chunk that the array's end cuts is filled up; those beyond it are not there.
    """
    codec = _blosc(array)
    chunks = []
    for first in range(0, len(values), stored.chunk_rows):
        rows = values[first : first + stored.chunk_rows]
        if len(rows) < stored.chunk_rows:
            more = np.full((stored.chunk_rows - len(rows), *stored.tail), array.fill_value, dtype=stored.dtype)
            rows = np.concatenate((rows, more))
        content = np.ascontiguousarray(rows, dtype=stored.dtype).reshape(-1).view(np.uint8)
        chunks.append(_with_checksum(numcodecs.blosc.compress(content, *codec)))
    if not stored.index_size:
        return chunks[0]
    index = np.full((stored.object_rows // stored.chunk_rows, 2), _NO_CHUNK, dtype="<u8")
    sizes = np.array([len(chunk) for chunk in chunks], dtype="<u8")
    index[: len(chunks), 0], index[: len(chunks), 1] = stored.index_size + sizes.cumsum() - sizes, sizes
    return b"".join([_with_checksum(index.tobytes()), *chunks])


def reads_back(reader: RangeReader, array: zarr.Array[Any], name: str, start: int, values: npt.NDArray[Any]) -> bool:
    """Return whether the rows of an array from ``start`` on, decoded as any reader does, are these values."""
    try:
        return same_bytes(reader.read(StoredArray.of(name, array), [(start, start + len(values))]), values)
    except LostDataError:
        return False


def same_bytes(one: npt.NDArray[Any], two: npt.NDArray[Any]) -> bool:
    """Return whether two arrays hold the same bytes, compared in words as long as their size allows."""
    word = next(size for size in (8, 4, 2, 1) if one.nbytes % size == 0)
    first, second = (array.reshape(-1).view(np.uint8).view(f"u{word}") for array in (one, two))
    return np.array_equal(first, second)


def _with_checksum(data: bytes) -> bytes:
    return data + int(google_crc32c.value(data)).to_bytes(CRC_SIZE, "little")


def _blosc(array: zarr.Array[Any]) -> tuple[bytes, int, int, int, int]:
    """Return name, level, shuffle, block size and type size of the compression of an array of ours."""
    codecs = list(array.metadata.codecs)  # type: ignore[union-attr]
    if isinstance(codecs[0], ShardingCodec):
        codecs = list(codecs[0].codecs)
    blosc = cast("BloscCodec", codecs[1])
    shuffle = _SHUFFLES.index(blosc.shuffle.value)
    return blosc.cname.value.encode(), blosc.clevel, shuffle, blosc.blocksize, blosc.typesize
