"""What makes a folder a store: markers, the check of an output before writing, provenance."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from typing import Any, Final

import zarr

from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.errors import LostDataError, NotAStoreError, OccupiedError, StoreError
from biomech_xr.store import layout
from biomech_xr.store.checked import is_chunk, zarr_store
from biomech_xr.store.code import code_digest
from biomech_xr.store.integrity import implied_keys
from biomech_xr.store.objects import (
    Url,
    exists,
    join,
    names,
    plain,
    read_bytes,
    read_json,
    read_sealed,
    remove_tree,
    sizes,
    write_sealed,
)
from biomech_xr.store.remote import remove
from biomech_xr.store.writing import ALONE, Sent, put_verified, read_own, sent_to

_LIBRARIES: Final = ("numpy", "scipy", "xarray", "zarr", "numcodecs")
_COLUMN_MAPS: Final = ("emg", "angles", "moments")
_MARKS: Final = ("config_hash", "fingerprint", "software")
"""Attributes of a root and keys of its ledger entry that say which run, on which data, by which code, wrote them."""

ROOT: Final = "zarr.json"
"""Key of the metadata of a group itself."""


def software() -> dict[str, str]:
    """Return the release and the code of this library, and the releases of those that shape the numbers."""
    return dict(_software())


@cache
def _software() -> dict[str, str]:
    from biomech_xr import __version__

    ours = {"biomech-xr": __version__, "code": code_digest()}
    return ours | {library: version(library) for library in _LIBRARIES}


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


def clear_leftovers(url: Url, *sealed_by: Url) -> bool:
    """Remove what an attempt that died left at the place of a Zarr group; return whether the place is free.

    Parameters
    ----------
    url
        The group.
    sealed_by
        What makes the group exist. They are looked for before anything is removed, and once more afterwards, because
        looking and removing are two requests: where another run finished the group meanwhile, the place is not free,
        and what it lost has to be put back (see `restore`). A run whose entry comes later still withdraws it by itself
        (see `seal`).

    Raises
    ------
    OccupiedError
        What is there does not carry our marker.
    """
    if not (found := names(url)):
        return True
    try:
        read_json(join(url, ROOT), _foreign)
    except (NotAStoreError, LostDataError) as error:
        raise OccupiedError(f"{url}: holds {found[0]!r} and is not ours to replace. Choose another output.") from error
    if any(exists(entry) for entry in sealed_by):
        return False
    remove_tree(url)
    return not any(exists(entry) for entry in sealed_by)


def _foreign(root: Any) -> str:
    """Return what is wrong with the metadata of a group that is to be ours."""
    attributes = root.get("attributes") if isinstance(root, dict) else None
    ours = isinstance(attributes, dict) and attributes.get("format") == layout.FORMAT
    return "" if ours else f"without the marker {layout.FORMAT!r}"


def inventory(url: Url, sent: Mapping[str, Sent], *, later: Collection[str] = ()) -> dict[str, Any]:
    """Return every object of a Zarr group with its size, and the CRC-32 of each as it was sent.

    Parameters
    ----------
    url
        The group, written and consolidated.
    sent
        What was put under each key, see `writing.sent_to`.
    later
        Arrays whose chunks come later; they are left out.

    Raises
    ------
    OccupiedError
        Another run replaced the group, or objects of it.
    LostDataError
        An object that the metadata of the arrays asks for is not there, or a chunk is there that they do not know.
    """
    root = json.loads(read_own(url, ROOT, sent[ROOT]))
    objects = {key: size for key, size in sizes(url).items() if key.partition("/c/")[0] not in later}
    require_complete(url, objects, {key for key in implied_keys(root) if key.partition("/c/")[0] not in later})
    other = [key for key, size in objects.items() if key not in sent or sent[key].size != size]
    if other:
        raise OccupiedError(f"{url}: {other[0]}: not as this run wrote it, another run is writing here. {ALONE}")
    return {"objects": objects, "checksums": {key: sent[key].checksum for key in objects}}


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


def seal(
    entry_url: Url, url: Url, group: zarr.Group, entry: Mapping[str, Any], *, later: Collection[str] = ()
) -> dict[str, Any]:
    """Write the ledger entry that makes a Zarr group exist, never in place of another; return the one that is there.

    Parameters
    ----------
    entry_url, url
        The ledger entry; the group.
    group
        The same as `writing.create_root` returned it, written and consolidated.
    entry
        What the entry says besides its objects; ``config_hash``, ``fingerprint`` and ``software`` as in the group's
        attributes.
    later
        As for `inventory`.

    Raises
    ------
    OccupiedError
        Another run wrote its entry first, and not of the same data; one of the same data counts as ours. Or another
        run took the group for that of a dead one and removed it, just before the entry was there; it is withdrawn.
    LostDataError
        The group is not complete.
    """
    ours = {"format": layout.FORMAT, **entry, **inventory(url, sent := sent_to(group), later=later)}
    try:
        written = write_sealed(entry_url, ours, create_only=True)
    except OccupiedError as error:
        found = read_sealed(entry_url)
        if any(found.get(name) != ours[name] for name in (*_MARKS, "objects")) or not same_checksums(found, ours):
            code = [one.get("software", {}).get("code") for one in (found, entry)]
            raise OccupiedError(
                f"{entry_url}: another run is writing here (configuration {found.get('config_hash')!r}, code "
                f"{code[0]!r}; this one {entry['config_hash']!r}, {code[1]!r}). {ALONE}"
            ) from error
        return found
    try:
        read_own(url, ROOT, sent[ROOT])
    except OccupiedError:
        remove(str(entry_url))
        raise
    return written


def same_checksums(listed: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    """Return whether objects agree with the checksums of a list; one of an earlier release has those of metadata."""
    return all(made["checksums"].get(key) == checksum for key, checksum in listed.get("checksums", {}).items())


def lost_objects(url: Url, listed: Mapping[str, Any]) -> list[str]:
    """Return the keys of a group that a ledger entry, a list or a pointer names and that are missing or short."""
    there = sizes(url)
    return [key for key, size in listed["objects"].items() if there.get(key) != size]


def restore(
    url: Url, listed: Mapping[str, Any], make: Callable[[str], zarr.Group], *, later: Collection[str] = ()
) -> None:
    """Put back what a group lost after it was sealed, if anything: the group is made again, and nothing else will do.

    Parameters
    ----------
    url
        The group.
    listed
        Its ledger entry, or what else holds its ``objects`` and ``checksums``.
    make
        Writes the same group at the URL that it is given, see `writing.create_root`.
    later
        As for `inventory`.

    Raises
    ------
    LostDataError
        Made again it is not what is listed; nothing was put in place.
    """
    if not (lost := lost_objects(url, listed)):
        return
    with tempfile.TemporaryDirectory(prefix="biomech-xr-") as folder:
        place = join(folder, "again.zarr")
        made = inventory(place, sent_to(make(place)), later=later)
        if made["objects"] != listed["objects"] or not same_checksums(listed, made):
            raise LostDataError(
                f"{url}: {len(lost)} object(s) are gone ({', '.join(lost[:3])}), and made again the data come out "
                "differently: other raw files, another release or other code. Run `biomech-xr check --repair`; or "
                "remove this folder and what lists it, and run again."
            )
        for key in sorted(lost, key=lambda key: key == ROOT):
            put_verified(join(url, key), read_bytes(join(place, key)), replace=True)


def open_checked(url: Url, objects: Mapping[str, int], checksums: Mapping[str, int]) -> zarr.Group:
    """Return a Zarr group for reading; an object that is listed and not intact raises `LostDataError`."""
    metadata = {key: checksum for key, checksum in checksums.items() if not is_chunk(key)}  # values hold one themselves
    store = zarr_store(url, read_only=True, expected=objects, checksums=metadata)
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
