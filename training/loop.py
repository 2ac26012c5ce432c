"""The training loop: batches in, checkpoints and a log out; resumed equals uninterrupted, bit for bit on a CPU.

All randomness of a step is a pure function of (seed, step, rank), so a checkpoint's step is its random state and a run
may go on with another number of ranks.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import torch
from torch import nn

from biomech_xr.errors import BiomechXRError
from training import distributed, losses
from training.config import TrainConfig
from training.distributed import Ranks
from training.ending import agreed, signals_as_event
from training.losses import Term
from training.run import Run, begin, save
from training.sample import spread
from training.task import Batch, Task

log = logging.getLogger(__name__)


class TrainingError(BiomechXRError, ArithmeticError):
    """Training diverged: a loss or gradient is not finite."""


def train(config: TrainConfig, task: Task, ranks: Ranks) -> int:
    """Train until `config.steps`, a time limit or a signal, each with a checkpoint; return the optimizer steps done.

    A signal (SIGTERM, Ctrl-C) is heeded before the next step, and a step whose batch is not there yet is not waited for
    where storage is away: `training.ending` says how.

    Raises
    ------
    TrainingError
        A loss or gradient is not finite.
    ConfigError, OccupiedError, CheckpointError
        See `training.run.begin`; `CheckpointError` also when a checkpoint cannot be written.
    """
    started = time.monotonic()
    with signals_as_event() as interrupted:
        run = begin(config, task, ranks)
        if ranks.leads:
            _say_start(run, config, ranks)
        first = saved = run.step
        values: dict[str, float] = {}

        def minutes() -> float:
            return (time.monotonic() - started) / 60

        def over() -> bool:
            late = config.max_minutes is not None and run.step > first and minutes() > config.max_minutes
            return late or interrupted.is_set() or run.step >= config.steps

        with closing(run.batches(workers_per_rank=config.workers)) as batches:
            for batch in agreed(batches, over, interrupted, device=ranks.device):
                done = optimizer_step(run, task, batch, config, ranks)
                values = {"step": run.step, "epoch": run.epoch, "minutes": round(minutes(), 3), **done}
                if ranks.leads and run.step % config.log_every == 0:
                    _log_values(config, values)
                if run.step % config.checkpoint_every == 0 and run.step < config.steps:
                    saved = _checkpoint(run, task, config, ranks, interrupted)
        if ranks.leads and values and run.step % config.log_every:
            _log_values(config, values)
        if run.step > saved:
            _checkpoint(run, task, config, ranks, interrupted)
    if ranks.leads:
        late = config.max_minutes is not None and minutes() > config.max_minutes and not interrupted.is_set()
        _say_end(run, config, why=f"after max_minutes={config.max_minutes}" if late else "by a signal")
    return run.step


def _checkpoint(run: Run, task: Task, config: TrainConfig, ranks: Ranks, interrupted: threading.Event) -> int:
    """Validate, unless a signal came, and write a checkpoint; return its step."""
    scores = validate(run, task, config, ranks, interrupted)
    if ranks.leads:
        _log_values(config, {"step": run.step, **{f"validation_{name}": x for name, x in scores.items()}})
        save(run, config, validation=scores.get("loss"))
    return run.step


def optimizer_step(run: Run, task: Task, batch: Batch, config: TrainConfig, ranks: Ranks) -> dict[str, float]:
    """Update the model with one global batch; return loss terms over all ranks, gradient norm and learning rate."""
    run.parallel.train()
    torch.manual_seed(_seed(config.seed, run.step, ranks.rank))
    rate = learning_rate(run.step, config)
    for group in run.optimizer.param_groups:
        group["lr"] = rate
    run.optimizer.zero_grad()
    terms = _terms(task, run.parallel, batch, run, config)
    objective, values = losses.combine(terms, task.weights())
    objective.backward()  # type: ignore[no-untyped-call]
    norm = float(nn.utils.clip_grad_norm_(run.model.parameters(), config.clip))
    if not math.isfinite(norm + values["loss"]):
        raise TrainingError(
            f"{config.out}: step {run.step}: found loss {values['loss']}, gradient norm {norm}, expected finite. "
            "Lower learning_rate or clip and start in another `out`."
        )
    run.optimizer.step()
    run.step += 1
    return {**values, "gradient_norm": norm, "learning_rate": rate}


def learning_rate(step: int, config: TrainConfig) -> float:
    """Return the learning rate of a step: linear warm-up, then half a cosine down to a tenth of the peak."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    share = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.learning_rate * (0.1 + 0.45 * (1 + math.cos(math.pi * min(share, 1.0))))


@torch.no_grad()
def validate(run: Run, task: Task, config: TrainConfig, ranks: Ranks, interrupted: threading.Event) -> dict[str, float]:
    """Return the loss terms on validation batches, always the same, over all ranks.

    Empty when nobody validates, and when any rank is interrupted before the last of them.
    """
    if run.validation is None or distributed.any_rank(interrupted.is_set(), device=ranks.device):
        return {}
    run.model.eval()
    mean, batches = losses.Mean(), spread(run.validation, config.validation_batches)
    for batch in agreed(batches, interrupted.is_set, interrupted, device=ranks.device):
        mean.add(_terms(task, run.model, batch, run, config))
    if distributed.any_rank(interrupted.is_set(), device=ranks.device):
        return {}
    return mean.values(task.weights())


def _terms(task: Task, model: nn.Module, batch: Batch, run: Run, config: TrainConfig) -> dict[str, Term]:
    """Return the loss terms of a batch, which goes to where the statistics are, in the precision of the run."""
    device = next(iter(run.statistics.values())).device
    here = {name: value.to(device) for name, value in batch.items()}
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=config.precision == "bf16"):
        return task.terms(model, here, run.statistics)


def _seed(seed: int, step: int, rank: int) -> int:
    """Return 63 well mixed bits; neighboring seeds would give correlated dropout."""
    digest = hashlib.sha256(f"{seed}/{step}/{rank}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def _log_values(config: TrainConfig, values: Mapping[str, float]) -> None:
    """Append one line to metrics.jsonl and say it."""
    if len(values) < 2:
        return
    with (Path(config.out) / "metrics.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(values) + "\n")
    log.info("%s", "  ".join(f"{name} {value:.5g}" for name, value in values.items()))


def _say_start(run: Run, config: TrainConfig, ranks: Ranks) -> None:
    """Say what starts; after a resume, drop log lines of steps that are done again."""
    count = sum(parameter.numel() for parameter in run.model.parameters())
    start = f"resumes at step {run.step}" if run.step else "starts"
    log.info(
        "%s: %s, %d parameters, %d rank(s) on %s, %d global batches of %d windows per epoch",
        config.out,
        start,
        count,
        ranks.world_size,
        ranks.device,
        run.windows.steps_per_epoch,
        config.global_batch,
    )
    log.info("%s", run.windows.describe())
    if run.validation is None and config.validation_batches:
        log.info("%s: nobody is in the validation split, so there is no best checkpoint, only the last", config.out)
    file = Path(config.out) / "metrics.jsonl"
    if file.is_file():
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        file.write_text("".join(line for line in lines if _logged_step(line) <= run.step), encoding="utf-8")


def _logged_step(line: str) -> float:
    """Return the step of one log line; infinity for a line that a crash cut."""
    try:
        return float(json.loads(line)["step"])
    except (json.JSONDecodeError, KeyError, TypeError):
        return math.inf


def _say_end(run: Run, config: TrainConfig, *, why: str) -> None:
    if run.step >= config.steps:
        log.info(
            "%s: done after %d steps; score it with: python -m training.evaluate %s", config.out, run.step, config.out
        )
    else:
        log.info(
            "%s: stopped %s at step %d of %d, not done; the same command goes on",
            config.out, why, run.step, config.steps,
        )  # fmt: skip
