"""Moghadam: EMG by name, contacts from the ankle moment, signs and units by evidence, and bad input."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from biomech_xr.datasets.moghadam import SPEC, patients, recordings
from biomech_xr.datasets.moghadam.contacts import CLOCK
from biomech_xr.errors import BiomechXRError, DataFormatError, MissingInputError
from biomech_xr.schema import Trial, validate_trial
from biomech_xr.synthetic import Truth
from biomech_xr.synthetic.moghadam import write_moghadam
from tests.datasets.moghadam_trees import TOP, files, five_trials, read, rewrite, scale

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestWarning")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    root = tmp_path_factory.mktemp("moghadam")
    return root, write_moghadam(root, patients=2, seed=3, minutes=0.3)


@pytest.fixture(scope="module")
def trials(tree: tuple[Path, Truth]) -> dict[tuple[str, str], Trial]:
    root, _ = tree
    return {(name, trial.trial): trial for name in patients(root) for trial in recordings(root, name, {})}


@pytest.fixture
def small(tree: tuple[Path, Truth], tmp_path: Path) -> Path:
    return five_trials(tree[0], tmp_path)


def ankle_push(trial: Trial) -> float:
    return float(trial.signals["kinetics"].values.sel(joint="ankle", motion="flexion").min())


def test_people_and_trials_are_found_by_name_not_by_count(
    tree: tuple[Path, Truth], trials: dict[tuple[str, str], Trial]
) -> None:
    root = tree[0]
    assert patients(root) == patients(root / TOP) == patients(root / TOP / "Gait_Time_Series") == ["P1", "P4"]
    assert [trial for person, trial in trials if person == "P4"] == [
        f"trial_{number}" for number in (8, 9, 10, 12, 13, 14, 16, 17)
    ]
    for trial in trials.values():
        validate_trial(trial)


def test_a_doubled_folder_holds_the_same_people(small: Path, tmp_path: Path) -> None:
    inner = tmp_path / "doubled" / TOP / TOP
    shutil.copytree(small, inner)
    (trial,) = [trial for trial in recordings(inner.parents[1], "P1", {}) if trial.trial == "trial_1"]
    assert trial.patient.body_mass > 40
    assert patients(inner.parents[1]) == patients(inner) == patients(small)


def test_kept_strides_are_contact_to_contact_within_the_stated_bound(
    tree: tuple[Path, Truth], trials: dict[tuple[str, str], Trial]
) -> None:
    assert CLOCK == 0.03
    made = tree[1].strides
    assert sum(len(trial.strides) for trial in trials.values()) == len(made) == 15
    for row in made.to_dict("records"):
        found = trials[str(row["source_patient"]), str(row["trial"])].strides
        assert found["side"].tolist() == [row["side"]]
        assert found["trial_time"].iloc[0] == pytest.approx(row["trial_time"], abs=CLOCK)
        assert found["duration"].iloc[0] == pytest.approx(row["duration"], abs=0.015)
        assert found["duration_source"].tolist() == ["samples"]


def test_steps_beside_the_plates_are_rejected_and_their_moments_not_measured(
    trials: dict[tuple[str, str], Trial],
) -> None:
    trial = trials["P1", "trial_1"]
    assert set(trial.rejected["reason"]) == {"unknown_duration"}
    assert trial.rejected["detail"].str.contains("no push-off follows").any()
    for side in ("left", "right"):
        numbers = [
            *trial.strides.loc[trial.strides["side"] == side, "stride_number"],
            *trial.rejected.loc[trial.rejected["side"] == side, "stride_number"],
        ]
        assert sorted(numbers) == list(range(len(numbers)))
        assert len(numbers) >= 3
    moments = trial.signals["kinetics"]
    row = trial.strides.iloc[0]
    inside = (moments.time() >= row["trial_time"]) & (moments.time() < row["trial_time"] + row["duration"])
    leg = moments.values.sel(side=row["side"], joint=["hip", "ankle"], motion="flexion")
    assert np.isfinite(leg[inside]).all()
    assert np.isnan(leg[moments.time() < row["trial_time"] - 0.6]).any()
    beside = 0
    for _, step in trial.rejected.iterrows():
        if f"near {step['trial_time']:.2f} s is not known: no push-off" in step["detail"]:
            stance = (moments.time() > step["trial_time"] + 0.1) & (moments.time() < step["trial_time"] + 0.4)
            assert np.isnan(moments.values.sel(side=step["side"])[stance]).all()
            beside += 1
    assert beside >= 2


def test_rows_that_inverse_dynamics_left_at_zero_are_not_measured(small: Path) -> None:
    """Rows in swing in which all moments of a leg are exactly zero, in a stride whose moments are real around them."""
    stride = read(small)[0].strides.iloc[0]
    begin = stride["trial_time"] + 0.72 * stride["duration"]
    path = files(small, "Joints_Kinetics")[0]
    head, mark, body = path.read_text().partition("endheader\n")
    names, *lines = body.splitlines()
    rows = np.array([line.split() for line in lines], dtype=float)
    lost = (rows[:, 0] >= begin) & (rows[:, 0] < begin + 0.06)
    own = [k for k, name in enumerate(names.split()) if f"_{stride['side'][0]}_" in name]
    rows[np.ix_(lost, own)] = 0
    text = "\n".join("\t".join(f"{value:.8f}" for value in row) for row in rows)
    path.write_text(f"{head}{mark}{names}\n{text}\n")
    trial = read(small)[0]
    moments = trial.signals["kinetics"]
    leg = moments.values.sel(side=stride["side"], joint=["hip", "ankle"], motion="flexion")
    near = np.abs(moments.time() - begin - 0.03) < 0.02
    assert np.isnan(leg[near]).all()
    assert np.isfinite(leg[np.abs(moments.time() - begin + 0.1) < 0.05]).all()
    assert len(trial.strides) == 1


def test_a_trial_without_kinetics_is_kept_without_strides(trials: dict[tuple[str, str], Trial]) -> None:
    trial = trials["P4", "trial_17"]
    assert set(trial.signals) == {"emg", "kinematics", "imu"}
    assert trial.strides.empty
    assert set(trial.rejected["reason"]) == {"unknown_duration"}
    assert trial.notes["missing_kinetics"]


def test_emg_columns_are_read_by_name(tree: tuple[Path, Truth], trials: dict[tuple[str, str], Trial]) -> None:
    emg = trials["P1", "trial_1"].signals["emg"]
    path = tree[0] / TOP / "Gait_Time_Series" / "P1Data" / "EMG" / "1.csv"
    names = path.read_text(encoding="ascii").splitlines()[0].split(",")
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    assert names[1] != "RTibialisAnterior"
    for raw, column in SPEC.emg.items():
        values = emg.values.sel(side=column.side, channel=column.muscle)
        np.testing.assert_allclose(values, table[:, names.index(raw)], rtol=1e-5)
    assert trials["P1", "trial_1"].notes["emg_columns"] == "by name"
    assert emg.sampling_frequency == 100
    assert emg.t0 == pytest.approx(table[0, 0])


def test_nameless_emg_is_read_in_the_stated_order_and_says_so(trials: dict[tuple[str, str], Trial]) -> None:
    trial = trials["P4", "trial_9"]
    assert "stated order" in trial.notes["emg_columns"]
    emg = trial.signals["emg"]
    row = trial.strides.iloc[0]
    share = (emg.time() - row["trial_time"]) / row["duration"]
    level = {m: emg.values.sel(side=row["side"], channel=m).values for m in ("soleus", "tibialis_anterior")}
    stance, swing = (share > 0.3) & (share < 0.5), (share > 0.62) & (share < 0.75)
    assert level["soleus"][stance].mean() > 3 * level["soleus"][swing].mean()
    assert level["tibialis_anterior"][swing].mean() > 2 * level["tibialis_anterior"][stance].mean()


def test_a_header_of_nothing_but_the_time_is_no_header_of_names(small: Path) -> None:
    path = files(small, "EMG")[0]
    named = read(small)[0].signals["emg"].values
    head, *rows = path.read_text().splitlines()
    names = [name for name in head.split(",") if name != "Time"]
    order = [names.index(name) + 1 for name in SPEC.emg]
    lines = [",".join([row.split(",")[0], *(row.split(",")[k] for k in order)]) for row in rows]
    path.write_text("\n".join(["Time" + "," * 16, *lines]) + "\n")
    trial = read(small)[0]
    assert "stated order" in trial.notes["emg_columns"]
    np.testing.assert_array_equal(trial.signals["emg"].values, named)


def test_emg_state_is_decided(trials: dict[tuple[str, str], Trial], small: Path) -> None:
    assert {trial.emg_state for trial in trials.values()} == {"envelope"}
    assert "evidence.emg_state" in trials["P1", "trial_1"].notes
    assert {trial.emg_state for trial in read(small, emg_state="bandpassed")} == {"bandpassed"}


def test_knee_is_turned_and_moments_are_per_mass(trials: dict[tuple[str, str], Trial]) -> None:
    for person in ("P1", "P4"):
        trial = trials[person, "trial_9"]
        knee = trial.signals["kinematics"].values.sel(joint="knee", motion="flexion")
        assert 50 < float(knee.max()) < 75
        assert trial.notes["evidence.knee_sign"].startswith("-1")
        assert trial.notes["evidence.moment_unit"].startswith("N m (")
        assert -1.8 < ankle_push(trial) < -1.2
        assert 45 < trial.patient.body_mass < 110
        assert 1.5 < trial.patient.height < 2.0


@pytest.mark.parametrize("knee", [1, -1])
def test_either_knee_and_unit_gives_the_same_canonical_curves(small: Path, knee: int) -> None:
    before = read(small)
    mass = before[0].patient.body_mass
    for path in files(small, "Joints_Kinematics"):
        scale(path, ("knee",), knee)
    for path in files(small, "Joints_Kinetics"):
        scale(path, ("knee",), knee)
        scale(path, ("_moment",), 1 / mass)
    after = read(small)
    assert after[0].notes["evidence.moment_unit"].startswith("N m/kg (")
    for one, two in zip(before, after, strict=True):
        for group in ("kinematics", "kinetics"):
            np.testing.assert_allclose(one.signals[group].values, two.signals[group].values, atol=2e-3)


def test_the_inertial_unit_keeps_its_own_rate_and_bad_files_are_left_out(
    trials: dict[tuple[str, str], Trial],
) -> None:
    imu = trials["P1", "trial_1"].signals["imu"]
    assert imu.values.dims == ("sample", "segment", "channel")
    assert set(imu.values["segment"].values) == {"RF", "LF", "RS", "LS"}
    assert imu.sampling_frequency == 100
    assert "imu" not in trials["P4", "trial_12"].signals
    assert "unusable" in trials["P4", "trial_12"].notes["imu"]


def test_rates_come_from_the_time_columns(small: Path) -> None:
    def twice(text: str) -> str:
        head, *rows = text.splitlines()
        return "\n".join([head, *(f"{2 + k / 1000:.4f},{row.partition(',')[2]}" for k, row in enumerate(rows))]) + "\n"

    for path in files(small, "EMG"):
        rewrite(path, twice)
    assert {trial.signals["emg"].sampling_frequency for trial in read(small, emg_state="envelope")} == {1000}


def test_clocks_that_do_not_overlap_are_unpaired(small: Path) -> None:
    path = files(small, "EMG")[0]
    rewrite(path, lambda text: "\n".join(
        line if line.startswith("Time") else f"{float(line.split(',')[0]) + 500:.7f},{line.partition(',')[2]}"
        for line in text.splitlines()) + "\n")  # fmt: skip
    trial = read(small)[0]
    assert set(trial.rejected["reason"]) == {"unpaired"}
    assert "clocks do not overlap" in trial.rejected["detail"].iloc[0]


def test_without_a_mass_moments_are_left_out(small: Path) -> None:
    (small / "Study Summary.xlsx").unlink()
    trial = read(small)[0]
    assert "kinetics" not in trial.signals
    assert "body mass is not known" in trial.notes["kinetics"]
    assert len(trial.strides) == 1


def test_own_contacts_replace_those_that_were_found(small: Path, tmp_path: Path) -> None:
    start = float(read(small)[0].signals["kinematics"].t0)
    path = tmp_path / "contacts.csv"
    rows = [f"P1,trial_1,left,{start + t:.3f}" for t in (0.5, 1.6, 2.7)]
    path.write_text("\n".join(["patient,trial,side,time", *rows]) + "\n")
    trial = read(small, contacts=path)[0]
    np.testing.assert_allclose(trial.strides["trial_time"], [start + 0.5, start + 1.6], atol=1e-3)
    assert trial.strides["duration_source"].tolist() == ["events", "events"]
    path.write_text("patient,trial,side,time\nP1,trial_1,middle,1\n")
    with pytest.raises(DataFormatError, match=r"contacts\.csv: side; found 'middle'"):
        read(small, contacts=path)


EMG, MOT, STO = "EMG/2.csv", "Joints_Kinematics/2.mot", "Joints_Kinetics/2.sto"


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (EMG, lambda t: t.replace("RSoleus", "RSol"), r"2\.csv: RSoleus; found no column of that name, but rsol"),
        (EMG, lambda t: t.replace("Time", "clock"), r"2\.csv: time; found the columns"),
        (EMG, lambda t: t.replace("LS", "LX").replace("Semi", "S").replace("R", "Q"), r"2\.csv: header; found only"),
        (EMG, lambda t: "\n".join(r.rpartition(",")[0] for r in t.splitlines()[1:]) + "\n", r"16 columns without"),
        (EMG, lambda t: t[: len(t) // 2], r"2\.csv"),
        (EMG, lambda t: "\n".join([*t.splitlines()[:100], *t.splitlines()[300:]]) + "\n", r"csv: time; .*even clock"),
        (MOT, lambda t: t.replace("knee_angle_r", "knee_flexion_r"), r"2\.mot: knee_angle_r; found no such column"),
        (MOT, lambda t: t.replace("inDegrees=yes", "Degrees=yes"), r"2\.mot: inDegrees; found ''"),
        (MOT, lambda t: t[: len(t) // 2], r"2\.mot"),
        (STO, lambda t: t.replace("endheader", "end"), r"2\.sto: header; found no line 'endheader'"),
        (STO, lambda t: t.replace("hip_flexion_l_moment", "hip_l"), r"2\.sto: hip_flexion_l_moment; found no such"),
        (STO, lambda t: t[: len(t) // 2], r"2\.sto"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_one_clear_error(small: Path, name: str, change: Callable[[str], str], message: str) -> None:
    rewrite(small / "Gait_Time_Series" / "P1Data" / name, change)
    with pytest.raises(DataFormatError, match=rf"moghadam: .*{message}"):
        read(small)


def test_radians_become_degrees(small: Path) -> None:
    for path in files(small, "Joints_Kinematics"):
        scale(path, ("hip", "knee", "ankle", "subtalar", "mtp"), np.pi / 180)
        rewrite(path, lambda text: text.replace("inDegrees=yes", "inDegrees=no"))
    knee = read(small)[0].signals["kinematics"].values.sel(joint="knee", motion="flexion")
    assert 50 < float(knee.max()) < 75


def test_the_stem_pairs_a_trial_whatever_the_ending(small: Path) -> None:
    before = read(small)
    for folder, ending in (("Joints_Kinetics", ".mot"), ("Joints_Kinematics", ".STO"), ("EMG", ".CSV")):
        for path in files(small, folder):
            path.rename(path.with_suffix(ending))
    after = read(small)
    assert [(t.trial, len(t.strides), set(t.signals)) for t in after] == [
        (t.trial, len(t.strides), set(t.signals)) for t in before
    ]
    path = files(small, "Joints_Kinetics")[0]
    path.with_suffix(".sto").write_bytes(path.read_bytes())
    with pytest.raises(DataFormatError, match=r"moghadam: .*file name; found the same trial as \d+\.mot"):
        read(small)


def test_nobody_and_nothing(tmp_path: Path, small: Path) -> None:
    with pytest.raises(MissingInputError, match=r"moghadam: .*no such folder"):
        patients(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataFormatError, match=r"moghadam: .*found nothing; expected one folder a person"):
        patients(tmp_path / "empty")
    with pytest.raises(MissingInputError, match=r"no folder of P9\. Known: P1"):
        list(recordings(small, "P9", {}))
    shutil.rmtree(small / "Gait_Time_Series" / "P1Data")
    (small / "Gait_Time_Series" / "P1Data" / "EMG").mkdir(parents=True)
    with pytest.raises(BiomechXRError, match=r"moghadam: .*P1Data: no file like EMG/1\.csv"):
        read(small)
