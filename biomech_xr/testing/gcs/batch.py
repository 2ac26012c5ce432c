"""Batches of the JSON interface: several small requests in one, as clients send them to delete many objects."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from biomech_xr.testing.gcs.answers import Operation, RefusedError, Reply, Request
from biomech_xr.testing.gcs.resources import json_refusal

LIMIT: Final = 100
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')
_INNER = re.compile(r"^(GET|DELETE|PATCH) (\S+) HTTP/", re.MULTILINE)
_ID = re.compile(r"content-id: *<?([^>\s]+)", re.IGNORECASE)
_MARK: Final = "batch_of_the_emulator"


def batch(request: Request, find: Callable[[Request], Operation | None]) -> Operation | None:
    """Return a batch as one operation, or None if the request is none.

    Parameters
    ----------
    request
        Any request.
    find
        Gives the operation of each inner request.
    """
    if request.method != "POST" or not request.path.startswith("/batch"):
        return None
    return Operation(kind="batch", run=lambda: _run(request, find))


def _run(request: Request, find: Callable[[Request], Operation | None]) -> Reply:
    boundary = _BOUNDARY.search(request.headers.get("content-type", ""))
    if boundary is None:
        raise RefusedError(400, "badContent", "The Content-Type of a batch names no boundary.")
    parts = bytes(request.body).decode(errors="replace").replace("\r\n", "\n").split(f"--{boundary[1]}")[1:-1]
    if len(parts) > LIMIT:
        raise RefusedError(400, "invalid", f"A batch takes {LIMIT} requests; this one has {len(parts)}.")
    text = ""
    for part in parts:
        reply, name = _one(part, find), _ID.search(part)
        text += (
            f"--{_MARK}\r\nContent-Type: application/http\r\n"
            f"Content-ID: <response-{name[1] if name else ''}>\r\n\r\n"
            f"HTTP/1.1 {reply.status} -\r\nContent-Type: application/json\r\nContent-Length: {len(reply.body)}\r\n\r\n"
            f"{reply.body.decode()}\r\n"
        )
    headers = {"Content-Type": f"multipart/mixed; boundary={_MARK}"}
    return Reply(headers=headers, body=f"{text}--{_MARK}--\r\n".encode())


def _one(part: str, find: Callable[[Request], Operation | None]) -> Reply:
    found = _INNER.search(part)
    if found is None:
        return json_refusal(RefusedError(400, "badRequest", "A part of the batch holds no request."))
    url = urlsplit(found[2])
    _, _, body = part[found.end() :].partition("\n\n")
    inner = Request(
        method=found[1],
        path=url.path,
        query=dict(parse_qsl(url.query, keep_blank_values=True)),
        headers={},
        body=bytearray(body.strip().encode()),
    )
    operation = find(inner)
    if operation is None or operation.kind not in ("stat", "delete", "update"):
        return json_refusal(RefusedError(400, "badRequest", f"No such request in a batch: {found[1]} {found[2]}."))
    try:
        return operation.run()
    except RefusedError as refused:
        return json_refusal(refused)
