"""Hu 2018 (ENABL3S): folders, names, and broken files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from biomech_xr.datasets.hu import patients
from biomech_xr.errors import BiomechXRError, DataFormatError, MissingInputError
from tests.datasets.hu_trials import ROWS, circuit, read, write


def _spoil(table: dict[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    if kind == "missing column":
        table["Right_Knee_Angle"] = table.pop("Right_Knee")
    elif kind == "trigger count":
        table["Right_Heel_Contact_Trigger"][6] = np.nan
    elif kind == "trigger mode":
        table["Right_Heel_Contact_Trigger"][0] = 9311
    elif kind == "gap in list":
        table["Left_Heel_Contact"][1] = np.nan
    elif kind == "unscaled mode":
        table["Mode"][:50] = 0.5
    elif kind == "event after the end":
        table["Left_Toe_Off"][2] = ROWS + 1
    elif kind == "event before the start":
        table["Right_Heel_Contact"][0] = 0
    elif kind == "silent channel":
        table["Left_ST"][:] = np.nan
    elif kind == "silent angle":
        table["Right_Ankle"][:] = np.nan
    return table


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("missing column", r"hu: .*_post\.csv: Right_Knee; found no such column; the nearest is 'Right_Knee_\w+'"),
        ("trigger count", r"Right_Heel_Contact_Trigger; found 6 triggers; expected 7"),
        ("trigger mode", r"found trigger 9311"),
        ("gap in list", r"Left_Heel_Contact; found a list with gaps"),
        ("unscaled mode", r"Mode; found the value 0\.5"),
        (
            "event after the end",
            r"Left_Toe_Off; found an event in row 12001; expected rows 1 to 12000; is the file cut",
        ),
        ("event before the start", r"Right_Heel_Contact; found an event in row 0; expected rows 1 to 12000"),
        ("silent angle", r"Right_Ankle; found only NaN in every trial; expected samples of ankle flexion"),
        ("silent channel", r"Left_ST; found only NaN in every trial; expected samples of semitendinosus"),
    ],
)
def test_bad_file_is_one_clear_error(tmp_path: Path, kind: str, expected: str) -> None:
    write(tmp_path, _spoil(circuit(), kind))
    with pytest.raises(DataFormatError, match=expected) as error:
        read(tmp_path)
    assert str(error.value).startswith("hu: ")


def test_a_file_cut_anywhere_is_one_clear_error(tmp_path: Path) -> None:
    path = write(tmp_path, circuit())
    whole = path.read_bytes()
    middle = whole.rindex(b"\n", 0, len(whole) // 2) + 1
    for size, expected in (
        (len(whole) // 2, r"a last row that does not end.*is the file cut"),
        (len(whole) - 1, r"a last row that does not end"),
        (middle, r"found an event in row \d+; expected rows 1 to \d+; is the file cut"),
        (0, r"no rows"),
    ):
        path.write_bytes(whole[:size])
        with pytest.raises(DataFormatError, match=expected):
            read(tmp_path)


def test_a_file_of_another_person_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, circuit())
    path.rename(path.with_name("AB185_Circuit_009_post.csv"))
    with pytest.raises(DataFormatError, match=r"AB185_Circuit_009_post\.csv.*found a file of AB185; expected .*AB156"):
        read(tmp_path)
    path.with_name("AB185_Circuit_009_post.csv").rename(path.with_name("ab156_circuit_009_post.csv"))
    assert [trial.trial for trial in read(tmp_path)] == ["circuit_009"]


def test_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such folder"):
        patients(tmp_path / "none")
    with pytest.raises(DataFormatError, match="AB156"):
        patients(tmp_path)
    (tmp_path / "AB156" / "Raw").mkdir(parents=True)
    assert patients(tmp_path) == ["AB156"]
    with pytest.raises(MissingInputError, match="Processed"):
        read(tmp_path)
    with pytest.raises(MissingInputError, match="no folder AB999"):
        read(tmp_path, "AB999")
    (tmp_path / "AB156" / "Processed").mkdir()
    with pytest.raises(MissingInputError, match="Circuit"):
        read(tmp_path)


def test_broken_workbook_is_a_clear_error(tmp_path: Path) -> None:
    write(tmp_path, circuit())
    (tmp_path / "Subject Trigger Channel Feature Information.xlsx").write_bytes(b"nothing")
    with pytest.raises(BiomechXRError, match="no readable workbook"):
        read(tmp_path)
