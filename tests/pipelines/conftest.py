"""The whole road walked once on small synthetic trees: raw files, recordings, strides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client

from biomech_xr.process import load_chain
from biomech_xr.run import pending_patients
from biomech_xr.synthetic import write
from pipelines import parse, process
from pipelines.cluster import ClusterConfig, connect

PEOPLE = {"hu": 3, "camargo": 2, "falisse": 1, "lab": 2}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    for name, patients in PEOPLE.items():
        write(name, folder / name, patients=patients, seed=1, minutes=0.3)
    return folder


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Return a client of a cluster of one process; it ends with the file, because also idle ones use processor time."""
    with connect(ClusterConfig(workers=1)) as started:
        yield started


def units(raw: Path, root: str) -> list[parse.Unit]:
    return [
        parse.Unit(name, str(raw / name), patient)
        for name in PEOPLE
        for patient in pending_patients(name, raw / name, root)[0]
    ]


@pytest.fixture(scope="module")
def store(raw: Path, client: Client, tmp_path_factory: pytest.TempPathFactory) -> str:
    root = str(tmp_path_factory.mktemp("store"))
    assert parse.parse(client, root, units(raw, root)) == 0
    assert process.process(lambda: client, root, list(PEOPLE), load_chain("envelope")) == 0
    return root
