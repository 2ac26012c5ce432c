"""Ending a process while storage is away: no request is sent again, and no thread waits for its next try."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class _State:
    """Whether this process is being ended, and how many of its requests are under way."""

    def __init__(self) -> None:
        self.asked = threading.Event()
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

    A thread that waits for its next try, and one that comes with a new request, get `StoreError` at once.
    """
    (_STATE.asked.set if asked else _STATE.asked.clear)()


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
