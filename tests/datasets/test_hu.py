"""Hu 2018 (ENABL3S): events, activities, signs and muscles, on circuits written from its description."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomech_xr import synthetic
from biomech_xr.datasets import get_dataset
from biomech_xr.datasets.hu import SPEC, patients
from biomech_xr.errors import DataFormatError
from biomech_xr.parse import read_patient
from biomech_xr.schema import Trial, validate_trial
from tests.datasets.hu_trials import LEFT, RIGHT, ROWS, ankle, bend, circuit, read, write


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    root = tmp_path_factory.mktemp("hu")
    write(root, circuit(), double=True)
    (found,) = read(root)
    return found


def test_trial_is_valid_and_named_after_the_circuit(trial: Trial) -> None:
    validate_trial(trial)
    assert (trial.trial, trial.task, trial.patient.patient) == ("circuit_001", "circuit", "hu-AB156")
    assert trial.sources[0][0] == "AB156/AB156/Processed/AB156_Circuit_001_post.csv"
    assert set(trial.signals) == {"emg", "kinematics"}
    assert trial.emg_state == "bandpassed"


def test_events_are_rows_counted_from_one(trial: Trial) -> None:
    right = trial.strides.query("side == 'right'")
    assert right["trial_time"].tolist() == pytest.approx([1.999, 3.099, 5.299])
    assert right["duration"].tolist() == pytest.approx([1.1, 1.1, 1.1])
    assert right["foot_off"].tolist() == pytest.approx([0.7, 0.7, 0.7])


def test_activity_is_of_the_stride_and_transition_of_its_first_contact(trial: Trial) -> None:
    right = trial.strides.query("side == 'right'").set_index("stride_number")
    assert right["activity"].to_dict() == {0: "walk", 1: "walk", 3: "stair_ascent"}
    assert right["transition"].to_dict() == {0: True, 1: False, 3: True}
    assert right["surface"].tolist() == ["overground", "overground", "stairs"]
    assert right.loc[3, "stair_height"] == pytest.approx(0.19685)
    assert right["stair_height"].isna()[0]
    assert right.loc[0, "incline"] == 0.0


def test_every_candidate_is_kept_or_rejected_with_a_reason(trial: Trial) -> None:
    for side, contacts in (("right", RIGHT), ("left", LEFT)):
        numbers = [
            *trial.strides.loc[trial.strides["side"] == side, "stride_number"],
            *trial.rejected.loc[trial.rejected["side"] == side, "stride_number"],
        ]
        assert sorted(numbers) == list(range(len(contacts) - 1))
    reasons = trial.rejected.query("side == 'right'").set_index("stride_number")["reason"].to_dict()
    assert reasons == {2: "activity_change", 4: "too_long", 5: "activity_change"}
    reasons = trial.rejected.query("side == 'left'").set_index("stride_number")["reason"].to_dict()
    assert reasons == {1: "too_long", 2: "activity_change"}


def test_angles_are_canonical(trial: Trial) -> None:
    angles = trial.signals["kinematics"].values
    knee = angles.sel(side="right", joint="knee", motion="flexion")
    assert float(knee[:1500].median()) == pytest.approx(95, abs=1)
    assert 55 < float(knee[2000:].max()) < 65
    raw = 8 * np.sin(2 * np.pi * np.arange(ROWS) / 1100)
    np.testing.assert_allclose(angles.sel(side="left", joint="ankle", motion="flexion"), -raw, atol=1e-4)
    assert np.isnan(angles.sel(joint="hip")).all()
    assert np.isnan(angles.sel(motion=["adduction", "rotation"])).all()


def test_knee_is_negated_on_both_legs_and_seen_in_the_strides(trial: Trial) -> None:
    raw = circuit()
    for side in ("left", "right"):
        assert SPEC.angles[f"{side.title()}_Knee"].factor == -1
        knee = trial.signals["kinematics"].values.sel(side=side, joint="knee", motion="flexion")
        np.testing.assert_allclose(knee, -raw[f"{side.title()}_Knee"], atol=1e-4)
    assert trial.notes["evidence.knee_sign.right"].startswith("1 (confidence ")
    assert "knee_sign" not in trial.notes


def test_a_leading_zero_lost_in_a_trigger_is_sitting_before_the_contact(trial: Trial) -> None:
    assert circuit()["Right_Heel_Contact_Trigger"][0] == 311
    first = trial.strides.query("side == 'right' and stride_number == 0")
    assert first[["activity", "transition"]].values.tolist() == [["walk", True]]


def test_circuits_that_some_users_leave_out_are_read(tmp_path: Path) -> None:
    for number in (5, 50):
        write(tmp_path, circuit(), number=number)
    assert [found.trial for found in read(tmp_path)] == ["circuit_005", "circuit_050"]
    assert any("AB156_005" in defect for defect in SPEC.known_defects)


def test_emg_keeps_side_and_muscle(tmp_path: Path) -> None:
    table = circuit()
    table["Left_VL"] = np.linspace(1, 2, ROWS)
    table["Right_SOL"] = np.zeros(ROWS)
    table["Right_TA"][100:140] = np.nan
    write(tmp_path, table)
    (trial,) = read(tmp_path)
    emg = trial.signals["emg"].values
    assert emg.sizes == {"sample": ROWS, "side": 2, "channel": 7}
    assert emg.attrs["units"] == "mV"
    np.testing.assert_allclose(emg.sel(side="left", channel="vastus_lateralis"), np.linspace(1, 2, ROWS), atol=1e-4)
    assert np.isnan(emg.sel(side="right", channel="soleus")).all()
    assert int(np.isnan(emg.sel(side="right", channel="tibialis_anterior")).sum()) == 40
    assert np.isfinite(emg.sel(side="left")).all()


def test_ramps_have_signed_incline_and_two_foot_offs_are_no_stride(tmp_path: Path) -> None:
    table = circuit()
    table["Mode"] = np.where(table["Mode"] == 4, 3.0, table["Mode"])
    table["Right_Heel_Contact_Trigger"][:7] = [311, 1311, 1311, 1331, 3331, 3331, 6361]
    table["Left_Toe_Off"][:4] = [2600, 3000, 4000, 11_200]
    write(tmp_path, table)
    (trial,) = read(tmp_path)
    ramp = trial.strides.query("activity == 'ramp_descent'")
    assert ramp["incline"].tolist() == [-10.0]
    assert ramp["surface"].tolist() == ["ramp"]
    left = trial.rejected.query("side == 'left' and stride_number == 0")
    assert left["reason"].tolist() == ["not_a_stride"]
    assert "2 foot offs" in left["detail"].iloc[0]


def test_standing_is_a_posture(tmp_path: Path) -> None:
    table = circuit()
    table["Mode"][2800:4000] = 6
    table["Right_Heel_Contact_Trigger"][1:3] = [6361, 1311]
    table["Right_Heel_Contact"][1:3] = [2900, 3900]
    write(tmp_path, table)
    (trial,) = read(tmp_path)
    assert "activity_change" in set(trial.rejected["reason"])
    table["Right_Heel_Contact_Trigger"][2] = 6361
    write(tmp_path, table)
    (trial,) = read(tmp_path)
    assert trial.rejected.query("reason == 'posture'")["source_activity"].tolist() == ["Standing"]


def test_circuit_without_events_is_no_error(tmp_path: Path) -> None:
    write(tmp_path, circuit())
    empty = circuit()
    for name in empty:
        if "Contact" in name or "Toe_Off" in name:
            empty[name][:] = np.nan
    write(tmp_path, empty, number=7)
    first, second = read(tmp_path)
    validate_trial(second)
    assert len(first.strides) > 0
    assert (second.trial, len(second.strides), len(second.rejected)) == ("circuit_007", 0, 0)
    (tmp_path / first.sources[0][0]).unlink()
    with pytest.raises(DataFormatError, match=r"AB156.*strides; found no stride \(no candidate at all\)"):
        read(tmp_path)


def test_a_reversed_knee_is_refused_unless_the_user_states_its_sign(tmp_path: Path) -> None:
    table = circuit()
    table["Right_Knee"] = -table["Right_Knee"]
    write(tmp_path, table, patient="AB192")
    with pytest.raises(DataFormatError, match=r"_post\.csv: Right_Knee; .*right: -1 .*source option knee_sign="):
        read(tmp_path, "AB192")
    (trial,) = read(tmp_path, "AB192", knee_sign="right_positive")
    knees = trial.signals["kinematics"].values.sel(joint="knee", motion="flexion")
    assert (knees[:1500].median("sample") > 90).all()
    assert trial.notes["evidence.knee_sign"] == "right_positive (option knee_sign=right_positive)"
    assert "knee_sign" not in trial.notes
    assert "goniometers" in trial.notes


def test_the_ankle_is_judged_on_walking_refused_when_denied_and_else_assumed(trial: Trial, tmp_path: Path) -> None:
    assert "not sure, assumed 1 (the authors negate" in trial.notes["evidence.ankle_sign"]
    table = circuit() | {"Mode": np.ones(ROWS)}
    for side, first in (("Right", 0.999), ("Left", 0.999)):
        contacts = np.full(ROWS, np.nan)
        contacts[:6] = 1000 + 1100 * np.arange(6)
        phase = (np.arange(ROWS) / 1000 - first) / 1.1
        table |= {f"{side}_Heel_Contact": contacts, f"{side}_Toe_Off": contacts + 700, f"{side}_Knee": -bend(phase),
                  f"{side}_Heel_Contact_Trigger": np.where(np.isnan(contacts), np.nan, 1311.0),
                  f"{side}_Ankle": -ankle(phase)}  # fmt: skip
    write(tmp_path, table)
    (found,) = read(tmp_path)
    for side in ("left", "right"):
        assert found.notes[f"evidence.ankle_sign.{side}"].startswith("1 (confidence 0.9")
    assert found.notes["evidence.ankle_sign"].startswith("1 (confidence 0.9")
    write(tmp_path, table | {"Left_Ankle": -table["Left_Ankle"]})
    with pytest.raises(DataFormatError, match=r"_post\.csv: Left_Ankle; .*left: -1 .*source option ankle_sign="):
        read(tmp_path)
    (stated,) = read(tmp_path, ankle_sign="left_positive")
    ankles = [t.signals["kinematics"].values.sel(joint="ankle", motion="flexion") for t in (stated, found)]
    np.testing.assert_array_equal(ankles[0], ankles[1])


def test_a_stride_in_which_nothing_was_measured_is_rejected(tmp_path: Path) -> None:
    table = circuit()
    start, stop = RIGHT[1] - 1, RIGHT[2] - 1
    for name in (*SPEC.emg, *SPEC.angles):
        if name.startswith("Right"):
            table[name][start:stop] = np.nan
    write(tmp_path, table)
    (trial,) = read(tmp_path)
    validate_trial(trial)
    lost = trial.rejected.query("reason == 'no_signal'")
    assert lost[["side", "stride_number", "source_activity"]].values.tolist() == [["right", 1, "Level ground walking"]]
    assert trial.strides.query("side == 'right'")["stride_number"].tolist() == [0, 3]
    table["Right_Knee"][start + 500] = -30.0
    write(tmp_path, table)
    (trial,) = read(tmp_path)
    assert trial.strides.query("side == 'right'")["stride_number"].tolist() == [0, 1, 3]


def test_a_slow_stride_of_three_seconds_is_kept_and_a_long_half_is_none(tmp_path: Path) -> None:
    table = circuit()
    table["Right_Heel_Contact"][:7] = [2000, 4850, 5000, 5300, 6400, 10_600, 11_600]
    table["Right_Toe_Off"][:6] = [3450, 4900, 5100, 6000, 7000, 11_000]
    write(tmp_path, table)
    (trial,) = read(tmp_path)
    assert trial.strides.query("side == 'right'")["duration"].tolist() == pytest.approx([2.85, 1.1])
    table["Right_Toe_Off"][0] = 3600
    write(tmp_path, table)
    (trial,) = read(tmp_path)
    half = trial.rejected.query("side == 'right' and stride_number == 0")
    assert half[["reason", "detail"]].values.tolist() == [
        ["not_a_stride", "foot off 1.60 s after the contact: a half longer than 1.5 s"]
    ]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, synthetic.Truth]:
    root = tmp_path_factory.mktemp("people")
    return root, synthetic.write("hu", root, patients=1, seed=3, minutes=0.1)


def test_agrees_with_the_synthetic_people(tree: tuple[Path, synthetic.Truth]) -> None:
    """The writer knows its strides independently of the reader: same sides, activities, times and durations."""
    root, truth = tree
    columns = ["source_patient", "trial", "side", "activity", "trial_time", "duration"]
    found = []
    for patient in patients(root):
        for trial in read(root, patient):
            validate_trial(trial)
            assert 40 < trial.patient.body_mass < 120
            assert 1.4 < trial.patient.height < 2.1
            assert trial.patient.sex in ("male", "female")
            assert "knee_sign" not in trial.notes
            assert trial.notes["evidence.ankle_sign"].startswith("1 (confidence 0.9")
            found.append(trial.strides.assign(source_patient=patient)[columns])
    result = pd.concat(found).sort_values([*columns[:3], "trial_time"], ignore_index=True)
    pd.testing.assert_frame_equal(result, truth.strides, check_dtype=False, rtol=0, atol=1e-6)


def test_raw_emg_of_the_synthetic_people_keeps_the_mains(tree: tuple[Path, synthetic.Truth]) -> None:
    power = {}
    for option in ("processed", "raw"):
        trial = next(read_patient("hu", tree[0], "AB156", {"emg": option}))
        rest = trial.signals["emg"].values.sel(side="left", channel="soleus").values[:1000]
        power[option] = np.abs(np.fft.rfft(rest))[60]
    assert power["raw"] > 2 * power["processed"]


def test_registered() -> None:
    dataset = get_dataset("hu")
    assert dataset.spec.evidence == "notes"
    assert dataset.spec.sides == ("left", "right")
