"""Blocks are read once, ahead of their step, kept no longer than their pool, and their errors are not lost."""

from __future__ import annotations

import threading

import pytest

from biomech_xr.errors import LostDataError
from biomech_xr.load.prefetch import prefetched
from tests.window.pools import PoolOrder


def test_each_block_is_read_once_and_given_to_every_step_that_needs_it() -> None:
    order = PoolOrder([40] * 30, seed=0, epoch=0, global_batch=16, pool_blocks=4)
    read: list[int] = []
    steps = [order.share(step) for step in range(order.steps)]
    for at, (share, blocks) in enumerate(prefetched(order, iter(steps), lambda b: read.append(b) or -b, ahead=4)):
        assert share is steps[at]
        assert blocks == {int(block): -int(block) for block in set(share.block)}
        begun = {int(block) for earlier in steps[: at + 1] for block in earlier.block}
        assert len(read) <= len(begun) + 4 + 4
    assert sorted(read) == list(range(30))


def test_an_error_is_raised_where_its_block_is_needed_and_threads_end() -> None:
    order = PoolOrder([40] * 8, seed=0, epoch=0, global_batch=16, pool_blocks=1)
    bad = int(order.share(10).block[0])

    def read(block: int) -> int:
        if block == bad:
            raise LostDataError(f"block {block}")
        return block

    stream = prefetched(order, (order.share(step) for step in range(order.steps)), read, ahead=2)
    for _ in range(next(step for step in range(order.steps) if bad in order.share(step).block)):
        next(stream)
    with pytest.raises(LostDataError, match=f"block {bad}"):
        next(stream)
    assert not any(thread.name.startswith("biomech-xr-read") for thread in threading.enumerate())
