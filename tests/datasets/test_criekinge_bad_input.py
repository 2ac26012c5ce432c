"""Van Criekinge 2023: damaged, renamed and misplaced input is one clear error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biomech_xr.datasets.criekinge import patients, recordings
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.synthetic import Truth
from tests.datasets.criekinge_files import ABLE, STROKES, edit, overwrite, tree


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """One able-bodied adult and one stroke survivor."""
    return tree(lambda: tmp_path_factory.mktemp("criekinge"))


@pytest.fixture
def edited(written: tuple[Path, Truth], tmp_path: Path) -> Callable[[str, Callable[[Any], None]], Path]:
    """Return a function that copies one file and lets its argument change the content."""
    return lambda name, change: edit(written[0] / name, tmp_path, change)


def _spoil(kind: str) -> Callable[[Any], None]:
    leg = "Sub/LsideSegm_LsideData"

    def other(joint: str, *, moment: float) -> Callable[[Any], None]:
        """Return a change of one joint's moments in the left leg."""

        def change(file: Any) -> None:
            for axis in "xyz":
                data = file[f"{leg}/{joint}Moment/{axis}"]
                data[...] = data[()] * moment

        return change

    def exchange(file: Any) -> None:
        for side in "LR":
            group = file[f"Sub/{side}sideSegm_{side}sideData"]
            for old, new in (("HipMoment", "Moment"), ("AnkleMoment", "HipMoment"), ("Moment", "AnkleMoment")):
                group.move(old, new)

    changes: dict[str, Callable[[Any], None]] = {
        "no Sub": lambda file: file.move("Sub", "Subjects"),
        "no angles": lambda file: file.move(f"{leg}/HipAngles", f"{leg}/HipAngle"),
        "renamed muscle": lambda file: file.move(f"{leg}/VL", f"{leg}/VastLat"),
        "renamed moment": lambda file: file.move(f"{leg}/KneeMoment", f"{leg}/KneeMoments"),
        "no axis": lambda file: file.move(f"{leg}/KneeAngles/y", f"{leg}/KneeAngles/v"),
        "shape": lambda file: overwrite(file[f"{leg}/KneeAngles"], "x", np.zeros((3, 900))),
        "no event": lambda file: file.move("Sub/events/R_ICstop", "Sub/events/R_stop"),
        "short event": lambda file: overwrite(file["Sub/events"], "R_TO", np.zeros((2, 1))),
        "no landing": lambda file: file.move("Sub/events/L_GoodForcePlateLanding", "Sub/events/L_Landing"),
        "mass in g": lambda file: overwrite(file["Sub/sub_char"], "Weight", np.array([[70000.0]])),
        "no rate": lambda file: file.move("Sub/meas_char/VideoFrameRate", "Sub/meas_char/Rate"),
        "zero rate": lambda file: overwrite(file["Sub/meas_char"], "VideoFrameRate", np.array([[0.0]])),
        "one leg upside down": other("Ankle", moment=-1.0),
        "one leg in another unit": other("Ankle", moment=1000.0),
        "exchanged joints": exchange,
    }
    return changes[kind]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("no Sub", r"no field Sub; the nearest is 'Subjects'"),
        ("no angles", r"LsideSegm_LsideData; found no field HipAngles; the nearest is 'HipAngle'"),
        ("renamed muscle", r"LsideSegm_LsideData; found VLnorm without VL"),
        ("renamed moment", r"LsideSegm_LsideData; found KneePower without KneeMoment"),
        ("no axis", r"KneeAngles; found no field y"),
        ("shape", r"KneeAngles\.x; found shape 900 x 3; expected 1001 points x strides"),
        ("no event", r"events; found no field R_ICstop"),
        ("short event", r"R_TO; found 2 values; expected \d+, as many as R_ICstart"),
        ("no landing", r"events; found no field L_GoodForcePlateLanding or L_GoodLanding"),
        ("mass in g", r"Weight; found 70000; expected a body mass from 20 to 250 kg"),
        ("no rate", r"meas_char; found no field VideoFrameRate"),
        ("zero rate", r"VideoFrameRate; found 0; expected a rate in Hz"),
        ("one leg upside down", r"AnkleMoment\.x; found .*contradiction: .*source option ankle_moment_sign="),
        ("one leg in another unit", r"AnkleMoment\.x; found .*contradiction: .*source option moment_unit="),
        ("exchanged joints", r"found power of the \w+ goes with .*; .*source option published_power=ignore"),
    ],
)
def test_bad_file_is_one_clear_error(edited: Any, kind: str, expected: str) -> None:
    root = edited(ABLE, _spoil(kind))
    with pytest.raises(DataFormatError, match=expected) as error:
        list(recordings(root, "SUBJ1", {}))
    assert str(error.value).startswith("criekinge: ")
    assert ABLE in str(error.value)


def test_lesion_of_neither_side_is_refused(edited: Any) -> None:
    root = edited(STROKES, lambda file: overwrite(file["Sub/sub_char"], "LesionLeft", np.array([[np.nan]])))
    with pytest.raises(DataFormatError, match=r"LesionLeft; found nan; expected 1 .*left.* or 0"):
        list(recordings(root, "TVC03", {}))


def test_folders_and_names(written: tuple[Path, Truth], tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"criekinge: .*no such folder"):
        patients(tmp_path / "nowhere")
    with pytest.raises(MissingInputError, match=r"criekinge: .*no file \*AbleBodied\*\.mat or \*PostStroke\*\.mat"):
        patients(tmp_path)
    with pytest.raises(MissingInputError, match="nobody is called TVC07"):
        list(recordings(written[0], "TVC07", {}))
    with pytest.raises(MissingInputError, match="holds 1 people, SUBJ9 would be number 9"):
        list(recordings(written[0], "SUBJ9", {}))
    for version in ("v1", "v2"):
        (tmp_path / f"MAT_normalizedData_AbleBodiedAdults_{version}.mat").write_bytes(b"")
    with pytest.raises(DataFormatError, match="found 2 files"):
        patients(tmp_path)


def test_names_are_found_in_any_case_and_as_the_publication_misspells_them(
    written: tuple[Path, Truth], tmp_path: Path
) -> None:
    (tmp_path / ABLE.upper()).write_bytes((written[0] / ABLE).read_bytes())
    (tmp_path / STROKES.replace("Adults", "Aduls")).write_bytes((written[0] / STROKES).read_bytes())
    assert patients(tmp_path) == patients(written[0])


@pytest.mark.parametrize("size", [0, 300, 600_000])
def test_a_cut_file_is_one_clear_error(written: tuple[Path, Truth], tmp_path: Path, size: int) -> None:
    whole = (written[0] / ABLE).read_bytes()
    (tmp_path / ABLE).write_bytes(whole[:size])
    with pytest.raises(DataFormatError, match=ABLE) as error:
        list(recordings(tmp_path, "SUBJ1", {}))
    assert str(error.value).startswith("criekinge: ")


@pytest.mark.parametrize(("cut", "whole", "known"), [(STROKES, "SUBJ1", 50), (ABLE, "TVC03", 138)])
def test_a_cut_file_costs_its_own_people_only(
    written: tuple[Path, Truth], tmp_path: Path, cut: str, whole: str, known: int
) -> None:
    for name in (ABLE, STROKES):
        content = (written[0] / name).read_bytes()
        (tmp_path / name).write_bytes(content[:5000] if name == cut else content)
    ids = patients(tmp_path)
    assert len(ids) == known + 1
    assert list(recordings(tmp_path, whole, {}))
    for patient in (ids[0], ids[-1]):
        if patient != whole:
            with pytest.raises(DataFormatError, match="MAT_normalizedData"):
                list(recordings(tmp_path, patient, {}))
