"""Hu 2018 (ENABL3S): folders, names, and broken files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomech_xr.datasets.hu import patients
from biomech_xr.errors import BiomechXRError, DataFormatError, MissingInputError
from biomech_xr.schema import validate_trial
from biomech_xr.synthetic.tables import write_workbook
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


@pytest.mark.parametrize(
    ("kind", "leg", "lost", "detail"),
    [
        ("trigger count", "right", [0, 1, 2, 3, 5], "Right_Heel_Contact_Trigger has 6 triggers for 7 contacts"),
        ("trigger mode", "right", [0], "triggers 9311 and 1311: not mode 0-6, phase, mode 0-6, phase"),
        ("gap in list", "left", [0], "Left_Heel_Contact is a list with gaps or fractions"),
    ],
)
def test_a_broken_list_costs_its_leg_of_the_circuit_and_nothing_else(
    tmp_path: Path, kind: str, leg: str, lost: list[int], detail: str
) -> None:
    write(tmp_path, _spoil(circuit(), kind))
    write(tmp_path, circuit(), number=2)
    first, second = read(tmp_path)
    validate_trial(first)
    unpaired = first.rejected.query("reason == 'unpaired'")
    assert set(unpaired["side"]) == {leg}
    assert set(unpaired["detail"]) == {detail}
    assert unpaired["stride_number"].tolist() == lost
    kept = second.strides[(second.strides["side"] != leg) | ~second.strides["stride_number"].isin(lost)]
    pd.testing.assert_frame_equal(
        first.strides.drop(columns="trial"), kept.drop(columns="trial").reset_index(drop=True)
    )


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


def test_the_case_of_folders_and_endings_loses_no_circuit(tmp_path: Path) -> None:
    path = write(tmp_path, circuit())
    write(tmp_path, circuit(), number=2)
    path.rename(path.with_name("AB156_Circuit_001_POST.CSV"))
    path.parent.rename(path.parent.with_name("processed"))
    assert [trial.trial for trial in read(tmp_path)] == ["circuit_001", "circuit_002"]


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


def test_a_missing_workbook_is_noted(tmp_path: Path) -> None:
    write(tmp_path, circuit())
    (trial,) = read(tmp_path)
    assert np.isnan(trial.patient.body_mass)
    assert "no Subject Trigger Channel Feature Information.xlsx" in trial.notes["person"]


def test_broken_workbook_is_a_clear_error(tmp_path: Path) -> None:
    write(tmp_path, circuit())
    (tmp_path / "Subject Trigger Channel Feature Information.xlsx").write_bytes(b"nothing")
    with pytest.raises(BiomechXRError, match="no readable workbook"):
        read(tmp_path)


def test_what_the_workbook_says_of_a_person_is_read_by_words_in_its_header(tmp_path: Path) -> None:
    write(tmp_path, circuit())
    path = tmp_path / "Subject Trigger Channel Feature Information.xlsx"
    header: list[str | float] = ["Subject", "Gender", "Age (years)", "Height (cm)", "Body weight (kg)"]
    write_workbook(path, "Subject Information", [header, ["AB156", "F", 25.0, 174.0, 70.0]])
    person = read(tmp_path)[0].patient
    assert (person.sex, person.age, person.height, person.body_mass) == ("female", 25, 1.74, 70)
    header[1] = "Sex"
    write_workbook(path, "Subject Information", [header, ["AB156", "male", "unknown", 1.74, 70.0]])
    (trial,) = read(tmp_path)
    assert (trial.patient.sex, trial.patient.body_mass) == ("male", 70)
    assert np.isnan([trial.patient.age, trial.patient.height]).all()
    assert trial.notes["age"] == "left out: unknown in the column Age (years) is not 5 to 110"
    assert trial.notes["height"] == "left out: 1.74 in the column Height (cm) is not 120 to 230"
