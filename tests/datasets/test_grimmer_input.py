"""Grimmer 2020: what is missing, padded, in doubt or broken in the files costs the least and is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomech_xr.datasets.grimmer import SPEC, patients
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.synthetic.matfile import save_struct
from tests.datasets.grimmer_trees import (
    ANGLE,
    EMG,
    FIRST,
    FORCES,
    MOMENT,
    STRIDE,
    TD,
    Change,
    Content,
    changed,
    make_content,
    no_forces,
    read,
    write_content,
)


def test_a_fraction_of_a_frame_is_kept(tmp_path: Path) -> None:
    def shift(content: Content) -> None:
        content["Processed/Touchdowns/Touchdowns7"]["TD_ascent"][0][0]["tdR"] = np.array([[21.5, 261.25, 501.0]])

    strides = changed(tmp_path, shift)["config1_trial1"].strides.query("side == 'right'")
    assert strides["trial_time"].tolist()[:2] == pytest.approx([0.1025, 1.30125])
    assert strides["duration"].tolist()[0] == pytest.approx(1.19875)


def test_a_doubtful_or_missing_knee_is_other(tmp_path: Path) -> None:
    def lift(content: Content) -> None:
        columns = content["Processed/Joint_Kinematics/X_7"]["Joint_Kinematics"][1][0]
        columns["knee_angle_flexion_r"] = columns["knee_angle_flexion_r"] + 16.0
        columns["knee_angle_flexion_l"] = np.full_like(columns["knee_angle_flexion_l"], np.nan)

    strides = changed(tmp_path, lift)["config2_trial1"].strides
    assert set(strides.query("side == 'left'")["activity"]) == {"other"}
    assert set(strides.query("side == 'left'")["surface"]) == {"unknown"}
    right = strides.query("side == 'right' and source_activity == 'ascent'")
    assert right["activity"].tolist() == ["other", "stair_ascent", "stair_ascent", "other", "other", "other"]
    assert strides.query("activity == 'other'")["stair_height"].isna().all()


def test_a_touchdown_that_is_nan_is_not_joined_over_and_padding_is_no_candidate(tmp_path: Path) -> None:
    def spoil(content: Content) -> None:
        lists = content["Processed/Touchdowns/Touchdowns7"]["TD_ascent"][0][0]
        lists["tdR"] = np.array([[21.0, 261, np.nan, 741, 981, np.nan, 0, 0]])
        lists["tdL"] = np.full((1, 3), np.nan)

    trial = changed(tmp_path, spoil)["config1_trial1"]
    right = trial.strides.query("side == 'right'")
    assert right["stride_number"].tolist()[:2] == [0, 3]
    rejected = trial.rejected.query("side == 'right'")
    assert rejected[["stride_number", "reason"]].values.tolist() == [[1, "unknown_duration"], [2, "unknown_duration"]]
    assert right["stride_number"].tolist()[2:] == list(range(4, 10))
    assert set(trial.strides.query("side == 'left'")["source_activity"]) == {"descent"}


def test_bounds_and_order_of_touchdowns(tmp_path: Path) -> None:
    def spoil(content: Content) -> None:
        lists = content["Processed/Touchdowns/Touchdowns7"]["TD_ascent"][0][0]
        lists["tdR"] = np.array([[21.0, 261, 301, 741, 700, 940, 1e6]])

    rejected = changed(tmp_path, spoil)["config1_trial1"].rejected.query("side == 'right'")
    assert rejected[["stride_number", "reason"]].values.tolist() == [
        [1, "too_short"], [2, "too_long"], [3, "not_a_stride"], [5, "outside_trial"],
    ]  # fmt: skip


def test_a_force_that_is_no_stance_gives_no_foot_off(tmp_path: Path) -> None:
    """A stance of 150 frames of 240: late, early, broken, short, long, all there, none, and as it should be."""

    def spoil(content: Content) -> None:
        force = content["Preprocessed/Forces/Forces7"]["Forces"][0][0]["All_r"]
        start = FIRST["r"] + STRIDE * np.arange(8)
        force[start[0] : start[0] + 10] = np.nan
        force[start[1] + 80 : start[2]] = np.nan
        force[start[2] + 60 : start[2] + 63] = np.nan
        force[start[3] + 205 : start[3] + 215] = 1.0
        force[start[4] : start[4] + 200] = 1.0
        force[start[5] : start[6]] = 1.0
        force[start[6] : start[7]] = np.nan
        force[start[7]] = np.nan

    strides = changed(tmp_path, spoil, filled=1)["config1_trial1"].strides
    found = strides.loc[strides["side"] == "right", "foot_off"].to_numpy()
    assert np.isnan(found[:7]).all()
    assert found[7:] == pytest.approx([0.75] * 5)


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (no_forces, ""),
        (lambda c: c[FORCES].update(Forces=c[FORCES]["Forces"][:3]), "Forces7.mat: Forces; found cell of 3 x 1"),
        (lambda c: c[FORCES].pop("Forces"), "Forces7.mat; found no field Forces"),
        (lambda c: c[FORCES].update(Forces_fs=1.0), "Forces_fs; found 1 Hz"),
        (lambda c: c[FORCES]["Forces"][0][0].update(All_l=np.ones((9, 5))), "All_l; found numeric of 9 x 5"),
    ],
)
def test_forces_are_optional(tmp_path: Path, change: Change, note: str) -> None:
    trial = changed(tmp_path, change, filled=1)["config1_trial1"]
    assert len(trial.strides) == 24
    assert trial.strides["foot_off"].isna().all()
    assert note in trial.notes.get("forces", "")
    assert str(tmp_path) not in trial.notes.get("forces", "")


def test_emg_and_moments_of_other_configurations_are_noted(tmp_path: Path) -> None:
    def cut(content: Content) -> None:
        content[EMG]["Emg"] = content[EMG]["Emg"][:5]
        content[MOMENT]["Joint_Kinetics"] = content[MOMENT]["Joint_Kinetics"][:5]
        (tmp_path / "Preprocessed" / "Forces").mkdir(parents=True)

    trial = changed(tmp_path, cut, filled=1)["config1_trial1"]
    assert set(trial.signals) == {"kinematics"}
    assert len(trial.strides) == 24
    assert "cell of 5 x 1" in trial.notes["emg"]
    assert "cell of 5 x 1" in trial.notes["kinetics"]
    (tmp_path / f"{FORCES}.mat").write_bytes(b"MATLAB")
    assert "not used: " in read(tmp_path)["config1_trial1"].notes["forces"]


def test_touchdowns_without_any_signal_are_rejected_and_not_dropped(tmp_path: Path) -> None:
    def empty(content: Content) -> None:
        for name, variable in ((EMG, "Emg"), (ANGLE, "Joint_Kinematics"), (MOMENT, "Joint_Kinetics")):
            content[name][variable][1] = []

    trial = changed(tmp_path, empty, filled=2)["config2_trial1"]
    assert len(trial.strides) == 0
    assert len(trial.rejected) == 24
    assert set(trial.rejected["reason"]) == {"no_signal"}
    assert np.isnan(trial.signals["kinematics"].values).all()


def test_strides_of_both_lists_are_not_doubled(tmp_path: Path) -> None:
    """Level strides in both lists are kept once; of those on stairs it is open which list is right."""

    def copy(content: Content) -> None:
        lists = content[TD]
        lists["TD_descent"][0][0] = dict(lists["TD_ascent"][0][0])

    trial = changed(tmp_path, copy, filled=2)["config1_trial1"]
    right = trial.strides.query("side == 'right'")
    assert right["activity"].tolist() == ["walk", "walk"]
    assert right["stride_number"].tolist() == [4, 5]
    rejected = trial.rejected.query("side == 'right'")
    assert set(rejected["reason"]) == {"excluded"}
    assert sorted(rejected["stride_number"]) == [0, 1, 2, 3, 6, 7, 8, 9, 10, 11]
    assert rejected["detail"].str.contains("overlaps a stride of the (?:as|des)cent").all()


def test_units_that_the_files_state_are_believed(tmp_path: Path) -> None:
    def state(content: Content) -> None:
        content["Processed/Joint_Kinetics/Y_7"]["Joint_Kinetics_unit"] = "Nm/kg"
        content["Processed/Joint_Kinematics/X_7"]["Joint_Kinematics_unit"] = "deg"

    notes = changed(tmp_path, state)["config1_trial1"].notes
    assert "stated in the file: Nm/kg" in notes["evidence.moment_unit"]
    assert "stated in the file: deg" in notes["evidence.angle_unit"]


def test_moments_in_doubt_are_refused_and_the_option_settles_them(tmp_path: Path) -> None:
    write_content(tmp_path, make_content(moment={"all": 12.0}))
    with pytest.raises(DataFormatError, match=r"grimmer: .*Y_7\.mat: Joint_Kinetics; found no clear.*moment_unit="):
        read(tmp_path)
    trial = read(tmp_path, moment_unit="N m")["config1_trial1"]
    assert trial.notes["evidence.moment_unit"].startswith("N m (option moment_unit=N m); the data: N m (")


def test_newton_meters_need_the_mass(tmp_path: Path) -> None:
    content = make_content(moment={"all": 75.0})
    del content["FullyProcessed/Data_fully_processed"]
    write_content(tmp_path, content)
    with pytest.raises(DataFormatError, match=r"moments in N m of a person of unknown mass.*subjects_mass"):
        read(tmp_path, moment_unit="N m")


def test_body_mass_is_that_of_the_number_of_the_file(tmp_path: Path) -> None:
    masses = np.arange(61.0, 73.0)[None]

    def weigh(content: Content) -> None:
        content["FullyProcessed/Data_fully_processed"]["data"]["info"]["subjects_mass"] = masses

    trial = changed(tmp_path, weigh)["config1_trial1"]
    assert trial.patient.body_mass == 67.0
    assert any(name.endswith("Data_fully_processed.mat") for name, _ in trial.sources)


def test_emg_that_is_missing_silent_or_gapped_is_nan(tmp_path: Path) -> None:
    def spoil(content: Content) -> None:
        cells = content["Preprocessed/EMG/EMG7"]["Emg"]
        cells[0][0] = np.zeros((0, 0))
        cells[1] = []
        cells[2][0]["sol_l"] = np.zeros_like(cells[2][0]["sol_l"])
        cells[2][0]["vas_l"] = np.where(np.arange(cells[2][0]["vas_l"].size) < 40, np.nan, 1.0)
        cells[2][0]["tib_r"] = np.zeros((0, 0))

    trials = changed(tmp_path, spoil)
    assert set(trials["config1_trial1"].signals) == set(trials["config2_trial1"].signals) == {"kinematics", "kinetics"}
    assert len(trials["config2_trial1"].strides) == 24
    emg = trials["config3_trial1"].signals["emg"].values
    assert np.isnan(emg.sel(side="left", channel="soleus")).all()
    assert np.isnan(emg.sel(side="right", channel="tibialis_anterior")).all()
    assert int(np.isnan(emg.sel(side="left", channel="vastus_lateralis")).sum()) == 40
    assert np.isfinite(emg.sel(side="right", channel="soleus")).all()


def test_streams_of_other_lengths_are_unpaired(tmp_path: Path) -> None:
    def cut(content: Content) -> None:
        columns = content["Preprocessed/EMG/EMG7"]["Emg"][0][0]
        columns |= {name: column[:12_000] for name, column in columns.items()}

    trial = changed(tmp_path, cut)["config1_trial1"]
    assert len(trial.strides) == 0
    assert set(trial.rejected["reason"]) == {"unpaired"}
    assert "emg lasts 10.80 s, kinematics lasts 15.60 s" in trial.rejected["detail"].iloc[0]


def test_trials_are_paired_by_number_whatever_the_prefix_and_place(tmp_path: Path) -> None:
    """Sorted by name, 10 comes before 7; flat folders and copies of resource forks occur."""
    content = make_content(filled=1)
    write_content(tmp_path, content)
    names = [name for name in content if not name.startswith("Fully")]
    for name in names:
        (tmp_path / f"{name}.mat").with_name(f"Z{10 if 'Touch' not in name else 9}.txt").write_text("stray")
        (tmp_path / f"{name}.mat").with_name(f"._{Path(name).name}.mat").write_bytes(b"\0\5")
    tens = {name.replace("7", "10"): content[name] for name in names}
    write_content(tmp_path, {name: tens[name] for name in tens})
    assert patients(tmp_path) == ["subject7", "subject10"]
    sources = [name for name, _ in read(tmp_path, "subject10")["config1_trial1"].sources]
    assert all("10.mat" in name or "fully" in name for name in sources)
    emg = tmp_path / f"{EMG}.mat"
    emg.rename(emg.with_suffix(".MAT"))
    assert f"{EMG}.MAT" in [name for name, _ in read(tmp_path)["config1_trial1"].sources]
    (tmp_path / "flat").mkdir()
    for name in ("Preprocessed/EMG/EMG10", "Processed/Touchdowns/Touchdowns10"):
        (tmp_path / f"{name}.mat").rename(tmp_path / "flat" / f"{Path(name).name}.mat")
    assert patients(tmp_path) == ["subject7", "subject10"]


def test_both_containers_hold_the_same(tmp_path: Path) -> None:
    found = {}
    for version in ("v5", "v7.3"):
        content = make_content(filled=1)
        for name, variables in content.items():
            save_struct(tmp_path / version / f"{name}.mat", variables, version=version)
        found[version] = read(tmp_path / version)
    for name, trial in found["v5"].items():
        pd.testing.assert_frame_equal(trial.strides, found["v7.3"][name].strides)
        for group, signal in trial.signals.items():
            np.testing.assert_array_equal(signal.values, found["v7.3"][name].signals[group].values)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c[EMG].pop("Emg"), r"EMG7\.mat; found no field Emg; the nearest is"),
        (lambda c: c[EMG].pop("Emg_fs"), r"EMG7\.mat; found no field Emg_fs"),
        (lambda c: c[EMG].update(Emg_fs=200.0), r"Emg_fs; found 200 Hz; expected 500 to 5000 Hz"),
        (lambda c: c[EMG]["Emg"][2][0].pop("gas_r"), r"Emg\(3\)\(1\); found no field gas_r; the nearest is"),
        (lambda c: c[EMG]["Emg"][2][0].update(gas_r=np.ones((9, 3))), r"gas_r; found numeric of 9 x 3"),
        (lambda c: c[EMG]["Emg"][2][0].update(gas_r=np.ones(50)), r"gas_r; found 50 samples; expected \d+ as in"),
        (lambda c: c[TD].pop("TD_descent"), r"Touchdowns7\.mat; found no field TD_descent"),
        (lambda c: c[TD]["TD_ascent"][0][0].pop("tdL"), r"found no field tdL"),
        (lambda c: c[TD].update(TD_ascent=c[TD]["TD_ascent"][:5]), r"TD_ascent; found cell of 5 x 1"),
        (lambda c: c[TD].update(TD_fs=0.0), r"TD_fs; found 0 Hz"),
        (lambda c: c[ANGLE].update(Joint_Kinematics="none"), r"Joint_Kinematics; found text"),
        (lambda c: c[ANGLE].update(Joint_Kinematics_fs=100.0), r"_fs; found 100 Hz; expected TD_fs, 200 Hz"),
        (lambda c: c[MOMENT]["Joint_Kinetics"][0][0].pop("knee_moment_flexion_l"), r"no field knee_moment_flexion_l"),
        (lambda c: c[ANGLE]["Joint_Kinematics"][0].__setitem__(0, 5.0), r"Joint_Kinematics\(1\)\(1\); found numeric"),
        (lambda c: c["FullyProcessed/Data_fully_processed"]["data"].update(info=1.0), r"data\.info; found numeric"),
        (
            lambda c: c["FullyProcessed/Data_fully_processed"]["data"]["info"].update(subjects_mass=np.ones((1, 5))),
            r"subjects_mass; found 5 values; expected a mass of 30 to 200 kg of person 7",
        ),
    ],
)  # fmt: skip
def test_bad_file_is_one_clear_error(tmp_path: Path, change: Change, expected: str) -> None:
    with pytest.raises(DataFormatError, match=expected) as error:
        changed(tmp_path, change)
    assert str(error.value).startswith("grimmer: ")


def test_a_cut_file_is_one_clear_error(tmp_path: Path) -> None:
    write_content(tmp_path, make_content(filled=1))
    for name in (EMG, TD, ANGLE, MOMENT):
        path = tmp_path / f"{name}.mat"
        whole = path.read_bytes()
        for size in (0, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:size])
            with pytest.raises(DataFormatError, match=rf"grimmer: .*{path.name}"):
                read(tmp_path)
        path.write_bytes(whole)


def test_a_person_without_strides_is_refused(tmp_path: Path) -> None:
    def empty(content: Content) -> None:
        for cells in (content[TD]["TD_ascent"], content[TD]["TD_descent"]):
            for config in cells[:3]:
                config[0] = {"tdR": np.zeros((1, 0)), "tdL": np.zeros((1, 0))}

    with pytest.raises(DataFormatError, match=r"Touchdowns7\.mat: TD_ascent, TD_descent; found no two touchdowns"):
        changed(tmp_path, empty)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such folder"):
        patients(tmp_path / "none")
    with pytest.raises(DataFormatError, match=r"Touchdowns1\.mat"):
        patients(tmp_path)
    content = make_content()
    write_content(tmp_path, {name: content[name] for name in (EMG, ANGLE)})
    assert patients(tmp_path) == ["subject7"]
    with pytest.raises(MissingInputError, match="no touchdowns file of this person"):
        read(tmp_path)
    with pytest.raises(MissingInputError, match="subject3"):
        read(tmp_path, "subject3")
    write_content(tmp_path / "copy", {EMG: content[EMG]})
    with pytest.raises(DataFormatError, match=r"a second emg file of person 7"):
        patients(tmp_path)


def test_facts() -> None:
    assert (SPEC.evidence, SPEC.people, SPEC.emg_state) == ("notes", 12, "raw")
    assert not any(name.startswith(("foo", "sha")) for name in SPEC.emg)
    assert {column.joint for column in SPEC.angles.values() if column.motion != "flexion"} == {"hip"}
