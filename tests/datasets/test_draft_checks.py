"""The test that a draft hands to its user accepts gait, and names every answer that is wrong."""

from __future__ import annotations

import dataclasses
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biomech_xr.datasets import lab
from biomech_xr.datasets.lab.draft.checks import test_module as module_text
from biomech_xr.schema import Trial
from biomech_xr.synthetic.lab import write_lab

Change = Callable[[Any], Any]
CHECKS = (
    "test_strides_exist",
    "test_every_signal_is_measured",
    "test_emg_is_stronger_in_some_phase",
    "test_calf_works_in_its_own_stance",
    "test_knee_flexes_in_swing",
    "test_hip_is_flexed_at_contact_and_extended_in_late_stance",
    "test_push_off_moment_is_negative",
    "test_ankle_moment_is_as_large_as_in_walking",
    "test_knee_moment_is_extensor_as_the_leg_takes_load",
    "test_hip_moment_in_stance_is_that_of_the_abductors",
    "test_ankle_generates_power_at_push_off",
    "test_power_is_that_of_the_file",
)


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what stands in the module that a draft writes."""
    path: Path = tmp_path_factory.mktemp("module") / "test_x.py"
    path.write_text(module_text("test_x"))
    names = runpy.run_path(str(path))
    assert set(CHECKS) | {"test_files_can_be_read"} == {name for name in names if name.startswith("test_")}
    return names


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory) -> list[Trial]:
    root: Path = tmp_path_factory.mktemp("walks")
    write_lab(root, patients=1, seed=3, minutes=0.2)
    return list(lab.recordings(root, "P01"))


def changed(trials: list[Trial], group: str, change: Change) -> list[Trial]:
    """Return the trials with one signal changed, as a wrong answer in the mapping changes it."""
    return [
        dataclasses.replace(
            trial,
            signals={
                **trial.signals,
                group: dataclasses.replace(trial.signals[group], values=change(trial.signals[group].values.copy())),
            },
        )
        for trial in trials
    ]


def turned(joint: str, motion: str = "flexion", factor: float = -1.0) -> Change:
    def change(values: Any) -> Any:
        values.loc[{"joint": joint, "motion": motion}] *= factor
        return values

    return change


def swapped(values: Any) -> Any:
    return values.copy(data=values.sel(side=values["side"].values[::-1]).values)


def test_gait_passes_every_check(checks: dict[str, Any], walks: list[Trial]) -> None:
    for name in CHECKS:
        checks[name](walks)


@pytest.mark.parametrize(
    ("name", "group", "change"),
    [
        ("test_calf_works_in_its_own_stance", "emg", swapped),
        ("test_knee_flexes_in_swing", "kinematics", turned("knee")),
        ("test_hip_is_flexed_at_contact_and_extended_in_late_stance", "kinematics", turned("hip")),
        ("test_hip_is_flexed_at_contact_and_extended_in_late_stance", "kinematics", turned("hip", factor=np.pi / 180)),
        ("test_hip_is_flexed_at_contact_and_extended_in_late_stance", "kinematics", turned("hip", factor=180 / np.pi)),
        ("test_push_off_moment_is_negative", "kinetics", turned("ankle")),
        ("test_ankle_moment_is_as_large_as_in_walking", "kinetics", turned("ankle", factor=70.0)),
        ("test_ankle_moment_is_as_large_as_in_walking", "kinetics", turned("ankle", factor=0.4)),
        ("test_knee_moment_is_extensor_as_the_leg_takes_load", "kinetics", turned("knee")),
        ("test_hip_moment_in_stance_is_that_of_the_abductors", "kinetics", turned("hip", "adduction")),
        ("test_ankle_generates_power_at_push_off", "kinematics", turned("ankle")),
    ],
)
def test_wrong_answer_fails_its_check(
    checks: dict[str, Any], walks: list[Trial], name: str, group: str, change: Change
) -> None:
    with pytest.raises(AssertionError, match="look at"):
        checks[name](changed(walks, group, change))


@pytest.mark.parametrize(
    ("note", "why"),
    [
        ("ankle left r +0.98, slope +0.0142, 3 strides", "ankle left 0.0142; look at units"),
        ("knee right r +0.91, slope +1e+03, 3 strides", "knee right 1000"),
        ("ankle left r -0.98, slope -1, 3 strides; AGAINST the file's power: ankle left", "AGAINST"),
    ],
)
def test_power_of_another_size_or_sign_fails(checks: dict[str, Any], walks: list[Trial], note: str, why: str) -> None:
    wrong = [dataclasses.replace(walks[0], notes={"evidence.power": note})]
    with pytest.raises(AssertionError, match=why):
        checks["test_power_is_that_of_the_file"](wrong)


@pytest.mark.parametrize("name", [name for name in CHECKS if "calf" in name or "hip" in name or "large" in name])
def test_checks_of_walking_skip_other_activities(checks: dict[str, Any], walks: list[Trial], name: str) -> None:
    with pytest.raises(pytest.skip.Exception, match="no walking"):
        checks[name]([dataclasses.replace(trial, task="stair_ascent") for trial in walks])
