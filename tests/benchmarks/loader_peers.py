"""Other ways to make windows, and other loaders, on the same strides as ours.

The other loaders live in an environment of their own (`make peers`); without it, or without one of them, a row says
*not run* and why. They give 13 x 200 EMG alone; our batches hold joint state, targets, masks and labels too. Rows of
whole strides are windows that these hold, and stand beside our strides that are shipped to a device.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zarr
from torch.utils.data import default_collate

from biomech_xr.load import StrideWindows
from biomech_xr.load.parts.sources import Source
from biomech_xr.store.encoding import decode_emg
from tests.benchmarks.loader_memory import listed, of_epoch
from tests.benchmarks.loader_table import WINDOW_BYTES, Speed, Table, fastest, say
from tests.benchmarks.processing_peers import peers_python

STRIDES = 64
"""Strides whose windows the peers write to disk: 10 kB each."""

READS = 32
"""Windows, or strides, that are read one at a time."""

PATIENCE = 180
"""Seconds that a peer has for all of its runs."""

TITLES = ("litdata", "MosaicML Streaming", "WebDataset", "torch_brain", "xbatcher")
_SCRIPT = Path(__file__).with_name("peers_loader.py")
_EMG_BEFORE = 250
_WINDOW = 200
_GIB = 2**30


def add_others(table: Table, root: str, ours: str) -> None:
    """Measure a list of dicts in memory, its memory beside ours, and reads of single windows and strides.

    Parameters
    ----------
    table
        The table.
    root
        URL of the corpus.
    ours
        The row that they are beside.
    """
    windows = StrideWindows(root, global_batch=table.size)
    own, items = table.speed_of(ours), listed(windows)
    per_window = sum(tensor.nbytes for tensor in items[0].values())
    name = "list of dicts, default_collate"
    table.note(name, times(own, table.measure(name, partial(collate, items, table.size), per_window=per_window)))
    items.clear()
    say("memory beside the list")
    growth, size = (of_epoch(root, table.size, what) for what in ("growth", "list"))
    note = f"libraries left out; the list needs {size / _GIB:,.1f} GiB, {size / growth:,.0f} x"
    table.put_memory(f"memory for {windows.windows:,} windows", growth / _GIB, size / _GIB, note)
    reads = {"a Zarr read per window, EMG alone": by_window, "a Zarr read per stride, EMG alone": by_stride}
    for name, run in reads.items():
        table.note(name, times(own, table.measure(name, partial(run, windows.sources[0]))))


def add_loaders(table: Table, root: str, ours: Mapping[str, str]) -> None:
    """Measure every other loader in each form that it has, beside a row of ours.

    Parameters
    ----------
    table, root
        The table; URL of the corpus.
    ours
        The row that each form is beside: ``windows`` in random order, ``unshuffled`` ones, and whole ``strides``.
    """
    python = peers_python()
    if python is None:
        for title in TITLES:
            table.not_run(title, "no environment; `make peers` makes it")
        return
    windows = StrideWindows(root, global_batch=table.size)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "strides.npz")
        np.savez(file, allow_pickle=False, **strides_of(windows.sources[0], STRIDES))
        for title in TITLES:
            say(title)
            bases = [table.reference()]
            found = measured(python, title, file, table.size)
            bases.append(table.reference())
            if "missing" in found:
                table.not_run(title, found["missing"])
            for form in [form for form in ours if form in found]:
                theirs, own = Speed(**found[form]), table.speed_of(ours[form])
                name, note = f"{title}, {form}", f"{times(own, theirs)}; version {found['version']}"
                table.put(name, theirs, fastest(bases), per_window=0 if form == "strides" else WINDOW_BYTES, note=note)


def measured(python: Path, title: str, file: Path, size: int) -> dict[str, Any]:
    """Return what a peer measured of itself in its own environment, or why it did not."""
    limits = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [str(python), "-W", "ignore", str(_SCRIPT), str(file), str(size), title]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, **limits}, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return {"missing": f"it took more than {PATIENCE} s"}
    if done.returncode:
        return {"missing": (done.stderr.splitlines() or [f"it ended with {done.returncode}"])[-1]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def times(ours: Speed, theirs: Speed) -> str:
    """Return how many times as fast ours is, on the clock and in processor time: only ours uses several threads."""
    return f"ours {ours.rate / theirs.rate:,.3g} x, in processor time {theirs.processor / ours.processor:,.3g} x"


def strides_of(source: Source, count: int) -> dict[str, np.ndarray]:
    """Return EMG of the first strides, dims (stride, channel, time), and stride and end of each of their windows."""
    index, count = source.index, min(count, len(source.duration))
    per = index.count[:count]
    row = np.repeat(np.arange(count), per)
    number = np.arange(per.sum()) - np.repeat(np.cumsum(per) - per, per)
    return {"emg": source.open().decoded("emg", 0, count), "row": row, "end": _end(source, row, number)}


def _end(source: Source, row: Any, number: Any) -> Any:
    """Return the EMG sample after the last one of windows of strides, by their number in the stride."""
    sample = source.index.first[row] + number * source.index.hop
    return _EMG_BEFORE + np.floor(1000 * sample * source.index.step[row] + 1e-6).astype(np.int64) + 1


def collate(items: list[dict[str, Any]], size: int) -> int:
    """Make batches of a list in random order and return their windows."""
    order = np.random.default_rng(0).permutation(len(items))
    for start in range(0, len(items) - size + 1, size):
        default_collate([items[row] for row in order[start : start + size]])
    return len(items) // size * size


def by_window(source: Source) -> int:
    """Read windows in random order by zarr itself, each by its own read."""
    rng = np.random.default_rng(0)
    emg: Any = zarr.open_group(source.open().url, mode="r")["emg"]
    for row in rng.choice(np.flatnonzero(source.index.count), READS).tolist():
        end = int(_end(source, row, rng.integers(source.index.count[row])))
        torch.from_numpy(decode_emg(emg[row, :, end - _WINDOW : end]))
    return READS


def by_stride(source: Source) -> int:
    """Read strides in random order, each by its own read, and cut their windows in a loop."""
    part, count = source.open(), 0
    for row in np.random.default_rng(0).permutation(len(source.duration))[:READS].tolist():
        emg = part.decoded("emg", row, row + 1)[0]
        for number in range(source.index.count[row]):
            end = int(_end(source, row, number))
            torch.from_numpy(emg[:, end - _WINDOW : end].copy())
            count += 1
    return count
