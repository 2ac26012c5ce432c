"""Gait120: one clock for EMG and angles, the knee's sign, postures that are no strides, and what may be missing."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomech_xr.datasets.gait120 import SPEC, patients
from biomech_xr.errors import DataFormatError
from biomech_xr.parse import read_patient
from biomech_xr.schema import Trial
from biomech_xr.synthetic.curves import curve
from biomech_xr.synthetic.gait120 import SPACED
from tests.datasets.gait120_files import (
    RATE,
    STEPS,
    TOTAL,
    content,
    mat_bytes,
    processed,
    read,
    write,
    written_tree,
)


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


def test_a_gap_in_the_emg_stays_a_gap(people: dict[str, dict[str, Trial]]) -> None:
    for trials in people.values():
        emg = trials["SlopeDescent_Trial01"].signals["emg"].values.sel(side="right")
        (missing,) = np.nonzero(np.isnan(emg.sel(channel="peroneus_longus").values))
        assert missing.tolist() == list(range(1200, 1240))
        assert np.isfinite(emg.sel(channel="peroneus_brevis")).all()


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
