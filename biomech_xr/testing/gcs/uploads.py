"""Uploads: one request, a multipart body, a resumable session, or parts of the XML interface.

Sessions live in memory: an emulator that starts again knows none of the old ones and answers 410, as the real service
does for a session that has expired.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from biomech_xr.testing.gcs.answers import RefusedError, Request, as_object, whole
from biomech_xr.testing.gcs.contents import Facts, base64_crc, crc32c
from biomech_xr.testing.gcs.objects import Buckets, Conditions

QUANTUM: Final = 256 * 1024
"""A resumable session keeps multiples of this many bytes until the last chunk."""

_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')
_KEPT = ("cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "customTime")


def described(resource: Mapping[str, object], *, name: str = "", content_type: str = "") -> Facts:
    """Return an object's facts from its JSON resource; a name in the query wins over one in the resource."""
    metadata = resource.get("metadata")
    return Facts(
        name=name or str(resource.get("name", "")),
        size=0,
        crc32c=-1,
        content_type=str(resource.get("contentType") or content_type or "application/octet-stream"),
        metadata={str(key): str(value) for key, value in metadata.items()} if isinstance(metadata, dict) else {},
        headers={key: str(resource[key]) for key in _KEPT if resource.get(key) is not None},
    )


def claimed(request: Request) -> dict[str, str]:
    """Return the checksums that a client sent in headers, by their names in the JSON interface."""
    sums = dict(pair.strip().split("=", 1) for pair in request.headers.get("x-goog-hash", "").split(",") if "=" in pair)
    found = {"crc32c": sums.get("crc32c", ""), "md5Hash": sums.get("md5") or request.headers.get("content-md5", "")}
    return {name: value for name, value in found.items() if value}


def verified(facts: Facts, payload: memoryview, sums: Mapping[str, object]) -> Facts:
    """Return the facts with the checksums of the bytes, or refuse bytes that are not what the client says they are."""
    facts = replace(facts, crc32c=crc32c([payload]))
    if sums.get("crc32c") and sums["crc32c"] != base64_crc(facts.crc32c):
        raise RefusedError(400, "invalid", f"Provided CRC32C {sums['crc32c']!r} doesn't match the bytes that arrived.")
    if sums.get("md5Hash"):
        facts = replace(facts, md5=hashlib.md5(payload, usedforsecurity=False).digest())
        if sums["md5Hash"] != base64.b64encode(facts.md5 or b"").decode():
            raise RefusedError(
                400, "invalid", f"Provided MD5 {sums['md5Hash']!r} doesn't match the bytes that arrived."
            )
    return facts


def related(request: Request) -> tuple[dict[str, object], memoryview, str]:
    """Return resource, bytes and content type of a ``multipart/related`` body.

    Lines may end with CRLF, as the standard says, or with LF alone, as some clients send them.
    """
    found = _BOUNDARY.search(request.headers.get("content-type", ""))
    if found is None:
        raise RefusedError(400, "badContent", "The Content-Type of a multipart upload names no boundary.")
    body, mark = request.body, b"--" + found[1].encode()
    first = body.find(mark)
    end = b"\r\n" if body[first + len(mark) : first + len(mark) + 2] == b"\r\n" else b"\n"
    second = body.find(end + mark, first + len(mark))
    last = body.rfind(end + mark + b"--")
    text = body.find(end * 2, first)
    payload = body.find(end * 2, second + len(end))
    if min(first, second, last, text, payload) < 0 or text > second or payload + 2 * len(end) > last:
        raise RefusedError(400, "badContent", "The body is no multipart upload of a resource and an object.")
    kind = re.search(rb"content-type: *([^\r\n]+)", bytes(body[second:payload]), re.IGNORECASE)
    resource = as_object(body[text + 2 * len(end) : second])
    view = memoryview(body)[payload + 2 * len(end) : last]
    return resource, view, kind[1].decode("latin-1").strip() if kind else ""


@dataclass(kw_only=True, slots=True)
class Session:
    """One upload in pieces, until it becomes an object."""

    bucket: str
    facts: Facts
    conditions: Conditions
    sums: dict[str, object] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)
    parts: dict[int, bytearray] = field(default_factory=dict)
    done: Facts | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Uploads:
    """The uploads in pieces that are under way."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets
        self._sessions: dict[str, Session] = {}

    def begin(self, session: Session) -> str:
        """Start an upload whose object could be written now, and return its id."""
        self._buckets.check(session.bucket, session.facts.name, session.conditions)
        number = uuid.uuid4().hex
        self._sessions[number] = session
        return number

    def name(self, number: str) -> str:
        """Return the name of the object of an upload, empty if there is no such upload."""
        session = self._sessions.get(number)
        return session.facts.name if session else ""

    def session(self, number: str) -> Session:
        """Return an upload, or refuse the request."""
        session = self._sessions.get(number)
        if session is None:
            raise RefusedError(410, "gone", "There is no such upload. Start it again.")
        return session

    def cancel(self, number: str) -> None:
        """Forget an upload and what has arrived."""
        self.session(number)
        self._sessions.pop(number, None)

    def add(self, number: str, request: Request) -> tuple[Facts | None, int]:
        """Take in a chunk of a resumable upload, or a question how far it got.

        Returns
        -------
        tuple[Facts | None, int]
            The object if the upload is complete; and how many bytes were kept.
        """
        session = self.session(number)
        payload = memoryview(request.body)
        text = request.headers.get("content-range") or f"bytes 0-{len(payload) - 1}/{len(payload)}"
        found = _RANGE.fullmatch(text) or (re.fullmatch(r"bytes (0)-(-1)/(0)", text) if not payload else None)
        if found is None:
            raise RefusedError(400, "invalid", f"Content-Range is {text!r}; this is no range of an upload.")
        with session.lock:
            if session.done is not None:
                return session.done, session.done.size
            total = None if found[3] == "*" else int(found[3])
            if found[1] is not None and payload:
                self._append(session, request, int(found[1]), payload, total)
            if total is not None and len(session.data) == total:
                session.done = self._finish(session, memoryview(session.data), session.sums)
                session.data = bytearray()
                return session.done, session.done.size
            return None, len(session.data)

    def _append(self, session: Session, request: Request, start: int, payload: memoryview, total: int | None) -> None:
        kept = len(session.data)
        if start > kept:
            raise RefusedError(503, "backendError", f"The chunk begins at {start}, but only {kept} bytes have arrived.")
        fresh = request.received(payload[kept - start :])
        end = kept + len(fresh)
        if total is None or end < total:
            fresh = fresh[: max(0, end // QUANTUM * QUANTUM - kept)]
        session.data += fresh

    def add_part(self, number: str, part: int, request: Request) -> str:
        """Take in one numbered part and return its tag."""
        session = self.session(number)
        verified(session.facts, memoryview(request.body), claimed(request))
        data = request.received(memoryview(request.body))
        with session.lock:
            session.parts[part] = request.body if data.obj is request.body else bytearray(data)
        return hashlib.md5(data, usedforsecurity=False).hexdigest()

    def complete(self, number: str, listed: list[tuple[int, str]], conditions: Conditions) -> Facts:
        """Make the listed parts an object; asked again after a lost reply, return that object."""
        session = self.session(number)
        with session.lock:
            if session.done is not None:
                return session.done
            for part, tag in listed:
                data = session.parts.get(part)
                if data is None or (tag and tag != hashlib.md5(data, usedforsecurity=False).hexdigest()):
                    raise RefusedError(400, "InvalidPart", f"Part {part} has not arrived as it is listed.")
            whole_body = memoryview(b"".join(session.parts[part] for part, _ in sorted(listed)))
            session.conditions = conditions
            session.facts = replace(session.facts, components=len(listed))
            session.done = self._finish(session, whole_body, {})
            session.parts = {}
            return session.done

    def _finish(self, session: Session, data: memoryview, sums: Mapping[str, object]) -> Facts:
        facts = verified(session.facts, data, sums)
        return self._buckets.put(session.bucket, facts, [data], session.conditions)


def part_number(query: Mapping[str, str]) -> int:
    """Return the number of a part, or refuse the request."""
    number = whole(query["partNumber"], "partNumber")
    if not 1 <= number <= 10_000:
        raise RefusedError(400, "InvalidArgument", f"partNumber is {number}; parts are numbered 1 to 10000.")
    return number
