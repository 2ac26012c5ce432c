"""Copies of objects, the same in both interfaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from biomech_xr.testing.gcs.contents import Facts
from biomech_xr.testing.gcs.objects import NO_CONDITIONS, Buckets, Conditions
from biomech_xr.testing.gcs.uploads import described


def copied(
    buckets: Buckets,
    source: tuple[str, str],
    target: tuple[str, str],
    *,
    generation: int | None = None,
    conditions: Conditions,
    source_conditions: Conditions = NO_CONDITIONS,
    resource: Mapping[str, object] | None = None,
) -> Facts:
    """Copy an object and return the new one; a resource replaces the metadata.

    Parameters
    ----------
    buckets, source, target
        Bucket and name, from and to.
    generation
        Generation of the source.
    conditions, source_conditions
        Preconditions on the target and on the source.
    resource
        JSON resource of the new object, empty to keep that of the old one.
    """
    old, media = buckets.open(*source, generation=generation, conditions=source_conditions)
    try:
        new = replace(old, name=target[1])
        if resource:
            given = described(resource, name=target[1], content_type=old.content_type)
            new = replace(given, crc32c=old.crc32c, md5=old.md5, components=old.components)
        return buckets.put(target[0], new, media.blocks(0, old.size), conditions)
    finally:
        media.close()
