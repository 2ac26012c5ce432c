"""The full set of faults, each as in the table of ``python -m tests.chaos``; `make chaos` runs it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.buckets import emulated_gcs, emulated_s3
from tests.chaos.__main__ import FAULTS
from tests.chaos.bench import Bench

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with emulated_gcs() as gcs, emulated_s3() as s3:
        yield Bench(Path(tmp_path_factory.mktemp("chaos")), gcs, s3)


@pytest.mark.parametrize("name", FAULTS)
def test_a_store_survives(bench: Bench, name: str) -> None:
    if name == "disk_full" and os.geteuid() != 0:
        pytest.skip("a small disk is mounted by root alone")
    row = FAULTS[name](bench)
    assert row.survived, row
    assert row.runs > 0
