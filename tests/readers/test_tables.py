"""CSV files, workbook sheets and checksums: what is right is read, what is wrong is named."""

from __future__ import annotations

import datetime as dt
import hashlib
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers import tables
from biomech_xr.readers.tables import read_csv, read_sheet, sha256
from biomech_xr.readers.text import check_last_row, read_text
from biomech_xr.synthetic.tables import write_workbook


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


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "", "NaN", "2.5"], [1.0, np.nan, np.nan, 2.5]),
        (["1", "", "A", "02"], ["1", np.nan, "A", "02"]),
        (["1", "2", "3", "4"], [1, 2, 3, 4]),
    ],
)
def test_a_column_of_either_kind_is_numbers_or_all_text(
    tmp_path: Path, cells: list[str], expected: list[object]
) -> None:
    path = _csv(tmp_path, "".join(f"{row}\n" for row in ["a,b", *(f"{cell},7" for cell in cells)]))
    table = read_csv(path, dataset="toy", columns=("a", "b"), either=("a",))
    assert table["b"].tolist() == [7, 7, 7, 7]
    for found, cell in zip(table["a"].tolist(), expected, strict=True):
        assert found == cell or (found != found and cell != cell)


def test_a_letter_deep_in_a_long_column_makes_all_of_it_text(tmp_path: Path) -> None:
    rows = 700_000  # more than pandas looks at in one piece, and enough for it to read with several threads
    path = _csv(tmp_path, "a,b\n" + "1,2.0000\n" * rows + "A,2\n")
    table = read_csv(path, dataset="toy", columns=("a", "b"), either=("a",))
    assert set(table["a"]) == {"1", "A"}
    assert len(table) == rows + 1


def test_missing_column_names_the_nearest(tmp_path: Path) -> None:
    path = _csv(tmp_path, "Right_Hel_Contact,Mode\n1,1\n")
    with pytest.raises(DataFormatError, match=r"toy: .*table\.csv: Right_Heel_Contact.*'Right_Hel_Contact'.*Restore"):
        read_csv(path, dataset="toy", columns=("Right_Heel_Contact",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no rows"),
        ("\n\na\n1\n", "an empty first row"),
        ('"a,b\n1,2\n', "no readable table|no such column"),
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


@pytest.mark.parametrize(
    "text",
    [
        "time, a ,b\n0.5,1.5,-2\n0.6,,3e1\n",
        "time\ta\tb\t\n0.5\t1.5\t-2\t\n0.6\t\t3e1\t\n",
        "time;a;b\r\n0,5;1,5;-2\r\n0,6;;3e1\r\n",
        "\ufeff  time   a b\n 0.5  1.5 -2\n 0.6 nan 30\n",
        '"time"\t" a"\t"b"\n0,5\t 1,5\t -2 \n0,6\tNaN\t30\n',
    ],
)
def test_delimiter_and_decimal_mark_are_found_out(tmp_path: Path, text: str) -> None:
    table = read_text(_csv(tmp_path, text), dataset="toy")
    assert list(table.columns) == ["time", "a", "b"]
    np.testing.assert_array_equal(table.to_numpy(dtype=float), [[0.5, 1.5, -2], [0.6, np.nan, 30]])


def test_a_file_without_header_has_numbered_columns(tmp_path: Path) -> None:
    table = read_text(_csv(tmp_path, "0.5,1,2\n0.6,3,4\n"), dataset="toy")
    columns: list[object] = list(table.columns)
    assert columns == [0, 1, 2]
    np.testing.assert_array_equal(table[2], [2, 4])


def test_columns_without_a_name_are_numbered_where_they_hold_values(tmp_path: Path) -> None:
    table = read_text(_csv(tmp_path, "time,,,b,\n0.5,1,2,3,\n0.6,4,,6,\n"), dataset="toy")
    columns: list[object] = list(table.columns)
    assert columns == ["time", 1, 2, "b"]
    np.testing.assert_array_equal(table[2], [2, np.nan])


def test_rows_beyond_the_sniffed_part_are_read(tmp_path: Path) -> None:
    rows = "".join(f"{k};{k},25\n" for k in range(20_000))
    table = read_text(_csv(tmp_path, "time;a\n" + rows), dataset="toy")
    assert len(table) == 20_000
    assert table["a"].iloc[-1] == 19_999.25
    with pytest.raises(DataFormatError, match="'foot' in data row 20001"):
        read_text(_csv(tmp_path, "time;a\n" + rows + "1;foot\n"), dataset="toy")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "0 rows"),
        ("a,b\n", "1 rows"),
        ("a,b,c\n1,2\n3,4\n", "header; found 3 names; expected 2"),
        ("a,b\n1,2\n3,4\n5\n", "as many in every row"),
        ("a,b\nx,y\nx,y\n", "'x,y' in the second row"),
        ("a,a\n1,2\n3,4\n", "a; found columns of that name"),
        ("a,b\n" + "1,2\n" * 60 + "1\n", "last row; found 1 cells; expected 2; is it cut"),
        ("a,b\n" + "1,2\n" * 60 + "1,2,3\n1,2\n", "no readable table"),
    ],
)
def test_bad_text_table_is_one_clear_error(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(DataFormatError, match=rf"toy: .*table\.csv.*{expected}"):
        read_text(_csv(tmp_path, text), dataset="toy")


def test_text_table_that_is_missing_or_binary(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such file"):
        read_text(tmp_path / "none.csv", dataset="toy")
    path = tmp_path / "table.csv"
    path.write_bytes(bytes(range(128, 256)) * 10)
    with pytest.raises(DataFormatError, match="not text"):
        read_text(path, dataset="toy")


def test_a_cut_last_row_is_found(tmp_path: Path) -> None:
    check_last_row(_csv(tmp_path, "a,b\n1,2\n"), dataset="toy")
    with pytest.raises(DataFormatError, match="1 cells; expected 2"):
        check_last_row(_csv(tmp_path, "a,b\n1,2\n3"), dataset="toy")
    with pytest.raises(DataFormatError, match="a row that does not end"):
        check_last_row(_csv(tmp_path, "a,b\n1,2\n3,4"), dataset="toy")


def test_two_rows_of_names(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    write_workbook(path, "Sheet1", [["ID", "Participant Info", ""], ["WS-key", "Age", " Weight (kg) "], ["P1", 20, 61]])
    table = read_sheet(path, dataset="toy", sheet="sheet1", header_rows=2)
    columns: list[object] = list(table.columns)
    assert columns == [
        ("ID", "WS-key"),
        ("Participant Info", "Age"),
        ("Participant Info", "Weight (kg)"),
    ]
    assert table["Participant Info", "Weight (kg)"].tolist() == [61.0]


def test_csv_whose_rows_are_all_shorter_than_the_header(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1\n2\n", encoding="utf-8")
    with pytest.raises(DataFormatError, match="no readable table"):
        read_csv(path, dataset="toy", columns=["a", "b"])


def test_workbook_with_a_cell_in_the_far_corner_ends_in_its_own_process(tmp_path: Path) -> None:
    path = tmp_path / "w.xlsx"
    write_workbook(path, "s", [["a"], [1]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content.replace(b"</sheetData>", far) if "sheet1" in name else content)
    with pytest.raises(DataFormatError, match="no readable workbook"):
        read_sheet(path, dataset="toy", sheet="s")


def test_dates_in_a_workbook_stay_dates() -> None:
    assert tables._cell(["datetime", "2020-01-02T03:04:05"]) == dt.datetime(2020, 1, 2, 3, 4, 5)
    assert tables._cell(["date", "2020-01-02"]) == dt.date(2020, 1, 2)
    assert tables._cell(["timedelta", 1.5]) == dt.timedelta(seconds=1.5)


@pytest.mark.parametrize("columns", [["a"], ["a", "b", "c"]])
def test_rows_shorter_than_the_header_are_gaps_or_refused_whichever_columns_are_read(
    tmp_path: Path, columns: list[str]
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b,c\n1,2,3\n4\n")
    table = read_csv(path, dataset="d", columns=columns)
    assert table["a"].tolist() == [1.0, 4.0]
    assert table[columns].iloc[1].isna().sum() == len(columns) - 1
    path.write_text("a,b,c\n1\n4,5,6\n")
    with pytest.raises(DataFormatError, match=r"t\.csv"):
        read_csv(path, dataset="d", columns=["c", *columns[1:]] if len(columns) == 1 else columns)


@pytest.mark.parametrize("where", ["header", "first row", "all rows"])
def test_very_many_cells_cost_what_their_bytes_cost(tmp_path: Path, where: str) -> None:
    """Half a million cells that nobody asked for are skipped; a column made of each would take minutes."""
    path = tmp_path / "t.csv"
    more = ",1" * 500_000
    head, first, rest = {
        "header": (more.replace("1", "x"), "", ""),
        "first row": ("", more, ""),
        "all rows": (more.replace("1", "x"), more, more),
    }[where]
    path.write_text(f"a,b{head}\n1,2{first}\n3,4{rest}\n", encoding="utf-8")
    started = time.process_time()
    table = read_csv(path, dataset="d", columns=["b", "a"])
    assert time.process_time() - started < 10
    assert table.to_numpy().tolist() == [[2, 1], [4, 3]]


def test_a_missing_column_is_said_once(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError) as caught:
        read_csv(_csv(tmp_path, "a,b\n1,2\n"), dataset="d", columns=["c"])
    assert str(caught.value).count("table.csv") == 1


def test_text_deep_in_a_long_column_is_named(tmp_path: Path) -> None:
    """A long file is parsed in stretches, each with types of its own."""
    path = tmp_path / "t.csv"
    rows = ["1.5,2"] * 200_000
    rows[150_000] = "oops,2"
    path.write_text("a,b\n" + "\n".join(rows))
    with pytest.raises(DataFormatError, match=r"column 'a'|a; found 'oops' in data row 150001"):
        read_csv(path, dataset="d", columns=["a", "b"])
