"""Two ranks do what one does: the same loss, the same gradient, and the same bits after a crash."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel

from biomech_xr.errors import StoppedError
from biomech_xr.store import stopping
from tests.training.fake_windows import FakeWindows, make_batch
from tests.training.test_loop import CrashError, configure, crash, final_model, interrupt_at
from training import distributed, loop, losses
from training.config import TrainConfig
from training.distributed import Ranks
from training.tasks.emg import EmgTask

RANKS = 2


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def work(rank: int, port: int, folder: str) -> None:
    """Do, on one of two ranks, everything the test looks at; process start-up is slow, so all in one go."""
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(RANKS), "RANK": str(rank)}
    os.environ.update({**address, "LOCAL_RANK": str(rank)})
    with distributed.start("cpu", threads=1) as ranks:
        result = gradients(configure(Path(folder) / "unused"), ranks)
        assert distributed.any_rank(rank == 1, device=ranks.device)
        assert not distributed.any_rank(False, device=ranks.device)
        train(configure(Path(folder) / "whole"), ranks)
        broken = configure(Path(folder) / "broken")
        with pytest.raises(CrashError):
            train(broken, ranks, interrupt_at(9, crash))
        assert train(broken, ranks) == broken.steps
        away = configure(Path(folder) / "away", checkpoint_every=100)
        assert train(away, ranks, interrupt_at(9, partial(lose_the_storage, rank))) == 5
        assert train(away, ranks) == away.steps
        if rank == 0:
            torch.save(result, Path(folder) / "result.pt")


def lose_the_storage(rank: int) -> None:
    """Let both ranks be terminated while the second one has no batch and the first one waits for it, in a sum."""
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM)).start()
    if rank == 1:
        assert stopping.stopped(30)
        raise StoppedError("given up")


def train(config: TrainConfig, ranks: Ranks, after: Any = None) -> int:
    return loop.train(
        config, EmgTask(config, open_windows=lambda *a, **k: FakeWindows(*a, after_batch=after, **k)), ranks
    )


def gradients(config: TrainConfig, ranks: Ranks) -> dict[str, Any]:
    """Return loss, statistics and gradient of one global batch of 24 windows, this rank seeing its share."""
    task = EmgTask(config)
    batch = make_batch(24)
    batch["target_torque_mask"][:10] = False  # the first rank sees far fewer torques than the second
    batch["weight"][-3:] = 0.0
    share = 24 // ranks.world_size
    mine = {name: value[ranks.rank * share :][:share] for name, value in batch.items()}
    statistics = task.fit([mine])
    torch.manual_seed(0)
    model = task.model(statistics).eval()
    parallel = DistributedDataParallel(model) if ranks.world_size > 1 else model
    objective, values = losses.combine(task.terms(parallel, mine, statistics), task.weights())
    objective.backward()
    grads = {name: parameter.grad for name, parameter in model.named_parameters()}
    return {"values": values, "statistics": statistics, "gradients": grads}


@pytest.mark.cluster
def test_two_ranks_do_what_one_does_and_resume_bit_for_bit(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("gloo over spawned processes is tested on Linux")
    alone = gradients(configure(tmp_path / "unused"), Ranks(rank=0, world_size=1, device=torch.device("cpu")))
    mp.spawn(work, args=(free_port(), str(tmp_path)), nprocs=RANKS)
    shared = torch.load(tmp_path / "result.pt", weights_only=True)
    assert shared["values"] == pytest.approx(alone["values"], rel=1e-5)
    torch.testing.assert_close(shared["statistics"], alone["statistics"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(shared["gradients"], alone["gradients"], rtol=1e-3, atol=1e-5)
    whole, broken, away = (final_model(configure(tmp_path / name)) for name in ("whole", "broken", "away"))
    for name, value in whole.items():
        assert torch.equal(value, broken[name]), name
        assert torch.equal(value, away[name]), name
