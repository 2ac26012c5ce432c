"""Macaluso 2020: damaged and incomplete files, each one clear error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from biomech_xr.datasets.macaluso import patients
from biomech_xr.errors import BiomechXRError, DataFormatError, MissingInputError
from biomech_xr.synthetic import macaluso
from tests.datasets.macaluso_files import PARTS, edited, read
from tests.datasets.utd_files import put, relabel


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("macaluso")
    macaluso.write_macaluso(made, patients=2, seed=3, minutes=0.1)
    return made


def _rename(path: str, name: str) -> Callable[[h5py.Group], None]:
    def spoil(person: h5py.Group) -> None:
        for part in PARTS:
            person[f"{part}/{path}"].parent.move(path.rsplit("/", 1)[-1], name)

    return spoil


def _cut_emg(person: h5py.Group) -> None:
    values = person["level/part1/emg/left/LBF_norm"][()].T
    put(person["level/part1/emg/left"], "LBF_norm", values[:2000])


def _no_parts(person: h5py.Group) -> None:
    for part in PARTS:
        person.move(part, part.replace("part", "trial"))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (_rename("emg/left/LGC_norm", "LGC_nrm"), r"emg\.left; found no field LGC_norm; the nearest is 'LGC_nrm'"),
        (
            _rename("kinetics/jointmoment/left/hip/y_norm", "yy_norm"),
            r"hip; found no field y_norm; the nearest is 'yy_norm'",
        ),
        (_rename("cycles/right/time", "clock"), r"cycles\.right; found no field time; the nearest is 'clock'"),
        (_cut_emg, r"emg\.left\.LBF_norm; found shape \(2000, \d+\); expected 3000 points x strides"),
        (_no_parts, r"AB01; found no trial; .*expected level, uphill, downhill with fields that contain 'part'"),
        (lambda person: relabel(person, 3, "Shoe"), r"subjectdetails; found weight: no number; the labels are gender"),
        (lambda person: person.file.move("AB01", "AB07"), r"found no field AB01; the nearest is 'AB07'"),
    ],
)
def test_bad_file_is_one_clear_error(
    root: Path, tmp_path: Path, spoil: Callable[[h5py.Group], None], expected: str
) -> None:
    with edited(root, tmp_path) as person:
        spoil(person)
    with pytest.raises(DataFormatError, match=expected) as error:
        read(tmp_path)
    assert str(error.value).startswith(f"macaluso: {tmp_path / 'Subject' / 'AB01.mat'}")


@pytest.mark.parametrize("patient", ["AB01", "AB02"])
def test_a_cut_file_is_one_clear_error(root: Path, tmp_path: Path, patient: str) -> None:
    content = (root / "Subject" / f"{patient}.mat").read_bytes()
    for size in (0, 300, len(content) // 2):
        (tmp_path / f"{patient}.mat").write_bytes(content[:size])
        with pytest.raises(BiomechXRError, match=rf"macaluso: .*{patient}\.mat"):
            read(tmp_path, patient)


def test_missing_folder_file_and_person(root: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"macaluso: .*no such folder"):
        patients(tmp_path / "none")
    with pytest.raises(MissingInputError, match=r"macaluso: .*found no \.mat file; expected a folder Subject"):
        patients(tmp_path)
    (tmp_path / "renamed" / "Subjects").mkdir(parents=True)
    (tmp_path / "renamed" / "Subjects" / "AB01.mat").touch()
    with pytest.raises(MissingInputError, match=r"found Subjects/AB01\.mat; expected a folder Subject .*this name"):
        patients(tmp_path / "renamed")
    with pytest.raises(MissingInputError, match=r"found no AB09\.mat\. Known: AB01, AB02"):
        read(root, "AB09")
    for copy in ("one", "two"):
        (tmp_path / copy / "Subject").mkdir(parents=True)
        (tmp_path / copy / "Subject" / "AB01.mat").touch()
    with pytest.raises(DataFormatError, match=r"found two files AB01\.mat"):
        patients(tmp_path)
