"""Our loader beside a list of dicts in memory and beside other loaders, all of them on the same strides.

The other loaders live in an environment of their own (`make peers`); without it, or without one of them, a case says
*not run* and why. They give 13 x 200 EMG alone; our batches hold the joint state, targets, masks and labels too.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import default_collate

from biomech_xr.load import DeviceWindows, StrideWindows
from biomech_xr.memory import peak_memory
from tests.benchmarks.common import Case
from tests.benchmarks.processing_peers import peers_python

STRIDES = 64
"""Strides whose windows the peers write to disk: 10 kB each."""

LISTED = 8_192
REPEATS = 2
TITLES = ("litdata", "MosaicML Streaming", "WebDataset", "torch_brain", "xbatcher")
_SCRIPT = Path(__file__).with_name("peers_loader.py")
_EMG_BEFORE = 250
_TOTAL = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Windows per second, and processor seconds for a million of them, all threads together."""

    rate: float
    processor: float


def peer_cases(root: str, size: int, ship: Callable[[DeviceWindows], int]) -> dict[str, Case]:
    """Return one case a peer and form: windows beside ours, whole strides beside our strides that are shipped.

    Parameters
    ----------
    root, size
        URL of the corpus; windows of a batch.
    ship
        Brings the strides of an epoch to the device and returns the windows that they hold.
    """
    python = peers_python()
    if python is None:
        return {title: _not_run("no environment; `make peers` makes it") for title in TITLES}
    windows = StrideWindows(root, global_batch=size)
    device = DeviceWindows(root, global_batch=size, device="cpu")
    ours = {"windows": best(partial(epoch, windows)), "strides": best(partial(ship, device))}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "strides.npz")
        np.savez(file, allow_pickle=False, **strides_of(windows, STRIDES))
        limits = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [str(python), "-W", "ignore", str(_SCRIPT), str(file), str(size)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **limits})
    found = json.loads(done.stdout.splitlines()[-1])
    cases = {}
    for title in TITLES:
        if "missing" in found[title]:
            cases[title] = _not_run(found[title]["missing"])
            continue
        for form in ("windows", "strides"):
            if form in found[title]:
                theirs = Speed(**found[title][form])
                cases[f"beside {title}, {form}"] = beside(ours[form], theirs, f"version {found[title]['version']}")
    return cases


def list_cases(root: str, size: int) -> dict[str, Case]:
    """Return speed and memory beside a list of dicts of ready windows with the same entries."""
    windows = StrideWindows(root, global_batch=size)
    ours = best(partial(epoch, windows))
    before = resident()
    items: list[dict[str, torch.Tensor]] = []
    for batch in windows:
        items += [{name: tensor[row].clone() for name, tensor in batch.items()} for row in range(len(batch["weight"]))]
        if len(items) >= LISTED:
            break
    listed = (resident() - before) / len(items) * windows.windows
    theirs = best(partial(collate, items, size))
    grown = grows(root, size)
    note = f"{windows.windows:,} windows: {listed / 2**20:,.0f} MiB in the list (extrapolated from {len(items):,})"
    memory = Case(value=grown / 2**20, unit="MiB", baseline=listed / 2**20, ratio=listed / grown, note=note)
    return {
        "beside a list of dicts": beside(ours, theirs, "torch's default_collate, no worker"),
        "memory beside the list": memory,
    }


def strides_of(windows: StrideWindows, count: int) -> dict[str, np.ndarray]:
    """Return EMG of the first strides, dims (stride, channel, time), and stride and end of each of their windows."""
    source = windows.sources[0]
    index, count = source.index, min(count, len(source.duration))
    per = index.count[:count]
    row = np.repeat(np.arange(count), per)
    number = np.arange(per.sum()) - np.repeat(np.cumsum(per) - per, per)
    sample = index.first[row] + number * index.hop
    end = _EMG_BEFORE + np.floor(1000 * sample * index.step[row] + 1e-6).astype(np.int64) + 1
    return {"emg": source.open().decoded("emg", 0, count), "row": row, "end": end}


def beside(ours: Speed, theirs: Speed, note: str) -> Case:
    """Return a row; processor time is told too, because only ours uses several threads."""
    times = theirs.processor / ours.processor
    used = f"CPU s/M windows {ours.processor:.2f}, theirs {theirs.processor:.2f} ({times:.1f}x)"
    return Case(
        value=ours.rate / 1e3,
        unit="k/s",
        baseline=theirs.rate / 1e3,
        ratio=ours.rate / theirs.rate,
        note=f"{used}; {note}",
    )


def _not_run(reason: str) -> Case:
    return Case(value=0, unit="not run", baseline=0, ratio=0, note=reason)


def best(run: Callable[[], int]) -> Speed:
    """Return the best speed of something that returns how many windows it made, after a first time."""
    run()
    found = []
    for _ in range(REPEATS):
        started, used = time.perf_counter(), time.process_time()
        count = run()
        seconds, processor = time.perf_counter() - started, time.process_time() - used
        found.append((count / seconds, processor / count * _TOTAL))
    return Speed(rate=max(rate for rate, _ in found), processor=min(used for _, used in found))


def epoch(windows: StrideWindows) -> int:
    """Iterate one epoch and return its windows."""
    return sum(len(batch["weight"]) for batch in windows)


def collate(items: list[dict[str, Any]], size: int) -> int:
    """Make batches of a list in random order and return their windows."""
    order = np.random.default_rng(0).permutation(len(items))
    for start in range(0, len(items) - size + 1, size):
        default_collate([items[row] for row in order[start : start + size]])
    return len(items) // size * size


def resident() -> int:
    """Return the memory of this process, bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def grows(root: str, size: int) -> int:
    """Return by how many bytes a process grows that iterates an epoch, beyond the libraries and the code itself."""
    command = [sys.executable, "-m", "tests.benchmarks.loader_peers", root, str(size)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def _grow(root: str, size: int) -> int:
    """Iterate an epoch and return the highest memory above that of a process that has made one small batch."""
    from tests.benchmarks.loader_data import DATASET, write_corpus

    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder), 64)
        epoch(StrideWindows(folder, global_batch=64, datasets=[DATASET]))
    Path("/proc/self/clear_refs").write_text("5")  # the highest memory is counted from here on
    before = resident()
    epoch(StrideWindows(root, global_batch=size))
    return peak_memory() - before


if __name__ == "__main__":
    print(_grow(sys.argv[1], int(sys.argv[2])))
