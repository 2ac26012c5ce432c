"""What every fault needs: raw trees, a store made in peace, the road as a process to be killed, the comparison."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from biomech_xr.store import layout, open_strides
from biomech_xr.store.objects import join, read_bytes, read_sealed, sizes
from biomech_xr.synthetic import write
from biomech_xr.testing.gcs import Faults, GcsEmulator
from tests.buckets import GCS
from tests.chaos.road import CHAIN

REPOSITORY = Path(__file__).parents[2]
PEOPLE = {"hu": 2, "falisse": 1}
"""Synthetic people a source; 0.2 minutes each."""

LONGEST = 420.0
"""Seconds after which a run counts as hanging."""


@dataclass
class Row:
    """One line of the table: a fault, what was done, and what became of the store."""

    fault: str
    runs: int = 0
    injected: str = ""
    lost: int = 0
    twice: int = 0
    different: int = 0
    torn: int = 0
    seconds: float = 0.0
    said: str = ""
    wrong: list[str] = field(default_factory=list)

    @property
    def survived(self) -> bool:
        """Whether nothing was lost, doubled, different or half written, and all else held as well."""
        return not (self.lost or self.twice or self.different or self.torn or self.wrong)


def contents(root: str) -> dict[str, str]:
    """Return key -> SHA-256 of every object of a store."""
    return {key: hashlib.sha256(read_bytes(join(root, key))).hexdigest() for key in sizes(root)}


def index(root: str) -> pd.MultiIndex:
    """Return the index of all strides."""
    found: pd.MultiIndex = open_strides(root, chain=CHAIN).indexes["stride"]
    return found


def torn(root: str, reference: dict[str, str]) -> list[str]:
    """Return the objects that a ledger, a manifest or a version vouches for and that are not what they should be."""
    there = contents(root)
    return sorted(key for key in vouched(root, there) if there.get(key) != reference.get(key))


def vouched(root: str, there: dict[str, str]) -> set[str]:
    """Return the keys of all objects that a reader would believe in."""
    found: set[str] = set()
    for key in there:
        folder, _, name = key.rpartition("/")
        if key.startswith("recordings/") and folder.endswith("/ledger") and name.endswith(".json"):
            group = f"{folder.removesuffix('/ledger')}/{name.removesuffix('.json')}.zarr"
        elif key.startswith("strides/") and name.endswith(".finished.json"):
            group = f"{folder.removesuffix('/ledger')}/{name.removesuffix('.finished.json')}.zarr"
        elif key.startswith(f"{layout.VERSIONS}/") and name.endswith(".json") and ".zarr/" not in key:
            group = f"{folder}/{read_sealed(join(root, key))['catalogue']['name']}"
        else:
            continue
        entry = read_sealed(join(root, key))
        found |= {key, *(f"{group}/{part}" for part in entry.get("catalogue", entry)["objects"])}
    return found


@dataclass
class Bench:
    """Raw trees in a folder, an emulator, and the store that an undisturbed run makes."""

    folder: Path
    gcs: GcsEmulator
    s3: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311
        self.injected: dict[str, int] = {}
        self.raw = self.folder / "raw"
        for name, patients in PEOPLE.items():
            if not (self.raw / name).exists():
                write(name, self.raw / name, patients=patients, seed=1, minutes=0.2)

    @cached_property
    def reference(self) -> dict[str, str]:
        """Objects of the store that an undisturbed run makes, and their SHA-256."""
        root = f"{GCS}/undisturbed"
        with self.road(root) as run:
            assert run.wait(LONGEST) == 0, self.said(run)
        return contents(root)

    @cached_property
    def index(self) -> pd.MultiIndex:
        """Index of the strides of the undisturbed run."""
        assert self.reference
        return index(f"{GCS}/undisturbed")

    @contextmanager
    def road(self, root: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """Start the whole road as a process; it and all that it started is gone afterwards."""
        command = [sys.executable, "-m", "tests.chaos.road", f"store={root}", f"raw={self.raw}"]
        with self.process(command, **environment) as run:
            yield run

    @contextmanager
    def process(self, command: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
        """Start a command in a session of its own, its output in a file that `said` returns."""
        variables = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(self.folder), **environment}
        with tempfile.TemporaryFile("w+", dir=self.folder) as output:
            run = subprocess.Popen(
                command, cwd=REPOSITORY, env=variables, stdout=output, stderr=output, text=True, start_new_session=True
            )
            run.said = output  # type: ignore[attr-defined]
            try:
                yield run
            finally:
                end(run)

    @staticmethod
    def said(run: subprocess.Popen[str]) -> str:
        """Return the output of a process so far."""
        output: Any = run.said  # type: ignore[attr-defined]
        output.seek(0)
        return str(output.read())

    @property
    def writes(self) -> int:
        """Objects written to the emulator so far."""
        return int(self.gcs.requests.by_kind.get("write", 0))

    def wait_for_writes(self, run: subprocess.Popen[str], count: int) -> bool:
        """Wait until so many more objects were written; False where the process ended before."""
        wanted = self.writes + count
        deadline = time.monotonic() + LONGEST
        while run.poll() is None:
            if self.writes >= wanted:
                return True
            if time.monotonic() > deadline:
                raise AssertionError(f"hangs: {self.said(run)}")
            time.sleep(0.005)
        return False

    def compare(self, row: Row, root: str) -> None:
        """Count into a row how a finished store differs from that of the undisturbed run."""
        self.injected = self.gcs.injected
        self.gcs.faults = Faults()
        found, reference = contents(root), self.reference
        row.different += sum(found.get(key) != reference.get(key) for key in {*found, *reference})
        strides = index(root)
        row.lost += len(self.index.difference(strides))
        row.twice += int(strides.duplicated().sum())

    def finish(self, row: Row, root: str, *, again: int = 0) -> None:
        """Run the road until it says that all is done, then compare; ``again`` more runs may fail before."""
        for _ in range(again + 1):
            with self.road(root) as run:
                row.runs += 1
                code = run.wait(LONGEST)
                if code == 0:
                    break
                said = self.said(run)
        else:
            row.wrong.append(f"exit code {code}: {said[-600:]}")
            return
        self.compare(row, root)


def descendants(run: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the processes that a process started, and those that these started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(run.pid).children(recursive=True)
    return []


def workers(run: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the Dask workers of a road."""
    found = []
    for child in descendants(run):
        with contextlib.suppress(psutil.Error):
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


def end(run: subprocess.Popen[str]) -> None:
    """Kill a process and all that it started."""
    left = descendants(run)
    run.kill()
    run.wait()
    for child in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def survivors(processes: list[psutil.Process], seconds: float = 15.0) -> list[psutil.Process]:
    """Return those processes that are still there after so long."""
    return list(psutil.wait_procs(processes, timeout=seconds)[1])


@contextmanager
def timed(row: Row) -> Iterator[Row]:
    """Add the seconds that the block takes to a row."""
    started = time.monotonic()
    try:
        yield row
    finally:
        row.seconds += time.monotonic() - started


Fault = Callable[[Bench], Row]
