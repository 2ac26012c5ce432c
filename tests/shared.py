"""Files that several test processes need and none changes: the first that comes makes them, the others wait."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]) -> tuple[Path, Any]:
    """Return a folder and what ``make(folder)`` returned (JSON), called once in a run, however many its processes."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    place, known = base / "shared" / name, base / "shared" / f"{name}.json"
    place.parent.mkdir(exist_ok=True)
    with place.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if known.is_file():
            return place, json.loads(known.read_text(encoding="utf-8"))
        value = make(place)
        known.write_text(json.dumps(value), encoding="utf-8")
        return place, value
