"""Moreira: real strides with canonical signs and their own body mass; both releases and containers; what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from biomech_xr.datasets.moreira import SPEC, patients
from biomech_xr.parse import read_facts, read_patient
from biomech_xr.process.chains.chain import load_chain
from biomech_xr.process.plan import make_plan
from biomech_xr.schema import Trial
from biomech_xr.store import write_patient
from biomech_xr.synthetic.curves import curve
from tests.datasets.moreira_tables import MASS, MUSCLES, POINTS, Tables, tables, write_mat, write_text, written_tree

FILES = {
    "angles": "Angles",
    "torques": "Torques",
    "torques_norm": "Torques_Norm",
    "grf": "GRF",
    "emg_envelope": "some envelope",
    "emg_filtered": "something filtered",
}


def read(root: Path, patient: str = "Participant1", **options: Any) -> dict[str, Trial]:
    return {trial.trial: trial for trial in read_patient("moreira", root, patient, options)}


def component(trial: Trial, group: str, joint: str, motion: str) -> npt.NDArray[np.float64]:
    """Return one component of the trial's leg, shape (stride, 1001)."""
    values = trial.signals[group].values.isel(side=0).sel(joint=joint, motion=motion).values
    return values.reshape(-1, POINTS).astype(np.float64)


@pytest.fixture(scope="module")
def real(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the real strides laid out as the text release has them."""
    root = tmp_path_factory.mktemp("real")
    walks: dict[str, Tables] = {
        walk: {
            signal: pd.read_csv(samples / "moreira" / f"P1_V1_{walk}" / f"{file}.csv") for file, signal in FILES.items()
        }
        for walk in ("T2", "T3")
    }
    write_text(root, {"V1/R": walks})
    return root


@pytest.mark.realdata
def test_torques_over_torques_norm_is_the_body_mass_in_every_column(real: Path) -> None:
    folder = real / "ASCII files" / "Participant1" / "Processed_Data" / "V1" / "R"
    for walk in ("T2", "T3"):
        whole, normed = (
            pd.read_csv(folder / signal / f"{walk}.txt", sep="\t") for signal in ("Torques", "Torques_Norm")
        )
        mass = (whole * normed).sum() / (normed * normed).sum()
        assert len(mass) == 24
        np.testing.assert_allclose(mass, 66.2, rtol=1e-4)
    for trial in read(real).values():
        assert trial.patient.body_mass == pytest.approx(66.2, abs=0.01)
        assert trial.notes["body_mass"] == "Torques / Torques_Norm"


@pytest.mark.realdata
def test_real_strides_have_canonical_signs(real: Path) -> None:
    found = read(real)
    assert sorted(found) == ["V1_R_T2", "V1_R_T3"]
    for trial in found.values():
        knee, ankle = (component(trial, "kinematics", joint, "flexion") for joint in ("knee", "ankle"))
        assert knee.shape == (2, POINTS)
        assert (knee.max(axis=1) > 50).all()
        assert ((knee.argmax(axis=1) > 650) & (knee.argmax(axis=1) < 750)).all()
        assert (knee[:, 0] < 10).all()
        assert (ankle[:, 550:700].min(axis=1) < ankle[:, 350:550].max(axis=1) - 20).all()
        push_off = component(trial, "kinetics", "ankle", "flexion")
        assert ((push_off.min(axis=1) > -1.8) & (push_off.min(axis=1) < -1.2)).all()
        assert ((push_off.argmin(axis=1) > 400) & (push_off.argmin(axis=1) < 560)).all()
        loading = component(trial, "kinetics", "knee", "flexion")
        assert (loading[:, 100:210].min(axis=1) < -0.1).all()
        hip = component(trial, "kinetics", "hip", "adduction")
        assert (hip[:, 100:500].mean(axis=1) < -0.4).all()
        assert ((hip.min(axis=1) > -1.2) & (hip.min(axis=1) < -0.6)).all()
        assert (component(trial, "kinetics", "knee", "adduction")[:, 100:500].min(axis=1) < -0.1).all()
        late = component(trial, "kinetics", "hip", "flexion")[:, 450:660].max(axis=1)
        assert ((late > 0.3) & (late < 1.0)).all()
        rotation = component(trial, "kinetics", "hip", "rotation")
        assert (rotation[:, 50:180].mean(axis=1) > 0.01).all()
        assert (rotation[:, 350:520].mean(axis=1) < -0.05).all()


@pytest.mark.realdata
def test_real_strides_follow_one_another(real: Path) -> None:
    for trial in read(real).values():
        assert trial.signals["grf"].kind == "segmented"
        for group in ("kinematics", "kinetics", "emg"):
            signal = trial.signals[group]
            assert (signal.kind, signal.contiguity, signal.endpoint) == ("segmented", "consecutive", True)
            np.testing.assert_array_equal(signal.values[POINTS - 1], signal.values[POINTS])


@pytest.mark.realdata
def test_real_envelope_is_found_by_its_columns_and_samples(real: Path) -> None:
    for trial in read(real).values():
        assert trial.emg_state == "envelope"
        assert trial.notes["evidence.emg_state"].startswith("some envelope: envelope (confidence 0.9")
        assert trial.signals["emg"].values.attrs["units"] == "% MVC"
        assert 0 <= float(trial.signals["emg"].values.min()) < float(trial.signals["emg"].values.max()) < 60
    for trial in read(real, emg="filtered").values():
        assert trial.emg_state == "bandpassed"
        assert float(trial.signals["emg"].values.min()) < -0.05
        assert trial.emg_lookahead > 0


@pytest.mark.realdata
def test_real_strides_have_no_duration_without_the_option_and_an_assumed_one_with_it(real: Path) -> None:
    for trial in read(real).values():
        assert len(trial.strides) == 2
        assert trial.strides["duration"].isna().all()
        assert trial.strides["foot_off"].isna().all()
    for trial in read(real, stride_time=2.1).values():
        assert trial.strides["duration"].tolist() == [2.1, 2.1]
        assert set(trial.strides["duration_source"]) == {"assumed"}
        share = trial.strides["foot_off"] / 2.1
        assert ((share > 0.58) & (share < 0.68)).all()
        assert trial.strides["speed"].tolist() == pytest.approx([1 / 3.6] * 2)


@pytest.mark.realdata
def test_processing_rejects_strides_of_unknown_duration(real: Path, tmp_path: Path) -> None:
    table = tmp_path / "times.csv"
    table.write_text("participant,speed,leg,trial,stride,seconds\nParticipant1,V1,R,T3,2,2.05\n")
    options = {"stride_times": str(table)}
    trials = read_patient("moreira", real, "Participant1", options)
    write_patient(str(tmp_path / "store"), read_facts("moreira", real, options), trials, config_hash="x")
    plan = make_plan(str(tmp_path / "store"), "moreira", load_chain("envelope"))
    assert plan.labels[["trial", "stride_number", "duration", "duration_source"]].values.tolist() == [
        ["V1_R_T3", 1, 2.05, "assumed"]
    ]
    assert plan.rejected["reason"].tolist() == ["unknown_duration"] * 3


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    root, truth = written_tree(tmp_path_factory)
    return root, truth.strides


@pytest.fixture(scope="module")
def people(written: tuple[Path, pd.DataFrame]) -> dict[str, dict[str, Trial]]:
    return {name: read(written[0], name) for name in patients(written[0])}


def test_people_are_those_of_both_releases_in_the_order_of_numbers(written: tuple[Path, pd.DataFrame]) -> None:
    assert patients(written[0]) == ["Participant1", "Participant4"]
    assert patients(written[0] / "ASCII files") == ["Participant1"]
    assert patients(written[0] / "MAT files") == ["Participant1", "Participant4"]


def test_strides_and_published_durations_are_those_written(
    written: tuple[Path, pd.DataFrame], people: dict[str, dict[str, Trial]]
) -> None:
    found = pd.concat(
        trial.strides.assign(source_patient=name) for name, trials in people.items() for trial in trials.values()
    )
    keys = ["source_patient", "trial", "side", "activity", "duration"]
    ordered = found.sort_values(["source_patient", "trial", "stride_number"], ignore_index=True)[keys]
    pd.testing.assert_frame_equal(ordered, written[1][keys], check_dtype=False, atol=1e-9)
    assert set(found["duration_source"]) == {"published"}
    assert int(found["duration"].isna().sum()) == 2


def test_participant_4_lacks_three_speeds(people: dict[str, dict[str, Trial]]) -> None:
    assert {trial.task for trial in people["Participant4"].values()} == {"V15", "V2", "V25", "V3"}
    assert {trial.notes["absent_speeds"] for trial in people["Participant4"].values()} == {"V1, V35, V4"}
    assert {trial.task for trial in people["Participant1"].values()} == {"V1", "V15", "V2", "V25", "V3", "V35", "V4"}


def test_speed_comes_from_the_name(people: dict[str, dict[str, Trial]]) -> None:
    for name, kmh in (("V15_L_T1", 1.5), ("V2_R_T1", 2.0), ("V35_R_T1", 3.5)):
        assert people["Participant1"][name].strides["speed"].iloc[0] == pytest.approx(kmh / 3.6)


def test_a_narrow_left_leg_has_one_stride(people: dict[str, dict[str, Trial]]) -> None:
    narrow, wide = people["Participant1"]["V1_L_T1"], people["Participant1"]["V4_L_T1"]
    assert len(narrow.strides) == 1
    assert len(wide.strides) == 2
    assert narrow.signals["kinematics"].values.sizes["sample"] == POINTS
    assert narrow.signals["kinematics"].values["side"].values.tolist() == ["left"]


def test_metadata_gives_the_person(people: dict[str, dict[str, Trial]]) -> None:
    person = people["Participant1"]["V2_R_T1"].patient
    assert person.sex in ("female", "male")
    assert 1.5 < person.height < 2.0
    assert 19 <= person.age <= 34
    assert 40 < person.body_mass < 110
    assert people["Participant1"]["V2_R_T1"].sources[1][0] == "MAT files/Participant1/Metadata.txt"


def test_both_releases_give_the_same_signals(
    written: tuple[Path, pd.DataFrame], people: dict[str, dict[str, Trial]]
) -> None:
    text = read(written[0] / "ASCII files")
    assert set(text) == {name for name in people["Participant1"] if name.split("_")[0] in ("V2", "V4")}
    for name, trial in text.items():
        other = people["Participant1"][name]
        for group in ("emg", "kinematics", "kinetics", "grf"):
            np.testing.assert_allclose(trial.signals[group].values, other.signals[group].values, atol=2e-5)
        assert trial.notes["not_read"] == "Properties"
        assert trial.strides["duration"].isna().all()


@pytest.mark.parametrize("version", ["v5", "v7.3"])
def test_normalised_torques_are_read_and_hip_rotation_is_negated(tmp_path: Path, version: str) -> None:
    made = tables()
    times = pd.DataFrame({"St1_Time": [1.2], "St2_Time": [1.25]})
    write_mat(tmp_path, {"V2/R": {"T1": made}}, {"V2/R": times}, version=version)
    (trial,) = read(tmp_path).values()
    assert trial.strides["duration"].tolist() == [1.2, 1.25]
    own = curve("walk", "moment")(np.linspace(0, 1, POINTS))
    for joint, j in (("hip", 0), ("knee", 1), ("ankle", 2)):
        for motion, m in (("adduction", 0), ("rotation", 1), ("flexion", 2)):
            np.testing.assert_allclose(component(trial, "kinetics", joint, motion)[0], own[:, j, m], atol=1e-5)
    assert trial.notes["hip_rotation_moment"] == "external-positive in the file, negated"
    assert SPEC.moments["R/Torques_Norm/Hip_Z"].factor == SPEC.moments["L/Torques_Norm/Hip_Z"].factor == -1
    assert SPEC.angles["R/Angles/Hip_Z"].factor == 1
    emg = trial.signals["emg"].values
    for raw, muscle in MUSCLES.items():
        np.testing.assert_allclose(
            emg.sel(side="right", channel=muscle)[:POINTS], made["EMG soft"][f"St1_{raw}"], atol=1e-4
        )
    force = trial.signals["grf"].values.sel(side="right", axis="vertical").values
    np.testing.assert_allclose(force[:POINTS], made["GRF"]["St1_GRF_Z"] / MASS, atol=1e-5)
    assert trial.strides["foot_off"].iloc[0] == pytest.approx(0.62 * 1.2, abs=0.01)


def test_columns_are_found_by_name_in_any_order(tmp_path: Path) -> None:
    made = tables()
    write_text(tmp_path / "a", {"V2/R": {"T1": made}})
    write_text(tmp_path / "b", {"V2/R": {"T1": {name: table[table.columns[::-1]] for name, table in made.items()}}})
    (one,), (other,) = read(tmp_path / "a").values(), read(tmp_path / "b").values()
    for group in one.signals:
        np.testing.assert_array_equal(one.signals[group].values, other.signals[group].values)


def test_second_stride_may_be_missing_in_one_signal_only(tmp_path: Path) -> None:
    made = tables() | {"EMG soft": tables(second=False)["EMG soft"]}
    write_text(tmp_path, {"V2/L": {"T1": made}})
    (trial,) = read(tmp_path, stride_time=1.2).values()
    assert len(trial.strides) == 2
    emg = trial.signals["emg"].values
    assert np.isfinite(emg[:POINTS]).all()
    assert np.isnan(emg[POINTS:]).all()
    assert trial.notes["strides_by_group"] == "kinematics 2, kinetics 2, emg 1, grf 2"


def test_a_stride_without_any_sample_is_rejected(tmp_path: Path) -> None:
    made = tables()
    for table in made.values():
        for name in map(str, table):
            table[name] = np.nan if name.startswith("St2") else table[name]
    write_text(tmp_path, {"V2/R": {"T1": made}})
    (trial,) = read(tmp_path, stride_time=1.2).values()
    assert trial.strides["stride_number"].tolist() == [0]
    assert trial.rejected[["stride_number", "reason"]].values.tolist() == [[1, "no_signal"]]


def test_a_plate_that_was_not_hit_is_no_force_of_zero(tmp_path: Path) -> None:
    made = tables()
    made["GRF"].loc[:, ["St2_GRF_X", "St2_GRF_Y", "St2_GRF_Z"]] = 0.0
    write_text(tmp_path, {"V2/R": {"T1": made}})
    (trial,) = read(tmp_path, stride_time=1.2).values()
    assert np.isnan(trial.signals["grf"].values[POINTS:]).all()
    assert np.isfinite(trial.strides["foot_off"]).tolist() == [True, False]


def test_moments_of_a_foot_beside_the_plates_are_not_measured(tmp_path: Path) -> None:
    made = tables()
    made["GRF"].loc[:, ["St2_GRF_X", "St2_GRF_Y", "St2_GRF_Z"]] = 0.0
    for name in ("Torques", "Torques_Norm"):
        made[name].loc[:, made[name].columns.str.startswith("St2")] *= 0.05
    write_text(tmp_path, {"V2/R": {"T1": made, "T2": tables()}})
    trial, whole = read(tmp_path, stride_time=1.2).values()
    moments = trial.signals["kinetics"].values.values
    assert np.isnan(moments[POINTS:]).all()
    np.testing.assert_array_equal(moments[:POINTS], whole.signals["kinetics"].values.values[:POINTS])
    assert len(trial.strides) == 2
    assert trial.notes["moments_left_out"].startswith("stride 2: no vertical force")
    assert "moments_left_out" not in whole.notes


def test_stride_times_that_do_not_match_the_trials_are_not_paired(tmp_path: Path) -> None:
    walks = {"T1": tables(), "T4": tables()}
    times = pd.DataFrame({"St1_Time": [1.2, 1.3, 1.4], "St2_Time": [1.2, 1.3, 1.4]})
    write_mat(tmp_path, {"V2/R": walks, "V3/R": {"T1": tables()}}, {"V2/R": times, "V3/R": times[:1]})
    found = read(tmp_path)
    for name in ("V2_R_T1", "V2_R_T4"):
        assert found[name].strides.empty
        assert found[name].rejected["reason"].tolist() == ["unpaired", "unpaired"]
        assert "3 rows, Angles lists 2 trials" in found[name].rejected["detail"].iloc[0]
    assert found["V3_R_T1"].strides["duration"].tolist() == [1.2, 1.2]


def test_a_published_time_goes_before_a_stated_one(tmp_path: Path) -> None:
    walks = {"T1": tables(), "T2": tables(), "T3": tables()}
    times = pd.DataFrame({"St1_Time": [1.2, 0.0, -1.0], "St2_Time": [np.nan, 1.3, np.inf]})
    write_mat(tmp_path, {"V2/R": walks}, {"V2/R": times})
    found = read(tmp_path, stride_time=1.5)
    assert found["V2_R_T2"].strides["duration"].tolist() == [1.5, 1.3]
    assert found["V2_R_T3"].strides["duration"].tolist() == [1.5, 1.5]
    strides = found["V2_R_T1"].strides
    assert strides["duration"].tolist() == [1.2, 1.5]
    assert strides["duration_source"].tolist() == ["published", "assumed"]


def test_a_trial_without_moments_keeps_the_rest(tmp_path: Path) -> None:
    lacking = {name: table for name, table in tables().items() if not name.startswith("Torques")}
    write_text(tmp_path, {"V2/R": {"T1": tables(), "T10": lacking, "T2": tables()}})
    found = read(tmp_path)
    assert list(found) == ["V2_R_T1", "V2_R_T2", "V2_R_T10"]
    assert set(found["V2_R_T10"].signals) == {"kinematics", "emg", "grf"}
    assert found["V2_R_T10"].notes["absent"] == "kinetics"


def test_an_empty_signal_of_one_leg_loses_that_signal_only(tmp_path: Path) -> None:
    made, times = tables(), pd.DataFrame({"St1_Time": [1.2], "St2_Time": [1.25]})
    legs = {
        "V2/L": {"T1": {name: table for name, table in made.items() if name != "Torques_Norm"}},
        "V4/R": {"T1": {name: table for name, table in made.items() if name != "Angles"}},
        "V4/L": {"T1": made},
    }
    empty = {"V2/L": ["Torques_Norm"], "V4/R": ["Angles"]}
    write_mat(tmp_path, legs, dict.fromkeys(legs, times), empty=empty)
    found = read(tmp_path)
    lacking = {name: trial.notes.get("absent") for name, trial in found.items()}
    assert lacking == {"V2_L_T1": "kinetics", "V4_R_T1": "kinematics", "V4_L_T1": None}
    assert [found[name].notes.get("not_read") for name in lacking] == ["Torques_Norm", "Angles", None]
    for trial in found.values():
        assert trial.strides["duration"].tolist() == [1.2, 1.25]
        assert trial.patient.body_mass == MASS


def test_dead_channels_are_nan_and_noted(tmp_path: Path) -> None:
    made = tables()
    for k in (1, 2):
        made["EMG soft"][f"St{k}_TA"] = 0.0
        made["EMG soft"][f"St{k}_BF"] = np.nan
        made["Angles"][f"St{k}_Ankle_Z"] = 0.0
    write_text(tmp_path, {"V2/R": {"T1": made}})
    (trial,) = read(tmp_path, stride_time=1.2).values()
    emg = trial.signals["emg"].values.sel(side="right")
    assert np.isnan(emg.sel(channel=["tibialis_anterior", "biceps_femoris"])).all()
    assert np.isfinite(emg.sel(channel=["vastus_lateralis", "gastrocnemius_lateralis"])).all()
    assert trial.notes["not_measured"] == "emg biceps_femoris, emg tibialis_anterior, kinematics ankle rotation"
    made["EMG soft"][:] = 0.0
    write_text(tmp_path, {"V2/R": {"T1": made}})
    assert read(tmp_path, stride_time=1.2)["V2_R_T1"].emg_state == "bandpassed"


def test_filtered_emg_is_read_where_there_is_no_envelope(tmp_path: Path) -> None:
    made = {name: table for name, table in tables().items() if name != "EMG soft"}
    write_text(tmp_path, {"V2/R": {"T1": made}})
    (trial,) = read(tmp_path).values()
    assert trial.emg_state == "bandpassed"
    assert trial.signals["emg"].values.attrs["units"] == "mV"


def test_a_mass_that_differs_little_from_the_metadata_is_recorded(tmp_path: Path) -> None:
    folder = write_text(tmp_path, {"V2/R": {"T1": tables()}})
    (folder / "Metadata.txt").write_text("Subject1\nGender: F\nBody Mass: 71.5 kg\n")
    (trial,) = read(tmp_path).values()
    assert trial.patient.body_mass == 71.5
    assert trial.notes["body_mass"] == "Metadata.txt; the moments were divided by 70.0 kg"
