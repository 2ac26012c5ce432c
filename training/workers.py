"""Batches made by other processes: the same batches in the same order as without them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import active_children
from typing import Final, cast

from torch.utils.data import DataLoader, IterableDataset

from biomech_xr.store.stopping import PATIENCE, stop_retrying
from training.task import Batch, Windows

START: Final = "spawn"
"""How workers start: not by a fork, which object stores do not survive."""

_RUNNING: set[int] = set()
"""Process ids of the workers of this process."""


def batches(windows: Windows, *, workers: int) -> Iterator[Batch]:
    """Yield the batches of an epoch from where ``windows`` is; with the iteration its workers end.

    Parameters
    ----------
    windows
        Training windows. With workers they hear nothing of the iteration: their state needs `state_dict(steps=...)`.
    workers
        Processes, started for this epoch; 0 iterates in this one.
    """
    if not workers:
        yield from windows
        return
    loader = DataLoader(
        cast("IterableDataset[Batch]", windows),
        batch_size=None,
        num_workers=workers,
        multiprocessing_context=START,
        worker_init_fn=leave_signals_to_the_rank,
    )
    others = set(active_children())
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # a worker that starts has the mask of its rank
    try:
        stream = iter(loader)
        started = set(active_children()) - others
        _RUNNING.update(child.pid or 0 for child in started)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        yield from stream
    finally:
        _RUNNING.difference_update(child.pid or 0 for child in started)
        stream._shutdown_workers()  # type: ignore[attr-defined]
        for child in started:
            child.kill()


def stop_reading(*, asked: bool = True) -> None:
    """Let this process and its workers send no request again that failed; ``asked=False`` takes that back."""
    stop_retrying(asked=asked)
    for worker in tuple(_RUNNING) if asked else ():
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGTERM)


def leave_signals_to_the_rank(_worker: int) -> None:
    """Let Ctrl-C and SIGTERM, which reach whole groups of processes, end nothing: the rank ends its workers in order.

    SIGTERM stops the reading from storage that is away, see `stop_reading`; a few seconds later the worker is gone. So
    is one whose rank is gone.
    """

    def stop(*_: object) -> None:
        stop_retrying()
        end = threading.Timer(2 * PATIENCE, os._exit, (0,))
        end.daemon = True
        end.start()

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
