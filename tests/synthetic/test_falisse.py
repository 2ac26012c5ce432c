"""The falisse file has the structure and the physics of the published one, read back with scipy alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from biomech_xr.synthetic.falisse import MISSING

from .conftest import Tree


def read(path: Path) -> Any:
    return scipy.io.loadmat(path, squeeze_me=True, struct_as_record=False)["ExperimentalData"]


@pytest.fixture(scope="module")
def data(tree: Callable[[str], Tree]) -> Any:
    return read(tree("falisse")[0] / "ExperimentalData.mat")


def columns(part: Any) -> list[str]:
    return [str(name) for name in part.colheaders]


def test_shapes(data: Any) -> None:
    assert data.Q.subject1.Qs.all.shape == data.Torques.subject1.all.shape == (100, 19, 11)
    assert data.EMG.subject1.all.shape == (100, 14, 11)
    assert data.GRFs.subject1.all.shape == (100, 3, 11)


def test_power_is_torque_times_velocity(data: Any) -> None:
    names = columns(data.Powers.subject1)
    for name in ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle"):
        k = names.index(name)
        product = data.Torques.subject1.all[:, k] * data.Q.subject1.Qdots.all[:, k] * np.pi / 180
        np.testing.assert_allclose(data.Powers.subject1.all[:, k], product, atol=1e-9)
    assert 120 < data.Powers.subject1.mean[:, names.index("ankle_angle")].max() < 350


def test_gait2392_signs_and_units(data: Any) -> None:
    names = columns(data.Q.subject1.Qs)
    mean = data.Q.subject1.Qs.mean
    torque = data.Torques.subject1.mean
    assert -67 < mean[:, names.index("knee_angle")].min() < -59
    assert 69 < mean[:, names.index("knee_angle")].argmin() < 77
    assert -1.8 * 62 < torque[:, names.index("ankle_angle")].min() < -1.2 * 62
    assert 0.3 * 62 < torque[10:21, names.index("knee_angle")].max() < 0.8 * 62
    assert -1.2 * 62 < torque[:60, names.index("hip_adduction")].min() < -0.6 * 62
    assert 95 < data.GRFs.subject1.mean[:, 1].max() < 125


def test_missing_muscles_are_nan_and_only_those(data: Any) -> None:
    emg = data.EMG.subject1.all
    expected = np.zeros((14, 11), bool)
    for name, strides in MISSING:
        expected[columns(data.EMG.subject1).index(name), list(strides)] = True
    np.testing.assert_array_equal(np.isnan(emg).all(axis=0), expected)
    np.testing.assert_array_equal(np.isnan(emg).any(axis=0), expected)
    assert 0 <= np.nanmin(emg) < np.nanmax(emg) < 0.4


def test_durations_follow_from_angles_and_velocities(data: Any, tree: Callable[[str], Tree]) -> None:
    truth = tree("falisse")[1].strides
    names = columns(data.Q.subject1.Qs)
    for joint in ("hip_flexion", "knee_angle", "ankle_angle"):
        k = names.index(joint)
        change = np.gradient(data.Q.subject1.Qs.all[:, k], axis=0)[1:-1]
        rate = data.Q.subject1.Qdots.all[1:-1, k]
        step = (change * rate).sum(axis=0) / (rate**2).sum(axis=0)
        np.testing.assert_allclose(step * 99, truth["duration"], rtol=0.01)
    assert truth["trial_time"].isna().all()


def test_it_looks_like_the_real_file(data: Any, samples: Path) -> None:
    real = read(samples / "falisse" / "ExperimentalData.mat")
    for part in ("Torques", "Powers", "EMG", "GRFs"):
        assert columns(getattr(data, part).subject1) == columns(getattr(real, part).subject1)
        assert getattr(data, part).subject1.all.shape == getattr(real, part).subject1.all.shape
    names = columns(real.Q.subject1.Qs)
    assert columns(data.Q.subject1.Qs) == names
    for joint in ("hip_flexion", "knee_angle", "ankle_angle", "hip_adduction"):
        k = names.index(joint)
        for mine, theirs in ((data.Q.subject1.Qs, real.Q.subject1.Qs), (data.Torques.subject1, real.Torques.subject1)):
            assert np.corrcoef(mine.mean[:, k], theirs.mean[:, k])[0, 1] > 0.75, joint
