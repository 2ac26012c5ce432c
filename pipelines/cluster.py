"""Where the work runs: the only module that names a Dask backend."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import dask
from distributed import Client, LocalCluster

from biomech_xr.errors import ConfigError

_ALLOWED_FAILURES = 100
"""Deaths of a worker that a task survives; 0 loses tasks that were merely beside the fault."""


@contextmanager
def connect(address: str, *, workers: int = 2, threads_per_worker: int = 1) -> Iterator[Client]:
    """Yield a client of a local cluster, or of the scheduler at an address.

    Parameters
    ----------
    address
        ``local`` starts worker processes on this machine, reachable from this machine alone; ``tcp://host:port`` or
        ``tls://host:port`` joins a running scheduler whose workers have biomech-xr installed.
    workers, threads_per_worker
        Size of the local cluster; ignored for an address.

    Raises
    ------
    ConfigError
        Another word, or no scheduler answers within 30 s.
    """
    settings = {
        "distributed.scheduler.allowed-failures": _ALLOWED_FAILURES,
        "distributed.admin.low-level-log-length": 0,
    }
    with dask.config.set(settings):
        if address == "local":
            with (
                LocalCluster(
                    n_workers=workers,
                    threads_per_worker=threads_per_worker,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.ERROR,
                ) as cluster,
                Client(cluster) as client,
            ):
                yield client
        elif address.startswith(("tcp://", "tls://")):
            try:
                client = Client(address, timeout=30)
            except (OSError, TimeoutError) as error:
                raise ConfigError(
                    f"cluster: no Dask scheduler answers at {address} ({error}). Start one with `dask scheduler`, or "
                    "use cluster=local."
                ) from error
            with client:
                yield client
        else:
            raise ConfigError(f"cluster: found {address!r}; expected local, tcp://host:port or tls://host:port.")
