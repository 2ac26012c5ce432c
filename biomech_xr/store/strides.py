"""Strides of any number of sources as one lazy Dataset with a unique `stride` index."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import dask.array as da
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from biomech_xr import vocabulary as words
from biomech_xr.errors import NotAStoreError, SchemaError, StoreError
from biomech_xr.schema import BEFORE, HISTORY, INDEX_LEVELS, LABEL_UNITS, LABELS
from biomech_xr.store import layout
from biomech_xr.store.attributes import dataset_attrs, variable_attrs
from biomech_xr.store.catalogue import PartFacts
from biomech_xr.store.half_copied import what_to_do
from biomech_xr.store.lazy import lazy_array, take
from biomech_xr.store.objects import Url, exists, join, names
from biomech_xr.store.persons import load_table
from biomech_xr.store.reading import open_part, part_here, read_manifest
from biomech_xr.store.versions import Version, list_chains, list_versions, read_version

__all__ = ["find_datasets", "open_part", "open_strides"]

_LOG = logging.getLogger(__name__)

_PADDED: Final = ("time", "time_kinematics")
"""Dims whose length is a fact of the source; the other sources are filled with NaN up to the longest."""

_DIM_LABELS: Final = {"channel": words.MUSCLES, "joint": words.JOINTS, "motion": words.MOTIONS, "axis": words.AXES}


def find_datasets(url: Url, chain: str = "envelope", *, version: int | None = None) -> list[str]:
    """Return the sources in a version of a chain's strides, the newest by default, in alphabetical order."""
    if version is None and not list_versions(url, chain):
        return []
    return read_version(url, chain, version).datasets


def open_strides(
    url: Url, *, chain: str = "envelope", dataset: str | Sequence[str] | None = None, version: int | None = None
) -> xr.Dataset:
    """Return the strides of a store as one lazy Dataset.

    Data variables are Dask arrays of one shard (512 strides) a chunk; nothing of them is read here. Labels are read.

    Parameters
    ----------
    url
        Root of the store (path or URL).
    chain
        Name of the processing chain.
    dataset
        One source or several; all of the version when left out.
    version
        Number of the version (``biomech-xr versions``); the newest when left out.

    Returns
    -------
    xr.Dataset
        Variables and labels as `biomech_xr.schema.validate_strides` asks: `emg` (stride, channel, time) unit 1, NaN
        before the signal's start and after the stride's end; `kinematics` in degrees and `kinetics` in N m/kg, dims
        (stride, joint, motion, phase). ``stride`` is a MultiIndex of `schema.INDEX_LEVELS`, so that
        ``ds.sel(patient="hu-AB156", activity="walk")`` works. Sources with shorter records are padded with NaN.
        Attributes name the version, the chain, configuration hashes, lookahead (s), and per source DOI and licence.

    Raises
    ------
    NotAStoreError
        No finished store of ours; the message says what is missing.
    LostDataError
        On opening or on computing: an object of the version is missing or damaged.
    """
    found = find_version(url, chain, version)
    catalogue = found.catalogue().only(asked_sources(found, dataset))
    parts, labels = catalogue.parts, load_table(url).apply(catalogue.labels)
    sizes = _dim_sizes(parts)
    variables = {}
    for name in dict.fromkeys(name for part in parts for name in part.variables):
        dims = next(part.variables[name][0] for part in parts if name in part.variables)
        arrays = [_lazy(part, name, dims, sizes) for part in parts]
        variables[name] = xr.Variable(dims, da.concatenate(arrays, axis=0), variable_attrs(name, parts))
    coords = xr.Coordinates.from_xindex(StrideIndex(stride_index(labels), "stride"))
    dataset_ = xr.Dataset(variables, coords=coords).assign_coords(_label_coords(labels) | _dim_coords(sizes, parts))
    return dataset_.assign_attrs(version=found.number, **dataset_attrs(chain, parts))


def find_version(url: Url, chain: str, version: int | None) -> Version:
    """Return the version asked for, the newest by default; sources that are being made and not in it are logged.

    Raises
    ------
    NotAStoreError
        There is none; the message says what is there, and what is missing for it to be finished.
    LostDataError
        The pointer of the version is damaged.
    """
    folder = join(url, "strides", layout.checked_name(chain))
    started = names(folder)
    if version is None and not list_versions(url, chain):
        if copying := what_to_do(url, ""):
            raise NotAStoreError(f"{folder}: no version of the strides here. {copying}")
        if started:
            read_manifest(join(folder, started[0]))
            raise NotAStoreError(f"{folder}: finished, but no version was made of it. Run process again; it does.")
        chains = ", ".join(list_chains(url)) or "none"
        raise NotAStoreError(f"{folder}: no strides here; chains found: {chains}. Check the URL, or run process.")
    found = read_version(url, chain, version)
    if version is None:
        for name in sorted(set(started) - set(found.datasets)):
            _LOG.warning("%s/%s: not in version %d, left out", folder, name, found.number)
    return found


def asked_sources(version: Version, dataset: str | Sequence[str] | None) -> list[str]:
    """Return the sources that are asked for, all by default, or raise `NotAStoreError` where one is not there."""
    asked = version.datasets if dataset is None else [dataset] if isinstance(dataset, str) else sorted(set(dataset))
    absent = sorted(set(asked) - set(version.datasets))
    for name in absent:
        folder = layout.strides_url(version.root, version.chain, name)
        if exists(folder):
            read_manifest(folder)
    if absent or not asked:
        raise NotAStoreError(
            f"{version.root}: version {version.number} of chain {version.chain!r} has no source "
            f"{', '.join(map(repr, absent))}; it holds {', '.join(version.datasets)}. Name one of them, or run process."
        )
    return asked


class StrideIndex(xr.indexes.PandasMultiIndex):
    """The index of strides: whatever lies together is selected as a slice, so that Dask need not shuffle chunks."""

    def sel(self, labels: Any, method: Any = None, tolerance: Any = None) -> Any:
        """Return where labels are, as xarray asks for it."""
        found = super().sel(labels, method=method, tolerance=tolerance)
        place = found.dim_indexers.get(self.dim)
        if isinstance(place, np.ndarray) and place.dtype == bool and place.any():
            first, last = int(place.argmax()), len(place) - int(place[::-1].argmax())
            if place[first:last].all():
                found.dim_indexers[self.dim] = slice(first, last)
        return found


def stride_index(labels: pd.DataFrame) -> pd.MultiIndex:
    """Return the unique index of strides from category codes, without touching a string per stride.

    Parameters
    ----------
    labels
        One row a stride, text columns as Categoricals.

    Raises
    ------
    SchemaError
        Two strides have the same index, or a level is empty.
    """
    levels: list[pd.Index[Any]] = []
    codes: list[npt.NDArray[np.integer[Any]]] = []
    for name in INDEX_LEVELS:
        column = labels[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            levels.append(pd.Index(column.cat.categories))
            codes.append(column.cat.codes.to_numpy())
        else:
            coded = pd.Categorical(column)
            levels.append(pd.Index(coded.categories))
            codes.append(np.asarray(coded.codes))
    key = np.zeros(len(labels), dtype=np.int64)
    for values, code in zip(levels, codes, strict=True):
        key = key * max(1, len(values)) + code
    problems = [f"level {name!r} is empty" for name, code in zip(INDEX_LEVELS, codes, strict=True) if (code < 0).any()]
    if len(pd.unique(key)) != len(key):
        first = labels.loc[pd.Series(key).duplicated().to_numpy(), list(INDEX_LEVELS)].iloc[0].to_dict()
        problems.append(f"not unique: {first}")
    if problems:
        raise SchemaError.of("stride index", problems)
    return pd.MultiIndex(
        levels=cast("Any", levels), codes=cast("Any", codes), names=list(INDEX_LEVELS), verify_integrity=False
    )


def text(column: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Return a Categorical as an object array that shares its few strings; missing text is empty."""
    values: npt.NDArray[np.object_] = np.append(np.asarray(column.cat.categories, dtype=object), "")
    return values[column.cat.codes.to_numpy()]


def _label_coords(labels: pd.DataFrame) -> dict[str, Any]:
    return {
        name: xr.Variable(
            "stride",
            text(labels[name]) if kind == "category" else labels[name].to_numpy(),
            {"units": LABEL_UNITS[name]} if name in LABEL_UNITS else None,
            fastpath=True,
        )
        for name, kind in LABELS.items()
        if name not in INDEX_LEVELS
    }


def _dim_sizes(parts: Sequence[PartFacts]) -> dict[str, int]:
    found: dict[str, set[int]] = {}
    for part in parts:
        for dims, shape in part.variables.values():
            for dim, size in zip(dims[1:], shape[1:], strict=True):
                found.setdefault(dim, set()).add(size)
    uneven = [f"{dim}: {sorted(sizes)}" for dim, sizes in found.items() if len(sizes) > 1 and dim not in _PADDED]
    if uneven:
        raise SchemaError.of("sources of one chain", [f"dim of different size, {problem}" for problem in uneven])
    return {dim: max(sizes) for dim, sizes in found.items()}


def _dim_coords(sizes: Mapping[str, int], parts: Sequence[PartFacts]) -> dict[str, Any]:
    coords: dict[str, Any] = {}
    for dim, labels in _DIM_LABELS.items():
        if dim in sizes:
            coords[dim] = (dim, list(labels))
    if "time" in sizes:
        coords["time"] = ("time", np.arange(-HISTORY, sizes["time"] - HISTORY) / 1000, {"units": "s"})
    if "phase" in sizes:
        coords["phase"] = ("phase", np.arange(sizes["phase"]) / sizes["phase"], {"units": "1"})
    if "time_kinematics" in sizes:
        stamps = np.arange(sizes["time_kinematics"]) / grid_rate(parts[0].attrs)
        coords["time_kinematics"] = ("time_kinematics", stamps, {"units": "s"})
    if "before" in sizes:
        coords["before"] = ("before", np.arange(-BEFORE, 0))
    if "after" in sizes:
        coords["after"] = ("after", np.arange(sizes["after"]))
    return coords


def grid_rate(attrs: Mapping[str, Any]) -> float:
    """Return the rate in Hz of a kinematic grid in time, from the attribute ``grid``: ``{"rate": 100}``."""
    grid = attrs.get("grid", {})
    if not isinstance(grid, Mapping) or not grid.get("rate"):
        raise StoreError(f"attribute 'grid' is {grid!r}, expected a rate in Hz. Process again.")
    return float(grid["rate"])


@dataclass(frozen=True, slots=True)
class StoredVariable:
    """One variable of one part as Dask sees it: decoded, and padded with NaN to `tail`, when a chunk is read."""

    folder: str
    part: str
    digest: str
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """Number of dims."""
        return len(self.shape)

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        return take(self._block, self.shape[0], key)

    def _block(self, start: int, stop: int) -> npt.NDArray[Any]:
        values = part_here(self.folder, self.part, self.digest).decoded(self.name, start, stop)
        if values.shape[1:] == self.shape[1:]:
            return values
        padded = np.full((len(values), *self.shape[1:]), np.nan, dtype=self.dtype)
        padded[tuple(slice(size) for size in values.shape)] = values
        return padded


def _lazy(part: PartFacts, name: str, dims: Sequence[str], sizes: Mapping[str, int]) -> da.Array:
    shape = (part.size, *(sizes[dim] for dim in dims[1:]))
    dtype = np.dtype("float32" if name == "emg" else layout.stored_dtype(name))
    if name not in part.variables:
        chunks = (layout.STRIDES_PER_SHARD, *shape[1:])
        return da.full(shape, np.nan if dtype.kind == "f" else 0, dtype=dtype, chunks=chunks)
    digest = part.manifest["digest"]
    source = StoredVariable(os.fspath(part.folder), part.name, digest, name, shape, dtype)
    token = f"{name}-{digest[:16]}-{part.name}-{'x'.join(map(str, shape))}"
    return lazy_array(source, rows=layout.STRIDES_PER_SHARD, name=token)
