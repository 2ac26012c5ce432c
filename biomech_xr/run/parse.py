"""The unit of work of the parse stage: one patient, raw files to a committed recordings group."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from biomech_xr.datasets import DatasetSpec
from biomech_xr.datasets.spec import BIBLIOGRAPHIC
from biomech_xr.errors import OccupiedError
from biomech_xr.parse import find_patients, read_facts, read_patient
from biomech_xr.run.quarantine import Case, forget_done
from biomech_xr.store import ledger, patient_entry, write_patient
from biomech_xr.store.layout import check_names
from biomech_xr.store.planned import write_plan
from biomech_xr.store.recordings import lost_people


@dataclass(frozen=True, kw_only=True, slots=True)
class ParseWork:
    """What is to be done for one source, by the people's source ids.

    `todo` are to be parsed; `done` are in the store, parsed by the same reader under the same facts. `other_code` are
    those of them whom other code or other libraries parsed: they stay, unless ``same_code`` puts them among `todo`.
    `gone` were planned by an earlier run and have neither raw files nor recordings any more.
    """

    todo: list[str]
    done: list[str]
    other_code: list[str]
    gone: list[str]


def parse_work(
    dataset: str,
    raw: str | Path,
    root: str,
    *,
    only: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
    same_code: bool = False,
) -> ParseWork:
    """Return what is to be done for one source, after writing down in the store whom it has.

    A run that dies halfway leaves the list, so that nobody takes what is there for the whole source.

    Parameters
    ----------
    dataset, raw, only
        As for `biomech_xr.parse.find_patients`.
    root
        URL of the store.
    options
        As for `biomech_xr.parse.check_options`.
    same_code
        Parse again whom other code or other libraries parsed.

    Raises
    ------
    MissingInputError, DataFormatError, ConfigError
        As `find_patients` and `check_options`.
    OccupiedError
        The store holds a person who was parsed by another reader version, under other facts or another mapping.
    """
    own = _facts_hash(read_facts(dataset, raw, options))
    people = find_patients(dataset, raw, only=only)
    here = people if only is None else find_patients(dataset, raw)
    found = {patient: patient_entry(root, dataset, f"{dataset}-{patient}") for patient in people}
    entries = {patient: entry for patient, entry in found.items() if entry is not None}
    other = [patient for patient, entry in entries.items() if entry["config_hash"] != own]
    done = [patient for patient in entries if patient not in other]
    forget_done(root, dataset, done)
    if other:
        raise OccupiedError(
            f"{dataset}: {root}: found {', '.join(other)} parsed by another reader version, or under other options, "
            "facts or another mapping than now; expected one set in a store. Parse into another store, or remove "
            f"recordings/{dataset} there and run again."
        )
    gone = write_plan(root, dataset, _named(dataset, people), _named(dataset, here), own)
    foreign = [patient for patient in done if entries[patient]["software"] != ledger.software()]
    broken = lost_people(root, dataset, {f"{dataset}-{patient}": entries[patient] for patient in done})
    again = {patient for patient in done if f"{dataset}-{patient}" in broken} | set(foreign if same_code else ())
    return ParseWork(
        todo=[patient for patient in people if patient not in done or patient in again],
        done=[patient for patient in done if patient not in again],
        other_code=[patient for patient in foreign if patient not in again],
        gone=[patient.removeprefix(f"{dataset}-") for patient in gone],
    )


def pending_patients(
    dataset: str,
    raw: str | Path,
    root: str,
    *,
    only: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> tuple[list[str], list[str]]:
    """Return the source ids still to parse and those that are done, see `parse_work`."""
    work = parse_work(dataset, raw, root, only=only, options=options)
    return work.todo, work.done


def parse_patient(
    dataset: str,
    raw: str,
    root: str,
    patient: str,
    options: Mapping[str, Any] | None = None,
    *,
    retry_quarantined: bool = False,
    software: Mapping[str, str] | None = None,
    same_code: bool = False,
) -> dict[str, Any]:
    """Parse one patient into the recordings store and return its ledger entry.

    The entry is written last: a call that dies leaves nothing that a reader takes for data, and the next call
    starts over, in a process of its own. A patient that is committed already is left alone by the store.

    Parameters
    ----------
    dataset, raw, patient
        Source, root of its raw tree, and the person's id in the source.
    root
        URL of the store.
    options
        The source's options.
    retry_quarantined
        Try again where the files killed the process that read them, see `biomech_xr.run.quarantine`.
    software, same_code
        As for `biomech_xr.store.write_patient`.

    Raises
    ------
    DataFormatError
        A raw file is not what the format says, or is in quarantine.
    """
    check_names([patient], kind="patient", dataset=dataset, file=raw)
    own = _facts_hash(read_facts(dataset, raw, options))
    case = Case(
        dataset=dataset, raw=raw, root=root, patient=patient, options=options, config_hash=own, same_code=same_code
    )
    if case.suspected(retry=retry_quarantined):
        case.parse_alone()
        entry = patient_entry(root, dataset, f"{dataset}-{patient}")
        same = entry is not None and (not same_code or entry["software"] == ledger.software())
        if entry is not None and same and entry["config_hash"] == own:
            case.acquit()
            return entry
    with case.marked():
        return write_recordings(dataset, raw, root, patient, options, software=software, same_code=same_code)


def write_recordings(
    dataset: str,
    raw: str,
    root: str,
    patient: str,
    options: Mapping[str, Any] | None = None,
    *,
    software: Mapping[str, str] | None = None,
    same_code: bool = False,
) -> dict[str, Any]:
    """Read one patient and write the recordings, see `parse_patient`."""
    facts, trials = read_facts(dataset, raw, options), read_patient(dataset, raw, patient, options)
    own = _facts_hash(facts)
    return write_patient(root, facts, trials, config_hash=own, software=software, same_code=same_code)


def _named(dataset: str, patients: Sequence[str]) -> list[str]:
    """Return the platform-wide names of people."""
    return [f"{dataset}-{patient}" for patient in patients]


def _facts_hash(facts: DatasetSpec) -> str:
    """Return a hash of all that a reader's result depends on besides the raw files; what is only said of it is not."""
    values = {name: value for name, value in asdict(facts).items() if name not in BIBLIOGRAPHIC}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]
