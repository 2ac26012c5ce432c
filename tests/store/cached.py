"""A part in storage that is no disk, read through a local cache, for the tests of that cache."""

from __future__ import annotations

import time
from functools import cache as once
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biomech_xr.store import Part, open_part, remote
from biomech_xr.store.layout import strides_url
from biomech_xr.store.local_cache import LocalCache
from tests.store.samples import CHAIN, make_product

NAMES = ("emg", "kinematics", "kinematics_after", "emg_mask")
ROOT = "memory://cached-530"


@once
def make_stored() -> Part:
    """Return a part of 530 strides (two shards) in storage that is no disk, without a cache."""
    make_product("hu", strides=530, time=300, seed=5, phase=20).write(ROOT)
    return open_part(strides_url(ROOT, CHAIN, "hu"))


@once
def make_truth() -> dict[str, np.ndarray]:
    """Return what is stored, by variable."""
    return {name: make_stored().read(name, 0, 530) for name in NAMES}


def through(part: Part, cache: LocalCache) -> Part:
    """Return a part that reads through a cache and knows nothing yet."""
    opened = Part(part.folder, part.name, part.manifest, cache)
    assert "emg" in opened.variables
    return opened


def read_blocks(part: Part, *, check: dict[str, np.ndarray] | None = None) -> int:
    """Read blocks of 64 strides as a loader does; return the requests that it took."""
    with remote.count_requests() as counted:
        for start in range(0, 530, 64):
            for name in NAMES:
                found = part.read(name, start, start + 64)
                if check is not None:
                    np.testing.assert_array_equal(found, check[name][start : start + 64])
    return counted.requests


def files(cache: LocalCache) -> list[Path]:
    """Return the files of a cache, once what has just been read is written."""
    end = time.monotonic() + 5
    while list(cache.room.root.rglob("*.partial")) and time.monotonic() < end:
        time.sleep(0.002)
    return list(cache.room.root.rglob("??/*"))


def stored_bytes(part: Part) -> int:
    return sum(size for key, size in part.manifest["objects"].items() if key.partition("/c/")[0] in NAMES)


def slowly(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    real = remote.fetch_view

    def fetch(*arguments: Any) -> bytes:
        time.sleep(seconds)
        return real(*arguments)

    monkeypatch.setattr(remote, "fetch_view", fetch)
