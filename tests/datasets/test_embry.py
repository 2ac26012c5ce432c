"""Embry 2018: planes, moments, pairing, clock and labels, on files written from its description."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from biomech_xr.datasets.embry import SPEC, patients
from biomech_xr.synthetic.embry import write_embry
from biomech_xr.synthetic.truth import Truth
from tests.datasets.embry_files import FILE, KEPT, Trials, edited, read, write_small
from tests.datasets.utd_files import curves, mean, put, scale


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    root = tmp_path_factory.mktemp("embry")
    return root, write_embry(root, patients=2, seed=3, minutes=0.2)


@pytest.fixture(scope="module")
def people(whole: tuple[Path, Truth]) -> dict[str, Trials]:
    return {patient: read(whole[0], patient) for patient in patients(whole[0])}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small(tmp_path_factory.mktemp("small"))


def scale_moments(small: Path, tmp_path: Path, factor: float) -> None:
    with edited(small, tmp_path) as person:
        for trial in KEPT:
            scale(person[trial]["kinetics/jointmoment"], factor)


def raw(root: Path, path: str, patient: str = "AB01") -> np.ndarray:
    with h5py.File(root / FILE) as file:
        return np.asarray(file[f"Gaitcycle/{patient}/{path}"])


def test_agrees_with_the_synthetic_people(whole: tuple[Path, Truth], people: dict[str, Trials]) -> None:
    columns = ["source_patient", "trial", "side", "activity", "trial_time", "duration"]
    found = [
        trial.strides.assign(source_patient=patient)[columns]
        for patient, trials in people.items()
        for trial in trials.values()
    ]
    result = pd.concat(found).sort_values([*columns[:3], "trial_time"], ignore_index=True)
    pd.testing.assert_frame_equal(result, whole[1].strides, check_dtype=False, rtol=0, atol=1e-6)
    assert (len(people["AB01"]), len(people["AB02"])) == (11, 6)


def test_x_is_sagittal(whole: tuple[Path, Truth], people: dict[str, Trials]) -> None:
    trial = people["AB01"]["s1i0"]
    written = raw(whole[0], "s1i0/kinematics/jointangles/left/knee/x")[:-1]
    np.testing.assert_allclose(curves(trial, "kinematics", "left", "knee", "flexion"), written, atol=1e-4)
    written = raw(whole[0], "s1i0/kinematics/jointangles/left/hip/y")[:-1]
    np.testing.assert_allclose(curves(trial, "kinematics", "left", "hip", "adduction"), written, atol=1e-4)
    written = raw(whole[0], "s1i0/kinematics/jointangles/left/hip/z")[:-1]
    np.testing.assert_allclose(curves(trial, "kinematics", "left", "hip", "rotation"), written, atol=1e-4)
    knee = mean(trial, "kinematics", "knee")
    assert 50 < knee.max() < 72
    assert 0.65 < knee.argmax() / 149 < 0.8


def test_moments_are_moments_and_not_forces(whole: tuple[Path, Truth], people: dict[str, Trials]) -> None:
    trial = people["AB01"]["s1i0"]
    written = raw(whole[0], "s1i0/kinetics/jointmoment/left/ankle/x")[:-1]
    np.testing.assert_allclose(curves(trial, "kinetics", "left", "ankle", "flexion"), -written / 1000, atol=1e-6)
    ankle = mean(trial, "kinetics", "ankle")
    assert -1.8 < ankle.min() < -1.2
    assert 0.42 < ankle.argmin() / 149 < 0.55
    knee, hip = mean(trial, "kinetics", "knee"), mean(trial, "kinetics", "hip")
    assert -0.8 < knee[15:31].min() < -0.3
    assert hip[5:30].max() < 0 < 0.4 < hip[67:98].max() < 1.0
    assert -1.2 < mean(trial, "kinetics", "hip", "adduction")[8:82].min() < -0.6


@pytest.mark.parametrize("unit", ["N m", "N mm", "N m/kg"])
def test_the_unit_of_moments_is_decided_by_evidence(
    small: Path, tmp_path: Path, people: dict[str, Trials], unit: str
) -> None:
    mass = people["AB01"]["s1i0"].patient.body_mass
    factor = {"N m": mass / 1000, "N mm": mass, "N m/kg": 1e-3}[unit]
    scale_moments(small, tmp_path, factor)
    trial = read(tmp_path)["s1i0"]
    np.testing.assert_allclose(
        mean(trial, "kinetics", "ankle"), mean(people["AB01"]["s1i0"], "kinetics", "ankle"), rtol=1e-4, atol=1e-5
    )
    assert trial.notes["evidence.moment_unit"].startswith(f"{unit} (confidence")
    assert people["AB01"]["s1i0"].notes["evidence.moment_unit"].startswith("N mm/kg (confidence")


def test_internal_moments_of_the_other_sign_are_recognised(
    small: Path, tmp_path: Path, people: dict[str, Trials]
) -> None:
    scale_moments(small, tmp_path, -1.0)
    trial = read(tmp_path)["s1i0"]
    for joint in ("hip", "knee", "ankle"):
        np.testing.assert_allclose(
            mean(trial, "kinetics", joint), mean(people["AB01"]["s1i0"], "kinetics", joint), rtol=1e-4, atol=1e-5
        )


def test_outliers_of_the_authors_are_excluded_counted_from_one(people: dict[str, Trials]) -> None:
    for trial in ("s1i0", "s1i5"):
        rejected = people["AB01"][trial].rejected
        assert rejected[["side", "stride_number", "reason"]].values.tolist() == [["right", 1, "excluded"]]
        assert "stepsout" in rejected["detail"].iloc[0]
    knees = curves(people["AB01"]["s1i0"], "kinematics", "right", "knee", "flexion").max(axis=1)
    assert knees[1] > 100 > knees[[0, 2]].max()


def test_padding_is_no_stride_and_zero_runs_are_missing(whole: tuple[Path, Truth], people: dict[str, Trials]) -> None:
    trial = people["AB01"]["s1i0"]
    written = raw(whole[0], "s1i0/emgdata/emg/left/TA")
    left = int((trial.strides["side"] == "left").sum())
    assert written.shape[0] == left + 1
    assert not written[-1].any()
    found = curves(trial, "emg", "left", "tibialis_anterior")
    assert np.flatnonzero(np.isnan(found[0])).tolist() == list(range(60, 66))
    assert np.isfinite(found[1:]).all()
    for each in people["AB01"].values():
        for signal in each.signals.values():
            assert not (signal.values.values == 0).all(axis=0).any()


def test_three_zeros_are_values_and_a_nan_stride_stays_nan(
    small: Path, tmp_path: Path, people: dict[str, Trials]
) -> None:
    with edited(small, tmp_path) as person:
        values = person["s1i0/emgdata/emg/right/BF"][()].T
        values[10:13, 0] = 0
        put(person["s1i0"], "emgdata/emg/right/BF", values)
    found = curves(read(tmp_path)["s1i0"], "emg", "right", "biceps_femoris")[0]
    assert (found[10:13] == 0).all()
    hip = curves(people["AB01"]["s1d5"], "kinematics", "left", "hip", "flexion")
    assert np.isnan(hip[1]).all()
    assert np.isfinite(hip[0]).all()
    assert 1 in people["AB01"]["s1d5"].strides.query("side == 'left'")["stride_number"].tolist()


def test_only_the_muscles_whose_counts_differ_are_left_out(people: dict[str, Trials]) -> None:
    """Right RF has a column less than the clock, right TA as many columns of which the last is padding."""
    trial = people["AB02"]["s1x2d7x5"]
    assert trial.rejected.empty
    assert trial.notes["unpaired"] == (
        "emgdata.emg.right.RF has 5 strides, the clock 6; emgdata.emg.right.TA has 5 strides, the clock 6"
    )
    for muscle, unpaired in (("rectus_femoris", True), ("tibialis_anterior", True), ("biceps_femoris", False)):
        assert np.isnan(curves(trial, "emg", "right", muscle)).all() == unpaired
        assert np.isfinite(curves(trial, "emg", "left", muscle)).all()
    assert np.isfinite(curves(trial, "kinematics", "right", "knee", "flexion")).all()


def test_a_last_stride_of_nan_is_a_stride(small: Path, tmp_path: Path) -> None:
    with edited(small, tmp_path) as person:
        values = person["s1i0/emgdata/emg/right/BF"][()].T
        values[:, -1] = np.nan
        put(person["s1i0"], "emgdata/emg/right/BF", values)
    trial = read(tmp_path)["s1i0"]
    found = curves(trial, "emg", "right", "biceps_femoris")
    assert np.isnan(found[-1]).all()
    assert np.isfinite(found[:-1]).all()
    assert "unpaired" not in trial.notes


def test_padding_of_another_width_is_paired_by_its_strides(
    whole: tuple[Path, Truth], people: dict[str, Trials]
) -> None:
    written = raw(whole[0], "s1d5/kinetics/jointmoment/left/ankle/x")
    clock = raw(whole[0], "s1d5/cycles/left/time")
    assert len(written) == len(clock) + 1
    trial = people["AB01"]["s1d5"]
    assert "unpaired" not in set(trial.rejected["reason"])
    found = curves(trial, "kinetics", "left", "ankle", "flexion")
    np.testing.assert_allclose(found, -written[: len(found)] / 1000, atol=1e-6)


def test_speed_and_signed_incline_are_labels(people: dict[str, Trials]) -> None:
    expected = {
        "s0x8i2x5": (0.8, 2.5, "ramp_ascent", "i2x5"),
        "s1i0": (1.0, 0.0, "walk", "i0"),
        "s1x2d7x5": (1.2, -7.5, "ramp_descent", "d7x5"),
        "s1d10": (1.0, -10.0, "ramp_descent", "d10"),
    }
    for name, (speed, incline, activity, task) in expected.items():
        trial = (people["AB01"] | people["AB02"])[name]
        assert trial.task == task
        labels = trial.strides[["speed", "incline", "activity", "surface", "condition"]].drop_duplicates()
        assert labels.values.tolist() == [[speed, incline, activity, "treadmill", "none"]]


def test_contact_times_are_heel_strike_frames(people: dict[str, Trials]) -> None:
    """AB01 has one clock; the stride times of AB02 start at 0, and its contacts lie between frames."""
    for patient in ("AB01", "AB02"):
        trial = people[patient]["s1x2i0"]
        right = trial.strides.query("side == 'right'")
        assert right["trial_time"].iloc[0] == pytest.approx(1.5)
        np.testing.assert_allclose(np.diff(right["trial_time"]), right["duration"][:-1], atol=1e-9)
        assert trial.signals["kinematics"].contiguity == "consecutive"


def spoil_clock(small: Path, tmp_path: Path, late: float, apart: list[int], jitter: float) -> pd.DataFrame:
    """Return the right strides of s1i0 whose times start at 0 and stop ``late`` s early, with frames so far apart."""
    with edited(small, tmp_path) as person:
        time = person["s1i0/cycles/right/time"][()].T
        whole = np.round((time[-1] - time[0]) * 100) / 100
        frames = np.cumsum([151, *np.round(whole[:-1] * 100 + apart)])
        ends = whole - late + jitter * (-1.0) ** np.arange(whole.size)
        put(person["s1i0"], "cycles/right/time", np.linspace(0 * ends, ends, 150))
        put(person["s1i0"], "cycles/right/frame", frames[None])
        del person.file["Continuous/AB01/s1i0/time"]
    strides = read(tmp_path)["s1i0"].strides
    return strides[strides["side"] == "right"].set_index("stride_number")


@pytest.mark.parametrize(("late", "jitter"), [(0.0, 0.0), (0.01, 0.0), (0.0, 0.004), (0.01, 0.004)])
def test_a_stride_lasts_to_the_next_frame_and_gaps_stay(
    small: Path, tmp_path: Path, late: float, jitter: float
) -> None:
    """The strides after number 2 begin 10 s later; the second is an outlier."""
    strides = spoil_clock(small, tmp_path, late, [0, 0, 1000, 0, 0], jitter)
    ends = strides["trial_time"] + strides["duration"]
    assert ends[3] == pytest.approx(strides["trial_time"][4], abs=1e-9)
    assert strides["trial_time"][3] - ends[2] == pytest.approx(10, abs=0.02)


@pytest.mark.parametrize("apart", [[-1, 3, 0, 0, 0], [7, -7, 0, 0, 0], [-90, 0, 0, 0, 0], [500, 500, 500, 0, 0]])
def test_frames_that_do_not_fit_the_durations_are_no_clock(small: Path, tmp_path: Path, apart: list[int]) -> None:
    strides = spoil_clock(small, tmp_path, 0.0, apart, 0.0)
    assert len(strides) > 3
    assert strides["trial_time"].isna().all()
    trial = read(tmp_path)["s1i0"]
    assert trial.signals["kinematics"].contiguity == "isolated"
    assert "6 heel-strike frames of the right leg do not fit its 6 durations" in trial.notes["clock"]


def test_too_few_frames_are_no_clock_and_without_frames_own_times_are(small: Path, tmp_path: Path) -> None:
    with edited(small, tmp_path) as person:
        put(person["s1i0"], "cycles/right/frame", [[1.0, 2.0]])
        del person["s1i5/cycles/right/frame"]
    trials = read(tmp_path)
    assert trials["s1i0"].strides.query("side == 'right'")["trial_time"].isna().all()
    assert trials["s1i5"].strides.query("side == 'right'")["trial_time"].iloc[0] == pytest.approx(1.5)


def test_emg_is_an_envelope_of_an_unnamed_head(people: dict[str, Trials]) -> None:
    trial = people["AB01"]["s1i0"]
    emg = trial.signals["emg"]
    assert trial.emg_state == "envelope"
    assert "confidence" in trial.notes["evidence.emg_state"]
    assert (emg.kind, emg.points, emg.endpoint) == ("segmented", 150, True)
    assert emg.values.attrs["ambiguous"] == ["left:gastrocnemius_medialis", "right:gastrocnemius_medialis"]
    assert list(emg.values["channel"].values) == [
        "rectus_femoris", "tibialis_anterior", "biceps_femoris", "gastrocnemius_medialis",
    ]  # fmt: skip
    assert any("AB04 to AB08" in defect for defect in SPEC.known_defects)


def test_a_trial_without_emg_is_kept_and_says_so(people: dict[str, Trials]) -> None:
    trial = people["AB02"]["s0x8i2x5"]
    assert set(trial.signals) == {"kinematics", "kinetics"}
    assert trial.notes["missing"] == "all EMG"
    assert len(trial.strides) > 4
