"""Grimmer 2020: clocks, touchdown lists, stairs or level, signs, units and bad input, on files from its notes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biomech_xr.datasets.grimmer import patients
from biomech_xr.errors import DataFormatError
from biomech_xr.schema import Trial
from biomech_xr.synthetic import grimmer as writer
from biomech_xr.synthetic.person import make_person
from biomech_xr.synthetic.truth import COLUMNS, Truth, stride_truth
from tests.datasets.grimmer_files import MINUTES, SEED, tree
from tests.datasets.grimmer_trees import (
    ANGLE,
    EMG,
    EMG_RATE,
    FIRST,
    STRIDE,
    Content,
    changed,
    flexion,
    make_content,
    read,
    write_content,
)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trial]:
    root = tmp_path_factory.mktemp("grimmer")
    write_content(root, make_content(filled=6))
    return read(root)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth, dict[str, dict[str, Trial]]]:
    root, truth = tree(lambda: tmp_path_factory.mktemp("people"))
    return root, truth, {patient: read(root, patient) for patient in patients(root)}


def test_agrees_with_the_synthetic_people(written: tuple[Path, Truth, dict[str, dict[str, Trial]]]) -> None:
    _, truth, people = written
    found = [
        trial.strides.assign(source_patient=patient)[list(COLUMNS)]
        for patient, trials in people.items()
        for trial in trials.values()
    ]
    result = stride_truth(pd.concat(found).to_dict("records"))
    pd.testing.assert_frame_equal(result, truth.strides, check_dtype=False, rtol=0, atol=1e-9)
    assert set(result["activity"]) == {"walk", "stair_ascent", "stair_descent"}


def test_emg_is_cut_by_time_and_not_by_frames_of_200_hz(usual: dict[str, Trial]) -> None:
    """The planted EMG is its own clock in s, so the samples of a stride must lie between its contacts."""
    trial = usual["config1_trial1"]
    emg = trial.signals["emg"]
    assert emg.sampling_frequency == pytest.approx(1111.11, abs=0.01)
    clock = emg.values.sel(side="right", channel="vastus_lateralis").values
    for row in trial.strides.query("side == 'right'").itertuples():
        inside = (emg.time() >= row.trial_time) & (emg.time() < row.trial_time + row.duration)
        assert clock[inside][0] == pytest.approx(row.trial_time, abs=1 / EMG_RATE)
        assert np.ptp(clock[inside]) == pytest.approx(1.2, abs=2 / EMG_RATE)


def test_touchdowns_are_frames_from_one_at_their_own_rate(usual: dict[str, Trial]) -> None:
    strides = usual["config1_trial1"].strides
    for side, first in (("right", 0.1), ("left", 0.7)):
        own = strides[strides["side"] == side]
        assert own["trial_time"].tolist() == pytest.approx(first + 1.2 * np.arange(12))
        assert own["stride_number"].tolist() == list(range(12))
    assert strides["duration"].tolist() == pytest.approx([1.2] * 24)


def test_level_and_stairs_are_told_apart_by_the_knee(usual: dict[str, Trial]) -> None:
    """The stride up to the first stair and the one off the last are transitions."""
    strides = usual["config1_trial1"].strides.query("side == 'right'")
    up, down = strides[:6], strides[6:]
    assert up["activity"].tolist() == ["stair_ascent"] * 4 + ["walk"] * 2
    assert up["transition"].tolist() == [True, False, False, True, False, False]
    assert down["activity"].tolist() == ["walk"] + ["stair_descent"] * 3 + ["walk"] * 2
    assert down["transition"].tolist() == [False, True, False, True, False, False]
    assert strides["source_activity"].tolist() == ["ascent"] * 6 + ["descent"] * 6
    walking = strides["activity"] == "walk"
    assert set(strides.loc[walking, "surface"]) == {"overground"}
    assert set(strides.loc[~walking, "surface"]) == {"stairs"}


def test_what_the_knee_says_of_stairs_is_noted_with_its_confidence(usual: dict[str, Trial]) -> None:
    notes = usual["config1_trial1"].notes
    for part in ("ascent", "descent"):
        for side in ("left", "right"):
            told = notes[f"evidence.activity.{part}.{side}"]
            assert f"stair_{part}" in told
            assert "walk" in told
            assert "(confidence 0.9" in told
            assert "knee" in told


def test_heights_of_the_configurations(usual: dict[str, Trial]) -> None:
    found = {}
    for name, trial in usual.items():
        heights = trial.strides.loc[trial.strides["activity"] != "walk", "stair_height"]
        found[name] = (trial.task, heights.min(), heights.max())
        assert trial.strides.loc[trial.strides["activity"] == "walk", "stair_height"].isna().all()
    three = (("stairs_low", 0.10, 0.10), ("stairs_normal", 0.17, 0.17), ("stairs_high", 0.24, 0.24))
    assert found == {f"config{c + 1}_trial1": three[c % 3] for c in range(6)}


def test_foot_off_is_the_end_of_the_force_record(usual: dict[str, Trial]) -> None:
    assert usual["config1_trial1"].strides["foot_off"].tolist() == pytest.approx([0.75] * 24)


def test_foot_offs_are_those_of_the_people(written: tuple[Path, Truth, dict[str, dict[str, Trial]]]) -> None:
    """Within half a frame; on top, where there is no plate, there is none."""
    person = make_person("grimmer-subject1", seed=SEED)
    for config, number, gait in writer._recordings(person, 1, seed=SEED, minutes=MINUTES):
        strides = written[2]["subject1"][f"config{config + 1}_trial{number + 1}"].strides
        known = strides[strides["foot_off"].notna()]
        for side, contact, off in zip(known["side"], known["trial_time"], known["foot_off"], strict=True):
            true = gait.foot_offs[str(side)][gait.foot_offs[str(side)] > contact][0]
            assert contact + off == pytest.approx(true, abs=0.0026)
        assert (len(known) == len(strides)) == (config < 3)
        assert len(known) >= 8


@pytest.mark.parametrize("unit", ["furlong", {"name": "V"}, ["mV", "V"], None])
def test_an_emg_unit_that_is_not_known_is_asked_for(tmp_path: Path, usual: dict[str, Trial], unit: Any) -> None:
    def change(content: Content) -> None:
        content[EMG].update(Emg_unit=unit)
        if unit is None:
            del content[EMG]["Emg_unit"]

    with pytest.raises(DataFormatError, match=r"grimmer: .*EMG7\.mat.*V, mV or uV.*source option emg_unit="):
        changed(tmp_path, change, filled=1)
    trial = read(tmp_path, emg_unit="V")["config1_trial1"]
    same = usual["config1_trial1"].signals["emg"].values
    np.testing.assert_allclose(trial.signals["emg"].values, same * 1e3, rtol=1e-6)
    assert trial.notes["evidence.emg_unit"] == "V (option emg_unit=V)"


@pytest.mark.parametrize(
    ("knee", "scale", "unit"), [(-1, 1.0, "N m/kg"), (1, 75.0, "N m"), (-1, 75.0, "N m"), (1, 1000.0, "N mm/kg")]
)
def test_signs_and_units_are_decided(
    tmp_path: Path, usual: dict[str, Trial], knee: int, scale: float, unit: str
) -> None:
    write_content(tmp_path, make_content(angle={"knee": knee}, moment={"knee": knee, "all": scale}, filled=1))
    trial, same = read(tmp_path)["config1_trial1"], usual["config1_trial1"]
    for joint in ("hip", "knee", "ankle"):
        for group in ("kinematics", "kinetics"):
            np.testing.assert_allclose(flexion(trial, group, joint), flexion(same, group, joint), atol=1e-4)
    assert trial.notes["evidence.moment_unit"].startswith(unit)
    assert trial.notes["evidence.knee_sign"].startswith(str(knee))


def test_external_moments_and_radians_are_decided(tmp_path: Path, usual: dict[str, Trial]) -> None:
    write_content(tmp_path, make_content(angle={"all": np.pi / 180}, moment={"all": -1}, filled=1))
    trial, same = read(tmp_path)["config1_trial1"], usual["config1_trial1"]
    for group in ("kinematics", "kinetics"):
        np.testing.assert_allclose(trial.signals[group].values, same.signals[group].values, atol=1e-4)
    assert trial.notes["evidence.angle_unit"].startswith("radian")


def test_the_sign_of_hip_adduction_is_decided(tmp_path: Path, usual: dict[str, Trial]) -> None:
    assert usual["config1_trial1"].notes["evidence.hip_adduction_sign"].startswith("1 (confidence 0.9")
    write_content(tmp_path, make_content(angle={"adduction": -1}, filled=1))
    trial, same = read(tmp_path)["config1_trial1"], usual["config1_trial1"]
    assert trial.notes["evidence.hip_adduction_sign"].startswith("-1 (confidence 0.9")
    np.testing.assert_allclose(trial.signals["kinematics"].values, same.signals["kinematics"].values, atol=1e-4)


def test_legs_of_opposite_signs_are_refused_until_stated(tmp_path: Path) -> None:
    """Both legs in one frame of the laboratory: adduction of the left one has the other sign."""

    def mirror(content: Content) -> None:
        for cells in content[ANGLE]["Joint_Kinematics"]:
            for trial in cells:
                trial["hip_angle_adduction_l"] = -trial["hip_angle_adduction_l"]

    with pytest.raises(
        DataFormatError, match=r"hip_angle_adduction; .*contradiction.*source option hip_adduction_sign="
    ):
        changed(tmp_path, mirror, filled=1)


def test_canonical_curves_are_physiological(usual: dict[str, Trial]) -> None:
    trial = usual["config1_trial1"]
    start = FIRST["r"] + 4 * STRIDE
    knee, ankle = flexion(trial, "kinematics", "knee"), flexion(trial, "kinetics", "ankle")
    assert 57 < knee[start : start + STRIDE].max() < 68
    assert -1.8 < ankle[start : start + STRIDE].min() < -1.2
    assert flexion(trial, "kinetics", "hip")[start + 10 : start + 40].max() < 0
    hip = trial.signals["kinetics"].values.sel(side="right", joint="hip", motion="adduction").values
    assert -1.2 < hip[start : start + STRIDE].min() < -0.6


@pytest.mark.parametrize(("unit", "factor"), [("V", 1e3), ("Microvolt", 1e-3)])
def test_emg_is_in_millivolts(tmp_path: Path, usual: dict[str, Trial], unit: str, factor: float) -> None:
    trial = changed(tmp_path, lambda c: c["Preprocessed/EMG/EMG7"].update(Emg_unit=unit), filled=1)["config1_trial1"]
    same = usual["config1_trial1"].signals["emg"].values
    np.testing.assert_allclose(trial.signals["emg"].values, same * factor, rtol=1e-6)
    assert trial.signals["emg"].values.attrs["units"] == "mV"
    assert list(same["channel"].values) == [
        "vastus_lateralis", "rectus_femoris", "tibialis_anterior", "biceps_femoris", "gastrocnemius_lateralis",
        "soleus",
    ]  # fmt: skip
    assert np.allclose(same.sel(channel="gastrocnemius_lateralis")[0], 4.0)


def test_a_synthetic_person_of_another_form_is_the_same_person(
    written: tuple[Path, Truth, dict[str, dict[str, Trial]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root, _ = tree(lambda: tmp_path_factory.mktemp("other"), other=True)
    trials = [read(root, "subject1")["config2_trial1"], written[2]["subject1"]["config2_trial1"]]
    for group in ("kinematics", "kinetics"):
        np.testing.assert_allclose(trials[0].signals[group].values, trials[1].signals[group].values, atol=1e-4)
