"""Blocks are read once, ahead of their step, kept no longer than their pool, and their errors are not lost."""

from __future__ import annotations

import dataclasses
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from biomech_xr.errors import ConfigError, LostDataError
from biomech_xr.load import StrideWindows
from biomech_xr.load.blocks.buffers import Layout, Pieces
from biomech_xr.load.blocks.prefetch import made, prefetched
from biomech_xr.load.blocks.reader import BlockReader
from biomech_xr.load.parts.sources import Source
from biomech_xr.window.order import Share
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


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith(("biomech-xr-read", "biomech-xr-cut"))]


Pairs = list[tuple[Share, dict[int, int]]]


def steps_of(pairs: Pairs) -> list[int]:
    return [share.step for share, _ in pairs]


@pytest.mark.parametrize("together", [1, 5])
@pytest.mark.parametrize("makers", [0, 1, 3])
def test_what_is_made_ahead_is_bounded_and_comes_in_order(makers: int, together: int) -> None:
    order = PoolOrder([40] * 30, seed=0, epoch=0, global_batch=16, pool_blocks=4)
    begun: list[int] = []
    sizes = set()

    def make(pairs: Pairs) -> list[int]:
        begun.extend(steps_of(pairs))
        sizes.add(len(pairs))
        for share, blocks in pairs:
            assert blocks == {int(block): -int(block) for block in set(share.block)}
        time.sleep(0.002 * (pairs[0][0].step % 3))  # later ones are often done first
        return steps_of(pairs)

    options = {"makers": makers, "together": together, "ahead": 4}
    shares = (order.share(step) for step in range(order.steps))
    for at, step in enumerate(made(order, shares, lambda block: -block, make, **options)):
        assert step == at
        assert len(begun) <= at + (1 + makers) * together
        time.sleep(0.001)
    assert sorted(begun) == list(range(order.steps))
    assert max(sizes) == together
    assert not threads()


def test_work_goes_on_while_the_consumer_has_a_batch() -> None:
    order = PoolOrder([40] * 4, seed=0, epoch=0, global_batch=16, pool_blocks=4)
    done = [threading.Event() for _ in range(order.steps)]

    def make(pairs: Pairs) -> list[int]:
        for step in steps_of(pairs):
            done[step].set()
        return steps_of(pairs)

    shares = (order.share(step) for step in range(order.steps))
    stream = made(order, shares, lambda block: block, make, makers=1, ahead=8)
    for step in stream:
        if step == 3:
            break
    assert done[4].wait(20), "nobody asked for it yet"
    assert not done[5].wait(0.05)
    stream.close()
    assert not threads()


def test_errors_wait_for_their_step_whatever_is_ahead() -> None:
    order = PoolOrder([40] * 8, seed=0, epoch=0, global_batch=16, pool_blocks=1)
    bad = int(order.share(10).block[0])
    first = next(step for step in range(order.steps) if bad in order.share(step).block)
    assert first > 4

    def read(block: int) -> int:
        if block == bad:
            raise LostDataError(f"block {block}")
        return block

    def make(pairs: Pairs) -> list[int]:
        if 3 in steps_of(pairs):
            raise ConfigError("step 3")
        return steps_of(pairs)

    def shares() -> Iterator[Share]:
        return (order.share(step) for step in range(order.steps))

    for work, failure, step, most in [(steps_of, LostDataError, first, 3), (make, ConfigError, 3, 1)]:
        stream = made(order, shares(), read, work, makers=2, together=most, ahead=4)
        assert [next(stream) for _ in range(step)] == list(range(step))
        with pytest.raises(failure):
            next(stream)
        assert not threads()


def test_memory_of_blocks_does_not_grow_with_the_number_of_parts(store: Path, tmp_path: Path) -> None:
    originals = StrideWindows(store, global_batch=48, window=120).sources
    assert len({source.open().variables["emg"][1][2] for source in originals}) == 2
    sources: list[Source] = []
    for number in range(30):
        link = tmp_path / str(number)
        link.symlink_to(originals[number % 2].folder)
        sources.append(dataclasses.replace(originals[number % 2], folder=str(link)))
        sources[-1].open()
    reader, held, traced = BlockReader(120), [], []
    tracemalloc.start()
    try:
        for source in sources:
            held = [*held[-2:], reader.read(source, 0)]
            traced.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert len({block.emg.ctypes.data for block in held}) == 3
    assert max(traced) < (3 + 4 + 1) * 2**22  # blocks that are held, those that wait, and the one that is read
    assert max(traced[15:]) - max(traced[:15]) < 2**22  # what a part knows of its chunks is small


def test_pieces_serve_any_size_that_they_hold_and_few_of_them_wait() -> None:
    small, large = (Layout({"x": ((size,), np.uint8)}) for size in (1_000, 1_000_000))
    pieces = Pieces(spare=3)
    held = [pieces.take(large)["x"] for _ in range(9)]
    places = {array.ctypes.data for array in held}
    assert len(places) == 9
    tracemalloc.start()
    try:
        held.clear()
        again = [pieces.take(small)["x"] for _ in range(3)]
        assert {array.ctypes.data for array in again} < places
        assert {array.size for array in again} == {1_000}
        assert tracemalloc.get_traced_memory()[0] < 100_000
        more = [pieces.take(large)["x"] for _ in range(2)]
        assert tracemalloc.get_traced_memory()[0] > 1_900_000  # no piece waits any more
        assert all(array.size == 1_000_000 for array in more)
    finally:
        tracemalloc.stop()
