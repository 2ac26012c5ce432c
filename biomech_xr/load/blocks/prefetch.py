"""Blocks of strides read ahead in background threads, in the order in which the steps need them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from biomech_xr.store.objects import local_path
from biomech_xr.store.stopping import stopped_for, wait_unless_stopped
from biomech_xr.window.order import EpochOrder, Share

T = TypeVar("T")

READERS: Final = 2
REMOTE_READERS: Final = 24
REMOTE_AHEAD: Final = 32
"""Threads and blocks for a store elsewhere, where a block waits for about seven replies, one after the other."""

_MAX_PENDING: Final = 2**19
"""Windows of the shares that are looked at ahead."""


@dataclass(slots=True)
class Waited:
    """For how long (s) blocks were waited for that were not read when they were needed."""

    seconds: float = 0.0


def reading(folders: Iterable[str], *, ahead: int) -> dict[str, int]:
    """Return `ahead` and `readers` of `prefetched` for parts in these folders: more where one of them is elsewhere."""
    if all(local_path(folder) is not None for folder in folders):
        return {"ahead": ahead, "readers": READERS}
    return {"ahead": REMOTE_AHEAD, "readers": REMOTE_READERS}


def prefetched(
    order: EpochOrder,
    shares: Iterator[Share],
    read: Callable[[int], T],
    *,
    ahead: int,
    readers: int = READERS,
    waited: Waited | None = None,
) -> Generator[tuple[Share, dict[int, T]], None, None]:
    """Yield each share with the blocks that it needs, while at most ``ahead`` further blocks are being read.

    A block is read once and kept until its pool is over. An error of ``read`` is raised at the share that needs the
    block. Closing the generator cancels what was not begun and waits for the reads under way; a process that is being
    ended (`biomech_xr.store.stopping`) waits neither for them nor, after a few seconds, for a block.

    Parameters
    ----------
    order
        The epoch, which knows the pool of a block.
    shares
        Shares in order of their steps.
    read
        Returns the block of a number; called in threads.
    ahead
        Blocks to read before they are needed.
    readers
        Threads.
    waited
        Grows by the time for which blocks were waited for.
    """
    pool = ThreadPoolExecutor(max_workers=readers, thread_name_prefix="biomech-xr-read")
    held: dict[int, Future[T]] = {}
    waiting: set[int] = set()
    pending: deque[tuple[Share, list[int]]] = deque()
    windows = 0
    try:
        while True:
            while not pending or (windows < _MAX_PENDING and len(waiting) < ahead):
                share = next(shares, None)
                if share is None:
                    break
                blocks = _blocks(share)
                for block in blocks:
                    if block not in held:
                        held[block] = pool.submit(read, block)
                        waiting.add(block)
                pending.append((share, blocks))
                windows += share.block.size
            if not pending:
                return
            share, blocks = pending.popleft()
            windows -= share.block.size
            for block in [block for block in held if order.pool_of(block) < share.pool]:
                del held[block]
            waiting.difference_update(blocks)
            late = [held[block] for block in blocks if not held[block].done()]
            started = time.perf_counter()
            for future in late:
                wait_unless_stopped(future)
            if late and waited is not None:
                waited.seconds += time.perf_counter() - started
            yield share, {block: held[block].result() for block in blocks}
    finally:
        pool.shutdown(wait=not stopped_for(), cancel_futures=True)


def _blocks(share: Share) -> list[int]:
    """Return the blocks of a share, which come in runs."""
    block = share.block
    return list(dict.fromkeys([*block[:1].tolist(), *block[1:][block[1:] != block[:-1]].tolist()]))
