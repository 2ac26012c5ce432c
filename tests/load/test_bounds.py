"""Windows lie where the continuous trial says, and hold nothing that is not their stride's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pandas as pd
import pytest
import torch

from biomech_xr import process
from biomech_xr import vocabulary as words
from biomech_xr.load import StrideWindows
from biomech_xr.run import finish_strides, shard_work
from biomech_xr.schema import AFTER, BEFORE, HISTORY, Trial
from biomech_xr.store import open_patient, open_strides, publish, write_patient
from tests.load import stores
from tests.process.patients import MUSCLES, SPEC, walking_trial

WINDOW, SECONDS = 200, 12.0
SIDES = ("left", "right")
CHANNELS = [name if name in MUSCLES else words.SUBSTITUTES.get(name, name) for name in words.MUSCLES]
"""The muscle that each channel shows."""
POISON = 1e12
"""Far beyond what a difference of two real angles over a sample can be."""


HALF_A_SAMPLE = 0.0005
"""Seconds: a contact lies between two samples of EMG, and the stride begins at the nearer one."""
INT16_STEP = 2.0**-11


def pace(size: int) -> np.ndarray:
    """Return how fast (1/s) the signals of `ramps` rise, (side, size)."""
    return 0.5 + 0.4 * np.arange(2)[:, None] + 0.1 * np.arange(size)


def ramps(t: np.ndarray, size: int) -> np.ndarray:
    """Return signals (sample, 2 sides, size) that rise, each at its own pace: values tell times."""
    return 0.1 + t[:, None, None] * pace(size)


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store of one walk whose signals tell the time, processed without filters of EMG."""
    root = tmp_path_factory.mktemp("ramps")
    t, joints = np.arange(round(SECONDS * 1000)) / 1000, np.arange(round(SECONDS * 100)) / 100
    contacts = {"left": 0.5131 + 1.0871 * np.arange(10), "right": 1.0507 + 1.1003 * np.arange(9)}
    trial = walking_trial(
        seconds=SECONDS, contacts=contacts, emg=ramps(t, len(MUSCLES)), angles=10 * ramps(joints, 1)[..., 0]
    )
    trial = as_envelope(trial)
    write_patient(str(root), SPEC, [trial], config_hash="x")
    chain = process.load_chain("envelope", ["normalize.kind=none", "name=plain"])
    work = shard_work(str(root), "made", chain)
    dask.compute(*work.tasks, scheduler="synchronous")
    finish_strides(work)
    publish(str(root), "plain", ["made"])
    return root


def as_envelope(trial: Trial) -> Trial:
    """Return the trial as of a source that publishes envelopes, which no step filters."""
    return replace(trial, emg_state="envelope")


def test_windows_lie_where_the_continuous_trial_says(walked: Path) -> None:
    windows = StrideWindows(
        walked, chain="plain", global_batch=32, window=WINDOW, remainder="pad", horizon={"ms": 50}, hop=29
    )
    strides = open_strides(walked, chain="plain")
    recording = open_patient(str(walked), "made", "made-A")
    emg, angles = recording.signal("walk_1", "emg"), recording.signal("walk_1", "kinematics")
    assert emg is not None
    assert angles is not None
    clock = {"emg": np.arange(len(emg.values)) / 1000, "angles": np.arange(len(angles.values)) / 100}
    near, seen = 1.01 * HALF_A_SAMPLE * pace(len(MUSCLES)) + INT16_STEP, set()
    for batch in windows:
        for i in np.flatnonzero(batch["weight"].numpy() > 0):
            row = int(batch["stride"][i])
            side = SIDES.index(str(strides["side"].values[row]))
            start = float(strides["trial_time"].values[row])
            after = int(batch["sample"][i]) * float(batch["spacing"][i])
            times = start + np.floor(1000 * after + 1e-3) / 1000 + np.arange(1 - WINDOW, 1) / 1000
            for number, muscle in enumerate(MUSCLES):
                channel = CHANNELS.index(muscle)
                raw = np.interp(times, clock["emg"], emg.values.values[:, side, number])
                np.testing.assert_allclose(batch["emg"][i, channel], raw, rtol=0, atol=near[side, number])
                seen.add((side, muscle))
            knee = angles.values.values[:, side, 1, 2]
            place = 3 * 1 + 2
            for name, t in (("kinematic_state", start + after), ("target_kinematic_state", start + after + 0.05)):
                expected = np.interp(t, clock["angles"], knee)
                assert batch[name][i, place] == pytest.approx(expected, abs=0.02), (row, after)
    assert len(seen) == 2 * len(MUSCLES)


def poisoned(labels: pd.DataFrame, *, grid: dict[str, float], time: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return a block of measured signals that is poison wherever the labels say that there is nothing."""
    block = MAKE_BLOCK(labels, grid=grid, time=time, rng=rng)
    n, duration = len(labels), labels["duration"].to_numpy()[:, None]
    stamps = np.arange(-HISTORY, time - HISTORY)
    late = stamps >= 1000 * duration
    early = stamps < -labels["emg_history"].to_numpy()[:, None]
    block["emg"][np.broadcast_to((late | early)[:, None], block["emg"].shape)] = 15.9
    if "rate" in grid:
        outside = np.arange(block["kinematics"].shape[-1]) >= np.ceil(duration * grid["rate"] - 1e-6)
        for name in ("kinematics", "kinetics"):
            block[name][np.broadcast_to(outside[:, None, None], block[name].shape)] = POISON
    before = np.arange(-BEFORE, 0) < -labels["kinematics_history"].to_numpy()[:, None]
    after = np.arange(AFTER) >= labels["kinematics_future"].to_numpy()[:, None]
    for name, hidden in (("kinematics_before", before), ("kinematics_after", after), ("kinetics_after", after)):
        block[name][np.broadcast_to(hidden[:, None, None], block[name].shape)] = POISON
    other = (labels["condition"] != "none").to_numpy()
    assert 0 < other.sum() < n
    for name in ("emg", "kinematics", "kinetics", "kinematics_before", "kinematics_after", "kinetics_after"):
        block[name][other] = 15.9 if name == "emg" else POISON
    return block


MAKE_BLOCK = stores.make_block


@pytest.mark.parametrize("grid", [{"phase": 40}, {"rate": 90.0}])
@pytest.mark.parametrize("horizon", [{"samples": 1}, {"ms": 77}, {"samples": 30}])
def test_nothing_outside_a_strides_own_data_reaches_a_batch(
    tmp_path: Path, grid: dict[str, float], horizon: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "make_block", poisoned)
    stores.write_store(tmp_path, "hu", {"a": 40, "b": 33}, grid=grid, seed=5)
    strides = open_strides(tmp_path)
    assert float(strides["emg"].max()) > 15
    assert float(strides["kinematics_after"].max()) > POISON / 2
    batches = list(StrideWindows(tmp_path, global_batch=64, window=120, remainder="pad", horizon=horizon))
    assert sum(int(batch["weight"].sum()) for batch in batches) > 100
    for batch in batches:
        assert batch["emg"].max() < 15
        for name in ("kinematic_state", "target_kinematic_state", "target_torque"):
            assert torch.isfinite(batch[name]).all()
            assert batch[name].abs().max() < POISON / 1e4, name
