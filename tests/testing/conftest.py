"""An emulator for each test, and a client that shows every reply as it comes."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest

from biomech_xr.testing.gcs import BUCKET, GcsEmulator


@dataclass(frozen=True)
class Seen:
    """A reply: status, headers in lower case, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Raw:
    """HTTP without retries. One connection, opened again where the server closed it."""

    def __init__(self, url: str, *, timeout: float = 20.0) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)

    def __call__(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        **query: object,
    ) -> Seen:
        url = path + ("?" + urlencode(query) if query else "")
        try:
            self._connection.request(method, url, body=body or None, headers=headers or {})
            reply = self._connection.getresponse()
            return Seen(reply.status, {key.lower(): value for key, value in reply.getheaders()}, reply.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def put(self, name: str, body: bytes, **query: object) -> Seen:
        return self("POST", f"/upload/storage/v1/b/{BUCKET}/o", body=body, uploadType="media", name=name, **query)

    def get(self, name: str, *, headers: dict[str, str] | None = None, **query: object) -> Seen:
        return self("GET", object_path(name), headers=headers, alt="media", **query)

    def stat(self, name: str, **query: object) -> Seen:
        return self("GET", object_path(name), **query)

    def delete(self, name: str, **query: object) -> Seen:
        return self("DELETE", object_path(name), **query)

    def list(self, **query: object) -> Seen:
        return self("GET", f"/storage/v1/b/{BUCKET}/o", **query)


def object_path(name: str) -> str:
    return f"/storage/v1/b/{BUCKET}/o/{quote(name, safe='')}"


@pytest.fixture
def gcs() -> Iterator[GcsEmulator]:
    with GcsEmulator() as emulator:
        yield emulator


@pytest.fixture
def raw(gcs: GcsEmulator) -> Iterator[Raw]:
    with Raw(gcs.url) as client:
        yield client
