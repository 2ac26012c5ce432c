"""The Zarr group of one patient's recordings: one array a signal group, and the tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from biomech_xr.schema import GROUP_DIMS, Trial
from biomech_xr.store import layout, ledger
from biomech_xr.store.table import write_table
from biomech_xr.store.trials import common_units, groups_of, row_blocks, row_count, union_labels


def write_group(
    url: str, attributes: Mapping[str, Any], trials: list[Trial], tables: Mapping[str, pd.DataFrame]
) -> None:
    """Write the group; one block of rows is held in memory at a time.

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
    root = ledger.create_root(url, {**attributes, "groups": groups_of(trials)})
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
    ledger.consolidate(url)
