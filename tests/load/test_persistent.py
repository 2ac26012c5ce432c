"""Workers that live from epoch to epoch make the epoch that the parent has set, and no state behind its back."""

from __future__ import annotations

from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from biomech_xr.load import LoaderProcessError, StrideWindows
from biomech_xr.load.told import Told
from tests.load.workers import make_loader

OPTIONS = {"global_batch": 48, "window": 20, "remainder": "pad"}


def test_a_worker_begins_where_the_parent_is_when_it_begins() -> None:
    parent = Told()
    parent.tell(2, 5)
    worker = ForkingPickler.loads(ForkingPickler.dumps(parent))
    assert [worker.begin(in_worker=True) for _ in range(2)] == [(2, 5)] * 2, "the other workers must read it too"
    parent.tell(3, 0)
    assert worker.begin(in_worker=True) == (3, 0)
    worker.check()
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


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_persistent_workers_make_the_epochs_that_are_set(store: Path) -> None:
    windows, alone = StrideWindows(store, **OPTIONS), StrideWindows(store, **OPTIONS)
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
