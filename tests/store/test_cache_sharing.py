"""The local cache shared by threads and processes: a range is fetched once, and a process may die or hang."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biomech_xr.errors import LostDataError
from biomech_xr.store import Part, local_cache, remote
from biomech_xr.store.local_cache import LocalCache
from biomech_xr.store.reading import forget_parts, part_here
from tests.store.cached import files, read_blocks, slowly, stored_bytes, through

HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "ab")
fcntl.flock(file, fcntl.LOCK_EX)
file.write(b"half of it"); file.flush()
print("held", flush=True)
time.sleep(60)
"""


def test_threads_and_processes_fetch_a_range_once(
    stored: Part, truth: dict[str, np.ndarray], cache: LocalCache, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    alone = read_blocks(through(stored, LocalCache.of(tmp_path / "other", 1)))
    slowly(monkeypatch, 0.004)
    context = multiprocessing.get_context("fork")
    counts: Any = context.SimpleQueue()

    def child() -> None:
        counts.put(read_blocks(through(stored, cache), check=truth))

    processes = [context.Process(target=child) for _ in range(3)]
    for process in processes:
        process.start()
    with remote.count_requests() as here, ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(read_blocks, through(stored, cache), check=truth) for _ in range(3)]:
            done.result()
    for process in processes:
        process.join(20)
        assert process.exitcode == 0
    metadata = 3 * 6
    assert alone <= here.requests + sum(counts.get() for _ in processes) <= alone + metadata


def test_threads_ask_for_the_index_of_a_shard_once(stored: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    part = Part(stored.folder, stored.name, stored.manifest)
    assert "emg" in part.variables
    slowly(monkeypatch, 0.05)
    with remote.count_requests() as counted, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda block: part.read("emg", 64 * block, 64 * block + 64), range(8)))
    assert 9 <= counted.requests <= 11


def test_threads_open_a_part_once(stored: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    slowly(monkeypatch, 0.02)
    forget_parts()
    with remote.count_requests() as counted, ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: part_here(stored.folder, stored.name, stored.manifest["digest"]), range(8)))
    assert counted.requests == 1
    assert all(part is opened[0] for part in opened)
    with pytest.raises(LostDataError, match="written anew"):
        part_here(stored.folder, stored.name, "another")


@pytest.fixture
def holder(cache: LocalCache, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what starts a process that begins to fetch the index of the first shard of EMG and gets no further."""
    started: list[subprocess.Popen[str]] = []

    def hold(part: Part) -> subprocess.Popen[str]:
        name = local_cache.entry_name(
            part.manifest["digest"], "emg/c/0/0/0", part.manifest["objects"]["emg/c/0/0/0"], 0, 132
        )
        path = cache.room.path(name).with_suffix(".partial")
        path.parent.mkdir(parents=True)
        command = [sys.executable, "-S", "-c", HOLD, str(path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in started:
        process.kill()
        process.communicate()


def test_a_process_that_dies_in_mid_fetch_is_replaced(
    stored: Part, truth: dict[str, np.ndarray], cache: LocalCache, holder: Callable[[Part], subprocess.Popen[str]]
) -> None:
    process = holder(stored)
    part = through(stored, cache)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(part.read, "emg", 0, 64)
        with pytest.raises(TimeoutError):
            reading.result(0.2)
        process.send_signal(signal.SIGKILL)
        np.testing.assert_array_equal(reading.result(20), truth["emg"][:64])
    assert process.wait() == -signal.SIGKILL
    end = time.monotonic() + 20
    while list(cache.room.root.rglob("*.partial")) and time.monotonic() < end:
        time.sleep(0.01)  # a range is kept after who asked for it was answered
    assert not list(cache.room.root.rglob("*.partial"))
    assert len(files(cache)) == 2
    assert read_blocks(through(stored, cache), check=truth) > 0


def test_a_process_that_hangs_is_not_waited_for_for_ever(
    stored: Part,
    truth: dict[str, np.ndarray],
    cache: LocalCache,
    holder: Callable[[Part], subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local_cache, "WAIT", 0.1)
    process = holder(stored)
    started = time.monotonic()
    np.testing.assert_array_equal(through(stored, cache).read("emg", 0, 64), truth["emg"][:64])
    assert time.monotonic() - started > 0.1
    assert process.poll() is None


def test_what_dead_processes_left_is_removed_with_the_oldest_files(stored: Part, tmp_path: Path) -> None:
    cache = LocalCache(str(tmp_path), stored_bytes(stored) // 4)
    left = cache.room.path("ab" * 16).with_suffix(".partial")
    left.parent.mkdir(parents=True)
    left.write_bytes(bytes(1000))
    read_blocks(through(stored, cache))
    assert not left.exists()
