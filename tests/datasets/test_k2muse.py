"""K2MUSE: sagittal data, speeds, conditions, units and signs, continuous and cut form, pairing, bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from biomech_xr.parse import find_patients, read_patient
from biomech_xr.schema import Trial
from biomech_xr.synthetic import k2muse as writer
from biomech_xr.synthetic.truth import Truth
from tests.datasets.k2muse_files import LEVEL, Content, curves, leaf, made, read


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    root = tmp_path_factory.mktemp("k2muse")
    return root, writer.write_k2muse(root, patients=2, seed=5, minutes=0.3)


@pytest.fixture(scope="module")
def trials(tree: tuple[Path, Truth]) -> dict[str, dict[str, Trial]]:
    return {name: {t.trial: t for t in read_patient("k2muse", tree[0], name)} for name in ("P01", "P02")}


@pytest.fixture(scope="module")
def cut(tree: tuple[Path, Truth]) -> dict[str, Trial]:
    return {trial.trial: trial for trial in read_patient("k2muse", tree[0], "P02", {"level": "normalized"})}


@pytest.fixture
def content() -> Content:
    return made()


def test_strides_are_those_that_were_made(tree: tuple[Path, Truth], trials: dict[str, dict[str, Trial]]) -> None:
    for (patient, name, side), truth in tree[1].strides.groupby(["source_patient", "trial", "side"]):
        strides = trials[patient][name].strides
        own = strides[strides["side"] == side]
        np.testing.assert_allclose(own["trial_time"], truth["trial_time"], atol=1e-9)
        np.testing.assert_allclose(own["duration"], truth["duration"], atol=1e-9)
        assert set(own["activity"]) == set(truth["activity"])
    assert sum(len(t.strides) for found in trials.values() for t in found.values()) == len(tree[1].strides)


def test_sagittal_data_are_present_and_no_component_is_another(trials: dict[str, dict[str, Trial]]) -> None:
    for found in trials.values():
        for trial in found.values():
            for side in trial.strides["side"].unique():
                knee = curves(trial, "kinematics", side, "knee", "flexion").mean(axis=0)
                assert 50 < knee.max() < 75
                assert 66 <= knee.argmax() <= 78
                for joint in ("hip", "knee", "ankle"):
                    planes = [curves(trial, "kinematics", side, joint, m) for m in ("flexion", "adduction", "rotation")]
                    assert min(np.abs(planes[0] - planes[1]).max(), np.abs(planes[1] - planes[2]).max()) > 1
                    assert np.ptp(planes[0].mean(axis=0)) == max(np.ptp(p.mean(axis=0)) for p in planes)


def test_both_spellings_of_one_meter_a_second_and_all_speeds(trials: dict[str, dict[str, Trial]]) -> None:
    for name, spelled in (("P01", "S_1"), ("P02", "S_1x0")):
        found = {trial.trial: trial.strides["speed"].unique() for trial in trials[name].values()}
        assert found[f"Ideal_LG_0_{spelled}_Trial_1"] == [1.0]
        assert found["Ideal_LG_0_S_0x5_Trial_1"] == [0.5]
        assert found["Ideal_LG_0_S_1x5_Trial_1"] == [1.5]


def test_slopes_are_activities_with_a_signed_incline(trials: dict[str, dict[str, Trial]]) -> None:
    found = {trial.task: trial.strides.iloc[0] for trial in trials["P01"].values() if len(trial.strides)}
    inclines = {mode: (row["activity"], row["incline"], row["surface"]) for mode, row in found.items()}
    assert inclines == {
        "LG_0": ("walk", 0, "treadmill"),
        "AS_5": ("ramp_ascent", 5, "treadmill"),
        "AS_10": ("ramp_ascent", 10, "treadmill"),
        "DS_5": ("ramp_descent", -5, "treadmill"),
        "DS_10": ("ramp_descent", -10, "treadmill"),
    }


def test_conditions_are_labels_and_sessions(trials: dict[str, dict[str, Trial]]) -> None:
    found = {
        trial.notes["source_condition"]: (set(trial.strides["condition"]), trial.session)
        for trial in trials["P01"].values()
        if len(trial.strides)
    }
    assert found["Ideal"] == ({"none"}, "1")
    assert found["Fatigue"] == ({"fatigue"}, "1")
    assert found["InterDay"] == ({"none"}, "InterDay")
    assert found["ShiftInitial"] == ({"none"}, "Shift")
    assert found["ShiftUpward"] == found["ShiftDownward"] == ({"electrode_shift"}, "Shift")


def test_nine_muscles_on_the_right_four_on_the_left(trials: dict[str, dict[str, Trial]]) -> None:
    values = trials["P01"][LEVEL].signals["emg"].values
    measured = {
        side: set(values.channel.values[np.isfinite(values.sel(side=side)).any("sample")]) for side in ("left", "right")
    }
    assert measured["left"] == {"tibialis_anterior", "gastrocnemius_lateralis", "rectus_femoris", "biceps_femoris"}
    assert len(measured["right"]) == 9
    assert measured["left"] < measured["right"]
    assert trials["P01"][LEVEL].notes["evidence.emg_order"].startswith("crests fit the names")


@pytest.mark.parametrize("name", ["P01", "P02"])
def test_moments_are_internal_in_n_m_per_kg_in_three_planes(trials: dict[str, dict[str, Trial]], name: str) -> None:
    for trial in trials[name].values():
        if trial.task != "LG_0" or not trial.strides["condition"].eq("none").any():
            continue
        for side in trial.strides["side"].unique():
            ankle = curves(trial, "kinetics", side, "ankle", "flexion").mean(axis=0)
            assert -1.8 < ankle.min() < -1.2
            assert 45 <= ankle.argmin() <= 53
            hip = curves(trial, "kinetics", side, "hip", "adduction").mean(axis=0)
            assert -1.2 < hip[5:55].min() < -0.6
            knee = curves(trial, "kinetics", side, "knee", "adduction").mean(axis=0)
            assert -0.6 < knee[5:55].min() < -0.2
    unit = trials[name][next(iter(trials[name]))].notes["evidence.moment_unit"]
    assert unit.startswith("N m/kg (" if name == "P01" else "N mm/kg (")


def test_positive_power_at_push_off(trials: dict[str, dict[str, Trial]]) -> None:
    trial = trials["P02"]["Ideal_LG_0_S_1x0_Trial_1"]
    angle = np.deg2rad(curves(trial, "kinematics", "left", "ankle", "flexion").mean(axis=0))
    moment = curves(trial, "kinetics", "left", "ankle", "flexion").mean(axis=0)
    power = moment * np.gradient(angle, trial.strides["duration"].mean() / 100)
    assert power[45:65].max() > 0.8


def test_continuous_is_read_where_it_is_and_cut_where_not(trials: dict[str, dict[str, Trial]]) -> None:
    for name, found in trials.items():
        for trial in found.values():
            cut = trial.task == "DS_10" or trial.notes["source_condition"] in ("Fatigue", "ShiftLeftward")
            cut |= name == "P02" and "S_1x0" not in trial.trial
            assert trial.notes["level"].startswith("normalized" if cut else "original")
            assert trial.signals["kinematics"].kind == ("segmented" if cut else "continuous")


def test_both_forms_give_the_same_curves(cut: dict[str, Trial], trials: dict[str, dict[str, Trial]]) -> None:
    for name in ("Ideal_LG_0_S_1x0_Trial_1", "Ideal_AS_10_S_1x0_Trial_2", "Ideal_DS_10_S_1x0_Trial_5"):
        for side in ("left", "right"):
            for joint in ("hip", "knee", "ankle"):
                for motion in ("flexion", "adduction", "rotation"):
                    pair = [curves(t[name], "kinematics", side, joint, motion) for t in (cut, trials["P02"])]
                    np.testing.assert_allclose(pair[0], pair[1], atol=0.5)


def test_continuous_emg_lies_on_the_clock_of_the_events(
    cut: dict[str, Trial], trials: dict[str, dict[str, Trial]]
) -> None:
    name = "Ideal_LG_0_S_1x0_Trial_1"
    cells, continuous = cut[name].signals["emg"], trials["P02"][name].signals["emg"]
    bounds = np.cumsum([0, *cells.lengths])
    for row in cut[name].strides.itertuples():
        piece = cells.values.sel(side=row.side).values[bounds[row.segment] : bounds[row.segment + 1]]
        start = round((row.trial_time - continuous.t0) * 2000)
        own = continuous.values.sel(side=row.side).values[start : start + len(piece)]
        np.testing.assert_array_equal(own, piece)
    assert "row 0 is frame 62" in trials["P02"][name].notes["evidence.clock"]


def test_emg_that_starts_later_is_found(content: Content, tmp_path: Path) -> None:
    original = leaf(content, "OriginalData")
    original["EMGData"] = original["EMGData"][7:]
    trial = read(tmp_path, content)[LEVEL]
    assert trial.notes["level"] == "original"
    assert trial.signals["emg"].t0 - trial.signals["kinematics"].t0 == pytest.approx(7 / 2000)


def test_a_trial_that_was_never_cut_is_stored_without_strides(
    trials: dict[str, dict[str, Trial]], content: Content, tmp_path: Path
) -> None:
    trial = trials["P02"]["Ideal_LG_0_S_1x0_Trial_4"]
    assert set(trial.signals) == {"emg", "kinematics", "kinetics"}
    assert (len(trial.strides), len(trial.rejected)) == (0, 0)
    assert "not in NormalizedData: no events and no strides" in trial.notes["level"]
    del leaf(content, "OriginalData")["EMGData"]
    cut = {"Fatigue": content["NormalizedData"]["Fatigue"]}
    found = read(tmp_path, {**content, "NormalizedData": cut})[LEVEL]
    assert set(found.signals) == {"kinematics", "kinetics"}
    assert "not read: k2muse" in found.notes["level"]


def test_emg_that_is_not_in_the_continuous_form_is_not_used(content: Content, tmp_path: Path) -> None:
    leaf(content, "OriginalData")["EMGData"] *= 1.5
    assert "EMG cell 1 of the right leg is not in it" in read(tmp_path, content)[LEVEL].notes["level"]


def test_a_missing_cell_leaves_its_stride_without_emg(trials: dict[str, dict[str, Trial]]) -> None:
    trial = trials["P01"]["Fatigue_LG_0_S_1_Trial_10"]
    emg = trial.signals["emg"]
    lengths = np.array(emg.lengths)[trial.strides["segment"]]
    assert (lengths == 0).any()
    present = lengths > 0
    np.testing.assert_allclose(lengths[present] / 2000, trial.strides["duration"][present], atol=0.005)
    assert np.isfinite(curves(trial, "kinematics", "left", "knee", "flexion")).all()
    assert "paired by their lengths" in trial.notes["pairing"]


def test_without_events_nothing_is_paired_by_position(trials: dict[str, dict[str, Trial]]) -> None:
    trial = trials["P01"]["ShiftLeftward_LG_0_S_1_Trial_1"]
    assert trial.strides.empty
    assert set(trial.rejected["reason"]) == {"unpaired"}
    assert trial.rejected["detail"].str.contains("no events").all()
    assert set(trial.rejected["side"]) == {"left", "right"}


def test_emg_that_fits_no_event_is_left_out_and_the_joints_are_kept(trials: dict[str, dict[str, Trial]]) -> None:
    trial = trials["P01"]["Ideal_DS_10_S_1_Trial_5"]
    assert set(trial.strides["side"]) == {"left", "right"}
    assert trial.rejected.empty
    assert "emg" not in trial.signals
    assert np.isfinite(curves(trial, "kinematics", "left", "knee", "flexion")).all()
    assert "left: EMG of" in trial.notes["pairing"]


def test_zero_is_not_measured(trials: dict[str, dict[str, Trial]]) -> None:
    shifted = trials["P01"]["ShiftUpward_LG_0_S_1_Trial_1"].signals["emg"].values
    assert np.isnan(shifted.sel(channel="vastus_lateralis")).all()
    moments = trials["P01"][LEVEL].signals["kinetics"].values
    assert np.isnan(moments[:5]).all()
    assert np.isfinite(moments[5:]).all()


def test_a_gap_in_the_emg_stays_a_gap_and_does_not_hide_the_clock(trials: dict[str, dict[str, Trial]]) -> None:
    """The first 60 samples of a stride, by which a cell is found in the continuous form, hold a part of the gap."""
    for found in trials.values():
        spelled = "S_1" if "InterDay_LG_0_S_1_Trial_1" in found else "S_1x0"
        trial = found[f"InterDay_LG_0_{spelled}_Trial_1"]
        assert trial.notes["level"] == "original"
        emg = trial.signals["emg"]
        second = np.sort(trial.strides.query("side == 'right'")["trial_time"])[1]
        for channel in ("tibialis_anterior", "gastrocnemius_medialis", "gastrocnemius_lateralis"):
            values = emg.values.sel(side="right", channel=channel).values
            assert np.isnan(values).sum() == 30
            assert emg.time()[np.isnan(values)][0] == pytest.approx(second + 0.02, abs=1e-3)
        assert np.isfinite(emg.values.sel(side="right", channel="soleus")).all()


def test_stray_files_are_passed_over(tree: tuple[Path, Truth]) -> None:
    assert find_patients("k2muse", tree[0]) == ["P01", "P02"]
    assert find_patients("k2muse", tree[0] / "ProcessedData") == ["P01", "P02"]
