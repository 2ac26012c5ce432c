"""Read a whole store and say what is not as it was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import zarr

from biomech_xr.errors import NotAStoreError, StoreError
from biomech_xr.store import layout
from biomech_xr.store.objects import Url, join, names, sizes
from biomech_xr.store.reading import Part, open_part, read_manifest
from biomech_xr.store.recordings import PatientRecordings, list_patients, open_patient


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """One unit of a store: its name, the objects and bytes that it should have, and every problem found."""

    name: str
    objects: int
    size: int
    problems: tuple[str, ...]


def check_store(root: Url) -> Iterator[Checked]:
    """Yield the result for every committed patient and every part of a finished strides product.

    Every object is compared with its ledger or manifest (there, of the size written, nothing besides), every value is
    read (chunks carry checksums), and the tables are compared with the counts of the ledger.

    Parameters
    ----------
    root
        URL of the store.

    Raises
    ------
    NotAStoreError
        Neither recordings nor strides of ours are there.
    """
    found = False
    for dataset, patient in list_patients(root):
        found = True
        yield _patient(root, dataset, patient)
    for folder, name in _products(root):
        found = True
        yield from _product(folder, name)
    if not found:
        raise NotAStoreError(
            f"{root}: found neither recordings nor strides of biomech-xr. Check the URL, or run parse."
        )


def _products(root: Url) -> Iterator[tuple[str, str]]:
    strides = join(root, "strides")
    for chain in names(strides):
        for dataset in names(join(strides, chain)):
            yield layout.strides_url(root, chain, dataset), f"strides/{chain}/{dataset}"


def _patient(root: Url, dataset: str, patient: str) -> Checked:
    name = f"recordings/{dataset}/{patient}"
    try:
        opened = open_patient(root, dataset, patient)
    except StoreError as error:
        return Checked(name=name, objects=0, size=0, problems=(str(error),))
    objects: Mapping[str, int] = opened.ledger["objects"]
    problems = _listed(opened.url, objects)
    try:
        problems += _patient_content(opened)
    except StoreError as error:
        problems.append(str(error))
    return Checked(name=name, objects=len(objects), size=sum(objects.values()), problems=tuple(problems))


def _patient_content(opened: PatientRecordings) -> list[str]:
    """Read all rows and tables of a patient; return what does not fit together."""
    for group in opened.groups:
        array = cast("zarr.Array[Any]", opened.group[group])
        for start in range(0, array.shape[0], array.chunks[0]):
            opened.read(group, start, min(start + array.chunks[0], array.shape[0]))
    tables = {"trials": opened.trials, "strides": opened.strides, "rejected": opened.rejected}
    problems = [
        f"{opened.url}: {name}: {len(table)} rows, the ledger says {opened.ledger['counts'][name]}"
        for name, table in tables.items()
        if len(table) != opened.ledger["counts"][name]
    ]
    unknown = set(opened.strides["trial"]) - set(opened.trials["trial"])
    problems += [f"{opened.url}: strides of a trial {trial!r} that is not in trials" for trial in sorted(unknown)]
    return problems


def _product(folder: str, name: str) -> Iterator[Checked]:
    try:
        manifest = read_manifest(folder)
        parts = [open_part(folder, part=entry["name"]) for entry in manifest["parts"]]
    except StoreError as error:
        yield Checked(name=name, objects=0, size=0, problems=(str(error),))
        return
    for part in parts:
        objects: Mapping[str, int] = part.entry["objects"]
        problems = _listed(part.url, objects)
        try:
            problems += _part_content(part)
        except StoreError as error:
            problems.append(str(error))
        size = sum(objects.values())
        yield Checked(name=f"{name}/{part.name}", objects=len(objects), size=size, problems=tuple(problems))


def _part_content(part: Part) -> list[str]:
    for variable in part.head["variables"]:
        for shard in range(layout.shard_count(part.size)):
            part.read(variable, *layout.shard_bounds(shard, part.size))
    if len(part.labels) != part.size:
        return [f"{part.url}: labels of {len(part.labels)} strides, the manifest says {part.size}"]
    return []


def _listed(url: str, objects: Mapping[str, int]) -> list[str]:
    """Return the objects that are missing, of another size, or not listed."""
    there = sizes(url)
    problems = [
        f"{url}: {key}: found {f'{there[key]} bytes' if key in there else 'nothing'}, expected {size} bytes"
        for key, size in objects.items()
        if there.get(key) != size
    ]
    extra = sorted(set(there) - set(objects))
    return problems + [f"{url}: {key}: not in the list of what was written" for key in extra]
