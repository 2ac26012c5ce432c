"""Read a whole store and say what is not as it was written, object by object."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from biomech_xr.errors import NotAStoreError, StoreError
from biomech_xr.store import layout
from biomech_xr.store.half_copied import PINS, what_to_do
from biomech_xr.store.holdings import complete_catalogue, patients, people_of_parts
from biomech_xr.store.integrity import members
from biomech_xr.store.leftovers import leftovers
from biomech_xr.store.look import Look, pointer_key, seal_key
from biomech_xr.store.loose_objects import check_numbered
from biomech_xr.store.objects import Url, join
from biomech_xr.store.planned import interrupted, look_plan, plan_digests
from biomech_xr.store.reading import Part
from biomech_xr.store.recordings import PatientRecordings
from biomech_xr.store.repeated import again

Listed = tuple[Mapping[str, int], Mapping[str, int]]
"""Size and CRC-32 of objects, by their list."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """One unit of a store: its name, the objects and bytes that it should have, and every problem found.

    `broken` holds the key, relative to the root, of each object that is missing or not as it was written; a problem
    that is no object's alone has none. `unrecorded` counts the objects with values whose checksum no list holds, as in
    stores of earlier releases: they were compared with the one that they carry themselves. `leftover` says why nothing
    refers to the unit, and how to remove it: that is no damage.
    """

    name: str
    objects: int
    size: int
    problems: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    unrecorded: int = 0
    leftover: str = ""


def check_store(root: Url) -> Iterator[Checked]:
    """Yield the result for every patient, part, manifest and version of a store, then what nothing refers to.

    Every object that a ledger, a manifest or a version lists is read once and compared: size, the checksum in the list
    (metadata) or in itself (values), the digest and every byte of ledgers, manifests, splits and tables of people;
    counts and tables must agree. Nothing is decoded but tables.

    Parameters
    ----------
    root
        URL of the store.

    Raises
    ------
    NotAStoreError
        Neither recordings nor strides of ours are there.
    """
    look = Look(root)
    if not any(key.startswith(("recordings/", "strides/", f"{layout.VERSIONS}/")) for key in look.there):
        raise NotAStoreError(
            f"{root}: found neither recordings nor strides of biomech-xr. "
            + what_to_do(root, "Check the URL, or run parse.")
        )
    if copying := what_to_do(root, ""):
        yield Checked(name=PINS, objects=0, size=0, problems=(f"{join(root, PINS)}: {copying}",))
    known: set[str] = set()
    for unit, keys in _units(look):
        known |= keys
        yield unit
    for name, (objects, size, why) in leftovers(look, known).items():
        yield Checked(name=name, objects=objects, size=size, leftover=why)
    for chain, numbers in look.pointers.items():
        newest = max((number for number in numbers if pointer_key(chain, number) in look.there), default=0)
        for number in sorted(set(range(1, newest)) - set(numbers)):
            why = "neither its pointer nor a catalogue is there: removed, lost, or not copied"
            yield Checked(name=f"{layout.VERSIONS}/{chain}/{number:06d}", objects=0, size=0, leftover=why)


def _units(look: Look) -> Iterator[tuple[Checked, set[str]]]:
    """Yield every unit with the keys of all objects that belong to it."""
    for dataset, patient in patients(look):
        yield _patient(look, dataset, patient)
    for dataset in look.names("recordings"):
        if look_plan(look, dataset) in look.there or plan_digests(look, dataset):
            yield _parse(look, dataset)
    for chain, dataset in look.sources():
        listed = [part for part in look.parts if part[:2] == (chain, dataset)]
        if listed:
            yield _manifest(look, chain, dataset)
    for chain, dataset, part in look.parts:
        yield _part(look, chain, dataset, part)
    for chain, numbers in look.pointers.items():
        for number in numbers:
            if pointer_key(chain, number) in look.there or complete_catalogue(look, chain, number):
                yield _version(look, chain, number)
    for name, keys, problems in check_numbered(look):
        yield _unit(look, name, keys, problems), keys


def _unit(
    look: Look,
    name: str,
    keys: set[str],
    damage: Mapping[str, str],
    more: tuple[str, ...] = (),
    *,
    listed: Listed = ({}, {}),
) -> Checked:
    texts = tuple(f"{join(look.root, key)}: {text}" for key, text in damage.items())
    size = sum(look.there.get(key, 0) for key in keys)
    unrecorded, broken = len(listed[0].keys() - listed[1].keys()), tuple(damage)
    return Checked(name=name, objects=len(keys), size=size, problems=texts + more, broken=broken, unrecorded=unrecorded)


def _patient(look: Look, dataset: str, patient: str) -> tuple[Checked, set[str]]:
    group = f"recordings/{dataset}/{patient}.zarr"
    entry_key = f"recordings/{dataset}/{layout.LEDGER}/{patient}.json"
    entry = look.sealed(entry_key)
    damage = {entry_key: look.problem(entry_key)} if entry is None else {}
    listed: Listed = (entry["objects"], entry["checksums"]) if entry else ({}, {})
    damage |= look.damage(group, *listed)
    keys = {entry_key, *(f"{group}/{key}" for key in listed[0] or look.groups.get(group, []))}
    more = []
    if entry and (entry["dataset"], entry["patient"]) != (dataset, patient):
        more.append(f"{join(look.root, entry_key)}: of {entry['patient']!r}; the file or its folder was renamed")
    if entry and not damage:
        more += _believed(lambda: _patient_content(PatientRecordings(look.root, dataset, patient, entry)))
    return _unit(look, f"recordings/{dataset}/{patient}", keys, damage, tuple(more), listed=listed), keys


def _believed(find: Callable[[], list[str]]) -> list[str]:
    """Return problems with the content of a unit that are there however often it is read."""

    def found() -> list[str]:
        try:
            return find()
        except StoreError as error:
            return [str(error)]

    return again(found, bool)


def _patient_content(opened: PatientRecordings) -> list[str]:
    """Return what the tables of a patient and the counts of the ledger disagree about."""
    tables = {"trials": opened.trials, "strides": opened.strides, "rejected": opened.rejected}
    problems = [
        f"{opened.url}: {name}: {len(table)} rows, the ledger says {opened.ledger['counts'][name]}"
        for name, table in tables.items()
        if len(table) != opened.ledger["counts"][name]
    ]
    unknown = set(opened.strides["trial"]) - set(opened.trials["trial"])
    return problems + [f"{opened.url}: strides of a trial {trial!r} that is not in trials" for trial in sorted(unknown)]


def _parse(look: Look, dataset: str) -> tuple[Checked, set[str]]:
    """Check the plan of a parse, and that everybody in it was parsed or has files that cannot be."""
    key = look_plan(look, dataset)
    damage = {key: look.problem(key)} if look.sealed(key) is None else {}
    known = {patient for source, patient in people_of_parts(look) if source == dataset}
    return _unit(look, key, {key}, damage, tuple(interrupted(look, dataset, known))), {key}


def _manifest(look: Look, chain: str, dataset: str) -> tuple[Checked, set[str]]:
    key = f"strides/{chain}/{dataset}/{layout.MANIFEST}"
    value = look.sealed(key)
    damage = {} if value is not None else {key: look.problem(key)}
    more: tuple[str, ...] = ()
    if value is not None and (value["chain"], value["dataset"]) != (chain, dataset):
        found = f"{value['chain']}/{value['dataset']}"
        more = (f"{join(look.root, key)}: of {found}; the file or its folder was renamed",)
    return _unit(look, f"strides/{chain}/{dataset}", {key}, damage, more), {key}


def _part(look: Look, chain: str, dataset: str, part: str) -> tuple[Checked, set[str]]:
    folder = f"strides/{chain}/{dataset}"
    group = f"{folder}/{part}.zarr"
    entry_key, own_key = layout.part_ledger_url(folder, part), seal_key(chain, dataset, part)
    seal, entry = look.sealed(own_key), look.sealed(entry_key)
    damage = {key: look.problem(key) for key in (entry_key, own_key) if look.sealed(key) is None}
    size = seal["size"] if seal else entry["size"] if entry else look.part_size((chain, dataset, part))
    shard_keys = [layout.shard_ledger_url(folder, part, shard) for shard in range(layout.shard_count(size))]
    damage |= {key: look.problem(key) for key in shard_keys if look.sealed(key) is None}
    listed = _listed_objects(look, seal, entry, shard_keys)
    damage |= look.damage(group, *listed)
    more = _disagreements(look, (chain, dataset, part), seal, entry, shard_keys)
    keys = {entry_key, own_key, *shard_keys, *(f"{group}/{key}" for key in listed[0] or look.groups.get(group, []))}
    if seal is not None and not damage:
        more += _believed(lambda: _part_content(Part(join(look.root, folder), part, seal)))
    return _unit(look, f"{folder}/{part}", keys, damage, tuple(more), listed=listed), keys


def _listed_objects(
    look: Look, seal: Mapping[str, Any] | None, entry: Mapping[str, Any] | None, shard_keys: list[str]
) -> Listed:
    """Return size and CRC-32 of the objects of a part, from its list, else from the entries of it and its shards."""
    if seal is not None:
        return seal["objects"], seal["checksums"]
    shards = [look.sealed(key) for key in shard_keys]
    if entry is None or None in shards:
        return {}, {}
    objects, checksums = dict(entry["objects"]), dict(entry["checksums"])
    for shard in shards:
        objects |= shard["objects"] if shard else {}
        checksums |= shard.get("checksums", {}) if shard else {}
    return objects, checksums


def _disagreements(
    look: Look,
    place: tuple[str, str, str],
    seal: Mapping[str, Any] | None,
    entry: Mapping[str, Any] | None,
    shard_keys: list[str],
) -> list[str]:
    """Return what the list of a part and whoever refers to it, or its own ledger, do not agree about."""
    name = f"{join(look.root, *place[:0], 'strides', *place)}"
    problems = []
    if seal is not None:
        wrong = [who for who, digest in look.parts[place].items() if digest != seal["digest"]]
        problems += [f"{name}: its list is not the one that {who} was made of" for who in wrong]
        if entry is not None and entry["fingerprint"] != seal["fingerprint"]:
            problems.append(f"{name}: the ledger entry is of other data than the list")
        shards = [shard for key in shard_keys if (shard := look.sealed(key)) is not None]
        if any(seal["objects"].get(key) != size for shard in shards for key, size in shard["objects"].items()):
            problems.append(f"{name}: the ledger entries of its shards name other objects than its list")
    return problems


def _part_content(part: Part) -> list[str]:
    """Return what the labels of a part and the counts of its list disagree about."""
    labels, counts = part.written_labels, part.manifest["counts"]
    found = {
        "strides": len(labels),
        "patients": labels["patient"].nunique(),
        "rejected": len(part.rejected),
        "clipped": int(labels["emg_clipped"].sum()),
    }
    return [
        f"{part.url}: {name}: found {value}, its list says {counts[name]}"
        for name, value in found.items()
        if value != counts[name]
    ]


def _version(look: Look, chain: str, number: int) -> tuple[Checked, set[str]]:
    """Check the pointer and the catalogue of a version; the parts that it lists are units of their own."""
    key = pointer_key(chain, number)
    pointer = look.sealed(key)
    name = f"{layout.VERSIONS}/{chain}/{number:06d}"
    if pointer is None:
        damage, keys = {key: look.problem(key)}, {key}
        for group in look.catalogues(chain, number):
            damage |= look.damage(group, {}, {})
            keys |= {f"{group}/{below}" for below in look.groups[group]}
        return _unit(look, name, keys, damage), keys
    catalogue = pointer["catalogue"]
    group = f"{layout.VERSIONS}/{chain}/{catalogue['name']}"
    listed: Listed = (catalogue["objects"], catalogue["checksums"])
    damage = look.damage(group, *listed)
    keys = {key, *(f"{group}/{below}" for below in catalogue["objects"])}
    strides = sum(int(source["counts"]["strides"]) for source in pointer["sources"].values())
    more = []
    if (pointer["chain"], pointer["version"]) != (chain, number):
        more.append(f"{join(look.root, key)}: of version {pointer['version']} of {pointer['chain']!r}; it was renamed")
    if not damage:
        metadata = look.root_metadata(group, catalogue["checksums"]["zarr.json"])
        rows = members(metadata)["labels"]["attributes"]["rows"]
        if rows != strides:
            more.append(f"{join(look.root, group)}: labels of {rows} strides, the pointer says {strides}")
    return _unit(look, name, keys, damage, tuple(more), listed=listed), keys
