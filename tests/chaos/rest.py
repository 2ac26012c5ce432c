"""Damage at rest: objects of a finished store deleted, cut or changed, found, refused by readers, made again."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable

import numpy as np
import pandas as pd

from biomech_xr.errors import StoreError
from biomech_xr.run.remaking import RawFolder
from biomech_xr.run.repair import repair_store
from biomech_xr.store import check_store, list_patients, open_part, open_patient, open_strides, read_version
from biomech_xr.store.copying import copy_store
from biomech_xr.store.layout import strides_url
from tests.buckets import GCS
from tests.chaos.bench import PEOPLE, Bench, Row, timed
from tests.chaos.road import CHAIN
from tests.store.damaged import damage, keys_of, snapshot

Piece = tuple[str, Callable[[str], object]]
"""The Zarr array or table that a piece is of, relative to the root, and what reads it."""


def at_rest(bench: Bench, damaged: int = 100, rounds: int = 10) -> Row:
    """Damage random objects, some at a time, each in one way; no object is chosen twice."""
    row = Row(f"{damaged} random corruptions and deletions at rest")
    peace, store = bench.folder / "peace", bench.folder / "rest"
    if bench.reference and not peace.exists():
        copy_store(f"{GCS}/undisturbed", str(peace))
    chosen = bench.random.sample(keys_of(peace), damaged)
    found = refused = 0
    with timed(row):
        whole, pieces = snapshot(peace), list(_pieces(str(peace)))
        truth = {name: _digest(read(str(peace))) for name, read in pieces}
        for number in range(rounds):
            keys = chosen[number::rounds]
            shutil.copytree(peace, store)
            damage(store, keys, number)
            checked = list(check_store(str(store)))
            broken = {key for unit in checked for key in unit.broken}
            found += len(broken & set(keys))
            row.wrong += [f"check names {key}, which is intact" for key in sorted(broken - set(keys))]
            values = {name: _outcome(read, str(store)) for name, read in pieces}
            row.torn += sum(value not in ("", truth[name]) for name, value in values.items())
            refused += sum(not value for value in values.values())
            hit = {key.partition("/c/")[0] for key in keys if "/c/" in key}
            row.wrong += [f"{name} was read" for name in sorted(hit & values.keys()) if values[name]]
            raw = {name: RawFolder(folder=str(bench.raw / name)) for name in PEOPLE}
            for one in repair_store(str(store), checked, raw=raw):
                row.wrong += [] if one.done else [f"{one.key}: {one.how}"]
            now = snapshot(store)
            row.different += sum(now.get(key) != whole.get(key) for key in {*now, *whole})
            row.runs += 1
            shutil.rmtree(store)
    row.wrong += [f"{damaged - found} were not found"] if found < damaged else []
    row.injected = f"{damaged} objects"
    row.said = f"{found} found by check, all made again; {refused} arrays and tables were refused, none read wrongly"
    return row


def _pieces(root: str) -> list[Piece]:
    """Return all arrays and tables of a store, and what reads each of them."""
    found: list[Piece] = []
    for dataset, patient in list_patients(root):
        group = f"recordings/{dataset}/{patient}.zarr"
        signals = open_patient(root, dataset, patient).groups
        found += [(f"{group}/{name}", _recorded(dataset, patient, name)) for name in signals]
        found += [(f"{group}/{name}", _table(dataset, patient, name)) for name in ("trials", "strides", "rejected")]
    for dataset, name, _ in read_version(root, CHAIN).parts:
        opened = open_part(strides_url(root, CHAIN, dataset), part=name)
        group = f"strides/{CHAIN}/{dataset}/{name}.zarr"
        found += [(f"{group}/{variable}", _variable(dataset, name, variable)) for variable in opened.variables]
        found += [(f"{group}/{table}", _part_table(dataset, name, table)) for table in ("labels", "rejected")]
    found.append((f"versions/{CHAIN}", _index))
    return found


def _recorded(dataset: str, patient: str, name: str) -> Callable[[str], object]:
    return lambda root: open_patient(root, dataset, patient).read(name, 0, 10**9)


def _table(dataset: str, patient: str, name: str) -> Callable[[str], object]:
    return lambda root: getattr(open_patient(root, dataset, patient), name)


def _variable(dataset: str, part: str, name: str) -> Callable[[str], object]:
    def read(root: str) -> object:
        opened = open_part(strides_url(root, CHAIN, dataset), part=part)
        return opened.read(name, 0, opened.size)

    return read


def _part_table(dataset: str, part: str, name: str) -> Callable[[str], object]:
    table = "written_labels" if name == "labels" else name
    return lambda root: getattr(open_part(strides_url(root, CHAIN, dataset), part=part), table)


def _index(root: str) -> object:
    return open_strides(root, chain=CHAIN).indexes["stride"].to_frame(index=False)


def _outcome(read: Callable[[str], object], root: str) -> str:
    """Return the digest of what is read, empty where the reader refuses."""
    try:
        return _digest(read(root))
    except StoreError:
        return ""


def _digest(value: object) -> str:
    if isinstance(value, pd.DataFrame):
        text = repr([[str(one) for one in row] for row in value.to_numpy(dtype=object)])
        return hashlib.sha256(text.encode()).hexdigest()
    return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
