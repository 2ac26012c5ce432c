"""The XML interface of Google Cloud Storage: what obstore (`object_store`) speaks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import unquote
from xml.sax.saxutils import escape, unescape

from biomech_xr.testing.gcs.answers import Kind, Operation, RefusedError, Reply, Request, whole
from biomech_xr.testing.gcs.contents import Facts
from biomech_xr.testing.gcs.copying import copied
from biomech_xr.testing.gcs.media import media_reply
from biomech_xr.testing.gcs.objects import Buckets, Conditions
from biomech_xr.testing.gcs.resources import PAGE, decode_token, encode_token, stamp
from biomech_xr.testing.gcs.uploads import Session, Uploads, claimed, part_number, verified

XML: Final = {"Content-Type": "application/xml; charset=UTF-8"}
_PART = re.compile(r"<Part>(.*?)</Part>", re.DOTALL)
_TAGS = re.compile(r"<(PartNumber|ETag)>(.*?)</", re.DOTALL)
_CODES: Final = {
    400: "InvalidArgument",
    403: "AccessDenied",
    404: "NoSuchKey",
    409: "Conflict",
    410: "NoSuchUpload",
    412: "PreconditionFailed",
    429: "SlowDown",
    500: "InternalError",
    503: "ServiceUnavailable",
}


def xml_refusal(refused: RefusedError) -> Reply:
    """Return a refusal as the XML interface words it."""
    if refused.status == 304:
        return Reply(status=304)
    code = _CODES.get(refused.status, refused.reason)
    return _xml(
        f"<Error><Code>{code}</Code><Message>{escape(refused.message)}</Message></Error>", status=refused.status
    )


def _xml(text: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    body = f"<?xml version='1.0' encoding='UTF-8'?>{text}".encode(errors="replace")
    return Reply(status=status, headers={**XML, **(headers or {})}, body=body)


def _conditions(headers: Mapping[str, str]) -> Conditions:
    def number(name: str) -> int | None:
        key = f"x-goog-if-{name}-match"
        return whole(headers[key], key) if key in headers else None

    return Conditions(generation=number("generation"), metageneration=number("metageneration"))


def _check_tags(headers: Mapping[str, str], facts: Facts) -> None:
    """Refuse a read whose ``If-Match`` or ``If-None-Match`` does not hold."""
    wanted, unwanted = headers.get("if-match"), headers.get("if-none-match")
    if wanted is not None and wanted.strip() != "*" and facts.etag not in _tags(wanted):
        raise RefusedError(412, "conditionNotMet", "The object is not the one that If-Match names.")
    if unwanted is not None and (unwanted.strip() == "*" or facts.etag in _tags(unwanted)):
        raise RefusedError(304, "notModified", "Not modified.")


def _tags(text: str) -> set[str]:
    return {tag.strip().removeprefix("W/").strip('"') for tag in text.split(",")}


@dataclass(frozen=True, slots=True)
class XmlApi:
    """The operations of the XML interface on some buckets."""

    buckets: Buckets
    uploads: Uploads

    def operation(self, request: Request) -> Operation | None:
        """Return what a request asks for, or None if there is no such operation."""
        first, _, rest = request.path.lstrip("/").partition("/")
        bucket, name, query, method = unquote(first), unquote(rest), request.query, request.method
        if not bucket:
            return None
        if not name:
            return self._on_bucket(request, bucket)
        if "uploads" in query or "uploadId" in query:
            detail = query.get("partNumber", "begin" if "uploads" in query else "end")
            run = partial(self._parts, request, bucket, name)
            return Operation(kind="upload", run=run, bucket=bucket, name=name, detail=f"{detail}", xml=True)
        kind: Kind
        if method == "PUT":
            source = unquote(request.headers.get("x-goog-copy-source", "")).lstrip("/")
            run = partial(self._copy if source else self._put, request, bucket, name)
            kind = "copy" if source else "write"
            return Operation(kind=kind, run=run, bucket=bucket, name=name, detail=source, source=source, xml=True)
        if method == "DELETE":
            return Operation(
                kind="delete", run=partial(self._delete, request, bucket, name), bucket=bucket, name=name, xml=True
            )
        if method not in ("GET", "HEAD"):
            return None
        run = partial(self._read, request, bucket, name)
        kind = "read" if method == "GET" else "stat"
        detail = request.headers.get("range", "") if method == "GET" else ""
        return Operation(kind=kind, run=run, bucket=bucket, name=name, detail=detail, xml=True)

    def _on_bucket(self, request: Request, bucket: str) -> Operation | None:
        query = request.query
        if request.method == "GET":
            keys = ("prefix", "delimiter", "marker", "start-after", "continuation-token")
            detail = " ".join(query.get(key, "") for key in keys)
            return Operation(
                kind="list", run=partial(self._list, request, bucket), bucket=bucket, detail=detail, xml=True
            )
        if request.method == "HEAD":
            return Operation(kind="bucket", run=partial(self._head_bucket, bucket), bucket=bucket, xml=True)
        return None

    def _head_bucket(self, bucket: str) -> Reply:
        self.buckets.need_bucket(bucket)
        return Reply(headers=dict(XML))

    def _list(self, request: Request, bucket: str) -> Reply:
        query = request.query
        token = query.get("continuation-token", "")
        page = self.buckets.listing(
            bucket,
            prefix=query.get("prefix", ""),
            delimiter=query.get("delimiter", ""),
            after=decode_token(token) if token else query.get("start-after") or query.get("marker", ""),
            limit=min(PAGE, max(1, whole(query.get("max-keys", str(PAGE)), "max-keys"))),
        )
        text = "".join(map(_contents, page.objects)) + "".join(
            f"<CommonPrefixes><Prefix>{escape(prefix)}</Prefix></CommonPrefixes>" for prefix in page.prefixes
        )
        more = ""
        if page.after:
            more = f"<NextContinuationToken>{encode_token(page.after)}</NextContinuationToken>"
            more += f"<NextMarker>{escape(page.after)}</NextMarker>"
        return _xml(
            f"<ListBucketResult><Name>{bucket}</Name><Prefix>{escape(query.get('prefix', ''))}</Prefix>"
            f"<KeyCount>{len(page.objects) + len(page.prefixes)}</KeyCount>"
            f"<IsTruncated>{str(bool(page.after)).lower()}</IsTruncated>{more}{text}</ListBucketResult>"
        )

    def _read(self, request: Request, bucket: str, name: str) -> Reply:
        generation = request.query.get("generation")
        facts, media = self.buckets.open(
            bucket,
            name,
            generation=whole(generation, "generation") if generation else None,
            conditions=_conditions(request.headers),
        )
        try:
            _check_tags(request.headers, facts)
        except RefusedError:
            media.close()
            raise
        return media_reply(request, facts, media)

    def _put(self, request: Request, bucket: str, name: str) -> Reply:
        data = request.received(memoryview(request.body))
        facts = verified(_described(request, name), data, claimed(request))
        return _written(self.buckets.put(bucket, facts, [data], _conditions(request.headers)))

    def _copy(self, request: Request, bucket: str, name: str) -> Reply:
        source, _, old = unquote(request.headers["x-goog-copy-source"]).lstrip("/").partition("/")
        facts = copied(self.buckets, (source, old), (bucket, name), conditions=_conditions(request.headers))
        reply = _written(facts)
        reply.body = f'<CopyObjectResult><ETag>"{facts.etag}"</ETag></CopyObjectResult>'.encode()
        return reply

    def _delete(self, request: Request, bucket: str, name: str) -> Reply:
        self.buckets.remove(bucket, name, conditions=_conditions(request.headers))
        return Reply(status=204)

    def _parts(self, request: Request, bucket: str, name: str) -> Reply:
        query, method = request.query, request.method
        if method == "POST" and "uploads" in query:
            session = Session(bucket=bucket, facts=_described(request, name), conditions=Conditions())
            number = self.uploads.begin(session)
            inner = f"<Bucket>{bucket}</Bucket><Key>{escape(name)}</Key><UploadId>{number}</UploadId>"
            return _xml(f"<InitiateMultipartUploadResult>{inner}</InitiateMultipartUploadResult>")
        number = query.get("uploadId", "")
        if method == "PUT" and "partNumber" in query:
            return Reply(headers={"ETag": f'"{self.uploads.add_part(number, part_number(query), request)}"'})
        if method == "DELETE":
            self.uploads.cancel(number)
            return Reply(status=204)
        if method != "POST":
            raise RefusedError(400, "InvalidArgument", f"No such operation on an upload: {method}.")
        facts = self.uploads.complete(number, _listed(request), _conditions(request.headers))
        inner = f'<Bucket>{bucket}</Bucket><Key>{escape(name)}</Key><ETag>"{facts.etag}"</ETag>'
        headers = {"ETag": f'"{facts.etag}"', "x-goog-generation": str(facts.generation)}
        return _xml(f"<CompleteMultipartUploadResult>{inner}</CompleteMultipartUploadResult>", headers=headers)


def _described(request: Request, name: str) -> Facts:
    begin = "x-goog-meta-"
    metadata = {key.removeprefix(begin): value for key, value in request.headers.items() if key.startswith(begin)}
    kind = request.headers.get("content-type") or "application/octet-stream"
    return Facts(name=name, size=0, crc32c=-1, content_type=kind, metadata=metadata)


def _written(facts: Facts) -> Reply:
    headers = {"ETag": f'"{facts.etag}"', "x-goog-generation": str(facts.generation)}
    return Reply(headers={**XML, **headers, "x-goog-metageneration": str(facts.metageneration)})


def _listed(request: Request) -> list[tuple[int, str]]:
    """Return number and tag of the parts that a completing request lists."""
    listed = []
    for part in _PART.findall(bytes(request.body).decode(errors="replace")):
        tags = {name: unescape(value, {"&quot;": '"'}).strip().strip('"') for name, value in _TAGS.findall(part)}
        listed.append((whole(tags.get("PartNumber", ""), "PartNumber"), tags.get("ETag", "")))
    if not listed:
        raise RefusedError(400, "MalformedXML", "The request lists no part.")
    return listed


def _contents(facts: Facts) -> str:
    return (
        f"<Contents><Key>{escape(facts.name)}</Key><Generation>{facts.generation}</Generation>"
        f"<MetaGeneration>{facts.metageneration}</MetaGeneration><LastModified>{stamp(facts.updated)}</LastModified>"
        f'<ETag>"{facts.etag}"</ETag><Size>{facts.size}</Size></Contents>'
    )
