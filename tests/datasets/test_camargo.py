"""Camargo 2021: sawtooth cycles, clocks, labels, masses and bad input, on trials written here from its description."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biomech_xr import synthetic
from biomech_xr.datasets import get_dataset
from biomech_xr.datasets._sawtooth import is_linear, read_sawtooth
from biomech_xr.datasets.camargo import SPEC, patients, recordings
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.matlab import import_matio
from biomech_xr.schema import Trial, validate_trial

MASS = 74.84
ORIGIN = 31.0
SECONDS = 7.0
STRIKES = (0.6, 1.7, 2.8, 3.9, 5.0, 6.1)
Tables = dict[str, dict[str, Any]]


def _save(path: Path, variables: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    import_matio().save_to_mat(str(path), variables, version="v7", do_compression=False)


def _sawtooth(strikes: tuple[float, ...], *, markers: bool) -> np.ndarray:
    """Return 0 at each strike rising to 100 before the next; outside 0 (plates) or partial ramps (markers)."""
    value = np.zeros(round(SECONDS * 200))
    borders = np.round(np.array(strikes) * 200).astype(int)
    if markers:
        borders = np.array([0, *borders, value.size])
    for start, stop in itertools.pairwise(borders):
        value[start:stop] = np.linspace(0, 100, stop - start, endpoint=False)
    return value


def _tables(*, markers: bool = False) -> Tables:
    """Return the tables of a trial whose EMG starts 12 ms before the rest; every EMG column holds its own time."""
    clock = ORIGIN + np.arange(round(SECONDS * 200)) / 200
    fast = ORIGIN - 0.012 + np.arange(round(SECONDS * 1000) + 12) / 1000
    wave = 30 - 30 * np.cos(2 * np.pi * (clock - ORIGIN) / 1.1)
    ik = {name: np.full(clock.size, 5.0) for name in SPEC.angles} | {"knee_angle_r": -wave}
    moments = {name: np.full(clock.size, -50.0) for name in SPEC.moments}
    moments["knee_angle_r_moment"] = 40 * np.sin(2 * np.pi * (clock - ORIGIN) / 1.1)
    moments["hip_adduction_r_moment"] = np.where(clock < ORIGIN + 3, np.nan, -60.0)
    cycle = {
        "HeelStrike": _sawtooth(STRIKES, markers=markers),
        "ToeOff": _sawtooth(tuple(strike + 0.7 for strike in STRIKES[:-1]), markers=markers),
    }
    return {
        "emg": {"data": pd.DataFrame({"Header": fast} | dict.fromkeys(SPEC.emg, fast))},
        "ik": {"data": pd.DataFrame({"Header": clock} | ik)},
        "id": {"data": pd.DataFrame({"Header": clock} | moments)},
        "gcRight": {"data": pd.DataFrame({"Header": clock} | cycle)},
        "conditions": {"speed": pd.DataFrame({"Header": clock, "Speed": np.full(clock.size, 1.2)})},
    }


def _labels(*changes: tuple[float, str]) -> pd.DataFrame:
    times = ORIGIN + np.arange(round(SECONDS * 100)) / 100
    index = np.searchsorted([start for start, _ in changes], times - ORIGIN + 1e-9, side="right") - 1
    return pd.DataFrame({"Header": times, "Label": [changes[k][1] for k in index]})


def _info(root: Path, *, mass: float = MASS, subject: str = "AB06") -> None:
    row = {"Subject": [subject, "AB07"], "Age": [20.0, 20.0], "Gender": ["M", "F"], "Height": [1.8, 1.65]}
    _save(root / "SubjectInfo.mat", {"data": pd.DataFrame(row | {"Weight": [mass, 55.34]})})


def _write(
    root: Path, tables: Tables, *, mode: str = "treadmill", name: str = "treadmill_01_01", date: str = "10_09_18"
) -> Path:
    _info(root)
    (root / "AB06" / "osimxml").mkdir(parents=True, exist_ok=True)
    for sensor, variables in tables.items():
        _save(root / "AB06" / date / mode / sensor / f"{name}.mat", variables)
    return root / "AB06" / date / mode


def _ramp(root: Path, *changes: tuple[float, str]) -> Trial:
    tables = _tables(markers=True)
    tables["conditions"] = {"labels": _labels(*changes), "rampIncline": np.array([[7.8]]), "transLegAscent": "r"}
    _write(root, tables, mode="ramp", name="ramp_2_r_01_01")
    (trial,) = recordings(root, "AB06")
    return trial


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    root = tmp_path_factory.mktemp("camargo")
    _write(root, _tables())
    (found,) = recordings(root, "AB06")
    return found


def test_trial_and_person(trial: Trial) -> None:
    validate_trial(trial)
    assert (trial.trial, trial.task, trial.session) == ("treadmill_01_01", "treadmill", "10_09_18")
    person = trial.patient
    assert (person.patient, person.sex, person.age, person.height, person.body_mass) == (
        "camargo-AB06", "male", 20.0, 1.8, MASS,
    )  # fmt: skip
    names = [name for name, _ in trial.sources]
    assert "AB06/10_09_18/treadmill/gcRight/treadmill_01_01.mat" in names
    assert "SubjectInfo.mat" in names


def test_plate_made_cycle_keeps_the_first_and_last_full_stride(trial: Trial) -> None:
    assert trial.strides["trial_time"].tolist() == pytest.approx([ORIGIN + strike for strike in STRIKES[:-1]])
    assert trial.strides["duration"].tolist() == pytest.approx([1.1] * 5)
    assert trial.strides["foot_off"].tolist() == pytest.approx([0.7] * 5)
    assert trial.strides["speed"].tolist() == pytest.approx([1.2] * 5)
    assert set(trial.strides["side"]) == {"right"}
    assert len(trial.rejected) == 0


def test_marker_made_cycle_drops_the_partial_ramps(tmp_path: Path) -> None:
    found = _ramp(tmp_path, (0.0, "walk"))
    assert found.strides["trial_time"].tolist() == pytest.approx([ORIGIN + strike for strike in STRIKES[:-1]])
    assert found.strides["stride_number"].tolist() == [1, 2, 3, 4, 5]
    assert found.rejected["stride_number"].tolist() == [0, 6]
    assert set(found.rejected["reason"]) == {"not_a_stride"}
    assert found.strides["foot_off"].tolist() == pytest.approx([0.7] * 5)


def test_tables_are_joined_on_time(trial: Trial) -> None:
    emg, angles = trial.signals["emg"], trial.signals["kinematics"]
    assert emg.t0 == pytest.approx(ORIGIN - 0.012)
    assert angles.t0 == pytest.approx(ORIGIN)
    assert (emg.sampling_frequency, angles.sampling_frequency) == (1000, 200)
    contact = trial.strides["trial_time"].iloc[2]
    sample = round((contact - emg.t0) * emg.sampling_frequency)
    held = float(emg.values[sample].sel(side="right", channel="soleus"))
    assert held == pytest.approx(contact, abs=1e-4)


def test_knee_angle_and_moment_are_negated_together(trial: Trial) -> None:
    raw = _tables()
    angle = trial.signals["kinematics"].values.sel(side="right", joint="knee", motion="flexion").to_numpy()
    moment = trial.signals["kinetics"].values.sel(side="right", joint="knee", motion="flexion").to_numpy()
    assert angle.max() == pytest.approx(60, abs=0.1)
    power = moment * np.gradient(angle)
    expected = raw["id"]["data"]["knee_angle_r_moment"] * np.gradient(raw["ik"]["data"]["knee_angle_r"]) / MASS
    np.testing.assert_allclose(power, expected, atol=1e-4)
    np.testing.assert_allclose(moment, -raw["id"]["data"]["knee_angle_r_moment"] / MASS, atol=1e-6)


def test_moments_are_per_mass_and_missing_ones_stay_nan(trial: Trial) -> None:
    moments = trial.signals["kinetics"].values
    assert moments.attrs["units"] == "N m kg-1"
    ankle = moments.sel(side="right", joint="ankle", motion="flexion")
    np.testing.assert_allclose(ankle, -50 / MASS, rtol=1e-6)
    hip = moments.sel(side="right", joint="hip", motion="adduction")
    assert np.isnan(hip[:600]).all()
    np.testing.assert_allclose(hip[600:], -60 / MASS, rtol=1e-6)
    assert np.isnan(moments.sel(joint="knee", motion=["adduction", "rotation"])).all()


def test_all_muscles_are_kept_and_zero_is_not_measured(tmp_path: Path) -> None:
    tables = _tables()
    tables["emg"]["data"]["soleus"] = 0.0
    _write(tmp_path, tables)
    (found,) = recordings(tmp_path, "AB06")
    emg = found.signals["emg"].values
    assert emg.sizes["channel"] == 11
    assert {"gracilis", "external_oblique"} <= set(emg["channel"].values)
    assert list(emg["side"].values) == ["right"]
    assert np.isnan(emg.sel(channel="soleus")).all()
    assert np.isfinite(emg.drop_sel(channel="soleus")).all()


def test_belt_speed_must_not_change(tmp_path: Path) -> None:
    tables = _tables()
    speed = tables["conditions"]["speed"]
    late = speed["Header"] - ORIGIN
    speed["Speed"] = np.interp(late, [0, 2.0, 3.0, 6.2, 6.3], [0.9, 0.9, 1.3, 1.3, 0.0])
    _write(tmp_path, tables)
    (found,) = recordings(tmp_path, "AB06")
    assert found.strides.set_index("stride_number")["speed"].round(3).to_dict() == {0: 0.9, 3: 1.3, 4: 1.3}
    assert found.rejected["reason"].tolist() == ["changing_speed"] * 2
    assert found.rejected["stride_number"].tolist() == [1, 2]


def test_activity_of_a_ramp_stride_comes_from_its_label(tmp_path: Path) -> None:
    found = _ramp(
        tmp_path, (0, "walk"), (1.75, "walk-rampascent"), (2.1, "rampascent"), (3.95, "rampdescent"), (5.0, "turn1")
    )
    table = found.strides.set_index("stride_number")
    assert table["activity"].tolist() == ["walk", "ramp_ascent", "ramp_ascent", "ramp_descent", "turn"]
    assert table["transition"].tolist() == [False, True, False, True, False]
    assert table["incline"].tolist() == pytest.approx([0, 7.8, 7.8, -7.8, 0])
    assert table["surface"].tolist() == ["overground", "ramp", "ramp", "ramp", "overground"]
    assert table.loc[2, "source_activity"] == "rampascent"


def test_posture_and_change_of_activity_are_rejected(tmp_path: Path) -> None:
    found = _ramp(tmp_path, (0, "walk"), (2.25, "rampascent"), (4.0, "stand"), (5.2, "idle"))
    reasons = found.rejected.set_index("stride_number")["reason"].to_dict()
    assert reasons == {0: "not_a_stride", 2: "activity_change", 4: "posture", 5: "posture", 6: "not_a_stride"}
    assert found.strides["stride_number"].tolist() == [1, 3]


def test_long_and_broken_cycles_are_rejected(tmp_path: Path) -> None:
    tables = _tables()
    cycle = _sawtooth((0.5, 1.6, 4.6, 5.7), markers=False)
    cycle[200:240] = 0
    tables["gcRight"]["data"]["HeelStrike"] = cycle
    _write(tmp_path, tables)
    (found,) = recordings(tmp_path, "AB06")
    reasons = found.rejected["reason"].tolist()
    assert "too_long" in reasons
    assert "not_a_stride" in reasons
    assert found.strides["trial_time"].tolist() == pytest.approx([ORIGIN + 4.6])


def test_stride_outside_the_emg_is_rejected(tmp_path: Path) -> None:
    tables = _tables()
    tables["emg"]["data"] = tables["emg"]["data"].iloc[1000:5500].reset_index(drop=True)
    _write(tmp_path, tables)
    (found,) = recordings(tmp_path, "AB06")
    assert found.rejected["reason"].tolist() == ["outside_trial", "outside_trial"]
    assert found.rejected["stride_number"].tolist() == [0, 4]


@pytest.mark.parametrize("sensor", ["emg", "ik", "gcRight"])
def test_trial_without_a_sensor_is_unpaired_and_the_others_stand(tmp_path: Path, sensor: str) -> None:
    folder = _write(tmp_path, _tables(), name="treadmill_01_01")
    _write(tmp_path, _tables(), name="treadmill_02_01")
    (folder / sensor / "treadmill_01_01.mat").unlink()
    first, second = recordings(tmp_path, "AB06")
    validate_trial(first)
    assert (first.trial, len(first.strides)) == ("treadmill_01_01", 0)
    assert set(first.rejected["reason"]) == {"unpaired"}
    assert sensor in first.rejected["detail"].iloc[0]
    assert len(first.rejected) == (1 if sensor == "gcRight" else 5)
    assert len(second.strides) == 5


def test_cycles_of_a_trial_without_any_signal_are_counted(tmp_path: Path) -> None:
    _write(tmp_path, {"gcRight": _tables()["gcRight"]}, name="treadmill_01_01")
    _write(tmp_path, _tables(), name="treadmill_02_01")
    _write(tmp_path, {"gcRight": _tables(markers=True)["gcRight"]}, mode="ramp", name="ramp_1_l_01_01")
    (found,) = recordings(tmp_path, "AB06")
    validate_trial(found)
    assert (found.trial, len(found.strides)) == ("treadmill_02_01", 5)
    lost = found.rejected.groupby("trial")["reason"].value_counts().to_dict()
    assert lost == {
        ("ramp_1_l_01_01", "not_a_stride"): 2,
        ("ramp_1_l_01_01", "unpaired"): 5,
        ("treadmill_01_01", "unpaired"): 5,
    }
    assert set(found.rejected.query("reason == 'unpaired'")["detail"]) == {"no emg and no ik file"}
    assert (
        "treadmill_01_01 (AB06/10_09_18/treadmill/gcRight/treadmill_01_01.mat)" in found.notes["trials_without_signals"]
    )


def test_a_person_whose_trials_have_no_signal_is_an_error_that_counts_them(tmp_path: Path) -> None:
    _write(tmp_path, {"gcRight": _tables()["gcRight"]})
    with pytest.raises(DataFormatError, match=r"found no stride \(5 unpaired\)"):
        list(recordings(tmp_path, "AB06"))


def test_a_stride_in_which_nothing_was_measured_is_rejected(tmp_path: Path) -> None:
    tables = _tables()
    for sensor, columns in (("emg", SPEC.emg), ("ik", SPEC.angles), ("id", SPEC.moments)):
        data = tables[sensor]["data"]
        late = data["Header"] - ORIGIN
        data.loc[(late > STRIKES[1] - 0.01) & (late < STRIKES[2] + 0.01), list(columns)] = np.nan
    _write(tmp_path, tables)
    (found,) = recordings(tmp_path, "AB06")
    validate_trial(found)
    assert found.rejected[["stride_number", "reason"]].values.tolist() == [[1, "no_signal"]]
    assert found.strides["stride_number"].tolist() == [0, 2, 3, 4]


def test_trial_without_moments_or_conditions(tmp_path: Path) -> None:
    tables = _tables()
    del tables["id"], tables["conditions"]
    _write(tmp_path, tables)
    _write(tmp_path, tables, mode="ramp", name="ramp_6_l_01_01")
    treadmill, ramp = recordings(tmp_path, "AB06")
    assert set(treadmill.signals) == {"emg", "kinematics"}
    assert np.isnan(treadmill.strides["speed"]).all()
    assert len(treadmill.strides) == 5
    assert "conditions" in treadmill.notes
    assert set(ramp.rejected["reason"]) == {"unpaired"}


def test_names_in_any_case_and_unique_over_dates(tmp_path: Path) -> None:
    _write(tmp_path, _tables(), mode="Treadmill", name="Treadmill_04_2_01", date="10_09_18")
    _write(tmp_path, _tables(), name="treadmill_04_2_01", date="10_21_2018")
    _write(tmp_path, _tables(), name="calibration", date="10_21_2018")
    found = [(trial.session, trial.trial) for trial in recordings(tmp_path, "AB06")]
    assert found == [
        ("10_09_18", "10_09_18_treadmill_04_2_01"),
        ("10_21_2018", "10_21_2018_treadmill_04_2_01"),
    ]


def test_incline_from_the_name_where_the_file_has_none(tmp_path: Path) -> None:
    tables = _tables(markers=True)
    tables["conditions"] = {"labels": _labels((0, "RampDescent"))}
    _write(tmp_path, tables, mode="ramp", name="Ramp_6_L_01_01")
    (found,) = recordings(tmp_path, "AB06")
    assert set(found.strides["incline"]) == {-18.0}


def _without_column(tables: Tables) -> None:
    tables["ik"]["data"] = tables["ik"]["data"].rename(columns={"knee_angle_r": "knee_angl_r"})


def _gap(tables: Tables) -> None:
    tables["emg"]["data"] = tables["emg"]["data"].drop(index=range(2000, 2030))


def _silent(tables: Tables) -> None:
    tables["emg"]["data"]["gracilis"] = np.nan


def _no_knee(tables: Tables) -> None:
    tables["ik"]["data"]["knee_angle_r"] = np.nan


def _standing(tables: Tables) -> None:
    tables["gcRight"]["data"]["HeelStrike"] = 0.0


def _no_speed(tables: Tables) -> None:
    tables["conditions"] = {"trialStarts": 1.0}


def _no_table(tables: Tables) -> None:
    tables["ik"] = {"values": np.eye(3)}


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (_without_column, r"knee_angle_r; found no such column; the nearest is 'knee_angl_r'"),
        (_gap, r"emg.*Header; found .* in row 2001; expected .* rows at 1000 Hz without gaps"),
        (_silent, r"gracilis; found only NaN in every trial"),
        (_no_knee, r"knee_angle_r; found only NaN in every trial; expected samples of knee flexion"),
        (_standing, r"strides; found no stride \(no candidate at all\)"),
        (_no_speed, r"conditions.*: speed; found the variables trialStarts"),
        (_no_table, r"data; found the variables values; expected one MATLAB table"),
    ],
)
def test_bad_file_is_one_clear_error(tmp_path: Path, spoil: Callable[[Tables], None], expected: str) -> None:
    tables = _tables()
    spoil(tables)
    _write(tmp_path, tables)
    with pytest.raises(DataFormatError, match=expected) as error:
        list(recordings(tmp_path, "AB06"))
    assert str(error.value).startswith("camargo: ")


def test_truncated_file(tmp_path: Path) -> None:
    path = _write(tmp_path, _tables()) / "ik" / "treadmill_01_01.mat"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataFormatError, match=r"camargo: .*ik/treadmill_01_01\.mat.*truncated"):
        list(recordings(tmp_path, "AB06"))


def test_body_mass_must_be_known(tmp_path: Path) -> None:
    _write(tmp_path, _tables())
    for prepare, expected in (
        (lambda: _info(tmp_path, mass=float("nan")), "found nan kg for AB06"),
        (lambda: _info(tmp_path, subject="AB30"), "found no row AB06.*Add the body mass of AB06"),
        ((tmp_path / "SubjectInfo.mat").unlink, r"SubjectInfo\.mat: Weight; found no such file.*Copy SubjectInfo"),
    ):
        prepare()
        with pytest.raises(DataFormatError, match=expected):
            list(recordings(tmp_path, "AB06"))


def test_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such folder"):
        patients(tmp_path / "none")
    with pytest.raises(DataFormatError, match="AB06"):
        patients(tmp_path)
    _write(tmp_path, {})
    assert patients(tmp_path) == ["AB06"]
    with pytest.raises(MissingInputError, match="no folder AB99"):
        list(recordings(tmp_path, "AB99"))
    with pytest.raises(DataFormatError, match="no stride"):
        list(recordings(tmp_path, "AB06"))


def test_sawtooth_variants() -> None:
    ramp = np.linspace(0, 100, 220, endpoint=False)
    plates = read_sawtooth(np.concatenate([np.zeros(50), ramp, ramp, np.zeros(80)]))
    assert plates.contacts.tolist() == [49 + 1, 270, 490]
    assert not plates.cut_first
    assert not plates.cut_last
    markers = read_sawtooth(np.concatenate([ramp[::3], ramp, ramp, ramp[::2]]))
    assert markers.contacts.tolist() == [74, 294, 514]
    assert markers.cut_first
    assert markers.cut_last
    paused = read_sawtooth(np.concatenate([np.zeros(50), ramp, np.zeros(100), ramp, np.zeros(9)]))
    assert paused.contacts.tolist() == [50, 270, 370, 590]
    whole_numbers = read_sawtooth(np.round(np.concatenate([ramp[::3], ramp, ramp, ramp[::2]])))
    assert whole_numbers.contacts.tolist() == [74, 294, 514]
    for empty in (np.zeros(0), np.zeros(300), np.full(300, np.nan)):
        none = read_sawtooth(empty)
        assert none.contacts.size == 0
        assert not none.cut_first
    assert is_linear(ramp)
    assert not is_linear(np.concatenate([np.zeros(60), ramp]))


def test_agrees_with_the_synthetic_people(tmp_path: Path) -> None:
    """The writer knows its strides independently of the reader: same trials, activities, times and durations."""
    truth = synthetic.write("camargo", tmp_path, patients=1, seed=3, minutes=0.2).strides
    found = pd.concat([trial.strides.assign(source_patient="AB06") for trial in recordings(tmp_path, "AB06")])
    result = found[truth.columns].sort_values(["trial", "trial_time"], ignore_index=True)
    pd.testing.assert_frame_equal(result, truth, check_dtype=False, rtol=0, atol=1e-6)


def test_registered() -> None:
    dataset = get_dataset("camargo")
    assert dataset.spec.sides == ("right",)
    assert len(dataset.spec.emg) == 11
