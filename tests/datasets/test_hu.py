"""Hu 2018 (ENABL3S): events, activities, signs and bad input, on circuits written here from its description."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomech_xr import synthetic
from biomech_xr.datasets import get_dataset
from biomech_xr.datasets.hu import SPEC, patients, recordings
from biomech_xr.errors import BiomechXRError, DataFormatError, MissingInputError
from biomech_xr.schema import Trial, validate_trial

ROWS = 12_000
RIGHT = (2000, 3100, 4200, 5300, 6400, 10_600, 11_600)
RIGHT_TRIGGERS = (311, 1311, 1311, 1341, 4341, 4341, 6361)
LEFT = (2500, 3650, 11_000, 11_900)
LEFT_TRIGGERS = (1311, 1311, 1311, 1311)


def _circuit() -> dict[str, np.ndarray]:
    """Sitting to 1.9 s, walking to 5.25 s, stairs up; contacts as 1-based rows; a gap in the right list."""
    rng = np.random.default_rng(1)
    seconds = np.arange(ROWS) / 1000
    table = {name: rng.standard_normal(ROWS) for name in SPEC.emg}
    swing = 30 - 30 * np.cos(2 * np.pi * seconds / 1.1)
    for side in ("Left", "Right"):
        table[f"{side}_Knee"] = np.where(seconds < 1.9, -95.0, -swing)
        table[f"{side}_Ankle"] = 8 * np.sin(2 * np.pi * seconds / 1.1)
    table["Mode"] = np.select([seconds < 1.9, seconds < 5.25], [0, 1], 4).astype(float)
    for side, contacts, triggers in (("Right", RIGHT, RIGHT_TRIGGERS), ("Left", LEFT, LEFT_TRIGGERS)):
        offs = [contact + 700 for contact in contacts[:-1]]
        for name, values in (("Heel_Contact", contacts), ("Heel_Contact_Trigger", triggers), ("Toe_Off", offs)):
            column = np.full(ROWS, np.nan)
            column[: len(values)] = values
            table[f"{side}_{name}"] = column
    return table


def _write(
    root: Path, table: dict[str, np.ndarray], *, patient: str = "AB156", number: int = 1, double: bool = False
) -> Path:
    folder = root / patient / patient / "Processed" if double else root / patient / "Processed"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{patient}_Circuit_{number:03d}_post.csv"
    pd.DataFrame(table).round(4).to_csv(path, index=False, na_rep="NaN")
    return path


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    root = tmp_path_factory.mktemp("hu")
    _write(root, _circuit(), double=True)
    (found,) = recordings(root, "AB156")
    return found


def test_trial_is_valid_and_named_after_the_circuit(trial: Trial) -> None:
    validate_trial(trial)
    assert (trial.trial, trial.task, trial.patient.patient) == ("circuit_001", "circuit", "hu-AB156")
    assert trial.sources[0][0] == "AB156/AB156/Processed/AB156_Circuit_001_post.csv"
    assert set(trial.signals) == {"emg", "kinematics"}
    assert trial.emg_state == "bandpassed"


def test_events_are_rows_counted_from_one(trial: Trial) -> None:
    right = trial.strides.query("side == 'right'")
    assert right["trial_time"].tolist() == pytest.approx([1.999, 3.099, 5.299])
    assert right["duration"].tolist() == pytest.approx([1.1, 1.1, 1.1])
    assert right["foot_off"].tolist() == pytest.approx([0.7, 0.7, 0.7])


def test_activity_is_of_the_stride_and_transition_of_its_first_contact(trial: Trial) -> None:
    right = trial.strides.query("side == 'right'").set_index("stride_number")
    assert right["activity"].to_dict() == {0: "walk", 1: "walk", 3: "stair_ascent"}
    assert right["transition"].to_dict() == {0: True, 1: False, 3: True}
    assert right["surface"].tolist() == ["overground", "overground", "stairs"]
    assert right.loc[3, "stair_height"] == pytest.approx(0.19685)
    assert np.isnan(right.loc[0, "stair_height"])
    assert right.loc[0, "incline"] == 0.0


def test_every_candidate_is_kept_or_rejected_with_a_reason(trial: Trial) -> None:
    for side, contacts in (("right", RIGHT), ("left", LEFT)):
        numbers = [
            *trial.strides.loc[trial.strides["side"] == side, "stride_number"],
            *trial.rejected.loc[trial.rejected["side"] == side, "stride_number"],
        ]
        assert sorted(numbers) == list(range(len(contacts) - 1))
    reasons = trial.rejected.query("side == 'right'").set_index("stride_number")["reason"].to_dict()
    assert reasons == {2: "activity_change", 4: "too_long", 5: "activity_change"}
    reasons = trial.rejected.query("side == 'left'").set_index("stride_number")["reason"].to_dict()
    assert reasons == {1: "too_long", 2: "activity_change"}


def test_angles_are_canonical(trial: Trial) -> None:
    angles = trial.signals["kinematics"].values
    knee = angles.sel(side="right", joint="knee", motion="flexion")
    assert float(knee[:1500].median()) == pytest.approx(95, abs=1)
    assert 55 < float(knee[2000:].max()) < 65
    raw = 8 * np.sin(2 * np.pi * np.arange(ROWS) / 1100)
    np.testing.assert_allclose(angles.sel(side="left", joint="ankle", motion="flexion"), -raw, atol=1e-4)
    assert np.isnan(angles.sel(joint="hip")).all()
    assert np.isnan(angles.sel(motion=["adduction", "rotation"])).all()


def test_emg_keeps_side_and_muscle(tmp_path: Path) -> None:
    table = _circuit()
    table["Left_VL"] = np.linspace(1, 2, ROWS)
    table["Right_SOL"] = np.zeros(ROWS)
    table["Right_TA"][100:140] = np.nan
    _write(tmp_path, table)
    (trial,) = recordings(tmp_path, "AB156")
    emg = trial.signals["emg"].values
    assert emg.sizes == {"sample": ROWS, "side": 2, "channel": 7}
    assert emg.attrs["units"] == "mV"
    np.testing.assert_allclose(emg.sel(side="left", channel="vastus_lateralis"), np.linspace(1, 2, ROWS), atol=1e-4)
    assert np.isnan(emg.sel(side="right", channel="soleus")).all()
    assert int(np.isnan(emg.sel(side="right", channel="tibialis_anterior")).sum()) == 40
    assert np.isfinite(emg.sel(side="left")).all()


def test_ramps_have_signed_incline_and_two_foot_offs_are_no_stride(tmp_path: Path) -> None:
    table = _circuit()
    table["Mode"] = np.where(table["Mode"] == 4, 3.0, table["Mode"])
    table["Right_Heel_Contact_Trigger"][:7] = [311, 1311, 1311, 1331, 3331, 3331, 6361]
    table["Left_Toe_Off"][:4] = [2600, 3000, 4000, 11_200]
    _write(tmp_path, table)
    (trial,) = recordings(tmp_path, "AB156")
    ramp = trial.strides.query("activity == 'ramp_descent'")
    assert ramp["incline"].tolist() == [-10.0]
    assert ramp["surface"].tolist() == ["ramp"]
    left = trial.rejected.query("side == 'left' and stride_number == 0")
    assert left["reason"].tolist() == ["not_a_stride"]
    assert "2 foot offs" in left["detail"].iloc[0]


def test_standing_is_a_posture(tmp_path: Path) -> None:
    table = _circuit()
    table["Mode"][2800:4000] = 6
    table["Right_Heel_Contact_Trigger"][1:3] = [6361, 1311]
    table["Right_Heel_Contact"][1:3] = [2900, 3900]
    _write(tmp_path, table)
    (trial,) = recordings(tmp_path, "AB156")
    assert "activity_change" in set(trial.rejected["reason"])
    table["Right_Heel_Contact_Trigger"][2] = 6361
    _write(tmp_path, table)
    (trial,) = recordings(tmp_path, "AB156")
    assert trial.rejected.query("reason == 'posture'")["source_activity"].tolist() == ["Standing"]


def test_circuit_without_events_is_no_error(tmp_path: Path) -> None:
    _write(tmp_path, _circuit())
    empty = _circuit()
    for name in empty:
        if "Contact" in name or "Toe_Off" in name:
            empty[name][:] = np.nan
    _write(tmp_path, empty, number=7)
    first, second = recordings(tmp_path, "AB156")
    validate_trial(second)
    assert len(first.strides) > 0
    assert (second.trial, len(second.strides), len(second.rejected)) == ("circuit_007", 0, 0)
    (tmp_path / first.sources[0][0]).unlink()
    with pytest.raises(DataFormatError, match=r"AB156.*strides; found no stride \(no candidate at all\)"):
        list(recordings(tmp_path, "AB156"))


def test_reversed_knee_is_noted(tmp_path: Path) -> None:
    table = _circuit()
    table["Right_Knee"] = -table["Right_Knee"]
    _write(tmp_path, table, patient="AB192")
    (trial,) = recordings(tmp_path, "AB192")
    assert "Right_Knee" in trial.notes["knee_sign"]
    assert "Left_Knee" not in trial.notes["knee_sign"]
    assert "goniometers" in trial.notes


def _spoil(table: dict[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    if kind == "missing column":
        table["Right_Knee_Angle"] = table.pop("Right_Knee")
    elif kind == "trigger count":
        table["Right_Heel_Contact_Trigger"][6] = np.nan
    elif kind == "trigger mode":
        table["Right_Heel_Contact_Trigger"][0] = 9311
    elif kind == "gap in list":
        table["Left_Heel_Contact"][1] = np.nan
    elif kind == "unscaled mode":
        table["Mode"][:50] = 0.5
    elif kind == "event after the end":
        table["Left_Toe_Off"][2] = ROWS + 1
    elif kind == "event before the start":
        table["Right_Heel_Contact"][0] = 0
    elif kind == "silent channel":
        table["Left_ST"][:] = np.nan
    elif kind == "silent angle":
        table["Right_Ankle"][:] = np.nan
    return table


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("missing column", r"hu: .*_post\.csv: Right_Knee; found no such column; the nearest is 'Right_Knee_\w+'"),
        ("trigger count", r"Right_Heel_Contact_Trigger; found 6 triggers; expected 7"),
        ("trigger mode", r"found trigger 9311"),
        ("gap in list", r"Left_Heel_Contact; found a list with gaps"),
        ("unscaled mode", r"Mode; found the value 0\.5"),
        (
            "event after the end",
            r"Left_Toe_Off; found an event in row 12001; expected rows 1 to 12000; is the file cut",
        ),
        ("event before the start", r"Right_Heel_Contact; found an event in row 0; expected rows 1 to 12000"),
        ("silent angle", r"Right_Ankle; found only NaN in every trial; expected samples of ankle flexion"),
        ("silent channel", r"Left_ST; found only NaN in every trial; expected samples of semitendinosus"),
    ],
)
def test_bad_file_is_one_clear_error(tmp_path: Path, kind: str, expected: str) -> None:
    _write(tmp_path, _spoil(_circuit(), kind))
    with pytest.raises(DataFormatError, match=expected) as error:
        list(recordings(tmp_path, "AB156"))
    assert str(error.value).startswith("hu: ")


def test_a_file_cut_anywhere_is_one_clear_error(tmp_path: Path) -> None:
    path = _write(tmp_path, _circuit())
    whole = path.read_bytes()
    middle = whole.rindex(b"\n", 0, len(whole) // 2) + 1
    for size, expected in (
        (len(whole) // 2, r"a last row that does not end.*is the file cut"),
        (len(whole) - 1, r"a last row that does not end"),
        (middle, r"found an event in row \d+; expected rows 1 to \d+; is the file cut"),
        (0, r"no rows"),
    ):
        path.write_bytes(whole[:size])
        with pytest.raises(DataFormatError, match=expected):
            list(recordings(tmp_path, "AB156"))


def test_a_file_of_another_person_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path, _circuit())
    path.rename(path.with_name("AB185_Circuit_009_post.csv"))
    with pytest.raises(DataFormatError, match=r"AB185_Circuit_009_post\.csv.*found a file of AB185; expected .*AB156"):
        list(recordings(tmp_path, "AB156"))
    path.with_name("AB185_Circuit_009_post.csv").rename(path.with_name("ab156_circuit_009_post.csv"))
    assert [trial.trial for trial in recordings(tmp_path, "AB156")] == ["circuit_009"]


def test_a_stride_in_which_nothing_was_measured_is_rejected(tmp_path: Path) -> None:
    table = _circuit()
    start, stop = RIGHT[1] - 1, RIGHT[2] - 1
    for name in (*SPEC.emg, *SPEC.angles):
        if name.startswith("Right"):
            table[name][start:stop] = np.nan
    _write(tmp_path, table)
    (trial,) = recordings(tmp_path, "AB156")
    validate_trial(trial)
    lost = trial.rejected.query("reason == 'no_signal'")
    assert lost[["side", "stride_number", "source_activity"]].values.tolist() == [["right", 1, "Level ground walking"]]
    assert trial.strides.query("side == 'right'")["stride_number"].tolist() == [0, 3]
    table["Right_Knee"][start + 500] = -30.0
    _write(tmp_path, table)
    (trial,) = recordings(tmp_path, "AB156")
    assert trial.strides.query("side == 'right'")["stride_number"].tolist() == [0, 1, 3]


def test_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such folder"):
        patients(tmp_path / "none")
    with pytest.raises(DataFormatError, match="AB156"):
        patients(tmp_path)
    (tmp_path / "AB156" / "Raw").mkdir(parents=True)
    assert patients(tmp_path) == ["AB156"]
    with pytest.raises(MissingInputError, match="Processed"):
        list(recordings(tmp_path, "AB156"))
    with pytest.raises(MissingInputError, match="no folder AB999"):
        list(recordings(tmp_path, "AB999"))
    (tmp_path / "AB156" / "Processed").mkdir()
    with pytest.raises(MissingInputError, match="Circuit"):
        list(recordings(tmp_path, "AB156"))


def test_broken_workbook_is_a_clear_error(tmp_path: Path) -> None:
    _write(tmp_path, _circuit())
    (tmp_path / "Subject Trigger Channel Feature Information.xlsx").write_bytes(b"nothing")
    with pytest.raises(BiomechXRError, match="no readable workbook"):
        list(recordings(tmp_path, "AB156"))


def test_agrees_with_the_synthetic_people(tmp_path: Path) -> None:
    """The writer knows its strides independently of the reader: same sides, activities, times and durations."""
    truth = synthetic.write("hu", tmp_path, patients=1, seed=3, minutes=0.2)
    columns = ["source_patient", "trial", "side", "activity", "trial_time", "duration"]
    found = []
    for patient in patients(tmp_path):
        for trial in recordings(tmp_path, patient):
            validate_trial(trial)
            assert 40 < trial.patient.body_mass < 120
            assert 1.4 < trial.patient.height < 2.1
            assert "knee_sign" not in trial.notes
            found.append(trial.strides.assign(source_patient=patient)[columns])
    result = pd.concat(found).sort_values([*columns[:3], "trial_time"], ignore_index=True)
    pd.testing.assert_frame_equal(result, truth.strides, check_dtype=False, rtol=0, atol=1e-6)


def test_registered() -> None:
    dataset = get_dataset("hu")
    assert dataset.spec.evidence == "notes"
    assert dataset.spec.sides == ("left", "right")
