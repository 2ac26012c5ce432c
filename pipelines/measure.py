"""What a stage of a pipeline took: time, memory of the driver and the workers, and what Dask itself cost."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from distributed import Client

from biomech_xr.memory import peak_memory
from pipelines.cluster import thread_count


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """Figures of one stage; `driver` and `worker` are the peaks of memory so far, bytes.

    `overhead` is the share of the workers' time in which no task ran: graph, scheduler, transfers, waiting.
    """

    name: str
    strides: int
    size: int
    seconds: float
    driver: int
    worker: int
    overhead: float

    HEAD = f"{'stage':22}{'strides':>10}{'GB':>8}{'s':>8}{'strides/s':>11}{'driver MB':>11}{'worker MB':>11}{'Dask':>7}"

    def row(self) -> str:
        """Return the figures as a line below `HEAD`."""
        pace = self.strides / self.seconds if self.seconds else 0.0
        return (
            f"{self.name:22}{self.strides:10,}{self.size / 1e9:8.3f}{self.seconds:8.1f}{pace:11,.0f}"
            f"{self.driver / 1e6:11,.0f}{self.worker / 1e6:11,.0f}{self.overhead:7.1%}"
        )


class Watch:
    """Measures a stage from where it is made to `stop`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._busy = _busy(client)
        self._started = time.perf_counter()

    def stop(self, name: str, *, strides: int, size: int) -> Stage:
        """Return the figures of the stage that ends now."""
        seconds = time.perf_counter() - self._started
        busy = _busy(self._client) - self._busy
        workers = self._client.run(peak_memory)
        return Stage(
            name=name,
            strides=strides,
            size=size,
            seconds=seconds,
            driver=peak_memory(),
            worker=max(workers.values(), default=0),
            overhead=max(0.0, 1 - busy / (seconds * max(1, thread_count(self._client)))),
        )


def _busy(client: Client) -> float:
    seconds: float = client.run_on_scheduler(busy_seconds)
    return seconds


def busy_seconds(dask_scheduler: Any) -> float:
    """Return the seconds that tasks have run on all workers since the scheduler started."""
    return sum(float(prefix.all_durations["compute"]) for prefix in dask_scheduler.task_prefixes.values())
