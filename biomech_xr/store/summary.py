"""Say what a store holds, from its ledgers and manifests alone."""

from __future__ import annotations

from typing import Any

from biomech_xr.errors import NotAStoreError
from biomech_xr.store import layout
from biomech_xr.store.objects import Url, exists, join, names, read_sealed
from biomech_xr.store.reading import read_manifest
from biomech_xr.store.recordings import list_patients

Row = dict[str, Any]


def summarize(root: Url) -> dict[str, list[Row]]:
    """Return one row a source of the recordings, and one row a source and chain of the strides.

    Parameters
    ----------
    root
        URL of the store.

    Returns
    -------
    dict
        ``recordings``: dataset, patients, trials, strides, rejected, reader, data (recorded or synthetic);
        ``strides``: chain, dataset, patients, strides, rejected, clipped, state (``finished``, or what is missing).

    Raises
    ------
    NotAStoreError
        Neither recordings nor strides of ours are there.
    """
    summary = {"recordings": _recordings(root), "strides": _strides(root)}
    if not any(summary.values()):
        raise NotAStoreError(
            f"{root}: found neither recordings nor strides of biomech-xr. Check the URL, or run parse."
        )
    return summary


def _recordings(root: Url) -> list[Row]:
    rows: dict[str, Row] = {}
    for dataset, patient in list_patients(root):
        entry = read_sealed(layout.patient_ledger_url(root, dataset, patient))
        empty = {"dataset": dataset, "patients": 0, "trials": 0, "strides": 0, "rejected": 0}
        row = rows.setdefault(dataset, {**empty, "reader": entry["spec"]["evidence"], "data": ""})
        kind = "synthetic" if entry["spec"].get("synthetic", False) else "recorded"
        row["data"] = kind if row["data"] in ("", kind) else "mixed"
        row["patients"] += 1
        for name in ("trials", "strides", "rejected"):
            row[name] += int(entry["counts"][name])
    return list(rows.values())


def _strides(root: Url) -> list[Row]:
    folder = join(root, "strides")
    rows = []
    for chain in names(folder) if exists(folder) else []:
        for dataset in names(join(folder, chain)):
            place = layout.strides_url(root, chain, dataset)
            try:
                counts, state = read_manifest(place)["counts"], "finished"
            except NotAStoreError as error:
                counts, state = dict.fromkeys(("patients", "strides", "rejected", "clipped"), 0), str(error)
            rows.append({"chain": chain, "dataset": dataset, **counts, "state": state})
    return rows
