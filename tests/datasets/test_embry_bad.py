"""Embry 2018: damaged, contradictory and undecidable files, each one clear error or a stated rejection."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from biomech_xr.datasets.embry import patients
from biomech_xr.errors import BiomechXRError, DataFormatError, MissingInputError
from tests.datasets.embry_files import FILE, KEPT, edited, read, write_small
from tests.datasets.utd_files import mean, put, relabel, scale, swap


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small(tmp_path_factory.mktemp("small"))


def test_a_file_with_another_order_of_planes_is_refused(small: Path, tmp_path: Path) -> None:
    with edited(small, tmp_path) as person:
        for trial in KEPT:
            for side in ("left", "right"):
                for joint in ("hip", "knee", "ankle"):
                    swap(person[f"{trial}/kinematics/jointangles/{side}/{joint}"], "x", "y")
    with pytest.raises(DataFormatError, match=rf"embry: .*{FILE}: jointangles\.knee; found .*expected x = flexion"):
        read(tmp_path)


def test_without_moments_forces_do_not_stand_in(small: Path, tmp_path: Path) -> None:
    with edited(small, tmp_path) as person:
        for trial in KEPT:
            del person[trial]["kinetics/jointmoment"]
    with pytest.raises(DataFormatError, match=r"AB01\.s1\w+\.kinetics; found no field jointmoment; .*'jointforce'"):
        read(tmp_path)


def test_an_undecidable_unit_is_refused_and_the_option_settles_it(small: Path, tmp_path: Path) -> None:
    with edited(small, tmp_path) as person:
        for trial in KEPT:
            scale(person[trial]["kinetics/jointmoment"], 0.0048)
    with pytest.raises(DataFormatError, match=r"jointmoment\.ankle; .*source option moment_unit="):
        read(tmp_path)
    found = read(tmp_path, moment_unit="N mm/kg")["s1i0"]
    assert "option moment_unit=" in found.notes["evidence.moment_unit"]
    assert mean(found, "kinetics", "ankle").min() == pytest.approx(-1.5 * 0.0048, rel=0.2)


def test_signs_that_the_data_do_not_show_are_asked_for_unless_stated(small: Path, tmp_path: Path) -> None:
    """Hip and ankle are asked for; the knee and the moments are those that users of the file state."""
    with edited(small, tmp_path) as person:
        for trial in KEPT:
            scale(person[trial]["kinematics/jointangles"], 0.02)
    with pytest.raises(DataFormatError, match=r"jointangles\.hip; .*source option hip_sign="):
        read(tmp_path)
    with pytest.raises(DataFormatError, match=r"jointangles\.ankle; .*source option ankle_sign="):
        read(tmp_path, hip_sign="extension")
    notes = read(tmp_path, hip_sign="flexion", ankle_sign="dorsiflexion")["s1i0"].notes
    assert "assumed 1 (a user of the file)" in notes["evidence.knee_sign"]


@pytest.mark.parametrize("factor", [1.0, -1.0])
def test_an_unsure_moment_is_the_stated_one_unless_another_contradicts(
    small: Path, tmp_path: Path, factor: float
) -> None:
    with edited(small, tmp_path) as person:
        for trial in KEPT:
            scale(person[trial]["kinetics/jointmoment"], factor)
            for side in ("left", "right"):
                hip = person[f"{trial}/kinetics/jointmoment/{side}/hip"]
                put(hip, "x", np.random.default_rng(1).standard_normal(hip["x"].shape).T)
    if factor < 0:
        with pytest.raises(DataFormatError, match=r"jointmoment\.hip; .*source option hip_moment_sign="):
            read(tmp_path)
        after = read(tmp_path, hip_moment_sign="flexor")
    else:
        after = read(tmp_path)
        assert "assumed -1 (Plug-in Gait)" in after["s1i0"].notes["evidence.hip_moment_sign"]
    for joint, motion in (("hip", "adduction"), ("knee", "flexion")):
        before = mean(read(small)["s1i0"], "kinetics", joint, motion)
        np.testing.assert_allclose(mean(after["s1i0"], "kinetics", joint, motion), before, atol=1e-6)


def test_a_list_of_outliers_that_does_not_fit_unpairs_the_leg(small: Path, tmp_path: Path) -> None:
    with edited(small, tmp_path) as person:
        put(person["s1i0"], "stepsout/right", [[99.0]])
    trial = read(tmp_path)["s1i0"]
    assert set(trial.rejected["reason"]) == {"unpaired"}
    assert "stepsout.right lists stride 99" in trial.rejected["detail"].iloc[0]
    assert set(trial.strides["side"]) == {"left"}


def test_a_description_that_contradicts_the_name_excludes_the_trial(small: Path, tmp_path: Path) -> None:
    with edited(small, tmp_path) as person:
        references = person["s1i5"]["description"]
        person.file[references[1][1]][...] = 9.0
    trial = read(tmp_path)["s1i5"]
    assert trial.strides.empty
    assert set(trial.rejected["reason"]) == {"excluded"}
    assert "the description says 1 m/s and 9 degrees, the name 1 and 5" in trial.rejected["detail"].iloc[0]


def test_a_stride_without_times_is_rejected(small: Path, tmp_path: Path) -> None:
    with edited(small, tmp_path) as person:
        time = person["s1i0/cycles/left/time"][()].T
        time[70, 0] = np.nan
        put(person["s1i0"], "cycles/left/time", time)
    rejected = read(tmp_path)["s1i0"].rejected.query("side == 'left'")
    assert rejected[["stride_number", "reason"]].values.tolist() == [[0, "unknown_duration"]]


def test_the_person_is_read_by_labels_not_by_rows(small: Path, tmp_path: Path) -> None:
    before = read(small)["s1i0"].patient
    assert before.sex == "unknown"
    assert 1.4 < before.height < 2.1
    with edited(small, tmp_path) as person:
        cell = person["subjectdetails"][()]
        person["subjectdetails"][...] = cell[:, ::-1]
    trial = read(tmp_path)["s1i0"]
    assert trial.patient == before
    assert "no coding" in trial.notes["sex"]


@pytest.mark.parametrize("coding", ["Gender (1 = male, 2 = female)", "Sex 1=M 2=F"])
def test_sex_is_known_only_where_the_label_says_the_coding(small: Path, tmp_path: Path, coding: str) -> None:
    with edited(small, tmp_path) as person:
        number = float(person.file[person["subjectdetails"][1, 0]][0, 0])
        relabel(person, 0, coding)
    assert read(tmp_path)["s1i0"].patient.sex == {1.0: "male", 2.0: "female"}[number]


Spoil = Callable[[h5py.Group], None]


def _rename(path: str, name: str) -> Spoil:
    def spoil(person: h5py.Group) -> None:
        for trial in KEPT:
            group = person[f"{trial}/{path}"].parent
            group.move(path.rsplit("/", 1)[-1], name)

    return spoil


def _reshape(path: str) -> Spoil:
    def spoil(person: h5py.Group) -> None:
        put(person["s1i0"], path, person[f"s1i0/{path}"][()])

    return spoil


def _label(row: int, text: str) -> Spoil:
    return lambda person: relabel(person, row, text)


def _weight(person: h5py.Group) -> None:
    person.file[person["subjectdetails"][1, 3]][...] = 70_000.0


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (_rename("emgdata/emg/right/GC", "GAS"), r"emg\.right; found no field GC; the nearest is 'GAS'"),
        (_rename("kinematics/jointangles/left/knee/x", "x1"), r"left\.knee; found no field x; the nearest is 'x1'"),
        (_rename("cycles/left/time", "times"), r"cycles\.left; found no field time; the nearest is 'times'"),
        (_rename("cycles", "cycle"), r"s1\w+; found no field cycles; the nearest is 'cycle'"),
        (_reshape("kinetics/jointmoment/left/hip/z"), r"left\.hip\.z; found shape \(\d+, 150\); expected 150 points"),
        (_label(3, "Shoe"), r"subjectdetails; found weight: no number; .*expected a body mass of 35 to 180 kg"),
        (_weight, r"subjectdetails; found weight: 70000 kg; expected a body mass"),
        (lambda person: person.move("s1i5", "fast"), r"AB01\.fast; found a trial of that name; expected s<speed>"),
        (lambda person: person.__delitem__("subjectdetails"), r"AB01; found no field subjectdetails"),
    ],
)
def test_bad_file_is_one_clear_error(small: Path, tmp_path: Path, spoil: Spoil, expected: str) -> None:
    with edited(small, tmp_path) as person:
        spoil(person)
    with pytest.raises(DataFormatError, match=expected) as error:
        read(tmp_path)
    assert str(error.value).startswith(f"embry: {tmp_path / FILE}")


def test_a_file_cut_anywhere_is_one_clear_error(small: Path, tmp_path: Path) -> None:
    whole = (small / FILE).read_bytes()
    for size in (0, 300, len(whole) // 2, len(whole) - 100):
        (tmp_path / FILE).write_bytes(whole[:size])
        with pytest.raises(BiomechXRError, match=rf"embry: .*{FILE}"):
            read(tmp_path)


def test_missing_file_folder_and_person(small: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"embry: .*no such folder"):
        patients(tmp_path / "none")
    with pytest.raises(MissingInputError, match=rf"embry: .*found no {FILE}"):
        patients(tmp_path)
    with pytest.raises(MissingInputError, match=r"no person 'AB99'\. Known: AB01"):
        read(small, "AB99")
    shutil.copy(small / FILE, tmp_path / FILE.upper())
    assert patients(tmp_path) == patients(small)
    (tmp_path / FILE.upper()).unlink()
    (tmp_path / "copy").mkdir()
    for folder in (tmp_path, tmp_path / "copy"):
        shutil.copy(small / FILE, folder / FILE.lower())
    with pytest.raises(DataFormatError, match=rf"found 2 files.*expected one {FILE}"):
        patients(tmp_path)
