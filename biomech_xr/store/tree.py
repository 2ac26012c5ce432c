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
from biomech_xr.schema import GROUP_DIMS, Signal
from biomech_xr.store import layout
from biomech_xr.store.objects import Url, join
from biomech_xr.store.recordings import PatientRecordings, list_patients, open_patient
from biomech_xr.store.trials import row_attrs, row_labels, signal_of


def open_recordings(url: Url, *, dataset: str | None = None, patients: Sequence[str] | None = None) -> xr.DataTree:
    """Return recordings as a lazy tree ``/<patient>/<task>/<trial>/<group>``.

    Only tables are read. A node of a trial has one child a signal group with the variable ``values``; its first dim is
    ``time`` (s, the trial's own clock) for continuous signals, else ``sample`` with the coordinate ``segment``. A
    slash in a name of the source shows as ``|``.

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
        raise NotAStoreError(f"{join(url, 'recordings')}: {what}. Check the URL and the names, or run parse first.")
    nodes: dict[str, xr.Dataset] = {}
    for name, patient in found:
        if patients is None or patient in patients:
            nodes |= _patient_nodes(open_patient(url, name, patient))
    return xr.DataTree.from_dict(nodes)


def _patient_nodes(recordings: PatientRecordings) -> dict[str, xr.Dataset]:
    person = recordings.patient
    facts = {"dataset": person.dataset, "person_group": person.group, "body_mass": person.body_mass}
    nodes = {f"/{_node(recordings.name)}": xr.Dataset(attrs=facts)}
    lazy = {group: _lazy(recordings, group) for group in recordings.groups}
    for row in recordings.trials.to_dict("records"):
        place = "/".join(("", *(_node(str(name)) for name in (recordings.name, row["task"], row["trial"]))))
        keys = ("trial", "task", "session", "emg_state", "emg_lookahead", "source_file", "source_sha256")
        nodes[place] = xr.Dataset(attrs={key: row[key] for key in keys})
        for group in recordings.groups:
            if row[f"{group}_kind"]:
                nodes[f"{place}/{group}"] = _signal_node({str(k): v for k, v in row.items()}, group, lazy[group])
    return nodes


def _node(name: str) -> str:
    return name.replace("/", "|") or "-"


def _signal_node(row: Mapping[str, Any], group: str, whole: xr.DataArray) -> xr.Dataset:
    start = int(row[f"{group}_row_start"])
    values = whole.isel(sample=slice(start, start + int(row[f"{group}_row_size"]))).sel(row_labels(row, group))
    signal = signal_of(row, group, values.assign_attrs(row_attrs(row, group)))
    attrs = {"kind": signal.kind, "contiguity": signal.contiguity, "sampling_frequency": signal.sampling_frequency}
    if signal.kind == "segmented":
        attrs |= {"points": signal.points, "endpoint": signal.endpoint}
    return xr.Dataset({"values": _with_rows(signal)}, attrs=attrs)


def _with_rows(signal: Signal) -> xr.DataArray:
    """Return the values with the coordinate that says what a row is: a time, or the cut stride it belongs to."""
    rows = signal.values.sizes["sample"]
    if signal.kind == "continuous":
        stamps = xr.Variable("time", signal.time(), {"units": "s", "long_name": "time on the trial's clock"})
        return signal.values.rename(sample="time").assign_coords(time=stamps)
    if signal.kind == "segmented":
        return signal.values.assign_coords(segment=("sample", np.arange(rows) // signal.points))
    return signal.values.assign_coords(segment=("sample", np.repeat(np.arange(len(signal.lengths)), signal.lengths)))


@lru_cache(maxsize=64)
def _opened(root: str, dataset: str, patient: str, digest: str) -> PatientRecordings:
    recordings = open_patient(root, dataset, patient)
    if recordings.ledger["digest"] != digest:
        raise LostDataError(f"{recordings.url}: written anew after it was opened. Open it again.")
    return recordings


@dataclass(frozen=True, slots=True)
class StoredSignal:
    """One signal group of one patient as Dask sees it; opened in the process that reads it."""

    root: str
    dataset: str
    patient: str
    digest: str
    group: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """Number of dims."""
        return len(self.shape)

    def __getitem__(self, key: Any) -> npt.NDArray[np.float32]:
        index = key if isinstance(key, tuple) else (key,)
        first = index[0] if index else slice(None)
        recordings = _opened(self.root, self.dataset, self.patient, self.digest)
        if not isinstance(first, slice):
            return np.asarray(recordings.read(self.group, int(first), int(first) + 1)[0][tuple(index[1:])])
        start, stop, step = first.indices(self.shape[0])
        if step <= 0:
            return np.asarray(recordings.read(self.group, 0, self.shape[0])[index])
        rows = recordings.read(self.group, start, max(start, stop))
        return np.asarray(rows[(slice(None, None, step), *index[1:])])


def _lazy(recordings: PatientRecordings, group: str) -> xr.DataArray:
    labels = recordings.labels(group)
    dims = GROUP_DIMS[group]
    shape = (int(recordings.trials[f"{group}_row_size"].sum()), *(len(labels[dim]) for dim in dims[1:]))
    digest = str(recordings.ledger["digest"])
    dtype = np.dtype("float32")
    source = StoredSignal(recordings.root, recordings.dataset, recordings.name, digest, group, shape, dtype)
    rows = layout.recording_rows(int(np.prod(shape[1:])) * dtype.itemsize)
    values = da.from_array(
        source,
        chunks=(rows, *shape[1:]),
        name=f"{group}-{recordings.name}-{digest[:16]}",
        lock=False,
        asarray=True,
        fancy=False,
        meta=np.empty((0,) * len(shape), dtype=dtype),
    )
    return xr.DataArray(values, dims=dims, coords=labels)
