"""SIAT-LLMD: clock, legs, labels, signs and units by evidence, and bad input, on trees written from its description."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomech_xr import evidence
from biomech_xr.datasets.siat import OPTIONS, SPEC, patients, recordings
from biomech_xr.datasets.siat.labels import Cycle, _check_closings
from biomech_xr.errors import DataFormatError
from biomech_xr.schema import Trial, validate_trial
from biomech_xr.synthetic import Truth
from tests.datasets.siat_trees import INNER, KNEES, level_walking, rewrite, walk, written

KNEE_TORQUES = [f"Kinetic: {side} knee flexion torque" for side in ("left", "right")]
TORQUES = list(SPEC.moments)

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestWarning")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    return written(tmp_path_factory)


@pytest.fixture(scope="module")
def trials(tree: tuple[Path, Truth]) -> dict[tuple[str, str], Trial]:
    root, _ = tree
    return {(name, trial.trial): trial for name in ("Sub01", "Sub02") for trial in recordings(root, name, {})}


@pytest.fixture
def small(tree: tuple[Path, Truth], tmp_path: Path) -> Path:
    return level_walking(tree[0], tmp_path)


def knee_peak(trial: Trial) -> float:
    return float(trial.signals["kinematics"].values.sel(side="left", joint="knee", motion="flexion").max())


def ankle_push(trial: Trial) -> float:
    return float(trial.signals["kinetics"].values.sel(side="left", joint="ankle", motion="flexion").min())


def test_people_are_found_at_either_level_of_the_doubled_folder(tree: tuple[Path, Truth]) -> None:
    root, _ = tree
    assert patients(root) == patients(root / INNER.parts[0]) == patients(root / INNER) == ["Sub01", "Sub02", "Sub03"]


def test_every_movement_is_a_valid_recording_and_a_missing_one_is_no_error(
    trials: dict[tuple[str, str], Trial],
) -> None:
    for trial in trials.values():
        validate_trial(trial)
    codes = {name: {code for person, code in trials if person == name} for name in ("Sub01", "Sub02")}
    assert len(codes["Sub01"]) == 16
    assert codes["Sub01"] - codes["Sub02"] == {"KLCL"}
    assert {trial.task for trial in trials.values()} == codes["Sub01"]


def test_strides_are_those_that_were_made(tree: tuple[Path, Truth], trials: dict[tuple[str, str], Trial]) -> None:
    for (person, code), trial in trials.items():
        table = tree[1].strides
        made = table[(table["source_patient"] == person) & (table["trial"] == code)]
        found = trial.strides.sort_values(["side", "trial_time"])
        np.testing.assert_allclose(found[["trial_time", "duration"]], made[["trial_time", "duration"]], atol=1e-6)
        assert list(found["side"]) == list(made["side"])
        assert list(found["activity"]) == list(made["activity"])
        assert (len(made) > 0) == (code in ("WAK", "UPS", "DNS"))


def test_the_movements_hs_and_to_are_not_gait_events(trials: dict[tuple[str, str], Trial]) -> None:
    for code in ("HS", "TO"):
        assert len(trials["Sub01", code].strides) == len(trials["Sub01", code].rejected) == 0


def test_rate_is_1920_from_the_time_column_and_not_1926(small: Path) -> None:
    assert walk(small).signals["emg"].sampling_frequency == 1920
    rewrite(small, lambda table: table.assign(Time=table["Time"] * 1920 / 1926))
    with pytest.raises(DataFormatError, match=r"Sub01_WAK_Data\.csv: Time; found 1926\.00 Hz.*1920 Hz"):
        walk(small)


def test_the_leg_of_a_cycle_comes_from_the_knee_whatever_group_means(trials: dict[tuple[str, str], Trial]) -> None:
    split, counted = trials["Sub01", "WAK"], trials["Sub02", "WAK"]
    assert split.strides["side"].value_counts().to_dict() == {"left": 5, "right": 5}
    assert "groups 6, 7, 8, 9, 10" in split.notes["evidence.leg"]
    assert set(counted.strides["side"]) == {"left"}
    assert len(counted.strides) >= 6


def test_swing_flexion_lies_in_the_strides_own_swing(trials: dict[tuple[str, str], Trial]) -> None:
    for (_, code), trial in trials.items():
        signal = trial.signals["kinematics"]
        for _, row in trial.strides.iterrows():
            start, duration, off = (float(row[name]) for name in ("trial_time", "duration", "foot_off"))
            knee = signal.values.sel(side=row["side"], joint="knee", motion="flexion").values
            inside = (signal.time() >= start) & (signal.time() < start + duration)
            peak = float(signal.time()[inside][np.argmax(knee[inside])]) - start
            assert off - 0.05 < peak < duration, code
            assert 0.55 < off / duration < 0.7


def test_emg_is_of_the_left_leg_alone(trials: dict[tuple[str, str], Trial]) -> None:
    emg = trials["Sub01", "WAK"].signals["emg"].values
    assert list(emg["side"].values) == ["left"]
    assert emg.attrs["units"] == "mV"
    assert {"tibialis_anterior_upper", "tibialis_anterior_lower", "semimembranosus"} <= set(emg["channel"].values)
    assert emg.sizes["channel"] == 9
    right = trials["Sub01", "WAK"].strides.query("side == 'right'")
    assert len(right) == 5


def test_missing_and_dead_channels_are_nan(trials: dict[tuple[str, str], Trial]) -> None:
    gap = trials["Sub01", "UPS"].signals["emg"].values.sel(side="left", channel="vastus_medialis")
    assert int(np.isnan(gap).sum()) == 30
    dead = trials["Sub02", "UPS"].signals["emg"].values.sel(side="left", channel="soleus")
    assert np.isnan(dead).all()


def test_held_rows_are_taken_once_at_their_native_rate(trials: dict[tuple[str, str], Trial]) -> None:
    held = trials["Sub01", "DNS"]
    assert held.signals["kinematics"].sampling_frequency == held.signals["kinetics"].sampling_frequency == 120
    assert "held 16 times" in held.notes["kinematics_rows"]
    assert trials["Sub01", "WAK"].signals["kinematics"].sampling_frequency == 1920


def test_partial_cycles_are_rejected_and_counted(trials: dict[tuple[str, str], Trial]) -> None:
    trial = trials["Sub02", "UPS"]
    assert trial.rejected["reason"].tolist() == ["not_a_stride", "not_a_stride"]
    assert "its contact was cut" in trial.rejected["detail"].iloc[0]
    assert "not 1 to 3" in trial.rejected["detail"].iloc[1]
    numbers = sorted([*trial.strides["stride_number"], *trial.rejected["stride_number"]])
    assert numbers == list(range(len(numbers)))


def test_labels_longer_than_the_data_are_joined_by_time(trials: dict[tuple[str, str], Trial]) -> None:
    assert "joined by Time" in trials["Sub01", "DNS"].notes["length"]


def test_labels_that_start_later_than_the_data_are_joined_by_time(small: Path) -> None:
    before = walk(small).strides
    rewrite(small, lambda table: table.iloc[300:], "Label")
    after = walk(small).strides
    pd.testing.assert_frame_equal(before, after)
    assert len(before) > 3


def test_mass_and_height_are_read_whatever_the_unit(
    tree: tuple[Path, Truth], trials: dict[tuple[str, str], Trial]
) -> None:
    for name in ("Sub01", "Sub02"):
        person = trials[name, "WAK"].patient
        assert 45 < person.body_mass < 110
        assert 1.5 < person.height < 2.0
        assert person.sex in ("male", "female")


def test_moments_are_per_mass_internal_and_in_the_right_joint(trials: dict[tuple[str, str], Trial]) -> None:
    for name in ("Sub01", "Sub02"):
        trial = trials[name, "WAK"]
        assert trial.notes["evidence.moment_unit"].startswith("N m (")
        assert -1.8 < ankle_push(trial) < -1.2
        hip = trial.signals["kinetics"].values.sel(side="left", joint="hip", motion="adduction")
        assert -1.3 < float(hip.min()) < -0.6
        assert np.isnan(trial.signals["kinetics"].values.sel(motion="rotation")).all()


@pytest.mark.parametrize(("knee", "opposite"), [(-1, False), (1, True)])
def test_knee_sign_and_torque_sign_are_decided(small: Path, knee: int, opposite: bool) -> None:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table[KNEES + KNEE_TORQUES] *= knee
        if opposite:
            table[TORQUES] *= -1
        return table

    rewrite(small, change)
    trial = walk(small)
    assert trial.notes["evidence.knee_sign"].startswith(f"{knee} (")
    assert 50 < knee_peak(trial) < 75
    assert -1.8 < ankle_push(trial) < -1.2
    values = trial.signals["kinetics"].values.sel(side="left", motion="flexion")
    row = trial.strides.query("side == 'left'").iloc[0]
    stance = slice(int((row.trial_time + 0.1 * row.duration) * 1920), int((row.trial_time + 0.2 * row.duration) * 1920))
    assert float(values.sel(joint="knee")[stance].min()) < -0.3


def test_torques_per_mass_are_not_divided_again(small: Path, tree: tuple[Path, Truth]) -> None:
    mass = walk(small).patient.body_mass
    rewrite(small, lambda table: table.assign(**{name: table[name] / mass for name in TORQUES}))
    trial = walk(small)
    assert trial.notes["evidence.moment_unit"].startswith("N m/kg (")
    assert -1.8 < ankle_push(trial) < -1.2


def test_an_option_settles_what_the_data_leave_open(small: Path) -> None:
    def stiff(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(**{str(name): table[name] * 0.01 for name in table if "ankle flexion angle" in str(name)})

    rewrite(small, stiff)
    with pytest.raises(DataFormatError, match=r"siat: .*WAK_Data\.csv: Kinematic: \* ankle flexion angle.*ankle_sign="):
        walk(small)
    assert "option ankle_sign=positive" in walk(small, ankle_sign="positive").notes["evidence.ankle_sign"]
    assert set(OPTIONS) >= {"knee_sign", "hip_sign", "ankle_sign", "moment_unit", "moment_sign", "emg_state"}


def test_without_a_mass_torques_in_newton_metres_are_left_out(small: Path) -> None:
    (small / "SubjectInformation.xlsx").unlink()
    trial = walk(small)
    assert "kinetics" not in trial.signals
    assert "body mass is not known" in trial.notes["kinetics"]
    assert np.isnan(trial.patient.body_mass)


def test_event_marks_alone_are_read_as_cycles_of_one_leg(tree: tuple[Path, Truth], tmp_path: Path) -> None:
    """The last cycle of the right leg must not end at the first mark of the left one."""
    trial = walk(level_walking(tree[0], tmp_path, "Sub03"))
    made = tree[1].strides.query("source_patient == 'Sub03' and trial == 'WAK'")
    found = trial.strides.sort_values(["side", "trial_time"])
    np.testing.assert_allclose(found[["trial_time", "duration"]], made[["trial_time", "duration"]], atol=1e-6)
    assert list(found["side"]) == list(made["side"]) == ["left"] * 4 + ["right"] * 4
    assert trial.rejected.set_index("side")["reason"].to_dict() == dict.fromkeys(("left", "right"), "not_a_stride")
    assert "group 5 are of the other leg" in trial.rejected.query("side == 'right'")["detail"].item()


def test_event_marks_after_a_pause_do_not_close_a_cycle() -> None:
    given = [
        Cycle(start=s, stop=e, off=0, peak=0, first=0, group=k, marks=True)
        for k, (s, e) in enumerate([(0, 1.1), (1.1, 2.2), (2.2, 3.9), (3.9, 5.0), (5.0, 6.1)])
    ]
    checked = _check_closings(given)
    assert ["1.70 s after" in cycle.fault for cycle in checked] == [False, False, True, False, False]
    assert np.isnan(checked[2].stop)


def test_a_leg_with_few_cycles_in_a_trial_is_judged_with_the_others(tree: tuple[Path, Truth], small: Path) -> None:
    for name, kind in (("Data", "Data"), ("Labels", "Label")):
        shutil.copy(tree[0] / INNER / "Sub01" / name / f"Sub01_UPS_{kind}.csv", small / "Sub01" / name)
    path = small / "Sub01" / "Labels" / "Sub01_UPS_Label.csv"
    table = pd.read_csv(path, dtype=str)
    few = table["Group"].isin(["1", "2", "6", "7"])
    table.assign(Status=table["Status"].where(few), Group=table["Group"].where(few)).to_csv(path, index=False)
    climb, _ = recordings(small, "Sub01", {})
    assert climb.strides["side"].value_counts().to_dict() == {"left": 2, "right": 2}
    assert "with the other trials" in climb.notes["evidence.leg"]


@pytest.mark.parametrize("person", ["Sub01", "Sub02"])
def test_legs_of_different_sign_do_not_pass(tree: tuple[Path, Truth], tmp_path: Path, person: str) -> None:
    """Sub02 has labelled cycles of the left leg alone."""
    small = level_walking(tree[0], tmp_path, person)
    rewrite(small, lambda table: table.assign(**{KNEES[1]: -table[KNEES[1]]}))
    with pytest.raises(DataFormatError, match=r"knee flexion angle; .*the legs differ: left: .*right: .*knee_sign="):
        walk(small)


def test_labels_of_the_other_foot_are_no_strides(small: Path) -> None:
    """Shifted by a quarter of a stride the labels fit neither knee."""
    rewrite(small, lambda table: table.assign(Time=table["Time"] - 0.28), "Label")
    with pytest.raises(DataFormatError, match=r"siat: .*option"):
        walk(small)
    settled = dict.fromkeys(("hip_sign", "knee_sign", "ankle_sign"), "positive")
    settled |= {"moment_unit": "N m", "moment_sign": "generalized_force"}
    with pytest.raises(DataFormatError, match=r"found no stride \(10 not_a_stride"):
        walk(small, **settled)


def test_a_trial_without_labels_is_kept_without_strides(tree: tuple[Path, Truth], small: Path) -> None:
    shutil.copy(tree[0] / INNER / "Sub01" / "Data" / "Sub01_UPS_Data.csv", small / "Sub01" / "Data")
    climb, _ = recordings(small, "Sub01", {})
    assert (climb.trial, len(climb.strides), climb.notes["labels"]) == ("UPS", 0, "no label file: no candidate")


@pytest.mark.realdata
def test_real_channels_have_these_names_rate_and_state(samples: Path) -> None:
    table = pd.read_csv(samples / "siat" / "demo_Sub10_session.csv.gz")
    assert set(SPEC.emg) == set(table.columns) - {"Time"}
    assert 1 / np.diff(table["Time"]).mean() == pytest.approx(1920, abs=0.01)
    for name in SPEC.emg:
        decision = evidence.emg_state(table[name].to_numpy(), 1920)
        assert decision.value != "envelope"
        assert abs(table[name].median()) < 0.06
