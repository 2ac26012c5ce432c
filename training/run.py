"""A training run on disk and in memory: claim its folder, start or resume it, save it.

``<out>/config.yaml`` says what is trained, ``<out>/checkpoints`` holds the states, ``<out>/metrics.jsonl`` the log.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from biomech_xr.errors import ConfigError, NotAStoreError, OccupiedError, SplitError, describe
from training import checkpoint, distributed, sample, workers
from training.config import TrainConfig
from training.distributed import Ranks
from training.task import Batch, Task, Windows

log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class Run:
    """Everything that changes while training, and what it needs; `parallel` is the model as the ranks share it."""

    model: nn.Module
    parallel: nn.Module
    optimizer: torch.optim.Optimizer
    windows: Windows
    validation: Windows | None
    statistics: dict[str, torch.Tensor]
    step: int = 0
    epoch: int = 0

    def batches(self, *, workers_per_rank: int = 0) -> Generator[Batch, None, None]:
        """Iterate over this rank's batches, epoch after epoch, from where the run is."""
        while True:
            yield from workers.batches(self.windows, workers=workers_per_rank)
            self.epoch += 1
            self.windows.set_epoch(self.epoch)


def begin(config: TrainConfig, task: Task, ranks: Ranks) -> Run:
    """Return a new run, or the one that `config.out` holds, at its last checkpoint.

    Raises
    ------
    ConfigError
        The training split is smaller than one global batch, the ranks do not divide it or read different windows, or
        the windows are not those of the checkpoint.
    OccupiedError
        `config.out` holds a run of another configuration, or something else.
    CheckpointError
        There are checkpoints and none can be read, or another version of this package wrote them.
    """
    checkpoint.check_format(Path(config.out) / "checkpoints")
    folder = claim(config, ranks)
    saved = _last_checkpoint(folder, config)
    windows = _training_windows(config, task, ranks)
    _check_agreement(int(saved["step"]) if saved else 0, config, windows, ranks)
    if saved:
        statistics = saved["statistics"]
    else:
        batches = sample.training_batches(task, ranks, datasets=windows.datasets, limit=config.statistics_batches)
        statistics = task.fit(batches)
    torch.manual_seed(config.seed)
    model = task.model(statistics).to(ranks.device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.95)
    )
    windows.set_epoch(0)
    if saved:
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        windows.load_state_dict(json.loads(saved["windows"]))
    return Run(
        model=model,
        parallel=DistributedDataParallel(model) if ranks.world_size > 1 else model,
        optimizer=optimizer,
        windows=windows,
        validation=task.windows("validation", ranks, remainder="pad") if config.validation_batches else None,
        statistics={name: value.to(ranks.device) for name, value in statistics.items()},
        step=int(saved["step"]) if saved else 0,
        epoch=int(saved["epoch"]) if saved else 0,
    )


def save(run: Run, config: TrainConfig, *, validation: float | None) -> Path:
    """Write a checkpoint of the run; call it on the leading rank only, because the state is the same on all.

    The random state is the pair (seed, step), see `training.loop`, and the learning rate a function of the step.

    Raises
    ------
    CheckpointError
        The checkpoint cannot be written.
    """
    state = {
        "model": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "windows": json.dumps(run.windows.state_dict(steps=run.step - run.epoch * run.windows.steps_per_epoch)),
        "random": {"seed": config.seed, "step": run.step},
        "statistics": {name: value.cpu() for name, value in run.statistics.items()},
        "step": run.step,
        "epoch": run.epoch,
    }
    folder = Path(config.out) / "checkpoints"
    try:
        return checkpoint.save(folder, state, step=run.step, config_hash=config.identity(), validation=validation)
    except OSError as error:
        raise checkpoint.CheckpointError(
            f"{folder}: the checkpoint of step {run.step} cannot be written ({error}). Make room there, or make the "
            "folder reachable; the same command goes on from the checkpoint before."
        ) from error


def claim(config: TrainConfig, ranks: Ranks) -> Path:
    """Make `config.out` this run's folder, or find that it is already; return it.

    Raises
    ------
    OccupiedError
        The folder holds a run of another configuration, or something that is no run.
    """
    out = Path(config.out)
    file = out / "config.yaml"
    problem = ""
    if ranks.leads and file.is_file():
        found = TrainConfig.load(file)
        if found.identity() != config.identity():
            problem = f"a run with other settings ({', '.join(_differences(found, config))})"
    elif ranks.leads and out.exists() and (not out.is_dir() or any(out.iterdir())):
        problem = "files that are not a training run"
    if distributed.any_rank(bool(problem), device=ranks.device):
        expected = f"an empty folder or a run with config hash {config.identity()}"
        action = "Choose another `out`, restore the settings, or remove the folder."
        raise OccupiedError(describe(file=out, found=problem or "another run", expected=expected, action=action))
    if ranks.leads:
        out.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
        checkpoint.write_atomically(file, text.encode())
    return out


def with_version(config: TrainConfig) -> TrainConfig:
    """Return the configuration with the version of the strides: the one stated, that of the run in `out`, the newest.

    Raises
    ------
    NotAStoreError
        The store has no finished strides of the chain, or not this version.
    ConfigError
        The version that the run began with was lost, and another one has its number now.
    CheckpointError
        See `training.checkpoint.check_format`.
    """
    from biomech_xr.store import read_version  # here, because the libraries of stores take seconds to import

    file = Path(config.out) / "config.yaml"
    before = read_config(file.parent) if file.is_file() else config
    found = read_version(config.store, config.chain, config.version or before.version)
    digest = str(found.pointer["digest"])
    known = config.version_digest or (before.version_digest if before.version == found.number else "")
    if known not in ("", digest):
        raise ConfigError(
            f"{config.store}: version {found.number} of chain {config.chain!r} is not the one that {config.out} began "
            "with: that was lost, and another was made under its number. Restore its pointer from a copy of the store, "
            "or train into another `out`."
        )
    return config.model_copy(update={"version": found.number, "version_digest": digest})


def read_config(run: Path) -> TrainConfig:
    """Return the configuration of a run folder.

    Raises
    ------
    NotAStoreError
        The folder is not a training run.
    CheckpointError
        See `training.checkpoint.check_format`.
    """
    file = run / "config.yaml"
    if not file.is_file():
        action = "Give the `out` folder of a training run."
        raise NotAStoreError(describe(file=run, found="no config.yaml", expected="a training run", action=action))
    checkpoint.check_format(run / "checkpoints")  # first, because an earlier configuration may have other fields
    return TrainConfig.load(file)


def read_checkpoint(
    run: Path, config: TrainConfig, *, which: Literal["last", "best"] = "last"
) -> tuple[dict[str, Any], checkpoint.Entry]:
    """Return the state that `save` wrote of a run, and its entry.

    Raises
    ------
    NotAStoreError, ConfigError, CheckpointError
        See `training.checkpoint.load`.
    """
    return checkpoint.load(run / "checkpoints", config_hash=config.identity(), which=which)


def _differences(found: TrainConfig, wanted: TrainConfig) -> list[str]:
    before, now = found.model_dump(mode="json"), wanted.model_dump(mode="json")
    return [f"{name}: {before[name]!r}, now {now[name]!r}" for name in now if before[name] != now[name]]


def _last_checkpoint(out: Path, config: TrainConfig) -> dict[str, Any] | None:
    folder = out / "checkpoints"
    if not checkpoint.entries(folder):
        return None
    return read_checkpoint(out, config)[0]


def _training_windows(config: TrainConfig, task: Task, ranks: Ranks) -> Windows:
    if config.global_batch % ranks.world_size:
        raise ConfigError(
            f"global_batch: found {config.global_batch}, expected a multiple of {ranks.world_size} ranks."
        )
    windows = task.windows("train", ranks, remainder="drop", augment=True)
    if windows is None:
        raise SplitError(f"{config.store}: nobody is in the training split. Add people to the store.")
    if windows.steps_per_epoch < 1:
        found = "fewer windows in the training split than one global batch"
        action = "Lower global_batch or add people."
        raise ConfigError(describe(file=config.store, found=found, expected=str(config.global_batch), action=action))
    return windows


def _check_agreement(step: int, config: TrainConfig, windows: Windows, ranks: Ranks) -> None:
    """Raise when ranks would go on from different checkpoints, or read different strides or windows.

    A folder that they do not share, or not yet in sync, a store that got another version while they started, or one
    whose people were joined meanwhile.
    """
    state = {**windows.state_dict(steps=0), "version": [config.version, config.version_digest]}
    digest = hashlib.sha256(json.dumps(state, sort_keys=True).encode()).digest()
    own = torch.tensor([step, *(int.from_bytes(digest[k : k + 4], "little") for k in (0, 4))], dtype=torch.float64)
    wrong = distributed.total(own.to(ranks.device)).cpu() != own * ranks.world_size  # exact up to a million ranks
    if distributed.any_rank(bool(wrong[0]), device=ranks.device):
        raise ConfigError("out: the ranks found different checkpoints. Give a folder that all of them share.")
    if distributed.any_rank(bool(wrong[1:].any()), device=ranks.device):
        raise ConfigError(
            f"{config.store}: the ranks do not read the same windows: this one has version {config.version} and "
            f"{windows.steps_per_epoch:,} steps an epoch. The store was changed while they started, or is another one "
            "for some of them. Start again, or set version=."
        )
