"""The faults, each an actual run of the road on small synthetic data; every function returns its line of the table."""

from __future__ import annotations

import contextlib
import importlib
import io
import itertools
import signal
import subprocess
import sys
import time
from pathlib import Path

from biomech_xr.testing.gcs import Faults, Rule
from pipelines import parse, process
from pipelines.command import main
from tests.buckets import GCS, environment
from tests.chaos.bench import LONGEST, Bench, Row, contents, descendants, survivors, timed, torn, workers

POISON = Path(__file__).parent / "poison"


def kill_workers(bench: Bench, kills: int = 20) -> Row:
    """Kill a random worker again and again while it works."""
    row = Row(f"kill -9 of a random worker, {kills} times")
    left = kills
    with timed(row):
        while left and row.runs < kills:
            root = f"{GCS}/workers-{row.runs}"
            with bench.road(root) as run:
                row.runs += 1
                while left and bench.wait_for_writes(run, bench.random.randint(1, 30)):
                    if alive := workers(run):
                        bench.random.choice(alive).kill()
                        left -= 1
                if code := run.wait(LONGEST):
                    row.wrong.append(f"exit code {code}: {bench.said(run)[-600:]}")
                    break
            bench.compare(row, root)
    row.wrong += [f"{left} kills not done"] if left else []
    row.injected = f"{kills - left} kills"
    return row


def kill_driver(bench: Bench, kills: int = 10) -> Row:
    """Kill the process that the user started at random points; its workers end by themselves, and a rerun goes on."""
    row = Row(f"kill -9 of the driver at {kills} random points, then a rerun")
    left, store = kills, 0
    total = len(bench.reference)
    with timed(row):
        while left:
            root = f"{GCS}/driver-{store}"
            with bench.road(root) as run:
                row.runs += 1
                if bench.wait_for_writes(run, bench.random.randint(1, total // 2)):
                    children = descendants(run)
                    run.kill()
                    left -= 1
                    row.wrong += [f"still there: {child}" for child in survivors(children)]
                elif code := run.wait(LONGEST):
                    row.wrong.append(f"exit code {code}: {bench.said(run)[-600:]}")
                    break
                else:
                    bench.compare(row, root)
                    store += 1
                    continue
            row.torn += len(torn(root, bench.reference))
        bench.finish(row, f"{GCS}/driver-{store}")
    row.injected = f"{kills - left} kills"
    return row


def sigterm(bench: Bench, times: int = 3, within: float = 15.0, *, away: bool = False) -> Row:
    """Send SIGTERM while it works: it says one line, leaves no process, and a rerun goes on.

    ``away`` lets the storage answer 503 to all that is asked from two seconds before the signal on.
    """
    name = "sigterm-away" if away else "sigterm"
    row = Row(f"SIGTERM, {times} times{', while the storage answers 503 to all' if away else ''}")
    root, slowest, left, total = f"{GCS}/{name}", 0.0, times, len(bench.reference)
    outage = Faults(rules=(Rule(action="http_503", match="*", count=None),))
    with timed(row):
        while left:
            with bench.road(root) as run:
                row.runs += 1
                if not bench.wait_for_writes(run, bench.random.randint(1, total // (times + 1))):
                    row.wrong.append(f"ended before SIGTERM: {bench.said(run)[-600:]}")
                    break
                if away:
                    bench.gcs.faults = outage
                    time.sleep(2)
                children, started = descendants(run), time.monotonic()
                run.send_signal(signal.SIGTERM)
                left -= 1
                code = run.wait(LONGEST)
                slowest = max(slowest, time.monotonic() - started)
                last = [line for line in bench.said(run).splitlines() if "resource_tracker" not in line][-1]
                row.wrong += [f"still there: {child}" for child in survivors(children)]
                if code != 143 or not last.startswith("interrupted: nothing that was finished is lost"):
                    row.wrong.append(f"exit code {code}: {bench.said(run)[-600:]}")
            bench.gcs.faults = Faults()
            row.torn += len(torn(root, bench.reference))
        bench.finish(row, root)
    if slowest > within:
        row.wrong.append(f"{slowest:.1f} s from SIGTERM to the end")
    row.injected = f"{times - left} signals"
    row.said = f"slowest end {slowest:.1f} s"
    return row


def bad_network(bench: Bench) -> Row:
    """Answer 5 % of the requests with 429 and 5xx, drop 2 %, cut 2 % short, lose 1 % of the replies, wait 0-200 ms."""
    row = Row("5 % 429/500/503, 2 % drops, 2 % truncations, 1 % lost replies, 0-200 ms latency")
    assert bench.reference
    bench.gcs.reset()
    bench.gcs.faults = Faults(
        seed=bench.seed,
        http_429=0.02,
        http_500=0.01,
        http_503=0.02,
        drop=0.02,
        truncate=0.02,
        lost_reply=0.01,
        jitter=0.2,
    )
    with timed(row):
        bench.finish(row, f"{GCS}/network")
    row.injected = _counted(bench)
    return row


def damaging_network(bench: Bench) -> Row:
    """Damage every object when it is first written, and when it is read for the first and the second time."""
    row = Row("the first write and the first two reads of every object damaged on the way")
    assert bench.reference
    bench.gcs.reset()
    writes = Rule(action="corrupt_write", kind="write", match="*/damaging/*", each=True)
    reads = Rule(action="corrupt", kind="read", match="*/damaging/*", count=2, each=True)
    bench.gcs.faults = Faults(seed=bench.seed, rules=(writes, reads))
    with timed(row):
        bench.finish(row, f"{GCS}/damaging")
    row.injected = _counted(bench)
    return row


def stalls(bench: Bench, seconds: float = 30.0, each: int = 2) -> Row:
    """Let reads and writes stand still."""
    row = Row(f"stalls of {seconds:g} s")
    assert bench.reference
    bench.gcs.reset()
    rules = [
        Rule(action="stall", match="*/stalls/*", kind=kind, nth=nth, count=each, seconds=seconds)
        for kind, nth in (("read", 10), ("write", 25), ("list", 2), ("read", 60))
    ]
    bench.gcs.faults = Faults(rules=tuple(rules))
    with timed(row):
        bench.finish(row, f"{GCS}/stalls")
    row.injected = _counted(bench)
    return row


def disk_full(bench: Bench, shares: tuple[float, ...] = (0.35, 0.8)) -> Row:
    """Write to a disk (a tmpfs) that holds a part of the store only; a rerun goes on when there is more room."""
    row = Row("disk full")
    place = bench.folder / "disk"
    place.mkdir(exist_ok=True)
    total = _bytes(bench)
    with timed(row):
        for number, share in enumerate(shares):
            size = f"size={int(share * total)},mode=755"
            small_disk(place, size)
            try:
                root = str(place / f"store-{number}")
                with bench.road(root) as run:
                    row.runs += 1
                    code, said = run.wait(LONGEST), bench.said(run)
                if not code or "No space left on device" not in said:
                    row.wrong.append(f"exit code {code}: {said[-600:]}")
                row.torn += len(torn(root, bench.reference))
                small_disk(place, f"remount,size={4 * total}")
                bench.finish(row, root)
            finally:
                no_disk(place)
    row.injected = f"{len(shares)} disks, {' and '.join(f'{share:.0%}' for share in shares)} of what was needed"
    return row


def small_disk(place: Path, options: str) -> None:
    """Mount a disk in memory, or mount it again with other options; only root may."""
    kind = ["-t", "tmpfs", "tmpfs"] if "remount" not in options else []
    subprocess.run(["/usr/bin/env", "mount", "-o", options, *kind, str(place)], check=True)


def no_disk(place: Path) -> None:
    """Unmount what `small_disk` mounted."""
    subprocess.run(["/usr/bin/env", "umount", str(place)], check=True)


def poison(bench: Bench) -> Row:
    """Put a file into the raw tree that kills the process that reads it."""
    row = Row("a raw file that kills its reader")
    root, log = f"{GCS}/poison", bench.folder / "poison.log"
    name = sorted((bench.raw / "hu").glob("AB*/**/*_post.csv"))[0]
    command = [sys.executable, "-m", "pipelines.parse", f"store={root}", f"raw_root={bench.raw}"]
    command += [f"sources.{source}.raw={source}" for source in ("falisse", "hu")]
    kills = {"PYTHONPATH": str(POISON), "BIOMECH_XR_POISON": name.name, "BIOMECH_XR_POISON_LOG": str(log)}
    assert bench.reference
    deaths = []
    tries: tuple[tuple[str, dict[str, str], tuple[int, ...]], ...] = (
        ("workers=2", kills, (1,)),
        ("workers=1", kills, (1, 2)),
        ("retry_quarantined=true", {}, (0,)),
    )
    with timed(row):
        for option, environment, wanted in tries:
            with bench.process([*command, option], **environment) as run:
                row.runs += 1
                code, said = run.wait(LONGEST), bench.said(run)
            deaths.append(len(log.read_text().splitlines()) if log.exists() else 0)
            named = "In quarantine" in said and name.name in said
            if code not in wanted or named == (0 in wanted):
                row.wrong.append(f"exit code {code}: {said[-800:]}")
            row.torn += len(torn(root, bench.reference))
    wanted_keys = {key: value for key, value in bench.reference.items() if key.startswith("recordings/")}
    found = contents(root)
    row.different = sum(found.get(key) != wanted_keys.get(key) for key in {*found, *wanted_keys})
    if deaths[0] != 3 or deaths[1] != deaths[0]:
        row.wrong.append(f"deaths after each run: {deaths}")
    row.injected = f"{deaths[0]} deaths, then none"
    row.said = "the others were parsed; the file was named, and left alone by the rerun"
    return row


def storages(bench: Bench) -> Row:
    """No fault: the road on a folder, on Google's storage and on Amazon's gives the same objects, byte for byte."""
    row = Row("file://, gs:// and s3://: the same objects")
    with timed(row):
        for root in (f"file://{bench.folder}/same", f"{bench.s3}/same"):
            bench.finish(row, root)
    row.injected = "none"
    row.said = f"{len(bench.reference)} objects"
    return row


def refusals(bench: Bench, within: float = 5.0, readers: tuple[str, ...] = ("obstore", "fsspec")) -> Row:
    """Ask for what is not allowed, or not there: one line says so, and soon."""
    row = Row("403, and a bucket that does not exist")
    refused = (Rule(action="http_403", match="biomech/forbidden/*", count=None),)
    read_only = (Rule(action="http_403", match="biomech/read-only/*", kind="write", count=None),)
    bench.gcs.faults = Faults(rules=refused + read_only)
    slowest = 0.0
    for reader in readers:
        importlib.import_module("gcsfs" if reader == "fsspec" else reader)
    places = {f"{GCS}/forbidden": "no permission", f"{GCS}/read-only": "no permission"}
    with timed(row):
        for (root, word), reader, pipeline in itertools.product(
            (*places.items(), ("gs://biomech-absent/store", "no such bucket")), readers, ("parse", "process")
        ):
            with environment({"BIOMECH_XR_READER": reader}):
                code, said, seconds = _run_here(bench, pipeline, root)
            row.runs += 1
            slowest = max(slowest, seconds)
            if code != 2 or said.count("\n") != 1 or word not in said or seconds > within:
                row.wrong.append(f"{pipeline}, {reader}: exit code {code} after {seconds:.1f} s: {said}")
    bench.gcs.faults = Faults()
    row.injected = f"{row.runs} refusals"
    row.said = f"one line after at most {slowest:.1f} s"
    return row


def _run_here(bench: Bench, pipeline: str, root: str) -> tuple[int, str, float]:
    """Run a pipeline in this process; return its exit code, what it says of errors, and its seconds."""
    own = [f"sources.hu.raw={bench.raw}/hu"] if pipeline == "parse" else []
    before, sys.argv = sys.argv, [pipeline, f"store={root}", *own]
    started = time.monotonic()
    try:
        with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(io.StringIO()):
            if pipeline == "parse":
                code = main(parse.ParseConfig, parse.run, "")
            else:
                code = main(process.ProcessConfig, process.run, "")
    finally:
        sys.argv = before
    return code, said.getvalue(), time.monotonic() - started


def _bytes(bench: Bench) -> int:
    from biomech_xr.store.objects import sizes

    assert bench.reference
    return sum(-(-size // 4096) * 4096 for size in sizes(f"{GCS}/undisturbed").values())


def _counted(bench: Bench) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(bench.injected.items())) or "none"
