"""A state goes on with the windows it was saved with and with no others, however many there are."""

from __future__ import annotations

import itertools
import json
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from biomech_xr.errors import ConfigError
from biomech_xr.load import DeviceWindows, StrideWindows, TimeJitter
from biomech_xr.load.told import Told
from biomech_xr.schema import AFTER, BEFORE, HISTORY
from tests.load.stores import make_block, make_labels, write_block
from tests.load.workers import believed_worker, keys, open_windows


@pytest.fixture(scope="module")
def even(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root with two people, sides and speeds that have equally many strides of equally many windows."""
    root, rng, grid = tmp_path_factory.mktemp("even"), np.random.default_rng(0), {"phase": 40}
    labels = make_labels("hu", {"a": 64, "b": 64}, rng)
    labels["emg_history"], labels["kinematics_history"], labels["kinematics_future"] = HISTORY, BEFORE, AFTER
    labels["condition"] = "none"
    labels["side"] = np.where(labels["stride_number"] % 2 == 0, "left", "right")
    labels["speed"] = np.where(labels["patient"] == "hu-a", 1.0, 1.5)
    labels = labels.sort_values(["patient", "trial", "side", "stride_number"], ignore_index=True)
    block = make_block(labels, grid=grid, time=HISTORY + 600, rng=rng)
    block["emg_coverage"][:] = block["kinematics_coverage"][:] = 1
    write_block(root, "hu", labels, block, grid=grid)
    return root


def through_json(state: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(state))


INDEX = r"index \(which windows of which strides"
OTHERS = [
    ({"filters": {"speed": "< 1.2"}}, {"filters": {"speed": "> 1.2"}}, INDEX),
    ({"filters": {"side": "left"}}, {"filters": {"side": "right"}}, INDEX),
    ({"split": "only:hu-a"}, {"split": "only:hu-b"}, INDEX),
    ({"split": "only:hu-a"}, {"hop": 2}, f"{INDEX}.*hop: found 1, expected 2"),
    ({"horizon": {"samples": 1}}, {"horizon": {"samples": 20}}, "horizon: found {'samples': 1}"),
    ({"horizon": {"samples": 2}}, {"horizon": {"ms": 20}}, "horizon: found"),
    ({"window": 20}, {"window": 100}, "window: found 20, expected 100"),
    ({"remainder": "pad"}, {"remainder": "drop"}, "remainder: found pad, expected drop"),
    ({"history": "mask"}, {"history": "require"}, "history: found mask"),
    ({"phase": "estimated"}, {"phase": "oracle"}, "phase: found estimated"),
    ({"companion": True}, {}, "companion: found True"),
    ({}, {"augment": [TimeJitter(ms=50)]}, r"augment: found \[\], expected \[{'kind': 'TimeJitter', 'ms': 50.0"),
    ({"augment": [TimeJitter(ms=20)]}, {"augment": [TimeJitter(ms=50)]}, "augment: found"),
]


@pytest.mark.parametrize(("saved", "opened", "field"), OTHERS)
def test_other_windows_are_refused_by_name(even: Path, saved: dict, opened: dict, field: str) -> None:
    before, now = open_windows(even, **saved), open_windows(even, **opened)
    assert before.windows == now.windows, "the number alone would not tell"
    with pytest.raises(ConfigError, match=f"^loader state: {field}"):
        now.load_state_dict(through_json(before.state_dict(steps=2)))
    now.load_state_dict(through_json(now.state_dict(steps=2)))


def test_what_makes_the_same_windows_may_change(even: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "augment": [TimeJitter(ms=np.float32(30))],
        "window": np.int64(20),
        "horizon": {"ms": 30},
    }
    windows = open_windows(even, lanes=2, **options)
    batches = iter(windows)
    next(batches)
    state = through_json(windows.state_dict())
    assert json.dumps(state) == json.dumps(windows.state_dict())
    expected = keys(next(batches))
    same = {"global_batch": 48, "window": np.int64(20), "remainder": "pad", **options}
    others = [
        StrideWindows(even, emg="int16", cache=tmp_path, **same),
        DeviceWindows(even, **same),
        StrideWindows(even, filters={"activity": ["walk", "ramp_ascent"]}, **same),
    ]
    for other in others:
        other.load_state_dict(state)
        assert keys(next(iter(other))) == expected
    ranks = [StrideWindows(even, rank=rank, world_size=2, **same) for rank in range(2)]
    for one in ranks:
        one.load_state_dict(state)
    assert list(itertools.chain(*(keys(next(iter(one))) for one in ranks))) == expected


@pytest.mark.parametrize("step", [-3, 10**6, 2.0, True, None])
def test_a_step_that_the_epoch_has_not_is_refused(even: Path, step: Any) -> None:
    windows = open_windows(even)
    with pytest.raises(ConfigError, match=r"loader state: step: found .*, expected a whole number from 0 to 107"):
        windows.load_state_dict({**windows.state_dict(), "step": step})
    with pytest.raises(ConfigError, match="loader state: step: found 108"):
        windows.state_dict(steps=108)
    with pytest.raises(ConfigError, match="loader state: epoch: found -1"):
        windows.load_state_dict({**windows.state_dict(), "epoch": -1})
    with pytest.raises(ConfigError, match="loader state: lanes: found 0, expected a whole number, 1 or more"):
        windows.load_state_dict({**windows.state_dict(), "lanes": 0})
    for epoch in (2**70, 1.5, None):
        with pytest.raises(ConfigError, match="loader state: epoch: found"):
            windows.load_state_dict({**windows.state_dict(), "epoch": epoch})
    with pytest.raises(ConfigError, match="loader state: found None, expected what state_dict returned"):
        windows.load_state_dict(None)


def test_a_state_that_does_not_say_of_which_windows_it_is_is_refused(even: Path) -> None:
    windows = open_windows(even)
    old = ("seed", "epoch", "step", "global_batch", "windows", "data", "lanes", "mixing")
    state = {name: value for name, value in windows.state_dict().items() if name in old}
    with pytest.raises(ConfigError, match=r"found no remainder, index, window, .* older version of this package"):
        windows.load_state_dict(state)


def test_who_hears_nothing_of_its_workers_asks_for_their_steps(even: Path) -> None:
    windows = open_windows(even)
    worker = ForkingPickler.loads(ForkingPickler.dumps(windows))
    with believed_worker(0, 1, worker):
        stream = iter(worker)
        assert windows.state_dict()["step"] == 0
        next(stream)
        assert worker.state_dict()["step"] == 1
        stream.close()
    with pytest.raises(ConfigError, match=r"DataLoader workers .* expected state_dict\(steps=...\)"):
        windows.state_dict()
    assert windows.state_dict(steps=1)["step"] == 1
    next(iter(windows))
    assert windows.state_dict()["step"] == 1, "of its own iteration"


def test_workers_that_live_on_are_known_of_in_every_epoch() -> None:
    parent = Told()
    worker = ForkingPickler.loads(ForkingPickler.dumps(parent))
    for epoch in range(3):
        assert parent.here(7) == 7
        worker.begin(in_worker=True)
        worker.check()
        with pytest.raises(ConfigError, match="steps="):
            parent.here(7)
        parent.tell(epoch + 1, 0)
    late = ForkingPickler.loads(ForkingPickler.dumps(parent))
    late.begin(in_worker=True)
    parent.tell(9, 4, loaded=True)
    late.check()
    assert parent.here(4) == 4, "workers of what was told before"
    assert torch.equal(parent._taken, torch.tensor([4]))
