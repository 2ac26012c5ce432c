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

from biomech_xr.errors import StoreError
from biomech_xr.store import layout, ledger
from biomech_xr.store.catalogue import write_catalogue
from biomech_xr.store.check import seal_key
from biomech_xr.store.finishing import manifest_content, seal_content
from biomech_xr.store.integrity import Expected, member_bytes, members, problem, read_sealed_bytes, sealed_bytes
from biomech_xr.store.look import Look, Place, pointer_key
from biomech_xr.store.objects import digest, join, read_bytes
from biomech_xr.store.planned import VERDICTS, plan_content, plan_digests
from biomech_xr.store.reading import Part
from biomech_xr.store.recording_group import reason_counts
from biomech_xr.store.rereading import again, is_same
from biomech_xr.store.table import read_table
from biomech_xr.store.template import CLIPPED
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
    return data if _digest(data) in look.parts[place].values() else None


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
        data = _manifest(look, chain, dataset, [part["name"] for part in source["parts"]])
        value = read_sealed_bytes(data) if data else None
        known = {part for name, part in _of_versions(look, chain) if name == dataset}
        fits = value is not None and source_content(value) == source
        return data if fits and (version is not None or finished <= known) else None
    return _manifest(look, chain, dataset, sorted(finished)) if len(finished) == 1 else None


def _of_versions(look: Look, chain: str) -> set[tuple[str, str]]:
    numbers = look.pointers.get(chain, [])
    return {(dataset, part) for number in numbers for dataset, part, _ in look.version_parts(chain, number)}


def _manifest(look: Look, chain: str, dataset: str, parts: Sequence[str]) -> bytes | None:
    seals = [look.sealed(seal_key(chain, dataset, part)) for part in parts]
    if any(seal is None for seal in seals):
        return None
    return sealed_bytes(manifest_content([seal for seal in seals if seal is not None]))


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
    sources = _sources(look, chain, number)
    name = f"{number:06d}-{digest(sources)[:12]}.zarr"
    group = f"{layout.VERSIONS}/{chain}/{name}"
    there = set(look.groups.get(group, ()))
    intact = [key for key in there if f"{group}/{key}" not in broken]
    if not made or not intact or not there <= set(made):
        return None
    if not all(is_same(join(look.root, group, key), made[key]) for key in intact):
        return None
    sizes = {key: len(made[key]) for key in sorted(made)}
    catalogue = {"name": name, "objects": sizes, "checksums": {key: zlib.crc32(made[key]) for key in sizes}}
    return group, sealed_bytes(pointer_content(chain, number, sources, catalogue))


def _sources(look: Look, chain: str, number: int) -> dict[str, Any]:
    """Return what a pointer says of the sources whose parts its catalogue names."""
    parts: dict[str, list[Mapping[str, Any]]] = {}
    for dataset, part, _ in look.version_parts(chain, number):
        seal = look.sealed(seal_key(chain, dataset, part))
        if seal is not None:
            parts.setdefault(dataset, []).append(seal)
    return {dataset: source_content(manifest_content(seals)) for dataset, seals in sorted(parts.items())}


def rebuilt_plan(look: Look, dataset: str) -> bytes | None:
    """Return the plan of a parse, from the ledger entries and the verdicts on those who could not be parsed.

    The digest by which a part that was made then knows the plan is the proof.
    """
    folder = f"recordings/{dataset}/{layout.LEDGER}"
    entries = [look.sealed(f"{folder}/{patient}.json") for patient in look.patients(dataset)]
    hashes = {str(entry["config_hash"]) for entry in entries if entry is not None}
    endings = (".json", *VERDICTS)
    people = {name[: -len(end)] for name in look.names(folder) for end in endings if name.endswith(end)}
    known = plan_digests(look, dataset)
    made = [sealed_bytes(plan_content(dataset, people, one)) for one in sorted(hashes)]
    return next((data for data in made if _digest(data) in known), None)


def rebuilt_patient_entry(look: Look, dataset: str, patient: str) -> bytes | None:
    """Return the ledger entry of a patient, from the group of the recordings.

    The digest by which a part that was made of them knows the entry is the proof.
    """
    group = f"recordings/{dataset}/{patient}.zarr"
    attributes = dict(look.root_metadata(group, None).get("attributes", {}))
    known = patient_digests(look, dataset, patient)
    if not attributes or not known:
        return None

    def proved() -> bytes | None:
        entry = _patient_entry(look, dataset, patient, attributes)
        return None if entry is None else as_known(entry, known)

    return again(proved, lambda data: data is None)


def _patient_entry(look: Look, dataset: str, patient: str, attributes: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the ledger entry of a patient as the group gives it, None where it cannot be read."""
    url = join(look.root, f"recordings/{dataset}/{patient}.zarr")
    try:
        opened = ledger.open_plain(url)
        tables = {name: read_table(opened, name) for name in ("trials", "strides", "rejected")}
        objects = ledger.inventory(url, {})
    except StoreError:
        return None
    facts = {key: value for key, value in attributes.items() if key not in ("format", "patient", "groups")}
    counts = {name: len(table) for name, table in tables.items()}
    return {
        "format": layout.FORMAT,
        "dataset": dataset,
        "patient": patient,
        **facts,
        "counts": counts,
        "reasons": reason_counts(tables["rejected"]),
        **objects,
    }


def as_known(entry: Mapping[str, Any], known: Collection[str]) -> bytes | None:
    """Return the bytes of a list of objects whose digest is known: with all checksums, or with those of metadata alone.

    Stores of earlier releases have checksums of metadata alone in their lists.
    """
    older = {key: checksum for key, checksum in entry["checksums"].items() if key.rsplit("/", 1)[-1] == ledger.ROOT}
    forms = (sealed_bytes(entry), sealed_bytes({**entry, "checksums": older}))
    return next((data for data in forms if _digest(data) in known), None)


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


def patient_digests(look: Look, dataset: str, patient: str) -> set[str]:
    """Return the digests by which the finished parts of a store know the ledger entry of a patient."""
    made_of = (look.recordings(place) for place in look.parts if place[1] == dataset)
    return {recordings[patient] for recordings in made_of if patient in recordings}


def _digest(data: bytes) -> str:
    value = read_sealed_bytes(data)
    return str(value["digest"]) if value else ""
