"""Ledgers, manifests and pointers made again from intact objects; each function says what proves its result.

All return the bytes of the object, or None where nothing proves them.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

import numpy as np
import zarr

from biomech_xr.store import layout
from biomech_xr.store.catalogue import write_catalogue
from biomech_xr.store.finishing import manifest_content, seal_content
from biomech_xr.store.integrity import (
    Expected,
    member_bytes,
    members,
    problem,
    read_sealed_bytes,
    sealed_bytes,
)
from biomech_xr.store.look import Look, Place, pointer_key, seal_key
from biomech_xr.store.objects import digest, join, read_bytes
from biomech_xr.store.reading import Part
from biomech_xr.store.rereading import is_same
from biomech_xr.store.template import ALL_SETTINGS, CLIPPED
from biomech_xr.store.versions import pointer_content, source_content


def rebuilt_seal(look: Look, place: Place) -> bytes | None:
    """Return the list of a part, from the ledger entries of the part and of its shards.

    The digest by which a manifest or a version knows it is the proof.
    """
    chain, dataset, part = place
    folder = f"strides/{chain}/{dataset}"
    entry = look.sealed(layout.part_ledger_url(folder, part))
    if entry is None:
        return None
    shards = [
        look.sealed(layout.shard_ledger_url(folder, part, shard)) for shard in range(layout.shard_count(entry["size"]))
    ]
    if any(shard is None for shard in shards):
        return None
    data = sealed_bytes(seal_content(part, entry, [shard for shard in shards if shard is not None]))
    return data if digest_of(data) in look.parts[place].values() else None


def rebuilt_part_entry(look: Look, place: Place) -> bytes | None:
    """Return the ledger entry of a part, from its list and the attributes of its root group.

    The list is intact and holds the checksum of the root group, which holds everything else that the entry says.
    """
    chain, dataset, part = place
    seal = look.sealed(seal_key(chain, dataset, part))
    if seal is None:
        return None
    group = f"strides/{chain}/{dataset}/{part}.zarr"
    head = look.root_metadata(group, seal["checksums"]["zarr.json"]).get("attributes")
    if not head:
        return None
    counts = {name: count for name, count in seal["counts"].items() if name != "clipped"}
    objects = {key: size for key, size in seal["objects"].items() if key.partition("/c/")[0] not in head["variables"]}
    checksums = {key: checksum for key, checksum in seal["checksums"].items() if key in objects}
    return sealed_bytes({**head, "counts": counts, "objects": objects, "checksums": checksums})


def rebuilt_shard_entry(look: Look, place: Place, shard: int) -> bytes | None:
    """Return the ledger entry of a shard, from the list of its part and the clipped strides among its values.

    The list is intact and holds all objects with their sizes; the values carry checksums of their own.
    """
    chain, dataset, name = place
    folder = f"strides/{chain}/{dataset}"
    seal = look.sealed(seal_key(chain, dataset, name))
    if seal is None:
        return None
    part = Part(join(look.root, folder), name, seal)
    start, stop = layout.shard_bounds(shard, part.size)
    keys = {
        key
        for variable in part.head["variables"]
        for key in layout.chunk_keys(variable, cast("zarr.Array[Any]", part.group[variable]), first=shard)
    }
    objects = {key: seal["objects"][key] for key in sorted(keys)}
    checksums = {key: seal["checksums"][key] for key in objects if key in seal["checksums"]}
    return sealed_bytes(
        {
            "format": layout.FORMAT,
            "config_hash": seal["config_hash"],
            "fingerprint": seal["fingerprint"],
            "shard": shard,
            "start": start,
            "stop": stop,
            "clipped": int(np.asarray(part.read(CLIPPED, start, stop)).sum()),
            "objects": objects,
            **({"checksums": checksums} if checksums else {}),
        }
    )


def rebuilt_manifest(look: Look, chain: str, dataset: str, *, version: int | None = None) -> bytes | None:
    """Return the manifest of a source, from the lists of its parts.

    The newest version that holds the source (or the one named) says which parts, in which order; its counts, software
    and digests must be those of the manifest. A finished part that no version knows leaves it open. Where no version
    holds the source, it must have one finished part alone.
    """
    finished = {part for where, source, part in look.parts if (where, source) == (chain, dataset)}
    numbers = [version] if version is not None else reversed(look.pointers.get(chain, []))
    for number in numbers:
        pointer = look.sealed(pointer_key(chain, number))
        source = pointer["sources"].get(dataset) if pointer else None
        if source is None:
            continue
        data = _manifest(look, chain, dataset, [part["name"] for part in source["parts"]], source["config_hash"])
        value = read_sealed_bytes(data) if data else None
        known = {part for name, part in _of_versions(look, chain) if name == dataset}
        fits = value is not None and source_content(value) == source
        return data if fits and (version is not None or finished <= known) else None
    return _manifest(look, chain, dataset, sorted(finished)) if len(finished) == 1 else None


def _of_versions(look: Look, chain: str) -> set[tuple[str, str]]:
    numbers = look.pointers.get(chain, [])
    return {(dataset, part) for number in numbers for dataset, part, _ in look.version_parts(chain, number)}


def _manifest(look: Look, chain: str, dataset: str, parts: Sequence[str], config_hash: str = "") -> bytes | None:
    seals = [look.sealed(seal_key(chain, dataset, part)) for part in parts]
    if any(seal is None for seal in seals):
        return None
    return sealed_bytes(manifest_content([seal for seal in seals if seal is not None], config_hash=config_hash))


def rebuilt_catalogue(look: Look, chain: str, number: int) -> dict[str, bytes]:
    """Return key -> bytes of the catalogue of a version, from the labels of its parts; empty where a list is lost.

    Whoever has the pointer compares them with it.
    """
    seals = [
        (dataset, part, look.sealed(seal_key(chain, dataset, part)))
        for dataset, part, _ in look.version_parts(chain, number)
    ]
    if not seals or any(seal is None for _, _, seal in seals):
        return {}
    parts = [
        Part(join(look.root, "strides", chain, dataset), part, seal)
        for dataset, part, seal in seals
        if seal is not None
    ]
    with tempfile.TemporaryDirectory(prefix="biomech-xr-") as folder:
        written = write_catalogue(folder, parts)
        return {key: read_bytes(join(folder, key)) for key in written["objects"]}


def rebuilt_pointer(look: Look, chain: str, number: int, broken: Collection[str]) -> tuple[str, bytes] | None:
    """Return the group of a version's catalogue and the bytes of its pointer.

    The parts that the catalogue names give a catalogue again: its name must hold the digest of what the pointer says of
    the sources, and every object of it that is not known to be broken must be the same, byte for byte.
    """
    made = rebuilt_catalogue(look, chain, number)
    parent, sources, name = f"{layout.VERSIONS}/{chain}", {}, ""
    for config_hash in _settings(look, chain):
        sources = _sources(look, chain, number, config_hash)
        name = f"{number:06d}-{digest(sources)[:12]}.zarr"
        if f"{parent}/{name}" in look.groups:
            break
    group = f"{parent}/{name}"
    there = set(look.groups.get(group, ()))
    intact = [key for key in there if f"{group}/{key}" not in broken]
    if not made or not intact or not there <= set(made):
        return None
    if not all(is_same(join(look.root, group, key), made[key]) for key in intact):
        return None
    sizes = {key: len(made[key]) for key in sorted(made)}
    catalogue = {"name": name, "objects": sizes, "checksums": {key: zlib.crc32(made[key]) for key in sizes}}
    return group, sealed_bytes(pointer_content(chain, number, sources, catalogue))


def _settings(look: Look, chain: str) -> list[str]:
    """Return the hashes of all settings that are known of a chain; empty, the first, for those of the parts' makers."""
    lists = [
        look.sealed(f"strides/{chain}/{dataset}/{layout.MANIFEST}")
        for where, dataset in look.sources()
        if where == chain
    ]
    lists += [look.sealed(pointer_key(chain, number)) for number in look.pointers.get(chain, [])]
    lists += [look.sealed(seal_key(*place)) for place in look.parts if place[0] == chain]
    return list(dict.fromkeys(["", *(one.get(ALL_SETTINGS, one["config_hash"]) for one in lists if one)]))


def _sources(look: Look, chain: str, number: int, config_hash: str) -> dict[str, Any]:
    """Return what a pointer says of the sources whose parts its catalogue names, under these settings."""
    parts: dict[str, list[Mapping[str, Any]]] = {}
    for dataset, part, _ in look.version_parts(chain, number):
        seal = look.sealed(seal_key(chain, dataset, part))
        if seal is not None:
            parts.setdefault(dataset, []).append(seal)
    return {
        dataset: source_content(manifest_content(seals, config_hash=config_hash))
        for dataset, seals in sorted(parts.items())
    }


def rebuilt_metadata(look: Look, key: str) -> bytes | None:
    """Return the metadata of an array or a table, from the copy in the root of its group.

    The ledger entry, the list of the part or the pointer of the version holds their checksum.
    """
    group, _, below = key.partition(".zarr/")
    group += ".zarr"
    checksums = _checksums(look, group)
    member = members(look.root_metadata(group, checksums.get("zarr.json"))).get(below.removesuffix("/zarr.json"))
    if member is None or below not in checksums:
        return None
    data = member_bytes(member)
    return None if problem(data, Expected(size=None, checksum=checksums[below])) else data


def _checksums(look: Look, group: str) -> Mapping[str, int]:
    """Return the checksums that the list of a group holds, none where it is lost."""
    kind, *rest = group.removesuffix(".zarr").split("/")
    if kind == "recordings":
        entry = look.sealed(layout.patient_ledger_url("", *rest).lstrip("/"))
        return entry["checksums"] if entry else {}
    if kind == "strides":
        seal = look.sealed(seal_key(*rest))
        return seal["checksums"] if seal else {}
    pointer = look.sealed(pointer_key(rest[0], int(rest[1].partition("-")[0])))
    return pointer["catalogue"]["checksums"] if pointer else {}


def digest_of(data: bytes) -> str:
    """Return the digest in the bytes of a sealed object, empty where they are none."""
    value = read_sealed_bytes(data)
    return str(value["digest"]) if value else ""
