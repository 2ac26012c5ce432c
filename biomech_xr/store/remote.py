"""Requests to storage that is no disk: sent again when they fail, bounded in time, counted.

Every request of the library to ``gs://``, ``s3://``, ``memory://`` and the like passes here, whatever client sends it.
A status 429 or 5xx, a dropped connection, a short body, a reply that came damaged and a stalled request are sent again
after a random wait; a refusal (no permission, no such bucket) is said at once.
"""

from __future__ import annotations

import json
import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeVar

from biomech_xr.errors import StoppedError, StoreError
from biomech_xr.store.clients import MISSING, Body, Client
from biomech_xr.store.connections import SETTING, client_of
from biomech_xr.store.failures import denied, failures, first_line, refusal
from biomech_xr.store.stopping import running_request, stopped

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

IN_FLIGHT: Final = 32
"""Requests of this process that are under way at one time; measured with 30 ms latency, 60 MB/s a connection."""

LONGEST: Final = 120.0
"""Seconds for which one request is tried again, time-outs included."""

_FIRST_WAIT: Final = 0.2
_LONGEST_WAIT: Final = 8.0
_SHORT_TRIES: Final = 3
"""A body that is short so often is short in the store."""


@dataclass(slots=True)
class Requests:
    """What was asked of storage: `requests` sent, `retries` among them, bytes of objects `read` and `written`."""

    requests: int = 0
    retries: int = 0
    read: int = 0
    written: int = 0


class _Counting:
    """The counters that are open in this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.open: list[Requests] = []

    def add(self, **amounts: int) -> None:
        if self.open:
            with self.lock:
                for counter in self.open:
                    for name, amount in amounts.items():
                        setattr(counter, name, getattr(counter, name) + amount)


_COUNTING = _Counting()


@contextmanager
def count_requests() -> Iterator[Requests]:
    """Count the requests that this process sends to storage that is no disk, all threads together.

    A listing of obstore counts once a page, one of fsspec once; what a client asks besides (tokens, a look whether a
    path is a folder) is not seen.

    Yields
    ------
    Requests
        It grows while the block runs, and stays as it is afterwards.
    """
    counter = Requests()
    with _COUNTING.lock:
        _COUNTING.open.append(counter)
    try:
        yield counter
    finally:
        with _COUNTING.lock:
            _COUNTING.open = [other for other in _COUNTING.open if other is not counter]


@cache
def request_pool() -> ThreadPoolExecutor:
    """Return the threads of this process that send requests; what runs in them never waits for another of them."""
    return ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="biomech-xr-request")


class _ShortBodyError(OSError):
    """A reply that ended before the range did."""


def fetch(url: str, start: int = 0, stop: int | None = None) -> bytes:
    """Return the bytes of an object, or of a range of it.

    Parameters
    ----------
    url
        The object.
    start, stop
        First byte and the one after the last; the whole object by default. An object that ends before ``stop`` gives
        fewer bytes.

    Raises
    ------
    FileNotFoundError
        There is no such object.
    StoreError
        No permission, or the storage could not be reached for `LONGEST` seconds.
    """
    return bytes(fetch_view(url, start, stop))


def fetch_view(url: str, start: int = 0, stop: int | None = None) -> Body:
    """Return the same as `fetch` without a copy, where the client allows it."""
    tries = 0

    def read(client: Client, path: str) -> Body:
        nonlocal tries
        tries += 1
        found = client.read(path, start, stop)
        if stop is not None and len(found) < stop - start and tries < _SHORT_TRIES:
            raise _ShortBodyError(f"{len(found)} bytes of {stop - start}")
        _COUNTING.add(read=len(found))
        return found

    return request(url, "reading", read)


def put(url: str, data: bytes, *, create_only: bool = False) -> None:
    """Write an object in one step.

    Raises
    ------
    FileExistsError
        `create_only`, and an object is there; it may be this one, when the reply to the first try was lost.
    StoreError
        No permission, no such bucket, or the storage could not be reached.
    """

    def write(client: Client, path: str) -> None:
        client.write(path, data, create_only=create_only)
        _COUNTING.add(written=len(data))

    try:
        request(url, "writing", write)
    except MISSING as error:
        raise StoreError(f"{url}: cannot be written, no such bucket ({first_line(error)}). Check the URL.") from error


def size(url: str) -> int:
    """Return the size of an object in bytes; errors as `fetch`."""
    return request(url, "looking at", lambda client, path: client.size(path))


def sizes_of(url: str, keys: Iterable[str]) -> dict[str, int]:
    """Return the sizes of the named objects below a folder, asked for at the same time; missing ones are left out."""

    def one(key: str) -> int | None:
        try:
            return size(f"{url.rstrip('/')}/{key}")
        except MISSING:
            return None

    wanted = list(keys)
    lengths = request_pool().map(one, wanted) if client_of(url)[0].remote else map(one, wanted)
    found = zip(wanted, lengths, strict=True)
    return {key: length for key, length in found if length is not None}


def exists(url: str) -> bool:
    """Return whether an object or a folder is there."""
    return request(url, "looking at", lambda client, path: client.exists(path))


def names(url: str) -> list[str]:
    """Return the names directly below a folder, none where it is not there."""
    with suppress(*MISSING):
        return request(url, "listing", lambda client, path: client.names(path))
    return []


def sizes(url: str) -> dict[str, int]:
    """Return the size in bytes of every object below a folder, by key; a page that fails is asked for again alone."""
    found: dict[str, int] = {}
    after, more = "", True
    while more:
        try:
            page, more = _page(url, after)
        except MISSING:
            return {}
        if more and page.keys() <= found.keys():
            raise StoreError(
                f"{url}: listing does not go on after {after!r}, as it does elsewhere. Set {SETTING}=fsspec."
            )
        found |= page
        after = next(reversed(page), after)
    return found


def _page(url: str, after: str) -> tuple[dict[str, int], bool]:
    return request(url, "listing", lambda client, path: client.page(path, after))


def remove(url: str) -> None:
    """Remove an object; nothing there is no error, because the reply to a first try may have been lost."""
    with suppress(*MISSING):
        request(url, "removing", lambda client, path: client.remove(path))


def remove_tree(url: str, *, last: str) -> None:
    """Remove an object, or a folder and all below it, the object named ``last`` at the end; nothing is no error."""
    if client_of(url)[0].remote:
        first = [f"{url.rstrip('/')}/{key}" for key in sizes(url) if key != last]
        list(request_pool().map(remove, first))
    with suppress(*MISSING):
        request(url, "removing", lambda client, path: client.remove_tree(path, last))


def request(url: str, doing: str, send: Callable[[Client, str], _T]) -> _T:
    """Send one request until it is answered.

    Parameters
    ----------
    url
        What it is about.
    doing
        The same in a word, for messages.
    send
        The request, given the client and the path by which it knows the URL.

    Raises
    ------
    FileNotFoundError, FileExistsError
        That is the answer.
    StoreError
        No permission; the request is wrong; or no answer in `LONGEST` seconds.
    StoppedError
        The process is being ended.
    """
    client, path = client_of(url)
    if not client.remote:
        return send(client, path)
    started, tries, given_up = time.monotonic(), 0, stopped()
    while not given_up:
        tries += 1
        _COUNTING.add(requests=1, retries=int(tries > 1))
        try:
            with running_request():
                return send(client, path)
        except (*MISSING, FileExistsError):
            raise
        except failures() as error:
            wait = _wait_after(error, url, doing, tries, started)
        given_up = stopped(wait)
    raise StoppedError(f"{url}: {doing} it was given up, because this process is being stopped.")


def _wait_after(error: Exception, url: str, doing: str, tries: int, started: float) -> float:
    """Return how long to wait before the next try, or raise `StoreError` where there is none."""
    said = first_line(error) or type(error).__name__
    if denied(error):
        raise StoreError(
            f"{url}: no permission for {doing} it ({said}). Check the credentials and what they may do."
        ) from error
    if (status := refusal(error)) == 404:
        raise StoreError(f"{url}: {doing} it failed, no such bucket ({said}). Check the URL.") from error
    if status or (isinstance(error, ValueError) and not isinstance(error, json.JSONDecodeError | UnicodeDecodeError)):
        raise StoreError(f"{url}: {doing} it was refused ({said}). Check the URL and the settings.") from error
    wait = random.uniform(0.5, 1.0) * min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** (tries - 1))  # noqa: S311
    spent = time.monotonic() - started
    if spent + wait > LONGEST:
        raise StoreError(
            f"{url}: {doing} it failed {tries} times in {spent:.0f} s, at last with: {said}. Check the network and "
            f"the storage, then run again: what was finished is kept. ({SETTING} chooses another client.)"
        ) from error
    level = logging.INFO if tries < 4 else logging.WARNING
    _LOG.log(level, "%s: %s it failed (%s); try %d in %.1f s", url, doing, said, tries + 1, wait)
    return wait


def _after_fork() -> None:
    global _COUNTING
    _COUNTING = _Counting()
    request_pool.cache_clear()


os.register_at_fork(after_in_child=_after_fork)
