"""The tree of Gait120 has the published layout, signs and units, read back past our readers."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biomech_xr.synthetic import Truth
from biomech_xr.synthetic.gait120 import GAIT, IDS, MUSCLES, POSTURES, SPACED, write_gait120
from tests.datasets.gait120_files import written_tree

Written = tuple[Path, Truth]
YOUNG, OLDER = "Gait120_001_to_010/S001", "Gait120_061_to_070/S061"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return written_tree(tmp_path_factory)


def load(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import matio

        return matio.load_from_mat(str(path))


@pytest.fixture(scope="module")
def raw(written: Written) -> Any:
    return load(written[0] / YOUNG / "EMG/RawData.mat")


def inner(struct: Any, *names: str) -> Any:
    for name in names:
        struct = struct[name]
        struct = struct[0, 0] if isinstance(struct, np.ndarray) and struct.shape == (1, 1) else struct
    return struct


def frames(struct: Any) -> tuple[int, int]:
    first, last = np.ravel(struct).tolist()
    return int(first), int(last)


def motion(path: Path) -> pd.DataFrame:
    lines = path.read_text().splitlines()
    return pd.read_csv(path, sep="\t", skiprows=lines.index("endheader") + 1)


def test_ids_are_those_of_both_age_groups() -> None:
    assert len(IDS) == len(set(IDS)) == 120
    assert IDS[:2] == ("S001", "S061")
    assert sorted(IDS)[-1] == "S120"


def test_raw_trials_have_twenty_samples_a_frame_and_steps_inside(raw: Any) -> None:
    assert inner(raw, "EMGs_info", "fs") == 2000
    assert inner(raw, "Markers_info", "fs") == 100
    for task in (*GAIT, *POSTURES):
        available = [int(n) for n in np.ravel(raw[task][0, 0]["AvailableTrialIdx"])]
        names = [name for name in raw[task].dtype.names if name.startswith("Trial")]
        assert names == [f"Trial{n:02d}" for n in available]
        assert "Trial03" not in names
        for name in names:
            trial = inner(raw, task, name)
            first, last = frames(trial["TotalFrame"])
            emg = inner(raw, task, name, "EMGs_raw")
            assert len(emg) == (last - first + 1) * 20
            assert list(emg) == list(MUSCLES)
            assert first > 1
            steps = [
                frames(trial[f"Step{k:02d}"][0, 0]["TargetFrame"]) for k in range(1, int(inner(trial, "nSteps")) + 1)
            ]
            assert len(steps) == (2 if task in GAIT else 1)
            assert first < steps[0][0] < steps[-1][1] < last
            if len(steps) == 2:
                assert steps[0][1] == steps[1][0]


def test_emg_is_in_volts(raw: Any) -> None:
    emg = inner(raw, "LevelWalking", "Trial01", "EMGs_raw")
    assert 1e-5 < emg.to_numpy().std() < 2e-3


def test_names_have_blanks_in_the_second_persons_tables(written: Written) -> None:
    processed = load(written[0] / OLDER / "EMG/ProcessedData.mat")
    step = inner(processed, "LevelWalking", "Trial01", "Step01")
    assert list(inner(step, "EMGs_filt")) == list(SPACED)
    assert len(inner(step, "EMGs_interpolated")) == 101
    assert inner(processed, "LevelWalking", "Trial01")["MVCs"].shape == (1, 12)


def test_steps_of_angles_and_filtered_emg_last_equally_long_and_share_a_frame(written: Written) -> None:
    for person, stem in ((YOUNG, "step"), (OLDER, "Step")):
        processed = load(written[0] / person / "EMG/ProcessedData.mat")
        first, second = (
            motion(written[0] / person / f"JointAngle/LevelWalking/Trial01/{stem}0{k}.mot") for k in (1, 2)
        )
        for k, table in ((1, first), (2, second)):
            emg = inner(processed, "LevelWalking", "Trial01", f"Step0{k}", "EMGs_filt")
            assert len(emg) == 20 * len(table)
        pd.testing.assert_series_equal(first.iloc[-1], second.iloc[0], check_names=False)
        np.testing.assert_allclose(np.diff(first["time"]), 0.01, atol=1e-9)


def test_the_knee_is_extension_positive_and_the_rest_canonical(written: Written) -> None:
    table = motion(written[0] / YOUNG / "JointAngle/LevelWalking/Trial01/step01.mot")
    place = table["knee_angle_r"].argmin() / len(table)
    assert -70 < table["knee_angle_r"].min() < -55
    assert 0.68 < place < 0.77
    assert table["hip_flexion_r"].iloc[0] > 20 > -5 > table["hip_flexion_r"].min()
    assert table["ankle_angle_r"].min() < -10
    assert {"knee_angle_l", "pelvis_tx", "subtalar_angle_r"} <= set(table)
    sitting = motion(written[0] / YOUNG / "JointAngle/SitToStand/Trial01/step01.mot")["knee_angle_r"]
    assert sitting.iloc[0] < -80 < -10 < sitting.iloc[-1]


def test_forces_exist_only_from_s011_on_and_on_level_ground(written: Written) -> None:
    assert not (written[0] / YOUNG / "MotionCapture").exists()
    folder = written[0] / OLDER / "MotionCapture"
    assert sorted(path.name for path in folder.iterdir()) == ["LevelWalking", "SitToStand", "StandToSit"]
    table = motion(folder / "LevelWalking/MOT/Trial01/Step01.mot")
    assert {"ground_force1_vy", "ground_force2_px", "ground_torque2_z"} <= set(table)
    assert (table["ground_force1_vy"] == 0).any()
    assert 400 < table["ground_force1_vy"].max() < 1500


def test_truth_holds_the_walking_steps_only(written: Written) -> None:
    strides = written[1].strides
    assert set(strides["activity"]) == set(GAIT.values())
    assert set(strides["side"]) == {"right"}
    assert strides["duration"].between(0.8, 1.8).all()
    assert not strides["trial"].str.contains("Sit").any()
    for (_, trial), rows in strides.groupby(["source_patient", "trial"]):
        ends = rows["trial_time"] + rows["duration"]
        assert ends.iloc[0] == pytest.approx(rows["trial_time"].iloc[1]), trial


def test_planted_gaps_are_there(written: Written, raw: Any) -> None:
    assert not (written[0] / YOUNG / "JointAngle/StairDescent/Trial01/step02.mot").exists()
    assert (written[0] / YOUNG / "JointAngle/StairDescent/Trial01/step01.mot").is_file()
    assert (inner(raw, "SlopeAscent", "Trial01", "EMGs_raw")["PeroneusBrevis"] == 0).all()


def test_the_same_seed_gives_the_same_bytes(written: Written, tmp_path: Path) -> None:
    write_gait120(tmp_path, patients=1, seed=3, minutes=0.3)
    for name in ("EMG/RawData.mat", "EMG/ProcessedData.mat", "JointAngle/StairAscent/Trial01/step02.mot"):
        assert (tmp_path / YOUNG / name).read_bytes() == (written[0] / YOUNG / name).read_bytes()
