"""What a store holds by its ledgers, lists and pointers: every object of every unit, and what each should be."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from biomech_xr.errors import LostDataError
from biomech_xr.store import layout
from biomech_xr.store.integrity import Expected, array_chunks, members
from biomech_xr.store.look import Look, Place, pointer_key, seal_key
from biomech_xr.store.loose_objects import check_numbered
from biomech_xr.store.objects import join
from biomech_xr.store.planned import look_plan, look_standing, verdict_keys


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """One unit: `kind` (recordings, strides, versions, people, splits), its place, and its objects.

    `objects` maps each key, relative to the root of the store, to what the object should be; ledgers, manifests and
    pointers have no checksum of their own there, because they hold a digest.
    """

    kind: str
    name: str
    objects: Mapping[str, Expected]

    @property
    def size(self) -> int:
        """Bytes of all objects."""
        return sum(expected.size or 0 for expected in self.objects.values())


def holdings(look: Look, *, datasets: Collection[str] | None = None) -> Iterator[Holding]:
    """Yield what a store holds, of all sources by default: recordings, parts, manifests, versions, people, splits.

    No values are read.

    Raises
    ------
    LostDataError
        A ledger, a manifest or a pointer is missing or damaged; the message names it.
    """

    def chosen(dataset: str) -> bool:
        return datasets is None or dataset in datasets

    for dataset in filter(chosen, look.names("recordings")):
        for patient in look.patients(dataset):
            yield _patient(look, dataset, patient)
        if look_plan(look, dataset) in look.there:
            yield _plan(look, dataset)
    places = [place for place in look.parts if chosen(place[1])]
    for place in places:
        yield part_holding(look, place)
    for chain, dataset in dict.fromkeys(place[:2] for place in places):
        folder = f"strides/{chain}/{dataset}"
        yield Holding(kind="strides", name=folder, objects=_sealed(look, f"{folder}/{layout.MANIFEST}"))
    for chain, numbers in look.pointers.items():
        for number in (number for number in numbers if pointer_key(chain, number) in look.there):
            yield version_holding(look, chain, number)
    for kind in ("people", "splits"):
        keys = [f"{kind}/{name}" for name in look.names(kind) if name.endswith(".json")]
        if keys:
            yield Holding(kind=kind, name=kind, objects=_sealed(look, *keys))


def require_sealed(look: Look, datasets: Collection[str] | None = None) -> None:
    """Raise `LostDataError` where a sealed object is lost that `holdings` does not miss and a check of the store names.

    These are ledger entries of people whose recordings are there, pointers of versions whose catalogue is, of these
    sources (all by default), and tables of people and versions of splits that later ones follow.
    """
    known = [] if datasets is None else datasets
    for dataset, patient in patients(look):
        if datasets is None or dataset in known:
            _sealed(look, f"recordings/{dataset}/{layout.LEDGER}/{patient}.json")
    for chain, numbers in look.pointers.items():
        for number in numbers:
            key, sources = pointer_key(chain, number), {place[0] for place in look.version_parts(chain, number)}
            wanted = datasets is None or bool(sources & set(known))
            if wanted and (key in look.there or complete_catalogue(look, chain, number)):
                _sealed(look, key)
    for _, keys, problems in check_numbered(look):
        _sealed(look, *sorted(key for key in keys if key in problems and look.sealed(key) is None))


def patients(look: Look) -> list[tuple[str, str]]:
    """Return (dataset, patient) of whoever a store should hold, in order.

    That is everybody with a ledger entry, everybody whose recordings a part was made of while their folder is there,
    and whoever has a complete group: its entry may be lost.
    """
    found = set()
    for dataset in look.names("recordings"):
        folder = f"recordings/{dataset}"
        found |= {(dataset, patient) for patient in look.patients(dataset)}
        for name in look.names(folder):
            group = f"{folder}/{name}"
            patient = name.removesuffix(".zarr")
            if name.endswith(".zarr") and (dataset, patient) not in found and complete(look, group):
                found.add((dataset, patient))
    return sorted(found | people_of_parts(look))


def people_of_parts(look: Look) -> set[tuple[str, str]]:
    """Return the people of finished parts, of sources whose recordings are in this store."""
    here = set(look.names("recordings"))
    return {(place[1], patient) for place in look.parts if place[1] in here for patient in look.recordings(place)}


def complete(look: Look, group: str) -> bool:
    """Return whether the root of a Zarr group was finished, and all members that it names have metadata."""
    found = members(look.root_metadata(group, None))
    return bool(found) and {f"{name}/zarr.json" for name in found} <= set(look.groups.get(group, ()))


def complete_catalogue(look: Look, chain: str, number: int) -> bool:
    """Return whether a catalogue of a version was finished; its pointer may be lost."""
    return any(complete(look, group) for group in look.catalogues(chain, number))


def _plan(look: Look, dataset: str) -> Holding:
    """Return the plan of a parse, and the verdicts on those whose files cannot be read."""
    listed = look.names(f"recordings/{dataset}/{layout.LEDGER}")
    verdicts = [key for name in look_standing(look, dataset).failed for key in verdict_keys(dataset, name, listed)]
    plan = look_plan(look, dataset)
    keys = [plan, *(key for key in verdicts if look.sealed(key) is not None)]
    return Holding(kind="recordings", name=plan, objects=_sealed(look, *keys))


def _patient(look: Look, dataset: str, patient: str) -> Holding:
    key = f"recordings/{dataset}/{layout.LEDGER}/{patient}.json"
    objects = _sealed(look, key)
    entry = look.sealed(key) or {}
    group = f"recordings/{dataset}/{patient}.zarr"
    objects |= _group(look, group, entry["objects"], entry["checksums"])
    return Holding(kind="recordings", name=f"recordings/{dataset}/{patient}", objects=objects)


def part_holding(look: Look, place: Place) -> Holding:
    """Return the objects of a finished part, ledger included; errors as `holdings`."""
    chain, dataset, part = place
    folder, own = f"strides/{chain}/{dataset}", seal_key(*place)
    objects = _sealed(look, own)
    seal = look.sealed(own) or {}
    shards = range(layout.shard_count(seal["size"]))
    objects |= _sealed(
        look,
        layout.part_ledger_url(folder, part),
        *(layout.shard_ledger_url(folder, part, shard) for shard in shards),
    )
    objects |= _group(look, f"{folder}/{part}.zarr", seal["objects"], seal["checksums"])
    return Holding(kind="strides", name=f"{folder}/{part}", objects=objects)


def version_holding(look: Look, chain: str, number: int) -> Holding:
    """Return the objects of a version, its pointer and its catalogue; errors as `holdings`."""
    key = pointer_key(chain, number)
    objects = _sealed(look, key)
    catalogue = (look.sealed(key) or {})["catalogue"]
    group = f"{layout.VERSIONS}/{chain}/{catalogue['name']}"
    objects |= _group(look, group, catalogue["objects"], catalogue["checksums"])
    return Holding(kind=layout.VERSIONS, name=f"{layout.VERSIONS}/{chain}/{number:06d}", objects=objects)


def _sealed(look: Look, *keys: str) -> dict[str, Expected]:
    for key in keys:
        if look.sealed(key) is None:
            raise LostDataError(
                f"{join(look.root, key)}: {look.problem(key)}. Run `biomech-xr check {look.root} --repair` first."
            )
    return {key: Expected(size=look.there[key]) for key in keys}


def _group(look: Look, group: str, objects: Mapping[str, int], checksums: Mapping[str, int]) -> dict[str, Expected]:
    metadata = look.root_metadata(group, checksums["zarr.json"])
    if not metadata:
        raise LostDataError(
            f"{join(look.root, group)}/zarr.json: lost or damaged. Run `biomech-xr check {look.root} --repair` first."
        )
    chunks = array_chunks(metadata)
    return {
        f"{group}/{key}": Expected(
            size=size,
            checksum=checksums.get(key),
            chunks=chunks.get(key.partition("/c/")[0]) if "/c/" in f"{key}/" else None,
        )
        for key, size in objects.items()
    }
