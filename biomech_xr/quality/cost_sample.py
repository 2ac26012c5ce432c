"""Sizes of a store by stride, by patient and by part: what an estimate of a larger one is made of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from biomech_xr.errors import NotAStoreError
from biomech_xr.quality.reference_counts import REFERENCE
from biomech_xr.store import layout, read_version
from biomech_xr.store.look import Look, Place, seal_key


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """What is to be stored of one source; `parts` is in how many goes its people came."""

    name: str
    strides: int
    patients: int
    parts: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """Sizes in a store that exists.

    `variables` maps a variable to (stored bytes a stride, whether it is sharded); `signals` maps a signal group of the
    recordings to its uncompressed bytes a stride; the others are stored bytes or objects by the unit in their name.
    """

    variables: Mapping[str, tuple[float, bool]]
    signals: Mapping[str, float]
    recordings_per_stride: float
    objects_per_patient: float
    bytes_per_patient: float
    objects_per_part: float
    bytes_per_part: float
    labels_per_stride: float
    catalogue_objects: int
    catalogue_per_stride: float
    catalogue_per_part: float


def measure(root: str, chain: str) -> tuple[Sample, list[Source]]:
    """Return the sizes in a store's newest version of a chain, and the sources that it holds.

    Raises
    ------
    NotAStoreError
        There is no version.
    LostDataError
        A list or a pointer is damaged.
    """
    look = Look(root)
    version = read_version(root, chain)
    places = [(chain, dataset, part) for dataset, part, _ in version.parts]
    seals = {place: look.sealed(seal_key(*place)) for place in places}
    lost = [place for place, seal in seals.items() if seal is None]
    if lost:
        raise NotAStoreError(f"{root}: the list of {'/'.join(lost[0])} is lost or damaged. Run check --repair.")
    found = {place: seal for place, seal in seals.items() if seal is not None}
    strides = sum(seal["size"] for seal in found.values())
    metadata = {place: _root(look, place, seal) for place, seal in found.items()}
    catalogue = version.pointer["catalogue"]["objects"]
    values = sum(size for key, size in catalogue.items() if "/c/" in key)
    sample = Sample(
        variables=_variables(found, metadata, strides),
        **_recordings(look),
        objects_per_part=_mean(len(_fixed(seal, metadata[place])) for place, seal in found.items()),
        bytes_per_part=_mean(
            sum(size for key, size in _fixed(seal, metadata[place]).items() if "/c/" not in key)
            for place, seal in found.items()
        ),
        labels_per_stride=sum(
            size for place, seal in found.items() for key, size in _fixed(seal, metadata[place]).items() if "/c/" in key
        )
        / strides,
        catalogue_objects=len(catalogue) + 1,
        catalogue_per_stride=values / strides,
        catalogue_per_part=(sum(catalogue.values()) - values) / len(found),
    )
    counts = version.pointer["sources"].items()
    return sample, [
        Source(name=name, strides=one["counts"]["strides"], patients=one["counts"]["patients"], parts=len(one["parts"]))
        for name, one in counts
    ]


def reference_sources(*, times: int = 1, parts: int = 1) -> list[Source]:
    """Return the fourteen sources as an earlier project counted them, so many times the people and strides."""
    return [
        Source(
            name=one.dataset, strides=times * one.strides, patients=times * (one.people + one.more_people), parts=parts
        )
        for one in REFERENCE
    ]


def _root(look: Look, place: Place, seal: Mapping[str, Any]) -> dict[str, Any]:
    group = "/".join(("strides", *place)) + ".zarr"
    found = look.root_metadata(group, seal["checksums"]["zarr.json"])
    members: dict[str, Any] = (found.get("consolidated_metadata") or {"metadata": {}})["metadata"]
    return {"variables": found["attributes"]["variables"], "members": members}


def _fixed(seal: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, int]:
    """Return the objects of a part that are no shards: metadata and tables."""
    return {key: size for key, size in seal["objects"].items() if key.partition("/c/")[0] not in metadata["variables"]}


def _variables(
    seals: Mapping[Place, Mapping[str, Any]], metadata: Mapping[Place, Mapping[str, Any]], strides: int
) -> dict[str, tuple[float, bool]]:
    sizes: dict[str, int] = {}
    sharded: dict[str, bool] = {}
    for place, seal in seals.items():
        for key, size in seal["objects"].items():
            name, sign, _ = key.partition("/c/")
            if sign and name in metadata[place]["variables"]:
                sizes[name] = sizes.get(name, 0) + size
                first = metadata[place]["members"][name]["codecs"][0]["name"]
                sharded[name] = sharded.get(name, False) or first == "sharding_indexed"
    return {name: (size / strides, sharded[name]) for name, size in sizes.items()}


def _recordings(look: Look) -> dict[str, Any]:
    """Return what the recordings of a patient, and of a stride, take; zeros where the store has none."""
    signals: dict[str, float] = {}
    objects = size = values = strides = patients = 0
    for dataset in look.names("recordings"):
        for patient in look.patients(dataset):
            entry = look.sealed(f"recordings/{dataset}/{layout.LEDGER}/{patient}.json")
            if entry is None:
                continue
            group = f"recordings/{dataset}/{patient}.zarr"
            root = look.root_metadata(group, entry["checksums"]["zarr.json"])
            arrays = root["attributes"]["groups"]
            for array in arrays:
                shape = root["consolidated_metadata"]["metadata"][array]["shape"]
                signals[array] = signals.get(array, 0.0) + 4 * math.prod(shape)
            chunks = [entry["objects"][key] for key in entry["objects"] if key.partition("/c/")[0] in arrays]
            patients, strides = patients + 1, strides + entry["counts"]["strides"]
            fixed = {key: n for key, n in entry["objects"].items() if key.partition("/c/")[0] not in arrays}
            objects, size, values = objects + len(fixed) + 1, size + sum(fixed.values()), values + sum(chunks)
    count, total = max(1, patients), max(1, strides)
    return {
        "signals": {name: found / total for name, found in signals.items()},
        "recordings_per_stride": values / total,
        "objects_per_patient": objects / count,
        "bytes_per_patient": size / count,
    }


def _mean(values: Iterable[int]) -> float:
    listed = list(values)
    return sum(listed) / max(1, len(listed))
