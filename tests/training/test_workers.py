"""Training with DataLoader workers: bookkeeping, which changes no bit of what is learned."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import IterableDataset

from tests.load.stores import write_store
from tests.training.fake_windows import FakeWindows
from tests.training.test_loop import ALONE, configure, final_model
from training import loop, workers
from training.tasks.emg import EmgTask


@pytest.fixture(autouse=True)
def quick_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers start from a server that has all imported; the slow tests start them as users do."""
    multiprocessing.set_forkserver_preload(["tests.load.warm"])
    monkeypatch.setattr(workers, "START", "forkserver")


def test_workers_change_nothing_also_when_a_run_is_resumed_in_mid_epoch_with_others(tmp_path: Path) -> None:
    write_store(tmp_path / "store", "hu", {"a": 3, "b": 3, "c": 3, "d": 3}, seed=1)
    options: dict[str, Any] = {"store": str(tmp_path / "store"), "global_batch": 64, "steps": 7, "window": 64}
    options |= {"validation_batches": 1, "statistics_batches": 2}
    whole, parts = configure(tmp_path / "whole", **options), configure(tmp_path / "parts", **options)
    loop.train(whole, EmgTask(whole), ALONE)
    for count, minutes, done in ((2, 1e-9, 1), (0, 1e-9, 2), (1, None, 7)):
        part = parts.model_copy(update={"workers": count, "max_minutes": minutes})
        assert loop.train(part, EmgTask(part), ALONE) == done
    for name, value in final_model(whole).items():
        assert torch.equal(value, final_model(parts)[name]), name


class IterableWindows(FakeWindows, IterableDataset):
    pass


def test_signals_are_left_to_the_rank() -> None:
    """Ctrl-C and SIGTERM reach a whole group of processes; without its workers a rank could not end in order."""
    windows = IterableWindows("x", split="train", window=8, global_batch=12, seed=0, rank=0, world_size=1)
    stream, others = workers.batches(windows, workers=1), set(multiprocessing.active_children())
    assert len(next(iter(stream))["weight"]) == 12
    (child,) = set(multiprocessing.active_children()) - others
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(child.pid or 0, number)
    assert len(list(stream)) == 96 // 12 - 1
