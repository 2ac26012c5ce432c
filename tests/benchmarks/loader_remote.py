"""The loader on an emulated bucket, 30 ms before each reply and 60 MB/s a connection: cold, and from the local cache.

    python -m tests.benchmarks.loader_remote --json bench/loader_remote.json [--strides 8192] [--batch 1024]

The emulator runs in a process of its own on the same cores; which share of them it took is printed with each row, and
is what a real bucket would leave to the loader. The same rows are in the table of `tests.benchmarks.loader`.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from biomech_xr.load import StrideWindows
from biomech_xr.load.blocks.prefetch import READERS, REMOTE_READERS
from biomech_xr.load.cut.host import CUTTERS
from biomech_xr.store.connections import reader
from biomech_xr.store.reading import Part, forget_parts
from tests.benchmarks.common import arguments, report
from tests.benchmarks.loader_data import DATASET, write_corpus
from tests.benchmarks.loader_memory import add_peak
from tests.benchmarks.loader_table import Speed, Table, fastest, processor_time, say
from tests.benchmarks.remote import BANDWIDTH, LATENCY, STORE, emulated, upload

STRIDES = 8192
LONG, LONG_STRIDES = 3000, 5120
"""Room for strides of so many ms, and how many of them: enough that all blocks are held that ever are."""

REPEATS = 2
READ = ("emg", "kinematics", "kinetics", "kinematics_before", "kinematics_after", "kinetics_after")
"""What the loader reads of each stride."""

ZARR_STRIDES = 1024
THREADS = f"{CUTTERS} cutting, {REMOTE_READERS} reading"
_SHARD = 512


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One pass over windows: how many in which time (s), and processor seconds of this process and of the emulator.

    `start` (s) is until the first batch, and counts.
    """

    count: int
    seconds: float
    own: float
    emulator: float = 0.0
    start: float = 0.0

    @property
    def speed(self) -> Speed:
        """Windows per second, and what this process used."""
        return Speed(rate=self.count / self.seconds, processor=self.own / self.count * 1e6)

    def note(self) -> str:
        """Return how long the first batch took, and what the emulator used of the processor."""
        cores = self.seconds * (os.cpu_count() or 1)
        said = [f"first batch after {self.start:.2f} s"] if self.start else []
        said += [f"the emulator took {self.emulator / cores:.0%} of {os.cpu_count()} cores"] if self.emulator else []
        return "; ".join(said)


def main() -> None:
    """Write a corpus, measure and report."""
    parser = arguments("Windows per second of the loader from an emulated bucket.")
    parser.add_argument("--strides", type=int, default=STRIDES, help="strides of the corpus")
    parser.add_argument("--batch", type=int, default=1024, help="windows of a batch")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder), given.strides)
        table = Table(given.batch)
        add_rows(table, folder)
    report(table.cases(), given.json, lines=table.lines())


def add_rows(table: Table, root: str) -> None:
    """Measure a corpus in the bucket: cold and from the cache beside the disk, cold beside zarr's own reads, memory."""
    options: dict[str, Any] = {"global_batch": table.size, "datasets": [DATASET]}
    local = StrideWindows(root, **options)
    with emulated() as emulator, tempfile.TemporaryDirectory() as folder:
        say("bucket: copying the corpus there")
        upload(Path(root))
        add_cold(table, local, StrideWindows(STORE, **options), emulator)
        add_cached(table, local, StrideWindows(STORE, cache=folder, **options), emulator)
        add_peak(table, "peak memory, bucket", STORE, f"{len(local.sources[0].duration):,} strides")
    with emulated(), tempfile.TemporaryDirectory() as folder:
        say("bucket: strides of 3 s")
        write_corpus(Path(folder), LONG_STRIDES, axis=LONG)
        upload(Path(folder))
        name = f"peak memory, bucket, room for strides of {LONG / 1000:g} s"
        add_peak(table, name, STORE, f"{LONG_STRIDES:,} strides")


def add_cold(table: Table, local: StrideWindows, far: StrideWindows, emulator: int) -> None:
    """Measure a loader that finds nothing here beside the disk, and beside zarr's own reads of what it needs."""
    part = far.sources[0].open()
    windows = local.windows / part.size
    client = f"{reader()}; {LATENCY * 1e3:.0f} ms, {BANDWIDTH / 1e6:.0f} MB/s a connection"
    zarr = add(table, "bucket, zarr's own reads of whole shards", lambda: by_zarr(part, _SHARD, windows), repeats=1)
    add(table, "bucket, zarr's own reads of blocks", lambda: by_zarr(part, part.chunk, windows), repeats=1)
    reading = f"{REMOTE_READERS} reading"
    alone = add(table, "bucket, blocks read and not cut", lambda: by_blocks(part, windows), threads=reading)
    base = add(table, "local, float32", lambda: timed(local), threads=f"{CUTTERS} cutting, {READERS} reading")
    name = "bucket, cold, float32"
    cold = add(table, name, lambda: timed(far, emulator=emulator, cold=True), threads=THREADS, note=client)
    table.note(name, f"{cold.rate / base.rate:.2f} of local, {cold.rate / zarr.rate:.1f} x zarr's whole shards")
    table.note("bucket, blocks read and not cut", f"{alone.rate / zarr.rate:.1f} x zarr's whole shards")


def add_cached(table: Table, local: StrideWindows, kept: StrideWindows, emulator: int) -> None:
    """Measure the first epoch, which fills the cache, and later ones in turn with the disk."""
    first, second = "bucket, first epoch into the cache", "bucket, second epoch from the cache"
    filling = add(table, first, lambda: timed(kept, emulator=emulator, cold=True), repeats=1, threads=THREADS)
    bases: list[Speed] = []

    def in_turn() -> Pass:
        bases.append(timed(local).speed)
        return timed(kept, emulator=emulator)

    cached = add(table, second, in_turn, threads=THREADS)
    for name, speed in ((first, filling), (second, cached)):
        table.note(name, f"{speed.rate / fastest(bases).rate:.2f} of local")


def add(
    table: Table, name: str, run: Callable[[], Pass], *, repeats: int = REPEATS, threads: str = "1", note: str = ""
) -> Speed:
    """Add the row of the fastest of some passes; return its speed."""
    say(name)
    bases, found = [table.reference()], []
    for _ in range(repeats):
        found.append(run())
        bases.append(table.reference())
    best = max(found, key=lambda one: one.speed.rate)
    said = "; ".join(text for text in (note, best.note()) if text)
    table.put(name, best.speed, fastest(bases), threads=threads, note=said)
    return best.speed


def timed(windows: StrideWindows, *, emulator: int = 0, cold: bool = False) -> Pass:
    """Return how fast an epoch is; `cold` forgets the indexes of shards and opened parts first."""
    if cold:
        forget_parts()
    windows.set_epoch(windows.state_dict()["epoch"] + 1)
    theirs, used, started = processor_time(emulator) if emulator else 0.0, time.process_time(), time.perf_counter()
    batches = iter(windows)
    count = len(next(batches)["weight"])
    start = time.perf_counter() - started
    count += sum(len(batch["weight"]) for batch in batches)
    seconds, own = time.perf_counter() - started, time.process_time() - used
    theirs = processor_time(emulator) - theirs if emulator else 0.0
    return Pass(count=count, seconds=seconds, own=own, emulator=theirs, start=start)


def by_zarr(part: Part, rows: int, windows: float) -> Pass:
    """Read what the loader needs of some strides by zarr itself, so many rows at a time, one array after the other."""
    starts = np.random.default_rng(0).permutation(range(0, part.size, rows))[: max(2, ZARR_STRIDES // rows)]
    arrays: list[Any] = [part.group[name] for name in READ]
    started, used = time.perf_counter(), time.process_time()
    for start in starts.tolist() if rows < _SHARD else sorted(starts.tolist()):
        for array in arrays:
            array[start : start + rows]
    seconds = time.perf_counter() - started
    count = round(sum(min(rows, part.size - start) for start in starts.tolist()) * windows)
    return Pass(count=count, seconds=seconds, own=time.process_time() - used)


def by_blocks(part: Part, windows: float) -> Pass:
    """Read what the loader needs of all blocks as it does, with its threads and in random order; nothing is cut."""
    forget_parts()
    fresh = Part(part.folder, part.name, part.manifest)
    starts = np.random.default_rng(0).permutation(range(0, part.size, part.chunk)).tolist()

    def read(start: int) -> None:
        for name in READ:
            fresh.read(name, start, start + part.chunk)

    started, used = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(REMOTE_READERS) as pool:
        list(pool.map(read, starts))
    seconds = time.perf_counter() - started
    return Pass(count=round(part.size * windows), seconds=seconds, own=time.process_time() - used)


if __name__ == "__main__":
    main()
