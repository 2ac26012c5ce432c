"""Lencioni 2019: sides, rates, signs, durations and bad input, on files written from its description."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biomech_xr.datasets.lencioni import OPTIONS, SPEC, patients
from biomech_xr.errors import DataFormatError
from biomech_xr.schema import Trial
from biomech_xr.synthetic.lencioni import MUSCLES
from biomech_xr.synthetic.truth import COLUMNS, Truth, stride_truth
from tests.datasets.lencioni_files import tree
from tests.datasets.lencioni_strides import (
    ANGLES,
    MOMENTS,
    make_stride,
    piece_of,
    read_person,
    write_person,
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth, dict[str, dict[str, Trial]]]:
    root, truth = tree(lambda: tmp_path_factory.mktemp("lencioni"))
    return root, truth, {patient: read_person(root, patient) for patient in patients(root)}


def test_agrees_with_the_synthetic_people(written: tuple[Path, Truth, dict[str, dict[str, Trial]]]) -> None:
    root, truth, people = written
    assert patients(root) == ["Subject1", "Subject3", "Subject18"]
    found = [
        trial.strides.assign(source_patient=patient)[list(COLUMNS)]
        for patient, trials in people.items()
        for trial in trials.values()
    ]
    result = stride_truth(pd.concat(found).to_dict("records"))
    pd.testing.assert_frame_equal(result, truth.strides, check_dtype=False, rtol=0, atol=1e-9)
    assert set(result["activity"]) == {"walk", "heel_walk", "toe_walk", "stair_ascent", "stair_descent"}


def test_emg_of_the_right_leg_is_masked_in_left_strides(tmp_path: Path) -> None:
    write_person(tmp_path, [make_stride(foot=foot, seed=k) for k, foot in enumerate(("RX", "LX", "RX", "LX"))])
    trial = read_person(tmp_path)["Walking"]
    emg = trial.signals["emg"]
    assert list(emg.values["side"].values) == ["right"]
    assert emg.lengths == (1101, 0, 1101, 0)
    np.testing.assert_allclose(piece_of(trial, "emg", 2)[:, 0, 0], make_stride(seed=2)["EMG"][0], rtol=1e-6)
    angles = trial.signals["kinematics"].values
    assert list(angles["side"].values) == ["left", "right"]
    left = piece_of(trial, "kinematics", 1)
    assert np.isfinite(left[:, 0]).all()
    assert np.isnan(left[:, 1]).all()
    assert trial.strides["side"].tolist() == ["right", "left", "right", "left"]
    assert "left out" in trial.notes["emg"]


def test_a_person_without_emg_side_has_no_emg(written: tuple[Path, Truth, dict[str, dict[str, Trial]]]) -> None:
    for trial in written[2]["Subject18"].values():
        assert "emg" not in trial.signals
        assert "does not say" in trial.notes["emg"]
        assert len(trial.strides) >= 8


def test_electrodes_on_the_left_are_read_as_left(tmp_path: Path) -> None:
    elements = [make_stride(foot=foot, seed=k) for k, foot in enumerate(("RX", "LX", "LX", "LX"))]
    write_person(tmp_path, elements, lambda s: s.update(EMGSide="LX"))
    trial = read_person(tmp_path)["Walking"]
    assert list(trial.signals["emg"].values["side"].values) == ["left"]
    assert trial.signals["emg"].lengths == (0, 1101, 1101, 1101)


def test_rates_are_those_of_each_file_in_both_spellings(
    written: tuple[Path, Truth, dict[str, dict[str, Trial]]], tmp_path: Path
) -> None:
    rates = {patient: trials["Walking"] for patient, trials in written[2].items()}
    assert rates["Subject1"].signals["emg"].sampling_frequency == 1000
    assert rates["Subject3"].signals["emg"].sampling_frequency == 960
    write_person(tmp_path, change=lambda s: s.update(EMGFeq=s.pop("EMGFreq")))
    assert read_person(tmp_path)["Walking"].signals["emg"].sampling_frequency == 1000


def test_duration_is_that_of_the_samples_and_cadence_is_not_believed(tmp_path: Path) -> None:
    """Published check: 921 samples at 1000 Hz are 0.920 s; 2946 are 2.945 s."""
    write_person(tmp_path, [make_stride(samples=n, seed=n) for n in (921, 2946, 1101, 1001)])
    strides = read_person(tmp_path)["Walking"].strides
    assert strides["duration"].tolist() == pytest.approx([0.920, 2.945, 1.1, 1.0])
    assert strides["trial_time"].isna().all()
    assert set(strides["duration_source"]) == {"samples"}
    assert strides["speed"].tolist() == [1.2] * 4


def test_strides_are_isolated_and_their_onsets_noted(tmp_path: Path) -> None:
    write_person(tmp_path)
    trial = read_person(tmp_path)["Walking"]
    assert {signal.contiguity for signal in trial.signals.values()} == {"isolated"}
    assert trial.notes["onsets"].count("3.590") == 4


def test_stairs_heels_and_toes_are_activities_of_their_own(tmp_path: Path) -> None:
    tasks = ("Walking", "StepUp", "StepDown", "HeelWalking", "ToeWalking", "toe WALKING", "Hopping")
    write_person(tmp_path, [make_stride(task, seed=k) for k, task in enumerate(tasks * 3)], more=0)
    trials = read_person(tmp_path)
    assert list(trials) == ["Walking", "StepUp", "StepDown", "HeelWalking", "ToeWalking", "Hopping"]
    found = {name: (set(t.strides["activity"]), set(t.strides["surface"])) for name, t in trials.items()}
    assert found == {
        "Walking": ({"walk"}, {"overground"}),
        "StepUp": ({"stair_ascent"}, {"stairs"}),
        "StepDown": ({"stair_descent"}, {"stairs"}),
        "HeelWalking": ({"heel_walk"}, {"overground"}),
        "ToeWalking": ({"toe_walk"}, {"overground"}),
        "Hopping": ({"other"}, {"unknown"}),
    }
    assert len(trials["ToeWalking"].strides) == 6
    assert trials["HeelWalking"].strides["incline"].eq(0).all()
    assert trials["StepUp"].strides["incline"].isna().all()
    assert "Hopping is none of Walking" in trials["Hopping"].notes["task"]
    assert "task" not in trials["Walking"].notes
    assert trials["StepUp"].strides["stair_height"].isna().all()


def test_a_single_element_is_a_stride(tmp_path: Path) -> None:
    write_person(tmp_path, [make_stride()], more=0)
    with pytest.raises(DataFormatError, match=r"HipFlx; found no clear answer.*hip_sign="):
        read_person(tmp_path)
    given = {name: option.choices[0] for name, option in OPTIONS.items()}
    assert len(read_person(tmp_path, **given)["Walking"].strides) == 1


def test_two_walking_strides_are_decided_with_the_help_of_the_other_tasks(tmp_path: Path) -> None:
    tasks = ["Walking"] * 2 + ["HeelWalking"] * 6 + ["StepUp"] * 6
    write_person(tmp_path, [make_stride(task, seed=k) for k, task in enumerate(tasks)], more=0)
    assert "6 strides" in read_person(tmp_path)["Walking"].notes["evidence.knee_sign"]


def test_angles_and_moments_are_canonical(tmp_path: Path) -> None:
    write_person(tmp_path)
    trial = read_person(tmp_path)["Walking"]
    angle, moment = piece_of(trial, "kinematics", 0)[:, 0], piece_of(trial, "kinetics", 0)[:, 0]
    assert 58 < angle[:, 1, 2].max() < 68
    assert angle[40:60, 0, 2].min() < -5
    assert -1.7 < moment[:, 2, 2].min() < -1.3
    assert moment[:, 2, 2].argmin() in range(44, 53)
    assert -0.7 < moment[10:20, 1, 2].min() < -0.3
    assert moment[2:20, 0, 2].max() < 0
    assert -1.1 < moment[10:50, 0, 0].mean() < -0.5
    assert -0.5 < moment[10:50, 1, 0].mean() < -0.1
    assert trial.notes["evidence.knee_moment_sign"].startswith("-1")


@pytest.mark.parametrize(
    ("rows", "member", "component"),
    [
        (["KneeFlx"], "Ang", ("kinematics", 1, 2)),
        (["HipFlx"], "Ang", ("kinematics", 0, 2)),
        (["HipFlxMom"], "Mom", ("kinetics", 0, 2)),
        (["KneeFlxMom"], "Mom", ("kinetics", 1, 2)),
        (["HipAddMom", "KneeAddMom", "AnkleAddMom"], "Mom", ("kinetics", 0, 0)),
    ],
)
def test_a_sign_that_the_descriptor_leaves_open_is_decided(
    tmp_path: Path, rows: list[str], member: str, component: tuple[str, int, int]
) -> None:
    write_person(tmp_path)
    group, joint, motion = component
    usual = piece_of(read_person(tmp_path)["Walking"], group, 0)[:, 0, joint, motion]
    elements = [make_stride(seed=k) for k in range(4)]
    for element in elements:
        for row in rows:
            element[member][(ANGLES if member == "Ang" else MOMENTS).index(row)] *= -1
    write_person(tmp_path, elements)
    turned = piece_of(read_person(tmp_path)["Walking"], group, 0)[:, 0, joint, motion]
    np.testing.assert_allclose(turned, usual, atol=1e-5)


def test_moments_that_are_not_decided_follow_by_analogy(tmp_path: Path) -> None:
    """All rows of the file are extensor positive: each is negated, in its own place, whether decided or not."""
    write_person(tmp_path)
    moment = piece_of(read_person(tmp_path)["Walking"], "kinetics", 0)[:, 0]
    stored = make_stride(seed=0)["Mom"]
    for row, name in enumerate(MOMENTS):
        joint, motion = row // 3, (2, 0, 1)[row % 3]
        assert np.ptp(stored[row]) > 0.01, name
        np.testing.assert_allclose(moment[:, joint, motion], -stored[row], atol=1e-5, err_msg=name)


def test_an_option_overrules_the_evidence(tmp_path: Path) -> None:
    write_person(tmp_path)
    knee = piece_of(read_person(tmp_path)["Walking"], "kinematics", 0)[:, 0, 1, 2]
    trial = read_person(tmp_path, knee_sign="extension", published_power="ignore")["Walking"]
    np.testing.assert_allclose(piece_of(trial, "kinematics", 0)[:, 0, 1, 2], -knee)
    note = trial.notes["evidence.knee_sign"]
    assert note.startswith("-1 (option knee_sign=extension); against the data: 1 (confidence 0.9")


def test_the_ankle_offset_is_kept_and_noted(tmp_path: Path) -> None:
    elements = [make_stride(seed=k) for k in range(4)]
    for element in elements:
        element["Ang"][ANGLES.index("AnkleFlx")] -= 22.5
    write_person(tmp_path, elements)
    trial = read_person(tmp_path)["Walking"]
    assert -25 < piece_of(trial, "kinematics", 0)[0, 0, 2, 2] < -20
    assert "-2" in trial.notes["ankle_offset"]
    assert any("offset" in text for text in SPEC.known_defects)


def test_rows_are_looked_up_by_name(tmp_path: Path) -> None:
    write_person(tmp_path)
    usual = read_person(tmp_path)["Walking"]
    order = np.random.default_rng(1).permutation(12)
    elements = [make_stride(seed=k) for k in range(4)]
    for element in elements:
        element["Ang"], element["EMG"] = element["Ang"][order], element["EMG"][::-1].copy()

    def rename(s: dict[str, Any]) -> None:
        s["AngVarName"], s["EmgVarName"] = s["AngVarName"][order], s["EmgVarName"][::-1].copy()

    write_person(tmp_path, elements, rename)
    shuffled = read_person(tmp_path)["Walking"]
    for group in ("kinematics", "kinetics"):
        np.testing.assert_array_equal(usual.signals[group].values, shuffled.signals[group].values)
    for muscle in MUSCLES.values():
        pair = [trial.signals["emg"].values.sel(channel=muscle) for trial in (usual, shuffled)]
        np.testing.assert_array_equal(pair[0].values, pair[1].values)


def test_foot_off_is_estimated_from_the_force_record_and_its_own_clock(tmp_path: Path) -> None:
    elements = [make_stride(seed=k) for k in range(4)]
    elements[1] |= {"TimeStampGrf": 3.64, "Grf": elements[1]["Grf"][:, 40:]}
    elements[2]["TimeStampGrf"] = 4.5
    elements[3]["Grf"] = np.zeros((0, 0))
    write_person(tmp_path, elements)
    trial = read_person(tmp_path)["Walking"]
    off = trial.strides["foot_off"].to_numpy()
    assert off[:2] == pytest.approx([0.671, 0.671], abs=0.002)
    assert np.isnan(off[2:]).all()
    assert "estimated" in trial.notes["foot_off"]


def test_what_is_empty_nan_or_zero_is_not_measured(tmp_path: Path) -> None:
    elements = [make_stride(seed=k) for k in range(6)]
    elements[0]["Mom"] = np.zeros((0, 0))
    elements[1]["EMG"][3] = 0.0
    elements[2]["Ang"][ANGLES.index("HipRot")] = np.nan
    elements[3]["EMG"] = np.zeros((0, 0))
    elements[4] |= {"EMG": np.zeros((0, 0)), "Ang": np.zeros((0, 0)), "Mom": np.zeros((0, 0))}
    elements[5] |= {"EMG": np.zeros((0, 0)), "Marker": np.zeros((0, 0))}
    write_person(tmp_path, elements)
    trial = read_person(tmp_path)["Walking"]
    assert np.isnan(piece_of(trial, "kinetics", 0)).all()
    assert np.isfinite(piece_of(trial, "kinetics", 1)[:, 0]).all()
    assert np.isnan(piece_of(trial, "emg", 1)[:, 0, 3]).all()
    assert np.isfinite(piece_of(trial, "emg", 1)[:, 0, 4]).all()
    assert np.isnan(piece_of(trial, "kinematics", 2)[:, 0, 0, 1]).all()
    assert trial.signals["emg"].lengths[3] == 0
    assert trial.strides["stride_number"].tolist() == [0, 1, 2, 3]
    assert trial.strides["duration"].tolist() == pytest.approx([1.1] * 4)
    reasons = trial.rejected.set_index("stride_number")["reason"].to_dict()
    assert reasons == {4: "no_signal", 5: "unknown_duration"}
