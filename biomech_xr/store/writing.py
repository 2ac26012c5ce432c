"""A new Zarr group on its way into a store: every object is read back and compared before anything says that it exists.

What storage holds of an object is compared with what was sent, never with itself: an object that was damaged on its way
in is put again. Objects are put create-only: where another run writes at the same place, whoever comes second to an
object stops there, unless it brings the same bytes.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import zarr
from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import WrapperStore

from biomech_xr.errors import NotAStoreError, OccupiedError, StoreError
from biomech_xr.store import layout
from biomech_xr.store.checked import zarr_store
from biomech_xr.store.objects import Url, join, plain, put_bytes
from biomech_xr.store.remote_zarr import threaded
from biomech_xr.store.repeated import TRIES
from biomech_xr.store.rereading import is_same, read_intact

ALONE: Final = "Let one run at a time write to an output, or choose another output."


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """One object as it was sent: its size in bytes, and the CRC-32 of them."""

    size: int
    checksum: int

    @classmethod
    def of(cls, data: bytes) -> Sent:
        """Return what identifies these bytes."""
        return cls(size=len(data), checksum=zlib.crc32(data))


def put_verified(url: Url, data: bytes, *, replace: bool = False, lasting: bool = False) -> Sent:
    """Write an object, read it back, and write it again where it came in damaged.

    Parameters
    ----------
    url, data
        Where, and the bytes.
    replace
        Write in place of another object; else an object that is there must hold the same bytes already.
    lasting
        As for `objects.put_bytes`.

    Raises
    ------
    OccupiedError
        Another object is there, or somebody removed this one.
    StoreError
        It came in damaged `repeated.TRIES` times, or storage fails.
    """
    for _ in range(TRIES):
        try:
            put_bytes(url, data, create_only=not replace, lasting=lasting)
        except FileExistsError as error:
            if _reads_back(url, data):
                return Sent.of(data)
            raise OccupiedError(
                f"{url}: another run is writing here, or wrote other data before; nothing of this object was changed. "
                f"{ALONE}"
            ) from error
        if _reads_back(url, data):
            return Sent.of(data)
        replace = True  # what lies there is ours, and damaged
    raise StoreError(
        f"{url}: reads back differently than it was written, {TRIES} times. Check the disk or the network, then run "
        "again: nothing was sealed."
    )


def _reads_back(url: Url, data: bytes) -> bool:
    try:
        return is_same(url, data)
    except NotAStoreError as error:
        raise OccupiedError(
            f"{url}: removed as soon as it was written, another run is writing here. {ALONE}"
        ) from error


class VerifiedStore(WrapperStore[Store]):
    """The Zarr store of one new group; `sent` holds what was put under each key.

    Of the group it sees what it wrote itself alone. The root's own metadata are the only object that is written twice,
    when those of the arrays are copied into it: they are replaced only while they are as this store wrote them.
    """

    def __init__(self, store: Store, *, url: str, sent: dict[str, Sent] | None = None) -> None:
        super().__init__(store)
        self.url = url
        self.sent: dict[str, Sent] = {} if sent is None else sent

    def _with_store(self, store: Store) -> VerifiedStore:
        return type(self)(store, url=self.url, sent=self.sent)

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """Return the bytes of a key that this store wrote and nobody replaced, None for any other key."""
        if (sent := self.sent.get(key)) is None:
            return None
        if byte_range is not None:
            return await super().get(key, prototype, byte_range)
        return prototype.buffer.from_bytes(await threaded(lambda: read_own(self.url, key, sent)))

    async def exists(self, key: str) -> bool:
        """Return whether this store wrote a key."""
        return key in self.sent

    async def set(self, key: str, value: Buffer) -> None:
        """Write a key, and read it back; errors as `put_verified`."""
        self._check_writable()
        data = value.to_bytes()
        await threaded(lambda: self._put(key, data))

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Write a key that this store did not write."""
        if key not in self.sent:
            await self.set(key, value)

    async def _set_many(self, values: Iterable[tuple[str, Buffer]]) -> None:
        for key, value in values:
            await self.set(key, value)

    def _put(self, key: str, data: bytes) -> None:
        before = self.sent.get(key)
        if before is not None:
            read_own(self.url, key, before, Sent.of(data))
        self.sent[key] = put_verified(join(self.url, key), data, replace=before is not None)


def read_own(url: Url, key: str, *sent: Sent) -> bytes:
    """Return the bytes of an object as it was sent, one time or another; `OccupiedError` where it is none of these."""
    with suppress(NotAStoreError):
        data = read_intact(join(url, key), lambda data: Sent.of(data) not in sent)
        if Sent.of(data) in sent:
            return data
    raise OccupiedError(f"{url}: another run is writing here and replaced the data of this one. {ALONE}")


def create_root(url: Url, attributes: Mapping[str, Any]) -> zarr.Group:
    """Return a new Zarr group whose attributes hold our marker from the first byte, see `VerifiedStore`.

    Raises
    ------
    OccupiedError
        A group is there, of another run.
    """
    store = VerifiedStore(zarr_store(url, read_only=False), url=str(url))
    return zarr.create_group(store, zarr_format=3, attributes={"format": layout.FORMAT, **plain(attributes)})


def sent_to(group: zarr.Group) -> dict[str, Sent]:
    """Return what was put under each key of a group that `create_root` returned."""
    store = group.store
    if not isinstance(store, VerifiedStore):
        raise TypeError(f"found {type(store).__name__}, expected the store of a group that create_root returned")
    return store.sent


def consolidate(group: zarr.Group) -> None:
    """Copy the metadata of all arrays into the root, so that a reader fetches one object instead of twenty."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata")
        zarr.consolidate_metadata(group.store, zarr_format=3)
