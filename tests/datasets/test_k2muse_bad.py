"""K2MUSE: bad files, fields, shapes and workbooks are one clear error each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biomech_xr.datasets import k2muse
from biomech_xr.errors import BiomechXRError, DataFormatError, MissingInputError
from biomech_xr.parse import read_patient
from biomech_xr.synthetic.matfile import FIELDLESS, save_struct
from biomech_xr.synthetic.tables import write_workbook
from tests.datasets.k2muse_files import Content, leaf, made, read


@pytest.fixture
def content() -> Content:
    return made()


def test_moments_without_gait_are_refused_until_unit_and_sign_are_stated(content: Content, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for trial in (leaf(content), content["NormalizedData"]["Fatigue"]["LG_0"]["S_1"]["Trial_10"]):
        for name, output in trial["Moments"].items():
            if name.endswith("AnkleMoment"):
                output["rsGaitData"] = rng.standard_normal(output["rsGaitData"].shape)
    with pytest.raises(DataFormatError, match=r"k2muse: .*P01\.mat.*AnkleMoment.*source option moment_unit="):
        read(tmp_path, content)
    with pytest.raises(DataFormatError, match=r"source option moment_sign="):
        read(tmp_path, content, moment_unit="N m/kg")
    assert read(tmp_path, content, moment_unit="N m/kg", moment_sign="extensor_positive")


def test_without_the_workbook_the_unit_is_still_decided(content: Content, tmp_path: Path) -> None:
    save_struct(tmp_path / "P01.mat", {"P01": content}, compress=False)
    trial = next(iter(read_patient("k2muse", tmp_path, "P01")))
    assert np.isnan(trial.patient.body_mass)
    assert trial.notes["evidence.moment_unit"].startswith("N m/kg")


def _drop(*keys: str) -> Any:
    def edit(content: Content) -> None:
        for key in keys[:-1]:
            content = content[key]
        del content[keys[-1]]

    return edit


def _set(*keys: str, value: Any) -> Any:
    def edit(content: Content) -> None:
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return edit


IN = ("NormalizedData", "Ideal", "LG_0", "S_1", "Trial_1")


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        (_drop("NormalizedData"), r"P01.*'NormalizedData'"),
        (_drop(*IN, "Angles", "RKneeAngles"), r"Trial_1\.Angles.*RKneeAngles.*nearest is"),
        (_drop(*IN, "EMGData", "Left"), r"Trial_1\.EMGData.*Left.*nearest is 'Right'"),
        (_drop(*IN, "Moments"), r"Trial_1.*'Moments'"),
        (_drop(*IN, "Events", "REndFrame"), r"Events.*REndFrame"),
        (_set(*IN, "Angles", "LHipAngles", "rsGaitData", value=np.zeros((101, 3, 4))), r"rsGaitData.*101 x 3 x 4.*200"),
        (_set(*IN, "EMGData", "Right", value=np.zeros((400, 9))), r"EMGData\.Right.*cell of strides"),
        (_set(*IN, "Events", "LStartFrame", value=np.array([[1.5, 2.5]])), r"L(Start|End)Frame"),
        (_set("NormalizedData", "Ideal", "LG_0", value=1.0), r"Ideal\.LG_0.*structs down to the trials"),
    ],
)
def test_bad_content_is_one_clear_error(content: Content, tmp_path: Path, edit: Any, match: str) -> None:
    edit(content)
    with pytest.raises(DataFormatError, match=rf"k2muse: .*P01\.mat: .*{match}"):
        read(tmp_path, content)


def test_bad_files_and_folders_are_one_clear_error(content: Content, tmp_path: Path) -> None:
    with pytest.raises(BiomechXRError, match=r"k2muse: .*found nothing.*P01\.mat"):
        k2muse.patients(tmp_path)
    with pytest.raises(MissingInputError, match=r"k2muse: .*no such folder"):
        k2muse.patients(tmp_path / "nowhere")
    content["NormalizedData"]["Fatigue"] = FIELDLESS
    read(tmp_path, content)
    with pytest.raises(MissingInputError, match=r"k2muse: .*no file of P77. Known: P01"):
        list(read_patient("k2muse", tmp_path, "P77"))
    for version in ("v5", "v7.3"):
        path = tmp_path / "ProcessedData" / "P01.mat"
        save_struct(path, {"P01": content}, version=version, compress=False)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(DataFormatError, match=r"k2muse: .*P01\.mat"):
            list(read_patient("k2muse", tmp_path, "P01"))


@pytest.mark.parametrize(
    ("header", "row", "match"),
    [
        (["ID", "Height (cm)", "Mass"], ["P01", 170.0, 65.0], r"Weight \(kg\).*the columns ID, Height"),
        (["ID", "Height (cm)", "Weight (kg)"], ["P01", 170.0, 650.0], r"Weight.*650.*30 to 200"),
        (["ID", "Height (cm)", "Weight (kg)"], ["P01", 1.7, 65.0], r"Height.*1\.7.*120 to 230"),
    ],
)
def test_a_bad_workbook_is_one_clear_error(content: Content, tmp_path: Path, header: Any, row: Any, match: str) -> None:
    save_struct(tmp_path / "ProcessedData" / "P01.mat", {"P01": content}, compress=False)
    write_workbook(tmp_path / "ParticipantInformation.xlsx", "Sheet1", [header, row])
    with pytest.raises(DataFormatError, match=rf"k2muse: .*ParticipantInformation\.xlsx: {match}"):
        list(read_patient("k2muse", tmp_path, "P01"))
