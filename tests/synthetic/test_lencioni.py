"""The lencioni files have the facts of the published format, read back with SciPy alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat

from biomech_xr.synthetic.lencioni import MUSCLES, write_lencioni
from biomech_xr.synthetic.truth import Truth
from tests.datasets.lencioni_files import tree

RATES = {"Subject1": (200, 800, 1000), "Subject3": (60, 960, 960), "Subject18": (200, 800, 1000)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Truth]:
    root, truth = tree(lambda: tmp_path_factory.mktemp("lencioni"))
    files = sorted(root.glob("Subject*.mat"))
    return {f.stem: loadmat(f, struct_as_record=False, squeeze_me=True)["s"] for f in files}, truth


def test_headers(made: tuple[dict[str, Any], Truth]) -> None:
    people, _ = made
    assert set(people) == set(RATES)
    for name, s in people.items():
        spelled = "EMGFeq" if name == "Subject3" else "EMGFreq"
        assert (s.KinFreq, s.GrfFreq, getattr(s, spelled)) == RATES[name]
        assert s.EMGSide == ("NO" if name == "Subject18" else "RX")
        assert [n.strip() for n in s.EmgVarName] == list(MUSCLES)
        assert all(n.endswith(" ") for n in s.EmgVarName)
        assert [n.strip() for n in s.AngVarName][:6] == [
            f"{j}{m}" for j in ("Pelvis", "Hip") for m in ("Flx", "Add", "Rot")
        ]
        assert [n.strip() for n in s.MomVarName][-1] == "AnkleRotMom"
        assert 140 < s.BH < 200
        assert 45 < s.BM < 110


def test_every_task_and_both_feet(made: tuple[dict[str, Any], Truth]) -> None:
    people, truth = made
    for s in people.values():
        assert s.Data[0].Task.endswith(" ") or len(s.Data[0].Task) == 12
        counts = Counter((d.Task.strip(), d.Foot.strip()) for d in s.Data)
        tasks = ("Walking", "ToeWalking", "HeelWalking", "StepUp", "StepDown")
        assert set(counts) == {(task, foot) for task in tasks for foot in ("RX", "LX")}
        assert min(counts.values()) >= 4
    assert len(truth.strides) == sum(len(s.Data) for s in people.values())


def test_shapes_and_lengths_agree(made: tuple[dict[str, Any], Truth]) -> None:
    people, truth = made
    durations = []
    for name, s in people.items():
        kinematics, force, emg = RATES[name]
        for d in s.Data:
            samples = d.EMG.shape[1]
            assert (d.EMG.shape[0], d.Ang.shape, d.Marker.shape[0], d.Grf.shape[0]) == (8, (12, 101), 87, 9)
            assert kinematics * (samples - 1) / (d.Marker.shape[1] - 1) == pytest.approx(emg)
            assert 0.5 < d.TimeStampGrf + d.Grf.shape[1] / force - d.TimeStampKin < 0.75 * (samples - 1) / emg + 0.1
            durations.append((samples - 1) / emg)
    np.testing.assert_allclose(sorted(durations), sorted(truth.strides["duration"]), atol=1e-9)
    assert truth.strides["trial_time"].isna().all()


def test_ankle_is_offset_and_moments_are_plantarflexor_positive(made: tuple[dict[str, Any], Truth]) -> None:
    for s in made[0].values():
        walking = [d for d in s.Data if d.Task.strip() == "Walking"]
        ankle = np.array([d.Ang[9] for d in walking])
        assert -26 < np.median(ankle[:, 0]) < -19
        assert 20 < np.ptp(ankle, axis=1).mean() < 36
        moment = np.array([d.Mom for d in walking])
        assert 1.1 < np.median(moment[:, 6].max(axis=1)) < 1.8
        assert np.abs(moment[:, 6, 70:90]).max() < 0.05
        assert moment[:, 3, 10:20].mean() > 0.3
        assert 55 < np.array([d.Ang[6] for d in walking]).max() < 70


def test_left_strides_hold_the_emg_of_the_right_leg(made: tuple[dict[str, Any], Truth]) -> None:
    """The right soleus works in late stance of the right leg, half a stride away from that of the left one."""
    s = made[0]["Subject1"]
    peaks = {"RX": [], "LX": []}
    for d in s.Data:
        if d.Task.strip() == "Walking":
            level = np.abs(d.EMG[1] - d.EMG[1].mean())
            place = np.arange(level.size) / level.size
            peaks[d.Foot.strip()].append(np.angle((level * np.exp(2j * np.pi * place)).sum()) / (2 * np.pi) % 1)
    assert 0.25 < np.median(peaks["RX"]) < 0.5
    assert 0.75 < np.median(peaks["LX"]) < 1.0


def test_planted_defects(made: tuple[dict[str, Any], Truth]) -> None:
    for s in made[0].values():
        duration = (s.Data[0].Marker.shape[1] - 1) / s.KinFreq
        assert s.Data[0].cadence == pytest.approx(240 / duration)
        assert s.Data[1].cadence == pytest.approx(120 / ((s.Data[1].Marker.shape[1] - 1) / s.KinFreq))
        assert s.Data[-1].Mom.size == 0
        assert sum(d.TimeStampGrf > d.TimeStampKin + 0.04 for d in s.Data) >= 5
        assert all((d.EMG[7] == 0).all() == d.Task.startswith("Step") for d in s.Data)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        write_lencioni(tmp_path / place, patients=1, seed=7, minutes=0.02)
    assert (tmp_path / "a" / "Subject1.mat").read_bytes() == (tmp_path / "b" / "Subject1.mat").read_bytes()
