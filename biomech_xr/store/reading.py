"""Reading the parts of a strides product: raw blocks for the loader, checked against the manifest."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import zarr

from biomech_xr.errors import LostDataError, NotAStoreError, StoreError
from biomech_xr.schema import LABELS
from biomech_xr.store import layout, ledger
from biomech_xr.store.encoding import decode_emg
from biomech_xr.store.finishing import read_seal, unfinished
from biomech_xr.store.local_cache import LocalCache
from biomech_xr.store.objects import Url, exists, join, names, read_sealed
from biomech_xr.store.persons import load_table
from biomech_xr.store.ranges import RangeReader
from biomech_xr.store.stored_array import StoredArray
from biomech_xr.store.table import read_table

_STARTED: Final = re.compile(r"part-[0-9a-f]{12}\.json")


def read_manifest(folder: Url) -> dict[str, Any]:
    """Return the manifest of a source's strides under one chain.

    Parameters
    ----------
    folder
        ``<root>/strides/<chain>/<dataset>``.

    Raises
    ------
    NotAStoreError
        Nothing of ours is there, or it was never finished; the message names the missing shards.
    LostDataError
        The manifest is damaged.
    """
    url = join(folder, layout.MANIFEST)
    if not exists(url):
        raise NotAStoreError(_unfinished(folder))
    manifest = read_sealed(url)
    if manifest.get("format") != layout.FORMAT:
        raise NotAStoreError(f"{url}: format {manifest.get('format')!r}, expected {layout.FORMAT!r}. Not ours.")
    return manifest


def _unfinished(folder: Url) -> str:
    started = [name for name in names(join(folder, layout.LEDGER)) if _STARTED.fullmatch(name)]
    if not started:
        return f"{folder}: not a strides store of biomech-xr (no {layout.MANIFEST}). Check the URL, or run process."
    return unfinished(os.fspath(folder), started[-1].removesuffix(".json"))


def require_one_chain(manifests: Iterable[Mapping[str, Any]]) -> None:
    """Raise `StoreError` when sources were processed under different configurations of one chain name.

    Parameters
    ----------
    manifests
        What `read_manifest` returned for each source.

    Raises
    ------
    StoreError
        The configuration hashes differ: the signals of the sources cannot be compared.
    """
    listed = list(manifests)
    if len({manifest["config_hash"] for manifest in listed}) > 1:
        chain = listed[0]["chain"]
        found = "; ".join(f"{manifest['dataset']} {manifest['config_hash']}" for manifest in listed)
        raise StoreError(
            f"chain {chain!r}: the sources were processed under different configurations: {found}; expected one. "
            "Process all of them with one configuration (what it does not change stays as it is), give the other "
            "configuration another chain name, or open the sources one by one with `dataset`."
        )


def open_part(folder: Url, *, part: str = "", cache: LocalCache | None = None) -> Part:
    """Return one part of a source's strides for raw reading.

    Parameters
    ----------
    folder
        ``<root>/strides/<chain>/<dataset>``.
    part
        Name of the part; may be left out where the manifest lists one alone.
    cache
        Where to keep what `Part.read` fetches from storage that is no disk.

    Raises
    ------
    NotAStoreError
        Not a finished part of ours; the message says what is missing.
    LostDataError
        The list of the part, or the manifest, is damaged.
    StoreError
        Several parts, and none is named.
    """
    if not part:
        listed = [entry["name"] for entry in read_manifest(folder)["parts"]]
        if len(listed) != 1:
            raise StoreError(f"{folder}: found the parts {', '.join(listed)}; name one of them with `part`.")
        part = listed[0]
    return Part(os.fspath(folder), part, read_seal(os.fspath(folder), part), cache)


def open_parts(folder: Url) -> list[Part]:
    """Return all parts that the manifest of a source lists; errors as `open_part`."""
    return [open_part(folder, part=entry["name"]) for entry in read_manifest(folder)["parts"]]


@dataclass(frozen=True)
class Part:
    """One part. Plain data until something is read, so it can be sent to a worker, which opens it there.

    `manifest` is the object that lists the part (see `finishing.seal_part`).
    """

    folder: str
    name: str
    manifest: Mapping[str, Any]
    cache: LocalCache | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Part, (self.folder, self.name, self.manifest, self.cache)

    @property
    def url(self) -> str:
        """URL of the Zarr group."""
        return join(self.folder, f"{self.name}.zarr")

    @property
    def size(self) -> int:
        """Number of strides."""
        return int(self.manifest["size"])

    @property
    def chunk(self) -> int:
        """Strides in the smallest piece that is read and checked as one."""
        return layout.STRIDES_PER_CHUNK

    @cached_property
    def group(self) -> zarr.Group:
        """The Zarr group; lost objects raise `LostDataError`."""
        with ledger.lost_data(self.url):
            return ledger.open_checked(self.url, self.manifest["objects"], self.manifest["checksums"])

    @cached_property
    def head(self) -> dict[str, Any]:
        """Attributes of the Zarr group: chain, dataset, size, config_hash, software, attrs, variables."""
        return cast("dict[str, Any]", self.group.attrs.asdict())

    @property
    def attrs(self) -> dict[str, Any]:
        """Facts that the process stage stored with the part."""
        return cast("dict[str, Any]", self.head["attrs"])

    @property
    def variables(self) -> dict[str, tuple[tuple[str, ...], tuple[int, ...]]]:
        """Name -> (dims, shape) of every stored variable that is not a label."""
        return {
            name: (tuple(variable["dims"]), (self.size, *variable["tail"]))
            for name, variable in self.head["variables"].items()
            if name not in LABELS
        }

    @cached_property
    def labels(self) -> pd.DataFrame:
        """One row a stride, columns `schema.LABELS`; text as Categoricals; people who were joined later are joined."""
        return load_table(layout.root_of(self.folder)).apply(self.written_labels)

    @cached_property
    def written_labels(self) -> pd.DataFrame:
        """The labels as they were written: `person_group` as it was known then."""
        with ledger.lost_data(f"{self.url}: labels"):
            table = read_table(self.group, "labels")
        late = [name for name in self.head["variables"] if name in LABELS]
        columns = {name: self.read(name, 0, self.size) for name in late}
        return table.assign(**columns)[list(LABELS)]

    @cached_property
    def rejected(self) -> pd.DataFrame:
        """Candidates that the process stage did not keep."""
        with ledger.lost_data(f"{self.url}: rejected"):
            return read_table(self.group, "rejected")

    @cached_property
    def _arrays(self) -> dict[str, StoredArray]:
        group = self.group
        with ledger.lost_data(self.url):
            return {name: StoredArray.of(name, cast("zarr.Array[Any]", group[name])) for name in self.head["variables"]}

    @cached_property
    def _reader(self) -> RangeReader:
        digest = self.manifest.get("digest", "")
        return RangeReader(self.url, self.manifest["objects"], cache=self.cache, digest=digest)

    def read(self, name: str, start: int, stop: int, *, out: npt.NDArray[Any] | None = None) -> npt.NDArray[Any]:
        """Return strides ``start`` to ``stop`` of a variable as they are stored.

        Parameters
        ----------
        name
            Variable; ``emg`` comes as int16 (see `biomech_xr.store.encoding`), masks as bool, others as float32.
        start, stop
            Range of strides; multiples of `chunk` read nothing twice.
        out
            Where the values go, of their shape and type; a new array when left out.

        Raises
        ------
        NotAStoreError
            There is no such variable.
        LostDataError
            A chunk is missing, short or corrupted.
        """
        return self._read(name, self._range(start, stop), out=out)

    def decoded(self, name: str, start: int, stop: int) -> npt.NDArray[Any]:
        """Return strides ``start`` to ``stop`` of a variable, EMG as float32 (unit 1); all else as for `read`."""
        if name != "emg":
            return self.read(name, start, stop)
        return self._read(name, self._range(start, stop), dtype=np.dtype(np.float32), convert=decode_emg)

    def _range(self, start: int, stop: int) -> list[tuple[int, int]]:
        first, last, _ = slice(start, stop).indices(self.size)
        return [(first, max(first, last))]

    def take(self, name: str, rows: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return single strides of a variable as they are stored, all fetched at the same time.

        Parameters
        ----------
        name
            As for `read`.
        rows
            Strides in any order.

        Raises
        ------
        IndexError
            There is no such stride.
        NotAStoreError, LostDataError
            As for `read`.
        """
        wanted = np.asarray(rows, dtype=np.int64)
        if wanted.size and not (wanted.min() >= 0 and wanted.max() < self.size):
            raise IndexError(f"{self.url}: strides {wanted.min()} to {wanted.max()}, there are {self.size}.")
        return self._read(name, [(row, row + 1) for row in wanted.tolist()])

    def _read(self, name: str, ranges: list[tuple[int, int]], **decoding: Any) -> npt.NDArray[Any]:
        if name not in self._arrays:
            raise NotAStoreError(f"{self.url}: no variable {name!r}; found: {', '.join(sorted(self._arrays))}.")
        return self._reader.read(self._arrays[name], ranges, **decoding)


_PARTS: dict[tuple[str, str, str, LocalCache | None], Part] = {}
_OPENING = threading.Lock()
_KEPT: Final = 4096


def part_here(folder: str, name: str, digest: str, cache: LocalCache | None = None) -> Part:
    """Return a part opened in this process, once for all its threads; a process that was forked opens its own."""
    key = folder, name, digest, cache
    if (part := _PARTS.get(key)) is None:
        with _OPENING:
            if (part := _PARTS.get(key)) is None:
                part = open_part(folder, part=name, cache=cache)
                if part.manifest["digest"] != digest:
                    raise LostDataError(f"{folder}: the store was written anew after it was opened. Open it again.")
                while len(_PARTS) >= _KEPT:
                    del _PARTS[next(iter(_PARTS))]
                _PARTS[key] = part
    return part


def forget_parts() -> None:
    """Open parts anew from now on, in a process that has just been forked too."""
    global _OPENING
    _OPENING = threading.Lock()
    _PARTS.clear()


os.register_at_fork(after_in_child=forget_parts)
