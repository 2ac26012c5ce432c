"""Bacek 2024: containers, options, turned signs and bad input, on changed files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.io import loadmat

from biomech_xr import vocabulary as words
from biomech_xr.datasets.bacek import SPEC, patients
from biomech_xr.datasets.bacek.files import find_person
from biomech_xr.errors import BiomechXRError, DataFormatError, MissingInputError
from biomech_xr.schema import validate_trial
from biomech_xr.synthetic import Truth
from biomech_xr.synthetic.matfile import save_struct
from tests.datasets.bacek_files import (
    ENERGETICS,
    MECHANICS,
    RAW_ENERGETICS,
    RAW_MECHANICS,
    Walk,
    read,
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
def mechanics(written: tuple[Path, Truth]) -> dict[str, Any]:
    content: dict[str, Any] = loadmat(written[0] / MECHANICS, simplify_cells=True)["segMechanics"]
    return content


@pytest.fixture
def small(
    tmp_path: Path, mechanics: dict[str, Any]
) -> Callable[[Callable[[dict[str, Any], dict[str, Any]], None]], Path]:
    """Return a function that writes two segmented tests of Sub1 after its argument changed them."""

    def write(change: Callable[[dict[str, Any], dict[str, Any]], None]) -> Path:
        tests = {name: {key: dict(group) for key, group in mechanics[name].items()} for name in ("T1", "T10")}
        rows = {name: len(tests[name]["GaitIndex"]["LHS_1kHz"]) - 1 for name in tests}
        level = 0.05 + 0.04 * np.sin(np.linspace(0, 6, 1001)) ** 2
        activity = {
            name: {raw.removeprefix("EMG."): np.outer(np.linspace(1, 1.1, rows[name]), level) for raw in SPEC.emg}
            for name in tests
        }
        energetics = {name: {"EMG": {"Activity": activity[name]}} for name in tests}
        change(tests, energetics)
        save_struct(tmp_path / MECHANICS.name, {"segMechanics": tests})
        save_struct(tmp_path / ENERGETICS.name, {"segEnergetics": energetics})
        return tmp_path

    return write


def test_a_test_that_holds_nothing_has_candidates_and_no_stride(small: Any) -> None:
    def empty(tests: dict[str, Any], energetics: dict[str, Any]) -> None:
        nothing = np.empty((0, 0))
        tests["T10"]["Angles"] = dict.fromkeys(tests["T10"]["Angles"], nothing)
        tests["T10"]["GRF"] = dict.fromkeys(tests["T10"]["GRF"], nothing)
        del energetics["T10"]

    trial = read(small(empty), "Sub1")["T10"]
    validate_trial(trial)
    assert len(trial.strides) == 0
    assert set(trial.rejected["reason"]) == {"no_signal"}
    assert len(trial.rejected) >= 8


def test_both_containers_are_read_for_every_file(small: Any, tmp_path: Path) -> None:
    root = small(lambda *_: None)
    first = read(root, "Sub1")
    for name, variable in ((MECHANICS.name, "segMechanics"), (ENERGETICS.name, "segEnergetics")):
        content = loadmat(root / name, simplify_cells=True)[variable]
        save_struct(root / name, {variable: content}, version="v7.3")
    second = read(root, "Sub1")
    for name, trial in first.items():
        pd.testing.assert_frame_equal(trial.strides, second[name].strides)
        for group, signal in trial.signals.items():
            np.testing.assert_array_equal(signal.values, second[name].signals[group].values)


def test_an_open_start_is_refused_until_the_option_settles_it(small: Any) -> None:
    def flatten(tests: dict[str, Any], _: dict[str, Any]) -> None:
        for test in tests.values():
            test["Angles"]["Knee_Right"] = np.full_like(test["Angles"]["Knee_Right"], 5.0)
            test["GRF"]["V_Right"] = np.full_like(test["GRF"]["V_Right"], 4.0)

    root = small(flatten)
    with pytest.raises(DataFormatError, match=r"segMechanics.*Angles\.Knee_Right.*source option right_rows="):
        read(root, "Sub1")
    signs = {f"{joint}_sign": "flexion" for joint in words.JOINTS}
    own, left = read(root, "Sub1", right_rows="own"), read(root, "Sub1", right_rows="left", **signs)
    assert len(own["T1"].strides) == len(left["T1"].strides) + 1
    assert "option" in own["T1"].notes["evidence.right_rows"]


def test_the_option_of_the_rows_leaves_a_clear_force_its_own_start(small: Any, cut: Walk) -> None:
    trial = read(small(lambda *_: None), "Sub1", right_rows="own")["T1"]
    assert trial.notes["evidence.right_forces"].startswith("other")
    for group in ("kinematics", "grf"):
        np.testing.assert_array_equal(trial.signals[group].values, cut["T1"].signals[group].values)


def test_a_sign_in_doubt_is_refused_until_the_option_settles_it(small: Any) -> None:
    rng = np.random.default_rng(0)

    def blur(tests: dict[str, Any], _: dict[str, Any]) -> None:
        for test in tests.values():
            for side in ("Left", "Right"):
                test["Angles"][f"Ankle_{side}"] = rng.normal(size=test["Angles"][f"Ankle_{side}"].shape)

    root = small(blur)
    with pytest.raises(DataFormatError, match=r"segMechanics.*Angles\.Ankle_Left.*source option ankle_sign="):
        read(root, "Sub1")
    up, down = read(root, "Sub1", ankle_sign="flexion")["T1"], read(root, "Sub1", ankle_sign="extension")["T1"]
    found, turned = (rows_of(trial, "kinematics", "left", "ankle", "flexion") for trial in (up, down))
    np.testing.assert_array_equal(found, -turned)
    assert down.notes["evidence.ankle_sign"].startswith("-1 (option ankle_sign=extension); the data: ")


def test_signs_are_read_from_the_first_test_that_shows_them(small: Any) -> None:
    def lose(tests: dict[str, Any], _: dict[str, Any]) -> None:
        for name in tests["T1"]["Angles"]:
            tests["T1"]["Angles"][name] = np.full_like(tests["T1"]["Angles"][name], np.nan)
            tests["T10"]["Angles"][name] = -tests["T10"]["Angles"][name]

    trial = read(small(lose), "Sub1", right_rows="own")["T10"]
    assert trial.notes["evidence.knee_sign"].startswith("-1 ")
    assert rows_of(trial, "kinematics", "left", "knee", "flexion").max() > 45


@pytest.mark.parametrize(("unit", "factor"), [("N", 74.0), ("body weight", 1 / 9.80665)])
def test_segmented_forces_of_another_unit_come_back_per_body_mass(
    small: Any, cut: Walk, unit: str, factor: float
) -> None:
    def change(tests: dict[str, Any], _: dict[str, Any]) -> None:
        for test in tests.values():
            test["GRF"] = {name: factor * values for name, values in test["GRF"].items()}

    trial = read(small(change), "Sub1")["T1"]
    assert trial.notes["evidence.force_unit"].startswith(f"{unit} (confidence 0.9")
    assert cut["T1"].notes["evidence.force_unit"].startswith("N/kg (confidence 0.9")
    found, wanted = (walk.signals["grf"].values.sel(axis="vertical").values for walk in (trial, cut["T1"]))
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert 9 < np.nanmax(found) < 16


def test_one_muscle_a_row_short_costs_that_muscle_alone(small: Any) -> None:
    def shorten(tests: dict[str, Any], energetics: dict[str, Any]) -> None:
        activity = energetics["T1"]["EMG"]["Activity"]
        activity["Left_TibAnt"] = activity["Left_TibAnt"][:-1]
        tests["T10"]["Angles"]["Knee_Left"] = tests["T10"]["Angles"]["Knee_Left"][:-1]
        for name in (*tests["T10"]["Angles"], *(raw.removeprefix("EMG.") for raw in SPEC.emg)):
            if "Right" in name:
                group = (
                    tests["T10"]["Angles"] if name in tests["T10"]["Angles"] else energetics["T10"]["EMG"]["Activity"]
                )
                group[name] = group[name][:-1]

    walk = read(small(shorten), "Sub1", right_rows="own")
    assert walk["T1"].notes["dropped.left"].endswith("rows of EMG of tibialis_anterior")
    assert np.isnan(rows_of(walk["T1"], "emg", "left", "tibialis_anterior")).all()
    assert np.isfinite(rows_of(walk["T1"], "emg", "left", "rectus_femoris")).all()
    assert np.isfinite(rows_of(walk["T1"], "kinematics", "left", "knee", "flexion")).all()
    assert walk["T10"].notes["dropped.left"].endswith("rows of knee angle")
    assert np.isfinite(rows_of(walk["T10"], "kinematics", "left", "hip", "flexion")).all()
    right = walk["T10"].rejected.query("side == 'right'")
    assert set(right["reason"]) == {"unpaired"}
    assert right["detail"].str.contains(r"\d+ heel strikes make \d+ cycles, the file holds \d+ rows of hip angle").all()
    for group in ("emg", "kinematics"):
        assert np.isnan(walk["T10"].signals[group].values.sel(side="right")).all()


def test_upside_down_angles_are_turned_by_the_evidence_and_recorded(small: Any, cut: Walk) -> None:
    def turn(tests: dict[str, Any], _: dict[str, Any]) -> None:
        for test in tests.values():
            test["Angles"] = {name: -values for name, values in test["Angles"].items()}

    trial = read(small(turn), "Sub1")["T1"]
    for joint in words.JOINTS:
        assert trial.notes[f"evidence.{joint}_sign"].startswith("-1 ")
        for side in words.SIDES:
            found = rows_of(trial, "kinematics", side, joint, "flexion")
            np.testing.assert_allclose(found, rows_of(cut["T1"], "kinematics", side, joint, "flexion"), rtol=1e-6)


def _spoil(kind: str) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    def change(tests: dict[str, Any], energetics: dict[str, Any]) -> None:
        activity = energetics["T10"]["EMG"]["Activity"]
        if kind == "no strikes":
            tests["T10"]["GaitIndex"]["RHS"] = tests["T10"]["GaitIndex"].pop("RHS_1kHz")
        elif kind == "no index":
            del tests["T10"]["GaitIndex"]
        elif kind == "renamed angle":
            tests["T10"]["Angles"]["Hip_L"] = tests["T10"]["Angles"].pop("Hip_Left")
        elif kind == "renamed muscle":
            activity["Left_TA"] = activity.pop("Left_TibAnt")
        elif kind == "ragged rows":
            activity["Left_TibAnt"] = activity["Left_TibAnt"][:, :500]
        elif kind == "cube":
            tests["T10"]["Angles"]["Hip_Left"] = np.zeros((3, 101, 2))
        elif kind == "no tests":
            tests.clear()
            tests["Pref_Start"] = {"Note": "none"}
        elif kind == "text":
            tests["T10"]["Angles"]["Knee_Left"] = "none"

    return change


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("no strikes", r"segMechanics\.mat: segMechanics\.T10\.GaitIndex; found no field RHS_1kHz"),
        ("no index", r"segMechanics\.T10; found no field GaitIndex"),
        ("renamed angle", r"T10\.Angles; found no field Hip_Left; the nearest is 'Hip_L"),
        ("renamed muscle", r"segEnergetics\.mat: segEnergetics\.T10\.EMG\.Activity; found no field Left_TibAnt"),
        ("ragged rows", r"Activity; found rows of 500 and 1001 points"),
        ("cube", r"Hip_Left; found shape 3 x 101 x 2; expected cycles x points"),
        ("no tests", r"segMechanics; found fields Pref_Start; expected tests T1 to T30"),
        ("text", r"Knee_Left; found text"),
    ],
)
def test_bad_file_is_one_clear_error(small: Any, kind: str, expected: str) -> None:
    with pytest.raises(DataFormatError, match=expected) as error:
        read(small(_spoil(kind)), "Sub1")
    assert str(error.value).startswith("bacek: ")


@pytest.mark.parametrize("path", [MECHANICS, ENERGETICS, RAW_MECHANICS, RAW_ENERGETICS])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_cut_file_is_one_clear_error(written: tuple[Path, Truth], tmp_path: Path, path: Path, share: float) -> None:
    shutil.copytree((written[0] / path).parent, tmp_path / "copy")
    broken = tmp_path / "copy" / path.name
    broken.write_bytes(broken.read_bytes()[: int(broken.stat().st_size * share)])
    with pytest.raises(BiomechXRError, match=path.name) as error:
        read(tmp_path, path.name[:4])
    assert str(error.value).startswith("bacek: ")


def test_folders_and_names(written: tuple[Path, Truth], tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"bacek: .*no such folder"):
        patients(tmp_path / "nowhere")
    with pytest.raises(MissingInputError, match=r"bacek: .*no files like Sub1_segMechanics"):
        patients(tmp_path)
    with pytest.raises(MissingInputError, match=r"no files of Sub9\. Known: Sub1, Sub2"):
        read(written[0], "Sub9")
    for name in ("Sub10_segMechanics.mat", "sub2_SEGMECHANICS.MAT", "Sub2_segOther.mat"):
        (tmp_path / name).write_bytes(b"")
    assert patients(tmp_path) == ["Sub2", "Sub10"]
    with pytest.raises(MissingInputError, match=r"no file Sub10_segEnergetics\.mat"):
        read(tmp_path, "Sub10")
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "Sub10_segMechanics.mat").write_bytes(b"")
    with pytest.raises(DataFormatError, match="a second copy of"):
        patients(tmp_path)
    (tmp_path / "again" / "Sub10_segMechanics.mat").rename(tmp_path / "again" / "Sub22_segMechanics.mat")
    with pytest.raises(DataFormatError, match="found a person number 22; expected Sub1 to Sub21"):
        patients(tmp_path)


def test_sessions_and_people_come_from_the_info_file(written: tuple[Path, Truth], cut: Walk, small: Any) -> None:
    assert {name: trial.session for name, trial in cut.items() if name in ("T1", "T8", "T16", "T23")} == {
        "T1": "2",
        "T8": "3",
        "T16": "3",
        "T23": "2",
    }
    person = cut["T1"].patient
    assert (person.body_mass, person.height, person.age, person.sex) == (74, 1.72, 35, "male")
    assert cut["T1"].sources[-1][0] == "Root Data/Subjects_Info.mat"
    walk = read(small(lambda *_: None), "Sub1")
    assert walk["T1"].session == "unknown"
    assert "no Subjects_Info.mat; amplitude references pool" in walk["T1"].notes["session"]
    assert walk["T1"].patient.body_mass == 74


def test_an_order_of_tests_that_makes_no_sense_is_ignored_and_noted(small: Any) -> None:
    root = small(lambda *_: None)
    orders = {"Session2": [1, 2.5, np.inf, np.nan, 0, 31, 4], "Session3": [10, 4, -1]}
    info = {name: {"TestOrder": np.array([order], dtype=float)} for name, order in orders.items()}
    save_struct(root / "Subjects_Info.mat", {"SubjectInfo": {"Sub1": info}})
    found = find_person(root, "Sub1")
    assert found.sessions == {"T1": "2", "T10": "3"}
    for text in ("2.5 in Session2", "inf in Session2", "31 in Session2", "-1 in Session3", "T4 is in two orders"):
        assert text in found.ignored
    del info["Session3"]
    save_struct(root / "Subjects_Info.mat", {"SubjectInfo": {"Sub1": info}})
    walk = read(root, "Sub1")
    assert (walk["T1"].session, walk["T10"].session) == ("2", "unknown")
    assert "2.5 in Session2.TestOrder is no test" in walk["T10"].notes["session"]
