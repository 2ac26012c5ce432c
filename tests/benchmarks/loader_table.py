"""The one table of the loader's benchmark: windows per second beside R and M, and how a row is measured.

R is `torch.index_select` of windows that lie ready in memory into a buffer that is used again, by one thread, measured
before, between and after the runs of every row; the best of each counts. M is what the machine could do at most: the
bytes of a batch over the speed at which memory is copied.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from tests.benchmarks.common import Case

REPEATS = 2
TOTAL = 1_000_000
_CHANNELS, _WINDOW = 13, 200
WINDOW_BYTES = 4 * _CHANNELS * _WINDOW
"""Bytes of the EMG of a window as float32."""

_READY = 16_384
_STARTED = time.perf_counter()
_HEAD = ("case", "windows/s", "R then", "x R", "share of M", "CPU s per million (R)", "threads", "notes")


def say(text: str) -> None:
    """Say on stderr what is measured now, and when that began."""
    print(f"{time.perf_counter() - _STARTED:5.0f} s  {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Windows per second of wall-clock time, and processor seconds for a million windows."""

    rate: float
    processor: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row: how fast something was and R beside it.

    `share` is that of M, NaN where no windows are written; `threads` are those used; `note` says the rest.
    """

    speed: Speed
    base: Speed
    share: float = float("nan")
    threads: str = "1"
    note: str = ""

    def case(self) -> Case:
        """Return the row in the form of all benchmarks."""
        of_m = "" if np.isnan(self.share) else f"{self.share:.2f} M; "
        used = f"CPU {self.speed.processor:.2f} s/M windows, of R {self.base.processor:.2f}; threads: {self.threads}"
        return Case(
            value=self.speed.rate / 1e3,
            unit="k/s",
            baseline=self.base.rate / 1e3,
            ratio=self.speed.rate / self.base.rate,
            note=f"{of_m}{used}" + (f"; {self.note}" if self.note else ""),
        )

    def cells(self) -> list[str]:
        """Return the cells after the name."""
        rate, base = self.speed.rate, self.base.rate
        of_m = "" if np.isnan(self.share) else f"{self.share:.2g}"
        used = f"{self.speed.processor:.3g} ({self.base.processor:.2g})"
        return [f"{rate:,.0f}", f"{base:,.0f}", f"{rate / base:.2g}", of_m, used, self.threads, self.note]


class Table:
    """Rows in the order in which they were measured.

    Parameters
    ----------
    size
        Windows of a batch.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._rows: dict[str, Row | Case] = {}
        say("memory, R and M")
        self._bandwidth = memory_speed()
        self._reference = Reference(size)
        load = os.getloadavg()[0]
        alone, both = self._reference_with(1), self._reference_with(2)
        self.put("R", alone, alone, per_window=WINDOW_BYTES, note=f"load of the machine before: {load:.1f}")
        self.put("R, two threads", both, alone, per_window=WINDOW_BYTES, threads="2")

    def _reference_with(self, threads: int) -> Speed:
        torch.set_num_threads(threads)
        found = fastest([self.reference() for _ in range(1 + REPEATS)])
        torch.set_num_threads(1)
        return found

    def measure(
        self, name: str, run: Callable[[], int], *, per_window: float = 0, threads: str = "1", note: str = ""
    ) -> Speed:
        """Add the row of what returns how many windows it made, ``per_window`` bytes each; return its speed."""
        say(name)
        bases, found = [self.reference()], []
        for _ in range(REPEATS):
            found.append(timed(run))
            bases.append(self.reference())
        speed = fastest(found)
        self.put(name, speed, fastest(bases), per_window=per_window, threads=threads, note=note)
        return speed

    def reference(self) -> Speed:
        """Return the speed of R now."""
        return timed(self._reference.run)

    def put(
        self, name: str, speed: Speed, base: Speed, *, per_window: float = 0, threads: str = "1", note: str = ""
    ) -> None:
        """Add a row that was measured beside R; ``per_window`` bytes are written, 0 where no windows are."""
        share = speed.rate * per_window / self._bandwidth if per_window else float("nan")
        self._rows[name] = Row(speed=speed, base=base, share=share, threads=threads, note=note)

    def note(self, name: str, text: str) -> None:
        """Let a row say more."""
        row = self._rows[name]
        self._rows[name] = replace(row, note=f"{row.note}; {text}" if row.note else text)

    def put_memory(self, name: str, peak: float, limit: float, note: str) -> None:
        """Add a row of memory beside its limit, GiB."""
        self._rows[name] = Case(value=peak, unit="GiB", baseline=limit, ratio=peak / limit, note=note)

    def not_run(self, name: str, reason: str) -> None:
        """Add a row that says why there is none."""
        self._rows[name] = Case(value=0, unit="not run", baseline=0, ratio=0, note=reason)

    def speed_of(self, name: str) -> Speed:
        """Return the speed of a row that is there."""
        row = self._rows[name]
        assert isinstance(row, Row)
        return row.speed

    def cases(self) -> dict[str, Case]:
        """Return the rows in the form of all benchmarks."""
        return {name: row.case() if isinstance(row, Row) else row for name, row in self._rows.items()}

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table in Markdown."""
        yield _line(_HEAD)
        yield _line("---" for _ in _HEAD)
        for name, row in self._rows.items():
            if isinstance(row, Row):
                yield _line([name, *row.cells()])
            elif row.unit == "not run":
                yield _line([name, "not run", *[""] * 5, row.note])
            else:
                yield _line([name, f"{row.value:.2f} {row.unit}", *[""] * 5, row.note])


def _line(cells: Iterable[str]) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)


class Reference:
    """R: rows of ready windows taken into a buffer that is used again."""

    def __init__(self, size: int) -> None:
        generator = torch.Generator().manual_seed(0)
        self._ready = torch.randn(_READY, _CHANNELS * _WINDOW, generator=generator)
        self._out = torch.empty(size, _CHANNELS * _WINDOW)
        self._rows = [torch.randint(_READY, (size,), generator=generator) for _ in range(max(1, 4 * _READY // size))]

    def run(self) -> int:
        """Make some batches and return how many windows they have."""
        for rows in self._rows:
            torch.index_select(self._ready, 0, rows, out=self._out)
        return len(self._rows) * len(self._out)


def timed(run: Callable[[], int]) -> Speed:
    """Return the speed of something that returns how many windows it made."""
    used, started = time.process_time(), time.perf_counter()
    count = run()
    return Speed(rate=count / (time.perf_counter() - started), processor=(time.process_time() - used) / count * TOTAL)


def fastest(found: list[Speed]) -> Speed:
    """Return the best rate and the least processor time of some runs."""
    return Speed(rate=max(one.rate for one in found), processor=min(one.processor for one in found))


def processor_time(pid: int) -> float:
    """Return the processor seconds that another process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
