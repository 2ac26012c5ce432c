"""The unit of work of the parse stage: one patient, raw files to a committed recordings group."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from biomech_xr.datasets import DatasetSpec
from biomech_xr.parse import find_patients, read_facts, read_patient
from biomech_xr.store import list_patients, write_patient


def pending_patients(
    dataset: str, raw: str | Path, root: str, *, only: Sequence[str] | None = None
) -> tuple[list[str], list[str]]:
    """Return the source ids still to parse and those that the store holds already.

    Parameters
    ----------
    dataset, raw, only
        As for `biomech_xr.parse.find_patients`.
    root
        URL of the store.
    """
    committed = {patient for _, patient in list_patients(root, dataset)}
    found = find_patients(dataset, raw, only=only)
    done = [patient for patient in found if f"{dataset}-{patient}" in committed]
    return [patient for patient in found if patient not in done], done


def parse_patient(dataset: str, raw: str, root: str, patient: str) -> dict[str, Any]:
    """Parse one patient into the recordings store and return its ledger entry.

    The entry is written last: a call that dies leaves nothing that a reader takes for data, and the next call
    starts over. A patient that is committed already is left alone by the store.

    Parameters
    ----------
    dataset, raw, patient
        Source, root of its raw tree, and the person's id in the source.
    root
        URL of the store.
    """
    facts = read_facts(dataset, raw)
    return write_patient(root, facts, read_patient(dataset, raw, patient), config_hash=_facts_hash(facts))


def _facts_hash(facts: DatasetSpec) -> str:
    """Return a hash of all that the reader's result depends on besides the raw files: facts and reader version."""
    return hashlib.sha256(json.dumps(asdict(facts), sort_keys=True).encode()).hexdigest()[:12]
