"""Stores that the loader's tests share; they are only read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.load.stores import write_store


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root with two sources of different length on a phase grid, and one person who is in both."""
    root = tmp_path_factory.mktemp("phase")
    write_store(root, "hu", {"a": 70, "b": 61, "c": 20, "d": 9}, seed=1)
    people = {"camargo-a": "hu-a"}
    write_store(root, "camargo", {"a": 30, "b": 25}, time=250 + 640, seed=2, person_groups=people)
    return root


@pytest.fixture(scope="session")
def rate_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root with one source on a grid in Hz."""
    root = tmp_path_factory.mktemp("rate")
    write_store(root, "hu", {"a": 40, "b": 30}, grid={"rate": 90.0}, seed=3)
    return root


@pytest.fixture(scope="session")
def delayed_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root whose kinematics lag 10 ms behind their stamps, as those of a causal chain do."""
    root = tmp_path_factory.mktemp("delayed")
    write_store(root, "hu", {"a": 40, "b": 30}, grid={"rate": 90.0}, seed=3, kinematics_delay=0.01)
    return root
