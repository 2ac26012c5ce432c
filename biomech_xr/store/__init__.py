"""The two stores on (cloud) Zarr: recordings and strides; writing, opening, asking."""

from biomech_xr.store.check import Checked, check_store
from biomech_xr.store.finishing import finish
from biomech_xr.store.part import create_part, shards_done, write_shard
from biomech_xr.store.query import as_cube, ensemble, select, to_physical
from biomech_xr.store.reading import Part, open_part, read_manifest, require_one_chain
from biomech_xr.store.recording_group import reason_counts
from biomech_xr.store.recordings import (
    PatientRecordings,
    list_patients,
    open_patient,
    patient_entry,
    write_patient,
)
from biomech_xr.store.strides import find_datasets, open_strides
from biomech_xr.store.summary import summarize
from biomech_xr.store.tree import open_recordings
from biomech_xr.store.versions import differences, list_chains, list_versions, publish, read_version

__all__ = [
    "Checked",
    "Part",
    "PatientRecordings",
    "as_cube",
    "check_store",
    "create_part",
    "differences",
    "ensemble",
    "find_datasets",
    "finish",
    "list_chains",
    "list_patients",
    "list_versions",
    "open_part",
    "open_patient",
    "open_recordings",
    "open_strides",
    "patient_entry",
    "publish",
    "read_manifest",
    "read_version",
    "reason_counts",
    "require_one_chain",
    "select",
    "shards_done",
    "summarize",
    "to_physical",
    "write_patient",
    "write_shard",
]
