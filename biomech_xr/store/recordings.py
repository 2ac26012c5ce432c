"""The recordings store: one immutable Zarr group a patient, made visible by a ledger entry that is written last."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
import zarr

from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.errors import LostDataError, NotAStoreError
from biomech_xr.schema import GROUP_DIMS, Patient, Signal, Trial
from biomech_xr.store import layout, ledger, remote
from biomech_xr.store.objects import Url, exists, join, names, read_sealed, sizes
from biomech_xr.store.planned import plan_number
from biomech_xr.store.recording_group import joined_tables, people_fingerprint, reason_counts, write_group
from biomech_xr.store.table import read_table
from biomech_xr.store.trials import common_patient, row_attrs, row_labels, signal_of, spool


def write_patient(
    root: Url,
    spec: DatasetSpec,
    trials: Iterable[Trial],
    *,
    config_hash: str,
    software: Mapping[str, str] | None = None,
    same_code: bool = False,
) -> dict[str, Any]:
    """Write the recordings of one patient and return the ledger entry.

    A patient that is committed under the same configuration is left alone; objects that vanished since are put back.
    What an attempt that died left behind is removed first. The ledger entry is written last: without it readers see no
    patient. One trial is held in memory at a time; signals wait in a temporary folder of the machine until all are
    known.

    Parameters
    ----------
    root
        URL of the store.
    spec
        Facts of the source.
    trials
        The trials of one patient; dims and units as in `biomech_xr.schema`.
    config_hash
        Hash of the run's configuration.
    software
        What is recorded as the releases and the code that made them (see `ledger.software`), those of now by default.
    same_code
        Write anew, in place of them, recordings that other code or other libraries made.

    Raises
    ------
    SchemaError
        No trial, trials of several patients, a trial name twice, or an invalid trial.
    DataFormatError
        The name of the patient or of a trial must not become a path.
    OccupiedError
        The place holds recordings of another configuration, or files that are not ours; or another run is writing.
    LostDataError
        The ledger entry is damaged; objects vanished while they were written, or after it and do not come out the same.
    StoreError
        Objects come in damaged again and again.
    """
    with tempfile.TemporaryDirectory(prefix="biomech-xr-") as folder:
        listed = spool(trials, Path(folder))
        patient = common_patient(spec.name, listed)
        _check_names(root, patient, listed)
        url = layout.patient_url(root, spec.name, patient.patient)
        entry_url = layout.patient_ledger_url(root, spec.name, patient.patient)
        ledger.refuse_foreign(layout.recordings_url(root, spec.name), _ours)
        tables = joined_tables(listed)
        made_with = dict(software or ledger.software())
        facts = {"spec": ledger.spec_facts(spec), "software": made_with, "config_hash": config_hash}
        facts |= {"reader_version": spec.reader_version, "fingerprint": people_fingerprint(patient, tables)}
        if same_code and exists(entry_url) and read_sealed(entry_url)["software"] != made_with:
            remote.remove(entry_url)
        if exists(entry_url) or not ledger.clear_leftovers(url, entry_url):
            found = read_sealed(entry_url)
            ledger.refuse_other_config(entry_url, found, config_hash)
            same = {**{key: found[key] for key in facts}, "fingerprint": facts["fingerprint"]}
            ledger.restore(
                url, found, lambda place: write_group(place, {**same, "patient": asdict(patient)}, listed, tables)
            )
            return found
        group = write_group(url, {**facts, "patient": asdict(patient)}, listed, tables)
    counts = {name: len(table) for name, table in tables.items()}
    entry = {"dataset": spec.name, "patient": patient.patient, **facts, "counts": counts}
    entry["reasons"] = reason_counts(tables["rejected"])
    return ledger.seal(entry_url, url, group, entry)


def _ours(name: str) -> bool:
    return name == layout.LEDGER or name.endswith(".zarr") or plan_number(name) > 0


def _check_names(root: Url, patient: Patient, trials: list[Trial]) -> None:
    beside = [name for _, name in list_patients(root, patient.dataset)]
    file, person = trials[0].sources[0][0], (patient.source_patient, patient.patient)
    layout.check_names(person, kind="patient", dataset=patient.dataset, file=file, known=beside)
    layout.check_names((trial.trial for trial in trials), kind="trial", dataset=patient.dataset, file=patient.patient)


def lost_people(root: Url, dataset: str, entries: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return those of the committed patients of a source of whom a listed object is missing or short.

    The source is listed once, and no object is read; `write_patient` puts back what is missing.

    Parameters
    ----------
    root, dataset
        URL of the store; name of the source.
    entries
        Patient -> ledger entry.
    """
    there = sizes(layout.recordings_url(root, dataset)) if entries else {}
    return {
        patient
        for patient, entry in entries.items()
        if any(there.get(f"{patient}.zarr/{key}") != size for key, size in entry["objects"].items())
    }


def list_patients(root: Url, dataset: str | None = None) -> list[tuple[str, str]]:
    """Return (dataset, patient) of every patient that has a ledger entry, in order; a store not there has none.

    Names alone are read: `patient_entry` says whether an entry is intact.
    """
    folder = join(root, "recordings")
    datasets = names(folder) if dataset is None else [dataset]
    return [
        (name, entry.removesuffix(".json"))
        for name in datasets
        for entry in names(join(layout.recordings_url(root, name), layout.LEDGER))
        if entry.endswith(".json")
    ]


def patient_entry(root: Url, dataset: str, patient: str) -> dict[str, Any] | None:
    """Return the ledger entry of a patient (``config_hash``, ``counts``, ``spec``, ...), None if absent or damaged.

    No object that the entry lists is looked at.
    """
    try:
        entry = read_sealed(layout.patient_ledger_url(root, dataset, patient))
    except (NotAStoreError, LostDataError):
        return None
    return entry if entry.get("format") == layout.FORMAT else None


def open_patient(root: Url, dataset: str, patient: str) -> PatientRecordings:
    """Return the recordings of one patient; signals are read when asked for.

    Raises
    ------
    NotAStoreError
        The patient is not committed in this store.
    LostDataError
        An object of the patient is missing, short or corrupted.
    """
    entry_url = layout.patient_ledger_url(root, dataset, patient)
    if not exists(entry_url):
        known = ", ".join(name for _, name in list_patients(root, dataset)[:10]) or "none"
        raise NotAStoreError(
            f"{layout.recordings_url(root, dataset)}: no committed recordings of {patient!r}; found: {known}. "
            "Check the name, or run parse first."
        )
    entry = read_sealed(entry_url)
    if entry.get("format") != layout.FORMAT:
        raise NotAStoreError(f"{entry_url}: format {entry.get('format')!r}, expected {layout.FORMAT!r}. Not ours.")
    return PatientRecordings(str(root), dataset, patient, entry)


@dataclass(frozen=True)
class PatientRecordings:
    """The recordings of one patient. Plain data until something is read, so it can be sent to a worker."""

    root: str
    dataset: str
    name: str
    ledger: Mapping[str, Any]

    def __reduce__(self) -> tuple[Any, ...]:
        return PatientRecordings, (self.root, self.dataset, self.name, self.ledger)

    @property
    def url(self) -> str:
        """URL of the Zarr group."""
        return layout.patient_url(self.root, self.dataset, self.name)

    @cached_property
    def group(self) -> zarr.Group:
        """The Zarr group; lost objects raise `LostDataError`."""
        with ledger.lost_data(self.url):
            return ledger.open_checked(self.url, self.ledger["objects"], self.ledger["checksums"])

    @property
    def spec(self) -> dict[str, Any]:
        """Facts of the source, plain JSON."""
        return cast("dict[str, Any]", self.group.attrs["spec"])

    @property
    def groups(self) -> tuple[str, ...]:
        """Signal groups that at least one trial has."""
        return tuple(cast("list[str]", self.group.attrs["groups"]))

    @cached_property
    def patient(self) -> Patient:
        """The person; what the source does not say is NaN."""
        stored = cast("dict[str, Any]", self.group.attrs["patient"])
        numeric = {field.name for field in fields(Patient) if field.type in (float, "float")}
        values: dict[str, Any] = {
            name: math.nan if value is None and name in numeric else value for name, value in stored.items()
        }
        return Patient(**values)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row a trial: names, EMG state, source files, and place and clock of each signal group."""
        return self._table("trials")

    @cached_property
    def strides(self) -> pd.DataFrame:
        """Candidate strides that were kept, columns `schema.STRIDE_COLUMNS`."""
        return self._table("strides")

    @cached_property
    def rejected(self) -> pd.DataFrame:
        """Candidates that were not kept, columns `schema.REJECTED_COLUMNS`."""
        return self._table("rejected")

    def _table(self, name: str) -> pd.DataFrame:
        with ledger.lost_data(f"{self.url}: {name}"):
            return read_table(self.group, name)

    def row(self, trial: str) -> dict[str, Any]:
        """Return the row of a trial in `trials`.

        Raises
        ------
        NotAStoreError
            There is no such trial.
        """
        found = self.trials[self.trials["trial"] == trial]
        if found.empty:
            raise NotAStoreError(f"{self.url}: no trial {trial!r}. See `.trials` for the names.")
        return cast("dict[str, Any]", found.iloc[0].to_dict())

    def labels(self, group: str) -> dict[str, list[str]]:
        """Return the labels of each dim of a group, over all trials."""
        return self._labels[group]

    @cached_property
    def _labels(self) -> dict[str, dict[str, list[str]]]:
        return {group: cast("Any", self.group[group].attrs["labels"]) for group in self.groups}

    def read(self, group: str, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Return rows of a signal group, all labels, dims as in `schema.GROUP_DIMS`.

        Raises
        ------
        LostDataError
            A chunk is missing, short or corrupted.
        """
        with ledger.lost_data(f"{self.url}: {group}"):
            array = cast("zarr.Array[Any]", self.group[group])
            return np.asarray(array[start:stop], dtype=np.float32)

    def signal(self, trial: str, group: str) -> Signal | None:
        """Return one signal of one trial, in memory, or None where the trial has none.

        Only the rows of that trial are read; the labels are those that its source has.
        """
        row = self.row(trial)
        if group not in self.groups or not row[f"{group}_kind"]:
            return None
        start = int(row[f"{group}_row_start"])
        values = self.read(group, start, start + int(row[f"{group}_row_size"]))
        array = xr.DataArray(values, dims=GROUP_DIMS[group], coords=self.labels(group))
        array = array.sel(row_labels(row, group)).assign_attrs(row_attrs(row, group))
        return signal_of(row, group, array)
