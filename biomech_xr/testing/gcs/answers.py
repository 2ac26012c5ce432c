"""Requests, replies and refusals, as the two interfaces of the emulator exchange them with its server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

Kind = Literal[
    "read", "stat", "list", "write", "upload", "copy", "compose", "update", "delete", "bucket", "batch", "none"
]

KINDS: Final[tuple[Kind, ...]] = (
    "read",
    "stat",
    "list",
    "write",
    "upload",
    "copy",
    "compose",
    "update",
    "delete",
    "bucket",
    "batch",
    "none",
)
"""What a request does. ``write`` sets an object in one request, ``upload`` is a step of an upload in pieces."""

CHANGES: Final = frozenset({"write", "upload", "copy", "compose", "update", "delete", "batch"})
"""Kinds that change an object: those a read-only rule forbids."""


class RefusedError(Exception):
    """A request that ends with an HTTP error.

    Parameters
    ----------
    status
        HTTP status.
    reason
        Google's word for it, such as ``conditionNotMet``.
    message
        One sentence for people.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message


class Media(Protocol):
    """The bytes of one object, opened for one reply."""

    def blocks(self, start: int, stop: int) -> Iterable[memoryview]:
        """Yield the bytes from ``start`` to before ``stop`` in order."""
        ...

    def close(self) -> None:
        """Let go of whatever the reply held."""
        ...


@dataclass(kw_only=True, slots=True)
class Request:
    """One HTTP request: names of headers in lower case, path still quoted, query unquoted."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytearray = field(default_factory=bytearray)
    spoil: Callable[[memoryview], memoryview] | None = None

    def received(self, payload: memoryview) -> memoryview:
        """Return the bytes of an object as they arrived, damaged where a fault says so."""
        return self.spoil(payload) if self.spoil is not None and len(payload) else payload

    def json(self) -> dict[str, object]:
        """Return the body as a JSON object; an empty body is an empty object."""
        return as_object(self.body)


@dataclass(kw_only=True, slots=True)
class Reply:
    """One HTTP reply: either `body`, or bytes `start` to `stop` of `media`."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    media: Media | None = None
    start: int = 0
    stop: int = 0

    @property
    def size(self) -> int:
        """Number of bytes in the body."""
        return self.stop - self.start if self.media is not None else len(self.body)

    def blocks(self) -> Iterable[memoryview]:
        """Yield the body in order."""
        if self.media is not None:
            yield from self.media.blocks(self.start, self.stop)
        elif self.body:
            yield memoryview(self.body)


@dataclass(kw_only=True, slots=True)
class Operation:
    """What a request asks for, known before it has any effect.

    `detail` tells requests for one object apart (range, page, part), without anything random, so that faults drawn from
    it are the same in every run. `source` is the ``bucket/object`` that a copy reads.
    """

    kind: Kind
    run: Callable[[], Reply]
    bucket: str = ""
    name: str = ""
    detail: str = ""
    source: str = ""
    xml: bool = False

    @property
    def target(self) -> str:
        """Bucket and object, as patterns of rules see them."""
        return f"{self.bucket}/{self.name}" if self.name else self.bucket


def as_object(data: bytes | bytearray | memoryview) -> dict[str, object]:
    """Return JSON text as an object, or refuse the request."""
    if not data:
        return {}
    try:
        value = json.loads(bytes(data))
    except ValueError as error:
        raise RefusedError(400, "parseError", f"The body is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise RefusedError(400, "parseError", "The body is not a JSON object.")
    return value


def whole(text: str, what: str) -> int:
    """Return a whole number, or refuse the request."""
    if not text.isascii() or not text.isdigit():
        raise RefusedError(400, "invalidParameter", f"{what} is {text!r}, not a whole number.")
    return int(text)
