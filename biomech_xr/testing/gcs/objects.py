"""Buckets and objects with generations and preconditions, strongly consistent under many threads."""

from __future__ import annotations

import bisect
import re
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from biomech_xr.testing.gcs.answers import Media, RefusedError
from biomech_xr.testing.gcs.contents import Content, Contents, Facts, Staged, crc32c, md5_of

BUCKET_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
LONGEST_NAME: Final = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """Preconditions of one request; None is no condition, generation 0 means that there must be no object."""

    generation: int | None = None
    not_generation: int | None = None
    metageneration: int | None = None
    not_metageneration: int | None = None

    def check(self, facts: Facts | None, *, reading: bool = False) -> None:
        """Refuse the request unless the object is as the conditions say; a read that finds no change answers 304."""
        generation = facts.generation if facts else 0
        metageneration = facts.metageneration if facts else 0
        wrong = self.generation not in (None, generation) or self.metageneration not in (None, metageneration)
        same = self.not_generation == generation or (facts is not None and self.not_metageneration == metageneration)
        if wrong or (same and not reading):
            raise RefusedError(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
        if same:
            raise RefusedError(304, "notModified", "Not modified.")


NO_CONDITIONS: Final = Conditions()


@dataclass(kw_only=True, slots=True)
class _Bucket:
    names: list[str] = field(default_factory=list)
    objects: dict[str, tuple[Facts, Content]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One page of a listing; `after` continues it and is empty on the last page."""

    objects: list[Facts]
    prefixes: list[str]
    after: str


class Buckets:
    """All buckets of an emulator.

    Parameters
    ----------
    contents
        Where bytes are kept: in memory or in a folder.
    md5
        Compute the MD5 of every object as it arrives (400 MB/s a core). Without, an object has one once its own
        metadata were asked for; like composite objects of the real service, others report only their CRC-32C.
    """

    def __init__(self, contents: Contents, *, md5: bool = False) -> None:
        self._contents = contents
        self._md5 = md5
        self._lock = threading.RLock()
        self._buckets: dict[str, _Bucket] = {}
        self._generation = 0
        for name, objects in contents.buckets():
            found = {facts.name: (facts, content) for facts, content in objects}
            self._buckets[name] = _Bucket(names=sorted(found), objects=found)
            self._generation = max([self._generation, *(facts.generation for facts, _ in found.values())])

    def bucket_names(self) -> list[str]:
        """Return the names of all buckets, in order."""
        with self._lock:
            return sorted(self._buckets)

    def make_bucket(self, name: str) -> None:
        """Add an empty bucket."""
        if not BUCKET_NAME.fullmatch(name):
            raise RefusedError(400, "invalid", f"Invalid bucket name: {name!r}.")
        with self._lock:
            if name in self._buckets:
                raise RefusedError(409, "conflict", f"The bucket {name} exists already.")
            self._contents.add_bucket(name)
            self._buckets[name] = _Bucket()

    def remove_bucket(self, name: str) -> None:
        """Remove an empty bucket."""
        with self._lock:
            if self._bucket(name).names:
                raise RefusedError(409, "conflict", "The bucket you tried to delete is not empty.")
            self._contents.remove_bucket(name)
            del self._buckets[name]

    def need_bucket(self, name: str) -> None:
        """Refuse the request if there is no such bucket."""
        with self._lock:
            self._bucket(name)

    def _bucket(self, name: str) -> _Bucket:
        bucket = self._buckets.get(name)
        if bucket is None:
            raise RefusedError(404, "notFound", f"The specified bucket does not exist: {name}.")
        return bucket

    def _found(self, bucket: str, name: str, generation: int | None = None) -> tuple[Facts, Content]:
        found = self._bucket(bucket).objects.get(name)
        if found is None or generation not in (None, found[0].generation):
            raise RefusedError(404, "notFound", f"No such object: {bucket}/{name}.")
        return found

    def check(self, bucket: str, name: str, conditions: Conditions) -> None:
        """Refuse the request unless the object, or its absence, meets the conditions."""
        with self._lock:
            found = self._bucket(bucket).objects.get(name)
            conditions.check(found[0] if found else None)

    def open(
        self, bucket: str, name: str, *, generation: int | None = None, conditions: Conditions = NO_CONDITIONS
    ) -> tuple[Facts, Media]:
        """Return an object and its bytes, which belong together whatever is written meanwhile; close them."""
        with self._lock:
            facts, content = self._found(bucket, name, generation)
            conditions.check(facts, reading=True)
            return facts, content.open()

    def facts(
        self, bucket: str, name: str, *, generation: int | None = None, conditions: Conditions = NO_CONDITIONS
    ) -> Facts:
        """Return what is known of an object, its MD5 included unless it is a composite."""
        facts, media = self.open(bucket, name, generation=generation, conditions=conditions)
        try:
            if facts.md5 is not None or facts.components:
                return facts
            known = replace(facts, md5=md5_of(media.blocks(0, facts.size)))
        finally:
            media.close()
        with self._lock:
            objects = self._bucket(bucket).objects
            if name in objects and objects[name][0] is facts:
                objects[name] = (known, objects[name][1])
        return known

    def put(self, bucket: str, facts: Facts, blocks: Iterable[memoryview], conditions: Conditions) -> Facts:
        """Set an object in one step, if it meets the conditions, and return it with its new generation.

        Parameters
        ----------
        bucket
            An existing bucket.
        facts
            Name, type and metadata; sizes, checksums, times and generations are set here.
        blocks
            The bytes. A CRC-32C in ``facts`` other than -1 is believed, another is computed.
        conditions
            Checked in the same instant in which the object is replaced.
        """
        if not 0 < len(facts.name.encode(errors="surrogatepass")) <= LONGEST_NAME:
            raise RefusedError(400, "invalid", f"The name of an object takes 1 to {LONGEST_NAME} bytes.")
        if not facts.name.isascii() and any("\ud800" <= letter <= "\udfff" for letter in facts.name):
            raise RefusedError(400, "invalid", "The name of an object is Unicode text.")
        self.check(bucket, facts.name, conditions)
        parts = list(blocks)
        facts = replace(facts, size=sum(map(len, parts)), crc32c=crc32c(parts) if facts.crc32c < 0 else facts.crc32c)
        if self._md5 and facts.md5 is None and not facts.components:
            facts = replace(facts, md5=md5_of(parts))
        staged = self._contents.stage(bucket, parts)
        try:
            with self._lock:
                return self._commit(bucket, facts, staged, conditions)
        except (RefusedError, OSError):
            staged.discard()
            raise

    def _commit(self, bucket: str, facts: Facts, staged: Staged, conditions: Conditions) -> Facts:
        place = self._bucket(bucket)
        old = place.objects.get(facts.name)
        conditions.check(old[0] if old else None)
        now = time.time()
        self._generation = max(self._generation + 1, int(now * 1e6))
        facts = replace(facts, generation=self._generation, metageneration=1, created=now, updated=now)
        place.objects[facts.name] = (facts, staged.commit(bucket, facts))
        if old is None:
            bisect.insort(place.names, facts.name)
        return facts

    def update(self, bucket: str, name: str, changes: Mapping[str, object], conditions: Conditions) -> Facts:
        """Change the metadata of an object and return it; the bytes and the generation stay."""
        with self._lock:
            facts, content = self._found(bucket, name)
            conditions.check(facts)
            known = replace(facts, **changes, metageneration=facts.metageneration + 1, updated=time.time())  # type: ignore[arg-type]
            media = content.open()
            try:
                staged = self._contents.stage(bucket, media.blocks(0, facts.size))
            finally:
                media.close()
            self._bucket(bucket).objects[name] = (known, staged.commit(bucket, known))
            return known

    def remove(self, bucket: str, name: str, *, generation: int | None = None, conditions: Conditions) -> None:
        """Remove an object that meets the conditions."""
        with self._lock:
            facts, content = self._found(bucket, name, generation)
            conditions.check(facts)
            place = self._bucket(bucket)
            del place.objects[name]
            del place.names[bisect.bisect_left(place.names, name)]
            content.remove()

    def listing(
        self,
        bucket: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        after: str = "",
        start: str = "",
        stop: str = "",
        limit: int,
    ) -> Page:
        """Return one page of a listing.

        Parameters
        ----------
        bucket
            An existing bucket.
        prefix, delimiter
            List names that begin with ``prefix``; those that go on beyond the next ``delimiter`` are summed up as one
            common prefix.
        after
            What the page before returned: list only what follows it.
        start, stop
            List names from ``start``, included, to before ``stop``.
        limit
            Largest number of objects and common prefixes on a page.
        """
        with self._lock:
            place = self._bucket(bucket)
            names, objects = place.names, place.objects
            position = bisect.bisect_left(names, max(prefix, start))
            if after:
                position = max(position, _behind(names, after, delimiter, prefix))
            page = Page(objects=[], prefixes=[], after="")
            last = ""
            while position < len(names) and names[position].startswith(prefix):
                if stop and names[position] >= stop:
                    break
                if len(page.objects) + len(page.prefixes) == limit:
                    return replace(page, after=last)
                name = names[position]
                cut = name.find(delimiter, len(prefix)) if delimiter else -1
                if cut < 0:
                    page.objects.append(objects[name][0])
                    last = name
                else:
                    last = name[: cut + len(delimiter)]
                    page.prefixes.append(last)
                position = _behind(names, last, delimiter, prefix)
            return page


def _behind(names: list[str], last: str, delimiter: str, prefix: str) -> int:
    """Return the position behind a name, or behind all names below a common prefix."""
    if delimiter and last.endswith(delimiter) and len(last) > len(prefix):
        return bisect.bisect_left(names, last[:-1] + chr(ord(last[-1]) + 1))
    return bisect.bisect_right(names, last)
