"""Van Criekinge 2023: legs, joints, signs, gaps and events on files written from its description."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.signal import butter, sosfilt

from biomech_xr import vocabulary as words
from biomech_xr.datasets.criekinge import SPEC, patients, recordings
from biomech_xr.datasets.criekinge.people import ABLE_BODIED, STROKE
from biomech_xr.errors import MissingInputError
from biomech_xr.schema import Trial, validate_trial
from biomech_xr.synthetic import Truth
from biomech_xr.synthetic.matfile import FIELDLESS, Structs, save_struct
from tests.datasets.criekinge_files import ABLE, STROKES, columns, edit, in_trial, overwrite, stored, tree


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """One able-bodied adult and one stroke survivor."""
    return tree(lambda: tmp_path_factory.mktemp("criekinge"))


@pytest.fixture(scope="module")
def trials(written: tuple[Path, Truth]) -> dict[str, list[Trial]]:
    return {patient: list(recordings(written[0], patient, {})) for patient in patients(written[0])}


@pytest.fixture
def edited(written: tuple[Path, Truth], tmp_path: Path) -> Callable[[str, Callable[[Any], None]], Path]:
    """Return a function that copies one file and lets its argument change the content."""
    return lambda name, change: edit(written[0] / name, tmp_path, change)


def test_people_are_named_in_the_order_of_the_files(written: tuple[Path, Truth]) -> None:
    assert patients(written[0]) == ["SUBJ1", "TVC03"]
    assert (len(ABLE_BODIED), len(STROKE)) == (138, 50)
    assert (STROKE[0], STROKE[12], STROKE[49]) == ("TVC03", "TVC16", "TVC60")
    assert not {"TVC07", "TVC18", "TVC56", "TVC59"} & set(STROKE)


def test_strides_are_those_that_were_written(written: tuple[Path, Truth], trials: dict[str, list[Trial]]) -> None:
    found = []
    for patient, read in trials.items():
        for trial in read:
            validate_trial(trial)
            found.append(trial.strides.assign(source_patient=patient)[list(written[1].strides.columns)])
    result = pd.concat(found).sort_values(["source_patient", "trial", "side", "trial_time"], ignore_index=True)
    pd.testing.assert_frame_equal(result, written[1].strides, check_dtype=False, rtol=0, atol=1e-9)
    assert [trial.trial for trial in trials["SUBJ1"]] == ["trial_2", "trial_3", "trial_4"]


def test_times_are_frames_from_one_and_foot_off_is_toe_off(written: tuple[Path, Truth], trials: Any) -> None:
    with h5py.File(written[0] / ABLE) as file:
        events = {name: np.ravel(file["Sub/events"][f"R_{name}"]) for name in ("ICstart", "ICstop", "TO", "Trial")}
    own = events["Trial"] == 4
    table = trials["SUBJ1"][2].strides.query("side == 'right'")
    np.testing.assert_allclose(table["trial_time"], (events["ICstart"][own] - 1) / 100, atol=1e-12)
    np.testing.assert_allclose(table["duration"], (events["ICstop"] - events["ICstart"])[own] / 100, atol=1e-12)
    np.testing.assert_allclose(table["foot_off"], (events["TO"] - events["ICstart"])[own] / 100, atol=1e-12)
    assert ((table["foot_off"] / table["duration"]).between(0.55, 0.68)).all()


def test_events_that_make_no_stride_are_rejected(trials: dict[str, list[Trial]]) -> None:
    """The absolute value of a difference of frames would hide both."""
    able, stroke = trials["SUBJ1"][1].rejected, trials["TVC03"][1].rejected
    assert able[["side", "reason"]].values.tolist() == [["left", "unknown_duration"]]
    assert stroke[["side", "reason"]].values.tolist() == [["right", "not_a_stride"]]
    assert "0.080 s earlier" in stroke["detail"].iloc[0]


def test_strides_are_consecutive_where_contacts_coincide(trials: dict[str, list[Trial]]) -> None:
    for trial, breaks in ((trials["SUBJ1"][0], 1), (trials["SUBJ1"][2], 0)):
        assert {signal.contiguity for signal in trial.signals.values()} == {"consecutive"}
        left = trial.strides.query("side == 'left'")
        gap = left["trial_time"].to_numpy()[1:] - (left["trial_time"] + left["duration"]).to_numpy()[:-1]
        assert int((np.abs(gap) > 1e-6).sum()) == breaks


@pytest.mark.parametrize("joint", words.JOINTS)
@pytest.mark.parametrize(("axis", "motion"), [("x", "flexion"), ("y", "adduction"), ("z", "rotation")])
def test_every_angle_and_moment_is_in_its_own_joint(
    written: tuple[Path, Truth], trials: Any, joint: str, axis: str, motion: str
) -> None:
    """An earlier parser stored moments as ankle, hip, knee under the labels hip, knee, ankle."""
    trial = trials["SUBJ1"][2]
    for side in words.SIDES:
        order = in_trial(written[0], "SUBJ1", side, 4)
        angle = columns(written[0], "SUBJ1", side, f"{joint.title()}Angles.{axis}")[order]
        moment = columns(written[0], "SUBJ1", side, f"{joint.title()}Moment.{axis}")[order]
        np.testing.assert_allclose(stored(trial, "kinematics", side, joint, motion), angle, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(stored(trial, "kinetics", side, joint, motion), -moment, rtol=1e-6, atol=1e-6)


def test_moments_are_internal_and_conjugate_to_the_angles(trials: dict[str, list[Trial]]) -> None:
    for trial in trials["SUBJ1"]:
        ankle = stored(trial, "kinetics", "right", "ankle", "flexion")
        ankle = ankle[np.isfinite(ankle).all(axis=1)]
        assert ((ankle.min(axis=1) > -1.8) & (ankle.min(axis=1) < -1.2)).all()
        assert (np.abs(ankle.argmin(axis=1) / 1000 - 0.49) < 0.04).all()
        knee = stored(trial, "kinetics", "left", "knee", "flexion")[:, 100:200]
        knee = knee[np.isfinite(knee).all(axis=1)]
        assert (knee.min(axis=1) < -0.3).all()


@pytest.mark.parametrize(("lesion_left", "affected"), [(0.0, "left"), (1.0, "right")])
def test_paretic_legs_are_placed_by_the_side_of_the_lesion(
    written: tuple[Path, Truth], edited: Any, lesion_left: float, affected: str
) -> None:
    lesion = np.array([[lesion_left]])
    root = edited(STROKES, lambda file: overwrite(file["Sub/sub_char"], "LesionLeft", lesion))
    walks = {trial.trial: trial for trial in recordings(root, "TVC03", {})}
    trial = walks["trial_4"]
    assert (trial.patient.population, trial.patient.affected_side) == ("stroke", affected)
    assert set(trial.strides["side"]) == {"left", "right"}
    assert affected in trial.notes["affected_side"]
    paretic = columns(written[0], "TVC03", "left", "KneeAngles.x")
    own = stored(trial, "kinematics", affected, "knee", "flexion")
    np.testing.assert_allclose(own, paretic[: len(own)], rtol=1e-6)


def test_kinetics_count_only_where_the_landing_was_good(edited: Any) -> None:
    def fill(file: Any) -> None:
        for name in ("AnkleMoment/x", "HipMoment/z", "GroundReactionForce/z"):
            data = file[f"Sub/RsideSegm_RsideData/{name}"]
            data[...] = np.nan_to_num(data[()], nan=7.0)

    root = edited(ABLE, fill)
    with h5py.File(root / ABLE) as file:
        good = np.ravel(file["Sub/events/R_GoodForcePlateLanding"])
    assert 0 < good.sum() < good.size
    for trial in recordings(root, "SUBJ1", {}):
        order = in_trial(root, "SUBJ1", "right", int(trial.trial[6:]))
        for group, place in (
            ("kinetics", ("ankle", "flexion")),
            ("kinetics", ("hip", "rotation")),
            ("grf", ("vertical",)),
        ):
            finite = np.isfinite(stored(trial, group, "right", *place)).all(axis=1)
            assert finite.tolist() == (good[order] == 1).tolist()
        assert np.isfinite(stored(trial, "kinematics", "right", "hip", "flexion")).all()


def test_empty_structs_are_missing_and_never_zero(trials: dict[str, list[Trial]]) -> None:
    for trial in trials["TVC03"]:
        assert list(trial.signals["kinetics"].values["side"].values) == ["left"]
        assert list(trial.signals["grf"].values["side"].values) == ["left"]
        assert "AnkleMoment: empty struct, as known of the release" in trial.notes["missing.right"]
        assert trial.notes["kinetics_quality"] == "not checked by the authors"
        assert not (trial.signals["kinetics"].values == 0).all("sample").any()


def test_emg_is_the_envelope_before_normalization(written: tuple[Path, Truth], trials: dict[str, list[Trial]]) -> None:
    trial = trials["SUBJ1"][2]
    assert (trial.emg_state, trial.signals["emg"].values.attrs["units"]) == ("envelope", "mV")
    assert trial.signals["emg"].values.attrs["ambiguous"] == [
        "left:gastrocnemius_medialis",
        "right:gastrocnemius_medialis",
    ]
    order = in_trial(written[0], "SUBJ1", "left", 4)
    raw = columns(written[0], "SUBJ1", "left", "BF.n")[order]
    found = stored(trial, "emg", "left", "biceps_femoris")
    np.testing.assert_allclose(found, raw, rtol=1e-6)
    assert np.isnan(found[0]).all()
    assert (found[1:] > 0).all()
    assert np.isfinite(stored(trial, "emg", "right", "erector_spinae")[1:]).all()
    assert len(trial.strides.query("side == 'left'")) == len(order), "a stride without EMG has angles"


def test_people_are_described_by_the_file(trials: dict[str, list[Trial]]) -> None:
    for read in trials.values():
        person = read[0].patient
        assert 40 < person.body_mass < 120
        assert 1.4 < person.height < 2.1
        assert person.sex in ("female", "male")


@pytest.mark.parametrize("joints", [("Hip",), ("Hip", "Knee", "Ankle")])
def test_only_a_variable_with_another_count_is_left_out(
    trials: dict[str, list[Trial]], edited: Any, joints: tuple[str, ...]
) -> None:
    """As in Sub(13) of the stroke file; where no angle has the count of the events, nothing says which is which."""

    def shorten(file: Any) -> None:
        for joint in joints:
            group = file[f"Sub/NsideSegm_NsideData/{joint}Angles"]
            for axis in "xyz":
                overwrite(group, axis, group[axis][:-1])

    for trial, usual in zip(recordings(edited(STROKES, shorten), "TVC03", {}), trials["TVC03"], strict=True):
        validate_trial(trial)
        right = trial.rejected.query("side == 'right'")
        angles = trial.signals["kinematics"].values.sel(side="right", motion="flexion")
        if len(joints) == 1:
            pd.testing.assert_frame_equal(trial.strides, usual.strides)
            assert np.isnan(angles.sel(joint="hip")).all()
            assert np.isfinite(angles.sel(joint="knee")).any()
            assert "HipAngles.x: " in trial.notes["missing.right"]
            continue
        assert set(trial.strides["side"]) == {"left"}
        assert set(right["reason"]) == {"unpaired"}
        assert "HipAngles.x" in right["detail"].iloc[0]
        assert np.isnan(angles).all()


def _turn(*paths: str, factor: float = -1.0) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        for side in "LR":
            for path in paths:
                data = file[f"Sub/{side}sideSegm_{side}sideData/{path}"]
                data[...] = data[()] * factor

    return change


_MOMENTS = [f"{joint}Moment/{axis}" for joint in ("Hip", "Knee", "Ankle") for axis in "xyz"]


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (_turn("HipMoment/y", "KneeMoment/y", "AnkleMoment/y"), ("frontal_moment_sign", "1 (")),
        (_turn("HipMoment/x"), ("hip_moment_sign", "1 (")),
        (_turn(*_MOMENTS, factor=1000.0), ("moment_unit", "N mm/kg")),
        (_turn("KneeAngles/x"), ("knee_sign", "-1 (")),
    ],
    ids=["frontal", "sagittal", "unit", "angle"],
)
def test_signs_and_unit_are_decided_on_the_strides(
    trials: dict[str, list[Trial]], edited: Any, change: Callable[[Any], None], note: tuple[str, str]
) -> None:
    trial, usual = next(iter(recordings(edited(ABLE, change), "SUBJ1", {}))), trials["SUBJ1"][0]
    for group in ("kinematics", "kinetics"):
        np.testing.assert_allclose(trial.signals[group].values, usual.signals[group].values, rtol=1e-6, atol=1e-6)
    assert trial.notes[f"evidence.{note[0]}"].startswith(note[1])


def test_power_agrees_and_is_noted_and_options_come_first(written: tuple[Path, Truth], trials: Any) -> None:
    for text in (trials["SUBJ1"][0].notes["evidence.power"], trials["TVC03"][0].notes["evidence.power"]):
        assert "ankle left r +1.00, slope +1" in text or "ankle left r +1.00, slope +0.98" in text
    given = {"ankle_moment_sign": "flexor", "moment_unit": "N mm/kg", "published_power": "ignore"}
    trial = next(iter(recordings(written[0], "SUBJ1", given)))
    ratio = stored(trial, "kinetics", "left", "ankle", "flexion") / stored(
        trials["SUBJ1"][0], "kinetics", "left", "ankle", "flexion"
    )
    np.testing.assert_allclose(ratio[np.isfinite(ratio)], -1e-3, rtol=1e-5)
    assert "evidence.power" not in trial.notes


def test_a_sign_in_doubt_is_assumed_with_its_source(trials: dict[str, list[Trial]], edited: Any) -> None:
    """Noise at the ankle, as a paretic leg may have it, leaves no answer."""

    def blur(file: Any) -> None:
        group = file["Sub/PsideSegm_PsideData"]
        noise = np.random.default_rng(1).standard_normal(group["AnkleMoment/x"].shape)
        group["AnkleMoment/x"][...] = np.where(np.isnan(group["AnkleMoment/x"][()]), np.nan, noise)

    trial = next(iter(recordings(edited(STROKES, blur), "TVC03", {})))
    for what, assumed in (("ankle_moment_sign", "-1"), ("moment_unit", "N m/kg")):
        assert f"not sure, assumed {assumed} (the authors' workbook" in trial.notes[f"evidence.{what}"]
    assert "assumed" not in trial.notes["evidence.knee_moment_sign"]


def test_nan_of_another_shape_is_absent_and_trials_are_whole_numbers(trials: Any, edited: Any) -> None:
    def spoil(file: Any) -> None:
        group = file["Sub/LsideSegm_LsideData"]
        overwrite(group["VL"], "n", np.array([[np.nan]]))
        for axis in "xyz":
            overwrite(group["HipMoment"], axis, np.full((1, 1), np.nan))
        overwrite(group["BF"], "n", np.array([0, 0], dtype=np.uint64))
        group["BF/n"].attrs["MATLAB_empty"] = np.uint8(1)
        numbers = file["Sub/events/L_Trial"]
        flat = np.ravel(numbers[()])
        flat[:4] = [4.5, 1e30, -2.0, np.nan]
        numbers[...] = flat.reshape(numbers.shape)

    read = {trial.trial: trial for trial in recordings(edited(ABLE, spoil), "SUBJ1", {})}
    missing = read["trial_3"].notes["missing.left"]
    for name in ("VL", "HipMoment", "BF"):
        assert f"{name}: only NaN" in missing
    lost = read["trial_unknown"].rejected
    assert set(lost["reason"]) == {"unpaired"}
    assert sorted(text.rpartition(" ")[2] for text in lost["detail"]) == ["-2", "1e+30", "4.5", "nan"]
    assert len(read["trial_4"].strides) == len(trials["SUBJ1"][2].strides) - 4


def test_other_spellings_and_an_outer_struct_are_read(
    written: tuple[Path, Truth], edited: Any, trials: dict[str, list[Trial]]
) -> None:
    def rename(file: Any) -> None:
        for old, new in (("Trial", "Trials"), ("GoodForcePlateLanding", "GoodLanding")):
            for letter in "LR":
                file["Sub/events"].move(f"{letter}_{old}", f"{letter}_{new}")
        file.create_group("Data").attrs["MATLAB_class"] = np.bytes_("struct")
        file.move("Sub", "Data/Sub")

    root = edited(ABLE, rename)
    shutil.copy(written[0] / STROKES, root / "MAT_normalizedData_PostStrokeAduls_v27-02-23.mat")
    assert patients(root) == ["SUBJ1", "TVC03"]
    for found, expected in zip(recordings(root, "SUBJ1", {}), trials["SUBJ1"], strict=True):
        pd.testing.assert_frame_equal(found.strides, expected.strides)


def test_all_fifty_stroke_survivors_are_read_on_both_sides(tmp_path: Path) -> None:
    """Positions 13 and 50 too; each knee says where it came from."""

    def person(number: int) -> dict[str, Any]:
        curve = np.sin(np.linspace(0, 6, 1001))[:, None] * [1.0, 1.1]
        events: dict[str, Any] = {}
        for letter in "PN":
            lists = {"ICstart": [1.0, 131.0], "ICstop": [131.0, 262.0], "TO": [80.0, 210.0], "Trial": [2.0, 2.0],
                     "GoodForcePlateLanding": [0.0, 0.0]}  # fmt: skip
            events |= {f"{letter}_{name}": np.array([values]) for name, values in lists.items()}
        joints = {f"{joint.title()}Angles": dict.fromkeys("xyz", curve + number) for joint in words.JOINTS}
        facts = {"Weight": 70.0, "Age": 60.0, "Male": 1.0, "Height": 1700.0, "LesionLeft": float(number % 2)}
        return {"sub_char": facts, "meas_char": {"VideoFrameRate": 100.0}, "events": events,
                "PsideSegm_PsideData": joints, "NsideSegm_NsideData": joints}  # fmt: skip

    empty = dict.fromkeys(person(1), FIELDLESS)

    save_struct(
        tmp_path / STROKES,
        {"Sub": Structs([person(number) if number in (1, 13, 41, 50) else empty for number in range(1, 51)])},
        version="v7.3",
    )
    assert patients(tmp_path) == list(STROKE)
    for patient, number in (("TVC03", 1), ("TVC16", 13), ("TVC48", 41), ("TVC60", 50)):
        (trial,) = recordings(tmp_path, patient, {})
        assert trial.strides["side"].value_counts().to_dict() == {"left": 2, "right": 2}
        knee = trial.signals["kinematics"].values.sel(joint="knee", motion="flexion").values
        assert np.nanmin(knee) == pytest.approx(number, abs=1.2)
        assert trial.strides["trial_time"].tolist() == [0.0, 1.3, 0.0, 1.3]
        assert ("hand_support" in trial.notes) == (patient == "TVC48")
    with pytest.raises(MissingInputError, match=r"no file \*AbleBodied\*.mat, which holds SUBJ1"):
        list(recordings(tmp_path, "SUBJ1", {}))


def test_lookahead_follows_from_the_stated_filters() -> None:
    rate, half = 1000, 2000
    response = np.zeros(2 * half + 1)
    response[half] = 1
    sections = butter(2, (10, 300), "bandpass", fs=rate, output="sos")
    response = sosfilt(sections, sosfilt(sections, response)[::-1])[::-1]
    size = np.abs(np.convolve(response, np.ones(51) / 51, "same"))
    later = size[::-1].cumsum()[::-1]
    needed = next(k for k in range(half) if later[half + k + 1] < 1e-4 * size.sum()) / rate
    assert needed <= SPEC.emg_lookahead < needed + 0.015


def test_facts() -> None:
    assert SPEC.people == 188
    assert SPEC.evidence == "notes"
    assert {column.factor for column in SPEC.moments.values()} == {-1.0}
    assert SPEC.maximum_duration <= 3.0
