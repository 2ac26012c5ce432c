"""Bytes of objects with what is known of them, and where they are kept: the interface, and memory."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from biomech_xr.testing.gcs.answers import Media


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known of an object besides its bytes. Times are seconds since 1970."""

    name: str
    size: int
    crc32c: int
    md5: bytes | None = None
    generation: int = 0
    metageneration: int = 1
    content_type: str = "application/octet-stream"
    metadata: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    components: int = 0
    created: float = 0.0
    updated: float = 0.0

    @property
    def etag(self) -> str:
        """Tag that changes with every generation and every change of metadata."""
        return f"{self.generation:x}-{self.metageneration:x}"


class Content(Protocol):
    """The bytes of a committed object."""

    def open(self) -> Media:
        """Return the bytes for one reply; they stay whole when the object is replaced meanwhile."""
        ...

    def remove(self) -> None:
        """Forget the bytes."""
        ...


class Staged(Protocol):
    """Bytes that have arrived and are no object yet."""

    def commit(self, bucket: str, facts: Facts) -> Content:
        """Make them the object, in one step."""
        ...

    def discard(self) -> None:
        """Forget them."""
        ...


class Contents(Protocol):
    """Where the bytes of objects are kept."""

    def buckets(self) -> Iterator[tuple[str, Iterable[tuple[Facts, Content]]]]:
        """Yield what is kept from earlier: buckets with their objects."""
        ...

    def add_bucket(self, bucket: str) -> None:
        """Keep a new bucket."""
        ...

    def remove_bucket(self, bucket: str) -> None:
        """Forget an empty bucket."""
        ...

    def stage(self, bucket: str, blocks: Iterable[memoryview]) -> Staged:
        """Take bytes in, without any visible effect."""
        ...


class _MemoryMedia:
    def __init__(self, view: memoryview) -> None:
        self._view = view

    def blocks(self, start: int, stop: int) -> Iterable[memoryview]:
        """Yield the bytes in one piece."""
        if stop > start:
            yield self._view[start:stop]

    def close(self) -> None:
        """Hold nothing."""


class _MemoryBytes:
    """Bytes in memory, staged and committed alike."""

    def __init__(self, view: memoryview) -> None:
        self._view = view

    def commit(self, bucket: str, facts: Facts) -> Content:  # noqa: ARG002
        """Return itself."""
        return self

    def discard(self) -> None:
        """Hold nothing."""

    def open(self) -> Media:
        """Return a view of the bytes."""
        return _MemoryMedia(self._view)

    def remove(self) -> None:
        """Hold nothing."""


class MemoryContents:
    """Objects that live as long as the emulator."""

    def buckets(self) -> Iterator[tuple[str, Iterable[tuple[Facts, Content]]]]:
        """Yield nothing: memory starts empty."""
        yield from ()

    def add_bucket(self, bucket: str) -> None:
        """Need no preparation."""

    def remove_bucket(self, bucket: str) -> None:
        """Need no removal."""

    def stage(self, bucket: str, blocks: Iterable[memoryview]) -> Staged:  # noqa: ARG002
        """Keep the bytes, without a copy where they come in one piece."""
        parts = list(blocks)
        return _MemoryBytes(parts[0] if len(parts) == 1 else memoryview(b"".join(parts)))


def crc32c(blocks: Iterable[bytes | memoryview | bytearray]) -> int:
    """Return the CRC-32C of bytes, as Google Cloud Storage reports it."""
    import google_crc32c  # comes with zarr
    import numpy as np

    total = 0
    for block in blocks:
        total = google_crc32c.extend(total, np.frombuffer(block, dtype=np.uint8))  # it takes no memoryview
    return int(total)


def base64_crc(value: int) -> str:
    """Return a CRC-32C in the spelling of the API."""
    return base64.b64encode(value.to_bytes(4, "big")).decode()


def md5_of(parts: Iterable[memoryview]) -> bytes:
    """Return the MD5 of bytes."""
    digest = hashlib.md5(usedforsecurity=False)
    for part in parts:
        digest.update(part)
    return digest.digest()
