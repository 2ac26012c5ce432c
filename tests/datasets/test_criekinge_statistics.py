"""Van Criekinge 2023: the authors' workbook and published statistics agree with what the reader declares."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from biomech_xr.datasets.criekinge import SPEC
from biomech_xr.datasets.criekinge.people import NO_ANKLE_MOMENT, NO_BICEPS


@pytest.mark.realdata
def test_the_authors_workbook_names_what_the_reader_declares(samples: Path) -> None:
    import python_calamine

    book = python_calamine.CalamineWorkbook.from_path(samples / "criekinge" / "MATdatafiles_description_v1.3_LST.xlsx")
    structure, data = (
        {str(row[0]).strip() or str(row[1]).strip(): " ".join(map(str, row[1:])) for row in sheet if any(row)}
        for sheet in (book.get_sheet_by_name(name).to_python() for name in book.sheet_names)
    )
    for path in (*SPEC.emg, *SPEC.angles, *SPEC.moments):
        _, variable, member = path.split(".")
        assert variable in data, variable
        assert member in ("n", "x", "y", "z")
    assert "degrees" in data["HipAngles"]
    assert "x (sagittal)" in data["HipAngles"]
    assert "Nm normalized to body weight" in data["AnkleMoment"]
    assert "left side" in structure["LesionLeft"]
    for name in ("ICstart", "ICstop", "TO", "Trials", "GoodLanding", "VideoFrameRate", "Weight", "Male", "Height"):
        assert name in structure, name
    assert "kg" in structure["Weight"]
    assert "mm" in structure["Height"]


@pytest.fixture
def statistics(samples: Path) -> dict[str, pd.DataFrame]:
    """Statistics of every person's fields, by leg letter; rows by position in `Sub`, from 1."""
    table = pd.read_csv(samples / "criekinge" / "complete_gait_features.csv.gz")
    table.index = table["subject_index"] + 1
    return {letter: table[table["data_group"] == f"{letter}sideSegm_{letter}sideData"] for letter in "LRPN"}


@pytest.mark.realdata
def test_published_statistics_agree_with_sign_and_unit_of_the_moments(statistics: dict[str, pd.DataFrame]) -> None:
    for letter, side in (("L", "left"), ("R", "right")):
        column = SPEC.moments[f"{letter}sideSegm_{letter}sideData.AnkleMoment.x"]
        assert (column.joint, column.motion, column.side) == ("ankle", "flexion", side)
        table = statistics[letter]
        push_off = (table["AnkleMoment_x_max"] * column.factor).median()
        assert -1.8 < push_off < -1.2, "canonical plantarflexion is negative, N m/kg"
        assert 0 < (table["AnkleMoment_x_min"] * column.factor).median() < 0.3


@pytest.mark.realdata
def test_published_statistics_agree_with_the_axes_of_the_ankle(statistics: dict[str, pd.DataFrame]) -> None:
    """Left and right share the sign of every axis, so that no leg is mirrored; x is the sagittal one."""
    for axis, low, high in (("x", -5, 5), ("y", 0, 3), ("z", -20, -5)):
        medians = [
            (statistics[letter][f"AnkleAngles_{axis}_mean"]).median()
            * SPEC.angles[f"{letter}sideSegm_{letter}sideData.AnkleAngles.{axis}"].factor
            for letter in "LR"
        ]
        assert all(low < median < high for median in medians), axis
    spread = {
        axis: (statistics["R"][f"AnkleAngles_{axis}_max"] - statistics["R"][f"AnkleAngles_{axis}_min"]).median()
        for axis in "xyz"
    }
    assert spread["x"] == max(spread.values())


@pytest.mark.realdata
def test_published_statistics_agree_with_who_lacks_what(statistics: dict[str, pd.DataFrame]) -> None:
    for letter, table in statistics.items():
        assert len(table) == (138 if letter in "LR" else 50)
        assert tuple(table.index[table["AnkleMoment_x_max"].isna()]) == NO_ANKLE_MOMENT[letter]
        assert tuple(table.index[table["BF_n_max"].isna()]) == NO_BICEPS[letter]
        assert table["AnkleAngles_x_max"].notna().all()


@pytest.mark.realdata
def test_published_statistics_agree_that_emg_is_an_envelope(statistics: dict[str, pd.DataFrame]) -> None:
    for table in statistics.values():
        assert (table["BF_n_min"].dropna() > -0.05 * table["BF_n_max"].dropna()).all()
        assert table["BFnorm_n_max"].dropna().eq(1).all(), "why the unnormalized fields are read"
        assert 0.05 < table["BF_n_max"].median() < 0.3
