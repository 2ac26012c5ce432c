"""Bacek 2024: rows and heel strikes, conditions and sides, on files written from its description."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.io import loadmat

from biomech_xr import vocabulary as words
from biomech_xr.datasets.bacek import SPEC, patients
from biomech_xr.datasets.bacek.rows import LegRows, recut
from biomech_xr.schema import validate_trial
from biomech_xr.synthetic import Truth
from tests.datasets.bacek_files import (
    ENERGETICS,
    MECHANICS,
    Walk,
    read_once,
    rows_of,
    tree,
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """Sub1 in segmented form, Sub2 in both."""
    return tree(lambda: tmp_path_factory.mktemp("bacek"))


@pytest.fixture(scope="module")
def cut(written: tuple[Path, Truth]) -> Walk:
    """Sub1, segmented: right rows between right heel strikes."""
    return read_once(written[0], "Sub1")


@pytest.fixture(scope="module")
def cut_left(written: tuple[Path, Truth]) -> Walk:
    """Sub2, segmented: right rows between left heel strikes."""
    return read_once(written[0], "Sub2", level="segmented")


@pytest.fixture(scope="module")
def raw(written: tuple[Path, Truth]) -> Walk:
    return read_once(written[0], "Sub2")


@pytest.fixture(scope="module")
def mechanics(written: tuple[Path, Truth]) -> dict[str, Any]:
    content: dict[str, Any] = loadmat(written[0] / MECHANICS, simplify_cells=True)["segMechanics"]
    return content


def test_strides_are_those_that_were_written(written: tuple[Path, Truth], cut: Walk, raw: Walk) -> None:
    assert patients(written[0]) == ["Sub1", "Sub2"]
    for patient, walk, late in (("Sub1", cut, 1e-9), ("Sub2", raw, 0.012)):
        for trial in walk.values():
            validate_trial(trial)
        found = [t.strides.assign(source_patient=patient)[list(written[1].strides.columns)] for t in walk.values()]
        result = pd.concat(found).sort_values(["trial", "side", "trial_time"], ignore_index=True)
        truth = written[1].strides.query("source_patient == @patient").reset_index(drop=True)
        pd.testing.assert_frame_equal(result, truth, check_dtype=False, rtol=0, atol=late)
        assert np.abs(result["duration"] - truth["duration"]).max() < 1e-3


def test_tests_come_in_numeric_order_and_other_fields_are_none(cut: Walk) -> None:
    assert list(cut) == ["T1", "T2", "T4", "T5", "T8", "T10", "T13", "T16", "T18", "T20", "T23", "T28", "T30"]


def test_durations_are_differences_of_the_own_heel_strikes(cut: Walk, mechanics: dict[str, Any]) -> None:
    for side, letter in (("left", "L"), ("right", "R")):
        strikes = mechanics["T8"]["GaitIndex"][f"{letter}HS_1kHz"]
        table = cut["T8"].strides[cut["T8"].strides["side"] == side]
        np.testing.assert_allclose(table["duration"], np.diff(strikes) / 1000, atol=1e-12)
        np.testing.assert_allclose(table["trial_time"], (strikes[:-1] - 1) / 1000, atol=1e-12)
        assert ((table["foot_off"] / table["duration"]).between(0.55, 0.68)).all()


@pytest.mark.parametrize(
    ("test", "speed", "cadence", "condition"),
    [
        ("T1", 1.1, "-10 %", "none"),
        ("T2", 1.1, "-5 %", "none"),
        ("T8", 0.8, "preferred", "none"),
        ("T10", 0.8, "+20 %", "none"),
        ("T13", 0.4, "preferred", "none"),
        ("T16", 1.1, "-10 %", "orthosis"),
        ("T23", 0.8, "preferred", "orthosis"),
        ("T28", 0.4, "preferred", "orthosis"),
    ],
)
def test_conditions_are_labels(cut: Walk, test: str, speed: float, cadence: str, condition: str) -> None:
    table = cut[test].strides
    assert set(table["speed"]) == {speed}
    assert set(table["condition"]) == {condition}
    assert cut[test].notes["cadence"] == cadence
    assert table["source_activity"].str.contains(cadence, regex=False).all()
    assert set(table["surface"]) == {"treadmill"}
    assert cut[test].task == ("walk_orthosis" if condition == "orthosis" else "walk_free")


def test_the_orthosis_is_on_the_left_knee_and_never_mirrored(cut: Walk, cut_left: Walk) -> None:
    for walk, names in ((cut, ("T16", "T23", "T28")), (cut_left, ("T18", "T28"))):
        for name in names:
            left, right = (np.ptp(rows_of(walk[name], "kinematics", side, "knee", "flexion")) for side in words.SIDES)
            assert 15 < left < 29
            assert right > 45
            assert "left knee" in walk[name].notes["orthosis"]
        assert np.ptp(rows_of(walk["T1"], "kinematics", "left", "knee", "flexion")) > 45


def test_segmented_emg_is_an_envelope_already_and_stored_as_it_is(written: tuple[Path, Truth], cut: Walk) -> None:
    trial = cut["T8"]
    assert (trial.emg_state, trial.signals["emg"].points) == ("envelope", 1001)
    with h5py.File(written[0] / ENERGETICS) as file:
        activity = file["segEnergetics/T8/EMG/Activity"]
        for name, side, muscle in (
            ("Left_GastroMed", "left", "gastrocnemius_medialis"),
            ("Right_GastroLat", "right", "gastrocnemius_lateralis"),
        ):
            np.testing.assert_allclose(rows_of(trial, "emg", side, muscle), activity[name][()].T, rtol=1e-6)
    assert float(trial.signals["emg"].values.min()) > 0


def test_gaps_of_the_emg_stay_gaps_in_both_forms(cut: Walk, raw: Walk) -> None:
    rows = rows_of(cut["T20"], "emg", "left", "semitendinosus")
    assert np.argwhere(np.isnan(rows)).tolist() == [[1, point] for point in range(300, 330)]
    emg = raw["T28"].signals["emg"].values.sel(side="right")
    (missing,) = np.nonzero(np.isnan(emg.sel(channel="gluteus_maximus").values))
    assert missing.tolist() == list(range(6000, 6045))
    assert np.isfinite(emg.sel(channel="semitendinosus")).all()


def test_angles_are_sagittal_and_there_are_no_moments(cut: Walk) -> None:
    for trial in cut.values():
        assert "kinetics" not in trial.signals
        if "kinematics" in trial.signals:
            assert np.isnan(trial.signals["kinematics"].values.sel(motion=["adduction", "rotation"])).all()


def test_the_start_of_right_rows_is_read_from_the_data(cut: Walk, cut_left: Walk) -> None:
    assert cut["T1"].notes["evidence.right_rows"].startswith("own")
    assert cut["T1"].notes["evidence.right_forces"].startswith("other"), "the authors cut forces both ways"
    assert cut_left["T1"].notes["evidence.right_rows"].startswith("other")
    assert cut_left["T1"].notes["evidence.knee_sign"].startswith("1 ")


def test_rows_cut_at_the_left_foot_are_cut_anew_at_the_right_one(cut: Walk, cut_left: Walk) -> None:
    """Knee most bent in swing, calf at work in late stance, force from contact: as rows cut at the own foot."""
    for walk in (cut, cut_left):
        for name in ("T1", "T8", "T13"):
            knee = rows_of(walk[name], "kinematics", "right", "knee", "flexion")
            assert ((knee.argmax(axis=1) > 65) & (knee.argmax(axis=1) < 80)).all()
            calf = rows_of(walk[name], "emg", "right", "gastrocnemius_medialis")
            assert (np.abs(calf.argmax(axis=1) - 400) < 60).all()
            force = rows_of(walk[name], "grf", "right", "vertical")
            force = force[np.isfinite(force).all(axis=1)]
            assert len(force) >= 3
            assert (force[:, 15] > 7).all()
            assert (force[:, 70:95] < 0.5).all()
    last = cut_left["T1"].rejected
    assert last[["side", "reason"]].values.tolist() == [["right", "outside_trial"]]


def test_cutting_anew_is_exact_to_a_hundredth() -> None:
    def knee(time: np.ndarray) -> np.ndarray:
        return np.asarray(30 + 25 * np.cos(2 * np.pi * time / 1.05) + 8 * np.sin(4 * np.pi * time / 1.05))

    left, right = np.array([0.2, 1.25, 2.33, 3.35, 4.4]), np.array([0.7, 1.79, 2.82, 3.9, 4.93])
    grid = np.linspace(0, 1, 101)
    rows = np.array([knee(start + grid * (stop - start)) for start, stop in pairwise(left)])
    rows[3, 80] = np.nan
    leg = LegRows(side="right", strikes=right, offs=np.empty(0), angles={"knee": rows}, emg={}, forces={})
    found = recut(leg, left)
    assert found.outside == (3,)
    for cycle in (0, 1):
        own = knee(right[cycle] + grid * (right[cycle + 1] - right[cycle]))
        assert np.abs(found.angles["knee"][cycle] - own).max() < 0.01
    assert np.isnan(found.angles["knee"][2:]).all(), "a gap is not bridged"


def test_muscles_of_another_count_are_nan_and_the_angles_are_kept(cut: Walk) -> None:
    trial = cut["T5"]
    assert len(trial.rejected) == 0
    assert set(trial.strides["side"]) == set(words.SIDES)
    assert "dropped.left" not in trial.notes
    assert re.match(r"(\d+) heel strikes make \d+ cycles, the file holds \d+ rows of EMG", trial.notes["dropped.right"])
    assert np.isnan(rows_of(trial, "emg", "right", "tibialis_anterior")).all()
    assert np.isfinite(rows_of(trial, "emg", "left", "tibialis_anterior")).all()
    for group, place in (("kinematics", ("knee", "flexion")), ("grf", ("vertical",))):
        assert np.isfinite(rows_of(trial, group, "right", *place)).any()


def test_a_test_of_one_file_only(cut: Walk) -> None:
    assert "emg" not in cut["T4"].signals
    assert cut["T4"].notes["missing"] == "EMG"
    assert len(cut["T4"].strides) >= 8
    assert len(cut["T30"].strides) == 0
    assert set(cut["T30"].rejected["reason"]) == {"unknown_duration"}
    assert "segMechanics" in cut["T30"].rejected["detail"].iloc[0]


def test_lookahead_follows_from_the_stated_filter() -> None:
    """Herrmann's estimate of the length of an equiripple filter, run in both directions, RMS window and lead."""
    ripple = (10 ** (1 / 20) - 1) / (10 ** (1 / 20) + 1)
    taps = 2 / 3 * np.log10(1 / (10 * ripple * 10 ** (-80 / 20))) * 2000 / 5
    needed = 2 * (taps / 2) / 2000 + 0.05 + 0.05
    assert needed <= SPEC.emg_lookahead < needed + 0.015


def test_facts() -> None:
    assert SPEC.people == 21
    assert SPEC.moments == {}
    assert {column.muscle for column in SPEC.emg.values()} <= set(words.MUSCLES)
    assert SPEC.evidence == "notes"
    assert any("Subjects_Info.mat" in defect for defect in SPEC.known_defects)
    assert any("heel strike that the force lacks" in defect for defect in SPEC.known_defects)
