"""Blocks of strides read ahead in background threads, in the order in which the steps need them.

What is made of a share and its blocks is made ahead too: while the consumer has one batch, the next ones are being cut.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, TypeVar

from biomech_xr.load.blocks.reader import block_size
from biomech_xr.load.parts.sources import Source
from biomech_xr.store.objects import local_path
from biomech_xr.store.stopping import stopped_for, wait_unless_stopped
from biomech_xr.window.order import EpochOrder, Share

T = TypeVar("T")
M = TypeVar("M")

READERS: Final = 3
REMOTE_READERS: Final = 24
REMOTE_AHEAD: Final = 32
"""Threads and blocks for a store elsewhere, where a block waits for about seven replies, one after the other."""

AHEAD_BYTES: Final = 96 * 2**20
"""Memory of the blocks that are read ahead from elsewhere: of long strides fewer blocks, so that a process keeps below
1 GiB."""

_MAX_PENDING: Final = 2**19
"""Windows of the shares that are looked at ahead."""


@dataclass(slots=True)
class Waited:
    """For how long (s) blocks were waited for that were not read when they were needed."""

    seconds: float = 0.0


def reading(sources: Iterable[Source], *, ahead: int) -> dict[str, int]:
    """Return `ahead` and `readers` of `made`: more where a source with windows is elsewhere, as many as fit memory."""
    used = [source for source in sources if source.index.count.any()]
    if all(local_path(source.folder) is not None for source in used):
        return {"ahead": ahead, "readers": READERS}
    most = AHEAD_BYTES // max(map(block_size, used))
    return {"ahead": max(ahead, min(REMOTE_AHEAD, most)), "readers": REMOTE_READERS}


def prefetched(
    order: EpochOrder,
    shares: Iterator[Share],
    read: Callable[[int], T],
    *,
    ahead: int,
    readers: int = READERS,
    waited: Waited | None = None,
) -> Generator[tuple[Share, dict[int, T]], None, None]:
    """Return the generator of each share with the blocks that it needs; arguments as for `made`."""
    return made(order, shares, read, lambda pairs: pairs, makers=0, ahead=ahead, readers=readers, waited=waited)


def made(
    order: EpochOrder,
    shares: Iterator[Share],
    read: Callable[[int], T],
    make: Callable[[list[tuple[Share, dict[int, T]]]], Sequence[M]],
    *,
    makers: int,
    together: int = 1,
    ahead: int,
    readers: int = READERS,
    waited: Waited | None = None,
) -> Generator[M, None, None]:
    """Yield what is made of each share and the blocks that it needs, while at most ``ahead`` further blocks are read.

    A block is read once and kept until its pool is over. An error of ``read`` is raised at the share that it belongs
    to, one of ``make`` at the first of the shares that it was called with, whatever was begun for later ones. Closing
    the generator cancels what was not begun and waits for what is under way; a process that is being ended
    (`biomech_xr.store.stopping`) waits neither for that nor, after a few seconds, for a block.

    Parameters
    ----------
    order
        The epoch, which knows the pool of a block.
    shares
        Shares in order of their steps.
    read
        Returns the block of a number; called in threads.
    make
        Returns what is yielded for each of some successive shares; called in threads, in any order.
    makers
        Threads that make, each ahead of what is asked for by one call: further ones are begun as soon as their blocks
        are there. With 0 the caller makes, when it asks.
    together
        The most shares of a call; fewer where the blocks of the next one are not there yet.
    ahead
        Blocks to read before they are needed.
    readers
        Threads.
    waited
        Grows by the time for which blocks were waited for.
    """
    reading = _Reading(order, shares, read, ahead=ahead, readers=readers, waited=waited)
    pool = ThreadPoolExecutor(makers, thread_name_prefix="biomech-xr-cut") if makers else None
    begun: deque[Callable[[], Sequence[M]]] = deque()
    ready: deque[M] = deque()
    try:
        while True:
            while reading.look() and (not (begun or ready) or (len(begun) < makers and reading.there())):
                taken = [reading.take()]
                while len(taken) < together and reading.look() and reading.there():
                    taken.append(reading.take())
                begun.append(pool.submit(make, taken).result if pool else partial(make, taken))
                del taken  # and the blocks with it
            if ready:
                yield ready.popleft()
            elif begun:
                ready.extend(begun.popleft()())
            else:
                return
    finally:
        if pool is not None:
            pool.shutdown(wait=not stopped_for(), cancel_futures=True)
        reading.close()


class _Reading(Generic[T]):
    """Shares, and their blocks read ahead in threads; arguments as for `made`."""

    def __init__(
        self,
        order: EpochOrder,
        shares: Iterator[Share],
        read: Callable[[int], T],
        *,
        ahead: int,
        readers: int,
        waited: Waited | None,
    ) -> None:
        self._order, self._shares, self._read, self._ahead = order, shares, read, ahead
        self._waited = Waited() if waited is None else waited
        self._pool = ThreadPoolExecutor(max_workers=readers, thread_name_prefix="biomech-xr-read")
        self._last: dict[int, int] = {}  # the last pool of each block that is held
        self._coming: dict[int, Future[T]] = {}
        self._here: dict[int, T] = {}
        self._taken: dict[int, T] = {}  # the blocks of the share before
        self._ends = -1  # the first last pool of all blocks that are held
        self._waiting: set[int] = set()  # blocks of pending shares alone
        self._pending: deque[tuple[Share, list[int]]] = deque()
        self._windows = 0

    def look(self) -> bool:
        """Ask for blocks ahead, and return whether there is a further share."""
        while not self._pending or (self._windows < _MAX_PENDING and len(self._waiting) < self._ahead):
            share = next(self._shares, None)
            if share is None:
                break
            blocks = _blocks(share)
            for block in blocks:
                if block not in self._last:
                    self._last[block] = self._order.pool_of(block)
                    self._ends = min(self._ends, self._last[block])
                    self._coming[block] = self._pool.submit(self._read, block)
                    self._waiting.add(block)
            self._pending.append((share, blocks))
            self._windows += share.block.size
        return bool(self._pending)

    def there(self) -> bool:
        """Return whether all blocks of the next share are read, none of them with an error."""
        coming = [self._coming[block] for block in self._pending[0][1] if block in self._coming]
        return all(future.done() and future.exception() is None for future in coming)

    def take(self) -> tuple[Share, dict[int, T]]:
        """Return the next share and its blocks, for which it waits."""
        share, blocks = self._pending.popleft()
        self._windows -= share.block.size
        if share.pool <= self._ends and blocks == [*self._taken]:  # nothing comes or goes, as in most steps
            return share, self._taken
        self._taken = {}
        for block in [block for block, last in self._last.items() if last < share.pool]:
            del self._last[block]
            self._here.pop(block, None)
            self._coming.pop(block, None)
        self._waiting.difference_update(blocks)
        late = [self._coming[block] for block in blocks if block in self._coming]
        started = time.perf_counter()
        for future in late:
            wait_unless_stopped(future)
        if late:
            self._waited.seconds += time.perf_counter() - started
        for block in blocks:
            if block in self._coming:
                self._here[block] = self._coming.pop(block).result()
        self._taken = {block: self._here[block] for block in blocks}
        self._ends = min(self._last.values(), default=-1)
        return share, self._taken

    def close(self) -> None:
        """Cancel reads that were not begun and wait for the others."""
        self._pool.shutdown(wait=not stopped_for(), cancel_futures=True)


def _blocks(share: Share) -> list[int]:
    """Return the blocks of a share, which come in runs."""
    block = share.block
    return list(dict.fromkeys([*block[:1].tolist(), *block[1:][block[1:] != block[:-1]].tolist()]))
