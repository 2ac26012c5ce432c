"""Tables of many people, fast: the columns that are asked for, decoded from their objects.

A store of 545 people has some 6,000 arrays of a few kilobytes in its tables, and opening each as a Zarr array costs a
millisecond and more. Here the metadata of a patient are read once, and a chunk is decoded by the codecs of
`biomech_xr.store.layout`: a checksum, then blosc. Sizes and checksums are those of the ledger, as in every reader.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from numcodecs import Blosc  # type: ignore[import-untyped]
from numcodecs.checksum32 import CRC32C  # type: ignore[import-untyped]

from biomech_xr.errors import LostDataError, NotAStoreError
from biomech_xr.store.checked import is_chunk
from biomech_xr.store.integrity import Expected, problem
from biomech_xr.store.ledger import lost_data
from biomech_xr.store.objects import join, local_path
from biomech_xr.store.rereading import read_intact

_CODECS: Final = ["bytes", "blosc", "crc32c"]
_KINDS: Final = ("codes", "float64", "int64", "bool")
_READERS: Final = 16


@dataclass(frozen=True, slots=True)
class Text:
    """A column of text: codes into categories, dims ``(row,)``; -1 is missing text."""

    codes: npt.NDArray[np.integer[Any]]
    categories: Sequence[str]


Column = Text | npt.NDArray[Any]


def joined(tables: Sequence[Mapping[str, Column]]) -> pd.DataFrame:
    """Return tables of the same columns one below the other; text as Categoricals in the order of first appearance."""
    return pd.DataFrame({name: _joined([table[name] for table in tables]) for name in tables[0]}, copy=False)


def _joined(columns: Sequence[Column]) -> Any:
    texts = [column for column in columns if isinstance(column, Text)]
    if not texts:
        return np.concatenate([np.asarray(column) for column in columns])
    known: dict[str, int] = {}
    codes = []
    for text in texts:
        places = [known.setdefault(name, len(known)) for name in text.categories]
        codes.append(np.array([*places, -1], dtype=np.int32)[text.codes])
    return pd.Categorical.from_codes(np.concatenate(codes), categories=pd.Index(list(known), dtype=object))


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of a table: numbers, and of text the codes into its categories (-1: missing); dims ``(row,)``."""

    size: int
    values: Mapping[str, npt.NDArray[Any]]
    categories: Mapping[str, Sequence[str]]

    def column(self, name: str) -> Column:
        """Return a column of text or of numbers."""
        return Text(self.values[name], self.categories[name]) if name in self.categories else self.values[name]

    def texts(self, name: str) -> list[str]:
        """Return a column of text, missing text empty; all empty where there is no such column."""
        if name not in self.values:
            return [""] * self.size
        known = [*self.categories[name], ""]
        return [known[code] for code in self.values[name]]

    def numbers(self, name: str, missing: float = np.nan) -> npt.NDArray[np.float64]:
        """Return a column of numbers, ``missing`` throughout where there is no such column."""
        if name not in self.values:
            return np.full(self.size, missing)
        return np.asarray(self.values[name], dtype=np.float64)


class StoredGroup:
    """A Zarr group of ours whose metadata are read once and whose small arrays are decoded directly.

    Parameters
    ----------
    url
        The group.
    entry
        ``objects`` (key -> bytes) and ``checksums`` of a ledger or of a part in a manifest.
    """

    def __init__(self, url: str, entry: Mapping[str, Any]) -> None:
        self.url = url
        self._folder = local_path(url)
        self._objects: Mapping[str, int] = entry["objects"]
        self._checksums: Mapping[str, int] = entry["checksums"]
        raw = self._bytes("zarr.json")
        if zlib.crc32(raw) != entry["checksums"]["zarr.json"]:
            raise LostDataError(f"{url}: zarr.json: the checksum does not match. Restore the object.")
        root = json.loads(raw)
        self.attributes: dict[str, Any] = root["attributes"]
        self._members: dict[str, Any] = root["consolidated_metadata"]["metadata"]

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def table(self, name: str, wanted: Collection[str]) -> Columns:
        """Return those of the wanted columns that a table has.

        Raises
        ------
        NotAStoreError
            The group holds no such table.
        LostDataError
            An object is missing or damaged.
        """
        if name not in self:
            raise NotAStoreError(f"{self.url}: no table {name!r}. The store is not ours or not complete.")
        attributes = self._members[name]["attributes"]
        kinds = [(str(column), str(kind)) for column, kind in attributes["columns"]]
        packed = {
            kind: self.array(f"{name}/{kind}")
            for kind in _KINDS
            if any(kind == own and column in wanted for column, own in kinds)
        }
        values, place = {}, dict.fromkeys(_KINDS, 0)
        for column, kind in kinds:
            if column in wanted:
                values[column] = packed[kind][place[kind]]
            place[kind] += 1
        categories = {column: attributes["categories"][column] for column, kind in kinds if kind == "codes"}
        return Columns(int(attributes["rows"]), values, categories)

    def array(self, name: str) -> npt.NDArray[Any]:
        """Return the values of one array that is not sharded.

        Raises
        ------
        NotAStoreError
            The group holds no such array, or one with other codecs.
        LostDataError
            An object is missing or damaged.
        """
        member = self._members.get(name, {})
        if [codec["name"] for codec in member.get("codecs", ())] != _CODECS:
            raise NotAStoreError(f"{self.url}: no array {name!r} as biomech-xr writes it. The store is not ours.")
        shape, chunk = member["shape"], member["chunk_grid"]["configuration"]["chunk_shape"]
        values = np.empty(shape, dtype=np.dtype(member["data_type"]))
        places = list(product(*(range(-(-size // step)) for size, step in zip(shape, chunk, strict=True))))
        keys = ["/".join([name, "c", *map(str, place)]) for place in places]
        for place, key, raw in zip(places, keys, self._several(keys), strict=True):
            where = tuple(slice(i * step, (i + 1) * step) for i, step in zip(place, chunk, strict=True))
            part = values[where]
            with lost_data(f"{self.url}: {key}"):
                block = np.frombuffer(_decoded(raw), dtype=values.dtype).reshape(chunk)
            values[where] = block[tuple(slice(size) for size in part.shape)]
        return values

    def _several(self, keys: Sequence[str]) -> Iterator[bytes]:
        """Yield objects in order; from a bucket several at a time, because there waiting is most of it."""
        if self._folder is not None or len(keys) < 2:
            yield from map(self._bytes, keys)
            return
        with ThreadPoolExecutor(_READERS) as pool:
            yield from pool.map(self._bytes, keys)

    def _bytes(self, key: str) -> bytes:
        """Return an object of the group, of the size that the ledger says."""
        if key not in self._objects:
            raise LostDataError(f"{self.url}: {key}: not in the list of what was written. Restore the ledger.")
        try:
            raw = self._fetched(key) if self._folder is None else (self._folder / key).read_bytes()
        except (FileNotFoundError, NotAStoreError):
            raw = b""
        if len(raw) != self._objects[key]:
            raise LostDataError(
                f"{self.url}: {key}: found {len(raw)} bytes, expected {self._objects[key]} bytes. Restore the object."
            )
        return raw

    def _fetched(self, key: str) -> bytes:
        """Return an object that lies elsewhere, read again where it comes damaged."""
        chunks = 0 if is_chunk(key) else None
        expected = Expected(size=self._objects[key], checksum=self._checksums.get(key), chunks=chunks)
        return read_intact(join(self.url, key), lambda data: problem(data, expected))


def _decoded(raw: bytes) -> bytes:
    """Return the bytes of a chunk; a checksum that does not match raises `RuntimeError`."""
    decoded: bytes = Blosc().decode(CRC32C(location="end").decode(raw))
    return decoded
