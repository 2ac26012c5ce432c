"""Every object of a store in turn: deleted, truncated, one bit flipped. Nothing of it may read as data."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest

from biomech_xr.errors import LostDataError, StoreError
from biomech_xr.store import list_patients, open_part, open_patient, open_recordings, open_strides, write_patient
from biomech_xr.store.layout import strides_url
from tests.store.samples import CHAIN, make_product, make_spec, make_trials

Values = Mapping[str, object]


def delete(file: Path, _: bytes) -> None:
    file.unlink()


def truncate(file: Path, data: bytes) -> None:
    file.write_bytes(data[: len(data) // 2])


def empty(file: Path, _: bytes) -> None:
    file.write_bytes(b"")


def flip(file: Path, data: bytes) -> None:
    """Flip one bit at a place that differs from object to object but not from run to run."""
    position = zlib.crc32(file.name.encode() + data) % len(data)
    file.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])


DAMAGE = {"deleted": delete, "truncated": truncate, "emptied": empty, "flipped": flip}


def as_text(table: pd.DataFrame) -> object:
    """Return a table as text, so that missing values compare equal."""
    return [[str(value) for value in row] for row in table.to_numpy(dtype=object)]


def same(found: Values, expected: Values) -> bool:
    def equal(a: object, b: object) -> bool:
        if isinstance(a, np.ndarray) and a.dtype.kind == "f":
            return np.array_equal(a, b, equal_nan=True)
        return np.array_equal(a, b)

    return found.keys() == expected.keys() and all(equal(found[name], expected[name]) for name in expected)


def read_strides(root: str) -> Values:
    part = open_part(strides_url(root, CHAIN, "hu"))
    values: dict[str, object] = {name: part.read(name, 0, part.size) for name in part.variables}
    values |= {"labels": as_text(part.labels), "rejected": as_text(part.rejected)}
    opened = open_strides(root)
    values |= {
        str(name): np.asarray(values_, dtype=object).astype(str)
        for name, values_ in opened.reset_index("stride").coords.items()
    }
    return values


LAZY = ("emg", "kinetics", "emg_mask")


def read_strides_lazily(root: str) -> Values:
    dataset = open_strides(root)
    values = {name: dataset[name].data.compute(scheduler="synchronous") for name in LAZY}
    return {**values, "emg_clipped": dataset["emg_clipped"].values}


def read_patient(root: str) -> Values:
    patient = open_patient(root, "hu", "hu-AB01")
    values: dict[str, object] = {group: patient.read(group, 0, 10**6) for group in patient.groups}
    tables = {name: getattr(patient, name) for name in ("trials", "strides", "rejected")}
    values |= {name: as_text(table) for name, table in tables.items()}
    values["facts"] = [str(patient.spec), str(patient.patient)]
    return values


def read_tree(root: str) -> Values:
    tree = open_recordings(root)
    return {
        node.path: node["values"].load(scheduler="synchronous").values
        for node in tree.subtree
        if "values" in node.data_vars
    }


def outcome(reader: Callable[[str], Values], root: str) -> Values | StoreError:
    try:
        return reader(root)
    except StoreError as error:
        return error


def check_every_object(
    root: Path,
    damage: str,
    reader: Callable[[str], Values],
    *,
    which: Callable[[str], bool],
    unread: Callable[[str], bool],
) -> None:
    truth = reader(str(root))
    raised = 0
    for file in sorted(path for path in root.rglob("*") if path.is_file()):
        key = file.relative_to(root).as_posix()
        if not which(key):
            continue
        data = file.read_bytes()
        DAMAGE[damage](file, data)
        found = outcome(reader, str(root))
        if isinstance(found, StoreError):
            assert str(root) in str(found), key
            listing = ("MANIFEST", "ledger", "versions/envelope/000001.json")
            assert isinstance(found, LostDataError) or (damage == "deleted" and any(name in key for name in listing))
            raised += 1
        else:
            assert unread(key), f"{key} {damage}: {reader.__name__} said nothing"
            assert same(found, truth), f"{key} {damage}: reads as other data"
        file.write_bytes(data)
    assert raised >= 2
    assert same(reader(str(root)), truth)


def metadata_of_array(key: str) -> bool:
    """Say which metadata a reader takes from the consolidated copy in the root, which is checked."""
    return key.endswith("/zarr.json") and not key.endswith(".zarr/zarr.json")


@pytest.mark.parametrize("damage", DAMAGE)
def test_no_damaged_object_of_strides_reads_as_data(tmp_path: Path, damage: str) -> None:
    make_product("hu", strides=66, time=300, seed=7, phase=20).write(str(tmp_path))

    def unread(key: str) -> bool:
        return ("/ledger/" in key and not key.endswith(".finished.json")) or metadata_of_array(key)

    def which(key: str) -> bool:
        return damage == "deleted" or not unread(key)

    check_every_object(tmp_path, damage, read_strides, which=which, unread=unread)


@pytest.mark.parametrize("damage", ["deleted", "flipped"])
def test_no_damaged_chunk_reads_as_data_through_xarray(tmp_path: Path, damage: str) -> None:
    make_product("hu", strides=5, time=260, seed=7, phase=3).write(str(tmp_path))

    def which(key: str) -> bool:
        return any(f".zarr/{name}/c/" in key for name in LAZY)

    check_every_object(tmp_path, damage, read_strides_lazily, which=which, unread=lambda _: False)


@pytest.mark.parametrize("damage", DAMAGE)
def test_no_damaged_object_of_recordings_reads_as_data(tmp_path: Path, damage: str) -> None:
    write_patient(str(tmp_path), make_spec(), make_trials(), config_hash="x")

    def which(key: str) -> bool:
        return damage == "deleted" or not metadata_of_array(key)

    check_every_object(tmp_path, damage, read_patient, which=which, unread=metadata_of_array)


@pytest.mark.parametrize("damage", ["deleted", "flipped"])
def test_no_damaged_chunk_reads_as_data_through_the_tree(tmp_path: Path, damage: str) -> None:
    write_patient(str(tmp_path), make_spec(), make_trials()[:2], config_hash="x")

    def which(key: str) -> bool:
        return any(f".zarr/{group}/c/" in key for group in ("emg", "kinematics"))

    check_every_object(tmp_path, damage, read_tree, which=which, unread=lambda _: False)


def test_a_lost_chunk_on_another_backend_raises_too() -> None:
    root = "memory://damage"
    make_product("hu", strides=66, time=300, seed=7, phase=20).write(root)
    memory = fsspec.filesystem("memory")
    key = next(name for name in memory.find("/damage") if "/kinetics/c/" in name)
    memory.rm(key)
    try:
        with pytest.raises(LostDataError, match="kinetics"):
            open_strides(root)["kinetics"].isel(stride=0).compute()
        with pytest.raises(StoreError):
            open_part(strides_url(root, CHAIN, "hu")).read("kinetics", 0, 1)
        assert list_patients(root) == []
    finally:
        memory.rm("/damage", recursive=True)
