"""The loop: it learns, it resumes bit for bit, it stops cleanly, it refuses what it must."""

from __future__ import annotations

import json
import logging
import math
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from biomech_xr.errors import ConfigError, OccupiedError
from tests.training.fake_windows import FakeWindows
from training import checkpoint, loop
from training.config import TrainConfig
from training.distributed import Ranks
from training.tasks.emg import EmgTask

ALONE = Ranks(rank=0, world_size=1, device=torch.device("cpu"))


class CrashError(RuntimeError):
    """Stands for a machine that dies."""


def configure(out: Path, **changes: Any) -> TrainConfig:
    small = {"features": 16, "heads": 2, "encoder_layers": 1, "decoder_layers": 1, "dropout": 0.2}
    base = {
        "store": "fake",
        "out": str(out),
        "window": 32,
        "global_batch": 24,
        "steps": 10,
        "warmup": 2,
        "learning_rate": 0.003,
        "model": small,
        "statistics_batches": 4,
        "validation_batches": 2,
        "checkpoint_every": 3,
        "log_every": 1,
    }
    return TrainConfig.of({**base, **changes})


def run(config: TrainConfig, after_batch: Callable[[int], None] | None = None, ranks: Ranks = ALONE) -> int:
    task = EmgTask(config, open_windows=partial(FakeWindows, after_batch=after_batch))
    return loop.train(config, task, ranks)


def final_model(config: TrainConfig) -> dict[str, torch.Tensor]:
    folder = Path(config.out) / "checkpoints"
    found: dict[str, torch.Tensor] = checkpoint.load(folder, config_hash=config.identity())[0]["model"]
    return found


def log_lines(config: TrainConfig) -> list[dict[str, float]]:
    text = (Path(config.out) / "metrics.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def interrupt_at(count: int, action: Callable[[], None]) -> Callable[[int], None]:
    seen = {"batches": 0}

    def after(_done: int) -> None:
        seen["batches"] += 1
        if seen["batches"] == count:
            action()

    return after


def crash() -> None:
    raise CrashError


def test_learns_what_only_emg_can_tell(tmp_path: Path) -> None:
    config = configure(tmp_path, steps=60, warmup=5, log_every=5, checkpoint_every=200)
    config = config.model_copy(update={"model": config.model.model_copy(update={"dropout": 0.0})})
    assert run(config) == 60
    losses = [line["torque"] for line in log_lines(config) if "torque" in line]
    assert losses[-1] < 0.5 * losses[0]


# the first iteration over the windows fits the statistics (4 batches), so batch 4 + n is training step n
@pytest.mark.parametrize("stop_at", [5, 6, 10])
def test_a_run_that_crashed_ends_like_one_that_did_not(tmp_path: Path, stop_at: int) -> None:
    whole, broken = configure(tmp_path / "whole"), configure(tmp_path / "broken")
    run(whole)
    with pytest.raises(CrashError):
        run(broken, interrupt_at(stop_at, crash))
    assert run(broken) == 10
    expected, found = final_model(whole), final_model(broken)
    for name, value in expected.items():
        assert torch.equal(value, found[name]), name
    losses = {line["step"]: line["loss"] for line in log_lines(whole) if "loss" in line}
    assert {line["step"]: line["loss"] for line in log_lines(broken) if "loss" in line} == losses


def test_sigterm_leaves_a_checkpoint_and_the_same_command_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole, stopped = configure(tmp_path / "whole"), configure(tmp_path / "stopped")
    run(whole)
    before = signal.getsignal(signal.SIGTERM)
    with caplog.at_level(logging.INFO):
        steps = run(stopped, interrupt_at(9, lambda: os.kill(os.getpid(), signal.SIGTERM)))
    assert signal.getsignal(signal.SIGTERM) == before
    assert 0 < steps < 10
    assert "the same command goes on" in caplog.text
    assert checkpoint.entries(Path(stopped.out) / "checkpoints")[-1].step == steps
    assert run(stopped) == 10
    assert all(torch.equal(value, final_model(stopped)[name]) for name, value in final_model(whole).items())


def test_a_time_limit_ends_the_run_with_a_checkpoint(tmp_path: Path) -> None:
    config = configure(tmp_path, steps=10_000, max_minutes=1e-9)
    assert run(config) == 1
    assert checkpoint.entries(tmp_path / "checkpoints")[-1].step == 1


def test_a_finished_run_does_nothing_more(tmp_path: Path) -> None:
    config = configure(tmp_path)
    run(config)
    before = final_model(config)
    assert run(config, interrupt_at(1, crash)) == 10
    assert all(torch.equal(value, final_model(config)[name]) for name, value in before.items())


def test_refuses_a_folder_of_another_run_and_one_that_is_no_run(tmp_path: Path) -> None:
    run(configure(tmp_path / "run", steps=1))
    with pytest.raises(OccupiedError, match=r"learning_rate: 0\.003, now 0\.5"):
        run(configure(tmp_path / "run", steps=1, learning_rate=0.5))
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("Anna")
    with pytest.raises(OccupiedError, match="not a training run"):
        run(configure(tmp_path / "letters"))
    assert [file.name for file in (tmp_path / "letters").iterdir()] == ["dear.txt"]


def test_bookkeeping_may_change_between_a_run_and_its_resumption(tmp_path: Path) -> None:
    run(configure(tmp_path, max_minutes=1e-9))
    assert run(configure(tmp_path, checkpoint_every=5, log_every=2)) == 10


def test_too_few_windows_and_uneven_ranks_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fewer windows"):
        run(configure(tmp_path / "few", global_batch=97))
    three = Ranks(rank=0, world_size=5, device=torch.device("cpu"))
    with pytest.raises(ConfigError, match="multiple of 5 ranks"):
        run(configure(tmp_path / "uneven"), ranks=three)


def test_a_run_without_validation_people_says_so_and_keeps_the_last(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        run(configure(tmp_path, store="nobody"))
    assert "no best checkpoint" in caplog.text
    assert [entry.validation for entry in checkpoint.entries(tmp_path / "checkpoints")] == [None, None]


def test_divergence_is_an_error_and_no_checkpoint_of_it_is_kept(tmp_path: Path) -> None:
    class Poisoned(FakeWindows):
        def __iter__(self) -> Any:
            for count, batch in enumerate(super().__iter__()):
                if count == 3 and self._epoch == 1:
                    batch["target_torque"][0, 0] = math.inf
                    batch["target_torque_mask"][0, 0] = True
                yield batch

    config = configure(tmp_path, log_every=1)
    with pytest.raises(loop.TrainingError, match=r"step 7: found loss inf"):
        loop.train(config, EmgTask(config, open_windows=Poisoned), ALONE)
    assert checkpoint.entries(tmp_path / "checkpoints")[-1].step == 6


def test_learning_rate_warms_up_and_falls_to_a_tenth(tmp_path: Path) -> None:
    config = configure(tmp_path, steps=100, warmup=10, learning_rate=1.0)
    rates = [loop.learning_rate(step, config) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == rates[10] == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[100] == pytest.approx(0.1)
