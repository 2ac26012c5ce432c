"""Buckets, permissions, and what a server does with requests that are none."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomech_xr.errors import ConfigError, StoreError
from biomech_xr.testing.gcs import BUCKET, GcsEmulator
from biomech_xr.testing.gcs.answers import Request

from .conftest import Raw


def test_buckets_come_and_go(raw: Raw) -> None:
    def make(name: str) -> int:
        return raw("POST", "/storage/v1/b", body=json.dumps({"name": name}).encode(), project="p").status

    assert (make("other"), make("other"), make("No")) == (200, 409, 400)
    raw("PUT", "/other/a", body=b"1")
    assert raw("DELETE", "/storage/v1/b/other").status == 409
    raw("DELETE", "/other/a")
    assert (raw("DELETE", "/storage/v1/b/other").status, raw("GET", "/storage/v1/b/other").status) == (204, 404)
    for missing in ("/storage/v1/b/other/o", "/storage/v1/b/other/o/a", "/other", "/other/a"):
        assert raw("GET", missing).status == 404
    assert raw("PUT", "/other/a", body=b"1").status == 404
    assert raw("POST", "/upload/storage/v1/b/other/o", body=b"1", uploadType="media", name="a").status == 404


def test_permissions() -> None:
    with GcsEmulator(buckets=("open", "shut"), forbidden=("shut", "open/secret/*"), read_only=("open/done/*",)) as gcs:
        raw = Raw(gcs.url)
        assert (raw("GET", "/shut").status, raw("GET", "/storage/v1/b/shut/o").status) == (403, 403)
        assert (raw("GET", "/shut/a").status, raw("PUT", "/shut/a", body=b"1").status) == (403, 403)
        assert (raw("GET", "/open/secret/a").status, raw("PUT", "/open/done/a", body=b"1").status) == (403, 403)
        assert (raw("GET", "/open/done/a").status, raw("PUT", "/open/b", body=b"1").status) == (404, 200)
        for source in ("shut/a", "open/secret/a"):
            assert raw("PUT", "/open/c", headers={"x-goog-copy-source": source}).status == 403
        assert raw("POST", "/storage/v1/b/shut/o/a/copyTo/b/open/o/c").status == 403
        raw.close()


@pytest.mark.parametrize(
    "wrong",
    ["NOT HTTP\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n", "PUT /b/a HTTP/1.1\r\nContent-Length: x\r\n\r\n"],
)
def test_nonsense_is_answered_400(gcs: GcsEmulator, wrong: str) -> None:
    with socket.create_connection(("127.0.0.1", int(gcs.url.rsplit(":", 1)[1])), timeout=10) as sock:
        sock.sendall(wrong.encode())
        assert sock.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_chunked_bodies_arrive_whole(gcs: GcsEmulator, raw: Raw) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(gcs.url.rsplit(":", 1)[1]), timeout=10)
    parts = [b"a" * 100_000, b"b", b"c" * 7]
    connection.request(
        "PUT", f"/{BUCKET}/a", body=iter(parts), encode_chunked=True, headers={"Transfer-Encoding": "chunked"}
    )
    assert connection.getresponse().status == 200
    connection.close()
    assert raw.get("a").body == b"".join(parts)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: GcsEmulator(buckets=("UPPER",)), ConfigError),
        (lambda: GcsEmulator(latency=-1), ConfigError),
        (lambda: GcsEmulator(host="192.0.2.1").start(), StoreError),
        (lambda: GcsEmulator(port=70_000).start(), StoreError),
    ],
)
def test_an_impossible_emulator_is_refused(make: Callable[[], object], error: type[Exception]) -> None:
    with pytest.raises(error, match=r"Use 3|expected 0|cannot listen"):
        make()


_WORDS = st.sampled_from(["", "a", "a/b", "%2F", "biomech", "\ud800", "ä", "-1", "1", "*", "0" * 1100, "%FF"])
_PATHS = st.sampled_from(
    [
        "/storage/v1/b/biomech/o/{}",
        "/storage/v1/b/{}/o",
        "/storage/v1/b/biomech/o/{}/compose",
        "/storage/v1/b/biomech/o/a/rewriteTo/b/biomech/o/{}",
        "/upload/storage/v1/b/biomech/o",
        "/batch/storage/v1",
        "/biomech/{}",
        "/{}",
        "/storage/{}",
    ]
)
_KEYS = ("uploadType", "name", "alt", "upload_id", "uploads", "uploadId", "partNumber", "pageToken", "maxResults")
_TEXTS = ("media", "multipart", "resumable")
_HEADERS = ("range", "content-range", "content-type", "x-goog-hash", "x-goog-copy-source", "x-goog-if-generation-match")
_BODIES = (
    b'{"name": "\\ud800"}',
    b'{"sourceObjects": [1, {"name": "a", "generation": "x"}]}',
    b'{"metadata": [1], "name": 5}',
    b"<Part><PartNumber>x</PartNumber></Part>\xff",
    b"--b\r\nGET /x HTTP/1.1\r\n\r\n\xff--b--",
)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_request_is_answered(data: st.DataObject) -> None:
    gcs = GcsEmulator()
    service = gcs._service
    for _ in range(2):
        method = data.draw(st.sampled_from(["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "ODD"]))
        query = data.draw(st.dictionaries(st.sampled_from(_KEYS), _WORDS | st.sampled_from(_TEXTS), max_size=3))
        texts = _WORDS | st.sampled_from(["bytes=1-2", "bytes 0-1/*", "x; boundary=b", "crc32c", "md5=a"])
        headers = data.draw(st.dictionaries(st.sampled_from(_HEADERS), texts, max_size=3))
        body = data.draw(st.sampled_from(_BODIES) | st.binary(max_size=30))
        path = data.draw(_PATHS).format(data.draw(_WORDS))
        answer = service.answer(Request(method=method, path=path, query=query, headers=headers, body=bytearray(body)))
        assert 200 <= answer.reply.status < 500
        assert sum(map(len, answer.blocks())) == answer.reply.size
        answer.close()
