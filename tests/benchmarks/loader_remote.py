"""The loader on an emulated bucket, 30 ms before each reply and 60 MB/s a connection: cold, and from the local cache.

    python -m tests.benchmarks.loader_remote --json bench/loader_remote.json [--strides 8192] [--batch 1024]

The emulator runs in a process of its own on the same cores; which share of them it took is printed with each row, and
is what a real bucket would leave to the loader.
"""

from __future__ import annotations

import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from biomech_xr.load import StrideWindows
from biomech_xr.load.blocks.prefetch import REMOTE_READERS
from biomech_xr.store.connections import reader
from biomech_xr.store.reading import Part, forget_parts
from tests.benchmarks.common import Case, arguments, report
from tests.benchmarks.loader_data import DATASET, write_corpus
from tests.benchmarks.remote import BANDWIDTH, LATENCY, STORE, emulated, upload

REPEATS = 3
STRIDES = 8192
READ = ("emg", "kinematics", "kinetics", "kinematics_before", "kinematics_after", "kinetics_after")
"""What the loader reads of each stride."""

ZARR_STRIDES = 1024
_SHARD = 512


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One pass over windows: how many in which time (s), and processor seconds of this process and of the emulator.

    `start` (s) is until the first batch, and counts.
    """

    count: int
    seconds: float
    own: float
    emulator: float
    start: float = 0.0

    @property
    def rate(self) -> float:
        """Windows per second."""
        return self.count / self.seconds

    def note(self) -> str:
        """Return who used the processor."""
        cores, million = self.seconds * (os.cpu_count() or 1), self.count / 1e6
        used = f"CPU {self.own / million:.2f} s/M windows, the emulator {self.emulator / million:.2f}"
        used = f"first batch after {self.start:.2f} s; {used}" if self.start else used
        return f"{used} ({self.own / cores:.0%} and {self.emulator / cores:.0%} of {os.cpu_count()} cores)"


def main() -> None:
    """Write a corpus, measure and report."""
    parser = arguments("Windows per second of the loader from an emulated bucket.")
    parser.add_argument("--strides", type=int, default=STRIDES, help="strides of the corpus")
    parser.add_argument("--batch", type=int, default=1024, help="windows of a batch")
    given = parser.parse_args()
    torch.set_num_threads(1)
    report(cases(given.batch, given.strides), given.json)


def cases(size: int, strides: int = STRIDES) -> dict[str, Case]:
    """Write a corpus that takes long enough for the start not to count, and return the rows for batches of a size."""
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder), strides)
        return measure(folder, size)


def measure(root: str, size: int) -> dict[str, Case]:
    """Return the rows: cold and from the cache beside the same corpus on disk, and cold beside zarr's own reads."""
    options: dict[str, Any] = {"global_batch": size, "datasets": [DATASET]}
    local = StrideWindows(root, **options)
    timed(local)
    with emulated() as emulator, tempfile.TemporaryDirectory() as folder:
        upload(Path(root))
        far = StrideWindows(STORE, **options)
        cold = [timed(far, emulator=emulator, cold=True) for _ in range(REPEATS)]
        part = far.sources[0].open()
        shards, blocks = (by_zarr(part, rows, local.windows / part.size) for rows in (_SHARD, part.chunk))
        alone = fastest([by_blocks(part, local.windows / part.size) for _ in range(REPEATS)])
        kept = StrideWindows(STORE, cache=folder, **options)
        filling = timed(kept, emulator=emulator, cold=True)
        pairs = [(timed(kept, emulator=emulator), timed(local, emulator=emulator)) for _ in range(REPEATS)]
    best, cached, base = fastest(cold), fastest([one for one, _ in pairs]), fastest([one for _, one in pairs])
    client = f"{reader()}; {LATENCY * 1e3:.0f} ms, {BANDWIDTH / 1e6:.0f} MB/s a connection"
    print(f"local: {base.note()}")
    return {
        "bucket, cold, beside local": case(best, base, client),
        "bucket, cold, beside zarr by shards": case(best, shards, "baseline: whole shards in order, nothing shuffled"),
        "bucket, cold, beside zarr by blocks": case(best, blocks, "baseline: the loader's blocks in its order"),
        "bucket, blocks read and not cut": case(alone, shards, "baseline: zarr, whole shards in order"),
        "bucket, first epoch into the cache": case(filling, base, client),
        "bucket, second epoch from the cache": case(cached, base, "baseline: local"),
    }


def case(ours: Pass, base: Pass, note: str) -> Case:
    """Return a row, windows per second."""
    return Case(
        value=ours.rate / 1e3,
        unit="k/s",
        baseline=base.rate / 1e3,
        ratio=ours.rate / base.rate,
        note=f"{note}; {ours.note()}",
    )


def fastest(found: list[Pass]) -> Pass:
    """Return the fastest of some passes."""
    return max(found, key=lambda one: one.rate)


def timed(windows: StrideWindows, *, emulator: int = 0, cold: bool = False) -> Pass:
    """Return how fast an epoch is; `cold` forgets the indexes of shards and opened parts first."""
    if cold:
        forget_parts()
    windows.set_epoch(windows.state_dict()["epoch"] + 1)
    theirs, used, started = processor(emulator), time.process_time(), time.perf_counter()
    batches = iter(windows)
    count = len(next(batches)["weight"])
    start = time.perf_counter() - started
    count += sum(len(batch["weight"]) for batch in batches)
    seconds = time.perf_counter() - started
    own = time.process_time() - used
    theirs = processor(emulator) - theirs
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
    count = round(len(starts) * rows * windows)
    return Pass(count=count, seconds=seconds, own=time.process_time() - used, emulator=0)


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
    own = time.process_time() - used
    return Pass(count=round(part.size * windows), seconds=seconds, own=own, emulator=0)


def processor(pid: int) -> float:
    """Return the processor seconds that a process has used; 0 for none."""
    if not pid:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
