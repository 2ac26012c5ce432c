"""Gait120: one clock for EMG and angles, the knee's sign, postures that are no strides, and what may be missing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biomech_xr.datasets.gait120 import SPEC, patients
from biomech_xr.errors import BiomechXRError, DataFormatError, MissingInputError
from biomech_xr.parse import read_patient
from biomech_xr.schema import Trial
from biomech_xr.synthetic.curves import curve
from biomech_xr.synthetic.gait120 import SPACED
from biomech_xr.synthetic.tables import write_workbook
from tests.datasets.gait120_files import (
    FRAMES,
    RATE,
    STEPS,
    TOTAL,
    Content,
    content,
    emg_table,
    mat_bytes,
    pair,
    processed,
    processed_bytes,
    write,
    write_mot,
    written_tree,
)


def read(root: Path, patient: str = "S001", **options: Any) -> dict[str, Trial]:
    return {trial.trial: trial for trial in read_patient("gait120", root, patient, options)}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    root, truth = written_tree(tmp_path_factory)
    return root, truth.strides


@pytest.fixture(scope="module")
def people(written: tuple[Path, pd.DataFrame]) -> dict[str, dict[str, Trial]]:
    return {name: read(written[0], name) for name in patients(written[0])}


def test_strides_are_those_written(written: tuple[Path, pd.DataFrame], people: dict[str, dict[str, Trial]]) -> None:
    found = pd.concat(
        trial.strides.assign(source_patient=name) for name, trials in people.items() for trial in trials.values()
    )
    keys = ["source_patient", "trial", "side", "trial_time"]
    ordered = found.sort_values(keys, ignore_index=True)[list(written[1])]
    pd.testing.assert_frame_equal(ordered, written[1], check_dtype=False, atol=1e-6)


def test_filtered_steps_give_the_same_strides(
    written: tuple[Path, pd.DataFrame], people: dict[str, dict[str, Trial]]
) -> None:
    for trial in read(written[0], "S061", emg="filtered").values():
        other = people["S061"][trial.trial]
        columns = ["stride_number", "activity", "trial_time", "duration"]
        pd.testing.assert_frame_equal(trial.strides[columns], other.strides[columns], atol=1e-6)
        assert (trial.emg_state, trial.emg_lookahead) == ("bandpassed", 0.085)
        assert trial.sources[0][0].endswith("EMG/ProcessedData.mat")
        assert trial.signals["emg"].values.attrs["units"] == "V"
        assert trial.notes["evidence.emg_unit"].startswith("EMGs_filt / band-passed EMGs_raw from 1 to 1 in 12")


def test_filtered_emg_that_is_not_the_raw_one_has_no_known_unit(tmp_path: Path) -> None:
    folder, raw = write(tmp_path), content()["LevelWalking"]["Trial01"]["EMGs_raw"]
    other = processed(2220, 2120)
    for k, step in enumerate(STEPS, start=1):
        rows = slice((step[0] - TOTAL[0]) * 20, (step[1] + 1 - TOTAL[0]) * 20)
        other["LevelWalking"]["Trial01"][f"Step{k:02d}"]["EMGs_filt"] = raw[rows] / 0.002
    (folder / "EMG" / "ProcessedData.mat").write_bytes(mat_bytes(other))
    for note in (r"EMGs_filt / band-passed EMGs_raw from \d+ to \d+ in 12 channels", "not known: no RawData.mat"):
        trial = read(tmp_path, emg="filtered")["LevelWalking_Trial01"]
        assert trial.signals["emg"].values.attrs["units"] == "a.u."
        assert re.match(note, trial.notes["evidence.emg_unit"])
        (folder / "EMG" / "RawData.mat").unlink(missing_ok=True)


def test_sit_to_stand_and_back_are_postures_and_no_strides(people: dict[str, dict[str, Trial]]) -> None:
    for trials in people.values():
        for name in ("SitToStand_Trial01", "StandToSit_Trial01"):
            assert trials[name].strides.empty
            assert trials[name].rejected["reason"].tolist() == ["posture"]
        knee = (
            trials["SitToStand_Trial01"].signals["kinematics"].values.sel(side="right", joint="knee", motion="flexion")
        )
        assert float(knee[0]) > 80 > 10 > float(knee[-1])


def test_stairs_and_slopes_have_their_activity_and_surface(people: dict[str, dict[str, Trial]]) -> None:
    expected = {
        "LevelWalking": ("walk", "overground"),
        "StairAscent": ("stair_ascent", "stairs"),
        "StairDescent": ("stair_descent", "stairs"),
        "SlopeAscent": ("ramp_ascent", "ramp"),
        "SlopeDescent": ("ramp_descent", "ramp"),
    }
    for trials in people.values():
        for task, labels in expected.items():
            strides = trials[f"{task}_Trial01"].strides
            assert strides[["activity", "surface"]].drop_duplicates().values.tolist() == [list(labels)]
            assert strides["stair_height"].isna().all()
            assert strides["incline"].isna().all() == (task != "LevelWalking")


def test_both_age_groups_have_their_body_sizes(people: dict[str, dict[str, Trial]]) -> None:
    assert set(people) == {"S001", "S061"}
    for trials in people.values():
        patient = trials["LevelWalking_Trial01"].patient
        assert patient.sex == "male"
        assert 1.5 < patient.height < 2.0
        assert 40 < patient.body_mass < 120
    notes = {name: trials["LevelWalking_Trial01"].notes["age_group"] for name, trials in people.items()}
    assert notes == {"S001": "young: 20 to 25 years", "S061": "older: 40 to 59 years"}


def test_a_dead_channel_is_nan_and_the_two_soleus_channels_stay_apart(people: dict[str, dict[str, Trial]]) -> None:
    emg = people["S001"]["SlopeAscent_Trial01"].signals["emg"].values.sel(side="right")
    assert np.isnan(emg.sel(channel="peroneus_brevis")).all()
    assert people["S001"]["SlopeAscent_Trial01"].notes["not_measured"] == "PeroneusBrevis"
    assert "not_measured" not in people["S001"]["LevelWalking_Trial01"].notes
    assert np.isfinite(emg.sel(channel=["soleus_medial", "soleus_lateral"])).all()
    assert not np.array_equal(emg.sel(channel="soleus_medial"), emg.sel(channel="soleus_lateral"))


def test_a_step_without_angles_keeps_its_emg(people: dict[str, dict[str, Trial]]) -> None:
    trial = people["S001"]["StairDescent_Trial01"]
    assert trial.notes["angles"] == "none for step 2"
    assert len(trial.strides) == 2
    last = trial.strides.iloc[1]
    kinematics = trial.signals["kinematics"]
    assert kinematics.time()[-1] == pytest.approx(last["trial_time"])


def test_ground_forces_are_not_taken_for_angles(people: dict[str, dict[str, Trial]]) -> None:
    for trial in people["S061"].values():
        assert not any("MotionCapture" in name for name, _ in trial.sources)


def test_emg_and_angles_share_the_clock_of_the_motion_files(tmp_path: Path) -> None:
    raw = content()
    emg = raw["LevelWalking"]["Trial01"]["EMGs_raw"]
    write(tmp_path, raw, shift=499.0)
    trial = read(tmp_path)["LevelWalking_Trial01"]
    assert trial.strides["trial_time"].tolist() == pytest.approx([5.4, 6.5])
    assert trial.strides["duration"].tolist() == pytest.approx([1.1, 1.05])
    assert set(trial.strides["duration_source"]) == {"events"}
    signal = trial.signals["emg"]
    assert (signal.kind, signal.sampling_frequency) == ("continuous", RATE)
    assert signal.t0 == pytest.approx(5.2)
    first = round((5.4 - signal.t0) * RATE)
    assert first == (STEPS[0][0] - TOTAL[0]) * 20
    values = signal.values.sel(side="right", channel="vastus_lateralis").values
    np.testing.assert_allclose(values, emg["VastusLateralis"], rtol=1e-6)
    assert signal.values.sizes["sample"] == 20 * (TOTAL[1] - TOTAL[0] + 1)
    angles = trial.signals["kinematics"]
    assert angles.t0 == pytest.approx(5.4)
    assert angles.values.sizes["sample"] == STEPS[1][1] - STEPS[0][0] + 1


def test_the_knee_is_negated_and_only_the_knee(tmp_path: Path) -> None:
    write(tmp_path)
    trial = read(tmp_path)["LevelWalking_Trial01"]
    own = curve("walk", "angle")(np.linspace(0, 1, STEPS[0][1] - STEPS[0][0] + 1))[:-1]
    found = trial.signals["kinematics"].values.sel(side="right").values[: len(own)]
    np.testing.assert_allclose(found[:, 0], own[:, 0], atol=1e-5)
    np.testing.assert_allclose(found[:, 1, 2], own[:, 1, 2], atol=1e-5)
    np.testing.assert_allclose(found[:, 2, 2], own[:, 2, 2], atol=1e-5)
    assert found[:, 1, 2].max() > 55
    assert np.isnan(found[:, 1:, :2]).all()
    assert trial.signals["kinematics"].values["side"].values.tolist() == ["right"]
    assert "kinetics" not in trial.signals
    assert trial.notes["evidence.knee_sign"].startswith("1 (confidence 0.9")
    assert trial.notes["evidence.start"].startswith("own (confidence 0.9")


def test_a_knee_that_is_flexion_positive_is_refused(tmp_path: Path) -> None:
    write(tmp_path, knee=1.0)
    with pytest.raises(DataFormatError, match=r"knee_angle_r; found flexion positive: -1 \(confid.*expected extension"):
        read(tmp_path)


def test_steps_that_begin_at_the_left_foot_are_no_strides_of_the_right_leg(tmp_path: Path) -> None:
    write(tmp_path, phase=0.5)
    with pytest.raises(DataFormatError, match=r"found no stride \(4 not_a_stride\)"):
        read(tmp_path)


def test_an_unclear_start_is_refused_until_the_option_settles_it(tmp_path: Path) -> None:
    write(tmp_path, knee=0.0)
    with pytest.raises(DataFormatError, match=r"gait120: .*S001: JointAngle: knee_angle_r; .*source option start="):
        read(tmp_path)
    trials = [next(iter(read_patient("gait120", tmp_path, "S001", {"start": "right"})))]
    assert trials[0].notes["evidence.start"] == "right (option start=right)"
    assert len(trials[0].strides) == 2


def test_columns_are_found_whatever_their_blanks_and_case(tmp_path: Path) -> None:
    raw = content()
    emg = raw["LevelWalking"]["Trial01"]["EMGs_raw"]
    raw["LevelWalking"]["Trial01"]["EMGs_raw"] = emg.set_axis([name.upper() for name in SPACED], axis=1)[
        [name.upper() for name in SPACED[::-1]]
    ]
    write(tmp_path, raw)
    values = read(tmp_path)["LevelWalking_Trial01"].signals["emg"].values.sel(side="right")
    for raw_name, column in SPEC.emg.items():
        np.testing.assert_allclose(values.sel(channel=column.muscle), emg[raw_name], rtol=1e-6)


def test_file_names_in_any_case_and_doubled_folders(tmp_path: Path) -> None:
    folder = write(tmp_path / "in")
    outer = tmp_path / "out" / "data" / "Gait120_001_to_010" / "Gait120_001_to_010" / "s001"
    outer.mkdir(parents=True)
    for path in (folder / "JointAngle").rglob("*.mot"):
        path.rename(path.with_name(path.name.title().replace(".Mot", ".MOT")))
    folder.rename(outer / "s001")
    assert patients(tmp_path / "out") == ["S001"]
    assert len(read(tmp_path / "out")["LevelWalking_Trial02"].strides) == 2


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
