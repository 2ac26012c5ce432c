"""Moreira: each bad input is one clear error that names the source, the file and the field."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from biomech_xr.datasets.moreira import patients
from biomech_xr.errors import BiomechXRError, ConfigError, DataFormatError, MissingInputError
from biomech_xr.parse import read_patient
from biomech_xr.schema import Trial
from tests.datasets.moreira_tables import Tables, tables, write_mat, write_text


def read(root: Path, patient: str = "Participant1", **options: Any) -> dict[str, Trial]:
    return {trial.trial: trial for trial in read_patient("moreira", root, patient, options)}


def rename(made: Tables) -> None:
    made["Angles"] = made["Angles"].rename(columns={"St1_Knee_X": "St1_Knee_x"})


def drop_half_of_the_second(made: Tables) -> None:
    del made["Torques_Norm"]["St2_Ankle_Z"]


def shorten(made: Tables) -> None:
    made["Angles"] = made["Angles"][:1000]


def add_text(made: Tables) -> None:
    made["Angles"]["St1_Hip_X"] = made["Angles"]["St1_Hip_X"].astype(object)
    made["Angles"].loc[3, "St1_Hip_X"] = "n/d"


def forget_angles(made: Tables) -> None:
    del made["Angles"]


def not_normalised(made: Tables) -> None:
    made["Torques_Norm"] = made["Torques"]


def mix_units(made: Tables) -> None:
    made["Torques_Norm"][["St1_Ankle_X", "St2_Ankle_X"]] *= 1000


def two_envelopes(made: Tables) -> None:
    made["EMG other"] = made["EMG soft"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (rename, r"Angles.*St1_Knee_X; found no such column; the nearest is 'St\d_Knee_[xX]'"),
        (drop_half_of_the_second, r"Torques_Norm.*St2_Ankle_Z; found a second stride without this column"),
        (shorten, r"Angles.*rows; found 1000 rows; expected 1001"),
        (add_text, r"Hip_X.*found 'n/d' in data row 4; expected a number"),
        (forget_angles, r"V2/R/Angles; found only .*, and no angles in the other legs; expected the signal Angles in"),
        (not_normalised, r"Torques_Norm.*found Torques / Torques_Norm from 1 to 1 kg; expected one body mass"),
        (mix_units, r"found Torques / Torques_Norm from 0\.07 to 70 kg; expected one body mass in every column"),
        (
            two_envelopes,
            r"EMG; found EMG.hard \(filtered\), EMG.other \(envelope\), EMG.soft \(envelope\); expected one",
        ),
    ],
)
def test_a_bad_table_is_one_clear_error(tmp_path: Path, spoil: Callable[[Tables], None], message: str) -> None:
    made = tables()
    spoil(made)
    write_text(tmp_path, {"V2/R": {"T1": made}})
    with pytest.raises(DataFormatError, match=message) as error:
        read(tmp_path)
    assert str(error.value).startswith("moreira: ")
    assert "Participant1" in str(error.value)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (rename, r"Subject1_pro\.V2\.R\.Angles\(2\): St1_Knee_X; found no such column; the nearest is 'St1_Knee_\w'"),
        (shorten, r"Subject1_pro\.V2\.R\.Angles\(2\): rows; found 1000 rows; expected 1001"),
        (forget_angles, r"Subject1_pro\.V2\.R\.Angles; found only .*; expected the signal Angles in one leg at least"),
    ],
)
def test_a_bad_matlab_table_is_one_clear_error(tmp_path: Path, spoil: Callable[[Tables], None], message: str) -> None:
    made = tables(second=False)
    spoil(made)
    write_mat(tmp_path, {"V2/R": {"T1": made}}, {})
    with pytest.raises(DataFormatError, match=rf"moreira: .*Processed_Data\.mat: {message}"):
        read(tmp_path)


def test_another_persons_moments_are_refused(tmp_path: Path) -> None:
    folder = write_text(tmp_path, {"V2/R": {"T1": tables()}})
    (folder / "Metadata.txt").write_text("Subject1\nBody Mass: 54.4 kg\n")
    with pytest.raises(
        DataFormatError, match=r"found moments divided by 70\.0 kg; expected about 54\.4 kg as Metadata"
    ):
        read(tmp_path)
    (folder / "Metadata.txt").write_text("Subject2\nBody Mass: 70 kg\n")
    with pytest.raises(DataFormatError, match=r"Metadata\.txt: Subject; found Subject2; expected the number of Part"):
        read(tmp_path)
    (folder / "Metadata.txt").write_text("Subject1\nBody Height: 181 m\n")
    with pytest.raises(DataFormatError, match=r"Body Height; found '181 m'; expected a number from 1\.2 to 2\.3 m"):
        read(tmp_path)
    heavier = tables()
    heavier["Torques"] *= 1.2
    (folder / "Metadata.txt").unlink()
    write_text(tmp_path, {"V2/R": {"T2": heavier}})
    with pytest.raises(
        DataFormatError, match=r"T2\.txt.*divided by 84\.0 kg; expected 70\.0 kg as in the other trials"
    ):
        read(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_file_is_one_clear_error(tmp_path: Path, share: float) -> None:
    path = write_mat(tmp_path / "mat", {"V2/R": {"T1": tables()}}, {})
    text = write_text(tmp_path / "text", {"V2/R": {"T1": tables()}}) / "Processed_Data/V2/R/Angles/T1.txt"
    for root, file in ((tmp_path / "mat", path), (tmp_path / "text", text)):
        file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
        with pytest.raises(DataFormatError, match=rf"moreira: .*{file.name}"):
            read(root)


def test_missing_folders_fields_and_people(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such folder"):
        patients(tmp_path / "none")
    with pytest.raises(DataFormatError, match="found nothing; expected Participant1"):
        patients(tmp_path)
    write_text(tmp_path, {"V2/R": {"T1": tables()}})
    with pytest.raises(MissingInputError, match=r"no folder of Participant9\. Known: Participant1"):
        read(tmp_path, "Participant9")
    write_text(tmp_path / "copy", {"V2/R": {"T1": tables()}})
    with pytest.raises(DataFormatError, match="person 1 here and in"):
        patients(tmp_path)
    write_text(tmp_path / "speed", {"V5/R": {"T1": tables()}})
    with pytest.raises(DataFormatError, match="found the speed V5; expected some of the speeds V1"):
        read(tmp_path / "speed")


def test_a_text_table_whose_ending_is_in_capitals_is_not_lost(tmp_path: Path) -> None:
    write_text(tmp_path, {"V2/R": {"T1": tables()}})
    before = read(tmp_path, stride_time=1.2)
    for path in list(tmp_path.rglob("T1.txt")):
        path.rename(path.with_suffix(".TXT"))
    after = read(tmp_path, stride_time=1.2)
    assert {name: set(trial.signals) for name, trial in before.items()} == {
        name: set(trial.signals) for name, trial in after.items()
    }


def test_a_body_mass_with_a_comma_is_not_cut_at_it(tmp_path: Path) -> None:
    write_text(tmp_path, {"V2/R": {"T1": tables()}})
    (folder,) = tmp_path.rglob("Participant1")
    (folder / "Metadata.txt").write_text("Subject1\nBody Mass: 76,5 kg\n")
    with pytest.raises(DataFormatError, match=r"Metadata\.txt: Body Mass; found '76,5 kg'; expected a number from 30"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("participant,speed,leg,trial,stride\nParticipant1,V2,R,T1,1\n", "seconds; found no such column"),
        ("participant,speed,leg,trial,stride,seconds\nParticipant1,V2,R,T1,3,1.2\n", "stride; found 3 in line 2"),
        ("participant,speed,leg,trial,stride,seconds\nParticipant1,V2,R,T1,1,-1\n", "seconds; found -1 in line 2"),
        (
            "participant,speed,leg,trial,stride,seconds\nParticipant1,V2,R,T1,1,1.2\nParticipant1,V2,R,T1,1,1.3\n",
            "the stride of line 3 twice",
        ),
        ("participant,speed,leg,trial,stride,seconds\nP1,V2,R,T1,1,1\n", r"participant; found 'P1' in line 2"),
        (
            "participant,speed,leg,trial,stride,seconds\nParticipant17,V2,R,T1,1,1\n",
            "expected Participant1 to Part.*16",
        ),
        ("participant,speed,leg,trial,stride,seconds\nParticipant2,2,R,T1,1,1\n", "speed; found '2' in line 2; .* V15"),
        ("participant,speed,leg,trial,stride,seconds\nParticipant1,V2,r,T1,1,1\n", "leg; found 'r' in .* L or R"),
        ("participant,speed,leg,trial,stride,seconds\nParticipant1,V2,R,2,1,1\n", "trial; found '2' in line 2"),
        (
            "participant,speed,leg,trial,stride,seconds\nParticipant1,V2,R,T1,1,1.2\nParticipant1,V2,R,T9,1,1.3\n"
            "Participant1,V3,L,T1,2,1.3\nParticipant2,V3,L,T1,2,1.3\n",
            "Participant1; found durations of strides that the files do not have: V2 R T9 1, V3 L T1 2; expected",
        ),
    ],
)
def test_a_bad_file_of_durations_is_one_clear_error(tmp_path: Path, rows: str, message: str) -> None:
    write_text(tmp_path, {"V2/R": {"T1": tables()}})
    (tmp_path / "times.csv").write_text(rows)
    with pytest.raises(BiomechXRError, match=message):
        read(tmp_path, stride_times=str(tmp_path / "times.csv"))


@pytest.mark.parametrize("seconds", [0, -3])
def test_a_stated_duration_is_positive(tmp_path: Path, seconds: float) -> None:
    write_text(tmp_path, {"V2/R": {"T1": tables()}})
    with pytest.raises(ConfigError, match=rf"moreira: option stride_time={seconds}: expected more than 0 s"):
        read(tmp_path, stride_time=seconds)
