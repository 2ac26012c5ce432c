"""Camargo 2021: the tree with its missing sensors, spellings, update of 2024 and broken files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomech_xr.datasets.camargo import patients, recordings
from biomech_xr.errors import ConfigError, DataFormatError, MissingInputError
from biomech_xr.parse import read_patient
from biomech_xr.schema import validate_trial
from tests.datasets.camargo_trials import MASS, Tables, imu, info, of, read, save, tables, write


@pytest.mark.parametrize(("sensor", "right", "left"), [("ik", 5, 4), ("gcRight", 1, 0), ("gcLeft", 0, 1)])
def test_a_leg_without_a_sensor_it_needs_is_unpaired_and_the_rest_stands(
    tmp_path: Path, sensor: str, right: int, left: int
) -> None:
    folder = write(tmp_path, tables(), name="treadmill_01_01")
    write(tmp_path, tables(), name="treadmill_02_01")
    (folder / sensor / "treadmill_01_01.mat").unlink()
    first, second = read(tmp_path)
    validate_trial(first)
    assert first.trial == "treadmill_01_01"
    assert [len(of(first.rejected, side)) for side in ("right", "left")] == [right, left]
    assert [len(of(first.strides, side)) for side in ("right", "left")] == [0 if right else 5, 0 if left else 4]
    assert set(first.rejected["reason"]) == {"unpaired"}
    assert sensor in first.rejected["detail"].iloc[0]
    assert len(second.strides) == 9


def test_without_emg_the_right_leg_keeps_its_strides_and_the_emg_is_masked(tmp_path: Path) -> None:
    folder = write(tmp_path, tables())
    (folder / "emg" / "treadmill_01_01.mat").unlink()
    (found,) = read(tmp_path)
    validate_trial(found)
    assert "emg" not in found.signals
    assert found.notes["emg"] == "none: masked in the strides of the right leg"
    assert (len(found.strides), len(found.rejected)) == (9, 0)


def test_cycles_of_a_trial_without_any_signal_are_counted(tmp_path: Path) -> None:
    write(tmp_path, {"gcRight": tables()["gcRight"]}, name="treadmill_01_01")
    write(tmp_path, tables(), name="treadmill_02_01")
    write(tmp_path, {"gcRight": tables(markers=True)["gcRight"]}, mode="ramp", name="ramp_1_l_01_01")
    (found,) = read(tmp_path)
    validate_trial(found)
    assert (found.trial, len(found.strides)) == ("treadmill_02_01", 9)
    lost = found.rejected.groupby(["trial", "side"])["reason"].value_counts().to_dict()
    assert lost == {
        ("ramp_1_l_01_01", "right", "not_a_stride"): 2,
        ("ramp_1_l_01_01", "right", "unpaired"): 5,
        ("ramp_1_l_01_01", "left", "unpaired"): 1,
        ("treadmill_01_01", "right", "unpaired"): 5,
        ("treadmill_01_01", "left", "unpaired"): 1,
    }
    details = set(found.rejected.query("reason == 'unpaired'")["detail"])
    assert details == {"no ik file", "no ik and no gcLeft file"}
    note = found.notes["trials_without_signals"]
    assert "treadmill_01_01 (AB06/10_09_18/treadmill/gcRight/treadmill_01_01.mat, SubjectInfo.mat)" in note


def test_a_person_whose_trials_have_no_signal_is_an_error_that_counts_them(tmp_path: Path) -> None:
    write(tmp_path, {"gcRight": tables()["gcRight"]})
    with pytest.raises(DataFormatError, match=r"found no stride \(6 unpaired\)"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        ("ramp", "ramp_6_l_01_01"),
        ("stair", "stair_4_r_01_01"),
        ("levelground", "levelground_cw_slow_05_01"),
    ],
)
def test_trial_without_moments_or_conditions(tmp_path: Path, mode: str, name: str) -> None:
    made = tables()
    del made["id"], made["conditions"]
    write(tmp_path, made)
    write(tmp_path, made, mode=mode, name=name)
    treadmill, other = read(tmp_path)
    assert set(treadmill.signals) == {"emg", "kinematics"}
    assert np.isnan(treadmill.strides["speed"]).all()
    assert len(treadmill.strides) == 9
    assert "conditions" in treadmill.notes
    assert (other.task, set(other.rejected["reason"])) == (mode, {"unpaired"})
    assert set(other.rejected["detail"]) == {"no conditions file: activity unknown"}


def test_names_in_any_case_repeat_numbers_and_unique_over_dates(tmp_path: Path) -> None:
    write(tmp_path, tables(), mode="Treadmill", name="Treadmill_04_2_01", date="10_09_18")
    write(tmp_path, tables(), name="treadmill_04_2_01", date="10_21_2018")
    write(tmp_path, tables(), name="calibration", date="10_21_2018")
    found = [(trial.session, trial.trial) for trial in read(tmp_path)]
    assert found == [
        ("10_09_18", "10_09_18_treadmill_04_2_01"),
        ("10_21_2018", "10_21_2018_treadmill_04_2_01"),
    ]


def test_two_folders_of_one_mode_are_one(tmp_path: Path) -> None:
    folder = write(tmp_path, tables())
    other = write(tmp_path, tables(), name="treadmill_02_01")
    other.rename(folder.with_name("aside"))
    write(tmp_path, tables())
    (folder.with_name("aside")).rename(folder.with_name("Treadmill"))
    for path in folder.with_name("Treadmill").glob("*/treadmill_01_01.mat"):
        path.unlink()
    assert [trial.trial for trial in read(tmp_path)] == ["treadmill_01_01", "treadmill_02_01"]


def test_a_file_whose_ending_is_in_capitals_is_not_lost(tmp_path: Path) -> None:
    folder = write(tmp_path, tables())
    for path in list(folder.glob("*/*.mat")):
        path.rename(path.with_suffix(".MAT"))
    (folder / "id" / "directory.mat").mkdir()
    (trial,) = read(tmp_path)
    assert {"emg", "kinematics", "kinetics"} <= set(trial.signals)
    assert len(trial.strides)


def test_the_same_trial_in_two_spellings_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, tables())
    save(folder / "ik" / "Treadmill_01_01.mat", tables()["ik"])
    with pytest.raises(DataFormatError, match=r"file name; found the same trial as Treadmill_01_01\.mat"):
        read(tmp_path)


def test_doubled_folder_stray_files_and_models_are_no_trials(tmp_path: Path) -> None:
    folder = write(tmp_path, tables(), person="AB06/AB06")
    (folder / "emg" / "._treadmill_01_01.mat").write_bytes(b"\x00\x05\x16\x07")
    (folder / "emg" / "notes.txt").write_text("nothing")
    (tmp_path / "AB06" / "pictures").mkdir()
    assert patients(tmp_path) == ["AB06"]
    (found,) = read(tmp_path)
    assert (found.trial, found.session) == ("treadmill_01_01", "10_09_18")
    assert found.sources[0][0].startswith("AB06/AB06/10_09_18/treadmill/")


def test_static_trials_of_the_update_stand_and_have_no_strides(tmp_path: Path) -> None:
    write(tmp_path, tables())
    write(tmp_path, {"ik": tables()["ik"], "markers": tables()["ik"]}, mode="static", name="static_01")
    write(tmp_path, {"markers": tables()["ik"]}, mode="static", name="static_02")
    treadmill, static = read(tmp_path)
    validate_trial(static)
    assert (static.task, static.trial, set(static.signals)) == ("static", "static_01", {"kinematics"})
    assert len(static.strides) == len(static.rejected) == 0
    assert static.notes["posture"].startswith("stand")
    assert len(treadmill.strides) == 9


def test_angles_are_those_of_the_model_unless_the_offset_is_asked_for(tmp_path: Path) -> None:
    made = tables()
    offset = made["ik"]["data"].copy()
    offset["hip_flexion_r"] -= 12.0
    write(tmp_path, made | {"ik_offset": {"data": offset}})
    for option, expected, file in (("ik", 5.0, "ik"), ("ik_offset", -7.0, "ik_offset")):
        (trial,) = read_patient("camargo", tmp_path, "AB06", {"angles": option})
        hip = trial.signals["kinematics"].values.sel(side="right", joint="hip", motion="flexion")
        np.testing.assert_allclose(hip, expected, atol=1e-5)
        read_files = {name.split("/")[3] for name, _ in trial.sources if "/" in name}
        assert {"ik", "ik_offset"} & read_files == {file}
        assert trial.notes["angles"].startswith(file)
    (default,) = read(tmp_path)
    assert default.notes["angles"] == "ik"
    with pytest.raises(ConfigError, match=r"angles='static'.*expected one of ik, ik_offset"):
        list(read_patient("camargo", tmp_path, "AB06", {"angles": "static"}))


def test_the_offset_of_a_tree_before_the_update_is_missing(tmp_path: Path) -> None:
    write(tmp_path, tables())
    with pytest.raises(MissingInputError, match="option angles=ik_offset: found no folder ik_offset"):
        read(tmp_path, angles="ik_offset")


def _without_column(made: Tables) -> None:
    made["ik"]["data"] = made["ik"]["data"].rename(columns={"knee_angle_r": "knee_angl_r"})


def _without_left(made: Tables) -> None:
    made["id"]["data"] = made["id"]["data"].drop(columns="ankle_angle_l_moment")


def _silent(made: Tables) -> None:
    made["emg"]["data"]["gracilis"] = np.nan


def _no_knee(made: Tables) -> None:
    made["ik"]["data"]["knee_angle_l"] = np.nan


def _standing(made: Tables) -> None:
    for sensor in ("gcRight", "gcLeft"):
        made[sensor]["data"]["HeelStrike"] = 0.0


def _no_speed(made: Tables) -> None:
    made["conditions"] = {"trialStarts": 1.0}


def _no_table(made: Tables) -> None:
    made["ik"] = {"values": np.eye(3)}


def _no_axis(made: Tables) -> None:
    made["imu"] = {"data": imu()["data"].drop(columns="thigh_Gyro_Y")}


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (_without_column, r"knee_angle_r; found no such column; the nearest is 'knee_angl_r'"),
        (_without_left, r"id/treadmill_01_01\.mat: ankle_angle_l_moment; found no such column"),
        (_silent, r"gracilis; found only NaN in every trial"),
        (_no_knee, r"knee_angle_l; found only NaN in every trial; expected samples of knee flexion"),
        (_standing, r"strides; found no stride \(no candidate at all\)"),
        (_no_speed, r"conditions.*: speed; found the variables trialStarts"),
        (_no_table, r"data; found the variables values; expected one MATLAB table"),
        (_no_axis, r"imu/treadmill_01_01\.mat: thigh_Gyro_Y; found no such column"),
    ],
)
def test_bad_file_is_one_clear_error(tmp_path: Path, spoil: Callable[[Tables], None], expected: str) -> None:
    made = tables()
    spoil(made)
    write(tmp_path, made)
    with pytest.raises(DataFormatError, match=expected) as error:
        read(tmp_path)
    assert str(error.value).startswith("camargo: ")


@pytest.mark.parametrize("sensor", ["emg", "gcLeft", "conditions"])
def test_truncated_file(tmp_path: Path, sensor: str) -> None:
    path = write(tmp_path, tables()) / sensor / "treadmill_01_01.mat"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataFormatError, match=rf"camargo: .*{sensor}/treadmill_01_01\.mat.*truncated"):
        read(tmp_path)


def test_an_unreadable_body_mass_is_the_published_one_and_must_be_known(tmp_path: Path) -> None:
    write(tmp_path, tables())
    for facts, found in (({"mass": np.nan}, "nan kg for AB06"), ({"subject": "AB30"}, "no row AB06")):
        info(tmp_path, **facts)
        (trial,) = read(tmp_path)
        assert trial.patient.body_mass == 74.84
        assert trial.notes["person"] == f"SubjectInfo.mat has {found}: facts as published"
    (tmp_path / "AB06").rename(tmp_path / "AB99")
    info(tmp_path, mass=float("nan"), subject="AB99")
    with pytest.raises(DataFormatError, match=r"Weight; found nan kg for AB99.*a row AB99"):
        list(recordings(tmp_path, "AB99", {}))


def test_height_in_another_unit_and_impossible_age_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, tables())
    row = {"Subject": ["AB06"], "Age": ["n/a"], "Gender": ["M"], "Height": [180.0], "Weight": [MASS]}
    save(tmp_path / "SubjectInfo.mat", {"data": pd.DataFrame(row)})
    (trial,) = read(tmp_path)
    assert np.isnan([trial.patient.age, trial.patient.height]).all()
    assert (trial.patient.body_mass, trial.patient.sex) == (MASS, "male")
    assert trial.notes["height"] == "left out: 180.0 in SubjectInfo.mat, not 1.2 to 2.3 m"
    assert trial.notes["age"] == "left out: n/a in SubjectInfo.mat, not 5 to 110 years"


def test_without_subject_info_the_published_facts_serve_and_are_noted(tmp_path: Path, samples: Path) -> None:
    from biomech_xr.datasets.camargo.people import read_person

    write(tmp_path, tables())
    (tmp_path / "SubjectInfo.mat").unlink()
    (trial,) = read(tmp_path)
    assert (trial.patient.body_mass, trial.patient.height, trial.patient.sex) == (74.84, 1.80, "male")
    assert trial.notes["person"] == "SubjectInfo.mat is missing: facts as published"
    assert not any("SubjectInfo" in name for name, _ in trial.sources)
    (tmp_path / "AB06").rename(tmp_path / "AB99")
    with pytest.raises(DataFormatError, match=r"SubjectInfo\.mat: Weight; found no such file.*a row AB99"):
        list(recordings(tmp_path, "AB99", {}))
    for patient in ("AB06", "AB14", "AB28", "AB30"):
        real, _, _ = read_person(samples / "camargo", patient)
        assert read_person(tmp_path, patient)[0] == real


def test_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such folder"):
        patients(tmp_path / "none")
    with pytest.raises(DataFormatError, match="AB06"):
        patients(tmp_path)
    write(tmp_path, {})
    assert patients(tmp_path) == ["AB06"]
    with pytest.raises(MissingInputError, match="no folder AB99"):
        list(recordings(tmp_path, "AB99", {}))
    with pytest.raises(DataFormatError, match="no stride"):
        read(tmp_path)
