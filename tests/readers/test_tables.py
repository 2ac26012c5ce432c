"""CSV files, workbook sheets and checksums: what is right is read, what is wrong is named."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers import tables
from biomech_xr.readers.tables import read_csv, read_sheet, sha256


def _csv(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_bytes(text.encode())
    return path


def test_columns_come_in_the_order_asked_for(tmp_path: Path) -> None:
    path = _csv(tmp_path, "a,b,c,d\n1,x,NaN,4\n5,y,7,\n")
    table = read_csv(path, dataset="toy", columns=("c", "a"), optional=("d", "absent"))
    assert list(table.columns) == ["c", "a", "d"]
    np.testing.assert_array_equal(table.to_numpy(), [[np.nan, 1, 4], [7, 5, np.nan]])


def test_byte_order_mark_and_text_column(tmp_path: Path) -> None:
    path = _csv(tmp_path, "\ufeffid,value\n007,1\n")
    table = read_csv(path, dataset="toy", columns=("id", "value"), text=("id",))
    assert table["id"].iloc[0] == "007"


def test_missing_column_names_the_nearest(tmp_path: Path) -> None:
    path = _csv(tmp_path, "Right_Hel_Contact,Mode\n1,1\n")
    with pytest.raises(DataFormatError, match=r"toy: .*table\.csv: Right_Heel_Contact.*'Right_Hel_Contact'.*Restore"):
        read_csv(path, dataset="toy", columns=("Right_Heel_Contact",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no rows"),
        ("a,a\n1,2\n", "2 columns of that name"),
        ("a,b\n1,2\nfoot,3\n", "'foot' in data row 2"),
    ],
)
def test_bad_table_is_one_clear_error(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(DataFormatError, match=expected):
        read_csv(_csv(tmp_path, text), dataset="toy", columns=("a",))


def test_binary_file_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(bytes(range(128, 256)) * 10)
    with pytest.raises(DataFormatError, match="no readable table"):
        read_csv(path, dataset="toy", columns=("a",))


def test_missing_file(tmp_path: Path) -> None:
    for read in (
        lambda: read_csv(tmp_path / "no.csv", dataset="toy", columns=("a",)),
        lambda: read_sheet(tmp_path / "no.xlsx", dataset="toy", sheet="s"),
        lambda: sha256(tmp_path / "no.csv"),
    ):
        with pytest.raises(MissingInputError, match=r"no such file"):
            read()


def test_csv_size_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_CSV_BYTES", 5)
    with pytest.raises(DataFormatError, match="at most 5"):
        read_csv(_csv(tmp_path, "a,b\n1,2\n"), dataset="toy", columns=("a",))


def test_sha256(tmp_path: Path) -> None:
    path = _csv(tmp_path, "a\n1\n" * 100_000)
    assert sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_workbook_that_is_none_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "book.xlsx"
    path.write_bytes(b"no zip")
    with pytest.raises(DataFormatError, match="no readable workbook"):
        read_sheet(path, dataset="toy", sheet="s")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "0" * 100_000)
    with pytest.raises(DataFormatError, match="no readable workbook"):
        read_sheet(path, dataset="toy", sheet="s")
    monkeypatch.setattr(tables, "MAX_WORKBOOK_BYTES", 1000)
    with pytest.raises(DataFormatError, match="100000 bytes unpacked"):
        read_sheet(path, dataset="toy", sheet="s")


@pytest.mark.realdata
def test_real_workbook(samples: Path) -> None:
    path = samples / "criekinge" / "MATdatafiles_description_v1.3_LST.xlsx"
    assert len(read_sheet(path, dataset="toy", sheet="mat data struct")) > 10
    with pytest.raises(DataFormatError, match="Stride normalized data"):
        read_sheet(path, dataset="toy", sheet="other")
