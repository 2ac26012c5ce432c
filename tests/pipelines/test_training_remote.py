"""Training as users start it: two ranks with two workers each, on a store in the emulator, stopped and resumed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from biomech_xr.store.copying import copy_store
from tests.buckets import GCS, emulated_gcs
from tests.load.stores import write_store
from training import checkpoint
from training.run import read_checkpoint, read_config

ROOT = Path(__file__).parents[2]
STEPS = 9


def train(out: Path, **settings: object) -> str:
    """Train with torchrun on two ranks and return what was logged."""
    given = {"store": f"{GCS}/walk", "out": out, "device": "cpu", "steps": STEPS, "checkpoint_every": 100, **settings}
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"),
        *("-m", "training.train", "training/configs/smoke.yaml", *(f"{name}={value}" for name, value in given.items())),
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def model(run: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = read_checkpoint(run, read_config(run))[0]["model"]
    return found


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.timeout(900)
def test_two_ranks_with_two_workers_resume_bit_for_bit_on_a_remote_store(tmp_path: Path) -> None:
    """An epoch is shorter than the run, and the stop is in the middle of one."""
    write_store(tmp_path / "walk", "hu", {"a": 5, "b": 5, "c": 5, "d": 5}, seed=1)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    with emulated_gcs():
        copy_store(str(tmp_path / "walk"), f"{GCS}/walk")
        train(whole, workers=0)
        train(parts, workers=2, max_minutes="1.0e-9")
        assert [entry.step for entry in checkpoint.entries(parts / "checkpoints")] == [1]
        assert "resumes at step 1" in train(parts, workers=2)
    lines = [json.loads(line) for line in (parts / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["step"] for line in lines if "learning_rate" in line] == list(range(1, STEPS + 1))
    assert lines[-1]["step"] == STEPS
    expected, found = model(whole), model(parts)
    for name, value in expected.items():
        assert torch.equal(value, found[name]), name
