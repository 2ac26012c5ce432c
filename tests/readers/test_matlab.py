"""MATLAB v5: plain structs and MCOS tables, and files that are cut, damaged, foreign or too large."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers import matlab
from biomech_xr.readers.matlab import check_file, import_matio, load_struct, load_tables

SUBJECTS = """
AB06 20 M 1.80 74.84 | AB07 20 M 1.65 55.34 | AB08 21 M 1.74 72.57 | AB09 21 F 1.63 63.50 | AB10 22 M 1.75 83.91 |
AB11 21 M 1.75 77.11 | AB12 24 M 1.74 86.18 | AB13 19 M 1.73 58.97 | AB14 22 F 1.52 58.41 | AB15 21 M 1.78 96.16 |
AB16 20 F 1.65 55.79 | AB17 19 M 1.68 61.23 | AB18 19 F 1.80 60.13 | AB19 19 M 1.70 68.04 | AB20 21 F 1.71 68.04 |
AB21 20 F 1.57 58.06 | AB23 20 M 1.80 76.82 | AB24 21 F 1.73 72.57 | AB25 20 F 1.63 52.16 | AB27 21 M 1.70 68.04 |
AB28 33 F 1.69 62.14 | AB30 31 M 1.77 77.03
"""
"""The 22 people of Camargo 2021 as its notes list them: subject, age (y), sex, height (m), mass (kg)."""


@pytest.fixture
def table_file(tmp_path: Path) -> Path:
    path = tmp_path / "trial.mat"
    table = pd.DataFrame({"Header": np.arange(500) / 200, "Label": ["walk"] * 499 + ["turn1"]})
    import_matio().save_to_mat(
        str(path), {"labels": table, "rampIncline": 5.2, "transLegAscent": "r", "plain": np.eye(3)}, version="v7"
    )
    return path


@pytest.fixture
def struct_file(tmp_path: Path) -> Path:
    path = tmp_path / "data.mat"
    content = {
        "Q": {"data": np.arange(12.0).reshape(3, 4), "name": "hip"},
        "cells": np.array(["a", "bc"], dtype=object),
    }
    savemat(path, {"D": content}, do_compression=True)
    return path


def test_tables_scalars_and_text(table_file: Path) -> None:
    content = load_tables(table_file, dataset="toy")
    assert content["rampIncline"] == pytest.approx(5.2)
    assert content["transLegAscent"] == "r"
    assert content["plain"].shape == (3, 3)
    labels = content["labels"]
    np.testing.assert_allclose(labels["Header"], np.arange(500) / 200)
    assert [labels["Label"].iloc[0], labels["Label"].iloc[-1]] == ["walk", "turn1"]


def test_structs_become_dicts(struct_file: Path) -> None:
    content = load_struct(struct_file, dataset="toy")
    assert list(content) == ["D"]
    assert content["D"]["Q"]["name"] == "hip"
    np.testing.assert_array_equal(content["D"]["Q"]["data"], np.arange(12.0).reshape(3, 4))
    assert list(content["D"]["cells"]) == ["a", "bc"]


@pytest.mark.realdata
def test_real_subject_table(samples: Path) -> None:
    table = load_tables(samples / "camargo" / "SubjectInfo.mat", dataset="camargo")["data"]
    rows = [row.split() for row in SUBJECTS.replace("\n", " ").split("|")]
    expected = [(name, float(age), sex, float(height), float(mass)) for name, age, sex, height, mass in rows]
    found = list(table[["Subject", "Age", "Gender", "Height", "Weight"]].itertuples(index=False, name=None))
    assert len(found) == 22
    assert found == expected
    assert all(type(row[0]) is str and type(row[2]) is str for row in found)


@pytest.mark.realdata
def test_real_second_table(samples: Path) -> None:
    table = load_tables(samples / "camargo" / "StaticRef_mocaptools.mat", dataset="camargo")["StaticRef"]
    assert table.shape == (1, 42)
    assert table["R.ASIS_x"].iloc[0] == pytest.approx(1110.388982901961)
    assert np.isfinite(table.to_numpy(dtype=float)).all()


@pytest.mark.realdata
def test_real_struct(samples: Path) -> None:
    content = load_struct(samples / "falisse" / "ExperimentalData.mat", dataset="falisse")
    assert {"Q", "Torques", "Powers", "EMG"} <= set(content["ExperimentalData"])


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_truncated_file_is_named(table_file: Path, struct_file: Path, share: float) -> None:
    for path, load in ((table_file, load_tables), (struct_file, load_struct)):
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(DataFormatError, match=rf"toy: .*{path.name}.*Download the file again"):
            load(path, dataset="toy")


def test_header_alone_is_truncated(struct_file: Path) -> None:
    struct_file.write_bytes(struct_file.read_bytes()[:128])
    with pytest.raises(DataFormatError, match="truncated"):
        load_struct(struct_file, dataset="toy")


def test_flipped_byte_in_compressed_content(struct_file: Path) -> None:
    content = bytearray(struct_file.read_bytes())
    content[180] ^= 0xFF
    struct_file.write_bytes(content)
    with pytest.raises(DataFormatError, match="damaged"):
        load_struct(struct_file, dataset="toy")


def test_other_formats_are_named(tmp_path: Path) -> None:
    path = tmp_path / "other.mat"
    for content, expected in (
        (b"\x89HDF\r\n\x1a\n" + bytes(200), r"v7\.3"),
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400), r"v7\.3"),
        (b"time,angle\n1,2\n" * 20, "no MATLAB v5 header"),
    ):
        path.write_bytes(content)
        for load in (load_struct, load_tables):
            with pytest.raises(DataFormatError, match=expected):
                load(path, dataset="toy")
    with pytest.raises(MissingInputError, match="no such file"):
        load_tables(tmp_path / "none.mat", dataset="toy")


def test_table_is_refused_as_struct(table_file: Path) -> None:
    with pytest.raises(DataFormatError, match="load_tables"):
        load_struct(table_file, dataset="toy")


def test_small_file_that_unpacks_to_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.mat"
    savemat(path, {"zeros": np.zeros((1000, 1000))}, do_compression=True)
    assert path.stat().st_size < 20_000
    assert check_file(path, dataset="toy") > 8_000_000
    monkeypatch.setattr(matlab, "MAX_BYTES", 1_000_000)
    for load in (load_struct, load_tables):
        with pytest.raises(DataFormatError, match="unpacks to more than"):
            load(path, dataset="toy")


def test_size_is_counted_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An element that declares eight bytes but inflates to megabytes is refused before anything is allocated."""
    monkeypatch.setattr(matlab, "MAX_BYTES", 1_000_000)
    packed = zlib.compress(struct.pack("<II", 14, 8) + bytes(5_000_000))
    header = b"MATLAB 5.0 MAT-file".ljust(116) + bytes(8) + b"\x00\x01IM"
    path = tmp_path / "liar.mat"
    path.write_bytes(header + struct.pack("<II", 15, len(packed)) + packed)
    with pytest.raises(DataFormatError, match="unpacks to more than"):
        load_struct(path, dataset="toy")
