"""Blocks of strides read ahead in background threads, in the order in which the steps need them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

import numpy as np

from biomech_xr.window.order import EpochOrder, Share

T = TypeVar("T")

READERS: Final = 2
_MAX_PENDING: Final = 256


def prefetched(
    order: EpochOrder, shares: Iterator[Share], read: Callable[[int], T], *, ahead: int, readers: int = READERS
) -> Generator[tuple[Share, dict[int, T]], None, None]:
    """Yield each share with the blocks that it needs, while at most ``ahead`` further blocks are being read.

    A block is read once and kept until its pool is over. An error of ``read`` is raised at the share that needs the
    block. Closing the generator cancels what was not begun and waits for the reads under way.

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
    """
    pool = ThreadPoolExecutor(max_workers=readers, thread_name_prefix="biomech-xr-read")
    held: dict[int, Future[T]] = {}
    waiting: set[int] = set()
    pending: deque[tuple[Share, list[int]]] = deque()
    try:
        while True:
            while not pending or (len(pending) < _MAX_PENDING and len(waiting) < ahead):
                share = next(shares, None)
                if share is None:
                    break
                blocks = [int(block) for block in np.unique(share.block)]
                for block in blocks:
                    if block not in held:
                        held[block] = pool.submit(read, block)
                        waiting.add(block)
                pending.append((share, blocks))
            if not pending:
                return
            share, blocks = pending.popleft()
            for block in [block for block in held if order.pool_of(block) < share.pool]:
                del held[block]
            waiting.difference_update(blocks)
            yield share, {block: held[block].result() for block in blocks}
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
