"""Lencioni 2019: sides, rates, signs, durations and bad input, on files written from its description."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biomech_xr.datasets.lencioni import OPTIONS, SPEC, patients, recordings
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.schema import Trial, validate_trial
from biomech_xr.synthetic.curves import curve
from biomech_xr.synthetic.lencioni import MUSCLES
from biomech_xr.synthetic.matfile import Structs, save_struct
from biomech_xr.synthetic.truth import COLUMNS, Truth, stride_truth
from tests.datasets.lencioni_files import tree

ANGLES = [f"{joint}{motion}" for joint in ("Pelvis", "Hip", "Knee", "Ankle") for motion in ("Flx", "Add", "Rot")]
MOMENTS = [f"{row}Mom" for row in ANGLES[3:]]
Change = Callable[[dict[str, Any]], object]


def _element(task: str = "Walking", foot: str = "RX", *, samples: int = 1101, seed: int = 1) -> dict[str, Any]:
    """Return a stride at 1000 Hz and 200 Hz from the normative curves, with moments of the published sign."""
    rng = np.random.default_rng(seed)
    phase = np.linspace(0, 1, 101)
    activity = {"StepUp": "stair_ascent", "StepDown": "stair_descent"}.get(task, "walk")
    angle, moment = (curve(activity, quantity)(phase) for quantity in ("angle", "moment"))
    rows = [angle[:, j, m] for j in range(3) for m in (2, 0, 1)]
    return {
        "Task": f"{task}   ",
        "Foot": foot,
        "EMG": rng.standard_normal((8, samples)),
        "Ang": np.array([np.full(101, 9.0)] * 3 + rows) + rng.standard_normal((12, 1)) * 0.3,
        "Mom": -np.array([moment[:, j, m] for j in range(3) for m in (2, 0, 1)]),
        "Grf": np.ones((9, round(0.61 * samples * 0.8))),
        "Marker": np.ones((87, (samples - 1) // 5 + 1)),
        "Pwr": np.array([moment[:, j, 2] * np.gradient(np.deg2rad(angle[:, j, 2]), 0.011) for j in range(3)]),
        "TimeStampKin": 3.59,
        "TimeStampGrf": 3.59,
        "TimeStampEmg": 3.59,
        "cadence": 300.0,
        "speed": 1.2,
    }


def _like(element: dict[str, Any], *, seed: int) -> dict[str, Any]:
    """Return a stride on the heels with the signs of another stride."""
    return element | {"Task": "HeelWalking", "EMG": _element(seed=seed)["EMG"], "Marker": _element()["Marker"]}


def _struct(elements: list[dict[str, Any]]) -> dict[str, Any]:
    def padded(names: list[str]) -> np.ndarray:
        return np.array([f"{name:<24}" for name in names])

    return {
        "name": "S", "Age": 30.0, "Gender": "F", "BH": 171.0, "BM": 64.0, "KinFreq": 200.0, "GrfFreq": 800.0,
        "EMGFreq": 1000.0, "EMGSide": "RX", "EmgVarName": padded(list(MUSCLES)), "AngVarName": padded(ANGLES),
        "MomVarName": padded(MOMENTS), "PwrVarName": padded(["HipPwr", "KneePwr", "AnklePwr"]),
        "StandingData": {"Marker": np.ones((87, 1))}, "Data": Structs(elements),
    }  # fmt: skip


def _write(
    root: Path, elements: list[dict[str, Any]] | None = None, change: Change | None = None, *, more: int = 3
) -> Path:
    """Write one person; ``more`` strides on the heels make the signs clear."""
    elements = elements or [_element(seed=k) for k in range(4)]
    content = _struct([*elements, *(_like(elements[min(1, len(elements) - 1)], seed=90 + k) for k in range(more))])
    if change:
        change(content)
    path = root / "Subject5.mat"
    save_struct(path, {"s": content})
    return path


def _read(root: Path, patient: str = "Subject5", **options: str) -> dict[str, Trial]:
    found = list(recordings(root, patient, options))
    for trial in found:
        validate_trial(trial)
    return {trial.trial: trial for trial in found}


def _piece(trial: Trial, group: str, segment: int) -> np.ndarray:
    """Return the samples of one segment, both sides."""
    signal = trial.signals[group]
    lengths = signal.lengths or (signal.points,) * (segment + 1)
    start = sum(lengths[:segment])
    return np.asarray(signal.values.values[start : start + lengths[segment]])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth, dict[str, dict[str, Trial]]]:
    root, truth = tree(lambda: tmp_path_factory.mktemp("lencioni"))
    return root, truth, {patient: _read(root, patient) for patient in patients(root)}


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
    _write(tmp_path, [_element(foot=foot, seed=k) for k, foot in enumerate(("RX", "LX", "RX", "LX"))])
    trial = _read(tmp_path)["Walking"]
    emg = trial.signals["emg"]
    assert list(emg.values["side"].values) == ["right"]
    assert emg.lengths == (1101, 0, 1101, 0)
    np.testing.assert_allclose(_piece(trial, "emg", 2)[:, 0, 0], _element(seed=2)["EMG"][0], rtol=1e-6)
    angles = trial.signals["kinematics"].values
    assert list(angles["side"].values) == ["left", "right"]
    left = _piece(trial, "kinematics", 1)
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
    elements = [_element(foot=foot, seed=k) for k, foot in enumerate(("RX", "LX", "LX", "LX"))]
    _write(tmp_path, elements, lambda s: s.update(EMGSide="LX"))
    trial = _read(tmp_path)["Walking"]
    assert list(trial.signals["emg"].values["side"].values) == ["left"]
    assert trial.signals["emg"].lengths == (0, 1101, 1101, 1101)


def test_rates_are_those_of_each_file_in_both_spellings(
    written: tuple[Path, Truth, dict[str, dict[str, Trial]]], tmp_path: Path
) -> None:
    rates = {patient: trials["Walking"] for patient, trials in written[2].items()}
    assert rates["Subject1"].signals["emg"].sampling_frequency == 1000
    assert rates["Subject3"].signals["emg"].sampling_frequency == 960
    _write(tmp_path, change=lambda s: s.update(EMGFeq=s.pop("EMGFreq")))
    assert _read(tmp_path)["Walking"].signals["emg"].sampling_frequency == 1000


def test_duration_is_that_of_the_samples_and_cadence_is_not_believed(tmp_path: Path) -> None:
    """Published check: 921 samples at 1000 Hz are 0.920 s; 2946 are 2.945 s."""
    _write(tmp_path, [_element(samples=n, seed=n) for n in (921, 2946, 1101, 1001)])
    strides = _read(tmp_path)["Walking"].strides
    assert strides["duration"].tolist() == pytest.approx([0.920, 2.945, 1.1, 1.0])
    assert strides["trial_time"].isna().all()
    assert set(strides["duration_source"]) == {"samples"}
    assert strides["speed"].tolist() == [1.2] * 4


def test_strides_are_isolated_and_their_onsets_noted(tmp_path: Path) -> None:
    _write(tmp_path)
    trial = _read(tmp_path)["Walking"]
    assert {signal.contiguity for signal in trial.signals.values()} == {"isolated"}
    assert trial.notes["onsets"].count("3.590") == 4


def test_stairs_heels_and_toes_are_activities_of_their_own(tmp_path: Path) -> None:
    tasks = ("Walking", "StepUp", "StepDown", "HeelWalking", "ToeWalking", "toe WALKING", "Hopping")
    _write(tmp_path, [_element(task, seed=k) for k, task in enumerate(tasks * 3)], more=0)
    trials = _read(tmp_path)
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
    _write(tmp_path, [_element()], more=0)
    with pytest.raises(DataFormatError, match=r"HipFlx; found no clear answer.*hip_sign="):
        _read(tmp_path)
    given = {name: option.choices[0] for name, option in OPTIONS.items()}
    assert len(_read(tmp_path, **given)["Walking"].strides) == 1


def test_two_walking_strides_are_decided_with_the_help_of_the_other_tasks(tmp_path: Path) -> None:
    tasks = ["Walking"] * 2 + ["HeelWalking"] * 6 + ["StepUp"] * 6
    _write(tmp_path, [_element(task, seed=k) for k, task in enumerate(tasks)], more=0)
    assert "6 strides" in _read(tmp_path)["Walking"].notes["evidence.knee_sign"]


def test_angles_and_moments_are_canonical(tmp_path: Path) -> None:
    _write(tmp_path)
    trial = _read(tmp_path)["Walking"]
    angle, moment = _piece(trial, "kinematics", 0)[:, 0], _piece(trial, "kinetics", 0)[:, 0]
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
    _write(tmp_path)
    group, joint, motion = component
    usual = _piece(_read(tmp_path)["Walking"], group, 0)[:, 0, joint, motion]
    elements = [_element(seed=k) for k in range(4)]
    for element in elements:
        for row in rows:
            element[member][(ANGLES if member == "Ang" else MOMENTS).index(row)] *= -1
    _write(tmp_path, elements)
    turned = _piece(_read(tmp_path)["Walking"], group, 0)[:, 0, joint, motion]
    np.testing.assert_allclose(turned, usual, atol=1e-5)


def test_an_option_overrules_the_evidence(tmp_path: Path) -> None:
    _write(tmp_path)
    knee = _piece(_read(tmp_path)["Walking"], "kinematics", 0)[:, 0, 1, 2]
    trial = _read(tmp_path, knee_sign="extension", published_power="ignore")["Walking"]
    np.testing.assert_allclose(_piece(trial, "kinematics", 0)[:, 0, 1, 2], -knee)
    assert trial.notes["evidence.knee_sign"] == "-1 (option knee_sign=extension)"


def test_the_ankle_offset_is_kept_and_noted(tmp_path: Path) -> None:
    elements = [_element(seed=k) for k in range(4)]
    for element in elements:
        element["Ang"][ANGLES.index("AnkleFlx")] -= 22.5
    _write(tmp_path, elements)
    trial = _read(tmp_path)["Walking"]
    assert -25 < _piece(trial, "kinematics", 0)[0, 0, 2, 2] < -20
    assert "-2" in trial.notes["ankle_offset"]
    assert any("offset" in text for text in SPEC.known_defects)


def test_rows_are_looked_up_by_name(tmp_path: Path) -> None:
    _write(tmp_path)
    usual = _read(tmp_path)["Walking"]
    order = np.random.default_rng(1).permutation(12)
    elements = [_element(seed=k) for k in range(4)]
    for element in elements:
        element["Ang"], element["EMG"] = element["Ang"][order], element["EMG"][::-1].copy()

    def rename(s: dict[str, Any]) -> None:
        s["AngVarName"], s["EmgVarName"] = s["AngVarName"][order], s["EmgVarName"][::-1].copy()

    _write(tmp_path, elements, rename)
    shuffled = _read(tmp_path)["Walking"]
    for group in ("kinematics", "kinetics"):
        np.testing.assert_array_equal(usual.signals[group].values, shuffled.signals[group].values)
    for muscle in MUSCLES.values():
        pair = [trial.signals["emg"].values.sel(channel=muscle) for trial in (usual, shuffled)]
        np.testing.assert_array_equal(pair[0].values, pair[1].values)


def test_foot_off_is_estimated_from_the_force_record_and_its_own_clock(tmp_path: Path) -> None:
    elements = [_element(seed=k) for k in range(4)]
    elements[1] |= {"TimeStampGrf": 3.64, "Grf": elements[1]["Grf"][:, 40:]}
    elements[2]["TimeStampGrf"] = 4.5
    elements[3]["Grf"] = np.zeros((0, 0))
    _write(tmp_path, elements)
    trial = _read(tmp_path)["Walking"]
    off = trial.strides["foot_off"].to_numpy()
    assert off[:2] == pytest.approx([0.671, 0.671], abs=0.002)
    assert np.isnan(off[2:]).all()
    assert "estimated" in trial.notes["foot_off"]


def test_what_is_empty_nan_or_zero_is_not_measured(tmp_path: Path) -> None:
    elements = [_element(seed=k) for k in range(6)]
    elements[0]["Mom"] = np.zeros((0, 0))
    elements[1]["EMG"][3] = 0.0
    elements[2]["Ang"][ANGLES.index("HipRot")] = np.nan
    elements[3]["EMG"] = np.zeros((0, 0))
    elements[4] |= {"EMG": np.zeros((0, 0)), "Ang": np.zeros((0, 0)), "Mom": np.zeros((0, 0))}
    elements[5] |= {"EMG": np.zeros((0, 0)), "Marker": np.zeros((0, 0))}
    _write(tmp_path, elements)
    trial = _read(tmp_path)["Walking"]
    assert np.isnan(_piece(trial, "kinetics", 0)).all()
    assert np.isfinite(_piece(trial, "kinetics", 1)[:, 0]).all()
    assert np.isnan(_piece(trial, "emg", 1)[:, 0, 3]).all()
    assert np.isfinite(_piece(trial, "emg", 1)[:, 0, 4]).all()
    assert np.isnan(_piece(trial, "kinematics", 2)[:, 0, 0, 1]).all()
    assert trial.signals["emg"].lengths[3] == 0
    assert trial.strides["stride_number"].tolist() == [0, 1, 2, 3]
    assert trial.strides["duration"].tolist() == pytest.approx([1.1] * 4)
    reasons = trial.rejected.set_index("stride_number")["reason"].to_dict()
    assert reasons == {4: "no_signal", 5: "unknown_duration"}


def test_emg_and_markers_of_other_lengths_are_unpaired(tmp_path: Path) -> None:
    elements = [_element(seed=k) for k in range(5)]
    elements[2]["Marker"] = np.ones((87, 190))
    elements[3] = _element(samples=3301, seed=9)
    _write(tmp_path, elements)
    rejected = _read(tmp_path)["Walking"].rejected
    assert rejected[["stride_number", "reason"]].values.tolist() == [[2, "unpaired"], [3, "too_long"]]
    assert "EMG lasts 1.100 s, the markers 0.945 s" in rejected["detail"].iloc[0]


def _everywhere(**members: Any) -> Change:
    return lambda s: [element.update(members) for element in s["Data"].elements]


def test_one_odd_element_costs_itself_alone(tmp_path: Path) -> None:
    elements = [_element(seed=k) for k in range(7)]
    elements[0] = {name: np.zeros((0, 0)) for name in elements[0]}
    elements[2]["Mom"] = np.array([[np.nan]])
    elements[3]["Mom"] = np.ones((9, 100))
    elements[4] |= {"Ang": np.ones((12, 100)), "speed": np.ones((2, 2))}
    elements[5] |= {"EMG": "none", "Ang": "none", "Mom": "none"}
    _write(tmp_path, elements)
    trial = _read(tmp_path)["Walking"]
    assert trial.strides["stride_number"].tolist() == [0, 1, 2, 3, 5]
    assert trial.rejected["reason"].tolist() == ["no_signal"]
    moments, angles = (
        [bool(np.isfinite(_piece(trial, group, k)).any()) for k in range(6)] for group in ("kinetics", "kinematics")
    )
    assert moments == [True, False, False, True, False, True]
    assert angles == [True, True, True, False, False, True]
    assert "element 1: Foot is ''" in trial.notes["excluded"]
    assert "element 4: Mom is numeric of 9 x 100; element 5: Ang is" in trial.notes["left_out"]
    assert math.isnan(trial.strides["speed"].iloc[3])


def test_a_person_without_moments_is_asked_no_question_about_them(tmp_path: Path) -> None:
    _write(tmp_path, change=_everywhere(Mom=np.array([[np.nan]])))
    trial = _read(tmp_path)["Walking"]
    assert "kinetics" not in trial.signals
    assert len(trial.strides) == 4
    assert not any("moment" in name or "power" in name for name in trial.notes)


def test_emg_of_another_time_is_left_out(tmp_path: Path) -> None:
    """Frames of 5 ms: 7 ms are within one and a half, 8 ms are not."""
    elements = [_element(seed=k) for k in range(4)]
    for element, late in zip(elements, (7.0, 0.007, -0.008, np.nan), strict=True):
        element["TimeStampEmg"] = 3.59 + late
    elements[0]["Marker"] = np.ones((87, 222))
    _write(tmp_path, elements)
    trial = _read(tmp_path)["Walking"]
    assert trial.signals["emg"].lengths == (0, 1101, 0, 1101)
    assert trial.strides["duration"].tolist() == pytest.approx([1.105, 1.1, 1.1, 1.1])
    assert "element 1: EMG starts +7.000 s from the markers" in trial.notes["left_out"]


@pytest.mark.parametrize(("scale", "unit"), [(1.0, "m"), (1000.0, "mm"), (3.0, "")])
def test_speed_is_left_out_where_length_and_duration_deny_it(tmp_path: Path, scale: float, unit: str) -> None:
    elements = [_element(seed=k) | {"strideLength": 1.32 * scale} for k in range(4)]
    elements[2]["speed"] = 2.4
    _write(tmp_path, elements)
    trial = _read(tmp_path)["Walking"]
    assert trial.strides["speed"].isna().tolist() == [False, False, bool(unit), False]
    text = f"strideLength in {unit} / speed agrees with the duration, but for element 3" if unit else "not clear"
    assert text in trial.notes["speed"]


def test_power_helps_to_decide_and_refuses_what_contradicts(tmp_path: Path) -> None:
    _write(tmp_path)
    assert "ankle right r +1.00, slope +1" in _read(tmp_path)["Walking"].notes["evidence.power"]
    elements = [_element(seed=k) for k in range(4)]
    for element in elements:
        element["Pwr"] = -element["Pwr"]
    _write(tmp_path, elements)
    with pytest.raises(DataFormatError, match=r"Pwr; found AnkleFlxMom is not plantarflexor-positive.*published_power"):
        _read(tmp_path)
    assert "evidence.power" not in _read(tmp_path, published_power="ignore")["Walking"].notes
    for element in elements:
        element["Pwr"] = -element["Pwr"][[1, 2, 0]]
    _write(tmp_path, elements)
    with pytest.raises(DataFormatError, match=r"Pwr; found power of the hip goes with the moment of the knee"):
        _read(tmp_path)
    for element in elements:
        element["Pwr"] = element["Pwr"][[2, 0, 1]]
        element["Pwr"][1] *= -1
    _write(tmp_path, elements)
    with pytest.raises(DataFormatError, match=r"KneeFlxMom; found .*contradiction: .*knee_moment_sign="):
        _read(tmp_path)


def test_people_have_height_in_meters_mass_and_sex(tmp_path: Path) -> None:
    _write(tmp_path)
    person = _read(tmp_path)["Walking"].patient
    assert (person.height, person.body_mass, person.age, person.sex) == (1.71, 64.0, 30.0, "female")
    _write(tmp_path, change=lambda s: s.update(Gender=1.0, Age=np.zeros((0, 0))))
    person = _read(tmp_path)["Walking"].patient
    assert (person.sex, math.isnan(person.age)) == ("unknown", True)


def test_both_containers_hold_the_same(tmp_path: Path) -> None:
    for version in ("v5", "v7.3"):
        content = _struct([_element(foot=foot, seed=k) for k, foot in enumerate(("RX", "RX", "RX", "LX", "LX", "LX"))])
        if version == "v7.3":
            content |= {key: list(names) for key, names in content.items() if key.endswith("VarName")}
        save_struct(tmp_path / version / "Subject5.mat", {"s": content}, version=version)
    old, new = (_read(tmp_path / version)["Walking"] for version in ("v5", "v7.3"))
    pd.testing.assert_frame_equal(old.strides, new.strides)
    assert set(old.signals) == {"emg", "kinematics", "kinetics"}
    for group, signal in old.signals.items():
        np.testing.assert_array_equal(signal.values, new.signals[group].values)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda s: s.pop("MomVarName"), r"s; found no field MomVarName; the nearest is"),
        (lambda s: s.pop("EMGFreq"), r"s; found no field EMGFreq or EMGFeq"),
        (lambda s: s.update(EMGSide="LEFT"), r"s\.EMGSide; found 'LEFT'; expected RX, LX or NO"),
        (lambda s: s.update(BH=1.71), r"s\.BH; found 1\.71; expected 80 to 230 cm"),
        (lambda s: s.update(EMGFreq=1.0), r"s\.EMGFreq; found 1 Hz"),
        (lambda s: s.update(KinFreq="fast"), r"s\.KinFreq; found text"),
        (
            lambda s: s.update(AngVarName=np.array([n.replace("KneeFlx", "KneeFle") for n in s["AngVarName"]])),
            r"s\.AngVarName; found PelvisFlx.*expected the row 'KneeFlx'",
        ),
        (_everywhere(Foot="XX"), r"Foot; found 'XX'; expected RX or LX"),
        (_everywhere(Ang=np.ones((12, 100))), r"Ang; found .*12 x 100; expected 12 x 101"),
        (_everywhere(EMG=np.ones((1101, 8))), r"EMG; found .*1101 x 8; expected 8 x samp"),
        (_everywhere(Mom="none"), r"Mom; found text"),
        (lambda s: [e.pop("EMG") for e in s["Data"].elements], r"found no field EMG"),
        (lambda s: s.update(Data="nothing"), r"s\.Data; found text"),
        (lambda s: s.update(Data=np.zeros((0, 0))), r"s\.Data; found empty"),
    ],
)
def test_bad_file_is_one_clear_error(tmp_path: Path, change: Change, expected: str) -> None:
    _write(tmp_path, change=change)
    with pytest.raises(DataFormatError, match=expected) as error:
        _read(tmp_path)
    assert str(error.value).startswith("lencioni: ")
    assert "Subject5.mat" in str(error.value)


def test_a_file_without_the_struct_or_cut_is_one_clear_error(tmp_path: Path) -> None:
    path = _write(tmp_path)
    whole = path.read_bytes()
    for size in (0, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(DataFormatError, match=r"lencioni: .*Subject5\.mat"):
            _read(tmp_path)
    save_struct(path, {"t": 1.0})
    with pytest.raises(DataFormatError, match=r"Subject5\.mat; found .* expected the field 's'"):
        _read(tmp_path)
    save_struct(path, {"s": 1.0})
    with pytest.raises(DataFormatError, match=r"Subject5\.mat"):
        _read(tmp_path)


def test_nobody_and_two_of_one(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such folder"):
        patients(tmp_path / "none")
    with pytest.raises(DataFormatError, match=r"Subject1\.mat"):
        patients(tmp_path)
    _write(tmp_path)
    _write(tmp_path / "sub")
    with pytest.raises(DataFormatError, match="second file of the same person"):
        patients(tmp_path)
    (tmp_path / "sub" / "Subject5.mat").rename(tmp_path / "sub" / "subject010.MAT")
    assert patients(tmp_path) == ["Subject5", "Subject10"]
    with pytest.raises(MissingInputError, match="Subject7"):
        list(recordings(tmp_path, "Subject7", {}))
