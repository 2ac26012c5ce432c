"""Dask in the process of the test: a scheduler and a worker behind an address, without a process to start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from distributed import LocalCluster


@contextmanager
def cluster_here() -> Iterator[str]:
    """Give the address of a scheduler with one worker thread, for tests that are not about processes."""
    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        yield str(cluster.scheduler_address)
