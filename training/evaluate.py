"""Score a trained run on people it has not seen, beside predictions that need no learning.

    python -m training.evaluate demo/run --split test --json demo/scores.json

Every score is a root mean square error per person, then mean and SD over persons.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

from rich.console import Console

from biomech_xr.errors import BiomechXRError, ConfigError, SplitError
from training import checkpoint, distributed
from training.config import TrainConfig
from training.left_out import LEFT_OUT, view, with_left_out
from training.run import read_checkpoint, read_config
from training.scoring import Scoreboard, as_rows, not_learned_notes
from training.tables import show
from training.tasks.emg import EmgTask

SPLITS: Final = ("train", "validation", "test")
PHASE_NOTES: Final = {
    "oracle": "The phase at t is an input; nobody knows it at t.",
    "estimated": "An estimate of the phase at t is an input; it takes contacts for detected without delay.",
}


def evaluate(
    run: Path,
    *,
    split: str | None = None,
    which: str = "best",
    hop: int | None = None,
    max_windows: int | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
) -> dict[str, Any]:
    """Return the scores of a run and what they are of, as plain values.

    Parameters
    ----------
    run
        The `out` folder of a training run.
    split
        `train`, `validation` or `test`; by default the one that the run left out, else `test`.
    which
        `best` (lowest validation loss; the last where nobody validates) or `last` checkpoint.
    hop, max_windows
        Every ``hop``-th kinematic sample of a stride is scored; it is raised until at most ``max_windows`` remain.
    device
        Where the model runs, in float32; `auto` takes CUDA where there is one, wherever the run was trained.

    Raises
    ------
    NotAStoreError
        The folder is no run, or has no checkpoint.
    CheckpointError
        No checkpoint can be read, or another version of this package wrote it.
    SplitError
        Nobody is in the split.
    ConfigError
        Several processes score: each would see its share of the windows alone; or CUDA was asked for and there is none;
        or people were joined with the one left out since the run began; or `hop` or `max_windows` is less than 1.
    """
    config = with_left_out(read_config(run))
    hop, limit = _bounds(config, hop=hop, max_windows=max_windows)
    split = split or (LEFT_OUT if config.leave_out else "test")
    state, entry = read_checkpoint(run, config, which="last" if which == "last" else "best")
    task = EmgTask(config)
    with distributed.start(device, threads=config.threads) as ranks:
        if ranks.world_size > 1:
            raise ConfigError(f"{run}: found {ranks.world_size} processes, expected one. Start it without torchrun.")
        windows, used_hop = open_windows(task, split, ranks, hop=hop, limit=limit)
        statistics = {name: value.to(ranks.device) for name, value in state["statistics"].items()}
        model = task.model(statistics).to(ranks.device)
        model.load_state_dict(state["model"])
        model.eval()
        board = Scoreboard()
        windows.set_epoch(0)
        for batch in windows:
            moved = {name: value.to(ranks.device) for name, value in batch.items()}
            board.add(moved, task.estimate(model, moved), statistics)
    return {
        "run": str(run),
        "checkpoint_step": entry.step,
        "checkpoint": "lowest validation loss" if which == "best" and entry.validation is not None else "last",
        "steps": config.steps,
        "store": config.store,
        "chain": config.chain,
        "split": view(split, config) if split == LEFT_OUT else split,
        "leave_out": config.leave_out,
        "persons": task.persons_per_split(windows.persons),
        "windows": board.windows,
        "description": windows.describe(),
        "hop": used_hop,
        "horizon": config.horizon.mapping(),
        "mean_horizon_ms": 1000 * board.mean_horizon,
        "lookahead": float(windows.lookahead),
        "lookahead_known": bool(windows.lookahead_known),
        "calibration": str(windows.calibration),
        "phase_input": config.phase,
        "notes": [
            *left_out_notes(config, split),
            *not_learned_notes(board.left_out()),
            *notes(
                config,
                float(windows.lookahead),
                known=bool(windows.lookahead_known),
                calibration=str(windows.calibration),
            ),
        ],
        "not_learned": board.left_out(),
        "scores": as_rows(board.scores(tuple(windows.activities))),
    }


def _bounds(config: TrainConfig, *, hop: int | None, max_windows: int | None) -> tuple[int, int]:
    """Return hop and most windows, by default those of the run, or raise `ConfigError` where one is less than 1."""
    for name, value in (("hop", hop), ("max_windows", max_windows)):
        if value is not None and value < 1:
            raise ConfigError(f"{name}: found {value}, expected 1 or more.")
    return hop or config.evaluation_hop, max_windows or config.max_windows


def left_out_notes(config: TrainConfig, split: str) -> list[str]:
    """Return a sentence on whom the run left out and whether the scores are of them; none where nobody was."""
    if config.leave_out is None:
        return []
    scored = "is scored here" if split == LEFT_OUT else f"is not scored here: this is the others' {split} split"
    return [f"{config.leave_out} was left out of training, statistics and validation, and {scored}."]


def notes(config: TrainConfig, lookahead: float, *, known: bool, calibration: str) -> list[str]:
    """Return what a reader of the scores must know, one sentence each.

    ``lookahead`` (s) is a lower bound unless ``known``; ``calibration`` says what the EMG's amplitude knows.
    """
    offline = "offline scores, no claim about control."
    if known and lookahead <= 0:
        future = "The signals of the inputs know nothing of the future."
    elif known:
        future = f"The inputs know up to {lookahead:.3f} s of the future: {offline}"
    else:
        future = (
            "How far the source's own processing of the kinematics looks ahead is unknown; all else knows "
            f"{lookahead:.3f} s of the future: {offline}"
        )
    return [
        future,
        f"Calibration of EMG, beside the lookahead: {calibration}.",
        *([PHASE_NOTES[config.phase]] if config.phase in PHASE_NOTES else []),
        "linear regression (state) and training mean (torque, phase) are fitted on training people only.",
        "Torque has no persistence baseline, because the current moment is no input.",
        "Windows of one stride overlap: persons, not windows, are the sample.",
    ]


def open_windows(task: EmgTask, split: str, ranks: distributed.Ranks, *, hop: int, limit: int) -> tuple[Any, int]:
    """Return the windows of a split, at most about ``limit``, from strides of everybody in it; and the hop used.

    Raises
    ------
    SplitError
        Nobody is in the split.
    """
    windows: Any = task.windows(split, ranks, remainder="pad", hop=hop)
    if windows is None:
        store = task.config.store
        raise SplitError(
            f"{store}: nobody is in the split {split!r}, so nothing can be scored. Add people to the store."
        )
    if windows.windows > limit:
        hop *= math.ceil(windows.windows / limit)
        windows = task.windows(split, ranks, remainder="pad", hop=hop)
    return windows, hop


def main(arguments: Sequence[str] | None = None) -> int:
    """Score as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="training.evaluate", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="the `out` folder of a training run")
    parser.add_argument("--split", choices=SPLITS, help="by default the one that the run left out, else test")
    parser.add_argument("--checkpoint", default="best", choices=("best", "last"))
    parser.add_argument("--hop", type=int, help="score every HOP-th kinematic sample")
    parser.add_argument("--max-windows", type=int, help="raise the hop until at most this many windows remain")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--json", type=Path, help="also write the scores to this file")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        result = evaluate(
            options.run,
            split=options.split,
            which=options.checkpoint,
            hop=options.hop,
            max_windows=options.max_windows,
            device=options.device,
        )
    except BiomechXRError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    show(result, Console(width=None if sys.stdout.isatty() else 132))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.write_atomically(options.json, json.dumps(result, indent=1).encode())
        print(f"scores written to {options.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
