"""Falisse: canonical signs proved by the published power, the derived durations, and what is missing stays missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.interpolate import CubicSpline
from scipy.io import loadmat, savemat

from biomech_xr.datasets import falisse, get_dataset
from biomech_xr.datasets.falisse.grid import derive_spans, includes_endpoint
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.schema import Trial, validate_trial

POINTS = 100
PLANES = {
    "hip_flexion": ("hip", "flexion", 1),
    "hip_adduction": ("hip", "adduction", 1),
    "hip_rotation": ("hip", "rotation", 1),
    "knee_angle": ("knee", "flexion", -1),
    "ankle_angle": ("ankle", "flexion", 1),
}
SAGITTAL = ("hip_flexion", "knee_angle", "ankle_angle")


@pytest.fixture(scope="module")
def trial(samples: Path) -> Trial:
    (found,) = get_dataset("falisse").recordings(samples / "falisse", "subject1", {})
    return found


@pytest.fixture(scope="module")
def raw(samples: Path) -> Any:
    """Return the struct as SciPy reads it, past our reader."""
    return loadmat(samples / "falisse" / "ExperimentalData.mat", simplify_cells=True)["ExperimentalData"]


def curves(trial: Trial, group: str, joint: str, motion: str) -> npt.NDArray[np.float64]:
    """Return one component, shape (stride, point)."""
    values = trial.signals[group].values.sel(side="right", joint=joint, motion=motion).values
    return values.reshape(-1, POINTS).astype(np.float64)


def column(raw: Any, *keys: str, name: str) -> npt.NDArray[np.float64]:
    """Return a raw column, shape (stride, point)."""
    for key in keys:
        raw = raw[key]
    return np.asarray(raw["all"])[:, list(raw["colheaders"]).index(name)].T


@pytest.mark.realdata
def test_the_trial_is_valid_and_holds_eleven_isolated_right_strides(trial: Trial) -> None:
    validate_trial(trial)
    assert len(trial.strides) == 11
    assert trial.rejected.empty
    assert trial.signals["emg"].contiguity == "isolated"
    assert set(trial.strides["side"]) == {"right"}
    assert trial.patient.body_mass == 62
    assert trial.strides["segment"].tolist() == list(range(11))


@pytest.mark.realdata
@pytest.mark.parametrize("name", SAGITTAL)
def test_moment_times_velocity_is_the_published_power(trial: Trial, raw: Any, name: str) -> None:
    joint, motion, _ = PLANES[name]
    angle, moment = (curves(trial, group, joint, motion) for group in ("kinematics", "kinetics"))
    published = column(raw, "Powers", "subject1", name=name) / 62
    for stride, duration in enumerate(trial.strides["duration"]):
        time = np.linspace(0, duration, POINTS)
        power = moment[stride] * np.radians(CubicSpline(time, angle[stride])(time, 1))
        assert np.abs(power - published[stride]).max() < 0.01 * np.abs(published[stride]).max()


@pytest.mark.realdata
@pytest.mark.parametrize("name", PLANES)
def test_moment_times_published_velocity_is_the_published_power(trial: Trial, raw: Any, name: str) -> None:
    joint, motion, sign = PLANES[name]
    velocity = sign * np.radians(column(raw, "Q", "subject1", "Qdots", name=name))
    published = column(raw, "Powers", "subject1", name=name) / 62
    power = curves(trial, "kinetics", joint, motion) * velocity
    np.testing.assert_allclose(power, published, atol=1e-3 * np.abs(published).max())


@pytest.mark.realdata
def test_the_mean_curves_are_those_of_level_walking(trial: Trial) -> None:
    knee = curves(trial, "kinematics", "knee", "flexion").mean(axis=0)
    assert knee.max() == pytest.approx(66, abs=1)
    assert abs(int(knee.argmax()) - 75) <= 2
    ankle = curves(trial, "kinetics", "ankle", "flexion").mean(axis=0)
    assert ankle.min() == pytest.approx(-1.45, abs=0.03)
    assert abs(int(ankle.argmin()) - 48) <= 1
    adduction = curves(trial, "kinetics", "hip", "adduction").mean(axis=0)
    assert adduction.min() == pytest.approx(-0.92, abs=0.02)
    assert adduction.argmin() < 30
    assert -0.8 < curves(trial, "kinetics", "knee", "flexion").mean(axis=0)[10:21].min() < -0.3
    hip = curves(trial, "kinetics", "hip", "flexion").mean(axis=0)
    assert hip[:30].mean() < 0
    assert 0.4 < hip[45:65].max() < 1.0
    assert curves(trial, "kinematics", "hip", "flexion").mean(axis=0)[0] > 20


@pytest.mark.realdata
def test_durations_agree_between_joints_and_with_stride_length_and_speed(trial: Trial, raw: Any) -> None:
    duration = trial.strides["duration"].to_numpy()
    assert (duration.min(), duration.max()) == pytest.approx((1.010, 1.087), abs=1e-6)
    assert any("1.010 to 1.087 s" in text for text in falisse.SPEC.assumptions)
    np.testing.assert_allclose(1000 * duration, np.round(1000 * duration), atol=1e-3)
    speed = raw["StrideLength"]["subject1"]["all"] / duration
    assert speed.mean() == pytest.approx(1.33, rel=0.02)
    assert trial.signals["kinematics"].endpoint
    assert "decided by the data" in trial.notes["grid"]
    assert (trial.strides["duration_source"] == "samples").all()


@pytest.mark.realdata
def test_exactly_the_missing_muscles_are_missing(trial: Trial, raw: Any) -> None:
    emg = trial.signals["emg"].values.sel(side="right")
    values = emg.values.reshape(11, POINTS, -1)
    absent = np.isnan(values)
    assert (absent.all(axis=1) | ~absent.any(axis=1)).all()
    table = absent.all(axis=1)
    assert (~table[:, [list(emg["channel"].values).index(name) for name in ("soleus", "vastus_lateralis")]]).all()
    np.testing.assert_array_equal(np.flatnonzero(table.any(axis=1)), [1, 3, 5, 8, 10])
    assert table.sum() == 5 * 10 + 3 * 2
    source = np.asarray(raw["EMG"]["subject1"]["all"])
    np.testing.assert_allclose(values, source.transpose(2, 0, 1).astype(np.float32))
    assert emg.attrs["ambiguous"] == ["right:semitendinosus"]
    assert {"adductor_longus", "tensor_fasciae_latae", "gluteus_medius"} <= set(emg["channel"].values)


@pytest.mark.realdata
def test_muscles_are_active_when_they_work(trial: Trial) -> None:
    emg = trial.signals["emg"].values.sel(side="right")
    mean = np.nanmean(emg.values.reshape(11, POINTS, -1), axis=0)
    peak = {name: int(mean[:, index].argmax()) for index, name in enumerate(emg["channel"].values)}
    assert 30 <= peak["soleus"] <= 55
    assert 30 <= peak["gastrocnemius_medialis"] <= 55
    assert peak["vastus_lateralis"] <= 20
    assert peak["gluteus_medius"] <= 30


@pytest.mark.realdata
def test_force_carries_the_body_and_ends_at_foot_off(trial: Trial) -> None:
    force = trial.signals["grf"].values.sel(side="right")
    vertical = force.sel(axis="vertical").values.reshape(11, POINTS)
    anterior = force.sel(axis="anterior").values.reshape(11, POINTS)
    assert ((vertical.max(axis=1) > 9.0) & (vertical.max(axis=1) < 13)).all()
    assert (anterior[:, 5:25].mean(axis=1) < 0).all()
    assert (anterior[:, 45:58].mean(axis=1) > 0).all()
    share = trial.strides["foot_off"] / trial.strides["duration"]
    assert share.between(0.58, 0.70).all()


def write_synthetic(
    root: Path, *, intervals: int, disagree: float = 0.0, drop: str = "", **spoil: tuple[str, float, list[int]]
) -> list[float]:
    """Write three sinusoidal strides of whole milliseconds on a grid of ``intervals`` per stride; return durations.

    ``spoil`` gives the array (``emg`` or ``angles``) and what to set in it: a column, to a value, in some strides.
    """
    durations = [0.987, 1.113, 1.251]
    names = ["pelvis_tilt", *PLANES, "subtalar_angle"]
    time = np.arange(POINTS)[:, None] * np.array(durations) / intervals
    phase = 2 * np.pi * time / np.array(durations)
    angle = np.stack([20 * np.sin(phase + shift) for shift in range(len(names))], axis=1)
    slope = np.stack([20 * np.cos(phase + shift) for shift in range(len(names))], axis=1)
    velocity = slope * 2 * np.pi / np.array(durations)
    velocity[:, names.index("ankle_angle"), 2] *= 1 + disagree
    joint = {"all": angle, "colheaders": np.array([name for name in names if name != drop], dtype=object)}
    content = {
        "Q": {"subject1": {"Qs": joint, "Qdots": joint | {"all": velocity}}},
        "Torques": {"subject1": joint},
        "GRFs": {
            "subject1": {
                "all": np.clip(np.sin(phase), 0, None)[:, None].repeat(3, axis=1) * 100,
                "colheaders": np.array(["Fore-aft", "Vertical", "Lateral"], dtype=object),
            }
        },
        "EMG": {
            "subject1": {
                "all": np.ones((POINTS, len(falisse.SPEC.emg), 3)),
                "colheaders": np.array(list(falisse.SPEC.emg), dtype=object),
            }
        },
    }
    arrays = {"emg": content["EMG"]["subject1"], "angles": content["Q"]["subject1"]["Qs"]}
    for name, (column_name, value, strides) in spoil.items():
        arrays[name]["all"] = arrays[name]["all"].copy()
        arrays[name]["all"][:, list(arrays[name]["colheaders"]).index(column_name), strides] = value
    savemat(root / "ExperimentalData.mat", {"ExperimentalData": content})
    return durations


@pytest.mark.parametrize(("intervals", "endpoint"), [(99, True), (100, False)])
def test_the_grid_is_decided_by_the_data(tmp_path: Path, intervals: int, endpoint: bool) -> None:
    # A spline of a sinusoid is good to 1e-6 of its slope: the rule needs 1e-5 s.
    durations = write_synthetic(tmp_path, intervals=intervals)
    (trial,) = falisse.recordings(tmp_path, "subject1")
    assert trial.signals["kinetics"].endpoint is endpoint
    np.testing.assert_allclose(trial.strides["duration"], durations, rtol=1e-5)


def test_a_grid_that_cannot_be_decided_is_an_assumption() -> None:
    assert includes_endpoint(np.array([1.00037, 1.00051]))[1].startswith("assumed")


def test_a_stride_whose_joints_disagree_is_rejected_with_the_reason(tmp_path: Path) -> None:
    write_synthetic(tmp_path, intervals=99, disagree=0.05)
    (trial,) = falisse.recordings(tmp_path, "subject1")
    validate_trial(trial)
    assert trial.strides["stride_number"].tolist() == trial.strides["segment"].tolist() == [0, 1]
    assert trial.rejected[["stride_number", "reason"]].values.tolist() == [[2, "unknown_duration"]]


def test_a_muscle_that_is_zero_throughout_a_stride_is_not_measured(tmp_path: Path) -> None:
    write_synthetic(tmp_path, intervals=99, emg=("Soleus", 0.0, [0, 2]))
    (trial,) = falisse.recordings(tmp_path, "subject1")
    validate_trial(trial)
    emg = trial.signals["emg"].values.sel(side="right")
    assert np.isnan(emg.sel(channel="soleus").values.reshape(3, POINTS)).all(axis=1).tolist() == [True, False, True]
    assert np.isfinite(emg.drop_sel(channel="soleus")).all()


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        ({"emg": ("Soleus", np.nan, [0, 1, 2])}, r"Soleus; found only NaN in every trial; expected samples of soleus"),
        ({"angles": ("knee_angle", np.nan, [0, 1, 2])}, r"knee_angle; found only NaN .*samples of knee flexion"),
    ],
)
def test_a_column_that_is_never_measured_is_refused(tmp_path: Path, spoil: Any, expected: str) -> None:
    write_synthetic(tmp_path, intervals=99, **spoil)
    with pytest.raises(DataFormatError, match=f"falisse: .*{expected}"):
        list(falisse.recordings(tmp_path, "subject1"))


def test_an_angle_that_is_missing_in_a_stride_has_no_part_in_its_duration(tmp_path: Path) -> None:
    durations = write_synthetic(tmp_path, intervals=99, angles=("ankle_angle", np.nan, [1]))
    (trial,) = falisse.recordings(tmp_path, "subject1")
    np.testing.assert_allclose(trial.strides["duration"], durations, rtol=1e-5)
    assert np.isnan(curves(trial, "kinematics", "ankle", "flexion")).all(axis=1).tolist() == [False, True, False]
    angle = np.full((POINTS, 3), np.nan)
    spans, spread = derive_spans({"knee_angle": angle}, {"knee_angle": angle})
    assert np.isnan(spans).all()
    assert np.isnan(spread).all()


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"falisse: .*ExperimentalData\.mat"):
        falisse.patients(tmp_path)
    write_synthetic(tmp_path, intervals=99, drop="knee_angle")
    with pytest.raises(DataFormatError, match=r"Q\.subject1\.Qs; found .*missing: knee_angle"):
        list(falisse.recordings(tmp_path, "subject1"))
    with pytest.raises(MissingInputError, match="no person 'subject2'"):
        list(falisse.recordings(tmp_path, "subject2"))
    whole = (tmp_path / "ExperimentalData.mat").read_bytes()
    (tmp_path / "ExperimentalData.mat").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataFormatError, match="truncated"):
        list(falisse.recordings(tmp_path, "subject1"))
