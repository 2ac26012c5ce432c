"""A mixed epoch is the multiset that was asked for, however many processes share it."""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomech_xr.errors import ConfigError
from biomech_xr.window import Mixing
from biomech_xr.window.draw import TAKEN, Drawing, MixedOrder
from biomech_xr.window.mixing import apportion

STRIDES = 4
"""Strides of a block."""

Windows = list[tuple[int, int]]


@st.composite
def corpora(draw):
    """Return windows of each stride, and its group; a block holds strides of several groups."""
    blocks = draw(st.integers(1, 12))
    counts = draw(st.lists(st.integers(0, 25), min_size=blocks * STRIDES, max_size=blocks * STRIDES))
    groups = draw(st.lists(st.integers(0, 2), min_size=len(counts), max_size=len(counts)))
    return np.array([max(counts[0], 1), *counts[1:]]), np.array(groups)


def drawing(counts: np.ndarray, groups: np.ndarray, targets: np.ndarray, seed: int = 3) -> Drawing:
    return Drawing(counts, np.arange(len(counts)) // STRIDES, groups, targets, seed=seed)


def sizes_of(counts: np.ndarray, groups: np.ndarray) -> np.ndarray:
    return np.bincount(groups, counts, minlength=3).astype(np.int64)


def epoch_of(made: Drawing, epoch: int, *, remainder: str = "pad") -> MixedOrder:
    return MixedOrder(made.draw(epoch), seed=3, epoch=epoch, global_batch=12, remainder=remainder)


def windows(order: MixedOrder, step: int, world_size: int = 1) -> Windows:
    """Return (stored block, number of the window in it)."""
    shares = [order.share(step, rank=rank, world_size=world_size) for rank in range(world_size)]
    return [
        (order.stored(int(block)), int(offset))
        for share in shares
        for block, offset, weight in zip(share.block, share.offset, share.weight, strict=True)
        if weight
    ]


def strides(found: Windows, counts: np.ndarray) -> np.ndarray:
    before = np.cumsum(counts) - counts
    places = np.array([before[block * STRIDES] + offset for block, offset in found])
    return np.searchsorted(np.cumsum(counts), places, side="right")


@given(corpora(), st.lists(st.floats(0.01, 1), min_size=3, max_size=3), st.integers(0, 20))
@settings(max_examples=25, deadline=None)
def test_an_epoch_is_what_was_asked_for_on_every_world_size(corpus, weights, epoch) -> None:
    counts, groups = corpus
    sizes = sizes_of(counts, groups)
    targets = apportion(int(sizes.sum()), np.where(sizes > 0, weights, 0), 10.0 * sizes)
    order = epoch_of(drawing(counts, groups, targets), epoch)
    steps = [windows(order, step) for step in range(order.steps)]
    for world_size in (2, 3, 4):
        assert [windows(order, step, world_size) for step in range(order.steps)] == steps
    found = [window for step in steps for window in step]
    drawn = np.bincount(strides(found, counts), minlength=len(counts))
    assert np.bincount(groups, drawn, minlength=3).tolist() == targets.tolist()
    assert order.draw.drawn.tolist() == drawn.tolist()
    for (block, offset), times in Counter(found).items():
        group = groups[strides([(block, offset)], counts)[0]]
        assert times <= np.ceil(max(1.0, targets[group] / sizes[group])) + (targets[group] > sizes[group])
    again = epoch_of(drawing(counts, groups, targets), epoch)
    middle = order.steps // 2
    assert [windows(again, step) for step in range(middle, order.steps)] == steps[middle:]


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_epochs_go_on_with_the_blocks_that_were_not_read(share: float) -> None:
    """A group that is drawn for less than half shows its blocks one after the other, not some of them again."""
    counts = np.random.default_rng(0).integers(10, 25, 400)
    groups = np.tile([0, 0, 1, 1], 100)
    sizes = sizes_of(counts, groups)
    targets = np.ceil(sizes * share).astype(np.int64)
    made = drawing(counts, groups, targets)
    rounds = int(np.ceil(TAKEN / share))
    drawn = np.stack([made.draw(epoch).drawn for epoch in range(rounds)])
    for group in (0, 1):
        blocks = drawn[:, groups == group].reshape(rounds, 100, 2).sum(axis=2)
        assert (blocks.sum(axis=1) == targets[group]).all()
        assert (blocks.sum(axis=0) > 0).all()
        assert np.count_nonzero(blocks, axis=1).max() <= 100 * share / TAKEN + 10


def test_a_stride_shows_other_windows_in_other_epochs_evenly_spaced() -> None:
    made = drawing(np.full(40, 100), np.zeros(40, np.int64), np.array([3000, 0, 0]))
    epochs = []
    for epoch in range(6):
        order = epoch_of(made, epoch)
        found = [window for step in range(order.steps) for window in windows(order, step)]
        first = np.sort([offset for block, offset in found if block == 0 and offset < 100])
        assert 74 <= len(first) <= 76
        assert set(np.diff(first)) <= {1, 2}
        epochs.append(frozenset(first.tolist()))
    assert all(one != other for one, other in pairwise(epochs))
    assert len(frozenset.union(*epochs[:3])) == 100


def test_blocks_are_read_whole_or_not_at_all_for_a_source_that_is_drawn_rarely() -> None:
    made = drawing(np.full(400, 20), np.zeros(400, np.int64), np.array([400, 0, 0]))
    reads = [set(made.draw(epoch).blocks.tolist()) for epoch in range(10)]
    assert all(len(blocks) == 10 for blocks in reads)
    assert set.union(*reads) == set(range(100))


def test_a_source_that_is_drawn_often_is_visited_often_and_not_in_one_step() -> None:
    counts, groups = np.full(400, 20), np.repeat([0, 1], [360, 40])
    order = epoch_of(drawing(counts, groups, np.array([4000, 4000, 0])), 0)
    assert Counter(order.draw.blocks.tolist())[95] == 5
    steps = [windows(order, step) for step in range(order.steps)]
    twice = sum(len(step) - len(set(step)) for step in steps)
    assert twice < 0.02 * 8000


SOURCES = ("camargo", "hu", "siat")


@given(
    st.lists(st.integers(0, 5000), min_size=6, max_size=6).filter(any),
    st.floats(0, 1),
    st.sampled_from(["none", "activity"]),
)
@settings(max_examples=60, deadline=None)
def test_shares_follow_the_rule_within_their_limits(sizes, alpha, balance) -> None:
    table = np.array(sizes).reshape(3, 2)
    total = int(table.sum())
    mixing = Mixing(alpha=alpha, balance=balance, caps={"camargo": 0.9}, max_repeats=4)
    limits = np.minimum(np.array([0.9, 1, 1]) * total, 4.0 * table.sum(axis=1))
    if limits.sum() < total:
        with pytest.raises(ConfigError, match="max_repeats"):
            mixing.targets(table, SOURCES)
        return
    drawn = mixing.targets(table, SOURCES)
    per_source, size = drawn.sum(axis=1), table.sum(axis=1)
    assert drawn.sum() == total
    assert (per_source <= limits + 1).all()
    assert (drawn[table == 0] == 0).all()
    free = [i for i in range(3) if size[i] and per_source[i] < limits[i] - 1]
    level = max(((size[i], per_source[i] / size[i] ** alpha) for i in free), default=(0, 0.0))[1]
    assert all(abs(per_source[i] - level * size[i] ** alpha) < 3 for i in free)
    for row, counts in zip(drawn, table, strict=True):
        if balance == "activity":
            assert (row <= 4 * counts + 1).all()
            open_ = row[(counts > 0) & (row < 4 * counts - 1)]
            assert open_.size < 2 or np.ptp(open_) <= 1
        elif counts.sum():
            np.testing.assert_allclose(row, row.sum() * counts / counts.sum(), atol=1)


def test_extremes_and_caps() -> None:
    table = np.array([[900, 0], [90, 10], [500, 500]])
    assert Mixing().targets(table, SOURCES).tolist() == table.tolist()
    equal = Mixing(alpha=0).targets(table, SOURCES).sum(axis=1)
    assert np.ptp(equal) <= 1
    capped = Mixing(caps={"camargo": 0.2}).targets(table, SOURCES).sum(axis=1)
    assert capped.tolist() == [400, 145, 1455]
    assert np.ptp(Mixing(balance="activity").targets(table, SOURCES)[1]) == 0


def test_impossible_mixings_are_refused() -> None:
    table = np.array([[900], [100]])
    full = partial(Mixing(caps={"a": 0.5, "b": 0.4}).targets, table)
    with pytest.raises(ConfigError, match=r"fill 90% of an epoch, expected 100%"):
        full(("a", "b"))
    with pytest.raises(ConfigError, match="found b, expected sources that are read: a, c"):
        full(("a", "c"))
    for wrong in ({"alpha": 2}, {"alpha": "x"}, {"caps": {"hu": 1.5}}, {"balance": "people"}, {"max_repeats": 0.5}):
        with pytest.raises(ConfigError, match="mixing"):
            Mixing.parse(wrong)
    with pytest.raises(ConfigError, match="did you mean 'alpha'"):
        Mixing.parse({"alpa": 0.5})
    assert Mixing.parse(None) is None
    assert Mixing.parse({"alpha": 0.5}) == Mixing(alpha=0.5)
