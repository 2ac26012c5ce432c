"""Surface-stiffness walks: everything is decided by evidence or refused; only the cutting leg yields strides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import yaml

from biomech_xr.errors import ConfigError, DataFormatError
from biomech_xr.parse import find_patients, read_patient
from biomech_xr.schema import Trial
from biomech_xr.synthetic import angelidou as writer
from biomech_xr.synthetic.matfile import save_struct
from biomech_xr.synthetic.truth import Truth
from tests.datasets.angelidou_files import Content, change, curves, leaves, made, read


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    root = tmp_path_factory.mktemp("angelidou")
    return root, writer.write_angelidou(root, patients=2, seed=5, minutes=0.1)


@pytest.fixture(scope="module")
def trials(tree: tuple[Path, Truth]) -> dict[str, list[Trial]]:
    return {name: list(read_patient("angelidou", tree[0], name)) for name in ("SUB01", "SUB02")}


@pytest.fixture
def content() -> Content:
    return made()


def test_strides_are_those_of_the_cutting_leg(tree: tuple[Path, Truth], trials: dict[str, list[Trial]]) -> None:
    for (patient, name, side), truth in tree[1].strides.groupby(["source_patient", "trial", "side"]):
        (trial,) = [trial for trial in trials[patient] if trial.trial == name]
        assert set(trial.strides["side"]) == {side}
        np.testing.assert_allclose(trial.strides["duration"], truth["duration"], atol=1e-9)
        assert trial.strides["trial_time"].isna().all()


def test_contralateral_cells_are_no_strides_and_their_signals_are_not_stored(trials: dict[str, list[Trial]]) -> None:
    for patient, own, other in (("SUB01", "right", "left"), ("SUB02", "left", "right")):
        for trial in trials[patient]:
            rejected = trial.rejected[trial.rejected["side"] == other]
            assert len(rejected) == len(trial.strides)
            assert set(rejected["reason"]) == {"not_a_stride"}
            assert rejected["detail"].str.contains(f"contact of the {own} foot").all()
            for signal in trial.signals.values():
                assert list(signal.values["side"].values) == [own]


@pytest.mark.parametrize("patient", ["SUB01", "SUB02"])
def test_axes_signs_and_unit_give_gait(trials: dict[str, list[Trial]], patient: str) -> None:
    found = trials[patient]
    knee = curves(found, "kinematics", "knee", "flexion").mean(axis=0)
    assert 55 < knee.max() < 70
    assert 68 <= knee.argmax() <= 78
    adduction = curves(found, "kinematics", "hip", "adduction").mean(axis=0)
    assert 5 < adduction[5:30].max() < 15
    assert adduction[58:70].min() < -3
    ankle = curves(found, "kinetics", "ankle", "flexion").mean(axis=0)
    assert -1.8 < ankle.min() < -1.2
    assert 45 <= ankle.argmin() <= 52
    hip = np.median(curves(found, "kinetics", "hip", "adduction"), axis=0)
    assert -1.2 < hip[5:55].min() < -0.6
    flexion = np.median(curves(found, "kinetics", "hip", "flexion"), axis=0)
    assert flexion[2:15].max() < 0 < 0.4 < flexion[48:60].max() < 1
    assert -0.8 < curves(found, "kinetics", "knee", "flexion").mean(axis=0)[10:21].min() < -0.3


def test_every_decision_is_in_the_notes(trials: dict[str, list[Trial]]) -> None:
    wanted = {"cut_by", "columns", "angle_sign.knee", "moment_sign.ankle", "moment_unit", "emg_rate", "emg_state"}
    for found in trials.values():
        for trial in found:
            assert wanted <= {name.removeprefix("evidence.") for name in trial.notes}
    assert "('adduction', 'flexion', 'rotation')" in trials["SUB01"][0].notes["evidence.columns"]
    assert "('flexion', 'adduction', 'rotation')" in trials["SUB02"][0].notes["evidence.columns"]
    assert trials["SUB02"][0].notes["evidence.moment_unit"].startswith("N mm/kg by the field unit")


def test_speed_and_stiffness_are_labels(trials: dict[str, list[Trial]]) -> None:
    strides = {trial.trial: trial.strides.iloc[0] for trial in trials["SUB01"]}
    assert strides["S_0x8_soft"]["speed"] == 0.8
    assert np.isnan(strides["fast_soft"]["speed"])
    assert strides["S_0x8_soft"]["condition"] == "stiffness"
    assert strides["S_0x8_rigid"]["condition"] == "none"
    assert strides["fast_soft"]["source_activity"] == "fast/soft"


@pytest.mark.parametrize(
    ("name", "speed"),
    [("S_1x2", 1.2), ("v0p8", 0.8), ("speed_1x25_mps", 1.25), ("speed2", np.nan), ("slow", np.nan), ("S_12", np.nan)],
)
def test_a_speed_is_read_only_where_the_name_says_it(content: Content, tmp_path: Path, name: str, speed: float) -> None:
    content[name] = content.pop("fast")
    found = {trial.task: trial.strides["speed"] for trial in read(tmp_path, content)}
    np.testing.assert_allclose(found[name], speed)


def test_emg_is_ragged_at_its_rate_and_joints_at_theirs(trials: dict[str, list[Trial]]) -> None:
    trial = trials["SUB01"][0]
    emg, joints = trial.signals["emg"], trial.signals["kinematics"]
    assert (emg.kind, emg.sampling_frequency, emg.contiguity) == ("ragged", 2000, "consecutive")
    assert (joints.kind, joints.sampling_frequency) == ("ragged", 100)
    np.testing.assert_allclose(np.array(emg.lengths) / 2000, trial.strides["duration"])
    assert emg.values.attrs["ambiguous"] == ["right:gastrocnemius_medialis"]
    assert (trial.emg_state, trial.emg_lookahead) == ("raw", 0.0)


def test_missing_samples_stay_missing(trials: dict[str, list[Trial]]) -> None:
    emg = trials["SUB01"][0].signals["emg"]
    bounds = np.cumsum([0, *emg.lengths])
    tibialis = emg.values.sel(side="right", channel="tibialis_anterior").values
    assert np.isnan(tibialis[bounds[2] : bounds[3]]).sum() == 40
    vastus = emg.values.sel(side="right", channel="vastus_lateralis").values
    assert np.isnan(vastus[bounds[3] : bounds[4]]).all()
    assert np.isfinite(vastus[bounds[4] :]).all()
    spike = trials["SUB01"][3].signals["kinetics"].values.sel(joint="hip")
    assert float(abs(spike).max()) == pytest.approx(9)


@pytest.mark.parametrize("order", ["rotation,flexion,adduction", "flexion,rotation,adduction"])
def test_any_order_of_columns_is_found(content: Content, tmp_path: Path, order: str) -> None:
    motions = ["adduction", "flexion", "rotation"]
    place = [motions.index(motion) for motion in order.split(",")]
    for branch in ("jointAngles", "jointMoments"):
        change(content, branch, "", lambda values: values[:, place])
    found = read(tmp_path, content)
    assert str(tuple(order.split(","))) in found[0].notes["evidence.columns"]
    adduction = curves(found, "kinematics", "hip", "adduction").mean(axis=0)
    assert adduction[5:30].max() > 5


def test_unclear_columns_are_refused_until_stated(content: Content, tmp_path: Path) -> None:
    change(content, "jointAngles", "Hip", lambda values: values[:, [0, 1, 0]])
    with pytest.raises(DataFormatError, match=r"angelidou.*ABCDE\.mat.*jointAngles.*source option columns="):
        read(tmp_path, content)
    found = read(tmp_path, content, columns="adduction,flexion,rotation")
    assert curves(found, "kinematics", "knee", "flexion").max() > 50


def test_a_reversed_knee_and_reversed_moments_come_back_canonical(content: Content, tmp_path: Path) -> None:
    change(content, "jointAngles", "Knee", lambda values: values * [1, -1, 1])
    change(content, "jointMoments", "", lambda values: -values)
    found = read(tmp_path, content)
    assert curves(found, "kinematics", "knee", "flexion").mean(axis=0).max() > 50
    assert curves(found, "kinetics", "ankle", "flexion").mean(axis=0).min() < -1.2


def test_signs_can_be_stated_in_letters_that_a_command_line_keeps(content: Content, tmp_path: Path) -> None:
    found = read(tmp_path, content, angle_signs="pnp", moment_signs="nnn")
    assert curves(found, "kinematics", "knee", "flexion").mean(axis=0).min() < -50
    with pytest.raises(ConfigError, match="angle_signs='plus'"):
        read(tmp_path, content, angle_signs="plus")
    assert yaml.safe_load("nnn") == "nnn"


def test_the_leg_that_cuts_is_refused_until_stated_where_neither_bends_as_after_its_own_contact(
    content: Content, tmp_path: Path
) -> None:
    for leaf in leaves(content):
        leaf["jointAngles"]["RKnee"] = leaf["jointAngles"]["LKnee"]
    with pytest.raises(DataFormatError, match=r"source option cut_by="):
        read(tmp_path, content)
    stated = {"cut_by": "right", "columns": "adduction,flexion,rotation", "angle_signs": "ppp"}
    with pytest.raises(DataFormatError, match=r"source option angle_unit="):
        read(tmp_path, content, **stated)
    stated["angle_unit"] = "degree"
    assert set(read(tmp_path, content, **stated)[0].strides["side"]) == {"right"}


def test_each_leg_that_is_cut_by_its_own_contacts_is_kept(tmp_path: Path) -> None:
    content = made(2)
    found = read(tmp_path, content)
    for trial in found:
        assert set(trial.strides["side"]) == {"left", "right"}
        assert trial.rejected.empty
        assert trial.notes["evidence.cut_by"].startswith("each (")
        np.testing.assert_allclose(np.array(trial.signals["emg"].lengths) / 2000, trial.strides["duration"])
    assert 55 < curves(found, "kinematics", "knee", "flexion").mean(axis=0).max() < 70
    only = read(tmp_path, content, cut_by="left")
    assert set(only[0].rejected["side"]) == {"right"}
    change(content, "jointAngles", "LKnee", lambda values: values * [1, -1, 1])
    with pytest.raises(DataFormatError, match=r"contradiction.*source option angle_signs="):
        read(tmp_path, content)


def test_fields_of_a_leg_that_is_not_there_are_not_demanded(content: Content, tmp_path: Path) -> None:
    for leaf in leaves(content):
        for branch in ("EMG", "jointAngles", "jointMoments"):
            leaf[branch] = {name: cells for name, cells in leaf[branch].items() if name.startswith("R")}
    found = read(tmp_path, content)
    assert set(found[0].strides["side"]) == {"right"}
    assert found[0].rejected.empty


def test_a_frontal_hip_moment_of_the_other_sign_is_refused(content: Content, tmp_path: Path) -> None:
    change(content, "jointMoments", "RHip", lambda values: values * [-1, 1, 1])
    with pytest.raises(DataFormatError, match=r"contradiction.*source option moment_signs="):
        read(tmp_path, content)
    assert read(tmp_path, content, moment_signs="nnn")


def test_gait_events_are_noted(content: Content, tmp_path: Path) -> None:
    content["gaitEvents"] = {"RHS": np.arange(5.0), "LHS": np.arange(5.0)}
    note = read(tmp_path, content)[0].notes["gaitEvents"]
    assert "ABCDE.gaitEvents: RHS, LHS" in note


def test_moments_in_n_m_use_the_body_mass(content: Content, tmp_path: Path) -> None:
    mass = content["participantInfo"]["Bodymass"]
    change(content, "jointMoments", "", lambda values: values * mass / 1000)
    found = read(tmp_path, content)
    assert found[0].notes["evidence.moment_unit"].startswith("N m (")
    assert -1.8 < curves(found, "kinetics", "ankle", "flexion").mean(axis=0).min() < -1.2


def test_a_unit_that_the_data_contradict_is_refused_until_stated(content: Content, tmp_path: Path) -> None:
    content["unit"] = {"jointMoments": "Nm/kg"}
    with pytest.raises(DataFormatError, match=r"N mm/kg.*N m/kg, as the field unit says.*moment_unit="):
        read(tmp_path, content)
    found = read(tmp_path, content, moment_unit="N mm/kg")
    assert -1.8 < curves(found, "kinetics", "ankle", "flexion").mean(axis=0).min() < -1.2


def test_rates_follow_from_the_mains_hum_whatever_their_ratio(
    trials: dict[str, list[Trial]], content: Content, tmp_path: Path
) -> None:
    rates = [(t.signals["emg"].sampling_frequency, t.signals["kinetics"].sampling_frequency) for t in trials["SUB02"]]
    assert set(rates) == {(2400, 120)}
    change(content, "EMG", "", lambda values: values[::2])
    found = read(tmp_path, content)
    assert found[0].signals["emg"].sampling_frequency == 1000
    assert found[0].signals["kinematics"].sampling_frequency == 100


def test_a_rate_without_mains_hum_is_refused_until_stated(content: Content, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    change(content, "EMG", "", lambda values: rng.standard_normal(values.shape) + 1)
    with pytest.raises(DataFormatError, match=r"no mains hum.*source option emg_rate="):
        read(tmp_path, content)
    found = read(tmp_path, content, emg_rate=1500)
    assert found[0].signals["kinematics"].sampling_frequency == 75
    assert 1.2 < found[0].strides["duration"].median() < 2.2


def test_joints_of_a_fixed_number_of_points_are_a_grid(content: Content, tmp_path: Path) -> None:
    def grid(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        place = np.linspace(0, len(values) - 1, 101)
        return np.stack([np.interp(place, np.arange(len(values)), column) for column in values.T], axis=1)

    for branch in ("jointAngles", "jointMoments"):
        change(content, branch, "", grid)
    for branch in ("jointAngles", "jointMoments"):
        for cells in leaves(content)[0][branch].values():
            cells[1, 0] = cells[1, 0][:-1]
    found = read(tmp_path, content)
    assert found[0].rejected.query("side == 'right'")["reason"].tolist() == ["unpaired"]
    joints = found[0].signals["kinematics"]
    assert (joints.kind, joints.points) == ("segmented", 101)


def test_an_envelope_is_recognized_and_sees_ahead(content: Content, tmp_path: Path) -> None:
    def smooth(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        window = np.hanning(400) / np.hanning(400).sum()
        return np.convolve(np.abs(np.nan_to_num(values[:, 0])), window, mode="same")[:, None]

    change(content, "EMG", "", smooth)
    trial = read(tmp_path, content, emg_rate=2000)[0]
    assert (trial.emg_state, trial.emg_lookahead) == ("envelope", 0.57)


def test_streams_that_do_not_pair_are_rejected(content: Content, tmp_path: Path) -> None:
    first, second = leaves(content)[:2]
    first["EMG"]["RGA"] = first["EMG"]["RGA"][:-1]
    second["EMG"]["RBF"][1, 0] = second["EMG"]["RBF"][1, 0][:-200]
    for name in ("RHip", "RKnee", "RAnkle"):
        for branch in ("jointAngles", "jointMoments"):
            second[branch][name][2, 0] = second[branch][name][2, 0][:-9]
    found = read(tmp_path, content)
    assert found[0].strides.empty
    rejected = found[0].rejected[found[0].rejected["side"] == "right"]
    assert set(rejected["reason"]) == {"unpaired"}
    assert rejected["detail"].str.contains("EMG.RGA 6, ").all()
    rejected = found[1].rejected[found[1].rejected["side"] == "right"].set_index("stride_number")
    assert rejected["reason"].to_dict() == {1: "unpaired", 2: "unpaired"}
    assert "EMG of cell 2" in rejected.loc[1, "detail"]
    assert "by EMG" in rejected.loc[2, "detail"]


def test_a_raw_file_goes_before_its_processed_copy(content: Content, tmp_path: Path) -> None:
    save_struct(tmp_path / "ABCDEProcessed.mat", {"data": {"ABCDE": content}}, compress=False)
    assert find_patients("angelidou", tmp_path) == ["ABCDE"]
    (copied, *_) = read_patient("angelidou", tmp_path, "ABCDE")
    assert copied.sources[0][0] == "ABCDEProcessed.mat"
    assert read(tmp_path, content)[0].sources[0][0] == "ABCDE.mat"


def test_height_is_in_mm(trials: dict[str, list[Trial]]) -> None:
    person = trials["SUB01"][0].patient
    assert 1.5 < person.height < 2
    assert 45 < person.body_mass < 100
