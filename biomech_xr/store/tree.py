"""Recordings as a lazy tree: a view built from the tables, because a Zarr group a trial would be 800,000 files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import xarray as xr

from biomech_xr.errors import LostDataError, NotAStoreError
from biomech_xr.schema import GROUP_DIMS
from biomech_xr.store import layout
from biomech_xr.store.attributes import licence_attrs, licence_use
from biomech_xr.store.half_copied import what_to_do
from biomech_xr.store.lazy import lazy_array, take
from biomech_xr.store.objects import Url, join
from biomech_xr.store.persons import PersonTable, load_table
from biomech_xr.store.recordings import PatientRecordings, list_patients, open_patient
from biomech_xr.store.trials import row_attrs, row_labels, signal_of


def open_recordings(url: Url, *, dataset: str | None = None, patients: Sequence[str] | None = None) -> xr.DataTree:
    """Return recordings as a lazy tree ``/<patient>/<task>/<trial>/<group>``.

    Only tables are read. A node of a trial has one child a signal group with the variable ``values``; its first dim is
    ``time`` (s, the trial's own clock) for continuous signals, else ``sample`` with the coordinate ``segment``. A
    slash in a name of the source shows as ``|``. Attributes of the root say what the licences of the sources allow
    (``licence_use``, ``licence_notice``), those of a patient the licence of the source.

    Parameters
    ----------
    url
        Root of the store.
    dataset
        Only this source.
    patients
        Only these patients (``hu-AB156``).

    Raises
    ------
    NotAStoreError
        No committed recordings are there, or a patient is not among them.
    LostDataError
        On opening or on computing: an object is missing or damaged.
    """
    found = list_patients(url, dataset)
    names = [patient for _, patient in found]
    absent = sorted(set(patients or ()) - set(names))
    if not found or absent:
        what = f"no patient {', '.join(absent)}" if absent else "no committed recordings"
        action = what_to_do(url, "Check the URL and the names, or run parse first.")
        raise NotAStoreError(f"{join(url, 'recordings')}: {what}. {action}")
    people = load_table(url)
    nodes: dict[str, xr.Dataset] = {}
    sources: dict[str, list[Mapping[str, Any]]] = {}
    for name, patient in found:
        if patients is None or patient in patients:
            recordings = open_patient(url, name, patient)
            nodes |= _patient_nodes(recordings, people)
            sources.setdefault(name, []).append(recordings.ledger["spec"])
    return xr.DataTree.from_dict({"/": xr.Dataset(attrs=licence_attrs(sources)), **nodes})


def _patient_nodes(recordings: PatientRecordings, people: PersonTable) -> dict[str, xr.Dataset]:
    person = recordings.patient
    group = people.group(person.group)
    spec = recordings.ledger["spec"]
    facts = {"dataset": person.dataset, "person_group": group, "body_mass": person.body_mass}
    facts |= {"licence": spec["licence"], "licence_use": licence_use([spec]), "synthetic": spec.get("synthetic", False)}
    nodes = {f"/{_node(recordings.name)}": xr.Dataset(attrs=facts)}
    for row in recordings.trials.to_dict("records"):
        place = "/".join(("", *(_node(str(name)) for name in (recordings.name, row["task"], row["trial"]))))
        keys = ("trial", "task", "session", "emg_state", "emg_lookahead", "source_file", "source_sha256")
        nodes[place] = xr.Dataset(attrs={key: row[key] for key in keys})
        for group in recordings.groups:
            if row[f"{group}_kind"]:
                nodes[f"{place}/{group}"] = _signal_node({str(k): v for k, v in row.items()}, group, recordings)
    return nodes


def _node(name: str) -> str:
    """Return a name of the source as one step of a path in the tree."""
    return name.replace("/", "|") if name.strip(".") else "-"


def _signal_node(row: Mapping[str, Any], group: str, recordings: PatientRecordings) -> xr.Dataset:
    """Return the node of one signal, with the coordinate that says what a row is: a time, or a cut stride."""
    labels = row_labels(row, group)
    whole = recordings.labels(group)
    where = tuple(tuple(whole[dim].index(label) for label in names) for dim, names in labels.items())
    values = _lazy(recordings, group, int(row[f"{group}_row_start"]), int(row[f"{group}_row_size"]), where)
    signal = signal_of(row, group, xr.DataArray(values, dims=GROUP_DIMS[group]))
    attrs = {"kind": signal.kind, "contiguity": signal.contiguity, "sampling_frequency": signal.sampling_frequency}
    coords: dict[str, Any] = {dim: (dim, names) for dim, names in labels.items()}
    rows = "sample"
    if signal.kind == "continuous":
        rows = "time"
        coords["time"] = ("time", signal.time(), {"units": "s", "long_name": "time on the trial's clock"})
    elif signal.kind == "segmented":
        attrs |= {"points": signal.points, "endpoint": signal.endpoint}
        coords["segment"] = ("sample", np.arange(len(values)) // signal.points)
    else:
        coords["segment"] = ("sample", np.repeat(np.arange(len(signal.lengths)), signal.lengths))
    dims = (rows, *GROUP_DIMS[group][1:])
    state = {"emg_state": row["emg_state"]} if group == "emg" else {}
    return xr.Dataset({"values": (dims, values, row_attrs(row, group) | state)}, coords=coords, attrs=attrs)


@lru_cache(maxsize=64)
def _opened(root: str, dataset: str, patient: str, digest: str) -> PatientRecordings:
    recordings = open_patient(root, dataset, patient)
    if recordings.ledger["digest"] != digest:
        raise LostDataError(f"{recordings.url}: written anew after it was opened. Open it again.")
    return recordings


@dataclass(frozen=True, slots=True)
class StoredSignal:
    """One signal of one trial as Dask sees it; opened in the process that reads it."""

    root: str
    dataset: str
    patient: str
    digest: str
    group: str
    start: int
    where: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]

    @property
    def ndim(self) -> int:
        """Number of dims."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return np.dtype("float32")

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        return take(self._rows, self.shape[0], key)

    def _rows(self, start: int, stop: int) -> npt.NDArray[Any]:
        recordings = _opened(self.root, self.dataset, self.patient, self.digest)
        rows = recordings.read(self.group, self.start + start, self.start + stop)
        taken: npt.NDArray[Any] = rows[np.ix_(np.arange(len(rows)), *(np.array(index) for index in self.where))]
        return taken


def _lazy(
    recordings: PatientRecordings, group: str, start: int, rows: int, where: tuple[tuple[int, ...], ...]
) -> da.Array:
    digest = str(recordings.ledger["digest"])
    shape = (rows, *(len(index) for index in where))
    source = StoredSignal(recordings.root, recordings.dataset, recordings.name, digest, group, start, where, shape)
    chunk = layout.recording_rows(4 * int(np.prod(shape[1:])))
    return lazy_array(source, rows=chunk, name=f"{group}-{recordings.name}-{digest[:16]}-{start}-{rows}")
