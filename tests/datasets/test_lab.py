"""Lab: real Plug-in Gait trials in canonical signs, clocks and sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import butter, sosfiltfilt

from biomech_xr.datasets import get_dataset, lab
from biomech_xr.errors import DataFormatError
from biomech_xr.readers.c3d import C3dTrial, read_c3d
from biomech_xr.schema import Trial
from tests.datasets.lab_trials import CHANNELS, PIG, only_trial, planes, write_mapping

JOINTS = [(side, joint) for side in ("left", "right") for joint in ("hip", "knee", "ankle")]
EMG = {"state": "raw", "unit": "V", "channels": CHANNELS}


@pytest.fixture(scope="module")
def vicon(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Trial, C3dTrial]:
    path = samples / "c3d" / "Vicon_analysis.c3d"
    root = write_mapping(tmp_path_factory.mktemp("vicon"), path, emg=EMG)
    return only_trial(root), read_c3d(path, dataset="test")


def output(content: C3dTrial, side: str, joint: str, kind: str) -> npt.NDArray[np.float64]:
    """Return a raw Plug-in Gait output, shape (frame, 3)."""
    return content.points[f"{side[0].upper()}{joint.capitalize()}{kind}"].astype(np.float64)


def powers(trial: Trial, side: str, joint: str) -> npt.NDArray[np.float64]:
    """Return canonical moment x velocity per plane, W/kg, shape (frame, 3)."""
    rate = trial.signals["kinematics"].sampling_frequency
    velocity = np.radians(np.gradient(planes(trial, "kinematics", side, joint), axis=0)) * rate
    return planes(trial, "kinetics", side, joint) * velocity


@pytest.mark.realdata
@pytest.mark.parametrize(("side", "joint"), JOINTS)
def test_canonical_sagittal_power_follows_the_published_power(
    vicon: tuple[Trial, C3dTrial], side: str, joint: str
) -> None:
    trial, content = vicon
    artefact = np.zeros(content.frames, dtype=bool)
    for name in ("hip", "knee", "ankle"):
        artefact |= np.abs(output(content, side, name, "Moment")).max(axis=1) > 3000
    artefact = np.convolve(artefact, np.ones(11), "same") > 0
    ours = powers(trial, side, joint)[:, 2]
    published = output(content, side, joint, "Power")
    use = np.isfinite(ours) & ~artefact & (published != 0).any(axis=1)
    assert use.sum() > 150
    assert np.corrcoef(ours[use], published[use, 0])[0, 1] >= 0.90
    assert 0.5 < ours[use] @ published[use, 0] / (ours[use] @ ours[use]) < 1.1


@pytest.mark.realdata
def test_strides_of_both_sides_lie_on_the_clock_of_the_force_plates(vicon: tuple[Trial, C3dTrial]) -> None:
    trial, content = vicon
    assert trial.strides["side"].value_counts().to_dict() == {"left": 3, "right": 4}
    assert trial.rejected.empty
    onsets = []
    for plate in ("Fz1", "Fz2", "Fz3"):
        force = content.analogs[plate] - np.median(content.analogs[plate])
        onsets.append(int(np.argmax(np.abs(force) > 20)) / content.analog_rate)
    for onset, side in zip(onsets, ("right", "left", "right"), strict=True):
        contacts = trial.strides.loc[trial.strides["side"] == side, "trial_time"]
        assert np.abs(contacts - onset).min() < 0.004  # half a frame: an event belongs to frame - 1
    whole = trial.strides[trial.strides["duration"] > 1]
    assert len(whole) == 6
    assert (whole["foot_off"] / whole["duration"]).between(0.57, 0.65).all()


@pytest.mark.realdata
def test_what_was_not_computed_is_missing(vicon: tuple[Trial, C3dTrial]) -> None:
    trial, content = vicon
    for side, joint in JOINTS:
        zero = (output(content, side, joint, "Angles") == 0).all(axis=1)
        assert zero.sum() > 100
        np.testing.assert_array_equal(np.isnan(planes(trial, "kinematics", side, joint)).all(axis=1), zero)
        zero = (output(content, side, joint, "Moment") == 0).all(axis=1)
        assert np.isnan(planes(trial, "kinetics", side, joint)[zero]).all()
        computed = np.isfinite(planes(trial, "kinematics", side, joint)).all(axis=1)
        stored = output(content, side, joint, "Angles")[:, [1, 2, 0]]
        np.testing.assert_allclose(planes(trial, "kinematics", side, joint)[computed], stored[computed], rtol=1e-6)


@pytest.mark.realdata
def test_moments_of_a_stance_off_the_plates_are_not_measured(vicon: tuple[Trial, C3dTrial]) -> None:
    trial, content = vicon
    rate = trial.signals["kinetics"].sampling_frequency
    measured = []
    for row in trial.strides.itertuples():
        first = int(np.ceil(row.trial_time * rate - 0.01))  # the contact's frame closes the stride before
        frames = slice(first + 1, round((row.trial_time + row.foot_off) * rate))
        stance = {joint: planes(trial, "kinetics", str(row.side), joint)[frames] for joint in ("hip", "knee", "ankle")}
        loaded = (content.points[f"{str(row.side)[0].upper()}GroundReactionForce"][frames] != 0).any(axis=1)
        for moments in stance.values():
            assert np.isfinite(moments).all() if loaded.all() else (np.isnan(moments) | (np.abs(moments) > 3)).all()
        if not loaded.all():
            assert not loaded.any()
            continue
        measured.append((row.side, row.stride_number))
        ankle, hip, knee = stance["ankle"][:, 2], stance["hip"], stance["knee"]
        assert -1.8 < ankle.min() < -1.1
        assert 0.65 < ankle.argmin() / len(ankle) < 0.95
        assert -1.2 < hip[:, 0].min() < -0.6
        assert -0.6 < knee[:, 0].mean() < -0.2  # adduction
    assert measured == [("left", 1), ("right", 1), ("right", 2)]
    # The first left stance met no plate; garbage above the limit stays, so that it is flagged.
    assert np.isfinite(planes(trial, "kinetics", "left", "hip")[258:319]).any()
    assert np.isnan(planes(trial, "kinetics", "left", "ankle")[259:333]).all()
    assert "left 259-332 with artefacts" in trial.notes["kinetics"]


@pytest.mark.realdata
def test_a_measured_stride_keeps_its_moments_to_its_very_end(vicon: tuple[Trial, C3dTrial]) -> None:
    """The next stance of left 1 and right 2 has no force: its moments may not take the last interpolated sample."""
    trial, _ = vicon
    rate = trial.signals["kinetics"].sampling_frequency
    for side, number in (("left", 1), ("right", 1), ("right", 2)):
        row = trial.strides[(trial.strides["side"] == side) & (trial.strides["stride_number"] == number)].iloc[0]
        stamps = row["trial_time"] + np.arange(200) / 200 * row["duration"]
        for joint in ("hip", "knee", "ankle"):
            values = planes(trial, "kinetics", side, joint)[:, 2]
            assert np.isfinite(np.interp(stamps * rate, np.arange(len(values)), values)).all()


@pytest.mark.realdata
def test_knees_flex_in_swing(vicon: tuple[Trial, C3dTrial]) -> None:
    trial, _ = vicon
    for side in ("left", "right"):
        knee = planes(trial, "kinematics", side, "knee")[:, 2]
        assert 45 < np.nanmax(knee) < 70


@pytest.mark.realdata
def test_emg_is_the_files_own_at_its_own_rate_and_on_its_own_leg(vicon: tuple[Trial, C3dTrial]) -> None:
    trial, content = vicon
    emg = trial.signals["emg"]
    assert emg.sampling_frequency == 1800
    assert emg.values.attrs["units"] == "V"
    assert emg.values.attrs["ambiguous"] == ["left:gastrocnemius_medialis", "right:gastrocnemius_medialis"]
    for channel in CHANNELS:
        stored = emg.values.sel(side=channel["side"], channel=channel["muscle"]).values
        np.testing.assert_array_equal(stored, content.analogs[str(channel["label"])])
    band, low = butter(4, (20, 450), "band", fs=1800, output="sos"), butter(2, 6, fs=1800, output="sos")
    expected = {"gastrocnemius_medialis": (30, 50), "vastus_lateralis": (-5, 15), "biceps_femoris": (-5, 15)}
    for side in ("left", "right"):
        rows = trial.strides[(trial.strides["side"] == side) & (trial.strides["duration"] > 1)]
        for muscle, (first, last) in expected.items():
            raw = emg.values.sel(side=side, channel=muscle).values.astype(np.float64)
            envelope = sosfiltfilt(low, np.abs(sosfiltfilt(band, raw)))
            phase = np.arange(100) / 100
            cycles = [
                np.interp(t + phase * d, emg.time(), envelope) for t, d in rows[["trial_time", "duration"]].values
            ]
            mean = np.mean(cycles, axis=0)
            assert (mean.argmax() - first) % 100 <= last - first
            assert mean[60] < 0.4 * mean.max()


@pytest.mark.realdata
def test_facts_come_from_the_mapping_and_the_file(samples: Path, tmp_path: Path) -> None:
    write_mapping(
        tmp_path,
        samples / "c3d" / "Vicon_analysis.c3d",
        emg=EMG,
        line_frequency=50,
        maximum_duration=1.9,
        moments=PIG | {"limit": 2.5},
    )
    spec = get_dataset("lab").facts(tmp_path / "lab.yaml")
    assert (spec.line_frequency, spec.maximum_duration, spec.kinetics_limit, spec.emg_rate) == (50, 1.9, 2.5, 1800)
    assert lab.patients(tmp_path) == ["P01"]


@pytest.mark.realdata
def test_an_older_file_with_total_power_and_no_named_emg(samples: Path, tmp_path: Path) -> None:
    path = samples / "c3d" / "PlugInC3D.c3d"
    trial = only_trial(write_mapping(tmp_path, path))
    content = read_c3d(path, dataset="test")
    assert set(trial.signals) == {"kinematics", "kinetics"}
    assert trial.strides[["side", "duration"]].values.tolist() == [
        ["left", pytest.approx(1.217, abs=1e-3)],
        ["right", pytest.approx(1.200, abs=1e-3)],
    ]
    for side, joint in JOINTS:
        ours, published = powers(trial, side, joint).sum(axis=1), output(content, side, joint, "Power")[:, 2]
        use = np.isfinite(ours) & np.isfinite(published)
        assert use.sum() > 100
        assert np.corrcoef(ours[use], published[use])[0, 1] > 0.95
    # A crouched walker: the knee never extends.
    assert np.nanmin(planes(trial, "kinematics", "right", "knee")[:, 2]) > 10


@pytest.mark.realdata
def test_a_trial_without_events_and_with_wrong_labels_lists_all_problems(samples: Path, tmp_path: Path) -> None:
    channels = [
        {"label": "Left Rectus femoris", "muscle": "rectus_femoris", "side": "left"},
        {"label": "Left Tib. anterior", "muscle": "tibialis_anterior", "side": "left"},
        {"label": "Fz1", "muscle": "soleus", "side": "left"},
    ]
    write_mapping(tmp_path, samples / "c3d" / "BTS.c3d", emg={"unit": "mV", "channels": channels})
    with pytest.raises(DataFormatError) as caught:
        next(lab.recordings(tmp_path, "P01"))
    text = str(caught.value)
    assert "5 problem(s)" in text
    assert "no analog label 'Left Tib. anterior'; the nearest is 'Left Tibialis anterior'" in text
    assert "'Fz1' has the unknown unit 'N'" in text
    assert "angles: no point label like 'LHipAngles'" in text
    assert "no foot strike among 0 events" in text


@pytest.mark.realdata
def test_a_file_cut_between_frames_is_refused(samples: Path, tmp_path: Path) -> None:
    write_mapping(tmp_path, samples / "c3d" / "Optotrak.c3d")
    with pytest.raises(DataFormatError, match="truncated: found 29 frames, expected 1149"):
        next(lab.recordings(tmp_path, "P01"))
