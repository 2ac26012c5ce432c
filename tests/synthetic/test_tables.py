"""The fast text writers write what other programs read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from biomech_xr.synthetic.tables import write_csv, write_workbook

NUMBERS = st.one_of(st.floats(-1e6, 1e6), st.just(float("nan")), st.just(0.0), st.just(-1e-5))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=30))
def test_pandas_reads_back_every_number(tmp_path_factory, rows) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    values = np.array(rows)
    write_csv(path, {"a": values[:, 0], "b": values[:, 1]}, {"a": 5, "b": 0})
    table = pd.read_csv(path)
    np.testing.assert_allclose(table["a"], values[:, 0], atol=0.5001e-5)
    np.testing.assert_allclose(table["b"], values[:, 1], atol=0.5001)


def test_the_spelling_is_matlab_s(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    number = np.array([0.5, -12.25, np.nan, 0.0])
    write_csv(path, {"x": number, "n": np.array([1.0, 20.0, np.nan, -3.0])}, {"x": 2, "n": 0})
    assert path.read_text() == "x,n\n0.50,1\n-12.25,20\nNaN,NaN\n0.00,-3\n"


def test_long_tables_are_written_in_pieces(tmp_path: Path) -> None:
    values = np.arange(10_000.0)
    write_csv(tmp_path / "t.csv", {"x": values}, {"x": 1})
    np.testing.assert_array_equal(pd.read_csv(tmp_path / "t.csv")["x"], values)


def test_a_spreadsheet_reader_opens_the_workbook(tmp_path: Path) -> None:
    import python_calamine

    write_workbook(tmp_path / "w.xlsx", "A & B", [["Subject", "Weight (kg)"], ["AB1 <x>", 70.5]])
    sheet = python_calamine.CalamineWorkbook.from_path(tmp_path / "w.xlsx").get_sheet_by_name("A & B")
    assert sheet.to_python() == [["Subject", "Weight (kg)"], ["AB1 <x>", 70.5]]
