"""Say what a store holds, from its ledgers, manifests and tables of rejected candidates; no signal is read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from biomech_xr import vocabulary as words
from biomech_xr.errors import NotAStoreError, StoreError
from biomech_xr.store import layout
from biomech_xr.store.attributes import licence_use, stated
from biomech_xr.store.finishing import read_seal
from biomech_xr.store.half_copied import what_to_do
from biomech_xr.store.objects import Url, exists, join, names, read_sealed, sizes
from biomech_xr.store.planned import is_passing, read_standing
from biomech_xr.store.reading import open_parts, read_manifest
from biomech_xr.store.recording_group import reason_counts
from biomech_xr.store.recordings import PatientRecordings, list_patients
from biomech_xr.store.versions import list_chains, list_versions, read_version

Row = dict[str, Any]

_READERS: Final = 8
"""Tables read at a time: each is a few small objects, and waiting for a bucket is most of it."""

_OTHERS: Final = re.compile(r"(splits|people)/[^/]+\.json")
"""Objects of a store that hold no signals: splits, and who is one person."""


def summarize(root: Url) -> dict[str, list[Row]]:
    """Return one row a source of the recordings, one a source and chain of the strides, one a reason of rejection.

    Parameters
    ----------
    root
        URL of the store.

    Returns
    -------
    dict
        ``recordings``: dataset, patients, failed (people whose files cannot be parsed), unparsed (people whom an
        interrupted parse did not reach), trials, strides, rejected, reader, data (recorded or synthetic), licence,
        licence_use; ``strides``: chain, dataset, patients, strides, rejected, clipped, licence_use, state
        (``finished``, who was parsed since, or what is missing); ``rejected``: stage, chain, dataset, reason,
        candidates.

    Raises
    ------
    NotAStoreError
        Neither recordings nor strides of ours are there.
    LostDataError
        A ledger, a manifest or a table of rejected candidates is damaged.
    StoreError
        A folder or a ledger has another name than the source, chain or patient that was written there.
    """
    entries = _entries(root)
    products = _products(root)
    if not entries and not products:
        raise _no_store(root)
    return {
        "recordings": [_recordings(root, name, listed) for name, listed in entries.items()],
        "strides": [_strides(chain, name, found, entries.get(name, [])) for (chain, name), found in products.items()],
        "rejected": [*_rejected_at_parse(root, entries), *_rejected_at_process(root, products)],
    }


def source_facts(root: Url) -> dict[str, list[Row]]:
    """Return the facts that a store holds of each source: one entry a patient, and one a finished strides product.

    Raises
    ------
    NotAStoreError
        Neither recordings nor strides of ours are there.
    LostDataError
        A ledger or a manifest is damaged.
    StoreError
        A folder or a ledger has another name than the source, chain or patient that was written there.
    """
    entries, products = _entries(root), _products(root)
    if not entries and not products:
        raise _no_store(root)
    facts = {name: [entry["spec"] for entry in listed] for name, listed in entries.items()}
    for (_, name), manifest in products.items():
        if isinstance(manifest, dict):
            facts.setdefault(name, []).append(manifest["spec"])
    return {name: facts[name] for name in sorted(facts)}


def _no_store(root: Url) -> NotAStoreError:
    action = what_to_do(root, "Check the URL, or run parse.")
    return NotAStoreError(f"{root}: found neither recordings nor strides of biomech-xr. {action}")


def _entries(root: Url) -> dict[str, list[Row]]:
    """Return the ledger entries of the patients of each source."""
    entries: dict[str, list[Row]] = {}
    for dataset, patient in list_patients(root):
        url = layout.patient_ledger_url(root, dataset, patient)
        entry = read_sealed(url)
        _refuse_renamed(url, entry, dataset=dataset, patient=patient)
        entries.setdefault(dataset, []).append(entry)
    return entries


def _refuse_renamed(url: str, sealed: Row, **place: str) -> None:
    """Raise `StoreError` where a ledger entry or a manifest lies at another place than it was written to."""
    found = {name: sealed.get(name) for name in place}
    if sealed.get("spec", {}).get("name", place["dataset"]) != place["dataset"]:
        found["dataset"] = sealed["spec"]["name"]
    wrong = [f"{name} {found[name]!r}, expected {value!r}" for name, value in place.items() if found[name] != value]
    if wrong:
        raise StoreError(
            f"{url}: found {'; '.join(wrong)}: the folder or the file was renamed after it was written. Give it back "
            "its name, or run the stage again into another store."
        )


def _products(root: Url) -> dict[tuple[str, str], Row | str]:
    """Return the manifest of each chain and source, or what is missing for it to be finished."""
    folder = join(root, "strides")
    products: dict[tuple[str, str], Row | str] = {}
    for chain in names(folder) if exists(folder) else []:
        for dataset in names(join(folder, chain)):
            url = layout.strides_url(root, chain, dataset)
            try:
                manifest = read_manifest(url)
            except NotAStoreError as error:
                products[chain, dataset] = str(error)
            else:
                _refuse_renamed(join(url, layout.MANIFEST), manifest, dataset=dataset, chain=chain)
                products[chain, dataset] = manifest
    return products


def holds_store(root: Url) -> bool:
    """Return whether recordings or strides lie at a URL, committed or not."""
    return any(names(join(root, folder)) for folder in ("recordings", "strides"))


def unaccounted(root: Url) -> list[str]:
    """Return what lies in a store and is in no ledger and no manifest, one line a unit with the reason.

    Such are recordings without a ledger entry, strides that were never finished, objects that a committed unit does not
    list, and files that are not ours: nothing says whose data they are. All objects are listed, none is read.

    Raises
    ------
    LostDataError
        A ledger or a manifest is damaged.
    StoreError
        A folder or a ledger has another name than the source, chain or patient that was written there.
    """
    products = _products(root)
    known = _known_objects(_entries(root), products) | _version_objects(root)
    there = sizes(root)
    loose: dict[str, list[str]] = {}
    for key in there:
        if key not in known and not _OTHERS.fullmatch(key) and not is_passing(key):
            parts = key.split("/")
            depth = 3 if parts[0] in ("recordings", "strides") else 1
            unit = "/".join(parts[:depth])
            loose.setdefault(unit, []).append(key)
    states = {f"strides/{chain}/{name}": state for (chain, name), state in products.items() if isinstance(state, str)}
    return [
        states.get(unit) or f"{join(root, unit)}: in no ledger or manifest: {len(keys)} object(s), first {keys[0]}"
        for unit, keys in loose.items()
    ]


def _known_objects(entries: Mapping[str, list[Row]], products: Mapping[tuple[str, str], Row | str]) -> set[str]:
    """Return the keys of all objects that ledger entries and manifests account for, themselves included."""
    known: set[str] = set()
    for dataset, listed in entries.items():
        for entry in listed:
            folder, patient = f"recordings/{dataset}", entry["patient"]
            known.add(f"{folder}/{layout.LEDGER}/{patient}.json")
            known.update(f"{folder}/{patient}.zarr/{key}" for key in entry["objects"])
    for (chain, dataset), manifest in products.items():
        if isinstance(manifest, dict):
            folder = f"strides/{chain}/{dataset}"
            known.add(f"{folder}/{layout.MANIFEST}")
            for part in manifest["parts"]:
                known |= _part_objects(folder, part)
    return known


def _part_objects(folder: str, part: Mapping[str, Any]) -> set[str]:
    """Return the keys of a finished part, ledger included; ``folder`` is that of its source."""
    name = part["name"]
    shards = range(layout.shard_count(part["size"]))
    return {
        layout.part_ledger_url(folder, name),
        layout.part_seal_url(folder, name),
        *(layout.shard_ledger_url(folder, name, shard) for shard in shards),
        *(f"{folder}/{name}.zarr/{key}" for key in part["objects"]),
    }


def _version_objects(root: Url) -> set[str]:
    """Return the keys of all versions: pointers, catalogues, and the parts of older ones."""
    known: set[str] = set()
    for chain in list_chains(root):
        folder = f"{layout.VERSIONS}/{chain}"
        for number in list_versions(root, chain):
            version = read_version(root, chain, number)
            catalogue = version.pointer["catalogue"]
            known.add(layout.version_url("", chain, number).lstrip("/"))
            known.update(f"{folder}/{catalogue['name']}/{key}" for key in catalogue["objects"])
            for dataset, name, _ in version.parts:
                part = read_seal(layout.strides_url(root, chain, dataset), name)
                known |= _part_objects(f"strides/{chain}/{dataset}", part)
    return known


def _recordings(root: Url, dataset: str, entries: list[Row]) -> Row:
    specs = [entry["spec"] for entry in entries]
    kinds = {"synthetic" if spec.get("synthetic", False) else "recorded" for spec in specs}
    counts = {name: sum(int(entry["counts"][name]) for entry in entries) for name in ("trials", "strides", "rejected")}
    standing = read_standing(root, dataset)
    return {
        "dataset": dataset,
        "patients": len(entries),
        "failed": len(standing.failed),
        "unparsed": len(standing.unparsed),
        **counts,
        "reader": words.EVIDENCES[specs[-1]["evidence"]],
        "data": kinds.pop() if len(kinds) == 1 else "mixed",
        "licence": stated(specs, "licence"),
        "licence_use": licence_use(specs),
    }


def _strides(chain: str, dataset: str, manifest: Row | str, entries: list[Row]) -> Row:
    row = {"chain": chain, "dataset": dataset}
    if isinstance(manifest, str):
        nothing = dict.fromkeys(("patients", "strides", "rejected", "clipped"), 0)
        return {**row, **nothing, "licence_use": "unknown", "state": manifest}
    processed = {name for part in manifest["parts"] for name in part.get("recordings", {})}
    waiting = len({entry["patient"] for entry in entries} - processed) if processed else 0
    state = f"finished, without {waiting} parsed since: run process" if waiting else "finished"
    return {**row, **manifest["counts"], "licence_use": licence_use([manifest["spec"]]), "state": state}


def _rejected_at_parse(root: Url, entries: Mapping[str, list[Row]]) -> Iterator[Row]:
    """Yield the reasons that the ledger entries name; the tables of people whose entries are older are read."""
    with ThreadPoolExecutor(_READERS) as readers:
        for dataset, listed in entries.items():
            older = [
                PatientRecordings(str(root), dataset, entry["patient"], entry)
                for entry in listed
                if entry["counts"]["rejected"] and "reasons" not in entry
            ]
            counts = [entry.get("reasons", {}) for entry in listed]
            counts += readers.map(lambda person: reason_counts(person.rejected), older)
            yield from _by_reason({"stage": "parse", "chain": "", "dataset": dataset}, counts)


def _rejected_at_process(root: Url, products: Mapping[tuple[str, str], Row | str]) -> Iterator[Row]:
    for (chain, dataset), manifest in products.items():
        if isinstance(manifest, dict) and manifest["counts"]["rejected"]:
            folder = layout.strides_url(root, chain, dataset)
            counts = [reason_counts(part.rejected) for part in open_parts(folder)]
            yield from _by_reason({"stage": "process", "chain": chain, "dataset": dataset}, counts)


def _by_reason(row: Row, counts: Iterable[Mapping[str, int]]) -> Iterator[Row]:
    """Yield one row a reason, the most frequent first."""
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    for reason, count in sorted(total.items(), key=lambda item: (-item[1], item[0])):
        yield {**row, "reason": reason, "candidates": count}
