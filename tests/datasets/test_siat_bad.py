"""SIAT-LLMD: every wrong, cut or missing file, and data that deny the release, are one clear error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.signal import butter, sosfiltfilt

from biomech_xr.datasets.siat import SPEC, patients, recordings
from biomech_xr.errors import BiomechXRError, DataFormatError, MissingInputError
from tests.datasets.siat_trees import KNEES, level_walking, rewrite, walk, written

ADDUCTION = [f"Kinetic: {side} hip adduction torque" for side in ("left", "right")]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory)[0]


@pytest.fixture
def small(tree: Path, tmp_path: Path) -> Path:
    return level_walking(tree, tmp_path)


def test_a_folder_of_another_name_and_a_missing_workbook_are_said(
    small: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert patients(small) == ["Sub01"]
    assert caplog.records == []
    (small / "Subject02").mkdir()
    (small / "SubjectInformation.xlsx").unlink()
    assert patients(small) == ["Sub01"]
    folder, workbook = (record.getMessage() for record in caplog.records)
    assert folder.endswith("Subject02: not a folder named like Sub01, not read")
    assert "no SubjectInformation.xlsx: body mass is not known, so moments" in workbook


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("Data", lambda t: t.rename(columns={"sEMG: soleus": "sEMG: Soleus"}), r"sEMG: soleus.*nearest is 'sEMG: So"),
        ("Data", lambda t: t.drop(columns=KNEES[0]), r"left knee flexion angle.*no such column"),
        ("Data", lambda t: t.drop(index=range(500, 600)), r"Time; found.*without a missing row"),
        ("Data", lambda t: t.assign(**{KNEES[0]: "bent"}), r"left knee flexion angle.*'bent' in data row 1"),
        ("Data", lambda t: t.assign(**{"sEMG: soleus": np.nan}), r"sEMG: soleus; found only NaN in every trial"),
        ("Label", lambda t: t.drop(columns="Group"), r"Group.*no such column"),
        ("Label", lambda t: t.assign(Status="7"), r"Status; found '7' in data row 1; expected 1 to 5, A, R"),
        ("Label", lambda t: t.assign(Time=1.0), r"Time; found time that does not increase"),
        ("Label", lambda t: t.assign(Time=t["Time"] + 1000), r"Label\.csv: Time; found 1000.*clock of the data"),
        ("Label", lambda t: t.assign(Group="first"), r"Group; found 'first'"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_one_clear_error(
    small: Path, kind: str, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    rewrite(small, change, kind)
    with pytest.raises(DataFormatError, match=rf"siat: .*{message}"):
        walk(small)


@pytest.mark.parametrize(
    "name", ["Data/Sub01_WAK_Data.csv", "Labels/Sub01_WAK_Label.csv", "../SubjectInformation.xlsx"]
)
def test_a_cut_file_is_one_clear_error(small: Path, name: str) -> None:
    _cut(small / "Sub01" / name)
    with pytest.raises(DataFormatError, match=rf"siat: .*{Path(name).name}"):
        walk(small)


def test_labels_cut_between_rows_are_noticed(small: Path) -> None:
    rewrite(small, lambda table: table.iloc[: len(table) // 2], "Label")
    with pytest.raises(DataFormatError, match=r"Label\.csv: Status; found labels that stop within phase"):
        walk(small)


def test_a_second_spelling_of_a_file_is_refused_and_other_cases_are_read(small: Path) -> None:
    folder = small / "Sub01"
    strides = len(walk(small).strides)
    for name in ("Data", "Labels"):
        (folder / name).rename(folder / name.lower())
    assert len(walk(small).strides) == strides
    copy = folder / "data" / "sub01_wak_data.CSV"
    copy.write_bytes((folder / "data" / "Sub01_WAK_Data.csv").read_bytes())
    with pytest.raises(DataFormatError, match=r"siat: .*file name; found the same file as Sub01_WAK_Data\.csv"):
        walk(small)


def test_missing_folders_and_people(tmp_path: Path, small: Path) -> None:
    with pytest.raises(MissingInputError, match=r"siat: .*no such folder"):
        patients(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataFormatError, match=r"siat: .*found nothing; expected one folder a person"):
        patients(tmp_path / "empty")
    with pytest.raises(MissingInputError, match=r"no folder Sub09\. Known: Sub01"):
        list(recordings(small, "Sub09", {}))
    (small / "Sub01" / "Data" / "Sub01_WAK_Data.csv").unlink()
    with pytest.raises(BiomechXRError, match=r"siat: .*no file like Sub01_WAK_Data\.csv"):
        list(recordings(small, "Sub01", {}))


@pytest.mark.parametrize("state", ["bandpassed", "rectified"])
def test_emg_that_is_not_raw_is_not_called_raw(small: Path, state: str) -> None:
    band = butter(4, (20, 400), "bandpass", fs=1920, output="sos")

    def change(table: pd.DataFrame) -> pd.DataFrame:
        for name in SPEC.emg:
            values = table[name] - table[name].mean()
            table[name] = sosfiltfilt(band, values) if state == "bandpassed" else np.abs(values)
        return table

    rewrite(small, change)
    with pytest.raises(DataFormatError, match=r"sEMG: \*.*the release says raw, the samples .*emg_state="):
        walk(small)
    if state == "bandpassed":
        trial = walk(small, emg_state=state)
        assert (trial.emg_state, trial.emg_lookahead) == (state, 4.72)


def test_a_reversed_frontal_torque_does_not_pass(small: Path) -> None:
    before = walk(small)
    assert before.notes["evidence.frontal_moment_sign"].startswith("1 (")
    assert before.notes["evidence.hip_adduction_sign"].startswith("1 (confidence 0.9")
    rewrite(small, lambda table: table.assign(**{name: -table[name] for name in ADDUCTION}))
    with pytest.raises(DataFormatError, match=r"hip adduction torque.*the other moments give.*frontal_moment_sign="):
        walk(small)
    after = walk(small, frontal_moment_sign="abductor")
    np.testing.assert_allclose(after.signals["kinetics"].values, before.signals["kinetics"].values, atol=1e-4)


def test_the_sign_of_hip_adduction_is_decided_on_the_strides(small: Path) -> None:
    before = walk(small)
    reversed_ = [*ADDUCTION, *(name.replace("Kinetic", "Kinematic").replace("torque", "angle") for name in ADDUCTION)]
    rewrite(small, lambda table: table.assign(**{name: -table[name] for name in reversed_}))
    after = walk(small)
    assert after.notes["evidence.hip_adduction_sign"].startswith("-1 (confidence 0.9")
    for group in ("kinematics", "kinetics"):
        np.testing.assert_allclose(after.signals[group].values, before.signals[group].values, atol=1e-4)
    stated = walk(small, hip_adduction_sign="adduction", frontal_moment_sign="adductor")
    np.testing.assert_allclose(
        stated.signals["kinematics"].values[..., 0, 0],
        -before.signals["kinematics"].values[..., 0, 0],
        atol=1e-4,
    )


def test_a_hip_that_is_held_still_in_the_frontal_plane_has_the_sign_that_is_assumed(small: Path) -> None:
    names = [name.replace("Kinetic", "Kinematic").replace("torque", "angle") for name in ADDUCTION]
    rewrite(small, lambda table: table.assign(**{name: 0.01 * table[name] for name in names}))
    assert walk(small).notes["evidence.hip_adduction_sign"].endswith("not sure, assumed 1 (OpenSim's sign)")


def test_legs_whose_hip_adduction_differs_do_not_pass(small: Path) -> None:
    name = "Kinematic: right hip adduction angle"
    rewrite(small, lambda table: table.assign(**{name: -table[name]}))
    with pytest.raises(DataFormatError, match=r"contradiction: .*hip_adduction_sign="):
        walk(small)
