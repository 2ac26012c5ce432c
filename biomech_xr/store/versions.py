"""Versions of the strides of a chain: immutable lists of parts over all sources, each with a catalogue.

``<root>/versions/<chain>/000001.json``, ``000002.json``, ... are create-only pointers; the newest one is what
`open_strides` opens. New people, sources or settings make new parts and a new version; no object is written twice, so
an older version stays readable as long as nobody removes its parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import zarr

from biomech_xr.errors import LostDataError, NotAStoreError, OccupiedError
from biomech_xr.store import layout, ledger
from biomech_xr.store.catalogue import Catalogue, catalogue_url, make_catalogue, read_catalogue, write_catalogue
from biomech_xr.store.finishing import PARSED_BY, joined_software, parsed_by
from biomech_xr.store.half_copied import what_to_do
from biomech_xr.store.objects import Url, digest, join, names, read_sealed, write_sealed
from biomech_xr.store.reading import Part, open_part, read_manifest, require_one_chain

_POINTER: Final = re.compile(r"(\d{6})\.json")
_ATTEMPTS: Final = 20
_RESTORE: Final = "Run `biomech-xr check --repair` on the store, or open another version with version=."


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """One version: its number, and its pointer.

    The pointer holds ``config_hash``, ``sources`` (source -> counts, software, and ``parts`` with name, size and
    digest), and ``catalogue`` (name, objects, checksums).
    """

    root: str
    chain: str
    number: int
    pointer: Mapping[str, Any]

    @property
    def datasets(self) -> list[str]:
        """Sources in alphabetical order."""
        return sorted(self.pointer["sources"])

    @property
    def strides(self) -> int:
        """Number of strides of all sources."""
        return sum(int(source["counts"]["strides"]) for source in self.pointer["sources"].values())

    @property
    def software(self) -> dict[str, str]:
        """Library (and ``code``) -> releases that made the sources, separated by commas."""
        return joined_software(source["software"] for source in self.pointer["sources"].values())

    @property
    def recordings_software(self) -> dict[str, str]:
        """The same of what parsed the recordings; empty where it is not known."""
        return parsed_by(self.pointer["sources"].values()).get(PARSED_BY, {})

    @property
    def parts(self) -> list[tuple[str, str, str]]:
        """(source, part, digest of the part's list) in the order of the strides."""
        return [
            (name, p["name"], p["digest"]) for name in self.datasets for p in self.pointer["sources"][name]["parts"]
        ]

    @property
    def catalogue_url(self) -> str:
        """The Zarr group that holds the labels of all strides."""
        return join(layout.versions_url(self.root, self.chain), self.pointer["catalogue"]["name"])

    def catalogue(self) -> Catalogue:
        """Return the labels of all strides, and what is known of the parts.

        Raises
        ------
        LostDataError
            An object of the catalogue is missing or damaged.
        """
        folders = {name: layout.strides_url(self.root, self.chain, name) for name in self.datasets}
        return read_catalogue(self.catalogue_url, folders, self.pointer["catalogue"])


def list_versions(root: Url, chain: str) -> list[int]:
    """Return the numbers of a chain's versions, the oldest first."""
    found = (_POINTER.fullmatch(name) for name in names(layout.versions_url(root, chain)))
    return sorted(int(match[1]) for match in found if match)


def list_chains(root: Url) -> list[str]:
    """Return the chains that a store has versions of."""
    return names(join(root, layout.VERSIONS))


def read_version(root: Url, chain: str, number: int | None = None) -> Version:
    """Return a version of a chain's strides, the newest one by default.

    Raises
    ------
    NotAStoreError
        There is none, or not this one.
    LostDataError
        The pointer is damaged.
    """
    known = list_versions(root, chain)
    wanted = number if number is not None else known[-1] if known else 0
    if wanted not in known:
        listed = ", ".join(map(str, known)) or "none"
        raise NotAStoreError(
            f"{root}: chain {chain!r} has no {f'version {number}' if number is not None else 'version'}; found: "
            f"{listed}. {what_to_do(root, 'Check the URL, or run process.')}"
        )
    url = layout.version_url(root, chain, wanted)
    try:
        pointer = read_sealed(url)
    except LostDataError as error:
        raise LostDataError(f"{url}: damaged. {_RESTORE}") from error
    if pointer.get("format") != layout.FORMAT or pointer.get("version") != wanted or pointer.get("chain") != chain:
        raise LostDataError(f"{url}: found no pointer of version {wanted} of chain {chain!r}. {_RESTORE}")
    return Version(root=str(root), chain=chain, number=wanted, pointer=pointer)


def publish(root: Url, chain: str, datasets: Iterable[str], *, without: Iterable[str] = ()) -> Version:
    """Make a version of the finished strides of these sources and of those that the newest version holds besides.

    Nothing new makes no version: the newest one is returned, after what its catalogue lost is put back. When somebody
    else publishes at the same time, the next number is taken, on top of theirs.

    Parameters
    ----------
    root, chain
        URL of the store; name of the chain.
    datasets
        Sources with a manifest (see `finish`).
    without
        Sources that the version leaves out; their objects stay, for the versions before it.

    Raises
    ------
    NotAStoreError
        A source has no finished strides, or one to leave out is not there.
    StoreError
        The sources were processed under different configurations; nothing is written.
    """
    wanted, left_out = list(datasets), set(without)
    for _ in range(_ATTEMPTS):
        fresh = {name: source_content(read_manifest(layout.strides_url(root, chain, name))) for name in wanted}
        known = list_versions(root, chain)
        newest = read_version(root, chain, known[-1]) if known else None
        sources = {**(newest.pointer["sources"] if newest else {}), **fresh}
        if left_out - set(sources) or left_out >= set(sources):
            raise NotAStoreError(
                f"{root}: chain {chain!r}: cannot leave out {', '.join(sorted(left_out))}; expected some, not all, of "
                f"{', '.join(sorted(sources)) or 'no sources'}. A version holds one source at least: name others, or "
                "give the rest another store."
            )
        sources = {name: sources[name] for name in sorted(sources) if name not in left_out}
        require_one_chain({"chain": chain, "dataset": name, **source} for name, source in sources.items())
        if newest and newest.pointer["sources"] == sources:
            _restore_catalogue(newest)
            return newest
        try:
            return _written(str(root), chain, newest.number + 1 if newest else 1, sources)
        except OccupiedError:
            continue
    raise OccupiedError(f"{root}: others publish versions of chain {chain!r} all the time. Run again later.")


def _written(root: str, chain: str, number: int, sources: Mapping[str, Any]) -> Version:
    """Write the catalogue, then the pointer that makes the version exist."""
    url = catalogue_url(layout.versions_url(root, chain), number, digest(sources))
    pointer_url = layout.version_url(root, chain, number)
    objects = write_catalogue(url, _opened_parts(root, chain, sources), pointer=pointer_url)
    pointer = pointer_content(chain, number, sources, {"name": url.rsplit("/", 1)[-1], **objects})
    return Version(root=root, chain=chain, number=number, pointer=write_sealed(pointer_url, pointer, create_only=True))


def _opened_parts(root: str, chain: str, sources: Mapping[str, Any]) -> list[Part]:
    return [
        open_part(layout.strides_url(root, chain, name), part=part["name"])
        for name, source in sources.items()
        for part in source["parts"]
    ]


def _restore_catalogue(version: Version) -> None:
    """Put back what the catalogue of a version lost, if anything."""

    def make(place: str) -> zarr.Group:
        return make_catalogue(place, _opened_parts(version.root, version.chain, version.pointer["sources"]))

    ledger.restore(version.catalogue_url, version.pointer["catalogue"], make)


def pointer_content(
    chain: str, number: int, sources: Mapping[str, Any], catalogue: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the pointer of a version says, given what it says of its sources and of its catalogue."""
    return {
        "format": layout.FORMAT,
        "chain": chain,
        "version": number,
        "config_hash": next(iter(sources.values()))["config_hash"],
        "sources": sources,
        "catalogue": catalogue,
    }


def source_content(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a pointer says of a source."""
    parts = [{key: part[key] for key in ("name", "size", "digest")} for part in manifest["parts"]]
    facts = {key: manifest[key] for key in ("config_hash", "counts", "software")}
    return {**facts, **parsed_by([manifest]), "parts": parts}


def differences(old: Version, new: Version) -> dict[str, Any]:
    """Return what changed from one version to another.

    Returns
    -------
    dict
        ``sources``, ``people``: names that were ``added`` and ``removed``; ``strides``: source -> (before, after)
        where the number or the parts differ; ``config_hash``, ``software`` and ``recordings_software``: (before,
        after) where they differ.
    """
    before, after = old.pointer["sources"], new.pointer["sources"]
    people = [set(version.catalogue().labels["patient"].unique()) for version in (old, new)]
    counts = {
        name: (_strides(before.get(name)), _strides(after.get(name)))
        for name in sorted({*before, *after})
        if _parts(before.get(name)) != _parts(after.get(name))
    }
    facts = [
        {
            "config_hash": version.pointer["config_hash"],
            "software": version.software,
            PARSED_BY: version.recordings_software,
        }
        for version in (old, new)
    ]
    changed = {key: (facts[0][key], facts[1][key]) for key in facts[0] if facts[0][key] != facts[1][key]}
    return {
        "sources": {"added": sorted(set(after) - set(before)), "removed": sorted(set(before) - set(after))},
        "people": {"added": sorted(people[1] - people[0]), "removed": sorted(people[0] - people[1])},
        "strides": counts,
        **changed,
    }


def _strides(source: Mapping[str, Any] | None) -> int:
    return int(source["counts"]["strides"]) if source else 0


def _parts(source: Mapping[str, Any] | None) -> Sequence[Any]:
    return source["parts"] if source else ()
