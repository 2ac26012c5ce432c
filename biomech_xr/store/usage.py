"""How many objects and bytes a store takes, by unit and by variable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from biomech_xr.errors import NotAStoreError
from biomech_xr.store import layout
from biomech_xr.store.encoding import MISSING
from biomech_xr.store.holdings import Holding, holdings
from biomech_xr.store.leftovers import leftovers
from biomech_xr.store.look import Look, Place, seal_key
from biomech_xr.store.objects import Url, join
from biomech_xr.store.reading import Part

Row = dict[str, Any]

_SAMPLE: Final = 8
"""Chunks of EMG that are read of one part, spread over it, to count samples that are finite."""

_FLOAT: Final = 4


def usage(root: Url) -> dict[str, list[Row]]:
    """Return bytes and objects of a store.

    Parameters
    ----------
    root
        URL of the store.

    Returns
    -------
    dict
        ``units``: kind, name (recordings of a source; strides of a part; a version; people; splits; what nothing
        refers to), patients, strides, objects, bytes; ``variables``: chain, variable, strides, bytes, per_stride
        (bytes), and for ``emg`` the ratio ``of_float32`` of stored bytes to those of its finite samples as float32,
        counted in at most 8 chunks of 64 strides of each part.

    Raises
    ------
    NotAStoreError
        Neither recordings nor strides of ours are there.
    LostDataError
        A ledger, a manifest or a pointer is damaged.
    """
    look = Look(root)
    held = list(holdings(look))
    if not held:
        raise NotAStoreError(f"{root}: found neither recordings nor strides of biomech-xr. Check the URL.")
    known = {key for one in held for key in one.objects}
    units = [*_merged(look, held)]
    for name, (objects, size, _) in leftovers(look, known).items():
        units.append(_row("leftovers", name, 0, 0, objects, size))
    return {"units": units, "variables": list(_variables(look))}


def _row(kind: str, name: str, patients: int, strides: int, objects: int, size: int) -> Row:
    return {"kind": kind, "name": name, "patients": patients, "strides": strides, "objects": objects, "bytes": size}


def _merged(look: Look, held: list[Holding]) -> Iterator[Row]:
    """Yield one row a source of recordings, and one of each other unit."""
    sources: dict[str, Row] = {}
    others = []
    for one in held:
        if one.kind == "recordings":
            _, dataset, patient = one.name.split("/")
            entry = look.sealed(f"recordings/{dataset}/{layout.LEDGER}/{patient}.json")  # none of the plan of a parse
            row = sources.setdefault(dataset, _row("recordings", dataset, 0, 0, 0, 0))
            row["patients"] += entry is not None
            row["strides"] += entry["counts"]["strides"] if entry else 0
            row["objects"] += len(one.objects)
            row["bytes"] += one.size
        else:
            name = one.name.partition("/")[2] or one.name
            others.append(_row(one.kind, name, *_people(look, one), len(one.objects), one.size))
    yield from sources.values()
    yield from others


def _people(look: Look, one: Holding) -> tuple[int, int]:
    """Return patients and strides of a part or a version, zeros of anything else."""
    parts = one.name.split("/")
    if one.kind == "strides" and len(parts) == 4:
        counts = (look.sealed(seal_key(*parts[1:])) or {})["counts"]
        return counts["patients"], counts["strides"]
    if one.kind == layout.VERSIONS:
        listed = [source["counts"] for source in (look.sealed(f"{one.name}.json") or {})["sources"].values()]
        return sum(counts["patients"] for counts in listed), sum(counts["strides"] for counts in listed)
    return 0, 0


def _variables(look: Look) -> Iterator[Row]:
    """Yield one row a chain and variable, the largest first."""
    rows: dict[tuple[str, str], Row] = {}
    finite: dict[str, float] = {}
    for place in look.parts:
        seal = look.sealed(seal_key(*place)) or {"objects": {}, "size": 0}
        for key, size in seal["objects"].items():
            name = key.partition("/")[0]
            if name == "zarr.json":
                name = "metadata"
            nothing = {"chain": place[0], "variable": name, "strides": 0, "bytes": 0}
            rows.setdefault((place[0], name), nothing)["bytes"] += size
        for name in {key.partition("/")[0] for key in seal["objects"]} - {"zarr.json"}:
            rows[place[0], name]["strides"] += seal["size"]
        finite[place[0]] = finite.get(place[0], 0.0) + _finite_samples(look, place)
    for row in sorted(rows.values(), key=lambda row: (row["chain"], -row["bytes"])):
        strides = row["strides"] or max(other["strides"] for other in rows.values())
        row |= {"strides": strides, "per_stride": row["bytes"] / max(1, strides), "of_float32": None}
        if row["variable"] == "emg" and finite[row["chain"]]:
            row["of_float32"] = row["bytes"] / (_FLOAT * finite[row["chain"]])
        yield row


def _finite_samples(look: Look, place: Place) -> float:
    """Return the finite samples of EMG in a part, from some of its chunks."""
    seal = look.sealed(seal_key(*place))
    if seal is None or not any(key.startswith("emg/") for key in seal["objects"]):
        return 0.0
    part = Part(join(look.root, "strides", place[0], place[1]), place[2], seal)
    chunks = -(-part.size // part.chunk)
    chosen = sorted({int(number) for number in np.linspace(0, chunks - 1, min(chunks, _SAMPLE))})
    found = strides = 0
    for number in chosen:
        values = part.read("emg", number * part.chunk, min((number + 1) * part.chunk, part.size))
        found, strides = found + int((values != MISSING).sum()), strides + len(values)
    return found / strides * part.size if strides else 0.0
