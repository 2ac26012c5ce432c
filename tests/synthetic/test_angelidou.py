"""The surface-stiffness tree has the described fields and cells, read back with SciPy and h5py alone."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import loadmat

from biomech_xr.synthetic import angelidou as writer
from biomech_xr.synthetic.angelidou import write_angelidou
from biomech_xr.synthetic.truth import Truth

CHANNELS = {side + muscle for side in "RL" for muscle in ("TA", "GA", "VL", "RF", "BF")}
JOINTS = {side + joint for side in "RL" for joint in ("Hip", "Knee", "Ankle")}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    root = tmp_path_factory.mktemp("angelidou")
    return root, write_angelidou(root, patients=3, seed=3, minutes=0.1)


@pytest.fixture(scope="module")
def first(tree: tuple[Path, Truth]) -> Any:
    return loadmat(tree[0] / "SUB01.mat", simplify_cells=True)["SUB01"]


def test_one_struct_a_person_with_speeds_and_stiffness(first: Any) -> None:
    assert set(first) == {"participantInfo", "gaitEvents", "S_0x8", "fast"}
    assert set(first["fast"]) == {"gaitEvents", "rigid", "soft"}
    leaf = first["fast"]["soft"]
    assert set(leaf) == {"EMG", "jointAngles", "jointMoments"}
    assert set(leaf["EMG"]) == CHANNELS
    assert set(leaf["jointAngles"]) == set(leaf["jointMoments"]) == JOINTS
    assert 1500 < first["participantInfo"]["Height"] < 2000
    assert 45 < first["participantInfo"]["Bodymass"] < 100


def test_cells_hold_one_stride_of_every_channel(first: Any) -> None:
    leaf = first["fast"]["rigid"]
    emg, angles = leaf["EMG"]["LTA"], leaf["jointAngles"]["RHip"]
    assert len(emg) == len(angles) >= 4
    assert [len(cell) for cell in emg] == [20 * len(cell) for cell in angles]
    assert all(cell.shape[1] == 3 for cell in angles)
    assert min(cell.min() for cell in emg) < 0


def test_right_contacts_cut_the_first_person(first: Any) -> None:
    for cell in first["fast"]["soft"]["jointAngles"]["RKnee"]:
        assert 0.65 < cell[:, 1].argmax() / len(cell) < 0.8
    for cell in first["fast"]["soft"]["jointAngles"]["LKnee"]:
        assert 0.15 < cell[:, 1].argmax() / len(cell) < 0.3


def test_the_processed_copy_lies_below_data_and_is_cut_by_the_left_leg(tree: tuple[Path, Truth]) -> None:
    with h5py.File(tree[0] / "SUB02Processed.mat") as file:
        person = file["data/SUB02"]
        assert set(person["fast/soft"]) == {"EMG", "EMG_Processed", "jointAngles", "jointMoments"}
        assert "unit" in person
        for reference in person["fast/soft/jointAngles/LKnee"][()].ravel():
            cell = file[reference][()]
            assert cell.shape[0] == 3
            assert 0.65 < cell[0].argmax() / cell.shape[1] < 0.8


def test_moments_are_per_mass_in_n_mm_and_plantarflexor_positive(first: Any) -> None:
    ankle = np.mean([cell[len(cell) * 48 // 100, 1] for cell in first["fast"]["rigid"]["jointMoments"]["RAnkle"]])
    assert 1100 < ankle < 1900


def test_planted_gaps(first: Any) -> None:
    emg = first["S_0x8"]["rigid"]["EMG"]
    assert np.isnan(emg["RTA"][2]).sum() == 40
    assert emg["RVL"][3].size == 0
    assert max(cell[:, :].max() for cell in first["fast"]["soft"]["jointMoments"]["RHip"]) == 9000


def test_truth_holds_the_strides_of_the_cutting_leg_alone(tree: tuple[Path, Truth]) -> None:
    counts = tree[1].strides.groupby(["source_patient", "trial", "side"]).size()
    assert counts.min() >= 4
    sides = {(patient, side) for patient, _, side in counts.index}
    assert sides == {("SUB01", "right"), ("SUB02", "left"), ("SUB03", "left"), ("SUB03", "right")}
    assert tree[1].strides["trial_time"].isna().all()


def test_the_second_person_has_other_rates_of_the_same_ratio(tree: tuple[Path, Truth], first: Any) -> None:
    with h5py.File(tree[0] / "SUB02Processed.mat") as file:
        cells = file["data/SUB02/S_0x8/rigid/EMG/LTA"][()].ravel()
        lengths = [file[cell].shape[1] for cell in cells]
    truth = tree[1].strides.set_index(["source_patient", "trial", "side"])["duration"]
    np.testing.assert_allclose(np.array(lengths) / 2400, truth["SUB02", "S_0x8_rigid", "left"])
    own = [len(cell) for cell in first["S_0x8"]["rigid"]["EMG"]["RTA"]]
    np.testing.assert_allclose(np.array(own) / 2000, truth["SUB01", "S_0x8_rigid", "right"])


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walks = writer._walks
    monkeypatch.setattr(writer, "_walks", lambda *args, **given: islice(walks(*args, **given), 1))
    for folder in ("one", "two"):
        write_angelidou(tmp_path / folder, patients=2, seed=3, minutes=0.1)
    for name in ("SUB01.mat", "SUB02Processed.mat"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
