"""Ending a process while storage is away: no request is sent again, and no thread waits for its next try."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Any, Final

from biomech_xr.errors import StoppedError

PATIENCE: Final = 5.0
"""Seconds for which a process that was told to end waits for requests that are under way."""

_LOOK: Final = 1.0
"""Seconds after which a thread that waits looks whether the process is being ended."""


class _State:
    """Whether this process is being ended, and how many of its requests are under way."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.since = 0.0
        self.lock = threading.Lock()
        self.running = 0


_STATE = _State()


@contextmanager
def running_request() -> Iterator[None]:
    """Count a request as under way while the block runs."""
    state = _STATE
    with state.lock:
        state.running += 1
    try:
        yield
    finally:
        with state.lock:
            state.running -= 1


def stopped(wait: float = 0.0) -> bool:
    """Return whether this process is being ended, after waiting for that so many seconds at most.

    Without a wait the main thread is never told so: it may have to put something in order.
    """
    if wait:
        return _STATE.asked.wait(wait)
    return _STATE.asked.is_set() and threading.current_thread() is not threading.main_thread()


def stop_retrying(*, asked: bool = True) -> None:
    """Let no thread of this process send a request again that failed; ``asked=False`` takes that back.

    A thread that waits for its next try, and one that comes with a new request, get `StoppedError` at once.
    """
    state = _STATE
    if asked and not state.asked.is_set():
        state.since = time.monotonic()
    (state.asked.set if asked else state.asked.clear)()


def stopped_for() -> float:
    """Return for how many seconds this process has been about to end; 0 when it is not."""
    return time.monotonic() - _STATE.since if _STATE.asked.is_set() else 0.0


def wait_unless_stopped(future: Future[Any]) -> None:
    """Wait until a future is done, whatever comes of it.

    Raises
    ------
    StoppedError
        This process is being ended, and it is not done after `PATIENCE` seconds of that.
    """
    while not wait([future], timeout=_LOOK).done:
        if stopped_for() > PATIENCE:
            raise StoppedError(f"given up after {PATIENCE:g} s without a reply, because this process is being stopped.")


def wait_for_requests(seconds: float) -> bool:
    """Wait until no request of this process is under way, at most so long, and return whether that is so."""
    until = time.monotonic() + seconds
    while _STATE.running and time.monotonic() < until:
        time.sleep(0.02)
    return not _STATE.running


def _after_fork() -> None:
    global _STATE
    _STATE = _State()


os.register_at_fork(after_in_child=_after_fork)
