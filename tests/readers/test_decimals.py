"""Plain decimal tables: the doubles of `float`, the table of pandas; what is not plain is left to pandas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomech_xr.errors import DataFormatError
from biomech_xr.readers import decimals
from biomech_xr.readers.decimals import read_plain
from biomech_xr.readers.tables import read_numbers

PLAIN = (
    "0.0", "-0.0", "-0.00000", "1.5", "-12.34567", "9007199254740992", "0.1", "0.30000000000000004"[:16], "7.", ".25",
    "-.5", "000123.4500", "0.0000000000000001", "12345678.12345678", "NaN", "", "2.2250738585072"
)  # fmt: skip


def written(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_bytes(text.encode())
    return path


def bits(values: object) -> bytes:
    return np.ascontiguousarray(values, dtype=np.float64).tobytes()


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_every_double_is_that_of_float(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path, "".join(f"{row}{ending}" for row in ("a,b", *(f"1,{cell}" for cell in PLAIN))))
    found = read_plain(path, columns=2)
    assert found is not None
    assert bits(found) == bits([[1.0] * len(PLAIN), [float(cell or "nan") for cell in PLAIN]])


@pytest.mark.parametrize("digits", [1, 3, 6, 9, 12])
def test_random_tables_are_bit_for_bit_those_of_pandas(tmp_path: Path, digits: int) -> None:
    rng = np.random.default_rng(digits)
    numbers = rng.standard_normal((500, 7)) * 10.0 ** rng.integers(-3, 3, (500, 7))
    numbers[rng.random((500, 7)) < 0.02] = np.nan
    table = pd.DataFrame(numbers, columns=list("abcdefg"))
    path = written(tmp_path, table.to_csv(index=False, float_format=f"%.{digits}f", na_rep="NaN"))
    found, expected = read_plain(path, columns=7), pd.read_csv(path)
    assert found is not None
    assert bits(found) == bits(expected.to_numpy().T)


def test_pieces_of_several_threads_join_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decimals, "_PIECE", 64)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(8))
    rows = [[float(row), row / 7 if row % 5 else row] for row in range(300)]
    path = written(tmp_path, "a,b\n" + "".join(f"{a:.0f},{b:.{row % 9}f}\n" for row, (a, b) in enumerate(rows)))
    assert len(decimals._pieces(np.fromfile(path, np.uint8), 4)) == 4
    found = read_plain(path, columns=2)
    assert found is not None
    assert bits(found) == bits(pd.read_csv(path).to_numpy().T)


@pytest.mark.parametrize(
    "rows",
    [
        "1,2e3\n", "1,+2\n", "1,2,3\n", "1\n", "1,2\n\n", "\n1,2\n", '1,"2"\n', "1, 2\n", "1,-\n", "1,.\n", "1,-0\n",
        "1,inf\n", "1,nan\n", "1,NA\n", "1,Na\n", "1,N", "1,x\n", "1,1.2.3\n", "1,2", "1,9007199254740993\n",
        "1,0.123456789012345678\n", "1,123456789012345678901234567890\n", "1;2\n", "1,2\r", "1,2\r3,4\n", "1,--2\n",
        "1,\x00\n", "1,2\n1,NaNN\n", "",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_to_pandas(tmp_path: Path, rows: str) -> None:
    assert read_plain(written(tmp_path, f"a,b\n{rows}"), columns=2) is None


@pytest.mark.parametrize("header", ['"a",b\n', "a\r,b\n", "a,b", ""])
def test_a_header_that_is_not_one_plain_row_is_left_to_pandas(tmp_path: Path, header: str) -> None:
    assert read_plain(written(tmp_path, f"{header}1,2\n" if header.endswith("\n") else header), columns=2) is None


def test_one_column_is_left_to_pandas_which_skips_empty_rows(tmp_path: Path) -> None:
    assert read_plain(written(tmp_path, "a\n1\n\n2\n"), columns=1) is None


@pytest.mark.parametrize("row", ["1,2,3", "1,2e0,3.", "1,2.0,3"])
def test_columns_by_name_whoever_reads_them(tmp_path: Path, row: str) -> None:
    found = read_numbers(written(tmp_path, f"a, b ,c\n{row}\n"), dataset="x", columns=("c", "b"))
    assert {name: values.tolist() for name, values in found.items()} == {"c": [3.0], "b": [2.0]}
    assert all(values.dtype == np.float64 for values in found.values())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,x\n", "'x' in data row 1"),
        ("a,c\n1,2\n", "no such column; the nearest is"),
        ("a,b,b\n1,2,3\n", "2 columns of that name"),
        ("a,b\n", "no rows"),
    ],
)
def test_errors_are_those_of_every_table(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(DataFormatError, match=told):
        read_numbers(written(tmp_path, text), dataset="x", columns=("a", "b"))
