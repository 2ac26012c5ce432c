"""The grimmer tree has the facts of the format, read back with SciPy alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat

from biomech_xr.synthetic.truth import Truth
from tests.datasets.grimmer_files import tree

KINDS = {
    "Emg": "Preprocessed/EMG/EMG{}.mat",
    "Forces": "Preprocessed/Forces/Forces{}.mat",
    "Marker": "Preprocessed/Marker/Marker{}.mat",
    "TD": "Processed/Touchdowns/Touchdowns{}.mat",
    "Joint_Kinematics": "Processed/Joint_Kinematics/Angles_S{}.mat",
    "Joint_Kinetics": "Processed/Joint_Kinetics/Moments_S{}.mat",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth, dict[int, dict[str, Any]]]:
    root, truth = tree(lambda: tmp_path_factory.mktemp("grimmer"))
    files = {n: {kind: loadmat(root / place.format(n)) for kind, place in KINDS.items()} for n in (1, 2)}
    return root, truth, files


def trial(content: dict[str, Any], name: str, config: int, number: int = 0) -> Any:
    """Return the struct of a recording (indices from 0), a NumPy void."""
    cell = content[name][config, 0]
    return cell[number, 0] if cell[number, 0].dtype.names is None else cell[number, 0][0, 0]


def test_variables_and_nesting(made: tuple[Path, Truth, dict[int, dict[str, Any]]]) -> None:
    for files in made[2].values():
        assert files["Emg"]["Emg_fs"].item() == pytest.approx(1111.111, abs=0.01)
        assert files["Emg"]["Emg_unit"].item() == "V"
        assert files["TD"]["TD_fs"].item() == files["Marker"]["Marker_fs"].item() == 200
        for kind in ("Emg", "Forces", "Joint_Kinematics", "Joint_Kinetics"):
            assert files[kind][kind].shape == (6, 1)
            assert [files[kind][kind][c, 0].size for c in range(6)] == [2, 1, 1, 1, 1, 1]
        names = trial(files["Emg"], "Emg", 0).dtype.names
        assert set(names) == {
            f"{m}_{s}" for m in ("vas", "rcf", "tib", "bcf", "gas", "sol", "foo", "sha") for s in "rl"
        }
        assert len(trial(files["Joint_Kinetics"], "Joint_Kinetics", 0).dtype.names) == 10
        assert trial(files["Forces"], "Forces", 0)["All_l"].shape[1] == 6


def test_masses_are_of_all_twelve(made: tuple[Path, Truth, dict[int, dict[str, Any]]]) -> None:
    data = loadmat(made[0] / "FullyProcessed" / "Data_fully_processed.mat")["data"]
    masses = data[0, 0]["info"][0, 0]["subjects_mass"]
    assert masses.shape == (1, 12)
    assert ((masses > 40) & (masses < 120)).all()


def test_touchdowns_are_where_the_knee_says(made: tuple[Path, Truth, dict[int, dict[str, Any]]]) -> None:
    """Knees are extension-positive; at a contact on the level they are straight, on stairs bent."""
    for files in made[2].values():
        seen = []
        for config in range(6):
            frames = trial(files["TD"], "TD_ascent", config)["tdR"]
            assert frames.shape[0] == 1
            assert np.isnan(frames[0, -1])
            knee = -trial(files["Joint_Kinematics"], "Joint_Kinematics", config)["knee_angle_flexion_r"][:, 0]
            seen += [knee[round(frame) - 1] for frame in frames[0, :-1]]
            assert 80 < knee.max() < 100
        level, stairs = (np.array(seen) < 12).mean(), (np.array(seen) > 55).mean()
        assert level > 0.3
        assert stairs > 0.3


def test_half_frames_and_a_nan_in_the_middle(made: tuple[Path, Truth, dict[int, dict[str, Any]]]) -> None:
    fractions = set()
    for files in made[2].values():
        for config in range(6):
            left = trial(files["TD"], "TD_descent", config)["tdL"][0, :-1]
            fractions |= set(left[np.isfinite(left)] % 1)
            assert np.isnan(left).sum() == (config >= 3)
    assert fractions == {0.0, 0.5}


def test_emg_has_its_own_clock_and_gaps(made: tuple[Path, Truth, dict[int, dict[str, Any]]]) -> None:
    files = made[2][1]
    for config in range(6):
        emg = trial(files["Emg"], "Emg", config)
        angles = trial(files["Joint_Kinematics"], "Joint_Kinematics", config)
        seconds = angles["hip_angle_flexion_r"].size / 200
        assert seconds - 0.02 < emg["sol_r"].size * 9 / 10_000 < seconds
        assert np.isnan(emg["vas_l"]).sum() == (45 if config == 2 else 0)
        assert 1e-5 < np.nanstd(emg["sol_r"]) < 2e-3
    assert made[2][2]["Emg"]["Emg"][4, 0][0, 0].size == 0


def test_forces_are_nan_without_contact(made: tuple[Path, Truth, dict[int, dict[str, Any]]]) -> None:
    for files in made[2].values():
        force = trial(files["Forces"], "Forces", 0)["All_r"]
        loaded = np.isfinite(force[:, 2])
        assert 0.3 < loaded.mean() < 0.7
        assert (np.isfinite(force).all(axis=1) == loaded).all()
        assert np.nanmax(force[:, 2]) > 500


def test_truth_follows_from_the_lists(made: tuple[Path, Truth, dict[int, dict[str, Any]]]) -> None:
    _, truth, people = made
    found = set()
    for number, files in people.items():
        for config in range(6):
            for k in range(2 if config == 0 else 1):
                for part in ("ascent", "descent"):
                    struct = trial(files["TD"], f"TD_{part}", config, k)
                    for leg, side in (("R", "right"), ("L", "left")):
                        frames = struct[f"td{leg}"][0]
                        found |= {
                            (f"subject{number}", f"config{config + 1}_trial{k + 1}", side, round(a * 10), round(d * 10))
                            for a, d in zip(frames[:-1], np.diff(frames), strict=True)
                            if np.isfinite(d)
                        }
    made_up = {
        (r.source_patient, r.trial, r.side, round((r.trial_time * 200 + 1) * 10), round(r.duration * 2000))
        for r in truth.strides.itertuples()
    }
    assert made_up == found
    counts = truth.strides.query("activity == 'walk'").groupby(["source_patient", "trial", "side"]).size()
    assert counts.min() >= 4
    assert set(truth.strides["activity"]) == {"walk", "stair_ascent", "stair_descent"}


def test_the_open_points_can_be_written_both_ways(tmp_path_factory: pytest.TempPathFactory) -> None:
    root, _ = tree(lambda: tmp_path_factory.mktemp("other"), other=True)
    angle, moment = (
        trial(loadmat(root / KINDS[kind].format(1)), kind, 0) for kind in ("Joint_Kinematics", "Joint_Kinetics")
    )
    assert 1.4 < angle["knee_angle_flexion_r"].max() < 1.75
    assert 60 < moment["ankle_moment_flexion_r"].max() < 140, "external"
