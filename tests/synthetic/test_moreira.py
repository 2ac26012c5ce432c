"""The tree of Moreira has the published layout, signs and units, read back past our readers."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biomech_xr.synthetic import Truth
from biomech_xr.synthetic.moreira import POINTS, write_moreira
from tests.datasets.moreira_tables import written_tree

Written = tuple[Path, Truth]
PERSON = "MAT files/Participant1/Processed_Data.mat"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return written_tree(tmp_path_factory)


@pytest.fixture(scope="module")
def struct(written: Written) -> Any:
    """Return `Subject1_pro` as mat-io reads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import matio

        return matio.load_from_mat(str(written[0] / PERSON))["Subject1_pro"]


def leg(struct: Any, speed: str, letter: str) -> Any:
    return struct[0, 0][speed][0, 0][letter][0, 0]


def table(struct: Any, speed: str, letter: str, signal: str, row: int = 0) -> pd.DataFrame:
    found = leg(struct, speed, letter)[signal][row, 1]
    assert isinstance(found, pd.DataFrame)
    return found


def test_the_struct_is_nested_as_published(struct: Any) -> None:
    assert struct.dtype.names == ("V1", "V15", "V2", "V25", "V3", "V35", "V4")
    assert leg(struct, "V2", "R").dtype.names == (
        "Angles", "Torques", "Torques_Norm", "GRF", "EMGs_filt", "EMGs_env", "Stride_Time",
    )  # fmt: skip
    cells = leg(struct, "V2", "R")["Angles"]
    assert cells.shape[1] == 2
    assert [str(cells[k, 0][0]) for k in range(len(cells))] == ["T1", "T2", "T3"]
    assert np.asarray(cells[1, 1]).size == 0
    times = leg(struct, "V2", "R")["Stride_Time"]
    times = times if isinstance(times, pd.DataFrame) else times[0, 0]
    assert list(times) == ["St1_Time", "St2_Time"]
    assert len(times) == len(cells)
    assert times.iloc[1].isna().all()


def test_columns_stand_in_the_published_order(struct: Any) -> None:
    angles = list(table(struct, "V4", "R", "Angles"))
    assert len(angles) == 24
    assert angles[:7] == [
        "St1_Pelvis_X", "St1_Pelvis_Y", "St1_Pelvis_Z", "St2_Pelvis_X", "St2_Pelvis_Y", "St2_Pelvis_Z", "St1_Hip_X",
    ]  # fmt: skip
    emg = ["St1_VL", "St2_VL", "St1_BF", "St2_BF", "St1_TA", "St2_TA", "St1_GAL", "St2_GAL"]
    assert list(table(struct, "V4", "R", "EMGs_filt")) == list(table(struct, "V4", "R", "EMGs_env")) == emg
    narrow = list(table(struct, "V1", "L", "Angles"))
    assert narrow == [f"St1_{joint}_{axis}" for joint in ("Hip", "Knee", "Ankle") for axis in "XYZ"]
    assert list(table(struct, "V1", "L", "EMGs_env")) == emg[::2]


def test_every_table_runs_from_contact_to_contact_and_strides_are_consecutive(struct: Any) -> None:
    for signal in ("Angles", "Torques_Norm", "EMGs_env", "GRF"):
        found = table(struct, "V3", "R", signal)
        assert len(found) == POINTS
        for name in (name for name in map(str, found) if name.startswith("St1")):
            scale = np.ptp(found[name]) + 1e-9
            assert abs(found[name].iloc[-1] - found[name.replace("St1", "St2")].iloc[0]) < 1e-3 * scale


def test_torques_are_the_normalised_ones_times_the_body_mass(written: Written, struct: Any) -> None:
    text = (written[0] / "MAT files/Participant1/Metadata.txt").read_text()
    mass = float(text.split("Body Mass: ")[1].split(" ")[0])
    whole, normed = (table(struct, "V2", "R", signal) for signal in ("Torques", "Torques_Norm"))
    np.testing.assert_allclose((whole * normed).sum() / (normed * normed).sum(), mass, rtol=1e-9)


def test_signs_and_units_are_those_of_the_real_tables(struct: Any, samples: Path) -> None:
    """Means of the synthetic fast walk resemble the real slow one in every sagittal and frontal curve."""
    real = {
        "Angles": pd.read_csv(samples / "moreira/P1_V1_T2/angles.csv"),
        "Torques_Norm": pd.read_csv(samples / "moreira/P1_V1_T2/torques_norm.csv"),
    }
    for signal, names in (
        ("Angles", ("Hip_X", "Knee_X", "Ankle_X", "Hip_Y")),
        ("Torques_Norm", ("Hip_X", "Knee_X", "Ankle_X", "Hip_Y", "Knee_Y")),
    ):
        mine = table(struct, "V1", "R", signal)
        for name in (f"St2_{name}" for name in names):
            together = np.corrcoef(mine[name], real[signal][name])[0, 1]
            assert together > 0.5, (signal, name, together)
            assert 0.4 < np.ptp(mine[name]) / np.ptp(real[signal][name]) < 2.5, (signal, name)
    assert list(mine) == list(real["Torques_Norm"])


def test_physiology_of_what_was_written(struct: Any) -> None:
    angles, torques = table(struct, "V4", "R", "Angles"), table(struct, "V4", "R", "Torques_Norm")
    assert 55 < angles["St1_Knee_X"].max() < 70
    assert 680 < angles["St1_Knee_X"].argmax() < 760
    assert -1.8 < torques["St1_Ankle_X"].min() < -1.2
    assert torques["St1_Hip_Y"][100:500].mean() < -0.4
    assert torques["St1_Hip_Z"][100:250].mean() < -0.04 < 0.05 < torques["St1_Hip_Z"][400:500].mean()
    forces = table(struct, "V4", "R", "GRF")
    assert (forces["St1_GRF_Z"][660:] == 0).all()
    envelope = table(struct, "V4", "R", "EMGs_env")
    assert 0 < envelope.to_numpy().min() < envelope.to_numpy().max() < 100
    assert table(struct, "V4", "R", "EMGs_filt").to_numpy().min() < 0


def test_the_text_release_holds_the_same_tables(written: Written, struct: Any) -> None:
    folder = written[0] / "ASCII files/Participant1/Processed_Data"
    assert sorted(path.name for path in folder.iterdir()) == ["V2", "V4"]
    assert sorted(path.name for path in (folder / "V2/L").iterdir()) == [
        "Angles", "EMGs_env", "EMGs_filt", "GRF", "Properties", "Torques", "Torques_Norm",
    ]  # fmt: skip
    for signal in ("Angles", "GRF", "EMGs_env"):
        text = pd.read_csv(folder / "V4/R" / signal / "T1.txt", sep="\t")
        pd.testing.assert_frame_equal(text, table(struct, "V4", "R", signal).reset_index(drop=True), atol=1e-6)


def test_truth_and_what_was_planted(written: Written) -> None:
    truth = written[1]
    assert set(truth.strides["source_patient"]) == {"Participant1", "Participant4"}
    assert truth.strides["trial_time"].isna().all()
    lost = truth.strides[truth.strides["duration"].isna()]
    assert lost["trial"].tolist() == ["V25_R_T1", "V25_R_T1"]
    speeds = {name: set(rows["trial"].str.split("_").str[0]) for name, rows in truth.strides.groupby("source_patient")}
    assert speeds["Participant1"] - speeds["Participant4"] == {"V1", "V35", "V4"}
    slow = truth.strides[truth.strides["trial"] == "V1_R_T1"]["duration"].mean()
    fast = truth.strides[truth.strides["trial"] == "V4_R_T1"]["duration"].mean()
    assert 1.6 < slow < 2.2
    assert slow > 1.2 * fast


def test_the_same_seed_gives_the_same_bytes(written: Written, tmp_path: Path) -> None:
    write_moreira(tmp_path, patients=1, seed=3, minutes=0.3)
    for name in (PERSON, "ASCII files/Participant1/Processed_Data/V2/L/EMGs_filt/T3.txt"):
        assert (tmp_path / name).read_bytes() == (written[0] / name).read_bytes()
