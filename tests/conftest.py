"""Fixtures that every test folder shares."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

LONG = ("pipelines/test_demo.py", "contract/test_stores.py", "contract/test_datasets.py", "pipelines/test_road.py")
"""Files that take minutes: they start first, so that the workers end together."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the order within a file stays."""
    places = {Path(__file__).parent / name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path, len(LONG)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import the tests without the garbage collector, and keep what is there then out of its rounds: it stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def _requests_are_sent_again() -> Generator[None, None, None]:
    """Take back what a pipeline said that was told to stop in this process: the process goes on to the next test."""
    yield
    stopping = sys.modules.get("biomech_xr.store.stopping")
    if stopping is not None:
        stopping.stop_retrying(asked=False)


@pytest.fixture(scope="session")
def samples() -> Path:
    """Return the folder of real sample files, or skip: they are never part of the project."""
    folder = os.environ.get("BIOMECH_XR_SAMPLES", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("real sample files not here: set BIOMECH_XR_SAMPLES to their folder")
    return Path(folder)
