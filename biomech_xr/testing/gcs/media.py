"""Replies that carry the bytes of an object, whole or in a range, the same in both interfaces."""

from __future__ import annotations

import base64
import re
from email.utils import formatdate

from biomech_xr.testing.gcs.answers import Media, Reply, Request
from biomech_xr.testing.gcs.contents import Facts, base64_crc

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def media_headers(facts: Facts) -> dict[str, str]:
    """Return the headers that describe an object beside its bytes."""
    sums = f"crc32c={base64_crc(facts.crc32c)}"
    if facts.md5 is not None:
        sums += f",md5={base64.b64encode(facts.md5).decode()}"
    headers = {
        "Content-Type": facts.content_type,
        "ETag": f'"{facts.etag}"',
        "Last-Modified": formatdate(facts.updated, usegmt=True),
        "Accept-Ranges": "bytes",
        "x-goog-generation": str(facts.generation),
        "x-goog-metageneration": str(facts.metageneration),
        "x-goog-hash": sums,
        "x-goog-stored-content-length": str(facts.size),
        "x-goog-storage-class": "STANDARD",
    }
    return headers | {f"x-goog-meta-{key}": value for key, value in facts.metadata.items()}


def span(text: str, size: int) -> tuple[int, int] | None:
    """Return start and stop of a ``Range`` header, or None for the whole object.

    A header that is no single range of bytes is ignored, as the standard asks. A range without any byte of the object
    returns an empty span.
    """
    found = _RANGE.fullmatch(text.strip())
    if found is None or found[0] == "bytes=-":
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    start, stop = int(first), min(int(last) + 1, size) if last else size
    return (start, stop) if start < stop else (size, size)


def media_reply(request: Request, facts: Facts, media: Media) -> Reply:
    """Return an object's bytes, or those of the range asked for: 200, 206 or 416."""
    headers = media_headers(facts)
    asked = span(request.headers.get("range", ""), facts.size)
    if asked is None:
        return Reply(headers=headers, media=media, stop=facts.size)
    start, stop = asked
    if start >= stop:
        media.close()
        body = b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>InvalidRange</Code></Error>"
        return Reply(status=416, headers={"Content-Range": f"bytes */{facts.size}"}, body=body)
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{facts.size}"
    return Reply(status=206, headers=headers, media=media, start=start, stop=stop)
