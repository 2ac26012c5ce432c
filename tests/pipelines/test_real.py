"""The whole road on real recordings: a raw file to masks, history, flags, and one optimizer step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
import yaml

import biomech_xr as bx
from biomech_xr.load import StrideWindows
from biomech_xr.process import load_chain
from biomech_xr.run import finish_strides, parse_patient, pending_patients, shard_work
from biomech_xr.schema import HISTORY, validate_strides
from biomech_xr.store import open_patient, publish
from biomech_xr.vocabulary import MUSCLES
from training import losses
from training.config import TrainConfig
from training.tasks.emg import EmgTask

pytestmark = pytest.mark.realdata


def walk(dataset: str, raw: Path, root: Path, chain: str = "envelope") -> xr.Dataset:
    for patient in pending_patients(dataset, raw, str(root))[0]:
        parse_patient(dataset, str(raw), str(root), patient)
    loaded = load_chain(chain)
    work = shard_work(str(root), dataset, loaded)
    for task in work.tasks:
        task.compute(scheduler="synchronous")
    finish_strides(work)
    publish(str(root), loaded.name, [dataset])
    strides = bx.open_strides(str(root), chain=chain).load(scheduler="synchronous")
    validate_strides(strides)
    return strides


@pytest.fixture(scope="module")
def falisse(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, xr.Dataset]:
    root = tmp_path_factory.mktemp("falisse")
    return root, walk("falisse", samples / "falisse", root)


@pytest.fixture(scope="module")
def lab(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, xr.Dataset]:
    root = tmp_path_factory.mktemp("lab")
    mapping = yaml.safe_load(Path("pipelines/configs/lab_vicon.yaml").read_text(encoding="utf-8"))
    mapping["people"][0]["files"] = [str(samples / "c3d" / "Vicon_analysis.c3d")]
    (root / "raw").mkdir()
    (root / "raw" / "lab.yaml").write_text(yaml.safe_dump(mapping), encoding="utf-8")
    return root, walk("lab", root / "raw", root)


def one_step(root: Path, **options: object) -> None:
    """Take one optimizer step on the store and check that every parameter that got a gradient moved by finite steps."""
    config = TrainConfig.of({"store": str(root), "out": "unused", "global_batch": 64, **options})
    task = EmgTask(config)
    batches = list(StrideWindows(str(root), split="train", global_batch=64))
    statistics = task.fit(batches)
    torch.manual_seed(0)
    model = task.model(statistics)
    before = {name: value.clone() for name, value in model.named_parameters()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    terms = task.terms(model, batches[0], statistics)
    loss, _ = losses.combine(terms, task.weights())
    loss.backward()
    assert torch.isfinite(loss)
    optimizer.step()
    moved = [name for name, value in model.named_parameters() if not torch.equal(value, before[name])]
    assert len(moved) > len(before) / 2
    assert all(torch.isfinite(value).all() for value in model.parameters())


def test_falisse_curves_are_those_of_a_walking_person(falisse: tuple[Path, xr.Dataset]) -> None:
    strides = falisse[1]
    assert strides.sizes["stride"] == 11
    knee = strides["kinematics"].sel(joint="knee", motion="flexion").mean("stride").values
    assert knee.max() == pytest.approx(66, abs=1.5)
    assert knee.argmax() / 2 == pytest.approx(75, abs=2)
    ankle = strides["kinetics"].sel(joint="ankle", motion="flexion").mean("stride").values
    assert ankle.min() == pytest.approx(-1.45, abs=0.05)
    assert ankle.argmin() / 2 == pytest.approx(48, abs=2)
    hip = strides["kinetics"].sel(joint="hip", motion="adduction").mean("stride").values
    assert hip.min() == pytest.approx(-0.92, abs=0.05)


def test_falisse_masks_exactly_the_muscles_that_a_stride_lacks(falisse: tuple[Path, xr.Dataset], samples: Path) -> None:
    from scipy.io import loadmat

    strides = falisse[1]
    raw = loadmat(samples / "falisse" / "ExperimentalData.mat", squeeze_me=True, struct_as_record=False)
    emg = raw["ExperimentalData"].EMG.subject1
    place = {str(name): number for number, name in enumerate(emg.colheaders)}
    names = {
        "biceps_femoris": "Hamstrings-lateralis",
        "semitendinosus": "Hamstrings-medialis",
        "gluteus_medius": "Gluteus-medialis",
    }
    owned = (strides["time"].values >= 0) & (strides["time"].values < strides["duration"].values[:, None] - 1e-6)
    for channel, muscle in enumerate(MUSCLES):
        label = names.get(muscle, muscle.replace("_", "-").capitalize())
        there = ~np.isnan(emg.all[:, place[label]]).any(axis=0) if label in place else np.zeros(11, dtype=bool)
        np.testing.assert_array_equal(strides["emg_mask"].values[:, channel], there, err_msg=muscle)
        values = strides["emg"].values[:, channel]
        np.testing.assert_array_equal(np.isfinite(values)[owned].reshape(-1), np.repeat(there, owned.sum(axis=1)))
        assert (np.nan_to_num(values, nan=1.0) != 0).any(axis=1).all()


def test_falisse_reaches_a_training_step(falisse: tuple[Path, xr.Dataset]) -> None:
    one_step(falisse[0])


def test_lab_has_both_legs_with_real_history(lab: tuple[Path, xr.Dataset]) -> None:
    root, strides = lab
    counts = {side: int((strides["side"] == side).sum()) for side in ("left", "right")}
    assert counts == {"left": 3, "right": 4}
    assert (strides["emg_history"] == HISTORY).all()
    raw = open_patient(str(root), "lab", "lab-D123").signal("Vicon_analysis", "emg")
    assert raw is not None
    assert raw.sampling_frequency == pytest.approx(1800)
    measured = [MUSCLES.index(name) for name in ("gastrocnemius_medialis", "biceps_femoris", "vastus_lateralis")]
    assert strides["emg_mask"].values[:, measured].all()
    assert strides["emg_mask"].values.sum() == 7 * len(measured)
    assert np.isfinite(strides["emg"].values[:, measured, :HISTORY]).all()
    assert strides["channel_ambiguous"].all()


def test_lab_history_is_the_stride_before(lab: tuple[Path, xr.Dataset]) -> None:
    """EMG before contact is that of the preceding stride of the same leg, sample for sample where the grids agree."""
    strides = lab[1].sel(side="right")
    emg, scale = strides["emg"].values, strides["emg_scale"].values
    start, length = strides["trial_time"].values, strides["duration"].values
    followed = 0
    for stride in range(len(start) - 1):
        if abs(start[stride] + length[stride] - start[stride + 1]) > 1e-3:
            continue
        followed += 1
        shift = round(1000 * (start[stride + 1] - start[stride]))
        for channel in np.flatnonzero(strides["emg_mask"].values[stride]):
            history = emg[stride + 1, channel, :HISTORY] * scale[stride + 1, channel]
            own = emg[stride, channel, shift : shift + HISTORY] * scale[stride, channel]
            best = min(np.nanmax(np.abs(history[2:-2] - np.roll(own, lag)[2:-2])) for lag in (-1, 0, 1))
            assert best < 2e-3 * np.nanmax(own)
    assert followed >= 2


def test_lab_frames_that_were_not_computed_are_missing_and_artefacts_flagged(lab: tuple[Path, xr.Dataset]) -> None:
    strides = lab[1]
    kinetics, mask = strides["kinetics"].values, strides["kinetics_mask"].values
    assert not (kinetics == 0).all(axis=(2,)).any()
    assert np.isfinite(kinetics[mask]).all()
    assert np.nanmax(np.abs(kinetics)) <= 3.0
    first_left = strides.sel(side="left").isel(stride=0)
    assert bool(first_left["kinetics_artefact"])
    assert not first_left["kinetics_mask"].any()
    stance = first_left["kinetics"].values[..., 20:100]
    assert np.isnan(stance).all()
    measured = strides["kinetics_mask"].sel(joint="ankle", motion="flexion").values
    assert 1 <= measured.sum() <= 4
    ankle = strides["kinetics"].sel(joint="ankle", motion="flexion").values[measured]
    assert (ankle.min(axis=1) < -1.0).all()
    assert ((ankle.argmin(axis=1) > 76) & (ankle.argmin(axis=1) < 116)).all()


def test_lab_reaches_a_training_step(lab: tuple[Path, xr.Dataset]) -> None:
    one_step(lab[0])


def test_lab_in_real_time_knows_nothing_later_than_its_sources(lab: tuple[Path, xr.Dataset]) -> None:
    root = lab[0]
    strides = walk("lab", root / "raw", root, "realtime")
    assert strides.attrs["lookahead"] == 0
    assert strides.sizes["time_kinematics"] == 250
