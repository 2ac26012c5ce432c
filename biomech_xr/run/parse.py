"""The unit of work of the parse stage: one patient, raw files to a committed recordings group."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from biomech_xr.datasets import DatasetSpec
from biomech_xr.datasets.spec import BIBLIOGRAPHIC
from biomech_xr.errors import OccupiedError
from biomech_xr.parse import find_patients, read_facts, read_patient
from biomech_xr.run.quarantine import Case, forget_done
from biomech_xr.store import patient_entry, write_patient
from biomech_xr.store.layout import check_names


def pending_patients(
    dataset: str,
    raw: str | Path,
    root: str,
    *,
    only: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> tuple[list[str], list[str]]:
    """Return the source ids still to parse and those that the store holds already, parsed by the same reader and facts.

    Parameters
    ----------
    dataset, raw, only
        As for `biomech_xr.parse.find_patients`.
    root
        URL of the store.
    options
        As for `biomech_xr.parse.check_options`.

    Raises
    ------
    MissingInputError, DataFormatError, ConfigError
        As `find_patients` and `check_options`.
    OccupiedError
        The store holds a person who was parsed by another reader version, under other facts or another mapping.
    """
    own = _facts_hash(read_facts(dataset, raw, options))
    todo: list[str] = []
    done: list[str] = []
    other: list[str] = []
    for patient in find_patients(dataset, raw, only=only):
        entry = patient_entry(root, dataset, f"{dataset}-{patient}")
        place = todo if entry is None else done if entry["config_hash"] == own else other
        place.append(patient)
    forget_done(root, dataset, done)
    if other:
        raise OccupiedError(
            f"{dataset}: {root}: found {', '.join(other)} parsed by another reader version, or under other options, "
            "facts or another mapping than now; expected one set in a store. Parse into another store, or remove "
            f"recordings/{dataset} there and run again."
        )
    return todo, done


def parse_patient(
    dataset: str,
    raw: str,
    root: str,
    patient: str,
    options: Mapping[str, Any] | None = None,
    *,
    retry_quarantined: bool = False,
    software: Mapping[str, str] | None = None,
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
    software
        As for `biomech_xr.store.write_patient`.

    Raises
    ------
    DataFormatError
        A raw file is not what the format says, or is in quarantine.
    """
    check_names([patient], kind="patient", dataset=dataset, file=raw)
    own = _facts_hash(read_facts(dataset, raw, options))
    case = Case(dataset=dataset, raw=raw, root=root, patient=patient, options=options, config_hash=own)
    if case.suspected(retry=retry_quarantined):
        case.parse_alone()
        entry = patient_entry(root, dataset, f"{dataset}-{patient}")
        if entry is not None and entry["config_hash"] == own:
            case.acquit()
            return entry
    with case.marked():
        return write_recordings(dataset, raw, root, patient, options, software=software)


def write_recordings(
    dataset: str,
    raw: str,
    root: str,
    patient: str,
    options: Mapping[str, Any] | None = None,
    *,
    software: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Read one patient and write the recordings, see `parse_patient`."""
    facts, trials = read_facts(dataset, raw, options), read_patient(dataset, raw, patient, options)
    return write_patient(root, facts, trials, config_hash=_facts_hash(facts), software=software)


def _facts_hash(facts: DatasetSpec) -> str:
    """Return a hash of all that a reader's result depends on besides the raw files; what is only said of it is not."""
    values = {name: value for name, value in asdict(facts).items() if name not in BIBLIOGRAPHIC}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]
