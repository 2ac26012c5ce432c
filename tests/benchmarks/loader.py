"""Windows per second of the loader beside the plainest loader that there can be: rows of an array in memory.

    python -m tests.benchmarks.loader --json bench/loader.json [--strides 8192] [--batch 1024] [--workers]

R is `torch.index_select` of windows that lie ready in memory into a buffer that is used again, by one thread, measured
before and after every case; the best of each counts. M is what the machine could do at most: the bytes of a batch over
the speed at which memory is copied. Strides are 6 Hz envelopes of synthetic walking, all 13 muscles and all joints
measured, on local disk in the cache of the operating system; decoding is in every figure.
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

import numpy as np
import torch
from torch.utils.data import DataLoader, default_collate

from biomech_xr.load import DeviceWindows, StrideWindows
from biomech_xr.load.blocks.prefetch import READERS, prefetched
from biomech_xr.load.cut.host import CUTTERS
from biomech_xr.memory import peak_memory
from biomech_xr.window.order import POOL_BLOCKS
from tests.benchmarks import loader_peers, loader_remote
from tests.benchmarks.common import Case, arguments, report
from tests.benchmarks.loader_data import DATASET, write_corpus

REPEATS = 2
READY = 16_384
LISTED = 8_192
ZARR_STRIDES = 32
TOTAL = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Windows per second of wall-clock time, and processor seconds for a million windows."""

    rate: float
    processor: float


def main() -> None:
    """Write the corpus, measure every case and report."""
    parser = arguments("Windows per second of the loader.")
    parser.add_argument("--strides", type=int, default=8192, help="strides of the corpus")
    parser.add_argument("--batch", type=int, default=1024, help="windows of a batch")
    parser.add_argument("--workers", action="store_true", help="measure two DataLoader workers too, which start slowly")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder), given.strides)
        cases = measure(folder, given.batch, workers=given.workers)
        cases |= loader_peers.list_cases(folder, given.batch) | loader_peers.peer_cases(folder, given.batch, ship)
        report(cases | loader_remote.cases(given.batch), given.json)


def measure(root: str, size: int, *, workers: bool) -> dict[str, Case]:
    """Return all cases."""
    reference = Reference(size)
    bandwidth = memory_speed()
    host = {emg: StrideWindows(root, global_batch=size, emg=emg) for emg in ("float32", "int16")}
    device = DeviceWindows(root, global_batch=size, device="cpu")
    bytes_of = {emg: batch_bytes(windows) / size for emg, windows in host.items()}
    threads = f"{CUTTERS} cutting, {READERS} reading"
    cases = {"R, 1 thread": reference.case(1, bandwidth), "R, 2 threads": reference.case(2, bandwidth)}

    def add(name: str, run: Callable[[], int], *, per_window: float, note: str) -> None:
        ours, base = beside(run, reference)
        limit = bandwidth / per_window if per_window else float("inf")
        told = f"{ours.rate / limit:.2f} M; " if per_window else ""
        told += f"CPU {ours.processor:.2f} s/M windows, of R {base.processor:.2f}; {note}"
        cases[name] = Case(
            value=ours.rate / 1e3, unit="k/s", baseline=base.rate / 1e3, ratio=ours.rate / base.rate, note=told
        )

    for emg, windows in host.items():
        add(f"StrideWindows {emg}", partial(epoch, windows), per_window=bytes_of[emg], note=threads)
    add("DeviceWindows, strides shipped", lambda: ship(device), per_window=0, note=f"1 placing, {READERS} reading")
    add(
        "DeviceWindows, cut on the CPU",
        lambda: epoch(device),
        per_window=bytes_of["float32"],
        note=f"1 cutting, {READERS} reading",
    )
    items, grown = materialize(host["float32"])
    note = f"1 thread; {grown / len(items) * TOTAL / 2**30:.1f} GiB for a million windows"
    add("list of dicts, default_collate", partial(collate, items, size), per_window=bytes_of["float32"], note=note)
    items.clear()
    add("a Zarr read per stride", lambda: zarr_strides(host["float32"]), per_window=0, note="1 thread; EMG alone")
    if workers:
        add_workers(cases, host["float32"], reference)
    else:
        print("2 workers: not run (--workers)")
    peak = child(root, size)
    note = f"{host['float32'].windows:,} windows of {len(host['float32'].sources[0].duration):,} strides"
    cases["peak memory, GiB"] = Case(value=peak, unit="GiB", baseline=1.0, ratio=peak, note=note)
    return cases


class Reference:
    """R: rows of ready windows taken into a buffer that is used again."""

    def __init__(self, size: int) -> None:
        generator = torch.Generator().manual_seed(0)
        self._ready = torch.randn(READY, 13 * 200, generator=generator)
        self._out = torch.empty(size, 13 * 200)
        self._rows = [torch.randint(READY, (size,), generator=generator) for _ in range(max(1, 4 * READY // size))]

    def run(self) -> int:
        """Make some batches and return how many windows they have."""
        for rows in self._rows:
            torch.index_select(self._ready, 0, rows, out=self._out)
        return len(self._rows) * len(self._out)

    def case(self, threads: int, bandwidth: float) -> Case:
        """Return R itself with so many threads beside M."""
        torch.set_num_threads(threads)
        self.run()
        speed = max((timed(self.run) for _ in range(3)), key=lambda found: found.rate)
        torch.set_num_threads(1)
        limit = bandwidth / (4 * 13 * 200)
        note = f"baseline M; CPU {speed.processor:.2f} s/M windows; load of the machine {os.getloadavg()[0]:.1f}"
        return Case(value=speed.rate / 1e3, unit="k/s", baseline=limit / 1e3, ratio=speed.rate / limit, note=note)


def timed(run: Callable[[], int]) -> Speed:
    """Return the speed of something that returns how many windows it made."""
    used, started = time.process_time(), time.perf_counter()
    count = run()
    return Speed(rate=count / (time.perf_counter() - started), processor=(time.process_time() - used) / count * TOTAL)


def beside(run: Callable[[], int], reference: Reference) -> tuple[Speed, Speed]:
    """Return the best of a case, and the best of R before, between and after."""
    bases, found = [timed(reference.run)], []
    for _ in range(REPEATS):
        found.append(timed(run))
        bases.append(timed(reference.run))
    best = [
        Speed(rate=max(speed.rate for speed in speeds), processor=min(speed.processor for speed in speeds))
        for speeds in (found, bases)
    ]
    return best[0], best[1]


def memory_speed() -> float:
    """Return how fast memory is copied by one thread, bytes/s."""
    source = np.ones(2**23, dtype=np.float64)
    target = np.empty_like(source)
    best = float("inf")
    for _ in range(8):
        started = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - started)
    return source.nbytes / best


def batch_bytes(windows: StrideWindows) -> int:
    """Return the bytes of a batch; the loops are compiled meanwhile."""
    batches = iter(windows)
    return sum(tensor.nbytes for tensor in next(batches).values())


def epoch(windows: StrideWindows) -> int:
    """Iterate one epoch and return its windows."""
    count = 0
    for batch in windows:
        count += len(batch["weight"])
    return count


def ship(windows: DeviceWindows) -> int:
    """Bring the strides of an epoch to the device without cutting them; return the windows that they hold."""
    order = windows._order()
    cutter = windows._cutter(order)
    blocks = windows._epochs.blocks(order)
    shares = (order.share(step) for step in range(order.steps))
    count = 0
    for share, found in prefetched(
        order, shares, lambda n: cutter.read(windows.sources[blocks[n][0]], blocks[n][1]), ahead=POOL_BLOCKS
    ):
        cutter.place(share, found)  # type: ignore[attr-defined]
        count += len(share.block)
    return count


def materialize(windows: StrideWindows) -> tuple[list[dict[str, torch.Tensor]], int]:
    """Return some windows as a list of dicts, and by how many bytes the process has grown."""
    before = resident()
    items: list[dict[str, torch.Tensor]] = []
    for batch in windows:
        items += [{name: tensor[row].clone() for name, tensor in batch.items()} for row in range(len(batch["weight"]))]
        if len(items) >= LISTED:
            break
    return items, resident() - before


def resident() -> int:
    """Return the memory of this process, bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def collate(items: list[dict[str, torch.Tensor]], size: int) -> int:
    """Make batches of all windows of a list in random order."""
    order = np.random.default_rng(0).permutation(len(items))
    for start in range(0, len(items) - size + 1, size):
        default_collate([items[row] for row in order[start : start + size]])
    return len(items) // size * size


def zarr_strides(windows: StrideWindows) -> int:
    """Read one stride at a time and cut its windows in a loop."""
    source = windows.sources[0]
    part, index, count = source.open(), source.index, 0
    for row in np.random.default_rng(0).permutation(len(source.duration))[:ZARR_STRIDES].tolist():
        emg = part.decoded("emg", row, row + 1)[0]
        for j in range(index.count[row]):
            sample = index.first[row] + j * index.hop
            end = 250 + int(1000 * sample * index.step[row] + 1e-6)
            torch.from_numpy(emg[:, end - 199 : end + 1].copy())
            count += 1
    return count


def add_workers(cases: dict[str, Case], windows: StrideWindows, reference: Reference) -> None:
    """Measure two persistent workers in their second epoch: their start is not counted."""
    loader = DataLoader(
        windows, batch_size=None, num_workers=2, multiprocessing_context="spawn", persistent_workers=True
    )
    sum(len(batch["weight"]) for batch in loader)
    windows.set_epoch(1)
    base = timed(reference.run)
    speed = timed(lambda: sum(len(batch["weight"]) for batch in loader))
    note = "persistent, second epoch; every batch goes through another process"
    cases["2 workers, float32"] = Case(
        value=speed.rate / 1e3, unit="k/s", baseline=base.rate / 1e3, ratio=speed.rate / base.rate, note=note
    )


def child(root: str, size: int) -> float:
    """Return the peak memory (GiB) of a process that iterates one epoch and does nothing else."""
    command = [sys.executable, "-m", "tests.benchmarks.loader", "--child", root, str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        epoch(StrideWindows(sys.argv[2], global_batch=int(sys.argv[3]), datasets=[DATASET]))
        print(json.dumps(peak_memory() / 2**30))
    else:
        main()
