"""One unit of work in a process that can be killed at an exact request: forked from a server that has all imported."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from biomech_xr.process import load_chain
from biomech_xr.run import finish_strides, parse_patient, pending_patients, shard_work
from biomech_xr.store import publish
from biomech_xr.store.remote import remove_tree
from biomech_xr.testing.gcs import Faults, Rule
from tests.buckets import GCS
from tests.chaos.bench import Bench, Row, contents, timed, torn
from tests.chaos.road import CHAIN

SOURCE = "falisse"


def parse_unit(raw: str, root: str) -> None:
    """Parse the one person of the source."""
    for patient in pending_patients(SOURCE, raw, root)[0]:
        parse_patient(SOURCE, raw, root, patient)


def process_unit(_: str, root: str) -> None:
    """Process the source: create its part, fill the shard, seal it, write the manifest, make a version."""
    work = shard_work(root, SOURCE, load_chain(CHAIN))
    for task in work.tasks:
        task.compute(scheduler="synchronous")
    finish_strides(work)
    publish(root, CHAIN, [SOURCE])


Unit = Callable[[str, str], None]


def kill_at_puts(bench: Bench, unit: Unit, every: int = 1) -> Row:
    """Kill a unit's process at each of its puts, in turn before the object is there and after; then run it again."""
    which = "every" if every == 1 else f"every {every}th"
    row = Row(f"kill -9 at {which} put of one {'person parsed' if unit is parse_unit else 'source processed'}")
    raw, peace, root = str(bench.raw / SOURCE), f"{GCS}/put-peace-{unit.__name__}", f"{GCS}/put-killed"
    kills = 0
    with timed(row):
        for place in (peace, root) if unit is process_unit else ():
            parse_unit(raw, place)
        before, writes = set(contents(peace)), bench.writes
        unit(raw, peace)
        writes = bench.writes - writes
        whole = contents(peace)
        for number in range(1, writes + 1, every):
            _killed_at(bench, unit, raw, root, number, row)
            kills += 1
            row.torn += len(torn(root, whole))
            unit(raw, root)
            row.runs += 2
            found = contents(root)
            row.different += sum(found.get(key) != whole.get(key) for key in {*found, *whole})
            for folder in {key.partition("/")[0] for key in {*found, *whole} - before}:
                remove_tree(f"{root}/{folder}", last="zarr.json")
    remove_tree(root, last="zarr.json")
    row.injected = f"{kills} kills"
    return row


def _killed_at(bench: Bench, unit: Unit, raw: str, root: str, number: int, row: Row) -> None:
    """Run a unit in a process of its own that dies at its put of this number."""
    pids: list[int] = []

    def kill(_: str) -> None:
        os.kill(pids[0], signal.SIGKILL)

    action = "drop" if number % 2 else "none"
    rule = Rule(action=action, match=f"*/{Path(root).name}/*", kind="write", nth=number, call=kill)
    bench.gcs.faults = Faults(rules=(rule,))
    code = run_forked(unit, raw, root, bench.gcs.environment(), started=pids.append)
    bench.gcs.faults = Faults()
    if code != -signal.SIGKILL:
        row.wrong.append(f"put {number} of {unit.__name__}: exit code {code}")


def run_forked(
    unit: Unit,
    raw: str,
    root: str,
    environment: dict[str, str],
    *,
    started: Callable[[int], object] = lambda _: None,
    first: str = "",
) -> int | None:
    """Run a unit in a process forked from a server that has all imported, and return its exit code.

    ``started`` is told the process id before the unit runs; ``first`` is a file of Python to run before it.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["biomech_xr.run", "biomech_xr.store.remote", "xarray", "dask", "tests.chaos.units"])
    go = context.Event()
    process = context.Process(target=_forked, args=(unit, raw, root, environment, first, go))
    process.start()
    try:
        started(process.pid or 0)
        go.set()
        process.join(120)
        return process.exitcode
    finally:
        process.kill()
        process.join()
        process.close()


def _forked(unit: Unit, raw: str, root: str, environment: dict[str, str], first: str, go: Any) -> None:
    go.wait()
    os.environ.update(environment)
    if first:
        runpy.run_path(first)
    unit(raw, root)
