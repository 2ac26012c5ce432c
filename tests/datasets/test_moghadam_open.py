"""Moghadam: gaps, dead electrodes and reversed columns: what is settled, what is dropped and what is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from biomech_xr.errors import DataFormatError
from biomech_xr.synthetic.moghadam import write_moghadam
from tests.datasets.moghadam_trees import files, five_trials, read, rewrite, scale

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestWarning")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("moghadam")
    write_moghadam(root, patients=1, seed=3, minutes=0.1)
    return root


@pytest.fixture
def small(tree: Path, tmp_path: Path) -> Path:
    return five_trials(tree, tmp_path)


def lose(path: Path, name: str, start: float, width: float) -> None:
    """Make a column of a storage file NaN from ``start`` on for ``width`` seconds."""
    head, mark, body = path.read_text(encoding="ascii").partition("endheader\n")
    names, *rows = body.splitlines()
    column = names.split("\t").index(name)
    cells = [row.split("\t") for row in rows]
    for row in cells:
        if start <= float(row[0]) < start + width:
            row[column] = "nan"
    path.write_text(head + mark + "\n".join([names, *map("\t".join, cells)]) + "\n", encoding="ascii")


def test_missing_angles_cost_the_strides_around_them_alone(small: Path) -> None:
    before = read(small)[0]
    (stride,) = before.strides.to_dict("records")
    path = files(small, "Joints_Kinematics")[0]
    name = f"hip_flexion_{stride['side'][0]}"
    lose(path, name, stride["trial_time"] + 0.3, 0.015)
    short = read(small)[0]
    assert short.strides["trial_time"].tolist() == [pytest.approx(stride["trial_time"], abs=1e-3)]
    assert len(short.rejected) == len(before.rejected)
    lose(path, name, stride["trial_time"] + 0.3, 0.2)
    long = read(small)[0]
    assert long.strides.empty
    (row,) = long.rejected[long.rejected["detail"].str.contains("missing there")].to_dict("records")
    assert (row["side"], row["reason"]) == (stride["side"], "unknown_duration")
    assert len(long.rejected) == len(before.rejected) + 1
    assert np.isnan(long.signals["kinematics"].values.sel(side=stride["side"], joint="hip", motion="flexion")).any()


def test_a_leg_without_angles_in_a_trial_is_noted(small: Path) -> None:
    lose(files(small, "Joints_Kinematics")[0], "knee_angle_l", 0, 99)
    first, second, *_ = read(small)
    assert "no candidate" in first.notes["contacts_left"]
    assert "contacts_left" not in second.notes


def test_hip_sign_is_applied_before_contacts_are_sought(small: Path) -> None:
    before = read(small)
    for path in [*files(small, "Joints_Kinematics"), *files(small, "Joints_Kinetics")]:
        scale(path, ("hip_flexion",), -1)
    with pytest.raises(DataFormatError):
        read(small)
    after = read(small, hip_sign="negative")
    for one, two in zip(before, after, strict=True):
        np.testing.assert_allclose(two.strides["trial_time"], one.strides["trial_time"])
        for group in ("kinematics", "kinetics"):
            np.testing.assert_allclose(one.signals[group].values, two.signals[group].values, atol=1e-4)


def test_a_dead_electrode_has_no_say_in_the_state_of_the_emg(small: Path) -> None:
    def dead(text: str) -> str:
        head, *rows = text.splitlines()
        cells = [row.split(",") for row in rows]
        return "\n".join([head, *(",".join([time, "0", *others]) for time, _, *others in cells)]) + "\n"

    rewrite(files(small, "EMG")[0], dead)
    trial, *_ = read(small)
    assert (trial.emg_state, trial.emg_lookahead) == ("envelope", 1.13)
    assert "15 of 15 channels agree" in trial.notes["evidence.emg_state"]


def test_lookahead_is_that_of_the_state(small: Path) -> None:
    for state, seconds in (("raw", 0.0), ("bandpassed", 1.13)):
        assert {(t.emg_state, t.emg_lookahead) for t in read(small, emg_state=state)} == {(state, seconds)}


def test_a_reversed_frontal_moment_does_not_pass(small: Path) -> None:
    before = read(small)[0]
    assert before.notes["evidence.frontal_moment_sign"].startswith("1 (")
    assert before.notes["evidence.hip_adduction_sign"].startswith("1 (confidence 0.9")
    assert "assumed.hip_rotation_sign" in before.notes
    for path in files(small, "Joints_Kinetics"):
        scale(path, ("hip_adduction",), -1)
    with pytest.raises(DataFormatError, match=r"hip_adduction_\*_moment.*the other moments give.*frontal_moment_sign="):
        read(small)
    after = read(small, frontal_moment_sign="abductor")[0]
    np.testing.assert_allclose(after.signals["kinetics"].values, before.signals["kinetics"].values, atol=1e-4)


def test_the_sign_of_hip_adduction_is_decided_on_the_strides(small: Path) -> None:
    before = read(small)[0]
    for folder in ("Joints_Kinematics", "Joints_Kinetics"):
        for path in files(small, folder):
            scale(path, ("hip_adduction",), -1)
    after = read(small)[0]
    assert after.notes["evidence.hip_adduction_sign"].startswith("-1 (confidence 0.9")
    for group in ("kinematics", "kinetics"):
        np.testing.assert_allclose(after.signals[group].values, before.signals[group].values, atol=1e-4)


def test_legs_of_different_sign_do_not_pass(small: Path) -> None:
    for path in files(small, "Joints_Kinematics"):
        scale(path, ("ankle_angle_l",), -1)
    with pytest.raises(DataFormatError, match=r"ankle_angle_\*; .*the legs differ: left: .*right: .*ankle_sign="):
        read(small)
