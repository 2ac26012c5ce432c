"""One whole epoch of windows of a store, as fast as one process can: the full size, not a piece of it.

    python -m pipelines.rehearse out=big scale=1 --strides-only
    python -m tests.benchmarks.epoch big [--batch 1024]

Every block is read and decoded once. What the operating system keeps of files in memory is not dropped: write 3 to
/proc/sys/vm/drop_caches before, as root, for a cold disk.
"""

from __future__ import annotations

import argparse
import time

from biomech_xr.load import StrideWindows
from biomech_xr.memory import peak_memory

SAID = 20_000


def main() -> None:
    """Iterate, say how far it is, and report."""
    parser = argparse.ArgumentParser(description="One whole epoch of windows, in one process.")
    parser.add_argument("url", help="a store of strides")
    parser.add_argument("--batch", type=int, default=1024, help="windows of a batch")
    given = parser.parse_args()
    windows = StrideWindows(given.url, global_batch=given.batch)
    strides = sum(len(source.duration) for source in windows.sources)
    print(f"{strides:,} strides of {len(windows.datasets)} source(s), {windows.windows:,} windows, lost {windows.lost}")
    count, started, used = 0, time.perf_counter(), time.process_time()
    for step, batch in enumerate(windows, start=1):
        count += len(batch["stride"])
        if step % SAID == 0:
            print(f"step {step:,} of {windows.steps_per_epoch:,}: {count / (time.perf_counter() - started):,.0f}/s")
    seconds, processor = time.perf_counter() - started, time.process_time() - used
    print(
        f"{count:,} windows in {seconds:.0f} s: {count / seconds:,.0f}/s; CPU {processor / count * 1e6:.2f} s a million"
    )
    print(f"waited {windows.waited.seconds:.1f} s for blocks; peak {peak_memory() / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
