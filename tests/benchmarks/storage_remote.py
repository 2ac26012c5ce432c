"""Strides in an emulated bucket: read and written by two clients, beside zarr's own reads and writes of the same."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from biomech_xr.store import layout, open_part, remote
from biomech_xr.store.checked import zarr_store
from tests.benchmarks.common import Case
from tests.benchmarks.remote import STORE, emulated, upload
from tests.benchmarks.storage_data import make_strides, write_bare
from tests.buckets import GCS
from tests.store.samples import Product

_RANDOM, _WRITES = 64, 2


def measure(store: Path, place: str, strides: int) -> dict[str, Case]:
    """Return the remote rows; each reader runs in a process of its own."""
    with emulated() as emulator:
        upload(store)
        clients = ["fsspec", *(["obstore"] if importlib.util.find_spec("obstore") else [])]
        found = {name: child(name, place, strides, emulator) for name in clients}
    cases = {}
    for kind, count, what in (("bulk", strides, "zarr's own shard reads"), ("random", _RANDOM, "zarr, one by one")):
        for name, seconds in found.items():
            ours, zarrs = seconds[kind], seconds[f"zarr {kind}"]
            used = [1e3 * seconds[f"{kind} {who}"] / count for who in ("reader", "emulator")]
            note = f"beside {what}; {seconds[f'{kind} requests']} requests; processor time for 1,000 strides: reader "
            note += f"{used[0]:.3f} s, emulator {used[1]:.3f} s"
            cases[f"bucket: {kind}, {name}"] = Case(
                value=count / ours, unit="1/s", baseline=count / zarrs, ratio=zarrs / ours, note=note
            )
    for name, seconds in found.items():
        ours, bare = seconds["write"], seconds["bare write"]
        note = f"beside bare zarr writing the same arrays; {seconds['write requests']} requests, of zarr "
        note += f"{seconds['bare write requests']}: all is read back"
        cases[f"bucket: ledgered write, {name}"] = Case(
            value=strides / ours, unit="1/s", baseline=strides / bare, ratio=bare / ours, note=note
        )
    return cases


def child(client: str, place: str, strides: int, emulator: int) -> dict[str, Any]:
    """Run the rows of one client in a process of its own."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tests.benchmarks.storage_remote",
        place,
        str(strides),
        str(emulator),
    ]
    environment = {**os.environ, "BIOMECH_XR_READER": client}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def run_child(place: str, strides: int, emulator: int) -> None:
    """Time reading and writing beside zarr's; print the seconds. Connections are open and the code is warm."""
    print(json.dumps(read(place, emulator) | write(make_strides(strides))))


def write(product: Product) -> dict[str, Any]:
    """Return seconds and requests of ledgered writing of shards, and of zarr writing the same arrays."""
    result: dict[str, Any] = {}
    for attempt in range(_WRITES):
        root = f"{GCS}/written-{os.environ['BIOMECH_XR_READER']}-{attempt}"
        entry = product.create(root)

        def ledgered(root: str = root, entry: dict[str, Any] = entry) -> None:
            for shard in range(layout.shard_count(len(product.labels))):
                product.write_shard(root, shard, entry)

        def bare(root: str = root) -> None:
            write_bare(product, zarr_store(f"{root}-bare.zarr", read_only=False))

        for name, row in (("write", ledgered), ("bare write", bare)):
            with remote.count_requests() as counted:
                started = time.perf_counter()
                row()
                seconds = time.perf_counter() - started
            result[name] = min(seconds, result.get(name, seconds))
            result[f"{name} requests"] = counted.requests
    return result


def read(place: str, emulator: int) -> dict[str, Any]:
    """Return seconds and requests of our reader and of zarr's on the same part."""
    server = psutil.Process(emulator)
    part = open_part(f"{STORE}/{place}")
    array: Any = part.group["emg"]
    rows = np.random.default_rng(0).choice(part.size, _RANDOM, replace=False)
    part.read("kinematics", 0, part.size)
    result: dict[str, Any] = {}
    rounds = {
        "bulk": lambda: part.read("emg", 0, part.size),
        "random": lambda: part.take("emg", rows),
        "zarr bulk": lambda: [array[start : start + 512] for start in range(0, part.size, 512)],
        "zarr random": lambda: [array[row] for row in rows[:16].tolist()],
    }
    for name, row in rounds.items():
        repeats = 1 if name == "zarr random" else 3
        with remote.count_requests() as counted:
            spent = []
            for _ in range(repeats):
                started = np.array([time.perf_counter(), time.process_time(), sum(server.cpu_times()[:2])])
                row()
                ended = np.array([time.perf_counter(), time.process_time(), sum(server.cpu_times()[:2])])
                spent.append(ended - started)
        least = np.min(spent, axis=0) * (_RANDOM / 16 if name == "zarr random" else 1)
        result |= dict(zip((name, f"{name} reader", f"{name} emulator"), least.tolist(), strict=True))
        result[f"{name} requests"] = counted.requests // repeats
    return result


if __name__ == "__main__":
    run_child(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
