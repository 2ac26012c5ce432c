"""Closing a strides product: a part is sealed when it is whole, and the manifest of its source lists the parts."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from biomech_xr.errors import LostDataError, NotAStoreError, OccupiedError
from biomech_xr.store import layout, ledger
from biomech_xr.store.integrity import implied_keys
from biomech_xr.store.objects import Url, join, read_sealed, sealed_or_none, sizes_of, write_sealed
from biomech_xr.store.part import intact_shards, part_entry
from biomech_xr.store.rereading import read_intact
from biomech_xr.store.template import ALL_SETTINGS

_FACTS = ("chain", "dataset", "config_hash", "software", "fingerprint", "size")
PARSED_BY: Final = "recordings_software"
"""What parsed the recordings that a part was made of; lists that were written before it was known have none."""

_LISTED = ("fingerprint", "size", "software", "objects", "checksums", "counts", "recordings", "digest")


def finish(
    root: Url, chain: str, dataset: str, fingerprints: Sequence[str], *, config_hash: str = ""
) -> dict[str, Any]:
    """Seal the parts of a source, write its ``MANIFEST.json`` that lists them, and return it.

    No reader opens a part that is not sealed. The manifest says which parts are the source's strides now; `publish`
    makes a version of it, which stays when the manifest changes.

    Parameters
    ----------
    root, chain, dataset
        URL of the store; names of the chain and of the source.
    fingerprints
        ``fingerprint`` of each part, all of one configuration and no patient in two, in the order of their strides.
    config_hash
        Hash of all settings of the chain, of which a part has those that reach its data; by default those under which
        the first part was made.

    Raises
    ------
    NotAStoreError
        A part was not created, or shards of it are missing; the message names them.
    LostDataError
        The metadata are not those that a part was created with; nothing is written.
    """
    folder = layout.strides_url(root, chain, dataset)
    sealed = [seal_part(folder, layout.part_name(fingerprint)) for fingerprint in fingerprints]
    return write_sealed(join(folder, layout.MANIFEST), manifest_content(sealed, config_hash=config_hash))


def manifest_content(sealed: Sequence[Mapping[str, Any]], *, config_hash: str = "") -> dict[str, Any]:
    """Return what the manifest of a source says of its parts, given the objects that list them, in order."""
    totals: Counter[str] = Counter()
    for part in sealed:
        totals.update(part["counts"])
    parts = [{"name": layout.part_name(part["fingerprint"]), **{key: part[key] for key in _LISTED}} for part in sealed]
    return {
        "format": layout.FORMAT,
        **{key: sealed[0][key] for key in ("chain", "dataset", "spec")},
        "config_hash": config_hash or sealed[0].get(ALL_SETTINGS, sealed[0]["config_hash"]),
        "software": joined_software(part["software"] for part in sealed),
        **parsed_by(part for part in sealed),
        "counts": dict(totals),
        "parts": parts,
    }


def parsed_by(parts: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Return what parsed the recordings of parts or sources together, under `PARSED_BY`; nothing where none says it."""
    known = [part[PARSED_BY] for part in parts if PARSED_BY in part]
    return {PARSED_BY: joined_software(known)} if known else {}


def joined_software(found: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return library -> its releases, separated by commas, in order, of several parts or sources together."""
    releases: dict[str, set[str]] = {}
    for one in found:
        for library, listed in one.items():
            releases.setdefault(library, set()).update(listed.split(", "))
    return {library: ", ".join(sorted(known)) for library, known in sorted(releases.items())}


def seal_part(folder: str, name: str) -> dict[str, Any]:
    """Check that every shard of a part is there, and write and return the object that lists it, never to be changed.

    Raises
    ------
    NotAStoreError, LostDataError
        As `finish`.
    OccupiedError
        The part was sealed before with other objects.
    """
    url = join(folder, f"{name}.zarr")
    part = part_entry(folder, name)
    root = _require_metadata(url, part)
    shards = intact_shards(folder, name, part)
    missing = sorted(set(range(layout.shard_count(part["size"]))) - set(shards))
    if missing:
        raise NotAStoreError(f"{folder}: {name}: {missing_shards(missing)}. Run process again; it does the rest.")
    content = seal_content(name, part, [shards[shard] for shard in sorted(shards)])
    objects = content["objects"]
    ledger.require_complete(url, objects, implied_keys(root))
    place = layout.part_seal_url(folder, name)
    try:
        return write_sealed(place, content, create_only=True)
    except OccupiedError as error:
        found = sealed_or_none(place)
        if found is None:
            raise LostDataError(f"{place}: damaged. Run `biomech-xr check --repair` on the store.") from error
        if found["objects"] != objects or not ledger.same_checksums(found, content):
            raise OccupiedError(
                f"{place}: the part was finished with other objects than those that are there now. Run "
                "`biomech-xr check --repair`."
            ) from error
        return found


def seal_content(name: str, part: Mapping[str, Any], shards: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the object that lists a part says, given the ledger entries of the part and of all its shards."""
    objects, checksums = dict(part["objects"]), dict(part["checksums"])
    for shard in shards:
        objects |= shard["objects"]
        checksums |= shard.get("checksums", {})
    return {
        "format": layout.FORMAT,
        "name": name,
        **{key: part[key] for key in _FACTS},
        "spec": part["attrs"].get("spec", {}),
        "recordings": part["attrs"].get("recordings", {}),
        **{key: part["attrs"][key] for key in (PARSED_BY, ALL_SETTINGS) if key in part["attrs"]},
        "counts": {**part["counts"], "clipped": sum(entry["clipped"] for entry in shards)},
        "objects": objects,
        "checksums": checksums,
    }


def read_seal(folder: str, name: str) -> dict[str, Any]:
    """Return the object that lists a finished part.

    Raises
    ------
    NotAStoreError
        The part was never finished; the message says what is missing.
    LostDataError
        The object is damaged.
    """
    seal = layout.part_seal_url(folder, name)
    try:
        found = read_sealed(seal)
    except NotAStoreError as error:
        raise NotAStoreError(unfinished(folder, name)) from error
    if found.get("format") != layout.FORMAT or found.get("name") != name:
        raise NotAStoreError(f"{seal}: format {found.get('format')!r}, expected part {name} of {layout.FORMAT!r}.")
    return found


def unfinished(folder: str, name: str) -> str:
    """Return a sentence that says what a part lacks."""
    try:
        part = part_entry(folder, name)
    except NotAStoreError:
        return f"{folder}: no part {name!r} here. Check the URL, or run process."
    missing = sorted(set(range(layout.shard_count(part["size"]))) - set(intact_shards(folder, name, part)))
    state = missing_shards(missing) if missing else "all shards are there, its list is not"
    return f"{folder}: {name} was never finished: {state}. Run the process stage again; it does the rest."


def missing_shards(missing: Sequence[int]) -> str:
    """Return a phrase that names the shards that are missing."""
    shown = ", ".join(map(str, missing[:20])) + (" ..." if len(missing) > 20 else "")
    return f"{len(missing)} shard(s) missing: {shown}"


def _require_metadata(url: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of the root of a part, after comparing all objects that it was created with."""
    objects, checksums = part["objects"], part["checksums"]

    def read(key: str) -> bytes:
        data = read_intact(join(url, key), lambda data: zlib.crc32(data) != checksums[key])
        return data if zlib.crc32(data) == checksums[key] else b""

    found = {key: read(key) for key in checksums} if sizes_of(url, objects) == objects else {}
    if not found or not all(found.values()):
        raise LostDataError(
            f"{url}: metadata and tables are not those that the part was created with: objects were lost, or another "
            "run replaced them. Remove this folder and its files in `ledger`, and process again, one run at a time."
        )
    root: dict[str, Any] = json.loads(found[ledger.ROOT])
    return root
