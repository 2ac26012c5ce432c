"""Camargo 2021: from sawtooth cycles, belt speeds and labels to strides and reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biomech_xr.datasets.camargo import SPEC
from biomech_xr.datasets.camargo.conditions import make_judge
from biomech_xr.datasets.camargo.sawtooth import is_linear, read_sawtooth
from biomech_xr.schema import validate_trial
from tests.datasets.camargo_trials import (
    ORIGIN,
    STRIKES,
    labels,
    of,
    one,
    ramp,
    read,
    save,
    sawtooth,
    tables,
    write,
)


def test_plate_made_cycle_keeps_the_first_and_last_full_stride(tmp_path: Path) -> None:
    write(tmp_path, tables())
    (trial,) = read(tmp_path)
    right = of(trial.strides, "right")
    assert right["trial_time"].tolist() == pytest.approx([ORIGIN + strike for strike in STRIKES[:-1]])
    assert right["duration"].tolist() == pytest.approx([1.1] * 5)
    assert right["foot_off"].tolist() == pytest.approx([0.7] * 5)
    assert right["speed"].tolist() == pytest.approx([1.2] * 5)
    assert len(trial.rejected) == 0


def test_first_and_last_ramps_of_a_marker_made_cycle_are_rejected_as_no_stride(tmp_path: Path) -> None:
    found = ramp(tmp_path, (0.0, "walk"))
    right, lost = of(found.strides, "right"), of(found.rejected, "right")
    assert right["trial_time"].tolist() == pytest.approx([ORIGIN + strike for strike in STRIKES[:-1]])
    assert right.index.tolist() == [1, 2, 3, 4, 5]
    assert sorted(lost.index) == [0, 6]
    assert set(lost["reason"]) == {"not_a_stride"}
    assert set(lost["detail"]) == {
        "the ramp before the first contact is no full cycle",
        "the ramp after the last contact is no full cycle",
    }
    assert sorted(of(found.rejected, "left").index) == [0, 5]


def test_belt_speed_must_not_change(tmp_path: Path) -> None:
    made = tables()
    speed = made["conditions"]["speed"]
    speed["Speed"] = np.interp(speed["Header"] - ORIGIN, [0, 2.0, 3.0, 6.2, 6.3], [0.9, 0.9, 1.3, 1.3, 0.0])
    write(tmp_path, made)
    (found,) = read(tmp_path)
    assert of(found.strides, "right")["speed"].round(3).to_dict() == {0: 0.9, 3: 1.3, 4: 1.3}
    assert of(found.rejected, "right")["reason"].to_dict() == {1: "changing_speed", 2: "changing_speed"}
    assert of(found.rejected, "left")["reason"].to_dict() == {0: "changing_speed", 1: "changing_speed"}


def test_activity_of_a_ramp_stride_comes_from_its_label(tmp_path: Path) -> None:
    found = ramp(
        tmp_path, (0, "walk"), (1.75, "walk-rampascent"), (2.1, "rampascent"), (3.95, "rampdescent"), (4.95, "turn1")
    )
    table = of(found.strides, "right")
    assert table["activity"].tolist() == ["walk", "ramp_ascent", "ramp_ascent", "ramp_descent", "turn"]
    assert table["transition"].tolist() == [False, True, False, True, False]
    assert table["incline"].tolist() == pytest.approx([0, 7.8, 7.8, -7.8, 0])
    assert table["surface"].tolist() == ["overground", "ramp", "ramp", "ramp", "overground"]
    assert table.loc[2, "source_activity"] == "rampascent"
    left = of(found.strides, "left")
    assert left["activity"].tolist() == ["walk", "ramp_ascent", "ramp_ascent", "turn"]


def test_stairs_have_the_height_of_the_file_in_metres_and_signed_words(tmp_path: Path) -> None:
    conditions = {
        "labels": labels(
            (0, "idle"), (1.75, "walk-stairascent"), (2.1, "stairascent"), (3.95, "stairascent-walk"), (4.95, "idle")
        ),
        "stairHeight": np.array([[7.0]]),
    }
    found = one(tmp_path, conditions, mode="stair", name="stair_4_l_01_01")
    validate_trial(found)
    table = of(found.strides, "right")
    assert table["activity"].tolist() == ["stair_ascent", "stair_ascent", "walk"]
    assert table["surface"].tolist() == ["stairs", "stairs", "overground"]
    assert table["transition"].tolist() == [True, False, True]
    assert table["stair_height"].tolist() == pytest.approx([0.1778, 0.1778, np.nan], nan_ok=True)
    assert np.isnan(table["incline"].tolist()[:2]).all()
    assert of(found.rejected, "right")["reason"].to_dict() == {
        0: "not_a_stride",
        1: "posture",
        5: "posture",
        6: "not_a_stride",
    }


@pytest.mark.parametrize(("stair", "inches"), [("1", 4), ("4", 7)])
def test_stair_height_from_the_name_where_the_file_has_none(tmp_path: Path, stair: str, inches: int) -> None:
    found = one(tmp_path, {"labels": labels((0, "stairdescent"))}, mode="stair", name=f"Stair_{stair}_R_01_02")
    assert set(found.strides["activity"]) == {"stair_descent"}
    np.testing.assert_allclose(found.strides["stair_height"], inches * 0.0254)


def test_incline_from_the_name_where_the_file_has_none(tmp_path: Path) -> None:
    found = one(tmp_path, {"labels": labels((0, "RampDescent"))}, mode="ramp", name="Ramp_6_L_01_01")
    assert set(found.strides["incline"]) == {-18.0}


def test_level_ground_keeps_turns_pace_and_transitions(tmp_path: Path) -> None:
    conditions = {
        "labels": labels(
            (0, "stand-walk"), (1.2, "walk"), (2.85, "turn1"), (3.95, "walk"), (5.05, "walk-stand"), (6.9, "idle")
        ),
        "speed": "fast",
        "turn": "ccw",
        "leadingLegStart": np.array([["l"]], dtype=object),
    }
    found = one(tmp_path, conditions, mode="levelground", name="LevelGround_ccw_fast_01_02")
    validate_trial(found)
    assert (found.trial, found.task) == ("levelground_ccw_fast_01_02", "levelground")
    assert {key: found.notes[key] for key in ("speed", "turn")} == {"speed": "fast", "turn": "ccw"}
    table = of(found.strides, "right")
    assert table["activity"].tolist() == ["walk", "walk", "turn", "walk", "walk"]
    assert table["source_activity"].tolist() == [
        "stand-walk fast", "walk fast", "turn1 fast", "walk fast", "walk-stand fast",
    ]  # fmt: skip
    assert table["transition"].tolist() == [True, False, True, True, True]
    assert set(table["surface"]) == {"overground"}
    assert np.isnan(table["speed"]).all()


def test_pace_and_turn_that_differ_from_the_file_name_are_noted(tmp_path: Path) -> None:
    conditions = {"labels": labels((0, "walk")), "speed": "slow"}
    found = one(tmp_path, conditions, mode="levelground", name="levelground_cw_fast_01_01")
    assert found.notes["speed"] == "slow; the file name says fast"
    assert set(found.strides["source_activity"]) == {"walk slow"}


def test_unknown_labels_are_other_and_noted(tmp_path: Path) -> None:
    found = ramp(tmp_path, (0, "walk"), (2.85, "hop"))
    assert "other" in set(found.strides["activity"])
    assert found.notes["labels"] == "not known, taken as other: hop"


@pytest.mark.parametrize(
    ("mode", "variable", "value", "note"),
    [
        ("stair", "stairHeight", 101.6, "'101.6', not inches from 2 to 12: 4 by the file name"),
        ("stair", "stairHeight", "", "'', not inches from 2 to 12: 4 by the file name"),
        ("ramp", "rampIncline", 90.0, "'90.0', not degrees from 0.1 to 45: 5.2 by the file name"),
        ("ramp", "rampIncline", "steep", "'steep', not degrees from 0.1 to 45: 5.2 by the file name"),
        ("ramp", "rampIncline", np.nan, "'nan', not degrees from 0.1 to 45: 5.2 by the file name"),
        ("ramp", "rampIncline", np.empty((0, 0)), "'[]', not degrees from 0.1 to 45: 5.2 by the file name"),
    ],
)
def test_an_unreadable_terrain_is_that_of_the_file_name(
    tmp_path: Path, mode: str, variable: str, value: Any, note: str
) -> None:
    path, notes = tmp_path / "conditions.mat", dict[str, str]()
    save(path, {"labels": labels((0, f"{mode}ascent")), variable: value})
    judged = make_judge(mode, path, name=f"{mode}_1_l_01_01", notes=notes)(ORIGIN + 1, ORIGIN + 2).labels
    assert notes[variable] == note
    expected = {"stair": ("stair_height", 4 * 0.0254), "ramp": ("incline", 5.2)}[mode]
    assert judged[expected[0]] == pytest.approx(expected[1])


def test_what_each_label_means(tmp_path: Path) -> None:
    """Every label of the source's list for two seconds: activity, whether it is a transition, or not walked at all."""
    meaning = {
        "idle": ("stand", False), "stand": ("stand", False), "stand-walk": ("walk", True), "walk": ("walk", False),
        "turn1": ("turn", False), "turn2": ("turn", False), "walk-stand": ("walk", True),
        "walk-rampascent": ("ramp_ascent", True), "rampascent": ("ramp_ascent", False),
        "rampascent-walk": ("walk", True), "walk-rampdescent": ("ramp_descent", True),
        "rampdescent": ("ramp_descent", False), "rampdescent-walk": ("walk", True),
        "walk-stairascent": ("stair_ascent", True), "stairascent": ("stair_ascent", False),
        "stairascent-walk": ("walk", True), "walk-stairdescent": ("stair_descent", True),
        "stairdescent": ("stair_descent", False), "stairdescent-walk": ("walk", True),
    }  # fmt: skip
    times = np.arange(len(meaning) * 20) / 10
    table = pd.DataFrame({"Header": times, "Label": np.repeat(list(meaning), 20)})
    save(tmp_path / "all.mat", {"labels": table})
    judge = make_judge("ramp", tmp_path / "all.mat", name="ramp_3_l_01_01", notes={})
    for index, (label, (activity, transition)) in enumerate(meaning.items()):
        verdict = judge(2 * index + 0.4, 2 * index + 1.6)
        assert (verdict.labels["activity"], verdict.labels["transition"]) == (activity, transition), label
        assert verdict.labels["source_activity"] == label
        assert verdict.reason == ("posture" if activity == "stand" else ""), label
    assert judge(25.4, 26.4).reason == "", "walk-stairascent for 0.6 s, stairascent for 0.4 s: one activity"
    halves = judge(11.0, 13.0)
    assert (halves.reason, halves.detail) == ("activity_change", "turn2, walk-stand")
    assert judge(10.9, 12.8).labels["activity"] == "turn"


def test_labels_whose_clock_does_not_rise_cost_the_trial(tmp_path: Path) -> None:
    table = labels((0, "walk"))
    table.loc[300, "Header"] = np.nan
    save(tmp_path / "one.mat", {"labels": table})
    notes = dict[str, str]()
    verdict = make_judge("ramp", tmp_path / "one.mat", name="ramp_3_l_01_01", notes=notes)(ORIGIN, ORIGIN + 1)
    assert (verdict.reason, verdict.detail) == ("unpaired", notes["conditions"])


def test_posture_and_change_of_activity_are_rejected(tmp_path: Path) -> None:
    found = ramp(tmp_path, (0, "walk"), (2.25, "rampascent"), (4.0, "stand"), (5.2, "idle"))
    reasons = of(found.rejected, "right")["reason"].to_dict()
    assert reasons == {0: "not_a_stride", 2: "activity_change", 4: "posture", 5: "posture", 6: "not_a_stride"}
    assert of(found.strides, "right").index.tolist() == [1, 3]


def test_long_and_broken_cycles_are_rejected(tmp_path: Path) -> None:
    made = tables()
    cycle = sawtooth((0.5, 1.6, 4.6, 5.7), markers=False)
    cycle[200:240] = 0
    made["gcRight"]["data"]["HeelStrike"] = cycle
    write(tmp_path, made)
    (found,) = read(tmp_path)
    reasons = of(found.rejected, "right")["reason"].tolist()
    assert "too_long" in reasons
    assert "not_a_stride" in reasons
    assert of(found.strides, "right")["trial_time"].tolist() == pytest.approx([ORIGIN + 4.6])


@pytest.mark.parametrize(("lost", "unknown"), [((1.67, 1.72), [0, 1]), ((3.4, 3.6), [2]), ((2.77, 2.795), [1, 2])])
def test_a_contact_beside_missing_values_of_the_cycle_is_not_known(
    tmp_path: Path, lost: tuple[float, float], unknown: list[int]
) -> None:
    made = tables()
    first, last = (round(time * 200) for time in lost)
    made["gcRight"]["data"].loc[first:last, ["HeelStrike", "ToeOff"]] = np.nan
    write(tmp_path, made)
    (found,) = read(tmp_path)
    whole = of(found.strides, "right")["trial_time"] - ORIGIN
    assert whole.tolist() == pytest.approx([STRIKES[k] for k in range(5) if k not in unknown])
    reasons = set(of(found.rejected, "right")["reason"])
    assert "unpaired" in reasons
    assert reasons <= {"unpaired", "too_short"}


def test_right_stride_outside_the_emg_is_rejected_and_the_left_leg_stands(tmp_path: Path) -> None:
    made = tables()
    made["emg"]["data"] = made["emg"]["data"].iloc[1000:5500].reset_index(drop=True)
    write(tmp_path, made)
    (found,) = read(tmp_path)
    assert of(found.rejected, "right")["reason"].to_dict() == {0: "outside_trial", 4: "outside_trial"}
    assert len(of(found.rejected, "left")) == 0


def test_a_stride_in_which_nothing_was_measured_is_rejected(tmp_path: Path) -> None:
    made = tables()
    for sensor, columns in (("emg", SPEC.emg), ("ik", SPEC.angles), ("id", SPEC.moments)):
        data = made[sensor]["data"]
        late = data["Header"] - ORIGIN
        data.loc[(late > STRIKES[1] - 0.01) & (late < STRIKES[2] + 0.01), list(columns)] = np.nan
    write(tmp_path, made)
    (found,) = read(tmp_path)
    validate_trial(found)
    assert of(found.rejected, "right")["reason"].to_dict() == {1: "no_signal"}
    assert of(found.strides, "right").index.tolist() == [0, 2, 3, 4]
    assert len(of(found.strides, "left")) == 4


def test_sawtooth_variants() -> None:
    rise = np.linspace(0, 100, 220, endpoint=False)
    plates = read_sawtooth(np.concatenate([np.zeros(50), rise, rise, np.zeros(80)]))
    assert plates.contacts.tolist() == [49 + 1, 270, 490]
    assert not plates.cut_first
    assert not plates.cut_last
    markers = read_sawtooth(np.concatenate([rise[::3], rise, rise, rise[::2]]))
    assert markers.contacts.tolist() == [74, 294, 514]
    assert markers.cut_first
    assert markers.cut_last
    paused = read_sawtooth(np.concatenate([np.zeros(50), rise, np.zeros(100), rise, np.zeros(9)]))
    assert paused.contacts.tolist() == [50, 270, 370, 590]
    whole_numbers = read_sawtooth(np.round(np.concatenate([rise[::3], rise, rise, rise[::2]])))
    assert whole_numbers.contacts.tolist() == [74, 294, 514]
    for empty in (np.zeros(0), np.zeros(300), np.full(300, np.nan)):
        none = read_sawtooth(empty)
        assert none.contacts.size == 0
        assert not none.cut_first
    assert is_linear(rise)
    assert not is_linear(np.concatenate([np.zeros(60), rise]))
