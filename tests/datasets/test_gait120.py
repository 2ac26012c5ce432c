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
from biomech_xr.synthetic.gait120 import SPACED, write_gait120
from biomech_xr.synthetic.matfile import save_struct
from biomech_xr.synthetic.tables import write_workbook

RATE, FRAMES = 2000, 100
Content = dict[str, Any]


def read(root: Path, patient: str = "S001", **options: Any) -> dict[str, Trial]:
    return {trial.trial: trial for trial in read_patient("gait120", root, patient, options)}


def emg_table(rows: int, *, seed: int = 0) -> pd.DataFrame:
    values = 1e-4 * np.random.default_rng(seed).standard_normal((rows, len(SPEC.emg)))
    return pd.DataFrame(values, columns=list(SPEC.emg))


def pair(first: int, last: int) -> np.ndarray:
    return np.array([[first, last]], dtype=float)


def raw_trial(total: tuple[int, int], *steps: tuple[int, int]) -> Content:
    """Return a trial of `RawData.mat` with the frames given."""
    return {
        "EMGs_raw": emg_table((total[1] - total[0] + 1) * 20),
        "TotalFrame": pair(*total),
        "nSteps": float(len(steps)),
    } | {f"Step{k:02d}": {"TargetFrame": pair(*step)} for k, step in enumerate(steps, start=1)}


def write_mot(
    folder: Path, place: str, frames: tuple[int, int], *, shift: float = -1.0, phase: float = 0.0, knee: float = -1.0
) -> Path:
    """Write the angles of one step in the frames given; frame f is at (f + shift) / 100 s."""
    time = (np.arange(frames[0], frames[1] + 1) + shift) / FRAMES
    angle = curve("walk", "angle")((np.linspace(0, 1, time.size) + phase) % 1)
    columns = {
        "pelvis_tilt": np.zeros(time.size),
        "hip_flexion_r": angle[:, 0, 2],
        "hip_adduction_r": angle[:, 0, 0],
        "hip_rotation_r": angle[:, 0, 1],
        "knee_angle_r": knee * angle[:, 1, 2],
        "ankle_angle_r": angle[:, 2, 2],
        "knee_angle_l": np.full(time.size, -50.0),
    }
    lines = [
        "Coordinates",
        "version=1",
        f"nRows={time.size}",
        f"nColumns={len(columns) + 1}",
        "inDegrees=yes",
        "endheader",
    ]
    lines.append("\t".join(["time", *columns]))
    lines += ["\t".join(f"{value:.6f}" for value in row) for row in zip(time, *columns.values(), strict=True)]
    path = folder / "JointAngle" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


STEPS = ((41, 151), (151, 256))
TOTAL = (21, 280)


def person(root: Path) -> Path:
    return root / "Gait120_001_to_010" / "S001"


def content() -> Content:
    """Return `RawData.mat` with two trials of level walking of two steps each."""
    trials = {f"Trial{n:02d}": raw_trial(TOTAL, *STEPS) for n in (1, 2)}
    walking = {"AvailableTrialIdx": np.array([[1.0, 2.0]]), "nTrials": 2.0, **trials}
    return {"EMGs_info": {"fs": 2000.0}, "Markers_info": {"fs": 100.0}, "LevelWalking": walking}


def write(root: Path, raw: Content | None = None, **how: Any) -> Path:
    """Write one person with `RawData.mat` and the angles of two trials; return the folder."""
    folder = person(root)
    save_struct(folder / "EMG" / "RawData.mat", raw or content())
    for trial in (1, 2):
        for k, step in enumerate(STEPS, start=1):
            write_mot(folder, f"LevelWalking/Trial{trial:02d}/step{k:02d}.mot", step, **how)
    return folder


def processed(*lengths: int) -> Content:
    """Return `ProcessedData.mat` with two trials of level walking; ``lengths`` are the EMG rows of the steps."""
    steps = {f"Step{k:02d}": {"EMGs_filt": emg_table(rows, seed=k)} for k, rows in enumerate(lengths, start=1)}
    trial = {"nSteps": float(len(lengths)), "MVCs": np.ones((1, 12)), **steps}
    return {"LevelWalking": {"AvailableTrialIdx": np.array([[1.0, 2.0]]), "Trial01": trial, "Trial02": trial}}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    root = tmp_path_factory.mktemp("gait120")
    return root, write_gait120(root, patients=2, seed=4, minutes=0.3).strides


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
    for name in people:
        for trial in read(written[0], name, emg="filtered").values():
            other = people[name][trial.trial]
            columns = ["stride_number", "activity", "trial_time", "duration"]
            pd.testing.assert_frame_equal(trial.strides[columns], other.strides[columns], atol=1e-6)
            assert (trial.emg_state, trial.emg_lookahead) == ("bandpassed", 0.085)
            assert trial.sources[0][0].endswith("EMG/ProcessedData.mat")


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


def test_a_dead_channel_is_nan_and_the_two_soleus_channels_stay_apart(people: dict[str, dict[str, Trial]]) -> None:
    emg = people["S001"]["SlopeAscent_Trial01"].signals["emg"].values.sel(side="right")
    assert np.isnan(emg.sel(channel="peroneus_brevis")).all()
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
    outer = tmp_path / "out" / "data" / "Gait120_001_to_010" / "s001"
    outer.mkdir(parents=True)
    for path in (folder / "JointAngle").rglob("*.mot"):
        path.rename(path.with_name(path.name.title().replace(".Mot", ".MOT")))
    folder.rename(outer / "s001")
    assert patients(tmp_path / "out") == ["S001"]
    assert len(read(tmp_path / "out")["LevelWalking_Trial02"].strides) == 2


@pytest.mark.parametrize("kind", ["raw", "filtered"])
def test_a_missing_motion_file_shifts_nothing(tmp_path: Path, kind: str) -> None:
    folder = write(tmp_path)
    save_struct(folder / "EMG" / "ProcessedData.mat", processed(2220, 2120))
    whole = read(tmp_path, emg=kind)
    (folder / "JointAngle/LevelWalking/Trial01/step01.mot").unlink()
    rest = read(tmp_path, emg=kind)
    columns = ["stride_number", "trial_time", "duration"]
    same = rest["LevelWalking_Trial02"].strides[columns]
    pd.testing.assert_frame_equal(same, whole["LevelWalking_Trial02"].strides[columns])
    trial = rest["LevelWalking_Trial01"]
    assert trial.notes["angles"] == "none for step 1"
    if kind == "raw":
        pd.testing.assert_frame_equal(trial.strides[columns], whole["LevelWalking_Trial01"].strides[columns])
    else:
        assert trial.strides["stride_number"].tolist() == [1]
        assert trial.rejected[["stride_number", "reason"]].values.tolist() == [[0, "unpaired"]]
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
    save_struct(folder / "EMG" / "ProcessedData.mat", processed(2220, 2120))
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
    save_struct(folder / "EMG" / "ProcessedData.mat", processed(2220, 2120))
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


def wrong_rate(raw: Content) -> None:
    raw["EMGs_info"]["fs"] = 1000.0


def lost_samples(raw: Content) -> None:
    raw["LevelWalking"]["Trial01"]["EMGs_raw"] = emg_table(5000)


def renamed_channel(raw: Content) -> None:
    trial = raw["LevelWalking"]["Trial02"]
    trial["EMGs_raw"] = trial["EMGs_raw"].rename(columns={"BicepsFemoris": "BicepsFem"})


def no_frames(raw: Content) -> None:
    del raw["LevelWalking"]["Trial01"]["TotalFrame"]


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
        (no_frames, r"LevelWalking\.Trial01; found no field TotalFrame"),
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
