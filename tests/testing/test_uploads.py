"""Uploads in pieces: nothing is seen before the end, and a lost reply can be asked for again."""

from __future__ import annotations

import hashlib
import json
import os
from urllib.parse import urlsplit

import pytest

from biomech_xr.testing.gcs import BUCKET, Faults, GcsEmulator, Rule
from biomech_xr.testing.gcs.uploads import QUANTUM

from .conftest import Raw, Seen


def begin(raw: Raw, name: str = "big", **query: object) -> tuple[int, str]:
    body = json.dumps({"name": name, "metadata": {"unit": "7"}}).encode()
    seen = raw("POST", f"/upload/storage/v1/b/{BUCKET}/o", body=body, uploadType="resumable", **query)
    parts = urlsplit(seen.headers.get("location", ""))
    return seen.status, f"{parts.path}?{parts.query}"


def send(raw: Raw, place: str, data: bytes, start: int, total: object) -> Seen:
    span = f"{start}-{start + len(data) - 1}" if data else "*"
    return raw("PUT", place, body=data, headers={"Content-Range": f"bytes {span}/{total}"})


def test_a_resumable_upload_in_quanta(raw: Raw) -> None:
    data = os.urandom(3 * QUANTUM + 12_345)
    _, place = begin(raw)
    assert "range" not in send(raw, place, b"", 0, "*").headers
    first = send(raw, place, data[: QUANTUM + 1000], 0, "*")
    assert (first.status, first.headers["range"]) == (308, f"bytes=0-{QUANTUM - 1}")
    assert send(raw, place, b"", 0, "*").headers["range"] == first.headers["range"]
    assert send(raw, place, data[3 * QUANTUM :], 3 * QUANTUM, len(data)).status == 503
    again = send(raw, place, data[: 2 * QUANTUM], 0, "*")
    assert (again.headers["range"], raw.get("big").status) == (f"bytes=0-{2 * QUANTUM - 1}", 404)
    done = send(raw, place, data[2 * QUANTUM :], 2 * QUANTUM, len(data))
    assert (done.status, done.json["size"], done.json["metadata"]) == (200, str(len(data)), {"unit": "7"})
    assert raw.get("big").body == data
    assert send(raw, place, b"", 0, "*").json["generation"] == done.json["generation"]


def test_a_lost_last_reply_is_recognized(gcs: GcsEmulator, raw: Raw) -> None:
    _, place = begin(raw)
    gcs.faults = Faults(rules=(Rule(action="lost_reply", kind="upload"),))
    with pytest.raises(OSError, match=r"closed connection|reset"):
        send(raw, place, b"x" * 10, 0, 10)
    assert send(raw, place, b"", 0, 10).status == 200
    assert raw.get("big").body == b"x" * 10


def test_the_total_may_come_at_the_end(raw: Raw) -> None:
    _, place = begin(raw)
    assert send(raw, place, b"y" * QUANTUM, 0, "*").status == 308
    assert send(raw, place, b"", 0, QUANTUM).status == 200
    _, place = begin(raw, "empty")
    assert (send(raw, place, b"", 0, 0).status, raw.get("empty").body) == (200, b"")


def test_create_only_holds_at_begin_and_at_the_end(raw: Raw) -> None:
    status, place = begin(raw, ifGenerationMatch=0)
    assert status == 200
    raw.put("big", b"other")
    assert begin(raw, ifGenerationMatch=0)[0] == 412
    assert (send(raw, place, b"mine", 0, 4).status, raw.get("big").body) == (412, b"other")


def test_a_canceled_upload_is_gone(raw: Raw) -> None:
    _, place = begin(raw)
    assert (raw("DELETE", place).status, send(raw, place, b"x", 0, 1).status) == (499, 410)
    assert raw.get("big").status == 404


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("data", [b"", b"\n", b"a\r\n", b"--sep\r\n--se", bytes(range(256)) * 40])
def test_a_multipart_body_keeps_every_byte(raw: Raw, end: str, data: bytes) -> None:
    head = f'--==0=={end}Content-Type: application/json{end}{end}{{"name": "m"}}{end}--==0=={end}'
    body = f"{head}Content-Type: text/x{end}{end}".encode() + data + f"{end}--==0==--{end}".encode()
    headers = {"Content-Type": 'multipart/related; boundary="==0=="'}
    seen = raw("POST", f"/upload/storage/v1/b/{BUCKET}/o", body=body, headers=headers, uploadType="multipart")
    assert (seen.status, seen.json.get("contentType"), raw.get("m").body) == (200, "text/x", data)


def test_a_broken_multipart_body_is_refused(raw: Raw) -> None:
    headers = {"Content-Type": "multipart/related; boundary=sep"}
    for body in (b"", b"--sep\r\n\r\n{}\r\n", b"--sep\r\n\r\n{\r\n--sep\r\n\r\nx\r\n--sep--"):
        seen = raw("POST", f"/upload/storage/v1/b/{BUCKET}/o", body=body, headers=headers, uploadType="multipart")
        assert seen.status == 400


def test_parts_become_one_object(raw: Raw) -> None:
    begun = raw("POST", f"/{BUCKET}/p?uploads").body.decode()
    number = begun.partition("<UploadId>")[2].partition("<")[0]
    parts = {2: b"second", 1: b"first "}
    for part, data in parts.items():
        tag = raw("PUT", f"/{BUCKET}/p", body=data, partNumber=part, uploadId=number).headers["etag"]
        assert tag == f'"{hashlib.md5(data).hexdigest()}"'  # noqa: S324
    assert raw.get("p").status == 404

    def complete(*listed: int) -> int:
        body = "".join(f"<Part><PartNumber>{part}</PartNumber></Part>" for part in listed)
        text = f"<CompleteMultipartUpload>{body}</CompleteMultipartUpload>".encode()
        return raw("POST", f"/{BUCKET}/p", body=text, uploadId=number).status

    assert (complete(1, 2, 3), complete()) == (400, 400)
    assert (complete(1, 2), complete(1, 2)) == (200, 200)
    assert raw.get("p").body == b"first second"
