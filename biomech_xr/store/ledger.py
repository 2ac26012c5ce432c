"""What makes a folder a store: markers, the check of an output before writing, provenance."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from importlib import metadata
from typing import Any, Final

import zarr

from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.errors import LostDataError, NotAStoreError, OccupiedError, StoreError
from biomech_xr.store import layout
from biomech_xr.store.objects import (
    Url,
    exists,
    join,
    metadata_checksums,
    names,
    plain,
    read_json,
    remove_tree,
    sizes,
    zarr_store,
)

_LIBRARIES: Final = ("numpy", "scipy", "xarray", "zarr", "numcodecs")
_COLUMN_MAPS: Final = ("emg", "angles", "moments")


def software() -> dict[str, str]:
    """Return the versions of this library and of those that shape the numbers."""
    from biomech_xr import __version__

    return {"biomech-xr": __version__, **{library: metadata.version(library) for library in _LIBRARIES}}


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


def inventory(url: Url) -> dict[str, Any]:
    """Return every object of a Zarr group with its size, and the checksums of the metadata objects."""
    objects = sizes(url)
    return {"objects": objects, "checksums": metadata_checksums(url, objects)}


def open_checked(url: Url, objects: Mapping[str, int], checksums: Mapping[str, int]) -> zarr.Group:
    """Return a Zarr group for reading; an object that is listed and not intact raises `LostDataError`."""
    store = zarr_store(url, read_only=True, expected=objects, checksums=checksums)
    group = zarr.open_group(store, mode="r", zarr_format=3, use_consolidated=True)
    if group.attrs.get("format") != layout.FORMAT:
        raise NotAStoreError(f"{url}: not written by biomech-xr (no {layout.FORMAT!r} marker). Check the URL.")
    return group


def require_store(folder: Url, what: str) -> None:
    """Raise `NotAStoreError` unless the folder is there."""
    if not exists(folder):
        raise NotAStoreError(f"{folder}: no {what} here. Check the URL, or write them first.")


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
