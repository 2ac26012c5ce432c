"""From a store on disk to scores: torchrun on two ranks, and a resumption in the middle of an epoch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.load.stores import write_store
from tests.training.test_loop import ALONE, configure, final_model
from training import loop
from training.evaluate import main
from training.tasks.emg import EmgTask

ROOT = Path(__file__).parents[2]


@pytest.mark.slow  # the test of the demo takes the same way
@pytest.mark.cluster
def test_two_ranks_train_on_a_store_and_the_run_is_scored(tmp_path: Path, capsys: Any) -> None:
    store, run = tmp_path / "store", tmp_path / "run"
    write_store(store, "hu", {"a": 6, "b": 6, "c": 6, "d": 6}, seed=1)
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"),
        *("-m", "training.train", "training/configs/smoke.yaml", f"store={store}", f"out={run}", "device=cpu"),
    ]
    quick = {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=os.environ | quick, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines() if "rate" in line]
    assert steps == [1, 2, 3, 4]
    assert main([str(run), "--json", str(run / "scores.json"), "--hop", "20"]) == 0
    result = json.loads((run / "scores.json").read_text())
    assert result["persons"] == {"train": 2, "validation": 1, "test": 1}
    assert result["windows"] > 0
    assert {row["persons"] for row in result["scores"]} == {1}
    assert "persons per split" in capsys.readouterr().out


def test_a_run_on_the_real_loader_resumes_bit_for_bit(tmp_path: Path) -> None:
    write_store(tmp_path / "store", "hu", {"a": 6, "b": 6, "c": 6, "d": 6}, seed=1)
    options: dict[str, Any] = {"store": str(tmp_path / "store"), "global_batch": 32, "steps": 5, "window": 64}
    whole = configure(tmp_path / "whole", **options)
    parts = configure(tmp_path / "parts", **options)
    loop.train(whole, EmgTask(whole), ALONE)
    for done in (1, 2):
        brief = parts.model_copy(update={"max_minutes": 1e-9})
        assert loop.train(brief, EmgTask(brief), ALONE) == done
    assert loop.train(parts, EmgTask(parts), ALONE) == 5
    for name, value in final_model(whole).items():
        assert torch.equal(value, final_model(parts)[name]), name
