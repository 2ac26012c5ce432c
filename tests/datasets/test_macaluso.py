"""Macaluso 2020: planes, units and EMG decided per person, parts, pairing, labels and bad input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomech_xr.datasets.macaluso import SPEC, patients
from biomech_xr.errors import DataFormatError
from biomech_xr.process.strides import ProcessConfig, strides
from biomech_xr.store.recordings import write_patient
from biomech_xr.synthetic.macaluso import write_macaluso
from biomech_xr.synthetic.truth import Truth
from tests.datasets.macaluso_files import PARTS, SIDES, Trials, edited, raw, read, reorder
from tests.datasets.utd_files import curves, mean, put, scale


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    root = tmp_path_factory.mktemp("macaluso")
    return root, write_macaluso(root, patients=2, seed=3, minutes=0.1)


@pytest.fixture(scope="module")
def people(whole: tuple[Path, Truth]) -> dict[str, Trials]:
    return {patient: read(whole[0], patient) for patient in patients(whole[0])}


def test_agrees_with_the_synthetic_people(whole: tuple[Path, Truth], people: dict[str, Trials]) -> None:
    """AB01 is MATLAB v7.3 with 150 points, AB02 v5 with 101: both read the same."""
    columns = ["source_patient", "trial", "side", "activity", "trial_time", "duration"]
    found = [
        trial.strides.assign(source_patient=patient)[columns]
        for patient, trials in people.items()
        for trial in trials.values()
    ]
    result = pd.concat(found).sort_values([*columns[:3], "trial_time"], ignore_index=True)
    pd.testing.assert_frame_equal(result, whole[1].strides, check_dtype=False, rtol=0, atol=1e-6)
    assert people["AB01"]["level_part1"].signals["kinematics"].points == 150
    assert people["AB02"]["level_part1"].signals["kinematics"].points == 101


def test_people_are_named_by_their_files_and_stray_files_are_not(whole: tuple[Path, Truth]) -> None:
    assert (whole[0] / "Subject" / "._AB01.mat").is_file()
    assert patients(whole[0]) == ["AB01", "AB02"]
    assert patients(whole[0] / "Subject") == ["AB01", "AB02"]


def test_only_parts_are_trials_and_a_task_may_be_missing(people: dict[str, Trials]) -> None:
    assert sorted(people["AB01"]) == [f"{task}_part{n}" for task in ("downhill", "level", "uphill") for n in (1, 2)]
    assert sorted(people["AB02"]) == [f"{task}_part{n}" for task in ("level", "uphill") for n in (1, 2)]
    assert people["AB02"]["level_part1"].notes["absent tasks"] == "downhill"
    assert "level.average" in people["AB01"]["level_part1"].notes["fields that are no trials"]


def test_planes_of_plug_in_gait_are_recognised(whole: tuple[Path, Truth], people: dict[str, Trials]) -> None:
    trial = people["AB01"]["level_part1"]
    for motion, axis in (("flexion", "x"), ("adduction", "y"), ("rotation", "z")):
        written = raw(whole[0], f"level/part1/kinematics/jointangles/right/hip/{axis}_norm")
        np.testing.assert_allclose(curves(trial, "kinematics", "right", "hip", motion), written, atol=1e-4)
        written = raw(whole[0], f"level/part1/kinetics/jointmoment/right/hip/{axis}_norm")
        np.testing.assert_allclose(curves(trial, "kinetics", "right", "hip", motion), -written / 1000, atol=1e-5)
    assert "confidence" in trial.notes["evidence.axes"]
    assert 50 < mean(trial, "kinematics", "knee").max() < 72
    ankle = mean(trial, "kinetics", "ankle")
    assert -1.8 < ankle.min() < -1.2
    assert 0.42 < ankle.argmin() / 149 < 0.55


def test_another_order_of_planes_is_decided_by_the_data(
    whole: tuple[Path, Truth], tmp_path: Path, people: dict[str, Trials]
) -> None:
    with edited(whole[0], tmp_path) as person:
        reorder(person, {"x": "y", "y": "x", "z": "z"})
    before, after = people["AB01"]["level_part1"], read(tmp_path)["level_part1"]
    for group in ("kinematics", "kinetics"):
        np.testing.assert_array_equal(after.signals[group].values, before.signals[group].values)
    assert "'adduction', 'flexion', 'rotation'" in after.notes["evidence.axes"]


def test_planes_that_the_data_do_not_show_are_refused_or_stated(whole: tuple[Path, Truth], tmp_path: Path) -> None:
    with edited(whole[0], tmp_path) as person:
        for part in PARTS:
            scale(person[part]["kinematics/jointangles"], 0.05)
    with pytest.raises(DataFormatError, match=r"AB01\.mat: jointangles\.knee; .*source option axes="):
        read(tmp_path)
    with pytest.raises(DataFormatError, match=r"jointangles\.hip; .*source option hip_sign="):
        read(tmp_path, axes="adduction-flexion-rotation")
    signs = {"hip_sign": "flexion", "knee_sign": "flexion", "ankle_sign": "dorsiflexion"}
    signs |= {"hip_moment_sign": "extensor", "knee_moment_sign": "extensor", "ankle_moment_sign": "plantarflexor"}
    trial = read(tmp_path, axes="adduction-flexion-rotation", moment_unit="N mm/kg", **signs)["level_part1"]
    written = raw(tmp_path, "level/part1/kinematics/jointangles/right/hip/x_norm")
    np.testing.assert_allclose(curves(trial, "kinematics", "right", "hip", "adduction"), written, atol=1e-4)


@pytest.mark.parametrize("unit", ["N m", "N m/kg"])
def test_the_unit_of_moments_is_decided_with_the_body_mass(
    whole: tuple[Path, Truth], tmp_path: Path, people: dict[str, Trials], unit: str
) -> None:
    before = people["AB01"]["level_part1"]
    with edited(whole[0], tmp_path) as person:
        for part in PARTS:
            scale(person[part]["kinetics"], before.patient.body_mass / 1000 if unit == "N m" else 1e-3)
        ankle = person["level/part1/kinetics/jointmoment/right/ankle"]
        spiked = ankle["x_norm"][()].T
        spiked[:, 1] *= 20
        put(ankle, "x_norm", spiked)
    after = read(tmp_path)["level_part1"]
    for joint in ("hip", "knee", "ankle"):
        np.testing.assert_allclose(
            mean(after, "kinetics", joint), mean(before, "kinetics", joint), rtol=1e-4, atol=1e-6
        )
    assert after.notes["evidence.moment_unit"].startswith(f"{unit} (confidence")


def test_amplitude_of_emg_is_each_persons_own(tmp_path: Path, people: dict[str, Trials]) -> None:
    """AB01 has one `emg_scale` alone and after a person whose EMG is a thousand times larger (AB02, named AB00)."""
    quiet, loud = (people[patient]["level_part1"] for patient in ("AB01", "AB02"))
    loud = replace(loud, patient=replace(loud.patient, source_patient="AB00"))
    scales = []
    for number, trials in enumerate(([loud, quiet], [quiet])):
        store = str(tmp_path / str(number))
        for trial in trials:
            write_patient(store, SPEC, [trial], config_hash="")
        product = strides(store, ProcessConfig(dataset="macaluso"))
        scales.append(product["emg_scale"].values[(product["source_patient"] == "AB01").values])
        assert (np.nanmax(product["emg_scale"].values) > 100) == (len(trials) == 2)
    np.testing.assert_array_equal(scales[0], scales[1])


def test_a_knee_is_taken_from_the_leg_that_has_all_three_planes(whole: tuple[Path, Truth], tmp_path: Path) -> None:
    """Left y and right y of the two level parts lack a stride where the other's do not; then all of them."""
    knee = "kinematics/jointangles/{}/knee/y_norm"
    with edited(whole[0], tmp_path) as person:
        reorder(person, {"x": "y", "y": "x", "z": "z"})
        for part, side in (("level/part1", "left"), ("level/part2", "right")):
            values = person[f"{part}/{knee.format(side)}"][()].T
            values[:, -2:] = 0
            put(person[part], knee.format(side), values)
    assert "'adduction', 'flexion', 'rotation'" in read(tmp_path)["level_part1"].notes["evidence.axes"]
    with edited(whole[0], tmp_path) as person:
        for part in PARTS:
            for side in SIDES:
                values = person[f"{part}/{knee.format(side)}"][()].T
                values[:, -2:] = 0
                put(person[part], knee.format(side), values)
    with pytest.raises(DataFormatError, match=r"jointangles\.knee; .*source option axes="):
        read(tmp_path)
    trial = read(tmp_path, axes="flexion-adduction-rotation")["level_part1"]
    assert np.isnan(curves(trial, "kinematics", "left", "knee", "adduction")).all()
    assert np.nanmax(curves(trial, "kinematics", "left", "knee", "flexion")) > 50


def test_emg_state_is_decided_from_the_samples(
    whole: tuple[Path, Truth], tmp_path: Path, people: dict[str, Trials]
) -> None:
    trial = people["AB01"]["level_part1"]
    assert (trial.emg_state, trial.signals["emg"].points) == ("envelope", 3000)
    assert trial.signals["emg"].values.attrs["ambiguous"] == [f"{side}:gastrocnemius_medialis" for side in SIDES]
    rng = np.random.default_rng(1)
    with edited(whole[0], tmp_path) as person:
        for part in PARTS:
            for side in SIDES:
                for name, node in person[part]["emg"][side].items():
                    noise = np.cumsum(rng.standard_normal(node.shape), axis=1) * 0.02 + rng.standard_normal(node.shape)
                    put(person[part]["emg"][side], name, (node[()] * noise + 0.2).T)
    found = read(tmp_path)["level_part1"]
    assert found.emg_state == "raw"
    assert (found.signals["emg"].values.values[np.isfinite(found.signals["emg"].values.values)] < 0).any()
    assert read(tmp_path, emg_state="bandpassed")["level_part1"].emg_state == "bandpassed"


def test_every_stride_carries_the_condition_perturbation(people: dict[str, Trials]) -> None:
    for trials in people.values():
        for name, trial in trials.items():
            assert set(trial.strides["condition"]) == {"perturbation"}
            task = name.split("_")[0]
            activity = {"level": "walk", "uphill": "ramp_ascent", "downhill": "ramp_descent"}[task]
            assert set(trial.strides["activity"]) == {activity}
            assert set(trial.strides["source_activity"]) == {task}
            assert trial.strides["speed"].isna().all()


def test_the_user_may_say_that_no_stride_counts_as_perturbed(whole: tuple[Path, Truth], tmp_path: Path) -> None:
    with edited(whole[0], tmp_path):
        pass
    strides = read(tmp_path, condition="none")["level_part1"].strides
    assert set(strides["condition"]) == {"none"}


def test_a_stride_without_times_leaves_the_others_their_clock(whole: tuple[Path, Truth], tmp_path: Path) -> None:
    with edited(whole[0], tmp_path) as person:
        time = person["level/part2/cycles/left/time"][()].T
        time[40, 1] = np.nan
        put(person["level/part2/cycles/left"], "time", time)
    trial = read(tmp_path)["level_part2"]
    left = trial.rejected.query("side == 'left'")
    assert left[["stride_number", "reason"]].values.tolist() == [[1, "unknown_duration"]]
    assert trial.strides["trial_time"].notna().all()
    assert trial.signals["emg"].contiguity == "consecutive"


def test_muscles_of_another_count_are_left_out_and_outliers_excluded(people: dict[str, Trials]) -> None:
    for trials in people.values():
        trial = trials["uphill_part2"]
        assert trial.rejected.empty
        assert trial.notes["unpaired"] == (
            "emg.left.LRF_norm has 4 strides, the clock 5; emg.left.LTA_norm has 4 strides, the clock 5"
        )
        assert np.isnan(curves(trial, "emg", "left", "tibialis_anterior")).all()
        assert np.isfinite(curves(trial, "emg", "left", "biceps_femoris")).all()
        rejected = trials["level_part2"].rejected
        assert rejected[["side", "stride_number", "reason"]].values.tolist() == [["right", 1, "excluded"]]


def test_padding_and_zero_runs_are_missing(whole: tuple[Path, Truth], people: dict[str, Trials]) -> None:
    trial = people["AB01"]["level_part1"]
    written = raw(whole[0], "level/part1/emg/left/LTA_norm")
    found = curves(trial, "emg", "left", "tibialis_anterior")
    assert len(written) == len(found) + 1
    assert not written[-1].any()
    assert np.flatnonzero(np.isnan(found[0])).tolist() == list(range(600, 605))
    knee = curves(people["AB01"]["level_part2"], "kinematics", "left", "knee", "flexion")
    assert np.isnan(knee[1]).all()


def test_times_that_start_anew_are_no_clock(whole: tuple[Path, Truth], tmp_path: Path) -> None:
    with edited(whole[0], tmp_path) as person:
        for side in SIDES:
            time = person[f"level/part2/cycles/{side}/time"][()].T
            put(person["level/part2/cycles"][side], "time", time - time[0])
    trials = read(tmp_path)
    assert trials["level_part2"].strides["trial_time"].isna().all()
    assert trials["level_part2"].signals["emg"].contiguity == "isolated"
    assert trials["level_part1"].signals["emg"].contiguity == "consecutive"
    assert (trials["level_part2"].strides["duration"] > 0.8).all()


def test_further_fields_of_cycles_are_noted(whole: tuple[Path, Truth], tmp_path: Path) -> None:
    with edited(whole[0], tmp_path) as person:
        put(person["level/part1/cycles/left"], "flag", np.ones((1, 6)))
    assert read(tmp_path)["level_part1"].notes["further fields of cycles"] == "flag"


def test_mass_and_height_by_label_or_else_by_row(
    whole: tuple[Path, Truth], tmp_path: Path, people: dict[str, Trials]
) -> None:
    before = people["AB01"]["level_part1"].patient
    with edited(whole[0], tmp_path) as person:
        person["subjectdetails"][...] = person["subjectdetails"][()][:, ::-1]
    assert read(tmp_path)["level_part1"].patient == before
    with edited(whole[0], tmp_path) as person:
        cell = person["subjectdetails"][()]
        cell[0] = cell[1]
        person["subjectdetails"][...] = cell
    trial = read(tmp_path)["level_part1"]
    assert (trial.patient.height, trial.patient.body_mass) == (before.height, before.body_mass)
    assert "by position" in trial.notes["subjectdetails"]
