"""The files of Bacek have the facts of the published format, read back with SciPy and h5py alone."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import loadmat

from biomech_xr.synthetic import Truth, bacek
from biomech_xr.synthetic.bacek import IDS, RAW, SEGMENTED, write_bacek
from tests.datasets.bacek_files import tree

MUSCLES = ("TibAnt", "GastroLat", "GastroMed", "VastLat", "RecFem", "BicFem", "Semitend", "GlutMax")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    return tree(lambda: tmp_path_factory.mktemp("bacek"))


@pytest.fixture(scope="module")
def mechanics(written: tuple[Path, Truth]) -> dict[int, dict[str, Any]]:
    return {
        n: loadmat(written[0] / f"Sub_{n}" / f"Sub{n}_segMechanics.mat", simplify_cells=True)["segMechanics"]
        for n in (1, 2)
    }


def test_tests_cover_speeds_cadences_and_the_orthosis() -> None:
    for tests in (SEGMENTED, RAW):
        assert {(test - 1) // 5 % 3 for test in tests} == {0, 1, 2}
        assert {test >= 16 for test in tests} == {True, False}
    assert {(test - 1) % 5 for test in SEGMENTED} == set(range(5))


def test_fields_are_in_lexicographic_order_with_others_between(written: tuple[Path, Truth], mechanics: Any) -> None:
    names = list(mechanics[1])
    assert names.index("T10") < names.index("T2")
    assert "Pref_Start" in names
    with h5py.File(written[0] / "Sub_1" / "Sub1_segEnergetics.mat") as file:
        assert {"MetabolicResting", "NormFactors", "Pref_Start", "Pref_End"} < set(file["segEnergetics"])
        assert "T4" not in file["segEnergetics"]
        assert "T30" in file["segEnergetics"]
    assert "T4" in names
    assert "T30" not in names


def test_rows_are_one_less_than_heel_strikes_which_start_left(mechanics: Any) -> None:
    for person in mechanics.values():
        for name, test in person.items():
            if not name.startswith("T"):
                continue
            left, right = test["GaitIndex"]["LHS_1kHz"], test["GaitIndex"]["RHS_1kHz"]
            assert len(left) == len(right)
            assert (left < right).all()
            assert (right[:-1] < left[1:]).all()
            for group, keys in (("Angles", ("Hip_Left", "Ankle_Right")), ("GRF", ("V_Left", "AP_Right"))):
                for key in keys:
                    assert test[group][key].shape == (len(left) - 1, 101)


def test_envelopes_are_cycles_by_1001_over_a_factor(written: tuple[Path, Truth], mechanics: Any) -> None:
    with h5py.File(written[0] / "Sub_1" / "Sub1_segEnergetics.mat") as file:
        tests = file["segEnergetics"]
        cycles = len(mechanics[1]["T8"]["GaitIndex"]["LHS_1kHz"]) - 1
        for side in ("Left", "Right"):
            for muscle in MUSCLES:
                level = tests[f"T8/EMG/Activity/{side}_{muscle}"][()]
                assert level.shape == (1001, cycles)
                assert 0.002 < level.min() < level.max() < 0.6
        short = tests["T5/EMG/Activity/Right_TibAnt"].shape[1]
        assert short == tests["T5/EMG/Activity/Left_TibAnt"].shape[1] - 1
        factors = tests["NormFactors"]
        assert float(factors["Session2/Left_TibAnt"][()].item()) < float(factors["Session3/Left_TibAnt"][()].item())


def test_right_rows_of_the_two_people_start_at_different_feet(mechanics: Any) -> None:
    own, left = (mechanics[n]["T1"]["Angles"]["Knee_Right"].mean(axis=0).argmax() for n in (1, 2))
    assert 65 < own < 80
    assert 15 < left < 30
    assert (mechanics[1]["T1"]["GRF"]["V_Right"][:, 25] < 0.5).all(), "forces of both lie between left strikes"
    assert (mechanics[2]["T1"]["GRF"]["V_Right"][:, 25] < 0.5).all()


def test_the_locked_knee_is_left_in_the_last_fifteen_tests(mechanics: Any) -> None:
    for number in SEGMENTED[:-1]:
        angles = mechanics[1][f"T{number}"]["Angles"]
        assert (np.ptp(angles["Knee_Left"]) < 30) == (number >= 16)
        assert np.ptp(angles["Knee_Right"]) > 45


def test_raw_streams_last_equally_long_at_their_rates(written: tuple[Path, Truth]) -> None:
    folder = written[0] / "RAW_mat_Sub2"
    mechanics = loadmat(folder / "Sub2_rawMechanics.mat", simplify_cells=True)["rawMechanics"]
    with h5py.File(folder / "Sub2_rawEnergetics.mat") as file:
        for number in RAW:
            test = mechanics[f"T{number}"]
            seconds = file[f"rawEnergetics/T{number}/EMG/Left_TibAnt"].size / 2000
            rate = 2000 if number == 13 else 1000
            assert test["GRF"]["V_Left"].size == pytest.approx(seconds * rate, abs=1)
            assert test["CoP"]["AP_Right"].size == test["GRF"]["V_Left"].size
            assert test["Markers"]["RCAL"].shape == (round(seconds * 100), 3)
            weight = test["GRF"]["V_Left"] + test["GRF"]["V_Right"]
            assert weight.mean() == pytest.approx(70 * 9.81, rel=0.15), "N, both feet carry the person"
    assert "StaticCalibration" in mechanics
    assert not (written[0] / "RAW_mat_Sub1").exists()


def test_a_contact_loads_within_some_hundredths_and_one_step_is_on_the_other_belt(written: tuple[Path, Truth]) -> None:
    path = written[0] / "RAW_mat_Sub2" / "Sub2_rawMechanics.mat"
    mechanics = loadmat(path, simplify_cells=True)["rawMechanics"]
    for number in RAW:
        rate = 2 if number == 13 else 1
        left, right = (mechanics[f"T{number}"]["GRF"][f"V_{side}"][::rate] / 70 for side in ("Left", "Right"))
        starts = np.flatnonzero((left[:-1] <= 0.05) & (left[1:] > 0.05) & (np.arange(left.size - 1) < left.size - 60))
        for start in starts:
            assert (left[start : start + 8] < 0.6).all()
            assert left[start + 50] > 1.5
        pauses = np.diff(starts)
        assert (pauses.max() > 1.8 * np.median(pauses)) == (number == 10)
        held = np.diff(np.flatnonzero(right < 0.05)).max()
        assert (held > 1.5 * np.median(pauses)) == (number == 10), "the right belt carries both feet meanwhile"


def test_raw_emg_swings_about_zero_with_mains_hum(written: tuple[Path, Truth]) -> None:
    with h5py.File(written[0] / "RAW_mat_Sub2" / "Sub2_rawEnergetics.mat") as file:
        for name, data in file["rawEnergetics/T1/EMG"].items():
            values = np.ravel(data[()])
            assert values.min() < -0.05 < 0.05 < values.max(), name


def test_truth_follows_from_the_strikes(written: tuple[Path, Truth], mechanics: Any) -> None:
    found = set()
    for name, test in mechanics[1].items():
        for letter, side in (("L", "left"), ("R", "right")):
            if not name.startswith("T"):
                continue
            strikes = test["GaitIndex"][f"{letter}HS_1kHz"]
            found |= {(name, side, int(a) - 1, int(b - a)) for a, b in pairwise(strikes)}
    strides = written[1].strides.query("source_patient == 'Sub1'")
    times = (strides[["trial_time", "duration"]] * 1000).round().astype(int)
    assert set(strides[["trial", "side"]].join(times).itertuples(index=False, name=None)) == found
    assert written[1].strides.groupby(["source_patient", "trial", "side"]).size().min() >= 4


def test_info_file_has_sessions_and_masses(written: tuple[Path, Truth]) -> None:
    info = loadmat(written[0] / "Root Data" / "Subjects_Info.mat", simplify_cells=True)["SubjectInfo"]
    for name, mass in (("Sub1", 74), ("Sub2", 70)):
        orders = [info[name][f"Session{k}"]["TestOrder"] for k in (2, 3)]
        assert sorted(np.concatenate(orders)) == list(range(1, 31))
        assert info[name]["Session2"]["Mass"] == mass


def test_same_seed_same_bytes_and_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(IDS) == 21
    monkeypatch.setattr(bacek, "SEGMENTED", (1, 16))
    for name, seed in (("a", 4), ("b", 5), ("again", 4)):
        write_bacek(tmp_path / name, patients=1, seed=seed, minutes=0.1)
    for name in ("Sub1_segMechanics.mat", "Sub1_segEnergetics.mat"):
        first, other, again = ((tmp_path / root / "Sub_1" / name).read_bytes() for root in ("a", "b", "again"))
        assert first == again
        assert first != other
