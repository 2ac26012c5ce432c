"""The two UT Dallas sources: start of strides, unit of angles and frontal signs, which no file states."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from biomech_xr.errors import DataFormatError
from biomech_xr.schema import Trial
from biomech_xr.synthetic.macaluso import write_macaluso
from tests.datasets import embry_files, macaluso_files
from tests.datasets.utd_files import curves, put

Change = Callable[[np.ndarray], np.ndarray]
ANGLES, MOMENTS, EMG = "kinematics/jointangles", "kinetics/jointmoment", "emg"


@pytest.fixture(scope="module")
def macaluso(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("macaluso")
    write_macaluso(root, patients=1, seed=3, minutes=0.1)
    return root


@pytest.fixture(scope="module")
def embry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return embry_files.write_small(tmp_path_factory.mktemp("embry"))


def change(node: h5py.Group, path: str, how: Change) -> None:
    """Replace every array below a node whose name contains ``path``, (strides, points)."""
    for name in list(node):
        if isinstance(node[name], h5py.Group):
            change(node[name], path, how)
        elif path in node[name].name:
            put(node, name, how(node[name][()]).T)


def changed(source: str, root: Path, tmp_path: Path, *changes: tuple[str, str, Change]) -> Callable[..., Trial]:
    """Return the reader of a level trial of AB01 after changes (branch, part of the array's path, how)."""
    files, parts, trial = (
        (macaluso_files, macaluso_files.PARTS, "level_part1")
        if source == "macaluso"
        else (embry_files, embry_files.KEPT, "s1i0")
    )
    with files.edited(root, tmp_path) as person:
        for branch, path, how in changes:
            for part in parts:
                change(person[part][branch], path, how)
    return lambda **options: files.read(tmp_path, **options)[trial]


def negated(rows: np.ndarray) -> np.ndarray:
    return -rows


def test_strides_that_begin_at_the_other_foots_contact_are_refused(macaluso: Path, tmp_path: Path) -> None:
    def later(rows: np.ndarray) -> np.ndarray:
        return np.roll(rows, -(rows.shape[1] // 2), axis=1)

    read = changed("macaluso", macaluso, tmp_path, *((branch, "", later) for branch in (ANGLES, MOMENTS, EMG)))
    with pytest.raises(DataFormatError, match=r"jointangles\.knee; found strides that begin at contact of the other"):
        read(axes="flexion-adduction-rotation")


def test_the_start_of_strides_is_in_the_notes(macaluso: Path) -> None:
    trial = macaluso_files.read(macaluso)["level_part1"]
    assert trial.notes["evidence.start"].startswith("own (confidence 0.9")
    assert trial.notes["evidence.start"] in trial.notes["evidence.hip_moment_sign"]


def test_radians_are_recognized(macaluso: Path, tmp_path: Path) -> None:
    before = macaluso_files.read(macaluso)["level_part1"]
    after = changed("macaluso", macaluso, tmp_path, (ANGLES, "", np.deg2rad))()
    assert after.notes["evidence.angle_unit"].startswith("radian (confidence")
    assert before.notes["evidence.angle_unit"].startswith("degree (confidence")
    np.testing.assert_allclose(after.signals["kinematics"].values, before.signals["kinematics"].values, atol=1e-3)


@pytest.mark.parametrize("source", ["macaluso", "embry"])
def test_hip_abduction_that_counts_positive_comes_back_canonical(
    source: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    root = request.getfixturevalue(source)
    before = changed(source, root, tmp_path)()
    after = changed(source, root, tmp_path, (ANGLES, "/hip/y", negated))()
    assert after.notes["evidence.hip_adduction_sign"].startswith("-1 (confidence")
    for joint in ("hip", "knee"):
        np.testing.assert_array_equal(
            curves(after, "kinematics", "left", joint, "adduction"),
            curves(before, "kinematics", "left", joint, "adduction"),
        )


@pytest.mark.parametrize("source", ["macaluso", "embry"])
def test_a_frontal_hip_moment_against_the_sagittal_one_is_asked_for(
    source: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    root = request.getfixturevalue(source)
    before = changed(source, root, tmp_path)()
    assert before.notes["evidence.frontal_moment_sign"].startswith("-1 (confidence")
    read = changed(source, root, tmp_path, (MOMENTS, "/hip/y", negated))
    with pytest.raises(DataFormatError, match=r"jointmoment\.hip; .*source option frontal_moment_sign="):
        read()
    after = read(frontal_moment_sign="adductor")
    for motion, place in (("adduction", "hip"), ("rotation", "hip"), ("adduction", "knee")):
        np.testing.assert_allclose(
            curves(after, "kinetics", "right", place, motion),
            curves(before, "kinetics", "right", place, motion),
            atol=1e-6,
        )


@pytest.mark.parametrize(
    ("branch", "path", "option"),
    [
        (ANGLES, "/left/hip/y", "hip_adduction_sign"),
        (ANGLES, "/left/knee/x", "knee_sign"),
        (MOMENTS, "/left/hip/x", "hip_moment_sign"),
        (MOMENTS, "/left/hip/y", "frontal_moment_sign"),
    ],
)
def test_legs_of_opposite_signs_are_refused(embry: Path, tmp_path: Path, branch: str, path: str, option: str) -> None:
    """Each leg is asked alone: mirrored axes of one leg are no average of both."""
    read = changed("embry", embry, tmp_path, (branch, path, negated))
    with pytest.raises(DataFormatError, match=rf"source option {option}="):
        read()
