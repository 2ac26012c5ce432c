"""How a run ends before its last step: at a signal or a time limit, between two steps, and all ranks at the same one.

A rank that waits for its batch cannot take part in a step, and a rank that waits in a sum over all ranks hears no
signal. So the ranks agree before every step, in one sum, whether each has a batch and nobody is to end. A signal also
ends the reading of batches (`biomech_xr.store.stopping`, `training.workers.stop_reading`): the rank that waits for
storage that is away has its error at once, and says so in that sum, in which the others wait for it.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

import torch

from biomech_xr.errors import StoppedError
from training import distributed, workers
from training.task import Batch

_SOON: Final = 2.0
"""Seconds by which the signal may reach this process later than the workers that it stopped."""


@contextmanager
def signals_as_event() -> Iterator[threading.Event]:
    """Give an event that SIGTERM or SIGINT sets: a scheduler takes the machine away, or the user types Ctrl-C.

    From then on this process reads no more batches from storage that fails; the next `train` may again.
    """
    event = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        event.set()
        workers.stop_reading()

    if threading.current_thread() is not threading.main_thread():
        yield event  # only the main thread may choose what a signal does
        return
    workers.stop_reading(asked=False)
    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def agreed(
    batches: Iterator[Batch], over: Callable[[], bool], interrupted: threading.Event, *, device: torch.device
) -> Iterator[Batch]:
    """Yield this rank's batches while every rank has one, and end on all ranks at the same batch.

    Parameters
    ----------
    batches
        As many on every rank.
    over
        Whether this rank is to end; asked before each batch is read.
    interrupted
        See `signals_as_event`; a rank whose reading it stopped has no batch.

    Raises
    ------
    StoppedError
        Reading was stopped without a signal to this process.
    """
    while True:
        batch = None if over() else _next(batches, interrupted)
        if distributed.any_rank(batch is None, device=device):
            return
        assert batch is not None  # noqa: S101 - the sum would have said so
        yield batch


def _next(batches: Iterator[Batch], interrupted: threading.Event) -> Batch | None:
    """Return the next batch; None at the end, and where a signal stopped the reading."""
    try:
        return next(batches, None)
    except StoppedError:
        until = time.monotonic() + _SOON
        while not interrupted.is_set():
            if time.monotonic() > until:
                raise
            time.sleep(0.02)  # not Event.wait, whose lock the handler of the signal would want
        return None
