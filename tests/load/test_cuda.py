"""On a GPU: the batches of this machine's processor, also while copies overlap, and a run that resumes."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from biomech_xr.load import (
    AmplitudeScale,
    ChannelDropout,
    DeviceWindows,
    LoaderProcessError,
    Noise,
    StrideWindows,
    TimeJitter,
    device_windows,
)
from tests.load.stores import write_store
from tests.load.test_contents import CASES
from tests.load.test_device import BASE, assert_same
from tests.training.test_loop import configure, final_model
from training import loop
from training.distributed import Ranks
from training.tasks.emg import EmgTask

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
ROOT = Path(__file__).parents[2]


def here(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    assert all(value.is_cuda for value in batch.values())
    return {name: value.cpu() for name, value in batch.items()}


def busy() -> torch.Tensor:
    """Keep the device's own stream busy, so that copies and cuts are far behind the host."""
    square = torch.randn(4096, 4096, device="cuda")
    for _ in range(4):
        square = torch.tanh(square @ square)
    return square


@pytest.mark.parametrize("emg", ["float32", "int16"])
@pytest.mark.parametrize(("fixture", "horizon", "history", "window", "hop", "rate"), CASES)
def test_a_gpu_makes_the_same_batches(fixture, horizon, history, window, hop, rate, emg, request) -> None:
    root: Path = request.getfixturevalue(fixture)
    options = BASE | {"window": window, "horizon": horizon, "history": history, "hop": hop, "emg": emg}
    options |= {"phase": "estimated", "companion": fixture == "store"}
    count = 0
    for one, other in zip(StrideWindows(root, **options), DeviceWindows(root, device="cuda", **options), strict=True):
        assert_same(one, here(other))
        count += 1
    assert count > 4


def test_batches_are_right_however_far_the_device_is_behind(store: Path) -> None:
    options = BASE | {"history": "mask", "lanes": 2, "global_batch": 16}
    expected = StrideWindows(store, **options)
    kept: list[dict[str, torch.Tensor]] = []
    for batch in DeviceWindows(store, device="cuda", **options):
        kept.append(batch)
        busy()
    for one, other in zip(expected, kept, strict=True):
        assert_same(one, here(other))


def test_an_arena_that_grows_is_cut_at_its_new_place(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_windows, "POOL_BLOCKS", 0)
    options = BASE | {"global_batch": 1500, "hop": 3, "history": "mask", "lanes": 1}
    made = []
    for one, other in zip(StrideWindows(store, **options), DeviceWindows(store, device="cuda", **options), strict=True):
        assert_same(one, here(other))
        made.append(other)
    assert made


def test_augmentation_is_bit_for_bit_that_of_the_processor(store: Path) -> None:
    augment = [TimeJitter(ms=20), ChannelDropout(p=0.2), AmplitudeScale(low=0.8, high=1.25), Noise(sd=0.02)]
    options = BASE | {"augment": augment, "history": "mask"}
    for one, other in zip(StrideWindows(store, **options), DeviceWindows(store, device="cuda", **options), strict=True):
        found = here(other)
        assert torch.equal(one["emg_mask"], found["emg_mask"])
        torch.testing.assert_close(found["emg"], one["emg"], rtol=3e-7, atol=1e-7)


def test_workers_are_refused(store: Path) -> None:
    windows = DeviceWindows(store, device="cuda", **BASE)
    loader = torch.utils.data.DataLoader(windows, batch_size=None, num_workers=1, multiprocessing_context="spawn")
    with pytest.raises(LoaderProcessError, match="Iterate it directly"):
        next(iter(loader))


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_run_on_a_gpu_learns_and_goes_on(tmp_path: Path, precision: str) -> None:
    write_store(tmp_path / "store", "hu", {"a": 6, "b": 6, "c": 6, "d": 6}, seed=1)
    ranks = Ranks(rank=0, world_size=1, device=torch.device("cuda", 0))
    options: dict[str, Any] = {"store": str(tmp_path / "store"), "global_batch": 32, "steps": 5, "window": 64}
    whole = configure(tmp_path / "whole", precision=precision, **options)
    parts = configure(tmp_path / "parts", precision=precision, **options)
    loop.train(whole, EmgTask(whole), ranks)
    for done in (1, 2):
        brief = parts.model_copy(update={"max_minutes": 1e-9})
        assert loop.train(brief, EmgTask(brief), ranks) == done
    assert loop.train(parts, EmgTask(parts), ranks) == 5
    for name, value in final_model(whole).items():
        torch.testing.assert_close(final_model(parts)[name], value, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.cluster
def test_torchrun_with_nccl_trains_and_its_run_is_scored_on_the_processor(tmp_path: Path) -> None:
    store, run = tmp_path / "store", tmp_path / "run"
    write_store(store, "hu", {"a": 6, "b": 6, "c": 6, "d": 6}, seed=1)
    start = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=1")
    train = ("-m", "training.train", "training/configs/smoke.yaml", f"store={store}", f"out={run}", "precision=bf16")
    for command in ([*start, *train, "device=cuda"], [sys.executable, "-m", "training.evaluate", str(run)]):
        hidden = {} if "device=cuda" in command else {"CUDA_VISIBLE_DEVICES": ""}
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | hidden, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr


def test_a_batch_that_is_kept_is_not_written_again(store: Path) -> None:
    options = BASE | {"device": "cuda"}
    kept = list(itertools.islice(DeviceWindows(store, **options), 12))
    for one, other in zip(kept, DeviceWindows(store, **options), strict=False):
        assert_same(here(one), here(other))
