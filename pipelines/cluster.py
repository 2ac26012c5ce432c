"""Where the work runs: the only module that names a Dask backend."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dask
from distributed import Client, LocalCluster
from pydantic import Field, field_validator

from biomech_xr.config import Config
from biomech_xr.errors import ConfigError

_ALLOWED_FAILURES = 100
"""Deaths of a worker that a task survives; 0 loses tasks that were merely beside the fault."""


_LOST_AFTER = "60 s"
"""How long a worker that died may take to start again before the cluster gives it up; a loaded machine is slow."""

_LOOK_EVERY = 5.0
"""Seconds between two looks whether the cluster gave a worker up, which is then replaced."""


class ClusterConfig(Config):
    """The part of every pipeline's configuration that says where it runs.

    `cluster` is ``local`` (worker processes on this machine, reachable from this machine alone), or the address
    ``tcp://host:port`` or ``tls://host:port`` of a running scheduler whose workers have biomech-xr installed. `workers`
    and `threads_per_worker` size the local cluster.
    """

    cluster: str = "local"
    workers: int = Field(default=2, ge=1)
    threads_per_worker: int = Field(default=1, ge=1)

    @field_validator("cluster")
    @classmethod
    def _known(cls, value: str) -> str:
        if value != "local" and not value.startswith(("tcp://", "tls://")):
            raise ValueError("expected local, tcp://host:port or tls://host:port")
        return value


def _local_cluster(config: ClusterConfig) -> LocalCluster:
    """Start worker processes that leave an interrupt from the keyboard to this one, which then stops them.

    They inherit that it is ignored, so for the seconds that they take to start it is ignored here too.
    """
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
    try:
        return LocalCluster(
            n_workers=config.workers,
            threads_per_worker=config.threads_per_worker,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        )
    finally:
        if main:
            signal.signal(signal.SIGINT, before)


@contextmanager
def _kept_complete(cluster: LocalCluster, workers: int) -> Iterator[None]:
    """Replace workers that the cluster gave up, so that no run waits for ever without any."""
    done = threading.Event()

    def look() -> None:
        while not done.wait(_LOOK_EVERY):
            cluster.scale(workers)

    thread = threading.Thread(target=look, name="biomech-xr-workers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def connect(config: ClusterConfig) -> Iterator[Client]:
    """Yield a client of the cluster that a configuration names; it is not made Dask's default.

    Raises
    ------
    ConfigError
        No scheduler answers at the address within 30 s.
    """
    settings = {
        "distributed.scheduler.allowed-failures": _ALLOWED_FAILURES,
        "distributed.deploy.lost-worker-timeout": _LOST_AFTER,
    }
    with dask.config.set(settings):
        if config.cluster == "local":
            print(f"starting {config.workers} local Dask worker(s)", flush=True)
            with (
                _local_cluster(config) as cluster,
                Client(cluster, set_as_default=False) as client,
                _kept_complete(cluster, config.workers),
            ):
                _print_dashboard(client)
                yield client
            return
        try:
            client = Client(config.cluster, timeout=30, set_as_default=False)
        except (OSError, TimeoutError) as error:
            raise ConfigError(
                f"cluster: no Dask scheduler answers at {config.cluster} ({error}). Start one with "
                "`dask scheduler`, or use cluster=local."
            ) from error
        with client:
            _print_dashboard(client)
            yield client


def _print_dashboard(client: Client) -> None:
    """Print where the dashboard is, or why there is none and how to have it."""

    def has_bokeh() -> bool:
        import importlib.util

        return importlib.util.find_spec("bokeh") is not None

    if "dashboard" not in client.scheduler_info(n_workers=0).get("services", {}):
        print("dashboard: none, the scheduler was started without it", flush=True)
    elif client.run_on_scheduler(has_bokeh):
        print(f"dashboard: {client.dashboard_link}", flush=True)
    else:
        print("dashboard: none, it needs the package bokeh where the scheduler runs: pip install bokeh", flush=True)


def thread_count(client: Client) -> int:
    """Return the threads of all workers together."""
    return sum(client.nthreads().values())
