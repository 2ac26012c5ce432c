"""The bucket of benchmarks: the emulator in a process of its own, with the delays of a real bucket."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from biomech_xr.store import remote
from tests.buckets import GCS, environment

STORE = f"{GCS}/store"
"""Where `upload` puts a store."""

LATENCY = 0.03
BANDWIDTH = 60e6
"""Before each reply, s, and bytes per second of a connection."""


@contextmanager
def emulated() -> Iterator[int]:
    """Run the emulator for a while and let this process use it; yield its process id."""
    command = [sys.executable, "-m", "biomech_xr.testing.gcs", "--port", "0", "--bucket", GCS.removeprefix("gs://")]
    command += ["--latency", str(LATENCY), "--bandwidth", str(BANDWIDTH)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as emulator:
        assert emulator.stdout is not None
        announced = ""
        while "STORAGE_EMULATOR_HOST" not in announced:
            announced = emulator.stdout.readline()
        try:
            with environment({"STORAGE_EMULATOR_HOST": re.sub(r".*=|['\s]", "", announced)}):
                yield emulator.pid
        finally:
            emulator.terminate()


def upload(store: Path) -> None:
    """Copy a store on disk into the bucket."""
    files = [path for path in store.rglob("*") if path.is_file()]
    pool = remote.request_pool()
    sent = [pool.submit(remote.put, f"{STORE}/{path.relative_to(store)}", path.read_bytes()) for path in files]
    for done in sent:
        done.result()
