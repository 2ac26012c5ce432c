"""One look at a store: its listing, every ledger and manifest read once, and the objects that it should hold."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, Final

from biomech_xr.errors import LostDataError, NotAStoreError
from biomech_xr.store import layout
from biomech_xr.store.integrity import (
    Expected,
    array_chunks,
    implied_keys,
    likely_chunks,
    member_bytes,
    members,
    problem,
    read_sealed_bytes,
)
from biomech_xr.store.objects import Url, join, read_bytes, sizes
from biomech_xr.store.repeated import again
from biomech_xr.store.rereading import is_same, read_intact, read_settled
from biomech_xr.store.writing import put_verified

READERS: Final = 8
"""Objects read at a time: a check holds at most so many in memory."""

_FOLDERS: Final = ("recordings", "strides", layout.VERSIONS, "people", "splits")
_SEAL: Final = re.compile(r"(part-[0-9a-f]{12})\.finished\.json")
_POINTER: Final = re.compile(r"(\d{6})\.json")
_CATALOGUE: Final = re.compile(r"(\d{6})-[0-9a-f]{12}\.zarr")

Place = tuple[str, str, str]
"""Chain, source and part."""


class Look:
    """The listing of a store with what its ledgers, manifests and pointers say; each is read once.

    `there` maps the key of every object, relative to the root, to its size; `groups` maps every Zarr group to the keys
    below it.
    """

    def __init__(self, root: Url) -> None:
        self.root = str(root)
        listed = {folder: sizes(join(root, folder)) for folder in _FOLDERS}
        self.there = {f"{folder}/{key}": size for folder, found in listed.items() for key, size in found.items()}
        self._sealed: dict[str, dict[str, Any] | None] = {}
        self._below: dict[str, set[str]] = {}
        self.groups: dict[str, list[str]] = {}
        for key in self.there:
            group, sign, rest = key.partition(".zarr/")
            if sign:
                self.groups.setdefault(f"{group}.zarr", []).append(rest)
            parts = key.split("/")
            for depth in range(1, min(len(parts), 5)):
                self._below.setdefault("/".join(parts[:depth]), set()).add(parts[depth])

    def names(self, folder: str) -> list[str]:
        """Return the names directly below a folder of the store, in order."""
        return sorted(self._below.get(folder, ()))

    def sealed(self, key: str) -> dict[str, Any] | None:
        """Return a ledger or a manifest, None where it is absent or, whenever it is read, not as it was written."""
        if key not in self._sealed:
            self._sealed[key] = self._read_sealed(key)
        return self._sealed[key]

    def _read_sealed(self, key: str) -> dict[str, Any] | None:
        if key not in self.there:
            return None
        try:
            return again(lambda: read_sealed_bytes(read_bytes(join(self.root, key))), lambda value: value is None)
        except NotAStoreError:
            return None

    def replace(self, key: str, data: bytes) -> bool:
        """Write an object in place of one that is broken, and read it back from now on.

        It is read once more before: one that holds these bytes, or a sealed one that is intact by now, is left alone.

        Returns
        -------
        bool
            Whether it was written.
        """
        written = not self._is_intact(key, data)
        if written:
            put_verified(join(self.root, key), data, replace=True, lasting=True)
        self._note(key, data)
        return written

    def _is_intact(self, key: str, data: bytes) -> bool:
        place, sealed = join(self.root, key), ".zarr/" not in key
        try:
            return is_same(place, data) or (sealed and read_sealed_bytes(read_bytes(place)) is not None)
        except NotAStoreError:
            return False

    def _note(self, key: str, data: bytes) -> None:
        """Take an object for one that is there, with these bytes."""
        self.there[key] = len(data)
        self._sealed.pop(key, None)
        self.__dict__.pop("parts", None)
        group, sign, rest = key.partition(".zarr/")
        if sign and rest not in self.groups.setdefault(f"{group}.zarr", []):
            self.groups[f"{group}.zarr"].append(rest)

    def problem(self, key: str) -> str:
        """Return what is wrong with a ledger or a manifest, empty when it is intact."""
        if self.sealed(key) is not None:
            return ""
        return "damaged, its digest does not match" if key in self.there else "found nothing, expected a sealed object"

    def root_metadata(self, group: str, checksum: int | None) -> dict[str, Any]:
        """Return the metadata of a Zarr root with those of all its arrays; empty where they are lost or damaged."""
        key = f"{group}/zarr.json"
        if key not in self.there:
            return {}
        place, expected = join(self.root, key), Expected(size=None, checksum=checksum)
        data = read_settled(place) if checksum is None else read_intact(place, lambda data: problem(data, expected))
        if problem(data, expected):
            return {}
        try:
            value = json.loads(data)
        except ValueError:
            return {}
        return value if isinstance(value, dict) and isinstance(value.get("attributes"), dict) else {}

    def damage(self, group: str, objects: Mapping[str, int], checksums: Mapping[str, int]) -> dict[str, str]:
        """Read every object of a Zarr group and return key -> what is wrong with it whenever it is read.

        Parameters
        ----------
        group
            The group, relative to the root of the store.
        objects, checksums
            Size of every object, and CRC-32 of the metadata, from a ledger; where they are empty, the root of the group
            says which objects there are, holds a copy of their metadata, and values carry checksums of their own.
        """
        metadata = self.root_metadata(group, checksums.get("zarr.json"))
        chunks = array_chunks(metadata)
        wanted: Mapping[str, int | None] = objects
        if not objects:
            wanted = dict.fromkeys(sorted(implied_keys(metadata) if metadata else self.groups.get(group, [])))
            copies = {f"{name}/zarr.json": member_bytes(member) for name, member in members(metadata).items()}
            checksums = {key: zlib.crc32(data) for key, data in copies.items()}

        def one(key: str) -> str:
            full, size = f"{group}/{key}", wanted[key]
            array, sign, _ = key.partition("/c/")

            def found_wrong() -> str:
                data = read_bytes(join(self.root, full))
                count = chunks.get(array, likely_chunks(data)) if sign else None
                return problem(data, Expected(size=size, checksum=checksums.get(key), chunks=count))

            if full not in self.there:
                return "found nothing" + (f", expected {size} bytes" if size is not None else "")
            if key == "zarr.json" and not metadata:
                return "damaged, not the metadata of a group"
            try:
                return again(found_wrong, bool)
            except (NotAStoreError, LostDataError) as error:
                return f"found nothing that can be read ({error})"

        with ThreadPoolExecutor(READERS, thread_name_prefix="biomech-xr-check") as pool:
            found = dict(zip(wanted, pool.map(one, wanted), strict=True))
        return {f"{group}/{key}": text for key, text in found.items() if text}

    def patients(self, dataset: str) -> list[str]:
        """Return who has a ledger entry of recordings, in order."""
        names = self.names(f"recordings/{dataset}/{layout.LEDGER}")
        return [name.removesuffix(".json") for name in names if name.endswith(".json")]

    def sources(self) -> Iterator[tuple[str, str]]:
        """Yield chain and source of every strides product."""
        for chain in self.names("strides"):
            for dataset in self.names(f"strides/{chain}"):
                yield chain, dataset

    @cached_property
    def pointers(self) -> dict[str, list[int]]:
        """Chain -> the numbers of its versions: of pointers that are there, and of catalogues whose pointer is not."""
        found: dict[str, list[int]] = {}
        for chain in self.names(layout.VERSIONS):
            names = self.names(f"{layout.VERSIONS}/{chain}")
            numbers = {int(match[1]) for name in names if (match := _POINTER.fullmatch(name))}
            numbers |= {int(match[1]) for name in names if (match := _CATALOGUE.fullmatch(name))}
            found[chain] = sorted(numbers)
        return found

    def catalogues(self, chain: str, number: int) -> list[str]:
        """Return the groups that hold a catalogue of a version; two where two runs published at once."""
        names = self.names(f"{layout.VERSIONS}/{chain}")
        return [
            f"{layout.VERSIONS}/{chain}/{name}"
            for name in names
            if (match := _CATALOGUE.fullmatch(name)) and int(match[1]) == number
        ]

    @cached_property
    def parts(self) -> dict[Place, dict[str, str]]:
        """Every part that a manifest or a version lists -> who lists it (``MANIFEST.json``, ``version 3``) -> digest.

        Where the manifest of a source is lost or damaged, every finished part counts as listed.
        """
        found: dict[Place, dict[str, str]] = {}
        for chain, dataset in self.sources():
            manifest = self.sealed(f"strides/{chain}/{dataset}/{layout.MANIFEST}")
            if manifest is None:
                for name in self.names(f"strides/{chain}/{dataset}/{layout.LEDGER}"):
                    if match := _SEAL.fullmatch(name):
                        found.setdefault((chain, dataset, match[1]), {})
                continue
            for part in manifest["parts"]:
                found.setdefault((chain, dataset, part["name"]), {})[layout.MANIFEST] = part["digest"]
        for chain, numbers in self.pointers.items():
            for number in numbers:
                for dataset, part, digest in self.version_parts(chain, number):
                    found.setdefault((chain, dataset, part), {})[f"version {number}"] = digest
        return dict(sorted(found.items()))

    def recordings(self, place: Place) -> dict[str, str]:
        """Return patient -> digest of the recordings that a part was made of: by its list, a manifest, its ledger."""
        chain, dataset, name = place
        folder = f"strides/{chain}/{dataset}"
        listed = [self.sealed(layout.part_seal_url(folder, name))]
        manifest = self.sealed(f"{folder}/{layout.MANIFEST}")
        listed += [part for part in manifest["parts"] if part["name"] == name] if manifest else []
        entry = self.sealed(layout.part_ledger_url(folder, name))
        listed.append(entry["attrs"] if entry else None)
        return next((dict(facts.get("recordings", {})) for facts in listed if facts is not None), {})

    def part_size(self, place: Place) -> int:
        """Return the strides of a part whose own lists are lost, by the manifest of its source or a version."""
        chain, dataset, name = place
        manifest = self.sealed(f"strides/{chain}/{dataset}/{layout.MANIFEST}")
        listed = [*manifest["parts"]] if manifest else []
        for number in self.pointers.get(chain, []):
            pointer = self.sealed(pointer_key(chain, number))
            listed += pointer["sources"].get(dataset, {"parts": []})["parts"] if pointer else []
        return next((int(part["size"]) for part in listed if part["name"] == name), 0)

    def version_parts(self, chain: str, number: int) -> list[Place]:
        """Return (source, part, digest) of a version, from its pointer, or from its catalogue where that is lost."""
        pointer = self.sealed(pointer_key(chain, number))
        if pointer is not None:
            listed = pointer["sources"].items()
            return [(name, part["name"], part["digest"]) for name, source in listed for part in source["parts"]]
        for group in self.catalogues(chain, number):
            entries = self.root_metadata(group, None).get("attributes", {}).get("parts", [])
            if entries:
                return [(entry["dataset"], entry["name"], entry["manifest"]["digest"]) for entry in entries]
        return []


def pointer_key(chain: str, number: int) -> str:
    """Return the key of the pointer that makes a version exist."""
    return layout.version_url("", chain, number).lstrip("/")


def seal_key(chain: str, dataset: str, part: str) -> str:
    """Return the key of the object that lists a finished part."""
    return layout.part_seal_url(f"strides/{chain}/{dataset}", part)
