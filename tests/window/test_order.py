"""An epoch is one list of sets of windows, however many processes share it and wherever they begin."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomech_xr.errors import ConfigError
from biomech_xr.load.ranks import own_steps
from biomech_xr.window import EpochOrder, LaneOrder
from biomech_xr.window.lanes import PLACES
from tests.window.pools import PoolOrder

Make = Callable[..., EpochOrder]
Windows = list[tuple[int, int]]

COUNTS = st.lists(st.integers(0, 40), min_size=1, max_size=30).filter(lambda counts: sum(counts) > 0)
ORDERS = st.one_of(
    st.builds(lambda lanes: partial(LaneOrder, lanes=lanes), st.sampled_from([1, 2, 5, 32])),
    st.builds(lambda blocks: partial(PoolOrder, pool_blocks=blocks), st.integers(1, 9)),
)
KINDS = pytest.mark.parametrize("make", [LaneOrder, PoolOrder])


def windows(order: EpochOrder, step: int, world_size: int = 1) -> Windows:
    shares = [order.share(step, rank=rank, world_size=world_size) for rank in range(world_size)]
    return [
        (int(block), int(offset))
        for share in shares
        for block, offset, weight in zip(share.block, share.offset, share.weight, strict=True)
        if weight
    ]


@given(
    ORDERS, COUNTS, st.integers(0, 5), st.integers(0, 3), st.sampled_from([12, 24]), st.sampled_from(["drop", "pad"])
)
@settings(max_examples=40, deadline=None)
def test_ranks_make_every_window_once(make, counts, seed, epoch, batch, remainder) -> None:
    order = make(counts, seed=seed, epoch=epoch, global_batch=batch, remainder=remainder)
    alone = [windows(order, step) for step in range(order.steps)]
    seen = [window for step in alone for window in step]
    everything = {(block, offset) for block, count in enumerate(counts) for offset in range(count)}
    assert len(set(seen)) == len(seen) == sum(counts) - order.dropped
    assert set(seen) <= everything
    assert order.dropped < batch
    assert order.steps * batch == sum(counts) + order.padded - order.dropped
    for world_size in (2, 3, 4):
        assert [windows(order, step, world_size) for step in range(order.steps)] == alone


@given(ORDERS, COUNTS, st.sampled_from([1, 2, 5]))
@settings(max_examples=20, deadline=None)
def test_an_epoch_resumed_at_any_step_goes_on_as_it_was(make, counts, workers) -> None:
    fresh = partial(make, counts, seed=3, epoch=1, global_batch=12, remainder="pad")
    order = fresh()
    whole = [windows(order, step) for step in range(order.steps)]
    for start in range(order.steps + 1):
        own = [own_steps(start, order.steps, worker=worker, workers=workers) for worker in range(workers)]
        assert sum(len(steps) for steps in own) == order.steps - start
        resumed = fresh()
        found = {step: windows(resumed, step) for steps in own for step in steps}
        assert [found[step] for step in sorted(found)] == whole[start:]


@given(ORDERS, COUNTS, st.sampled_from([4, 12, 60]))
@settings(max_examples=60, deadline=None)
def test_blocks_are_released_after_their_last_use_and_not_long_after(make, counts, batch) -> None:
    order = make(counts, seed=3, epoch=1, global_batch=batch, remainder="pad")
    shares = [order.share(step) for step in range(order.steps)]
    assert [share.pool for share in shares] == sorted(share.pool for share in shares)
    last = {int(block): share for share in shares for block in share.block}
    for block, share in last.items():
        assert order.pool_of(block) >= share.pool
    assert {block for block in range(len(counts)) if order.pool_of(block) >= 0} == set(last)


@KINDS
def test_epochs_and_seeds_differ_and_repeat(make: Make) -> None:
    def first(seed: int, epoch: int) -> Windows:
        return windows(make([500] * 20, seed=seed, epoch=epoch, global_batch=64), 0)

    assert first(1, 0) == first(1, 0)
    assert len({tuple(first(seed, epoch)) for seed in (1, 2) for epoch in (0, 1)}) == 4


@KINDS
def test_the_order_of_a_release_stays(make: Make) -> None:
    """Checkpoints name a place in an order: change it, and they go on with other windows."""
    share = make([30, 0, 25, 40], seed=7, epoch=2, global_batch=6).share(3)
    expected = {
        LaneOrder: ([3, 3, 3, 2, 0, 0], [33, 0, 7, 20, 13, 20]),
        PoolOrder: ([3, 3, 3, 3, 2, 0], [1, 8, 21, 33, 11, 27]),
    }[make]  # type: ignore[index]
    assert (share.block.tolist(), share.offset.tolist()) == expected


@pytest.mark.parametrize(("blocks", "lanes"), [(5, 5), (40, 20), (300, 32)])
def test_many_blocks_are_mixed_and_few_are_held(blocks: int, lanes: int) -> None:
    """Of a small store all or half the blocks are; they do not change at the same time."""
    sizes = np.random.default_rng(0).integers(8_000, 12_800, blocks)
    order = LaneOrder(sizes, seed=0, epoch=0, global_batch=2048)
    held: set[int] = set()
    for step in range(order.steps):
        share = order.share(step)
        used = set(np.unique(share.block).tolist())
        held = {block for block in held if order.pool_of(block) >= share.pool}
        assert step == 0 or len(used - held) <= 5
        held |= used
        assert lanes - 1 <= len(used) <= len(held) <= lanes + 5


def test_every_lane_gives_its_share_and_spreads_it_over_the_block() -> None:
    order = LaneOrder([6400] * 320, seed=0, epoch=0, global_batch=1024)
    for step in range(order.steps // 4, 3 * order.steps // 4, 50):
        share = order.share(step)
        for block in np.unique(share.block):
            offsets = np.sort(share.offset[share.block == block])
            if len(offsets) > 20:  # else the lane changes blocks in this step
                assert len(offsets) <= 34
                apart = np.diff(offsets)
                assert apart.max() < 1.1 * 6400 / PLACES
                assert apart.min() > 4


@KINDS
def test_a_rank_reads_few_blocks(make: Make) -> None:
    order = make([6400] * 64, seed=0, epoch=0, global_batch=512)
    everything = len(np.unique(order.share(3).block))
    each = [len(np.unique(order.share(3, rank=rank, world_size=8).block)) for rank in range(8)]
    assert everything == {LaneOrder: 32, PoolOrder: 8}[make]  # type: ignore[index]
    assert max(each) <= everything / 8 + 2


@KINDS
def test_impossible_options_are_refused(make: Make) -> None:
    with pytest.raises(ConfigError, match="divisor"):
        make([50], seed=0, epoch=0, global_batch=8).share(0, world_size=3)
    with pytest.raises(ConfigError, match="global_batch"):
        make([50], seed=0, epoch=0, global_batch=0)
    with pytest.raises(IndexError):
        make([50], seed=0, epoch=0, global_batch=8).share(6)
    with pytest.raises(ConfigError, match="found lanes=0"):
        LaneOrder([50], seed=0, epoch=0, global_batch=8, lanes=0)
    with pytest.raises(ConfigError, match="found pool_blocks=0"):
        PoolOrder([50], seed=0, epoch=0, global_batch=8, pool_blocks=0)
    empty = make([0, 0], seed=0, epoch=0, global_batch=8, remainder="pad")
    assert (empty.steps, empty.dropped, empty.padded, empty.pool_of(0)) == (0, 0, 0, -1)
