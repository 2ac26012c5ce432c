"""Gait120: what is missing, of other lengths, damaged or wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomech_xr.datasets.gait120 import patients
from biomech_xr.errors import BiomechXRError, DataFormatError, MissingInputError
from biomech_xr.synthetic.tables import write_workbook
from tests.datasets.gait120_files import (
    FRAMES,
    STEPS,
    TOTAL,
    Content,
    content,
    emg_table,
    mat_bytes,
    pair,
    processed,
    processed_bytes,
    read,
    write,
    write_mot,
)


@pytest.mark.parametrize("kind", ["raw", "filtered"])
def test_a_missing_motion_file_shifts_nothing(tmp_path: Path, kind: str) -> None:
    folder = write(tmp_path)
    (folder / "EMG" / "ProcessedData.mat").write_bytes(processed_bytes(2220, 2120))
    whole = read(tmp_path, emg=kind)
    (folder / "JointAngle/LevelWalking/Trial01/step01.mot").unlink()
    rest = read(tmp_path, emg=kind)
    columns = ["stride_number", "trial_time", "duration"]
    same = rest["LevelWalking_Trial02"].strides[columns]
    pd.testing.assert_frame_equal(same, whole["LevelWalking_Trial02"].strides[columns])
    trial = rest["LevelWalking_Trial01"]
    assert trial.notes["angles"] == "none for step 1"
    pd.testing.assert_frame_equal(trial.strides[columns], whole["LevelWalking_Trial01"].strides[columns])
    emg, other = (found["LevelWalking_Trial01"].signals["emg"] for found in (rest, whole))
    assert emg.t0 == pytest.approx(other.t0)
    np.testing.assert_array_equal(emg.values, other.values)
    angles = trial.signals["kinematics"]
    second = (STEPS[1][0] - 1) / FRAMES
    assert angles.t0 == pytest.approx(second)


def test_angles_of_another_length_than_the_emg_are_not_paired(tmp_path: Path) -> None:
    folder = write(tmp_path)
    write_mot(folder, "LevelWalking/Trial01/step01.mot", (41, 150))
    trial = read(tmp_path)["LevelWalking_Trial01"]
    assert trial.strides["stride_number"].tolist() == [1]
    assert trial.rejected["reason"].tolist() == ["unpaired"]
    assert trial.rejected["detail"].iloc[0].startswith("110 rows of angles for 111 frames of EMG")
    (folder / "EMG" / "ProcessedData.mat").write_bytes(processed_bytes(2220, 2120))
    trial = read(tmp_path, emg="filtered")["LevelWalking_Trial01"]
    assert trial.rejected[["stride_number", "reason"]].values.tolist() == [[0, "unpaired"]]


def test_angles_at_another_time_than_the_frames_say_are_not_paired(tmp_path: Path) -> None:
    folder = write(tmp_path)
    write_mot(folder, "LevelWalking/Trial01/step02.mot", STEPS[1], shift=20.0)
    trial = read(tmp_path)["LevelWalking_Trial01"]
    assert trial.strides.empty
    assert set(trial.rejected["reason"]) == {"unpaired"}


def test_filtered_steps_share_the_frame_between_them(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "EMG" / "ProcessedData.mat").write_bytes(processed_bytes(2220, 2120))
    trial = read(tmp_path, emg="filtered")["LevelWalking_Trial01"]
    assert trial.strides["trial_time"].tolist() == pytest.approx([0.4, 1.5])
    emg = trial.signals["emg"].values.sel(side="right", channel="rectus_femoris").values
    assert emg.size == 2200 + 2120
    np.testing.assert_allclose(emg[:2200], emg_table(2220, seed=1)["RectusFemoris"][:2200], rtol=1e-6)
    np.testing.assert_allclose(emg[2200:], emg_table(2120, seed=2)["RectusFemoris"], rtol=1e-6)


def test_a_trial_that_the_authors_do_not_list_is_excluded(tmp_path: Path) -> None:
    raw = content()
    raw["LevelWalking"]["AvailableTrialIdx"] = np.array([[2.0]])
    write(tmp_path, raw)
    found = read(tmp_path)
    assert found["LevelWalking_Trial01"].rejected["reason"].tolist() == ["excluded", "excluded"]
    assert len(found["LevelWalking_Trial02"].strides) == 2


def test_angles_without_emg_are_kept(tmp_path: Path) -> None:
    raw = content()
    del raw["LevelWalking"]["Trial02"]
    raw["LevelWalking"]["AvailableTrialIdx"] = np.array([[1.0]])
    write(tmp_path, raw)
    trial = read(tmp_path)["LevelWalking_Trial02"]
    assert set(trial.signals) == {"kinematics"}
    assert trial.notes["emg"] == "none for this trial"
    assert trial.strides["trial_time"].tolist() == pytest.approx([0.4, 1.5])


def test_missing_steps_are_noted(tmp_path: Path) -> None:
    raw = content()
    raw["LevelWalking"]["Trial01"]["nSteps"] = 3.0
    write(tmp_path, raw)
    assert read(tmp_path)["LevelWalking_Trial01"].notes["steps"] == "2 of 3 announced"


@pytest.mark.parametrize("kind", ["raw", "filtered"])
def test_a_trial_with_nothing_to_read_is_skipped_and_noted(tmp_path: Path, kind: str) -> None:
    contents = {"raw": content(), "filtered": processed(2220, 2120)}
    walking = contents[kind]["LevelWalking"]
    walking["Trial03"] = {"nSteps": 0.0} | (
        {"TotalFrame": pair(*TOTAL), "EMGs_raw": emg_table(5200)} if kind == "raw" else {}
    )
    walking["Trial04"] = {"nSteps": 2.0, "EMGs_raw": emg_table(100), "Step01": {"EMGs_filt": emg_table(2221)}}
    walking["Trial05"] = {"nSteps": 1.0, "TotalFrame": np.empty((0, 0))}
    folder = write(tmp_path, contents["raw"])
    (folder / "EMG" / "ProcessedData.mat").write_bytes(mat_bytes(contents["filtered"]))
    write_mot(folder, "LevelWalking/Trial05/step01.mot", STEPS[0])
    found = read(tmp_path, emg=kind)
    assert list(found) == [f"LevelWalking_Trial{n:02d}" for n in (1, 2, 5)]
    reasons = (
        ("no step", "no TotalFrame")
        if kind == "raw"
        else ("no step with EMGs_filt", "2221 EMG samples, not 20 a frame")
    )
    expected = "; ".join(f"LevelWalking_Trial{n:02d}: {why}" for n, why in zip((3, 4), reasons, strict=True))
    assert {trial.notes["skipped_trials"] for trial in found.values()} == {expected}
    assert set(found["LevelWalking_Trial05"].signals) == {"kinematics"}
    assert found["LevelWalking_Trial05"].notes["emg"].startswith("none for this trial: no ")


def test_dead_channels_of_all_trials_are_nan_and_noted(tmp_path: Path) -> None:
    raw = content()
    for name in ("Trial01", "Trial02"):
        raw["LevelWalking"][name]["EMGs_raw"]["RectusFemoris"] = np.nan
        raw["LevelWalking"][name]["EMGs_raw"]["SoleusMedialis"] = 0.0
    write(tmp_path, raw)
    for trial in read(tmp_path).values():
        assert trial.notes["not_measured"] == "RectusFemoris, SoleusMedialis"
        emg = trial.signals["emg"].values.sel(side="right")
        assert np.isnan(emg.sel(channel=["rectus_femoris", "soleus_medial"])).all()
        assert len(trial.strides) == 2


def test_emg_of_other_steps_than_the_angles_is_not_placed(tmp_path: Path) -> None:
    raw = content()
    del raw["LevelWalking"]["Trial01"]["Step02"]
    folder = write(tmp_path, raw)
    (folder / "JointAngle/LevelWalking/Trial01/step01.mot").unlink()
    trial = read(tmp_path)["LevelWalking_Trial01"]
    assert set(trial.signals) == {"kinematics"}
    assert trial.rejected[["stride_number", "reason"]].values.tolist() == [[0, "unpaired"]]
    assert trial.strides["trial_time"].tolist() == pytest.approx([1.5])


def wrong_rate(raw: Content) -> None:
    raw["EMGs_info"]["fs"] = 1000.0


def lost_samples(raw: Content) -> None:
    raw["LevelWalking"]["Trial01"]["EMGs_raw"] = emg_table(5000)


def renamed_channel(raw: Content) -> None:
    trial = raw["LevelWalking"]["Trial02"]
    trial["EMGs_raw"] = trial["EMGs_raw"].rename(columns={"BicepsFemoris": "BicepsFem"})


def half_frames(raw: Content) -> None:
    raw["LevelWalking"]["Trial01"]["TotalFrame"] = np.array([[20.5, 280.0]])


def reversed_frames(raw: Content) -> None:
    raw["LevelWalking"]["Trial01"]["Step02"]["TargetFrame"] = pair(256, 151)


def no_task(raw: Content) -> None:
    raw["levelwalking"] = raw.pop("LevelWalking")


def plain_numbers(raw: Content) -> None:
    raw["LevelWalking"]["Trial01"]["EMGs_raw"] = np.zeros((5200, 12))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (wrong_rate, r"EMGs_info\.fs; found 1000 Hz; expected 2000 Hz"),
        (
            lost_samples,
            r"LevelWalking\.Trial01\.EMGs_raw; found 5000 rows; expected 5200: 20 for each of the frames 21",
        ),
        (renamed_channel, r"Trial02\.EMGs_raw; found no column BicepsFemoris; the nearest is 'BicepsFem'"),
        (half_frames, r"Trial01\.TotalFrame; found \[20\.5, 280\.0\]; expected .* whole numbers"),
        (reversed_frames, r"Step02\.TargetFrame; found \[256\.0, 151\.0\]; expected a first and a later last frame"),
        (no_task, r"found EMGs_info, Markers_info, levelwalking; expected LevelWalking"),
        (plain_numbers, r"Trial01\.EMGs_raw; found numeric of 5200 x 12; expected a table"),
    ],
)
def test_a_bad_field_is_one_clear_error(tmp_path: Path, spoil: Callable[[Content], None], message: str) -> None:
    raw = content()
    spoil(raw)
    write(tmp_path, raw)
    with pytest.raises(DataFormatError, match=message) as error:
        read(tmp_path)
    assert str(error.value).startswith("gait120: ")
    assert "RawData.mat" in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("knee_angle_r", "knee_r", r"step01\.mot: knee_angle_r; found the columns pelvis_tilt"),
        ("inDegrees=yes", "inDegrees=no", r"step01\.mot: inDegrees; found no; expected yes"),
        ("endheader", "end", r"step01\.mot: header; found no line 'endheader'"),
        ("nRows=111", "nRows=120", r"step01\.mot: nRows; found 111 rows; expected 120"),
        (
            "0.410000",
            "0.411900",
            r"step01\.mot: time; found rows 0\.008\d+ to 0\.0119 s apart; expected rows 0\.01 s apart",
        ),
    ],
)
def test_a_bad_motion_file_is_one_clear_error(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write(tmp_path) / "JointAngle/LevelWalking/Trial01/step01.mot"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DataFormatError, match=message) as error:
        read(tmp_path)
    assert str(error.value).startswith("gait120: ")


@pytest.mark.parametrize("share", [0.0, 0.4, 0.95])
@pytest.mark.parametrize("name", ["EMG/RawData.mat", "JointAngle/LevelWalking/Trial01/step02.mot"])
def test_a_truncated_file_is_one_clear_error(tmp_path: Path, share: float, name: str) -> None:
    path = write(tmp_path) / name
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DataFormatError, match=f"gait120: .*{re.escape(path.name)}"):
        read(tmp_path)


def test_missing_folders_files_and_people(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such folder"):
        patients(tmp_path / "none")
    with pytest.raises(DataFormatError, match="found nothing; expected S001"):
        patients(tmp_path)
    folder = write(tmp_path)
    with pytest.raises(MissingInputError, match=r"no folder S999\. Known: S001"):
        read(tmp_path, "S999")
    with pytest.raises(MissingInputError, match=r"S001/EMG: found no ProcessedData\.mat"):
        read(tmp_path, emg="filtered")
    (folder / "EMG" / "RawData.mat").rename(folder / "EMG" / "ConvertedData.mat")
    with pytest.raises(MissingInputError, match=r"found no RawData\.mat or ProcessedData\.mat"):
        read(tmp_path)
    write(tmp_path / "copy")
    with pytest.raises(DataFormatError, match="found the same person in"):
        patients(tmp_path)


def test_a_second_file_of_a_step_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path)
    write_mot(folder, "LevelWalking/Trial01/Step1.mot", STEPS[0])
    with pytest.raises(DataFormatError, match="found a second file of step 1"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["Person", "height", "mass"], ["S001", 1750, 70]], r"Subject; found the sheets YG without it"),
        ([["Subject", "height", "mass"], ["S001", 1.75, 70]], r"height; found 1\.75; expected a number from 1200"),
        ([["Subject", "height", "mass"], ["S001", 1750, "?"]], r"mass; found '\?'; expected a number from 30"),
    ],
)
def test_a_bad_workbook_is_one_clear_error(tmp_path: Path, rows: list[list[str | float]], message: str) -> None:
    write(tmp_path)
    write_workbook(tmp_path / "Anthropometric_Data_Participants.xlsx", "YG", rows)
    with pytest.raises(BiomechXRError, match=f"Anthropometric.*{message}"):
        read(tmp_path)
