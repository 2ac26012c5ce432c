"""What a store says of people made again from intact objects: the plan of a parse, and ledger entries of recordings.

As in `biomech_xr.store.rebuilding`, which has the rest, None is returned where nothing proves the bytes.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Mapping
from typing import Any

from biomech_xr.errors import StoreError
from biomech_xr.store import layout, ledger
from biomech_xr.store.integrity import Expected, implied_keys, member_bytes, members, problem, sealed_bytes
from biomech_xr.store.look import Look
from biomech_xr.store.objects import join, sizes
from biomech_xr.store.planned import VERDICTS, plan_content, plan_digests
from biomech_xr.store.rebuilding import digest_of
from biomech_xr.store.recording_group import reason_counts
from biomech_xr.store.repeated import again
from biomech_xr.store.rereading import read_intact, read_settled
from biomech_xr.store.table import read_table


def rebuilt_plan(look: Look, dataset: str) -> bytes | None:
    """Return the plan of a parse, from the ledger entries and the verdicts on those who could not be parsed.

    The digest by which a part that was made then knows the plan is the proof.
    """
    folder = f"recordings/{dataset}/{layout.LEDGER}"
    entries = [look.sealed(f"{folder}/{patient}.json") for patient in look.patients(dataset)]
    hashes = {str(entry["config_hash"]) for entry in entries if entry is not None}
    endings = (".json", *VERDICTS)
    people = {name[: -len(end)] for name in look.names(folder) for end in endings if name.endswith(end)}
    known = plan_digests(look, dataset)
    made = [sealed_bytes(plan_content(dataset, people, one)) for one in sorted(hashes)]
    return next((data for data in made if digest_of(data) in known), None)


def rebuilt_patient_entry(look: Look, dataset: str, patient: str) -> bytes | None:
    """Return the ledger entry of a patient, from the group of the recordings.

    The digest by which a part that was made of them knows the entry is the proof.
    """
    group = f"recordings/{dataset}/{patient}.zarr"
    attributes = dict(look.root_metadata(group, None).get("attributes", {}))
    known = patient_digests(look, dataset, patient)
    if not attributes or not known:
        return None

    def proved() -> bytes | None:
        entry = _patient_entry(look, dataset, patient, attributes)
        return None if entry is None else as_known(entry, known)

    return again(proved, lambda data: data is None)


def _patient_entry(look: Look, dataset: str, patient: str, attributes: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the ledger entry of a patient as the group gives it, None where it cannot be read."""
    url = join(look.root, f"recordings/{dataset}/{patient}.zarr")
    try:
        with ledger.lost_data(url):
            objects, checksums = _inventory(url)
            opened = ledger.open_checked(url, objects, checksums)
            tables = {name: read_table(opened, name) for name in ("trials", "strides", "rejected")}
    except StoreError:
        return None
    facts = {key: value for key, value in attributes.items() if key not in ("format", "patient", "groups")}
    counts = {name: len(table) for name, table in tables.items()}
    return {
        "format": layout.FORMAT,
        "dataset": dataset,
        "patient": patient,
        **facts,
        "counts": counts,
        "reasons": reason_counts(tables["rejected"]),
        "objects": objects,
        "checksums": checksums,
    }


def _inventory(url: str) -> tuple[dict[str, int], dict[str, int]]:
    """Return size and CRC-32 of every object of a group whose list is lost, by what the objects carry themselves."""
    objects, head = sizes(url), read_settled(join(url, ledger.ROOT))
    root = json.loads(head)
    ledger.require_complete(url, objects, implied_keys(root))
    copies = {f"{name}/{ledger.ROOT}": member_bytes(member) for name, member in members(root).items()}
    known = {key: zlib.crc32(data) for key, data in {ledger.ROOT: head, **copies}.items()}

    def checksum(key: str) -> int:
        expected = Expected(size=objects[key], chunks=0)
        return zlib.crc32(read_intact(join(url, key), lambda data: problem(data, expected)))

    return objects, {key: known[key] if key in known else checksum(key) for key in objects}


def as_known(entry: Mapping[str, Any], known: Collection[str]) -> bytes | None:
    """Return the bytes of a list of objects whose digest is known: with all checksums, or with those of metadata alone.

    Stores of earlier releases have checksums of metadata alone in their lists.
    """
    older = {key: checksum for key, checksum in entry["checksums"].items() if key.rsplit("/", 1)[-1] == ledger.ROOT}
    forms = (sealed_bytes(entry), sealed_bytes({**entry, "checksums": older}))
    return next((data for data in forms if digest_of(data) in known), None)


def patient_digests(look: Look, dataset: str, patient: str) -> set[str]:
    """Return the digests by which the finished parts of a store know the ledger entry of a patient."""
    made_of = (look.recordings(place) for place in look.parts if place[1] == dataset)
    return {recordings[patient] for recordings in made_of if patient in recordings}
