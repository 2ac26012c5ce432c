"""A signal while storage is away: the run ends soon, at its last finished step, and goes on as if nothing had been."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import IterableDataset

from biomech_xr.errors import StoppedError
from biomech_xr.load.blocks.prefetch import prefetched
from biomech_xr.store import stopping
from biomech_xr.store.copying import copy_store
from biomech_xr.testing.gcs import Faults, GcsEmulator, Rule
from tests.buckets import GCS, gcs
from tests.load.stores import write_store
from tests.training.fake_windows import FakeWindows
from tests.training.test_loop import ALONE, configure, final_model
from training import checkpoint, loop, workers
from training.tasks.emg import EmgTask

__all__ = ["gcs"]

AWAY = Faults(rules=(Rule(action="http_503", count=None),))


def terminate_soon(seconds: float = 0.7) -> None:
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM)).start()


def after_step(monkeypatch: pytest.MonkeyPatch, number: int, action: Callable[[], object]) -> list[float]:
    """Do something after a step of this number; return the times of steps, which grow."""
    real, done = loop.optimizer_step, []

    def step(*given: Any) -> dict[str, float]:
        values = real(*given)
        done.append(time.monotonic())
        if len(done) == number:
            action()
        return values

    monkeypatch.setattr(loop, "optimizer_step", step)
    return done


@pytest.mark.parametrize("shown", [1, 4])
def test_a_run_whose_storage_is_away_ends_with_its_last_step(
    gcs: GcsEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: int
) -> None:
    write_store(tmp_path / "store", "hu", {"a": 3, "b": 3, "c": 3, "d": 3}, seed=1)
    root = f"{GCS}/away-{shown}"
    copy_store(str(tmp_path / "store"), root)
    options: dict[str, Any] = {"store": root, "global_batch": 64, "steps": 12, "window": 64}
    options |= {"validation_batches": 1, "statistics_batches": 2, "checkpoint_every": 100}
    whole, broken = configure(tmp_path / "whole", **options), configure(tmp_path / "broken", **options)
    loop.train(whole, EmgTask(whole), ALONE)

    def lose_the_storage() -> None:
        gcs.faults = AWAY
        terminate_soon()

    done = after_step(monkeypatch, shown, lose_the_storage)
    steps = loop.train(broken, EmgTask(broken), ALONE)
    ended = time.monotonic()
    assert gcs.injected["http_503"] > 0, "the storage was asked while it was away"
    gcs.faults = Faults()
    assert steps == len(done) < 12
    assert ended - done[-1] < 15
    assert [entry.step for entry in checkpoint.entries(Path(broken.out) / "checkpoints")] == [steps]
    assert loop.train(broken, EmgTask(broken), ALONE) == 12
    for name, value in final_model(whole).items():
        assert torch.equal(value, final_model(broken)[name]), name


def test_a_read_that_stands_still_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "PATIENCE", 0.5)
    monkeypatch.setattr(stopping, "_LOOK", 0.1)
    released = threading.Event()
    order: Any = SimpleNamespace(pool_of=lambda _block: 0)
    share: Any = SimpleNamespace(block=np.zeros(1, np.int64), pool=0)
    threading.Timer(0.5, stopping.stop_retrying).start()
    started = time.monotonic()
    with pytest.raises(StoppedError, match="without a reply"):
        next(prefetched(order, iter([share]), lambda _block: released.wait(60), ahead=1))
    released.set()
    assert 0.9 < time.monotonic() - started < 30


class Awaiting(FakeWindows, IterableDataset[Any]):
    """Windows whose fourth training batch does not come before the process is told to end."""

    def __iter__(self) -> Iterator[Any]:
        for count, batch in enumerate(super().__iter__(), start=1):
            if count == 4 and self._epoch == 1:
                assert stopping.stopped(30)
                raise StoppedError("given up")
            yield batch


def test_the_rank_tells_its_workers_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    multiprocessing.set_forkserver_preload(["tests.load.warm"])
    monkeypatch.setattr(workers, "START", "forkserver")
    config = configure(tmp_path, steps=40, workers=1, checkpoint_every=100)
    after_step(monkeypatch, 7, terminate_soon)
    assert loop.train(config, EmgTask(config, open_windows=Awaiting), ALONE) == 7
    assert checkpoint.entries(tmp_path / "checkpoints")[-1].step == 7


def test_a_stop_without_a_signal_is_an_error(tmp_path: Path) -> None:
    threading.Timer(1.0, stopping.stop_retrying).start()
    config = configure(tmp_path, steps=40)
    with pytest.raises(StoppedError):
        loop.train(config, EmgTask(config, open_windows=Awaiting), ALONE)


def test_a_checkpoint_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    config = configure(tmp_path / "run", steps=5, checkpoint_every=100)
    (tmp_path / "run").mkdir()

    class Unwritable(FakeWindows):
        def state_dict(self, *, steps: int | None = None) -> dict[str, Any]:
            (tmp_path / "run" / "checkpoints").write_text("in the way")
            return super().state_dict(steps=steps)

    with pytest.raises(
        checkpoint.CheckpointError, match=r"run/checkpoints: the checkpoint of step 5 cannot be written"
    ):
        loop.train(config, EmgTask(config, open_windows=Unwritable), ALONE)
