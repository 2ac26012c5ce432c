"""The Zarr group of one patient's recordings: one array a signal group, and the tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd
import zarr

from biomech_xr.schema import GROUP_DIMS, Patient, Trial, rejected_table, stride_table
from biomech_xr.store import layout
from biomech_xr.store.objects import digest, plain
from biomech_xr.store.table import fingerprint, write_table
from biomech_xr.store.trials import common_units, groups_of, row_blocks, row_count, trial_table, union_labels
from biomech_xr.store.writing import consolidate, create_root


def write_group(
    url: str, attributes: Mapping[str, Any], trials: list[Trial], tables: Mapping[str, pd.DataFrame]
) -> zarr.Group:
    """Write the group and return it; one block of rows is held in memory at a time.

    Parameters
    ----------
    url
        The group, which is not there yet.
    attributes
        Facts to store with it; the names of the signal groups are added.
    trials
        The trials, whose signals are concatenated along the rows.
    tables
        Name -> table.
    """
    root = create_root(url, {**attributes, "groups": groups_of(trials)})
    for group in groups_of(trials):
        labels = union_labels(group, trials)
        tail = tuple(len(names) for names in labels.values())
        rows = row_count(group, trials)
        chunks = (min(rows, layout.recording_rows(4 * math.prod(tail))), *tail)
        array = layout.create_array(
            root,
            group,
            shape=(rows, *tail),
            dims=GROUP_DIMS[group],
            dtype="float32",
            chunks=chunks,
            attributes={"units": common_units(group, trials), "labels": labels},
        )
        for number, block in enumerate(row_blocks(group, trials, labels, chunks[0])):
            array[number * chunks[0] : number * chunks[0] + len(block)] = block
    for name, table in tables.items():
        write_table(root, name, table)
    consolidate(root)
    return root


def reason_counts(rejected: pd.DataFrame) -> dict[str, int]:
    """Return how many candidates were rejected for each reason, from a table with the column ``reason``."""
    counts = rejected["reason"].value_counts()
    return {str(reason): int(count) for reason, count in counts.items() if count}


def people_fingerprint(patient: Patient, tables: Mapping[str, pd.DataFrame]) -> str:
    """Return a hash of the person and the tables, which hold the SHA-256 of every source file."""
    return digest([plain(asdict(patient)), {name: fingerprint(table) for name, table in tables.items()}])


def joined_tables(trials: list[Trial]) -> dict[str, pd.DataFrame]:
    """Return the tables of a person: trials, strides that were kept, candidates that were rejected."""
    return {
        "trials": trial_table(trials),
        "strides": _joined([trial.strides for trial in trials], stride_table([])),
        "rejected": _joined([trial.rejected for trial in trials], rejected_table([])),
    }


def _joined(tables: list[pd.DataFrame], empty: pd.DataFrame) -> pd.DataFrame:
    columns = list(empty.columns)
    filled = [table[columns] for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else empty
