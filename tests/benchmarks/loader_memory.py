"""The memory of a process that iterates one epoch and does nothing else.

    python -m tests.benchmarks.loader_memory URL BATCH peak|growth|list

prints bytes: the most that the process had, libraries included; by how much it grew beyond a process that has made
small batches; or what all windows would need as a list of dicts, extrapolated from the first ones.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

import torch

from biomech_xr.load import StrideWindows
from biomech_xr.memory import peak_memory
from tests.benchmarks.loader_data import DATASET, resident, write_corpus
from tests.benchmarks.loader_table import Table, say

LISTED = 8_192
"""Windows that are put into a list."""

BOUND = 1.0
"""Most memory of a process, GiB."""


def of_epoch(url: str, size: int, what: Literal["peak", "growth", "list"] = "peak") -> int:
    """Return the memory of a process for an epoch in batches of a size, bytes."""
    command = [sys.executable, "-m", "tests.benchmarks.loader_memory", url, str(size), what]
    return int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()[-1])


def add_peak(table: Table, name: str, url: str, note: str) -> None:
    """Add the row of the most memory that a process has which iterates an epoch."""
    say(name)
    table.put_memory(name, of_epoch(url, table.size) / 2**30, BOUND, f"bound {BOUND:g} GiB; {note}")


def _iterate(url: str, size: int) -> None:
    for batch in StrideWindows(url, global_batch=size, datasets=[DATASET]):
        del batch


def listed(windows: StrideWindows) -> list[dict[str, torch.Tensor]]:
    """Return the first windows as a list of dicts."""
    items: list[dict[str, torch.Tensor]] = []
    for batch in windows:
        items += [{name: tensor[row].clone() for name, tensor in batch.items()} for row in range(len(batch["weight"]))]
        if len(items) >= LISTED:
            break
    return items


def main() -> None:
    """Iterate, or make the list, and print the memory."""
    url, size, what = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    if what != "peak":
        with tempfile.TemporaryDirectory() as folder:
            write_corpus(Path(folder), 64)
            _iterate(folder, 64)
    before = resident()
    if what == "list":
        windows = StrideWindows(url, global_batch=size, datasets=[DATASET])
        first = next(iter(windows))  # what the loader itself needs
        before, items = resident(), listed(windows)
        print(round((resident() - before) / len(items) * windows.windows))
        del first
        return
    if what == "growth":
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the highest memory is counted from here on
    _iterate(url, size)
    print(peak_memory() - (before if what == "growth" else 0))


if __name__ == "__main__":
    main()
