"""One view of both MATLAB containers: the same values give the same answers, damage gives one clear error."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers import _mat_hdf5
from biomech_xr.readers.mat import open_mat
from biomech_xr.synthetic.matfile import FIELDLESS, Structs, Version, cell, save_struct

TABLE = pd.DataFrame({"St1_Knee_X": [1.0, 2.0], "St2_Knee_X": [3.0, np.nan]})
CONTAINERS: list[Version] = ["v5", "v7.3"]


def content(*, tables: bool) -> dict[str, Any]:
    values: dict[str, Any] = {
        "S": {
            "angle": np.arange(6.0).reshape(2, 3),
            "cube": np.arange(24.0).reshape(2, 3, 4),
            "name": "left  ",
            "pairs": cell([["T1", np.arange(3.0)], ["T2", np.empty((0, 0))]]),
            "nothing": np.empty((0, 4)),
            "count": 3,
            "strides": Structs([{"k": 1.0, "kinetics": np.ones((1, 4))}, {"k": 2.0, "kinetics": FIELDLESS}]),
        }
    }
    if tables:
        values["S"]["trials"] = cell([["T1", TABLE]])
    return values


@pytest.fixture(params=[(v, t) for v in CONTAINERS for t in (False, True)], ids=lambda p: f"{p[0]}-tables-{p[1]}")
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    version, tables = request.param
    path = tmp_path / "file.mat"
    save_struct(path, content(tables=tables), version=version)
    return path


def test_numbers_keep_the_shape_of_matlab(file: Path) -> None:
    with open_mat(file, dataset="d") as root:
        s = root["S"]
        np.testing.assert_array_equal(s["angle"].array(), np.arange(6.0).reshape(2, 3))
        np.testing.assert_array_equal(s["cube"].array(), np.arange(24.0).reshape(2, 3, 4))
        assert s["cube"].shape == (2, 3, 4)
        np.testing.assert_array_equal(s["angle"].array(slice(1, 3)), [[1, 2], [4, 5]])
        np.testing.assert_array_equal(s["cube"].array(slice(3, 4))[..., 0], np.arange(24.0).reshape(2, 3, 4)[..., 3])
        assert s["count"].number() == 3


def test_text_cells_structs_and_empty_values(file: Path) -> None:
    with open_mat(file, dataset="d") as root:
        s = root["S"]
        assert s["name"].text() == "left"
        pairs = s["pairs"]
        assert (pairs.kind, pairs.shape, len(pairs)) == ("cell", (2, 2), 4)
        assert [pairs.element(i).text() for i in (0, 1)] == ["T1", "T2"]
        np.testing.assert_array_equal(pairs.element(2).vector(), [0, 1, 2])
        assert pairs.element(3).kind == "empty"
        assert s["nothing"].array().shape[0] == 0
        assert [e["k"].number() for e in s["strides"].elements()] == [1, 2]
        assert [e["kinetics"].kind for e in s["strides"].elements()] == ["numeric", "empty"]
        assert s.get("absent") is None
        assert s.first("Count", "count").number() == 3


@pytest.mark.parametrize("version", CONTAINERS)
def test_tables_in_both_containers(version: Version, tmp_path: Path) -> None:
    save_struct(tmp_path / "t.mat", content(tables=True), version=version)
    with open_mat(tmp_path / "t.mat", dataset="d") as root:
        node = root["S"]["trials"].element(1)
        assert node.kind == "table"
        pd.testing.assert_frame_equal(node.table(), TABLE, check_dtype=False)
        with pytest.raises(DataFormatError, match="a table"):
            root["S"]["angle"].table()


@pytest.mark.parametrize("version", CONTAINERS)
def test_padded_char_matrix_and_cell_of_text(version: Version, tmp_path: Path) -> None:
    values = {"padded": np.array(["Hip   ", "Knee  "]), "cells": ["Hip", "Knee"]}
    if version == "v7.3":
        values.pop("padded")
    save_struct(tmp_path / "t.mat", values, version=version)
    with open_mat(tmp_path / "t.mat", dataset="d") as root:
        for name in values:
            assert root[name].texts() == ["Hip", "Knee"]


def test_a_missing_field_is_named_with_the_nearest(file: Path) -> None:
    with open_mat(file, dataset="embry") as root:
        with pytest.raises(
            DataFormatError, match=r"embry: .*file\.mat: S; found no field angel; the nearest is 'angle'"
        ):
            root["S"]["angel"]
        with pytest.raises(DataFormatError, match="expected one number"):
            root["S"]["angle"].number()
        with pytest.raises(DataFormatError, match="expected real numbers"):
            root["S"]["name"].array()
        with pytest.raises(DataFormatError, match="expected one line of text"):
            root["S"]["angle"].text()
        with pytest.raises(DataFormatError, match="expected an element 9"):
            root["S"]["pairs"].element(8)


def read_all(path: Path) -> None:
    with open_mat(path, dataset="d") as root:
        for name in ("angle", "cube"):
            root["S"][name].array()
        for entry in (*root["S"]["pairs"].elements(), *root["S"]["strides"].elements()):
            if entry.kind == "struct":
                entry["k"].number()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4, 0.7, 0.95])
def test_a_truncated_file_is_one_clear_error(file: Path, share: float) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DataFormatError, match=r"d: .*file\.mat"):
        read_all(file)


def test_flipped_bytes_never_raise_foreign_errors(file: Path) -> None:
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 8):
            damaged[place] ^= 0xFF
        file.write_bytes(bytes(damaged))
        with contextlib.suppress(DataFormatError):
            read_all(file)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such file"), open_mat(tmp_path / "x.mat", dataset="d"):
        pass


def test_v73_reads_only_what_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An array above the cap can still be read by columns; whole it is refused."""
    save_struct(tmp_path / "big.mat", {"a": np.arange(30000.0).reshape(3, 10000)}, version="v7.3")
    monkeypatch.setattr(_mat_hdf5, "MAX_BYTES", 1000)
    with open_mat(tmp_path / "big.mat", dataset="d") as root:
        np.testing.assert_array_equal(root["a"].array(slice(5, 7)), [[5, 6], [10005, 10006], [20005, 20006]])
        with pytest.raises(DataFormatError, match="240000 bytes"):
            root["a"].array()


def test_links_out_of_the_file_are_not_followed(tmp_path: Path) -> None:
    save_struct(tmp_path / "other.mat", {"secret": 1.0}, version="v7.3")
    save_struct(tmp_path / "t.mat", {"a": {"b": 1.0}}, version="v7.3")
    with h5py.File(tmp_path / "t.mat", "r+") as raw:
        raw["a"]["out"] = h5py.ExternalLink("other.mat", "/secret")
    with pytest.raises(DataFormatError, match="out outside the file"), open_mat(tmp_path / "t.mat", dataset="d"):
        pass


@pytest.mark.parametrize("version", CONTAINERS)
def test_all_cells_at_once_are_those_one_by_one(version: Version, tmp_path: Path) -> None:
    cells = [np.arange(12.0).reshape(4, 3), np.empty((0, 0)), np.arange(5, dtype=np.int32), np.ones((1, 2), np.float32)]
    save_struct(tmp_path / "t.mat", {"c": cells, "mixed": [np.ones(3), "text"]}, version=version)
    with open_mat(tmp_path / "t.mat", dataset="d") as root:
        for whole, single in zip(root["c"].arrays(), root["c"].elements(), strict=True):
            np.testing.assert_array_equal(whole, single.array())
        assert [array.shape for array in root["c"].arrays()] == [(4, 3), (0, 0), (5, 1), (1, 2)]
        with pytest.raises(DataFormatError, match="expected real numbers"):
            root["mixed"].arrays()


@pytest.mark.parametrize("version", CONTAINERS)
def test_complex_numbers_are_refused(version: Version, tmp_path: Path) -> None:
    if version == "v5":
        save_struct(tmp_path / "t.mat", {"a": np.array([[1 + 2j]])})
    else:
        save_struct(tmp_path / "t.mat", {"b": 1.0}, version="v7.3")
        with h5py.File(tmp_path / "t.mat", "r+") as raw:
            raw["a"] = np.zeros((1, 1), dtype=[("real", "f8"), ("imag", "f8")])
    with open_mat(tmp_path / "t.mat", dataset="d") as root, pytest.raises(DataFormatError, match="real numbers"):
        root["a"].number()


@pytest.mark.parametrize("values", [np.array([[np.nan]]), np.array([[2.0**31]])])
def test_text_that_is_none_is_refused(values: np.ndarray, tmp_path: Path) -> None:
    save_struct(tmp_path / "t.mat", {"b": 1.0}, version="v7.3")
    with h5py.File(tmp_path / "t.mat", "r+") as raw:
        raw["a"] = values
        raw["a"].attrs["MATLAB_class"] = np.bytes_("char")
    with open_mat(tmp_path / "t.mat", dataset="d") as root, pytest.raises(DataFormatError):
        root["a"].text()
