"""What makes a folder a store: markers, the check of an output before writing, provenance."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from importlib import metadata
from typing import Any, Final, Literal

import zarr

from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.errors import LostDataError, NotAStoreError, OccupiedError, StoreError
from biomech_xr.store import layout
from biomech_xr.store.checked import is_chunk
from biomech_xr.store.code import code_digest
from biomech_xr.store.objects import (
    Url,
    join,
    metadata_checksums,
    names,
    plain,
    read_json,
    read_sealed,
    remove_tree,
    sizes,
    write_sealed,
    zarr_store,
)

_LIBRARIES: Final = ("numpy", "scipy", "xarray", "zarr", "numcodecs")
_COLUMN_MAPS: Final = ("emg", "angles", "moments")
_MARKS: Final = ("config_hash", "fingerprint")
"""Attributes of a root and keys of its ledger entry that say which run, on which data, wrote them."""

_ALONE: Final = "Let one run at a time write to an output, or choose another output."


def software() -> dict[str, str]:
    """Return the release and the code of this library, and the releases of those that shape the numbers."""
    return dict(_software())


@cache
def _software() -> dict[str, str]:
    from biomech_xr import __version__

    ours = {"biomech-xr": __version__, "code": code_digest()}
    return ours | {library: metadata.version(library) for library in _LIBRARIES}


def refuse_other_software(url: Url, found: Mapping[str, str], own: Mapping[str, str]) -> None:
    """Raise `StoreError` where a part that is to be filled was begun with other code or other libraries."""
    other = [name for name in sorted({*found, *own}) if found.get(name) != own.get(name)]
    if other:
        listed = ", ".join(f"{name} {found.get(name, 'none')} (here {own.get(name, 'none')})" for name in other)
        raise StoreError(
            f"{url}: begun with {listed}; one part is never of two. Give all workers the same release and run process "
            "again: it makes a part of its own."
        )


def spec_facts(spec: DatasetSpec) -> dict[str, Any]:
    """Return the facts of a source as plain JSON, without the maps of raw columns."""
    facts = {name: value for name, value in asdict(spec).items() if name not in _COLUMN_MAPS}
    plain_facts: dict[str, Any] = plain(facts)
    return plain_facts


def refuse_foreign(folder: Url, ours: Callable[[str], bool]) -> None:
    """Raise `OccupiedError` when a folder that is to be written holds something that is not ours."""
    foreign = [name for name in names(folder) if not ours(name)]
    if foreign:
        raise OccupiedError(
            f"{folder}: holds {', '.join(map(repr, foreign[:5]))}, which biomech-xr did not write; expected an empty "
            "folder or a store. Choose another output."
        )


def refuse_other_config(url: Url, found: Mapping[str, Any], config_hash: str) -> None:
    """Raise `OccupiedError` when a ledger entry was written under another configuration."""
    if found.get("config_hash") != config_hash:
        raise OccupiedError(
            f"{url}: written with configuration {found.get('config_hash')!r}, this run has {config_hash!r}. "
            "Choose another output, or remove the old one and run again."
        )


def clear_leftovers(url: Url) -> None:
    """Remove what an attempt that died left at the place of a Zarr group.

    Raises
    ------
    OccupiedError
        What is there does not carry our marker.
    """
    found = names(url)
    if not found:
        return
    try:
        attributes = read_json(join(url, "zarr.json")).get("attributes", {})
    except (StoreError, AttributeError):
        attributes = {}
    if attributes.get("format") != layout.FORMAT:
        raise OccupiedError(f"{url}: holds {found[0]!r} and is not ours to replace. Choose another output.")
    remove_tree(url)


def create_root(url: Url, attributes: Mapping[str, Any]) -> zarr.Group:
    """Return a new Zarr group whose attributes hold our marker from the first byte."""
    store = zarr_store(url, read_only=False)
    return zarr.create_group(store, zarr_format=3, attributes={"format": layout.FORMAT, **plain(attributes)})


def consolidate(url: Url) -> None:
    """Copy the metadata of all arrays into the root, so that a reader fetches one object instead of twenty."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata")
        zarr.consolidate_metadata(zarr_store(url, read_only=False), zarr_format=3)


def inventory(url: Url, marks: Mapping[str, Any], *, later: Collection[str] = ()) -> dict[str, Any]:
    """Return every object of a Zarr group with its size, and the checksums of the metadata objects.

    Parameters
    ----------
    url
        The group, written and consolidated.
    marks
        Attributes that the root must have: those of another run mean that it writes at the same place.
    later
        Arrays whose chunks come later; they are left out.

    Raises
    ------
    OccupiedError
        Another run replaced the group.
    LostDataError
        An object that the metadata of the arrays asks for is not there, or a chunk is there that they do not know.
    """
    group = open_plain(url)
    if any(group.attrs.get(name) != value for name, value in marks.items()):
        raise OccupiedError(f"{url}: another run is writing here and replaced the data of this one. {_ALONE}")
    objects = {key: size for key, size in sizes(url).items() if key.partition("/c/")[0] not in later}
    require_complete(url, objects, expected_keys(group, later=later))
    return {"objects": objects, "checksums": metadata_checksums(url, objects)}


def open_plain(url: Url, *, read_only: bool = True) -> zarr.Group:
    """Return a group of ours that is being written; whatever reads data uses `open_checked`."""
    with lost_data(str(url)):
        mode: Literal["r", "r+"] = "r" if read_only else "r+"
        store = zarr_store(url, read_only=read_only)
        return zarr.open_group(store, mode=mode, zarr_format=3, use_consolidated=True)


def expected_keys(group: zarr.Group, *, later: Collection[str] = ()) -> set[str]:
    """Return the keys that a group must have, computed from its consolidated metadata, without chunks of `later`."""
    members = dict(group.members(max_depth=None))
    keys = {"zarr.json", *(f"{name}/zarr.json" for name in members)}
    for name, member in members.items():
        if isinstance(member, zarr.Array) and name not in later:
            keys |= layout.chunk_keys(name, member)
    return keys


def require_complete(url: Url, listed: Iterable[str], expected: Collection[str]) -> None:
    """Raise `LostDataError` unless the objects to be sealed are exactly those that the metadata asks for."""
    missing = sorted(set(expected) - set(listed))
    unknown = sorted(key for key in set(listed) - set(expected) if is_chunk(key) or key.endswith("zarr.json"))
    if missing or unknown:
        what = [
            f"{len(keys)} object(s) {word}: {', '.join(keys[:5])}"
            for word, keys in (("missing", missing), ("too many", unknown))
            if keys
        ]
        raise LostDataError(f"{url}: {'; '.join(what)}. Nothing was sealed; run again.")


def seal(entry_url: Url, url: Url, entry: Mapping[str, Any], *, later: Collection[str] = ()) -> dict[str, Any]:
    """Write the ledger entry that makes a Zarr group exist, never in place of another; return the one that is there.

    Parameters
    ----------
    entry_url, url
        The ledger entry; the group.
    entry
        What the entry says besides its objects; ``config_hash`` and ``fingerprint`` as in the group's attributes.
    later
        As for `inventory`.

    Raises
    ------
    OccupiedError
        Another run wrote its entry first, and not of the same data; one of the same data counts as ours.
    LostDataError
        The group is not complete.
    """
    marks = {name: entry[name] for name in _MARKS}
    ours = {"format": layout.FORMAT, **entry, **inventory(url, marks, later=later)}
    try:
        return write_sealed(entry_url, ours, create_only=True)
    except OccupiedError as error:
        found = read_sealed(entry_url)
        if any(found.get(name) != ours[name] for name in (*_MARKS, "objects", "checksums")):
            raise OccupiedError(
                f"{entry_url}: another run is writing here (configuration {found.get('config_hash')!r}, this one "
                f"{entry['config_hash']!r}). {_ALONE}"
            ) from error
        return found


def open_checked(url: Url, objects: Mapping[str, int], checksums: Mapping[str, int]) -> zarr.Group:
    """Return a Zarr group for reading; an object that is listed and not intact raises `LostDataError`."""
    store = zarr_store(url, read_only=True, expected=objects, checksums=checksums)
    group = zarr.open_group(store, mode="r", zarr_format=3, use_consolidated=True)
    if group.attrs.get("format") != layout.FORMAT:
        raise NotAStoreError(f"{url}: not written by biomech-xr (no {layout.FORMAT!r} marker). Check the URL.")
    return group


@contextmanager
def lost_data(place: str) -> Iterator[None]:
    """Turn the error of a codec (a checksum that does not match) into `LostDataError` that names the place."""
    try:
        yield
    except (StoreError, MemoryError):
        raise
    except (ValueError, RuntimeError, KeyError, FileNotFoundError) as error:
        raise LostDataError(
            f"{place}: corrupted ({error}). Restore the store, or remove it and write again."
        ) from error
