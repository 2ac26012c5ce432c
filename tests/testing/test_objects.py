"""Objects: generations, preconditions, ranges, checksums and copies, as the real service has them."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from pathlib import Path

import pytest

from biomech_xr.testing.gcs import BUCKET, GcsEmulator
from biomech_xr.testing.gcs.media import span

from .conftest import Raw, object_path

CHECK = b"123456789"
CHECK_CRC32C = 0xE3069283
"""The check value of CRC-32C, from the catalogue of its parameters."""


def test_an_object_comes_back_with_its_checksums(raw: Raw) -> None:
    written = raw.put("a/b c+%/ä", CHECK, contentType="text/plain")
    assert written.status == 200
    assert written.json["crc32c"] == base64.b64encode(CHECK_CRC32C.to_bytes(4, "big")).decode()
    seen = raw.get("a/b c+%/ä")
    assert (seen.status, seen.body) == (200, CHECK)
    assert f"crc32c={written.json['crc32c']}" in seen.headers["x-goog-hash"]
    assert seen.headers["x-goog-generation"] == written.json["generation"]
    assert raw.stat("a/b c+%/ä").json["md5Hash"] == base64.b64encode(hashlib.md5(CHECK).digest()).decode()  # noqa: S324
    assert raw.delete("a/b c+%/ä").status == 204
    assert (raw.get("a/b c+%/ä").status, raw.delete("a/b c+%/ä").status) == (404, 404)


def test_both_interfaces_see_the_same_objects(raw: Raw) -> None:
    put = raw("PUT", f"/{BUCKET}/x/y", body=b"abc", headers={"x-goog-meta-token": "t1", "Content-Type": "text/plain"})
    stat = raw.stat("x/y").json
    assert (stat["generation"], stat["metadata"]) == (put.headers["x-goog-generation"], {"token": "t1"})
    assert stat["contentType"] == "text/plain"
    head = raw("HEAD", f"/{BUCKET}/x/y")
    assert (head.status, head.headers["content-length"], head.body) == (200, "3", b"")
    assert raw("GET", f"/{BUCKET}/x/y").body == raw.get("x/y").body == b"abc"
    assert raw("DELETE", f"/{BUCKET}/x/y").status == 204
    assert b"NoSuchKey" in raw("GET", f"/{BUCKET}/x/y").body


@pytest.mark.parametrize("interface", ["json", "xml"])
def test_preconditions_hold_in_both_interfaces(raw: Raw, interface: str) -> None:
    def put(generation: object) -> int:
        if interface == "json":
            return raw.put("a", b"new", ifGenerationMatch=generation).status
        return raw("PUT", f"/{BUCKET}/a", body=b"new", headers={"x-goog-if-generation-match": str(generation)}).status

    assert (put(7), raw.get("a").status) == (412, 404)
    assert (put(0), put(0)) == (200, 412)
    first = raw.stat("a").json["generation"]
    assert put(first) == 200
    second = raw.stat("a").json["generation"]
    assert int(second) > int(first)
    assert (put(first), raw.delete("a", ifGenerationMatch=first).status) == (412, 412)
    assert (raw.get("a", generation=first).status, raw.get("a", generation=second).status) == (404, 200)
    assert (raw.get("a", ifGenerationNotMatch=second).status, raw.get("a", ifGenerationMatch=first).status) == (
        304,
        412,
    )
    assert raw.delete("a", ifGenerationMatch=second).status == 204


def test_metadata_have_a_generation_of_their_own(raw: Raw) -> None:
    raw.put("a", b"abc")

    def patch(**query: object) -> dict[str, object]:
        body = json.dumps({"metadata": {"k": "v"}, "cacheControl": "no-store"}).encode()
        return raw("PATCH", object_path("a"), body=body, **query).json

    old, new = raw.stat("a").json, patch(ifMetagenerationMatch=1)
    assert (new["generation"], new["metageneration"], new["metadata"]) == (old["generation"], "2", {"k": "v"})
    assert (new["cacheControl"], new["etag"] != old["etag"]) == ("no-store", True)
    assert patch(ifMetagenerationMatch=1)["error"] is not None
    assert raw.stat("a").json["metageneration"] == "2"


def test_one_of_many_creators_wins(gcs: GcsEmulator) -> None:
    seen: list[tuple[int, bytes]] = []

    def create(token: bytes) -> None:
        client = Raw(gcs.url)
        seen.append((client.put("marker", token, ifGenerationMatch=0).status, token))
        client.close()

    threads = [threading.Thread(target=create, args=(bytes([number]),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for status, _ in seen) == [200] + [412] * 7
    client = Raw(gcs.url)
    assert (200, client.get("marker").body) in seen
    client.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bytes=0-0", b"0"),
        ("bytes=2-4", b"234"),
        ("bytes=7-", b"789"),
        ("bytes=7-99", b"789"),
        ("bytes=-3", b"789"),
        ("bytes=-99", b"0123456789"),
    ],
)
@pytest.mark.parametrize("root", [False, True])
def test_ranges(tmp_path: Path, text: str, expected: bytes, root: bool) -> None:
    with GcsEmulator(root=tmp_path if root else None) as gcs:
        raw = Raw(gcs.url)
        raw.put("a", b"0123456789")
        seen = raw.get("a", headers={"Range": text})
        assert (seen.status, seen.body) == (206, expected)
        begin = 10 - len(expected) if text.startswith("bytes=-") else int(text[6])
        assert seen.headers["content-range"] == f"bytes {begin}-{begin + len(expected) - 1}/10"
        raw.close()


def test_a_range_without_bytes_is_refused_and_an_odd_one_ignored(raw: Raw) -> None:
    raw.put("a", b"0123456789")
    beyond = raw.get("a", headers={"Range": "bytes=10-"})
    assert (beyond.status, beyond.headers["content-range"]) == (416, "bytes */10")
    assert raw.get("a", headers={"Range": "bytes=-0"}).status == 416
    for odd in ("bytes=5-2", "lines=1-2", "bytes=0-1,3-4"):
        assert (raw.get("a", headers={"Range": odd}).status, span(odd, 10)) == (200, None)
    raw.put("empty", b"")
    assert (raw.get("empty").body, raw.get("empty", headers={"Range": "bytes=-5"}).status) == (b"", 416)


def test_copies_and_compositions(raw: Raw) -> None:
    raw("PUT", f"/{BUCKET}/a", body=b"abc", headers={"x-goog-meta-k": "v"})
    raw.put("b", b"def")
    new = raw("POST", f"{object_path('a')}/rewriteTo/b/{BUCKET}/o/c%2Fd").json
    assert (new["done"], new["resource"]["metadata"], raw.get("c/d").body) == (True, {"k": "v"}, b"abc")
    assert raw("POST", f"{object_path('a')}/copyTo/b/{BUCKET}/o/b", ifGenerationMatch=0).status == 412
    assert raw("POST", f"{object_path('c/d')}/moveTo/o/e").status == 200
    assert (raw.get("c/d").status, raw.get("e").body) == (404, b"abc")
    sources = json.dumps({"sourceObjects": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}).encode()
    whole = raw("POST", f"{object_path('whole')}/compose", body=sources).json
    assert (raw.get("whole").body, whole["componentCount"], "md5Hash" in raw.stat("whole").json) == (
        b"abcdefabc",
        3,
        False,
    )
    copied = raw("PUT", f"/{BUCKET}/f", headers={"x-goog-copy-source": f"{BUCKET}/b"})
    assert (copied.status, raw.get("f").body) == (200, b"def")


def test_a_batch_deletes_what_is_there(raw: Raw) -> None:
    raw.put("a", b"1")
    parts = "".join(
        f"--sep\r\nContent-Type: application/http\r\nContent-ID: <x+{name}>\r\n\r\n"
        f"DELETE {object_path(name)} HTTP/1.1\r\n\r\n\r\n"
        for name in ("a", "gone")
    )
    headers = {"Content-Type": "multipart/mixed; boundary=sep"}
    body = raw("POST", "/batch/storage/v1", body=(parts + "--sep--").encode(), headers=headers).body.decode()
    assert (body.count("HTTP/1.1 204"), body.count("HTTP/1.1 404"), "<response-x+a>" in body) == (1, 1, True)
    assert raw.get("a").status == 404


def test_a_wrong_checksum_is_refused(raw: Raw) -> None:
    wrong = base64.b64encode(bytes(4)).decode()
    assert raw("PUT", f"/{BUCKET}/a", body=CHECK, headers={"x-goog-hash": f"crc32c={wrong}"}).status == 400
    assert (
        raw("PUT", f"/{BUCKET}/a", body=CHECK, headers={"Content-MD5": base64.b64encode(bytes(16)).decode()}).status
        == 400
    )
    assert raw.get("a").status == 404
    right = base64.b64encode(CHECK_CRC32C.to_bytes(4, "big")).decode()
    assert raw("PUT", f"/{BUCKET}/a", body=CHECK, headers={"x-goog-hash": f"crc32c={right}"}).status == 200
