"""Whom a source has recordings of, and of whom it should: nobody leaves the strides without a word."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from biomech_xr.datasets.deciding import AGAINST
from biomech_xr.errors import LostDataError
from biomech_xr.store import layout, list_chains, list_patients, list_versions, open_patient, patient_entry
from biomech_xr.store.finishing import joined_software
from biomech_xr.store.objects import join, names, sealed_or_none
from biomech_xr.store.planned import named, read_standing


@dataclass(frozen=True, kw_only=True, slots=True)
class Parsed:
    """People of a source.

    `recordings` maps everybody with recordings to the digest of the ledger entry, `software` to what parsed them;
    `failed` are those whose files could not be parsed, `missing` those who are known and have no recordings; `plan` is
    the digest of the plan of the parse, empty without one.
    """

    recordings: Mapping[str, str] = field(default_factory=dict)
    software: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    plan: str = ""

    def made_of(self, people: Collection[str]) -> dict[str, Any]:
        """Return what a part of these people is made of, to be stored with it."""
        facts: dict[str, Any] = {"recordings": {name: self.recordings[name] for name in people}}
        if people:
            facts["recordings_software"] = joined_software(self.software[name] for name in people)
        if self.plan:
            facts["parse_plan"] = self.plan
        left_out = {"failed": list(self.failed), "missing": list(self.missing)}
        return facts | ({"not_parsed": left_out} if any(left_out.values()) else {})

    @property
    def codes(self) -> list[str]:
        """The codes that parsed the people."""
        return sorted({one.get("code", "") for one in self.software.values()})


def parsed_people(root: str, dataset: str, *, partial: bool = False) -> Parsed:
    """Return whom a source has recordings of.

    Parameters
    ----------
    root, dataset
        URL of the store; name of the source.
    partial
        Leave people out who are known and have no recordings, instead of refusing.

    Raises
    ------
    LostDataError
        A ledger entry or the plan of the parse is damaged; or the plan, a manifest or a version knows somebody who has
        no ledger entry, and whose files are not known to be unreadable.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for _, patient in list_patients(root, dataset):
        entry = patient_entry(root, dataset, patient)
        if entry is None:
            raise LostDataError(
                f"{layout.patient_ledger_url(root, dataset, patient)}: damaged, and nothing is processed without "
                f"{patient}. Run `biomech-xr check --repair`, or parse again."
            )
        found[patient] = entry
    standing = read_standing(root, dataset)
    lost = sorted(_processed(root, dataset) - set(found) - set(standing.failed))
    unparsed = [patient for patient in standing.unparsed if patient not in lost]
    if found and (lost or unparsed) and not partial:
        raise LostDataError(f"{root}: {dataset}: {_refusal(dataset, lost, unparsed)}")
    return Parsed(
        recordings={patient: str(entry["digest"]) for patient, entry in found.items()},
        software={patient: entry["software"] for patient, entry in found.items()},
        failed=standing.failed,
        missing=tuple(sorted({*lost, *unparsed})),
        plan=standing.plan,
    )


def _refusal(dataset: str, lost: Collection[str], unparsed: Collection[str]) -> str:
    """Return what is missing and what to do about it."""
    words, ways = [], ["Run parse again"]
    if lost:
        words.append(f"the recordings of {named(lost)} were processed before, and their ledger entries are gone")
        ways = ["Run `biomech-xr check --repair` or parse again", f"withdraw {dataset} (`biomech-xr withdraw`)"]
    if unparsed:
        words.append(f"{named(unparsed)} are in the plan of the parse and were not parsed: it was interrupted, or lost")
    return f"{'; '.join(words)}. {', '.join(ways)}, or go on without them with partial=true."


def _processed(root: str, dataset: str) -> set[str]:
    """Return everybody of a source whom a manifest or the newest version of a chain holds."""
    people: set[str] = set()
    for part in _parts(root, dataset):
        people |= set(part.get("recordings", {}))
    return people


def _parts(root: str, dataset: str) -> Iterable[Mapping[str, Any]]:
    """Yield the lists of the parts of a source that a manifest or the newest version of a chain names."""
    for chain in names(join(root, "strides")):
        folder = layout.strides_url(root, chain, dataset)
        yield from (sealed_or_none(join(folder, layout.MANIFEST)) or {"parts": ()})["parts"]
    for chain in list_chains(root):
        folder, numbers = layout.strides_url(root, chain, dataset), list_versions(root, chain)
        newest = sealed_or_none(layout.version_url(root, chain, numbers[-1])) if numbers else None
        for part in (newest or {"sources": {}})["sources"].get(dataset, {"parts": ()})["parts"]:
            yield sealed_or_none(layout.part_seal_url(folder, part["name"])) or {}


def overruled(root: str, dataset: str, patient: str) -> list[str]:
    """Return the notes on a parsed person in which an option of the user stands against sure data, each once."""
    trials = open_patient(root, dataset, patient).trials
    notes = [note for text in trials["notes"] for note in json.loads(str(text)).items()]
    return sorted({f"{what.removeprefix('evidence.')}: {said}" for what, said in notes if AGAINST in str(said)})
