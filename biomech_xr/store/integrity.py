"""Whether the bytes of one object are those that were written, by the checksums that the object or its list carries."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import google_crc32c

from biomech_xr.store import layout
from biomech_xr.store.objects import digest, is_sealed, plain

_CRC: Final = 4
_ENTRY: Final = 16
_ABSENT: Final = 2**64 - 1
_CORRUPTED: Final = "corrupted, its checksum does not match"


def sealed_bytes(value: Mapping[str, Any]) -> bytes:
    """Return the bytes of a ledger or a manifest just as `objects.write_sealed` writes them."""
    body = plain({key: item for key, item in value.items() if key != "digest"})
    return (json.dumps({**body, "digest": digest(body)}, indent=1, allow_nan=False) + "\n").encode()


def read_sealed_bytes(data: bytes) -> dict[str, Any] | None:
    """Return the value of a ledger or a manifest, None unless every byte is as it was written."""
    try:
        value = json.loads(data)
    except ValueError:
        return None
    if not is_sealed(value) or sealed_bytes(value) != data:
        return None
    sealed: dict[str, Any] = value
    return sealed


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What one object should be.

    `size` in bytes, None where no list says it; `checksum` is the CRC-32 of metadata; `chunks` the number of chunks in
    a shard, 0 where the object is one chunk itself, None where the object holds no values.
    """

    size: int | None
    checksum: int | None = None
    chunks: int | None = None


def problem(data: bytes, expected: Expected) -> str:
    """Return what is wrong with the bytes of an object, empty when they are as written."""
    if expected.size is not None and len(data) != expected.size:
        return f"found {len(data)} bytes, expected {expected.size} bytes"
    if expected.checksum is not None:
        return "" if zlib.crc32(data) == expected.checksum else _CORRUPTED
    if expected.chunks is None:
        return ""
    return "" if (_shard_intact(data, expected.chunks) if expected.chunks else _intact(data)) else _CORRUPTED


def _intact(data: bytes) -> bool:
    """Return whether bytes end in the CRC-32C of all before it."""
    return len(data) > _CRC and google_crc32c.value(data[:-_CRC]) == int.from_bytes(data[-_CRC:], "little")


def _shard_intact(data: bytes, chunks: int) -> bool:
    """Return whether the index at the start of a shard is intact, and each chunk that it names."""
    head = _ENTRY * chunks + _CRC
    if not _intact(data[:head]) or len(data) < head:
        return False
    numbers = [int.from_bytes(data[place : place + 8], "little") for place in range(0, _ENTRY * chunks, 8)]
    there = [(start, size) for start, size in zip(numbers[::2], numbers[1::2], strict=True) if start != _ABSENT]
    whole = head + sum(size for _, size in there) == len(data)
    return whole and all(_intact(data[start : start + size]) for start, size in there)


def members(root: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the metadata of all arrays and groups below a root, from the copy in its own."""
    found: dict[str, Mapping[str, Any]] = (root.get("consolidated_metadata") or {}).get("metadata") or {}
    return found


def member_bytes(member: Mapping[str, Any]) -> bytes:
    """Return the bytes of the metadata of an array or a group, from the copy of them in the root."""
    own = {name: value for name, value in member.items() if name != "consolidated_metadata"}
    return json.dumps(own, indent=2).encode()


def implied_keys(root: Mapping[str, Any]) -> set[str]:
    """Return the keys of all objects below a root group that its metadata ask for."""
    keys = {"zarr.json"}
    for name, member in members(root).items():
        keys.add(f"{name}/zarr.json")
        if member["node_type"] == "array":
            steps = member["chunk_grid"]["configuration"]["chunk_shape"]
            counts = (range(-(-size // step)) for size, step in zip(member["shape"], steps, strict=True))
            keys |= {f"{name}/c/{'/'.join(map(str, place))}" for place in product(*counts)}
    return keys


def array_chunks(root: Mapping[str, Any]) -> dict[str, int]:
    """Return array -> number of chunks in one object (0: it is no shard), from the metadata of a root group."""
    return {name: _chunks(member) for name, member in members(root).items() if member["node_type"] == "array"}


def _chunks(array: Mapping[str, Any]) -> int:
    first = array["codecs"][0]
    if first["name"] != "sharding_indexed":
        return 0
    chunks = 1
    shape = array["chunk_grid"]["configuration"]["chunk_shape"]
    for size, inner in zip(shape, first["configuration"]["chunk_shape"], strict=True):
        chunks *= size // inner
    return chunks


def likely_chunks(data: bytes) -> int:
    """Return the number of chunks in an object whose metadata are lost: 0 where it reads as one chunk."""
    return 0 if _intact(data) else layout.STRIDES_PER_SHARD // layout.STRIDES_PER_CHUNK
