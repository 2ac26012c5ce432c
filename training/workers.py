"""Batches made by other processes: the same batches in the same order as without them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Final, cast

from torch.utils.data import DataLoader, IterableDataset

from training.task import Batch, Windows

START: Final = "spawn"
"""How workers start: not by a fork, which object stores do not survive."""


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
    yield from DataLoader(
        cast("IterableDataset[Batch]", windows),
        batch_size=None,
        num_workers=workers,
        multiprocessing_context=START,
        worker_init_fn=leave_signals_to_the_rank,
    )


def leave_signals_to_the_rank(_worker: int) -> None:
    """Ignore Ctrl-C and SIGTERM, which reach whole groups of processes: the rank ends its workers in order.

    A worker whose rank is gone ends by itself.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
