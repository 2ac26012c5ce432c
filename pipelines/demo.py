"""The main job, end to end: raw files, recordings, strides, training on two ranks, scores, one HTML page.

    python -m pipelines.demo pipelines/configs/demo.yaml out=demo
    python -m pipelines.demo pipelines/configs/demo.yaml out=demo store=gs://bucket/demo

Raw trees are synthesized in each source's true format; with ``samples=FOLDER`` the real files of `falisse` and `lab`
take the place of the synthetic ones. The stores lie in the folder `out`, or at the URL `store`; raw files, run and page
stay in `out`. A second run does only what is missing.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import Field

import biomech_xr
from biomech_xr.errors import MissingInputError
from biomech_xr.process import load_chain
from biomech_xr.quality import write_report
from biomech_xr.run import pending_patients
from biomech_xr.store.writable import require_writable
from biomech_xr.synthetic import write
from biomech_xr.vocabulary import SYNTHETIC_MARKER
from pipelines import parse, process
from pipelines.cluster import ClusterConfig, connect
from pipelines.command import claim, main

T = TypeVar("T")

_PATIENCE = 10.0
"""Seconds that training gets for a last checkpoint when it is interrupted."""


class DemoConfig(ClusterConfig):
    """Size of the demo and where it goes: everything into `out`, but the stores to `store` where that is given."""

    out: str = "demo"
    store: str | None = None
    samples: str | None = None
    patients: dict[str, int] = Field(default={"hu": 4, "camargo": 4, "lab": 3, "falisse": 1})
    minutes: float = Field(default=1.0, gt=0)
    chain: str = "envelope"
    training: str = "training/configs/emg_demo.yaml"
    lab_mapping: str = "pipelines/configs/lab_vicon.yaml"
    ranks: int = Field(default=2, ge=1)

    @property
    def root(self) -> str:
        """URL of the store."""
        return self.store or self.out


def run(config: DemoConfig) -> int:
    """Walk the whole road and return the exit code."""
    started = time.monotonic()
    out, root = Path(config.out), config.root
    settings = config.model_dump(mode="json", exclude={"out", "cluster", "workers", "threads_per_worker", "ranks"})
    claim(out, settings, title="demo", record="demo.json")
    require_writable(root)
    with connect(config) as client:
        raw = stage("1/6 raw files", lambda: raw_trees(config, out / "raw"))
        work = [
            parse.Unit(name, str(folder), patient)
            for name, folder in raw.items()
            for patient in pending_patients(name, folder, root)[0]
        ]
        failed = stage("2/6 parse", lambda: parse.parse(client, root, work) if work else 0)
        failed = failed or stage(
            "3/6 process", lambda: process.process(lambda: client, root, list(raw), load_chain(config.chain))
        )
    if failed:
        return failed
    stage("4/6 query", lambda: show_query(root, config.chain))
    run_folder = out / "run"
    failed = stage("5/6 train and evaluate", lambda: train(config, run_folder))
    if failed:
        return failed
    page = stage(
        "6/6 report",
        lambda: write_report(root, out / "report.html", chain=config.chain, scores=run_folder / "scores.json"),
    )
    print(f"\nDone in {time.monotonic() - started:.0f} s. Open {page.resolve()}")
    return 0


def stage(title: str, work: Callable[[], T]) -> T:
    """Print a title, do the work, print how long it took."""
    print(f"\n== {title}", flush=True)
    started = time.monotonic()
    result = work()
    print(f"   {time.monotonic() - started:.1f} s", flush=True)
    return result


def raw_trees(config: DemoConfig, raw: Path) -> dict[str, Path]:
    """Return the raw folder of every source, synthesized unless real samples are given."""
    folders = {}
    for name, patients in config.patients.items():
        real = real_tree(name, config, raw) if config.samples else None
        folders[name] = real or raw / name
        if real is None and not (raw / name / SYNTHETIC_MARKER).is_file():
            write(name, raw / name, patients=patients, minutes=config.minutes)
        print(f"{name}: {'real sample' if real else 'synthetic'}, {folders[name]}")
    return folders


def real_tree(name: str, config: DemoConfig, raw: Path) -> Path | None:
    """Return the folder of a source's real sample, or None when it has none."""
    samples = Path(config.samples or "")
    if not samples.is_dir():
        raise MissingInputError(
            f"demo: {samples}: found no such folder; expected real sample files. Correct `samples`."
        )
    if name == "falisse" and (samples / "falisse").is_dir():
        return samples / "falisse"
    trial = samples / "c3d" / "Vicon_analysis.c3d"
    if name == "lab" and trial.is_file():
        mapping = yaml.safe_load(Path(config.lab_mapping).read_text(encoding="utf-8"))
        mapping["people"][0]["files"] = [str(trial.resolve())]
        folder = raw / "lab-real"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "lab.yaml").write_text(yaml.safe_dump(mapping, sort_keys=False), encoding="utf-8")
        return folder
    return None


def show_query(root: str, chain: str) -> None:
    """Print what ordinary xarray selection gives on the fresh store."""
    strides = biomech_xr.open_strides(root, chain=chain)
    patient = str(strides["patient"].values[0])
    walk = strides.sel(patient=patient, activity="walk")
    print(f'open_strides("{root}"): {dict(strides.sizes)}')
    print(f'strides.sel(patient="{patient}", activity="walk"): {walk.sizes["stride"]} strides')


def train(config: DemoConfig, run_folder: Path) -> int:
    """Train with torchrun and evaluate; return the exit code."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    commands = (
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={config.ranks}"),
            *("-m", "training.train", config.training, f"store={config.root}", f"out={run_folder}"),
        ],
        [sys.executable, "-m", "training.evaluate", str(run_folder), "--json", str(run_folder / "scores.json")],
    )
    for command in commands:
        print("$", " ".join(Path(part).name if part == sys.executable else part for part in command), flush=True)
        code = stoppable(command, environment)
        if code:
            return code
    return 0


def stoppable(command: list[str], environment: dict[str, str]) -> int:
    """Run a command and return its exit code; an interruption lets it end by itself, with a checkpoint."""
    with subprocess.Popen(command, env=environment) as process:  # noqa: S603
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)
            process.kill()
            raise


if __name__ == "__main__":
    sys.exit(main(DemoConfig, run, __doc__ or ""))
