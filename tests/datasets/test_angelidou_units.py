"""Surface-stiffness walks: unit of the angles and sign of hip adduction, which nothing states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from biomech_xr.errors import DataFormatError
from tests.datasets.angelidou_files import change, curves, made, read


@pytest.mark.parametrize("said", ["", "rad"])
def test_radians_are_recognized(tmp_path: Path, said: str) -> None:
    before, content = read(tmp_path, made()), made()
    change(content, "jointAngles", "", np.deg2rad)
    if said:
        content["unit"] = {"jointAngles": said}
    after = read(tmp_path, content)
    assert after[0].notes["evidence.angle_unit"].startswith("radian (" if not said else "radian by the field unit")
    for joint, motion in (("knee", "flexion"), ("hip", "adduction"), ("ankle", "rotation")):
        found, wanted = (curves(trials, "kinematics", joint, motion) for trials in (after, before))
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_angles_that_are_not_those_of_the_field_unit_are_refused_until_stated(tmp_path: Path) -> None:
    content = made()
    content["unit"] = {"jointAngles": "radians", "jointMoments": "Nmm/kg"}
    with pytest.raises(
        DataFormatError, match=r"angles in degree.*expected radian, as the field unit says.*angle_unit="
    ):
        read(tmp_path, content)
    found = read(tmp_path, content, angle_unit="degree")
    assert 55 < curves(found, "kinematics", "knee", "flexion").mean(axis=0).max() < 70


def test_a_knee_that_shows_no_unit_is_asked_for(tmp_path: Path) -> None:
    content = made()
    change(content, "jointAngles", "Knee", lambda values: values * 0.1)
    with pytest.raises(DataFormatError, match=r"source option cut_by="):
        read(tmp_path, content)
    with pytest.raises(DataFormatError, match=r"source option angle_unit="):
        read(tmp_path, content, cut_by="right", columns="adduction,flexion,rotation", angle_signs="ppp")


def test_hip_abduction_that_counts_positive_comes_back_canonical(tmp_path: Path) -> None:
    before, content = read(tmp_path, made()), made()
    change(content, "jointAngles", "Hip", lambda values: values * [-1, 1, 1])
    after = read(tmp_path, content)
    assert after[0].notes["evidence.hip_adduction_sign"].startswith("-1 (confidence")
    for joint, motion in (("hip", "adduction"), ("knee", "adduction"), ("hip", "rotation")):
        found, wanted = (curves(trials, "kinematics", joint, motion) for trials in (after, before))
        np.testing.assert_array_equal(found, wanted)
    stated = read(tmp_path, content, hip_adduction_sign="adduction")
    assert curves(stated, "kinematics", "hip", "adduction").mean(axis=0)[10:30].max() < 0
