"""Lab: real files of six laboratories become strides with physiology, or are refused with the reason."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import butter, sosfiltfilt

from biomech_xr.datasets import lab
from biomech_xr.errors import DataFormatError
from biomech_xr.schema import Trial
from tests.datasets import lab_samples

pytestmark = pytest.mark.realdata


def trial_of(samples: Path, folder: Path, name: str, mapping: dict[str, Any]) -> Trial:
    return lab_samples.read(lab_samples.write(folder, mapping, [str(samples / "c3d" / name)]))


def other_way(trial: Trial, name: str) -> tuple[int, float, float]:
    """Return how many contacts another way has in common with the one used, median and largest difference in ms."""
    found = re.search(
        rf"{name}: (\d+) contacts matched, median ([+-]\d+) ms, largest ([+-]\d+) ms", trial.notes["evidence.events"]
    )
    assert found is not None, trial.notes["evidence.events"]
    return int(found[1]), float(found[2]), float(found[3])


def envelope(trial: Trial, side: str, muscle: str) -> npt.NDArray[np.float64]:
    """Return the mean 6 Hz envelope over one leg's strides, 100 points from contact to contact, divided by its peak."""
    signal = trial.signals["emg"]
    rate = signal.sampling_frequency
    raw = signal.values.sel(side=side, channel=muscle).values.astype(np.float64)
    band = butter(2, [20, min(400, 0.45 * rate)], "bandpass", fs=rate, output="sos")
    smooth = sosfiltfilt(butter(2, 6, fs=rate, output="sos"), np.abs(sosfiltfilt(band, raw - raw.mean())))
    rows = trial.strides[trial.strides["side"] == side]
    times = rows["trial_time"].to_numpy()[:, None] + rows["duration"].to_numpy()[:, None] * np.arange(100) / 100
    mean = np.interp(times, signal.time(), smooth).mean(axis=0)
    return np.asarray(mean / mean.max())


def curve(trial: Trial, group: str, side: str, joint: str) -> npt.NDArray[np.float64]:
    """Return the sagittal curve of one leg's first stride, 200 points."""
    row = trial.strides[trial.strides["side"] == side].iloc[0]
    signal = trial.signals[group]
    values = signal.values.sel(side=side, joint=joint, motion="flexion").values.astype(np.float64)
    return np.interp(row["trial_time"] + row["duration"] * np.arange(200) / 200, signal.time(), values)


def test_bts_has_emg_of_both_legs_and_plates_that_agree_with_the_heels(samples: Path, tmp_path: Path) -> None:
    trial = trial_of(samples, tmp_path, "BTS.c3d", lab_samples.BTS)
    assert trial.strides["side"].value_counts().to_dict() == {"left": 2, "right": 1}
    assert trial.strides["duration"].between(0.95, 1.08).all()
    assert (trial.strides["foot_off"] / trial.strides["duration"]).between(0.6, 0.68).all()
    count, median, largest = other_way(trial, "plates")
    assert count == 3
    assert 40 <= median <= 65  # the coordinate method is early in every real file
    assert abs(largest) <= 65
    assert (
        "plate 1 left at 3.514 s, plate 4 right at 3.990 s, plate 5 left at 4.495 s" in trial.notes["evidence.events"]
    )
    for side in ("left", "right"):
        assert 35 <= np.argmax(envelope(trial, side, "gastrocnemius_medialis")) <= 50
        assert envelope(trial, side, "gastrocnemius_medialis")[60:].max() < 0.2
        assert np.argmax(envelope(trial, side, "rectus_femoris")) <= 15
        assert envelope(trial, side, "tibialis_anterior")[65:80].max() > 0.3
    assert trial.signals["emg"].values.attrs["units"] == "mV"


def test_bts_from_plates_is_the_same_stride_later(samples: Path, tmp_path: Path) -> None:
    events = lab_samples.BTS["events"] | {"from": "plates"}  # type: ignore[operator]
    trial = trial_of(samples, tmp_path, "BTS.c3d", lab_samples.BTS | {"events": events})
    assert trial.strides[["side", "stride_number"]].values.tolist() == [["left", 0]]
    assert trial.strides["duration"].item() == pytest.approx(0.981, abs=0.002)
    assert trial.strides["foot_off"].item() / trial.strides["duration"].item() == pytest.approx(0.57, abs=0.01)


def test_opensim_has_angles_and_moments_of_both_legs(samples: Path, tmp_path: Path) -> None:
    files = {key: value if key == "trial" else str(samples / "opensim" / value) for key, value in
             lab_samples.OPENSIM_FILES.items()}  # fmt: skip
    trial = lab_samples.read(lab_samples.write(tmp_path, lab_samples.OPENSIM, [files], body_mass=72.6))
    assert trial.strides["side"].tolist() == ["left", "right"]
    assert other_way(trial, "markers")[0] == 3
    assert abs(other_way(trial, "markers")[2]) <= 35
    for side in ("left", "right"):
        knee, ankle = (curve(trial, "kinematics", side, joint) for joint in ("knee", "ankle"))
        assert 60 < knee.max() < 75
        assert 0.68 <= knee.argmax() / 200 <= 0.78
        assert ankle.argmax() / 200 == pytest.approx(0.5, abs=0.05)
        moment = curve(trial, "kinetics", side, "ankle")
        assert -1.8 <= moment.min() <= -1.2
        assert 0.45 <= moment.argmin() / 200 <= 0.55
        assert -0.8 <= curve(trial, "kinetics", side, "knee")[10:50].min() <= -0.3
        hip = curve(trial, "kinetics", side, "hip")
        assert hip[10:40].min() < -0.5
        assert 0.4 <= hip[90:130].max() <= 1.0
    assert trial.sources[0][0] == "subject01_walk_IK.mot"


def test_opensim_from_markers_needs_no_force(samples: Path, tmp_path: Path) -> None:
    files = {"trial": "walk", **{
        role: str(samples / "opensim" / lab_samples.OPENSIM_FILES[role]) for role in ("angles", "markers")
    }}  # fmt: skip
    mapping = {
        "line_frequency": 60,
        "angles": lab_samples.OPENSIM["angles"],
        "events": {"from": "markers", "markers": lab_samples.OPENSIM["events"]["markers"]},  # type: ignore[index]
    }
    trial = lab_samples.read(lab_samples.write(tmp_path, mapping, [files]))
    assert set(trial.signals) == {"kinematics"}
    assert trial.strides["side"].tolist() == ["right"]


@pytest.mark.parametrize(
    ("file", "mapping", "strides", "plates"),
    [
        ("Gait_with_EMG.c3d", lab_samples.GAIT_WITH_EMG, {"left": 1}, (2, 42)),
        ("Codamotion_gait_1997.c3d", lab_samples.CODAMOTION, {"left": 1, "right": 1}, (1, 32)),
    ],
)
def test_old_files_have_emg_on_the_right_leg(
    samples: Path, tmp_path: Path, file: str, mapping: dict[str, Any], strides: dict[str, int], plates: tuple[int, int]
) -> None:
    trial = trial_of(samples, tmp_path, file, mapping)
    assert trial.strides["side"].value_counts().to_dict() == strides
    count, median, _ = other_way(trial, "plates")
    assert (count, median) == (plates[0], pytest.approx(plates[1], abs=5))
    for side in strides:
        assert 32 <= np.argmax(envelope(trial, side, "gastrocnemius_medialis")) <= 50
        tibialis = envelope(trial, side, "tibialis_anterior")
        assert max(tibialis[:12].max(), tibialis[92:].max()) > 0.8
        assert tibialis[20:55].max() < 0.5


def test_stances_on_the_plates_of_a_vicon_trial_get_the_feet_of_its_events(samples: Path, tmp_path: Path) -> None:
    trial = trial_of(samples, tmp_path, "Vicon_analysis.c3d", lab_samples.VICON_ANALYSIS)
    count, _, largest = other_way(trial, "plates")
    assert count == 3
    assert abs(largest) <= 4
    assert "plate 1 right at 2.668 s, plate 2 left at 3.196 s, plate 3 right" in trial.notes["evidence.events"]


@pytest.mark.parametrize(
    ("file", "mapping", "figures"),
    [("Vicon_analysis.c3d", lab_samples.VICON_ANALYSIS, 6), ("PlugInC3D.c3d", lab_samples.PLUG_IN_C3D, 3)],
)
def test_powers_of_a_file_go_with_moment_times_velocity(
    samples: Path, tmp_path: Path, file: str, mapping: dict[str, Any], figures: int
) -> None:
    note = trial_of(samples, tmp_path, file, mapping).notes["evidence.power"]
    found = re.findall(r"(?:hip|knee|ankle) (?:left|right) r ([+-][\d.]+), slope ([+-][\d.]+)", note)
    assert len(found) == figures
    assert all(float(r) >= 0.9 and 0.5 < float(slope) < 1.1 for r, slope in found)
    assert "AGAINST" not in note


def test_an_arm_trial_and_a_cut_file_are_refused_with_the_reason(samples: Path, tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match=r"Vicon\.c3d: events\.plates: the file names no force plate"):
        trial_of(samples, tmp_path, "Vicon.c3d", lab_samples.VICON_ARM)
    lab_samples.write(tmp_path, lab_samples.VICON_ARM, [str(samples / "c3d" / "Optotrak.c3d")])
    with pytest.raises(DataFormatError) as caught:
        next(lab.recordings(tmp_path, "P01"))
    assert "truncated: found 29 frames, expected 1149" in str(caught.value)
    assert "no analog label 'Biceps.EMG4'" in str(caught.value)
    assert "events.plates: the file names no force plate" in str(caught.value)
