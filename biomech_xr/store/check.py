"""Read a whole store and say what is not as it was written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import zarr

from biomech_xr.errors import NotAStoreError, StoreError
from biomech_xr.store import layout
from biomech_xr.store.objects import Url, join, names, sizes
from biomech_xr.store.reading import Part, open_part, read_manifest
from biomech_xr.store.recordings import PatientRecordings, list_patients, open_patient
from biomech_xr.store.versions import list_chains, list_versions, read_version


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
        yield from _product(root, folder, name)
    for chain in list_chains(root):
        for number in list_versions(root, chain):
            found = True
            yield _version(root, chain, number)
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


def _product(root: Url, folder: str, name: str) -> Iterator[Checked]:
    """Yield the parts that the manifest of a source lists, and those of older versions."""
    try:
        listed = [entry["name"] for entry in read_manifest(folder)["parts"]]
    except StoreError as error:
        yield Checked(name=name, objects=0, size=0, problems=(str(error),))
        return
    for part_name in dict.fromkeys([*listed, *_older_parts(root, name)]):
        try:
            part = open_part(folder, part=part_name)
        except StoreError as error:
            yield Checked(name=f"{name}/{part_name}", objects=0, size=0, problems=(str(error),))
            continue
        objects: Mapping[str, int] = part.manifest["objects"]
        problems = _listed(part.url, objects)
        try:
            problems += _part_content(part)
        except StoreError as error:
            problems.append(str(error))
        size = sum(objects.values())
        yield Checked(name=f"{name}/{part.name}", objects=len(objects), size=size, problems=tuple(problems))


def _older_parts(root: Url, name: str) -> list[str]:
    """Return the parts of a source that versions list; a pointer that is damaged is reported on its own."""
    _, chain, dataset = name.split("/")
    found = []
    for number in list_versions(root, chain):
        with contextlib.suppress(StoreError):
            found += [part for source, part, _ in read_version(root, chain, number).parts if source == dataset]
    return found


def _version(root: Url, chain: str, number: int) -> Checked:
    """Check a version: its pointer, its catalogue, and that the lists of its parts are those that it was made of."""
    name = f"versions/{chain}/{number:06d}"
    try:
        version = read_version(root, chain, number)
        objects: Mapping[str, int] = version.pointer["catalogue"]["objects"]
        problems = _listed(version.catalogue_url, objects)
        strides = len(version.catalogue().labels)
    except StoreError as error:
        return Checked(name=name, objects=0, size=0, problems=(str(error),))
    if strides != version.strides:
        problems.append(f"{version.catalogue_url}: labels of {strides} strides, the pointer says {version.strides}")
    for dataset, part, digest in version.parts:
        try:
            found = open_part(layout.strides_url(root, chain, dataset), part=part).manifest["digest"]
        except StoreError as error:
            problems.append(str(error))
            continue
        if found != digest:
            problems.append(f"{dataset}/{part}: its list is not the one that version {number} was made of")
    return Checked(name=name, objects=len(objects), size=sum(objects.values()), problems=tuple(problems))


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
