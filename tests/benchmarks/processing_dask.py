"""Processing on Dask, Zarr to Zarr, beside loops, batched SciPy and bare threads; graph, overhead, memory.

    python -m tests.benchmarks.processing_dask [--json bench/processing_dask.json] [--strides 3000] [--quick]
        [--chain default] [--source k2muse] [--repeats 3]

One corpus (by default in the form of k2muse: EMG of nine muscles at 2000 Hz, which is resampled, angles and moments at
100 Hz), one chain, whose notches are set whether the line is there or not, six ways that all do its steps:

* ``loop``: what pipelines of this kind do: a Python loop over strides, SciPy and PyWavelets for each channel, one
  pickle a stride;
* ``scipy``: the same steps on whole trials, all channels at once, on two threads;
* ``bare``: our tasks on a pool of two threads, without Dask;
* ``serial``, ``threads``: our graph on Dask's threaded scheduler with one thread and with two;
* ``cluster``: our graph on a LocalCluster of two workers with one thread each.

Each is run ``--repeats`` times in turn and the best time counts. The first four read and write what the others do, but
the loop pickles what it makes. Overhead is the share of the workers' time in which no task ran, from the graph to the
last result: graph, scheduler, transfers, waiting. Memory is that of a driver of its own (``--driver``) that plans and
drives the same work on a LocalCluster, because the process that measures holds the baselines' strides too.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dask
import dask.threaded
import numpy as np
import pandas as pd
from distributed import Client

from biomech_xr.memory import peak_memory
from biomech_xr.process import Chain, load_chain, make_plan
from biomech_xr.process.graph import graph_of, priority_of
from biomech_xr.process.plan import Plan
from biomech_xr.process.tasks import PEAKS, groups_of, people_of, process_group, reference, shard_arrays, source_of
from biomech_xr.quality.reference_counts import REFERENCE
from biomech_xr.run.corpus import plan_corpus, write_person
from biomech_xr.run.process import plan_work
from biomech_xr.schema import LABELS
from biomech_xr.store.layout import shard_bounds
from pipelines.cluster import ClusterConfig, connect
from pipelines.measure import busy_seconds
from tests.benchmarks.common import Case, arguments, report
from tests.benchmarks.processing_steps import comparable
from tests.benchmarks.processing_ways import Setting, batched, loop, make_part, shards_of, write

STRIDES = 515_880
SOURCE = "k2muse"


def main() -> None:
    """Measure and report."""
    parser = arguments("Processing on Dask beside loops, batched SciPy and bare threads.")
    parser.add_argument("--strides", type=int, default=3000, help="strides to process")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--chain", default="default")
    parser.add_argument("--source", default=SOURCE, help="whose form the corpus has")
    parser.add_argument("--quick", action="store_true", help="400 strides, one repeat, a small graph")
    parser.add_argument("--driver", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.driver:
        print(json.dumps(drive(given.driver, given.source, load_chain(given.chain))))
        return
    strides, repeats = (400, 1) if given.quick else (given.strides, given.repeats)
    with tempfile.TemporaryDirectory() as folder:
        setting = make_setting(folder, strides, repeats, load_chain(given.chain), source=given.source)
        cases = {**graph_cases(STRIDES // 10 if given.quick else STRIDES), **road_cases(setting)}
    report(cases, given.json)
    sys.stdout.flush()


def make_setting(folder: str, strides: int, repeats: int, chain: Chain, *, source: str = SOURCE) -> Setting:
    """Write recordings of about so many strides and plan them; kernels are compiled before anything is timed."""
    whole = next(one.strides for one in REFERENCE if one.dataset == source)
    (corpus,) = plan_corpus(min(1.0, strides / whole), datasets=[source])
    for person in corpus.people:
        write_person(folder, corpus, person)
    plan = make_plan(folder, source, comparable(chain))
    group = groups_of(plan)[0]
    process_group(source_of(plan), group.units[:1], {})
    return Setting(root=folder, plan=plan, repeats=repeats, loop_strides=min(100, strides))


def road_cases(setting: Setting) -> dict[str, Case]:
    """Return strides a second of all ways, their ratios, the overhead and the memory."""
    ways: dict[str, Callable[[str], float]] = {
        "loop": lambda out: loop(setting, out),
        "scipy": lambda out: batched(setting, out),
        "bare": lambda out: bare(setting, out),
        "serial": lambda out: threaded(setting, out, threads=1),
        "threads": lambda out: threaded(setting, out, threads=2),
    }
    best = dict.fromkeys([*ways, "cluster"], 0.0)
    cpu = dict.fromkeys(best, 0.0)
    shares = []
    with connect(ClusterConfig()) as client:
        client.run(_warm, setting.root, setting.plan.dataset, setting.plan.chain)
        for _ in range(setting.repeats):
            for name, way in ways.items():
                pace, cpu[name] = _fresh(way)
                best[name] = max(best[name], pace)
                print(f"{name}: {pace:,.0f} strides/s, {1e3 * cpu[name]:,.0f} ms of CPU time", file=sys.stderr)
            with tempfile.TemporaryDirectory() as out:
                pace, share = cluster(client, setting, out)
            best["cluster"] = max(best["cluster"], pace)
            shares.append(share)
    ours = max(best["threads"], best["cluster"])
    plan = setting.plan
    rates = ", ".join(f"{value:g}" for value in sorted(plan.labels["emg_native_rate"].unique()))
    rate = f"strides/s of {len(plan.labels):,} strides of {plan.dataset} at {rates} Hz, chain {plan.chain.name}"
    cases = {
        name: Case(value=pace, unit="st/s", baseline=best["loop"], ratio=pace / best["loop"], note=rate)
        for name, pace in best.items()
    }
    cases["ours / loop"] = _ratio(ours, best["loop"], "target 50")
    cases["ours / scipy, equal threads"] = _ratio(ours, best["scipy"], "the honest peer")
    cases["threads / bare"] = _ratio(best["threads"], best["bare"], "target 0.85")
    cases["scaling"] = _ratio(best["threads"], best["serial"], "two threads over one, target 1.9")
    overhead = min(shares)
    cases["overhead"] = Case(
        value=100 * overhead, unit="%", baseline=10.0, ratio=overhead / 0.1, note="of the workers' time, no task ran"
    )
    return cases | memory_cases(setting)


def memory_cases(setting: Setting) -> dict[str, Case]:
    """Return the peak memory of a driver of the whole work, in a process of its own, and of its workers."""
    command = [sys.executable, "-m", "tests.benchmarks.processing_dask", "--driver", setting.root]
    command += ["--chain", setting.plan.chain.name, "--source", setting.plan.dataset]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    driver, worker = json.loads(done.stdout.splitlines()[-1])
    return {"driver memory": _memory(driver, 2**30), "worker memory": _memory(worker, 2 * 2**30)}


def drive(root: str, source: str, chain: Chain) -> tuple[int, int]:
    """Build the plan and the graph of `STRIDES` strides, process a store on a LocalCluster; return the peaks, bytes."""
    whole = synthetic_plan(STRIDES)
    graph, _ = graph_of(whole, split=True)
    setting = Setting(root=root, plan=make_plan(root, source, comparable(chain)), repeats=1, loop_strides=0)
    with connect(ClusterConfig()) as client, tempfile.TemporaryDirectory() as out:
        cluster(client, setting, out)
        worker = max(client.run(peak_memory).values())
    del graph
    return peak_memory(), worker


def graph_cases(strides: int) -> dict[str, Case]:
    """Return the time to build the graph of so many strides, and the memory of it, from a plan of codes alone."""
    plan = synthetic_plan(strides)
    started = time.perf_counter()
    graph, keys = graph_of(plan, split=True)
    seconds = time.perf_counter() - started
    tracemalloc.start()
    kept = graph_of(plan, split=True)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    note = f"{strides:,} strides, {len(graph):,} tasks, {len(keys):,} shards, {size / 1e6:.0f} MB"
    del kept
    return {"graph build": Case(value=seconds, unit="s", baseline=10.0, ratio=seconds / 10, note=note)}


def synthetic_plan(strides: int, *, people: int = 505, per_trial: int = 60) -> Plan:
    """Return a plan of so many strides without recordings: labels as codes, trials of 60 strides."""
    trials = math.ceil(strides / per_trial)
    trial = np.repeat(np.arange(trials), per_trial)[:strides]
    person = trial * people // trials
    names = {
        "patient": (person, [f"made-{i:04d}" for i in range(people)]),
        "trial": (trial, [f"trial_{i:06d}" for i in range(trials)]),
        "side": (np.arange(strides) % per_trial // (per_trial // 2), ["left", "right"]),
    }
    columns: dict[str, Any] = {}
    for name, kind in LABELS.items():
        if kind == "category":
            codes, categories = names.get(name, (np.zeros(strides, dtype=int), ["none"]))
            columns[name] = pd.Categorical.from_codes(codes, categories)
        else:
            columns[name] = np.ones(strides) if kind == "float" else np.zeros(strides, dtype=kind)
    columns["stride_number"] = np.arange(strides) % per_trial
    starts = np.arange(0, strides, per_trial)
    units = {
        (f"made-{person[start]:04d}", f"trial_{i:06d}"): (int(start), int(min(start + per_trial, strides)))
        for i, start in enumerate(starts)
    }
    return Plan(
        root="memory",
        dataset="made",
        chain=load_chain("envelope"),
        labels=pd.DataFrame(columns),
        order=np.arange(strides),
        rejected=pd.DataFrame(),
        units=units,
        time_size=2750,
        attrs={"kinematics_delay": 0.0},
    )


def bare(setting: Setting, out: str) -> float:
    """Return strides a second of our own tasks on a pool of two threads; the part's metadata count, as in our graph."""
    started = time.perf_counter()
    plan, part = setting.plan, make_part(setting, out)
    source, groups, size = source_of(plan), groups_of(plan), len(plan.labels)
    tails = {name: tail for name, (_, tail) in plan.template.items()}
    bounds = {shard: shard_bounds(shard, size) for shard in shards_of(plan)}
    wanted = [
        {shard: span for shard, span in bounds.items() if span[0] < group.stop and group.start < span[1]}
        for group in groups
    ]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda i: process_group(source, groups[i].units, wanted[i]), range(len(groups))))
        peaks = [(group.start, result[PEAKS]) for group, result in zip(groups, results, strict=True)]
        scales = [
            (first, reference(one, plan.chain.normalize, first, *_overlapping(peaks, first, one.order.size)))
            for first, one in people_of(plan)
        ]

        def write_one(shard: int) -> None:
            pieces = [result[shard] for result in results if shard in result]
            write(setting, out, part, shard, shard_arrays(tails, bounds[shard], pieces, scales))

        list(pool.map(write_one, bounds))
    return size / (time.perf_counter() - started)


def _overlapping(peaks: list[tuple[int, Any]], first: int, size: int) -> list[tuple[int, Any]]:
    return [(start, values) for start, values in peaks if start < first + size and first < start + len(values)]


def threaded(setting: Setting, out: str, *, threads: int) -> float:
    """Return strides a second of our graph on Dask's threaded scheduler."""
    started = time.perf_counter()
    work = plan_work(out, setting.plan)
    with ThreadPoolExecutor(threads) as pool, dask.config.set(pool=pool):
        dask.threaded.get(*work.graph())
    return work.strides / (time.perf_counter() - started)


def cluster(client: Client, setting: Setting, out: str) -> tuple[float, float]:
    """Return strides a second of our graph on a cluster, and the share of the workers' time in which no task ran.

    The strides a second include the metadata that the driver writes first; the share begins with the graph.
    """
    busy = client.run_on_scheduler(busy_seconds)
    started = time.perf_counter()
    work = plan_work(out, setting.plan)
    planned = time.perf_counter()
    graph, keys = work.graph(split=True)
    client.gather(client.get(graph, keys, sync=False, priority=priority_of))
    seconds = time.perf_counter() - started
    busy = client.run_on_scheduler(busy_seconds) - busy
    return work.strides / seconds, max(0.0, 1 - busy / (2 * (started + seconds - planned)))


def _warm(root: str, source: str, chain: Chain) -> None:
    plan = make_plan(root, source, chain)
    process_group(source_of(plan), groups_of(plan)[0].units[:1], {})


def _fresh(way: Callable[[str], float]) -> tuple[float, float]:
    """Return strides a second into a new folder, and the seconds of CPU time it took."""
    folder = tempfile.mkdtemp()
    gc.collect()
    started = time.process_time()
    try:
        return way(folder), time.process_time() - started
    finally:
        shutil.rmtree(folder)


def _ratio(value: float, baseline: float, note: str) -> Case:
    return Case(value=value, unit="st/s", baseline=baseline, ratio=value / baseline, note=note)


def _memory(size: int, limit: int) -> Case:
    return Case(value=size / 2**20, unit="MiB", baseline=limit / 2**20, ratio=size / limit, note="peak and its limit")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
