"""A Zarr store that never reads a lost object as fill values."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Mapping
from typing import Final

import google_crc32c
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore, WrapperStore

from biomech_xr.errors import LostDataError, StoreError
from biomech_xr.store.objects import Url, local_path
from biomech_xr.store.remote_zarr import RemoteStore
from biomech_xr.store.repeated import READS

NOT_LISTED: Final = (
    "not in the list of what was written. Restore the ledger or the manifest, or remove this dataset and write it "
    "again."
)


def is_chunk(key: str) -> bool:
    """Return whether an object holds values of an array (``emg/c/0/0/0``), not metadata."""
    return "/c/" in f"{key}/" and key.rsplit("/", 1)[-1] != "zarr.json"


class CheckedStore(WrapperStore[Store]):
    """A read-only Zarr store that knows what must be there.

    Zarr reads a missing object as fill values without a word; here a listed object that is missing or short raises
    `LostDataError`, and so does a chunk that is not listed: every array is written with its empty chunks, so that no
    chunk may be absent. Metadata objects are compared with their CRC-32 as well (chunks carry a crc32c of their own);
    what comes damaged is fetched twice more, unless it comes the same again.
    """

    def __init__(
        self, store: Store, *, expected: Mapping[str, int], checksums: Mapping[str, int], origin: str = ""
    ) -> None:
        super().__init__(store)
        self.expected = dict(expected)
        self.checksums = dict(checksums)
        self.origin = origin

    def _with_store(self, store: Store) -> CheckedStore:
        return type(self)(store, expected=self.expected, checksums=self.checksums, origin=self.origin)

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """Return the bytes of a key, or raise `LostDataError` when they are not what was written."""
        if key not in self.expected and is_chunk(key):
            raise LostDataError(f"{self.origin}: {key}: {NOT_LISTED}")
        value = await self._store.get(key, prototype, byte_range)
        if key not in self.expected:
            return value
        wanted = _length(self.expected[key], byte_range)
        if byte_range is None and value is not None and not self._intact(key, value.to_bytes()):
            value = await self._again(key, prototype, value)
        if value is None or len(value) != wanted:
            found = "nothing" if value is None else f"{len(value)} bytes"
            raise LostDataError(f"{self.origin}: {key}: found {found}, expected {wanted} bytes. Restore the object.")
        if byte_range is None and key in self.checksums and not self._intact(key, value.to_bytes()):
            raise LostDataError(f"{self.origin}: {key}: the checksum does not match. Restore the object.")
        return value

    async def _again(self, key: str, prototype: BufferPrototype, value: Buffer) -> Buffer | None:
        """Return an object that came damaged as it comes when it is fetched again."""
        for _ in range(READS - 1):
            before = value.to_bytes()
            found = await self._store.get(key, prototype)
            if found is None or found.to_bytes() == before or self._intact(key, found.to_bytes()):
                return found
            value = found
        return value

    def _intact(self, key: str, data: bytes) -> bool:
        """Return whether the bytes of an object agree with its checksum: of metadata in the list, of chunks their own.

        A chunk that does not agree may be a shard, which holds one for each of its chunks.
        """
        if key in self.checksums:
            return zlib.crc32(data) == self.checksums[key]
        return not is_chunk(key) or google_crc32c.value(data[:-4]) == int.from_bytes(data[-4:], "little")

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Return several ranges, each checked as in `get`."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]


def _length(size: int, byte_range: ByteRequest | None) -> int:
    match byte_range:
        case RangeByteRequest(start, end):
            return max(0, min(end, size) - start)
        case OffsetByteRequest(offset):
            return max(0, size - offset)
        case SuffixByteRequest(suffix):
            return min(suffix, size)
        case _:
            return size


def zarr_store(
    url: Url,
    *,
    read_only: bool,
    expected: Mapping[str, int] | None = None,
    checksums: Mapping[str, int] | None = None,
) -> Store:
    """Return the Zarr store at a URL.

    Parameters
    ----------
    url
        Root of the Zarr hierarchy.
    read_only
        Refuse writes.
    expected
        Size in bytes of every object, from a ledger or a manifest: an object that is listed and is missing or short
        raises `LostDataError` when it is read.
    checksums
        CRC-32 of the metadata objects among them.
    """
    if expected is not None and not read_only:
        raise StoreError(f"{os.fspath(url)}: a store with expected objects is for reading. Open it read-only.")
    path = local_path(url)
    store: Store = (
        LocalStore(path, read_only=read_only) if path is not None else RemoteStore(os.fspath(url), read_only=read_only)
    )
    if expected is None:
        return store
    return CheckedStore(store, expected=expected, checksums=checksums or {}, origin=os.fspath(url))
