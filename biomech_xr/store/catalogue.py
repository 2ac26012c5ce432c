"""The catalogue of a version: the labels of all its strides in one table, and what opening needs to know of its parts.

With it a store of any number of parts opens in a few requests: no part is touched before its signals are read.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import pandas as pd
import zarr

from biomech_xr.errors import OccupiedError
from biomech_xr.schema import LABELS
from biomech_xr.store import ledger
from biomech_xr.store.objects import Url, exists, join, read_bytes
from biomech_xr.store.reading import Part
from biomech_xr.store.table import read_table, write_table
from biomech_xr.store.writing import consolidate, create_root, put_verified, sent_to

_LEFT_OUT = ("objects", "checksums", "recordings")


class PartFacts(Protocol):
    """What opening a store asks of a part."""

    @property
    def folder(self) -> str:
        """URL of the source's folder."""

    @property
    def name(self) -> str:
        """Name of the part."""

    @property
    def manifest(self) -> Mapping[str, Any]:
        """Facts of the part: dataset, config_hash, spec, counts, digest."""

    @property
    def size(self) -> int:
        """Number of strides."""

    @property
    def attrs(self) -> Mapping[str, Any]:
        """Facts that the process stage stored with the part."""

    @property
    def variables(self) -> Mapping[str, tuple[tuple[str, ...], tuple[int, ...]]]:
        """Name -> (dims, shape) of every stored variable that is not a label."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CataloguedPart:
    """A part as the catalogue knows it, see `PartFacts`; nothing of it was read."""

    folder: str
    name: str
    manifest: Mapping[str, Any]
    attrs: Mapping[str, Any]
    tails: Mapping[str, tuple[tuple[str, ...], tuple[int, ...]]]

    @property
    def size(self) -> int:
        """Number of strides."""
        return int(self.manifest["size"])

    @property
    def variables(self) -> Mapping[str, tuple[tuple[str, ...], tuple[int, ...]]]:
        """Name -> (dims, shape) of every stored variable that is not a label."""
        return {name: (dims, (self.size, *tail)) for name, (dims, tail) in self.tails.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Catalogue:
    """The parts of a version in order, and the labels of their strides as written, one row a stride."""

    parts: Sequence[CataloguedPart]
    labels: pd.DataFrame

    def only(self, datasets: Sequence[str]) -> Catalogue:
        """Return the catalogue of some of the sources."""
        wanted = [part.manifest["dataset"] in set(datasets) for part in self.parts]
        if all(wanted):
            return self
        rows = np.repeat(wanted, [part.size for part in self.parts])
        labels = self.labels[rows].reset_index(drop=True)
        for name in labels:
            if isinstance(labels[name].dtype, pd.CategoricalDtype):
                labels[name] = labels[name].cat.remove_unused_categories()
        return Catalogue(
            parts=[part for part, keep in zip(self.parts, wanted, strict=True) if keep],
            labels=labels,
        )


def write_catalogue(url: Url, parts: Sequence[Part], *, pointer: Url | None = None) -> dict[str, Any]:
    """Write the catalogue of parts as a Zarr group and return its objects with sizes and checksums.

    It is made on this machine and its objects are put one by one, the root last; what is there and the same stays.

    Parameters
    ----------
    url
        The group; of an attempt that died there, what is different is replaced.
    parts
        In the order of the version.
    pointer
        What makes the version exist: where it came meanwhile, nothing is replaced.

    Raises
    ------
    OccupiedError
        Another run published another catalogue under this name.
    StoreError
        Objects come in damaged again and again.
    """
    with tempfile.TemporaryDirectory(prefix="biomech-xr-") as folder:
        place = join(folder, "catalogue.zarr")
        made = ledger.inventory(place, sent_to(make_catalogue(place, parts)))
        for key in sorted(made["objects"], key=lambda key: key == ledger.ROOT):
            data, target = read_bytes(join(place, key)), join(url, key)
            try:
                put_verified(target, data)
            except OccupiedError:
                if pointer is not None and exists(pointer):
                    raise
                put_verified(target, data, replace=True)
    return made


def make_catalogue(url: Url, parts: Sequence[Part]) -> zarr.Group:
    """Write the catalogue of parts as a new Zarr group, and return it."""
    entries = [
        {
            "dataset": part.manifest["dataset"],
            "name": part.name,
            "manifest": {key: value for key, value in part.manifest.items() if key not in _LEFT_OUT},
            "head": part.head,
        }
        for part in parts
    ]
    labels = joined_labels([part.written_labels for part in parts])
    group = create_root(url, {"parts": entries})
    write_table(group, "labels", labels, rows=len(labels))
    consolidate(group)
    return group


def read_catalogue(url: Url, folders: Mapping[str, str], pointer: Mapping[str, Any]) -> Catalogue:
    """Return a catalogue.

    Parameters
    ----------
    url
        The group.
    folders
        Source -> folder of its strides.
    pointer
        ``objects`` and ``checksums`` that `write_catalogue` returned.

    Raises
    ------
    LostDataError
        An object of it is missing or damaged.
    """
    with ledger.lost_data(str(url)):
        group = ledger.open_checked(url, pointer["objects"], pointer["checksums"])
        labels = read_table(group, "labels")
    parts = []
    for entry in cast("Any", group.attrs["parts"]):
        head = entry["head"]
        tails = {
            name: (tuple(variable["dims"]), tuple(variable["tail"]))
            for name, variable in head["variables"].items()
            if name not in LABELS
        }
        parts.append(
            CataloguedPart(
                folder=folders[entry["dataset"]],
                name=entry["name"],
                manifest=entry["manifest"],
                attrs=head["attrs"],
                tails=tails,
            )
        )
    return Catalogue(parts=parts, labels=labels)


def joined_labels(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the labels of several parts as one table, text as Categoricals with sorted categories."""
    columns: dict[str, Any] = {}
    for name, kind in LABELS.items():
        pieces = [table[name] for table in tables]
        if kind == "category":
            columns[name] = pd.api.types.union_categoricals(
                [piece.array for piece in pieces], sort_categories=True, ignore_order=True
            )
        else:
            columns[name] = np.concatenate([piece.to_numpy() for piece in pieces])
    return pd.DataFrame(columns)


def catalogue_url(versions: Url, number: int, token: str) -> str:
    """Return the group of a version's catalogue; the token keeps two writers of different versions apart."""
    return join(versions, f"{number:06d}-{token[:12]}.zarr")
