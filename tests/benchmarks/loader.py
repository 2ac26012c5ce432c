"""The speed of the loader: one table, beside memory, other ways to make windows, other loaders, and a slow bucket.

    python -m tests.benchmarks.loader --json bench/loader.json [--strides 8192] [--batch 1024]

prints the table in Markdown, and on stderr what it is at. R and M are explained in `loader_table`, the other loaders in
`loader_peers`, the bucket in `loader_remote`. Strides are 6 Hz envelopes of synthetic walking, all 13 muscles and all
joints measured, on local disk in the cache of the operating system; decoding is in every figure.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from biomech_xr.load import DeviceWindows, StrideWindows
from biomech_xr.load.blocks.prefetch import READERS, prefetched
from biomech_xr.load.cut.host import CUTTERS
from biomech_xr.window.order import POOL_BLOCKS
from tests.benchmarks import loader_peers, loader_remote
from tests.benchmarks.common import arguments, report
from tests.benchmarks.loader_data import write_corpus
from tests.benchmarks.loader_memory import add_peak
from tests.benchmarks.loader_table import TOTAL, Table, fastest, processor_time, say, timed

OURS = "StrideWindows float32, all features"
SHIPPED = "DeviceWindows, strides shipped (windows that they hold)"
WORKERS = 2


def main() -> None:
    """Write the corpus, measure every row and report."""
    parser = arguments("Windows per second of the loader.")
    parser.add_argument("--strides", type=int, default=8192, help="strides of the corpus")
    parser.add_argument("--batch", type=int, default=1024, help="windows of a batch")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        say(f"writing {given.strides:,} strides")
        write_corpus(Path(folder), given.strides)
        table = Table(given.batch)
        add_ours(table, folder)
        add_workers(table, folder)
        add_peak(table, "peak memory, local store", folder, f"{given.strides:,} strides")
        loader_peers.add_others(table, folder, OURS)
        loader_peers.add_loaders(table, folder, {"windows": OURS, "unshuffled": OURS, "strides": SHIPPED})
        loader_remote.add_rows(table, folder)
    report(table.cases(), given.json, lines=table.lines())


def add_ours(table: Table, root: str) -> None:
    """Measure one process: windows cut here, and strides for a device."""
    threads = f"{CUTTERS} cutting, {READERS} reading"
    for emg, name in (("float32", OURS), ("int16", "StrideWindows int16, scaled on the device")):
        windows = StrideWindows(root, global_batch=table.size, emg=emg)  # type: ignore[arg-type]
        table.measure(name, partial(iterate, windows), per_window=bytes_of(windows), threads=threads)
    device = DeviceWindows(root, global_batch=table.size, device="cpu")
    shipping = f"1 placing, {READERS} reading"
    table.measure(SHIPPED, partial(ship, device), threads=shipping, note="cutting is left to the device")
    cutting = f"1 cutting, {READERS} reading"
    table.measure(
        "DeviceWindows, cut on the CPU", partial(iterate, device), per_window=bytes_of(device), threads=cutting
    )


def add_workers(table: Table, root: str) -> None:
    """Measure persistent workers of a DataLoader in a whole epoch after the one in which they start."""
    name = f"{WORKERS} persistent DataLoader workers, float32"
    say(name)
    windows = StrideWindows(root, global_batch=table.size)
    windows.load_state_dict(windows.state_dict(steps=max(0, windows.steps_per_epoch - 8 * WORKERS)))
    loader = DataLoader(
        windows, batch_size=None, num_workers=WORKERS, multiprocessing_context="spawn", persistent_workers=True
    )
    batches = iter(loader)
    for batch in batches:
        del batch
    windows.set_epoch(1)
    bases, workers = [table.reference()], [worker.pid for worker in batches._workers]  # type: ignore[attr-defined]
    used = sum(map(processor_time, workers))
    alone = timed(lambda: sum(len(batch["weight"]) for batch in loader))
    used = sum(map(processor_time, workers)) - used
    bases.append(table.reference())
    speed = replace(alone, processor=alone.processor + used / windows.windows * TOTAL)
    note = "persistent, their second epoch; every batch goes through another process"
    table.put(name, speed, fastest(bases), per_window=bytes_of(windows), threads=f"{WORKERS} processes", note=note)


def iterate(windows: StrideWindows) -> int:
    """Iterate one epoch and return its windows."""
    count = 0
    for batch in windows:
        count += len(batch["weight"])
    return count


def bytes_of(windows: StrideWindows) -> float:
    """Return the bytes of one window in a batch; loops are compiled meanwhile."""
    return sum(tensor.nbytes for tensor in next(iter(windows)).values()) / windows.global_batch


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


if __name__ == "__main__":
    main()
