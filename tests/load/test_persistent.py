"""Workers that live from epoch to epoch make the epoch that the parent has set, and no state behind its back."""

from __future__ import annotations

from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from biomech_xr.load import LoaderProcessError
from biomech_xr.load.told import Told
from tests.load.workers import make_loader, open_windows


def test_a_worker_begins_where_the_parent_is_when_it_begins() -> None:
    parent = Told()
    parent.tell(2, 5)
    worker = ForkingPickler.loads(ForkingPickler.dumps(parent))
    other = ForkingPickler.loads(ForkingPickler.dumps(parent))
    parent.tell(3, 0)
    assert [one.begin(in_worker=True) for one in (worker, other)] == [(2, 5)] * 2, "by value: it begins much later"
    worker.check()
    assert [one.begin(in_worker=True) for one in (worker, other)] == [(3, 0)] * 2, "and then where the parent is"
    assert [parent.begin(in_worker=False), worker.begin(in_worker=True)] == [(3, 0)] * 2
    parent.tell(3, 7, loaded=True)
    assert parent.begin(in_worker=False) == (3, 7)
    assert parent.begin(in_worker=False) == (3, 0)
    parent.check()
    worker.begin(in_worker=True)
    with pytest.raises(LoaderProcessError, match="state was loaded after"):
        worker.check()
    later = ForkingPickler.loads(ForkingPickler.dumps(parent))
    assert later.begin(in_worker=True) == (3, 0)
    later.check()


def copies(told: Told, count: int = 2) -> list[Told]:
    return [ForkingPickler.loads(ForkingPickler.dumps(told)) for _ in range(count)]


def test_a_start_is_that_of_all_workers_of_one_pass_and_of_no_other() -> None:
    parent = Told()
    parent.tell(0, 23, loaded=True)
    first, second = copies(parent)
    assert first.begin(in_worker=True) == second.begin(in_worker=True) == (0, 23)
    assert [one.begin(in_worker=True) for one in copies(parent)] == [(0, 23)] * 2, "nobody was asked for a batch yet"
    first.check()
    second.check()
    assert [one.begin(in_worker=True) for one in copies(parent)] == [(0, 0)] * 2
    assert first.begin(in_worker=True) == (0, 0), "persistent"
    assert parent.begin(in_worker=False) == (0, 0)
    parent.tell(0, 9, loaded=True)
    second.check()
    assert copies(parent, 1)[0].begin(in_worker=True) == (0, 9), "workers of an older state take no newer one"
    assert parent.begin(in_worker=False) == (0, 9)
    assert copies(parent, 1)[0].begin(in_worker=True) == (0, 0)


def test_ranks_that_one_process_started_do_not_hear_of_one_another() -> None:
    parent = Told()
    parent.tell(1, 7, loaded=True)
    here, there = copies(parent)
    worker, later = copies(here, 1)[0], copies(there, 1)[0]
    assert worker.begin(in_worker=True) == (1, 7)
    worker.check()
    later.begin(in_worker=True)
    here.tell(2, 0)
    assert worker.begin(in_worker=True) == (2, 0)
    assert later.begin(in_worker=True) == (1, 0)
    assert there.begin(in_worker=False) == parent.begin(in_worker=False) == (1, 7)


def test_workers_go_on_from_a_state_once_and_hear_nothing_that_the_parent_does_later(store: Path) -> None:
    """Processes start in seconds: the parent's next lines come first."""
    windows = open_windows(store)
    steps = [batch["sample"] for batch in windows]
    loader = make_loader(windows, 2)
    windows.load_state_dict({**windows.state_dict(), "step": len(steps) - 3})
    for expected in (steps[-3:], steps):
        running = iter(loader)
        if expected is steps:
            windows.set_epoch(1)
            next(iter(windows))
        got = [batch["sample"] for batch in running]
        assert len(got) == len(expected)
        assert all(torch.equal(*pair) for pair in zip(got, expected, strict=True))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_persistent_workers_make_the_epochs_that_are_set(store: Path) -> None:
    windows, alone = open_windows(store), open_windows(store)
    state = {**windows.state_dict(), "epoch": 4, "step": 3}
    plain = make_loader(windows, 2)
    loader = DataLoader(
        windows,
        batch_size=None,
        num_workers=2,
        multiprocessing_context=plain.multiprocessing_context,
        timeout=plain.timeout,
        persistent_workers=True,
    )
    for one in (windows, alone):
        one.load_state_dict(state)
    for epoch in (4, 5, 5, 9):
        for one in (windows, alone):
            one.set_epoch(epoch)
        got, expected = [batch["sample"] for batch in loader], [batch["sample"] for batch in alone]
        assert len(got) == len(expected) == windows.steps_per_epoch - 3 * (epoch == 4)
        assert all(torch.equal(*pair) for pair in zip(got, expected, strict=True))
    windows.load_state_dict(state)
    with pytest.raises(LoaderProcessError, match="state was loaded after"):
        next(iter(loader))
