"""The JSON interface of Google Cloud Storage: what gcsfs and Google's own client speak."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

from biomech_xr.testing.gcs.answers import Kind, Operation, RefusedError, Reply, Request, whole
from biomech_xr.testing.gcs.contents import Facts
from biomech_xr.testing.gcs.copying import copied
from biomech_xr.testing.gcs.media import media_reply
from biomech_xr.testing.gcs.objects import NO_CONDITIONS, Buckets
from biomech_xr.testing.gcs.resources import (
    PAGE,
    bucket_resource,
    conditions,
    decode_token,
    encode_token,
    json_reply,
    resource,
)
from biomech_xr.testing.gcs.uploads import Session, Uploads, claimed, described, related, verified

_BUCKETS = re.compile(r"/storage/v1/b/?")
_BUCKET = re.compile(r"/storage/v1/b/([^/]+)(/storageLayout)?")
_LISTING = re.compile(r"/storage/v1/b/([^/]+)/o/?")
_COPY = re.compile(r"/storage/v1/b/([^/]+)/o/([^/]+)/(rewriteTo|copyTo|moveTo)/(?:b/([^/]+)/)?o/([^/]+)")
_COMPOSE = re.compile(r"/storage/v1/b/([^/]+)/o/([^/]+)/compose")
_OBJECT = re.compile(r"(?:/download)?/storage/v1/b/([^/]+)/o/([^/]+)")
_UPLOAD = re.compile(r"(?:/resumable)?/upload/storage/v1/b/([^/]+)/o")


@dataclass(frozen=True, slots=True)
class JsonApi:
    """The operations of the JSON interface on some buckets."""

    buckets: Buckets
    uploads: Uploads

    def operation(self, request: Request) -> Operation | None:
        """Return what a request asks for, or None if its path is not of this interface."""
        path = request.path
        if not path.startswith(("/storage/v1/", "/download/", "/upload/", "/resumable/")):
            return None
        if found := _BUCKETS.fullmatch(path):
            return Operation(kind="bucket", run=partial(self._all_buckets, request))
        if found := _BUCKET.fullmatch(path):
            bucket = unquote(found[1])
            run = partial(self._one_bucket, request, bucket, layout=bool(found[2]))
            return Operation(kind="bucket", run=run, bucket=bucket)
        if (found := _LISTING.fullmatch(path)) and request.method == "GET":
            bucket, query = unquote(found[1]), request.query
            detail = " ".join(query.get(key, "") for key in ("prefix", "delimiter", "startOffset", "pageToken"))
            return Operation(kind="list", run=partial(self._list, request, bucket), bucket=bucket, detail=detail)
        if found := _UPLOAD.fullmatch(path):
            return self._upload(request, unquote(found[1]))
        return self._object(request)

    def _object(self, request: Request) -> Operation | None:
        path, method = request.path, request.method
        if (found := _COPY.fullmatch(path)) and method == "POST":
            bucket, name, verb = unquote(found[1]), unquote(found[2]), found[3]
            target, new = unquote(found[4] or found[1]), unquote(found[5])
            run = partial(self._copy, request, (bucket, name), (target, new), verb)
            source = f"{bucket}/{name}"
            return Operation(kind="copy", run=run, bucket=target, name=new, detail=f"{verb} {source}", source=source)
        if (found := _COMPOSE.fullmatch(path)) and method == "POST":
            bucket, name = unquote(found[1]), unquote(found[2])
            return Operation(
                kind="compose", run=partial(self._compose, request, bucket, name), bucket=bucket, name=name
            )
        found = _OBJECT.fullmatch(path)
        if found is None:
            return None
        bucket, name = unquote(found[1]), unquote(found[2])
        media = request.query.get("alt") == "media" or path.startswith("/download/")
        known: dict[str, tuple[Kind, Callable[..., Reply]]] = {
            "GET": ("read", self._read) if media else ("stat", self._stat),
            "DELETE": ("delete", self._delete),
            "PATCH": ("update", self._update),
            "PUT": ("update", self._update),
        }
        if method not in known:
            return None
        kind, act = known[method]
        detail = request.headers.get("range", "")
        return Operation(kind=kind, run=partial(act, request, bucket, name), bucket=bucket, name=name, detail=detail)

    def _all_buckets(self, request: Request) -> Reply:
        if request.method == "POST":
            name = str(request.json().get("name", ""))
            self.buckets.make_bucket(name)
            return json_reply(bucket_resource(name))
        items = [bucket_resource(name) for name in self.buckets.bucket_names()]
        return json_reply({"kind": "storage#buckets", "items": items})

    def _one_bucket(self, request: Request, bucket: str, *, layout: bool) -> Reply:
        self.buckets.need_bucket(bucket)
        if request.method == "DELETE":
            self.buckets.remove_bucket(bucket)
            return Reply(status=204)
        if layout:
            return json_reply({"kind": "storage#storageLayout", "bucket": bucket, "location": "US"})
        return json_reply(bucket_resource(bucket))

    def _list(self, request: Request, bucket: str) -> Reply:
        query = request.query
        page = self.buckets.listing(
            bucket,
            prefix=query.get("prefix", ""),
            delimiter=query.get("delimiter", ""),
            after=decode_token(query["pageToken"]) if query.get("pageToken") else "",
            start=query.get("startOffset", ""),
            stop=query.get("endOffset", ""),
            limit=min(PAGE, max(1, whole(query.get("maxResults", str(PAGE)), "maxResults"))),
        )
        value: dict[str, Any] = {
            "kind": "storage#objects",
            "items": [resource(bucket, facts) for facts in page.objects],
        }
        if page.prefixes:
            value["prefixes"] = page.prefixes
        if page.after:
            value["nextPageToken"] = encode_token(page.after)
        return json_reply(value)

    def _read(self, request: Request, bucket: str, name: str) -> Reply:
        facts, media = self.buckets.open(
            bucket, name, generation=_generation(request.query), conditions=conditions(request.query)
        )
        return media_reply(request, facts, media)

    def _stat(self, request: Request, bucket: str, name: str) -> Reply:
        facts = self.buckets.facts(
            bucket, name, generation=_generation(request.query), conditions=conditions(request.query)
        )
        return json_reply(resource(bucket, facts))

    def _delete(self, request: Request, bucket: str, name: str) -> Reply:
        query = request.query
        self.buckets.remove(bucket, name, generation=_generation(query), conditions=conditions(query))
        return Reply(status=204)

    def _update(self, request: Request, bucket: str, name: str) -> Reply:
        value = request.json()
        old = self.buckets.facts(bucket, name)
        new = described(value, name=name, content_type=old.content_type)
        metadata, headers = new.metadata, new.headers
        if request.method == "PATCH":
            given = value.get("metadata")
            removed = {key for key, item in given.items() if item is None} if isinstance(given, dict) else set()
            metadata = {key: item for key, item in {**old.metadata, **new.metadata}.items() if key not in removed}
            headers = {**old.headers, **new.headers}
        changes = {"metadata": metadata, "headers": headers, "content_type": new.content_type}
        return json_reply(resource(bucket, self.buckets.update(bucket, name, changes, conditions(request.query))))

    def _copy(self, request: Request, source: tuple[str, str], target: tuple[str, str], verb: str) -> Reply:
        query = request.query
        generation = whole(query["sourceGeneration"], "sourceGeneration") if "sourceGeneration" in query else None
        if verb == "moveTo":
            old, media = self.buckets.open(*source, generation=generation)
            media.close()
            generation = old.generation
        facts = copied(
            self.buckets, source, target,
            generation=generation, conditions=conditions(query), source_conditions=conditions(query, source=True),
            resource=request.json(),
        )  # fmt: skip
        if verb == "moveTo":
            self.buckets.remove(*source, generation=generation, conditions=NO_CONDITIONS)
        new = resource(target[0], facts)
        if verb != "rewriteTo":
            return json_reply(new)
        sizes = {"totalBytesRewritten": new["size"], "objectSize": new["size"], "done": True}
        return json_reply({"kind": "storage#rewriteResponse", **sizes, "resource": new})

    def _compose(self, request: Request, bucket: str, name: str) -> Reply:
        value = request.json()
        sources, target = value.get("sourceObjects"), value.get("destination")
        if not isinstance(sources, list) or not 1 <= len(sources) <= 32:
            raise RefusedError(400, "invalid", "A compose request names 1 to 32 source objects.")
        named = [item if isinstance(item, dict) else {} for item in sources]
        opened = []
        try:
            for item in named:
                generation = whole(str(item["generation"]), "generation") if item.get("generation") else None
                opened.append(self.buckets.open(bucket, str(item.get("name", "")), generation=generation))
            facts = described(target if isinstance(target, dict) else {}, name=name)
            facts = replace(facts, components=sum(max(1, part.components) for part, _ in opened))
            blocks = [block for part, media in opened for block in media.blocks(0, part.size)]
            facts = self.buckets.put(bucket, facts, blocks, conditions(request.query))
        finally:
            for _, media in opened:
                media.close()
        return json_reply(resource(bucket, facts))

    def _upload(self, request: Request, bucket: str) -> Operation | None:
        query = request.query
        if "upload_id" in query:
            number = query["upload_id"]
            run = partial(self._chunk, request, bucket, number)
            detail = request.headers.get("content-range", "")
            return Operation(kind="upload", run=run, bucket=bucket, name=self.uploads.name(number), detail=detail)
        if query.get("uploadType") == "resumable":
            value = request.json()
            facts = described(
                value, name=query.get("name", ""), content_type=request.headers.get("x-upload-content-type", "")
            )
            sums: dict[str, object] = {key: value[key] for key in ("crc32c", "md5Hash") if key in value}
            session = Session(bucket=bucket, facts=facts, conditions=conditions(query), sums=sums)
            run = partial(self._begin, request, session)
            return Operation(kind="upload", run=run, bucket=bucket, name=facts.name, detail="begin")
        if query.get("uploadType") == "multipart":
            value, payload, kind = related(request)
            facts = described(value, name=query.get("name", ""), content_type=kind)
        elif query.get("uploadType") == "media":
            value, payload = {}, memoryview(request.body)
            facts = described({}, name=query.get("name", ""), content_type=request.headers.get("content-type", ""))
        else:
            return None
        run = partial(self._insert, request, bucket, facts, payload, {**claimed(request), **value})
        return Operation(kind="write", run=run, bucket=bucket, name=facts.name)

    def _insert(
        self, request: Request, bucket: str, facts: Facts, payload: memoryview, sums: Mapping[str, object]
    ) -> Reply:
        data = request.received(payload)
        facts = self.buckets.put(bucket, verified(facts, data, sums), [data], conditions(request.query))
        return json_reply(resource(bucket, facts))

    def _begin(self, request: Request, session: Session) -> Reply:
        number = self.uploads.begin(session)
        host = request.headers.get("host", "localhost")
        name = quote(session.facts.name, safe="")
        place = f"http://{host}/upload/storage/v1/b/{quote(session.bucket)}/o?uploadType=resumable&name={name}"
        return Reply(headers={"Location": f"{place}&upload_id={number}", "X-GUploader-UploadID": number})

    def _chunk(self, request: Request, bucket: str, number: str) -> Reply:
        if request.method == "DELETE":
            self.uploads.cancel(number)
            return Reply(status=499)
        facts, kept = self.uploads.add(number, request)
        if facts is not None:
            return json_reply(resource(bucket, facts))
        return Reply(status=308, headers={"Range": f"bytes=0-{kept - 1}"} if kept else {})


def _generation(query: Mapping[str, str]) -> int | None:
    return whole(query["generation"], "generation") if query.get("generation") else None
