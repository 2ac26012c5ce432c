"""How the JSON interface words objects, buckets, refusals, page tokens and preconditions."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from biomech_xr.testing.gcs.answers import RefusedError, Reply, whole
from biomech_xr.testing.gcs.contents import Facts, base64_crc
from biomech_xr.testing.gcs.objects import Conditions

PAGE: Final = 1000
"""Largest number of entries on a page of a listing."""


def conditions(query: Mapping[str, str], *, source: bool = False) -> Conditions:
    """Return the preconditions of a request, or those on the source of a copy."""
    begin = "ifSource" if source else "if"

    def number(name: str) -> int | None:
        key = f"{begin}{name}Match"
        return whole(query[key], key) if key in query else None

    return Conditions(
        generation=number("Generation"),
        not_generation=number("GenerationNot"),
        metageneration=number("Metageneration"),
        not_metageneration=number("MetagenerationNot"),
    )


def stamp(seconds: float) -> str:
    """Return a time in the spelling of the API."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def resource(bucket: str, facts: Facts) -> dict[str, Any]:
    """Return an object's JSON resource."""
    value: dict[str, Any] = {
        "kind": "storage#object",
        "id": f"{bucket}/{facts.name}/{facts.generation}",
        "name": facts.name,
        "bucket": bucket,
        "generation": str(facts.generation),
        "metageneration": str(facts.metageneration),
        "contentType": facts.content_type,
        "storageClass": "STANDARD",
        "size": str(facts.size),
        "crc32c": base64_crc(facts.crc32c),
        "etag": facts.etag,
        "timeCreated": stamp(facts.created),
        "updated": stamp(facts.updated),
        **facts.headers,
    }
    if facts.md5 is not None:
        value["md5Hash"] = base64.b64encode(facts.md5).decode()
    if facts.components:
        value["componentCount"] = facts.components
    if facts.metadata:
        value["metadata"] = dict(facts.metadata)
    return value


def json_reply(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a value as a JSON reply."""
    fixed = {"Content-Type": "application/json; charset=UTF-8", **(headers or {})}
    return Reply(status=status, headers=fixed, body=json.dumps(value).encode())


def json_refusal(refused: RefusedError) -> Reply:
    """Return a refusal as the JSON interface words it."""
    if refused.status == 304:
        return Reply(status=304)
    detail = {"message": refused.message, "domain": "global", "reason": refused.reason}
    error = {"code": refused.status, "message": refused.message, "errors": [detail]}
    return json_reply({"error": error}, status=refused.status)


def encode_token(after: str) -> str:
    """Return the page token that continues behind a name."""
    return base64.urlsafe_b64encode(after.encode()).decode()


def decode_token(token: str) -> str:
    """Return the name that a page token continues behind, or refuse the request."""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise RefusedError(400, "invalid", f"Invalid page token: {token!r}.") from error


def bucket_resource(name: str) -> dict[str, str]:
    """Return the JSON resource of a bucket."""
    fixed = {"location": "US", "locationType": "multi-region", "storageClass": "STANDARD", "metageneration": "1"}
    return {"kind": "storage#bucket", "id": name, "name": name, **fixed}
