"""An epoch is one list of sets of windows, however many processes share it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomech_xr.errors import ConfigError
from biomech_xr.window import EpochOrder

COUNTS = st.lists(st.integers(0, 40), min_size=1, max_size=30).filter(lambda counts: sum(counts) > 0)


def windows(order: EpochOrder, step: int, world_size: int = 1) -> list[tuple[int, int]]:
    shares = [order.share(step, rank=rank, world_size=world_size) for rank in range(world_size)]
    return [
        (int(block), int(offset))
        for share in shares
        for block, offset, weight in zip(share.block, share.offset, share.weight, strict=True)
        if weight
    ]


@given(COUNTS, st.integers(0, 5), st.integers(0, 3), st.sampled_from([4, 12, 24]), st.integers(1, 9))
@settings(max_examples=80, deadline=None)
def test_padded_epoch_holds_every_window_once(counts, seed, epoch, batch, pool) -> None:
    order = EpochOrder(counts, seed=seed, epoch=epoch, global_batch=batch, pool_blocks=pool, remainder="pad")
    seen = [window for step in range(order.steps) for window in windows(order, step)]
    assert sorted(seen) == [(block, offset) for block, count in enumerate(counts) for offset in range(count)]
    assert order.steps * batch == sum(counts) + order.padded


@given(COUNTS, st.sampled_from([4, 12]), st.sampled_from([2, 4]))
@settings(max_examples=50, deadline=None)
def test_a_step_is_the_same_set_for_any_world_size(counts, batch, world_size) -> None:
    order = EpochOrder(counts, seed=3, epoch=1, global_batch=batch, remainder="pad")
    for step in range(order.steps):
        assert sorted(windows(order, step)) == sorted(windows(order, step, world_size))


def test_dropped_windows_are_counted() -> None:
    order = EpochOrder([30, 25], seed=0, epoch=0, global_batch=8)
    seen = {window for step in range(order.steps) for window in windows(order, step)}
    assert (order.steps, order.dropped, order.padded) == (6, 7, 0)
    assert len(seen) == 48


def test_epochs_and_seeds_differ_and_repeat() -> None:
    def first(seed: int, epoch: int) -> list[tuple[int, int]]:
        return windows(EpochOrder([500] * 20, seed=seed, epoch=epoch, global_batch=64), 0)

    assert first(1, 0) == first(1, 0)
    assert len({tuple(first(seed, epoch)) for seed in (1, 2) for epoch in (0, 1)}) == 4


def test_steps_can_be_made_in_any_order() -> None:
    order = EpochOrder([100] * 40, seed=1, epoch=0, global_batch=32, pool_blocks=2)
    forward = [windows(order, step) for step in range(order.steps)]
    assert [windows(order, step) for step in reversed(range(order.steps))][::-1] == forward


def test_a_step_mixes_the_blocks_of_a_pool_and_a_rank_reads_few() -> None:
    order = EpochOrder([6400] * 32, seed=0, epoch=0, global_batch=512)
    assert len(np.unique(order.share(3).block)) == 8
    assert max(len(np.unique(order.share(3, rank=rank, world_size=8).block)) for rank in range(8)) <= 3
    assert {order.pool_of(int(block)) for block in order.share(3).block} == {order.share(3).pool}


def test_impossible_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="divisor"):
        EpochOrder([50], seed=0, epoch=0, global_batch=8).share(0, world_size=3)
    with pytest.raises(ConfigError, match="global_batch"):
        EpochOrder([50], seed=0, epoch=0, global_batch=0)
    with pytest.raises(IndexError):
        EpochOrder([50], seed=0, epoch=0, global_batch=8).share(6)
