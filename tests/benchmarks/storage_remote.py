"""Reading strides from an emulated bucket: our reader on two clients, beside zarr's own reads of the same shards."""

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

from biomech_xr.store import open_part, remote
from tests.benchmarks.common import Case
from tests.benchmarks.remote import STORE, emulated, upload

_RANDOM = 64


def measure(store: Path, place: str, strides: int) -> dict[str, Case]:
    """Return the remote rows; each reader runs in a process of its own."""
    with emulated() as emulator:
        upload(store)
        clients = ["fsspec", *(["obstore"] if importlib.util.find_spec("obstore") else [])]
        found = {name: child(name, place, emulator) for name in clients}
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
    return cases


def child(client: str, place: str, emulator: int) -> dict[str, Any]:
    """Run the rows of one client in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.storage_remote", place, str(emulator)]
    environment = {**os.environ, "BIOMECH_XR_READER": client}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def run_child(place: str, emulator: int) -> None:
    """Time our reader and zarr's on the same part; print the seconds. Connections are open and the code is warm."""
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
    for name, read in rounds.items():
        repeats = 1 if name == "zarr random" else 3
        with remote.count_requests() as counted:
            spent = []
            for _ in range(repeats):
                started = np.array([time.perf_counter(), time.process_time(), sum(server.cpu_times()[:2])])
                read()
                ended = np.array([time.perf_counter(), time.process_time(), sum(server.cpu_times()[:2])])
                spent.append(ended - started)
        least = np.min(spent, axis=0) * (_RANDOM / 16 if name == "zarr random" else 1)
        result |= dict(zip((name, f"{name} reader", f"{name} emulator"), least.tolist(), strict=True))
        result[f"{name} requests"] = counted.requests // repeats
    print(json.dumps(result))


if __name__ == "__main__":
    run_child(sys.argv[1], int(sys.argv[2]))
