"""Storage that is no disk as Zarr sees it; every request goes through `biomech_xr.store.remote`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TypeVar

from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype

from biomech_xr.store import remote
from biomech_xr.store.clients import MISSING

_T = TypeVar("_T")


async def threaded(call: Callable[[], _T]) -> _T:
    """Return what a call gives that sends requests, made on a thread for them."""
    return await asyncio.get_running_loop().run_in_executor(remote.request_pool(), call)


class RemoteStore(Store):
    """A Zarr store below a URL. It holds the URL alone, so it can be sent to another process."""

    supports_writes = True
    supports_deletes = True
    supports_listing = True

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        super().__init__(read_only=read_only)
        self.url = url.rstrip("/")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemoteStore) and (other.url, other.read_only) == (self.url, self.read_only)

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return self.url

    def __repr__(self) -> str:
        return f"RemoteStore({self.url!r})"

    def with_read_only(self, read_only: bool = False) -> RemoteStore:  # noqa: FBT001, FBT002
        """Return the same place, to be read alone or not."""
        return RemoteStore(self.url, read_only=read_only)

    def _at(self, key: str) -> str:
        return f"{self.url}/{key}".rstrip("/")

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """Return the bytes of a key, None where it is not there."""
        try:
            data = await threaded(lambda: self._read(key, byte_range))
        except MISSING:
            return None
        return prototype.buffer.from_bytes(data)

    def _read(self, key: str, byte_range: ByteRequest | None) -> bytes:
        url = self._at(key)
        match byte_range:
            case RangeByteRequest(start, end):
                return remote.fetch(url, start, end)
            case OffsetByteRequest(offset):
                return remote.fetch(url, offset, None)
            case SuffixByteRequest(suffix):
                size = remote.size(url)
                return remote.fetch(url, max(0, size - suffix), size)
            case _:
                return remote.fetch(url)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Return several ranges, asked for at the same time."""
        return list(await asyncio.gather(*(self.get(key, prototype, wanted) for key, wanted in key_ranges)))

    async def exists(self, key: str) -> bool:
        """Return whether a key is there."""
        try:
            await threaded(lambda: remote.size(self._at(key)))
        except MISSING:
            return False
        return True

    async def set(self, key: str, value: Buffer) -> None:
        """Write a key."""
        self._check_writable()
        data = value.to_bytes()
        await threaded(lambda: remote.put(self._at(key), data))

    async def delete(self, key: str) -> None:
        """Remove a key; nothing there is no error."""
        self._check_writable()
        await threaded(lambda: remote.remove(self._at(key)))

    async def list(self) -> AsyncIterator[str]:
        """Yield all keys."""
        async for key in self.list_prefix(""):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Yield the keys that begin with a prefix."""
        folder = prefix.rpartition("/")[0]
        below = await threaded(lambda: remote.sizes(self._at(folder)))
        for key in below:
            if (whole := f"{folder}/{key}" if folder else key).startswith(prefix):
                yield whole

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield the names directly below a prefix."""
        for name in await threaded(lambda: remote.names(self._at(prefix.rstrip("/")))):
            yield name
