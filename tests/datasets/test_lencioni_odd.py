"""Lencioni 2019: odd, missing and bad input, on files written from its description."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biomech_xr.datasets.lencioni import patients, recordings
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.synthetic.matfile import save_struct
from tests.datasets.lencioni_strides import (
    Change,
    make_person,
    make_stride,
    piece_of,
    read_person,
    write_person,
)


def test_emg_and_markers_of_other_lengths_are_unpaired(tmp_path: Path) -> None:
    elements = [make_stride(seed=k) for k in range(5)]
    elements[2]["Marker"] = np.ones((87, 190))
    elements[3] = make_stride(samples=3301, seed=9)
    write_person(tmp_path, elements)
    rejected = read_person(tmp_path)["Walking"].rejected
    assert rejected[["stride_number", "reason"]].values.tolist() == [[2, "unpaired"], [3, "too_long"]]
    assert "EMG lasts 1.100 s, the markers 0.945 s" in rejected["detail"].iloc[0]


def _everywhere(**members: Any) -> Change:
    return lambda s: [element.update(members) for element in s["Data"].elements]


def test_one_odd_element_costs_itself_alone(tmp_path: Path) -> None:
    elements = [make_stride(seed=k) for k in range(7)]
    elements[0] = {name: np.zeros((0, 0)) for name in elements[0]}
    elements[2]["Mom"] = np.array([[np.nan]])
    elements[3]["Mom"] = np.ones((9, 100))
    elements[4] |= {"Ang": np.ones((12, 100)), "speed": np.ones((2, 2))}
    elements[5] |= {"EMG": "none", "Ang": "none", "Mom": "none"}
    write_person(tmp_path, elements)
    trial = read_person(tmp_path)["Walking"]
    assert trial.strides["stride_number"].tolist() == [0, 1, 2, 3, 5]
    assert trial.rejected["reason"].tolist() == ["no_signal"]
    moments, angles = (
        [bool(np.isfinite(piece_of(trial, group, k)).any()) for k in range(6)] for group in ("kinetics", "kinematics")
    )
    assert moments == [True, False, False, True, False, True]
    assert angles == [True, True, True, False, False, True]
    assert "element 1: Foot is ''" in trial.notes["excluded"]
    assert "element 4: Mom is numeric of 9 x 100; element 5: Ang is" in trial.notes["left_out"]
    assert math.isnan(trial.strides["speed"].iloc[3])


def test_a_person_without_moments_is_asked_no_question_about_them(tmp_path: Path) -> None:
    write_person(tmp_path, change=_everywhere(Mom=np.array([[np.nan]])))
    trial = read_person(tmp_path)["Walking"]
    assert "kinetics" not in trial.signals
    assert len(trial.strides) == 4
    assert not any("moment" in name or "power" in name for name in trial.notes)


def test_emg_of_another_time_is_left_out(tmp_path: Path) -> None:
    """Frames of 5 ms: 7 ms are within one and a half, 8 ms are not."""
    elements = [make_stride(seed=k) for k in range(4)]
    for element, late in zip(elements, (7.0, 0.007, -0.008, np.nan), strict=True):
        element["TimeStampEmg"] = 3.59 + late
    elements[0]["Marker"] = np.ones((87, 222))
    write_person(tmp_path, elements)
    trial = read_person(tmp_path)["Walking"]
    assert trial.signals["emg"].lengths == (0, 1101, 0, 1101)
    assert trial.strides["duration"].tolist() == pytest.approx([1.105, 1.1, 1.1, 1.1])
    assert "element 1: EMG starts +7.000 s from the markers" in trial.notes["left_out"]


@pytest.mark.parametrize(("scale", "unit"), [(1.0, "m"), (1000.0, "mm"), (3.0, "")])
def test_speed_is_left_out_where_length_and_duration_deny_it(tmp_path: Path, scale: float, unit: str) -> None:
    elements = [make_stride(seed=k) | {"strideLength": 1.32 * scale} for k in range(4)]
    elements[2]["speed"] = 2.4
    write_person(tmp_path, elements)
    trial = read_person(tmp_path)["Walking"]
    assert trial.strides["speed"].isna().tolist() == [False, False, bool(unit), False]
    text = f"strideLength in {unit} / speed agrees with the duration, but for element 3" if unit else "not clear"
    assert text in trial.notes["speed"]


def test_power_helps_to_decide_and_refuses_what_contradicts(tmp_path: Path) -> None:
    write_person(tmp_path)
    assert "ankle right r +1.00, slope +1" in read_person(tmp_path)["Walking"].notes["evidence.power"]
    elements = [make_stride(seed=k) for k in range(4)]
    for element in elements:
        element["Pwr"] = -element["Pwr"]
    write_person(tmp_path, elements)
    with pytest.raises(DataFormatError, match=r"Pwr; found AnkleFlxMom is not plantarflexor-positive.*published_power"):
        read_person(tmp_path)
    assert "evidence.power" not in read_person(tmp_path, published_power="ignore")["Walking"].notes
    for element in elements:
        element["Pwr"] = -element["Pwr"][[1, 2, 0]]
    write_person(tmp_path, elements)
    with pytest.raises(DataFormatError, match=r"Pwr; found power of the hip goes with the moment of the knee"):
        read_person(tmp_path)
    for element in elements:
        element["Pwr"] = element["Pwr"][[2, 0, 1]]
        element["Pwr"][1] *= -1
    write_person(tmp_path, elements)
    with pytest.raises(DataFormatError, match=r"KneeFlxMom; found .*contradiction: .*knee_moment_sign="):
        read_person(tmp_path)


def test_people_have_height_in_meters_mass_and_sex(tmp_path: Path) -> None:
    write_person(tmp_path)
    person = read_person(tmp_path)["Walking"].patient
    assert (person.height, person.body_mass, person.age, person.sex) == (1.71, 64.0, 30.0, "female")
    write_person(tmp_path, change=lambda s: s.update(Gender=1.0, Age=np.zeros((0, 0))))
    person = read_person(tmp_path)["Walking"].patient
    assert (person.sex, math.isnan(person.age)) == ("unknown", True)


def test_both_containers_hold_the_same(tmp_path: Path) -> None:
    for version in ("v5", "v7.3"):
        content = make_person(
            [make_stride(foot=foot, seed=k) for k, foot in enumerate(("RX", "RX", "RX", "LX", "LX", "LX"))]
        )
        if version == "v7.3":
            content |= {key: list(names) for key, names in content.items() if key.endswith("VarName")}
        save_struct(tmp_path / version / "Subject5.mat", {"s": content}, version=version)
    old, new = (read_person(tmp_path / version)["Walking"] for version in ("v5", "v7.3"))
    pd.testing.assert_frame_equal(old.strides, new.strides)
    assert set(old.signals) == {"emg", "kinematics", "kinetics"}
    for group, signal in old.signals.items():
        np.testing.assert_array_equal(signal.values, new.signals[group].values)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda s: s.pop("MomVarName"), r"s; found no field MomVarName; the nearest is"),
        (lambda s: s.pop("EMGFreq"), r"s; found no field EMGFreq or EMGFeq"),
        (lambda s: s.update(EMGSide="LEFT"), r"s\.EMGSide; found 'LEFT'; expected RX, LX or NO"),
        (lambda s: s.update(BH=1.71), r"s\.BH; found 1\.71; expected 80 to 230 cm"),
        (lambda s: s.update(EMGFreq=1.0), r"s\.EMGFreq; found 1 Hz"),
        (lambda s: s.update(KinFreq="fast"), r"s\.KinFreq; found text"),
        (
            lambda s: s.update(AngVarName=np.array([n.replace("KneeFlx", "KneeFle") for n in s["AngVarName"]])),
            r"s\.AngVarName; found PelvisFlx.*expected the row 'KneeFlx'",
        ),
        (_everywhere(Foot="XX"), r"Foot; found 'XX'; expected RX or LX"),
        (_everywhere(Ang=np.ones((12, 100))), r"Ang; found .*12 x 100; expected 12 x 101"),
        (_everywhere(EMG=np.ones((1101, 8))), r"EMG; found .*1101 x 8; expected 8 x samp"),
        (_everywhere(Mom="none"), r"Mom; found text"),
        (lambda s: [e.pop("EMG") for e in s["Data"].elements], r"found no field EMG"),
        (lambda s: s.update(Data="nothing"), r"s\.Data; found text"),
        (lambda s: s.update(Data=np.zeros((0, 0))), r"s\.Data; found empty"),
    ],
)
def test_bad_file_is_one_clear_error(tmp_path: Path, change: Change, expected: str) -> None:
    write_person(tmp_path, change=change)
    with pytest.raises(DataFormatError, match=expected) as error:
        read_person(tmp_path)
    assert str(error.value).startswith("lencioni: ")
    assert "Subject5.mat" in str(error.value)


def test_a_file_without_the_struct_or_cut_is_one_clear_error(tmp_path: Path) -> None:
    path = write_person(tmp_path)
    whole = path.read_bytes()
    for size in (0, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(DataFormatError, match=r"lencioni: .*Subject5\.mat"):
            read_person(tmp_path)
    save_struct(path, {"t": 1.0})
    with pytest.raises(DataFormatError, match=r"Subject5\.mat; found .* expected the field 's'"):
        read_person(tmp_path)
    save_struct(path, {"s": 1.0})
    with pytest.raises(DataFormatError, match=r"Subject5\.mat"):
        read_person(tmp_path)


def test_nobody_and_two_of_one(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such folder"):
        patients(tmp_path / "none")
    with pytest.raises(DataFormatError, match=r"Subject1\.mat"):
        patients(tmp_path)
    write_person(tmp_path)
    write_person(tmp_path / "sub")
    with pytest.raises(DataFormatError, match="second file of the same person"):
        patients(tmp_path)
    (tmp_path / "sub" / "Subject5.mat").rename(tmp_path / "sub" / "subject010.MAT")
    assert patients(tmp_path) == ["Subject5", "Subject10"]
    with pytest.raises(MissingInputError, match="Subject7"):
        list(recordings(tmp_path, "Subject7", {}))
