"""SIGTERM to a training whose storage is away: it ends soon, at its last finished step, and goes on from there."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from biomech_xr.store.copying import copy_store
from biomech_xr.testing.gcs import Faults, Rule
from tests.buckets import GCS
from tests.chaos.bench import LONGEST, Bench, Row, descendants, survivors, timed

STEPS = 40
KINDS = {
    "one process": ((), "reference"),
    "2 workers": (("workers=2",), "reference"),
    "2 ranks": ((), "reference of 2 ranks"),
}
"""How a training is started -> its options, and the undisturbed run that it has to equal."""

OUTAGE = Faults(rules=(Rule(action="http_503", match="*", count=None),))


def sigterm_training_away(bench: Bench, within: float = 15.0) -> Row:
    """Send SIGTERM two seconds after the storage began to answer 503 to all; then run the same command again.

    A checkpoint is due at the end alone, so that the one of the last step is written for the signal.
    """
    row = Row(f"SIGTERM to a training, {len(KINDS)} times, while the storage answers 503 to all")
    assert bench.reference
    copy_store(f"{GCS}/undisturbed", f"{GCS}/training")
    slowest, steps = 0.0, []
    with timed(row):
        for ranks, name in ((1, "reference"), (2, "reference of 2 ranks")):
            _finish(bench, row, name, ranks, ())
        for kind, (options, reference) in KINDS.items():
            ranks = 2 if "ranks" in kind else 1
            with bench.process(_command(bench, kind, ranks, options)) as run:
                row.runs += 1
                _wait_for_step(bench, run, bench.folder / kind, bench.random.randint(2, STEPS // 4))
                bench.gcs.faults = OUTAGE
                time.sleep(2)
                children, started = descendants(run), time.monotonic()
                run.send_signal(signal.SIGTERM)
                code = run.wait(LONGEST)
                slowest = max(slowest, time.monotonic() - started)
                said = bench.said(run)
                row.wrong += [f"{kind}: still there: {child}" for child in survivors(children)]
            bench.gcs.faults = Faults()
            done, saved = _steps(bench.folder / kind)
            steps.append(f"{saved} of {STEPS}")
            if done != saved or (ranks == 1 and code):
                row.wrong.append(f"{kind}: exit code {code}, step {done}, checkpoint of step {saved}: {said[-600:]}")
            _finish(bench, row, kind, ranks, options)
            wanted, found = _tensors(bench.folder / reference), _tensors(bench.folder / kind)
            row.different += sum(wanted.get(key) != found.get(key) for key in {*wanted, *found})
    if slowest > within:
        row.wrong.append(f"{slowest:.1f} s from SIGTERM to the end")
    row.injected = f"{len(KINDS)} signals ({', '.join(KINDS)})"
    row.said = f"slowest end {slowest:.1f} s; checkpoints of steps {', '.join(steps)}; no step lost, weights the same"
    return row


def _command(bench: Bench, name: str, ranks: int, options: tuple[str, ...]) -> list[str]:
    """Return the command that trains into a folder of that name; an epoch of few steps reads the store again soon."""
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={ranks}"] if ranks > 1 else []
    values = {"store": f"{GCS}/training", "out": bench.folder / name, "device": "cpu", "steps": STEPS, "hop": 40}
    values |= {"checkpoint_every": 10 * STEPS, "validation_batches": 0}
    given = [f"{key}={value}" for key, value in values.items()]
    return [sys.executable, *launch, "-m", "training.train", "training/configs/smoke.yaml", *given, *options]


def _finish(bench: Bench, row: Row, name: str, ranks: int, options: tuple[str, ...]) -> None:
    """Train to the last step."""
    with bench.process(_command(bench, name, ranks, options)) as run:
        row.runs += 1
        code = run.wait(LONGEST)
        if code or _steps(bench.folder / name) != (STEPS, STEPS):
            row.wrong.append(f"{name}: exit code {code}: {bench.said(run)[-600:]}")


def _wait_for_step(bench: Bench, run: subprocess.Popen[str], out: Path, step: int) -> None:
    deadline = time.monotonic() + LONGEST
    while run.poll() is None and _steps(out)[0] < step:
        assert time.monotonic() < deadline, f"hangs: {bench.said(run)}"
        time.sleep(0.01)


def _steps(out: Path) -> tuple[int, int]:
    """Return the last step that the log of a run knows, and that of its last checkpoint; 0 without one."""
    log = out / "metrics.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True) if log.is_file() else []
    logged = [int(json.loads(line)["step"]) for line in lines if line.endswith("\n")]
    saved = [int(file.stem.removeprefix("step-")) for file in (out / "checkpoints").glob("step-*.json")]
    return max(logged, default=0), max(saved, default=0)


def _tensors(out: Path) -> dict[str, Any]:
    """Return the weights of the last checkpoint by name, as plain values."""
    import torch

    file = max((out / "checkpoints").glob("step-*.pt"))
    state = torch.load(file, weights_only=True)["model"]
    return {key: value.tolist() for key, value in state.items()}
