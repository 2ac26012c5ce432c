"""All options at once: any epoch is made of windows that exist, as often as it says, by any ranks from any step on."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from biomech_xr.errors import ConfigError
from biomech_xr.load import AmplitudeScale, ChannelDropout, DeviceWindows, Noise, StrideWindows, TimeJitter
from tests.load.stores import write_store
from tests.load.workers import Batch, in_turn, keys

AUGMENT = (
    TimeJitter(ms=40),
    ChannelDropout(p=0.2),
    ChannelDropout(p=0.2, part="kinematics"),
    Noise(sd=0.1),
    AmplitudeScale(low=0.5, high=2),
)
MIXING = st.fixed_dictionaries(
    {
        "alpha": st.sampled_from([0, 0.3, 1]),
        "balance": st.sampled_from(["none", "activity"]),
        "max_repeats": st.sampled_from([2, 10, 100]),
    }
)
OPTIONS = st.fixed_dictionaries(
    {
        "global_batch": st.sampled_from([60, 120, 240]),
        "window": st.sampled_from([1, 20, 200, 251]),
        "seed": st.integers(0, 9),
        "remainder": st.sampled_from(["pad", "drop"]),
        "hop": st.sampled_from([1, 3, 7]),
        "history": st.sampled_from(["require", "mask"]),
        "horizon": st.sampled_from([{"samples": 1}, {"samples": 5}, {"ms": 33.3}, {"ms": 100}]),
        "phase": st.sampled_from(["none", "oracle", "estimated"]),
        "companion": st.booleans(),
        "lanes": st.sampled_from([1, 2, 32]),
        "filters": st.sampled_from([{}, None, {"duration": "> 0.5"}, {"emg": True}, {"activity": "walk"}]),
        "mixing": st.none() | MIXING,
        "augment": st.lists(st.sampled_from(AUGMENT), max_size=5, unique=True),
    }
)


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return roots with one to three sources, on grids by phase and in Hz, some of one stride."""
    sizes = [{"hu": {"a": 5, "b": 30}}, {"hu": {"a": 70}, "siat": {"a": 1, "b": 5}, "camargo": {"c": 30}}]
    found = []
    for number, grid in enumerate(({"rate": 77.7}, {"phase": 25})):
        found.append(tmp_path_factory.mktemp("together"))
        for seed, (dataset, strides) in enumerate(sizes[number].items()):
            write_store(found[-1], dataset, strides, grid=grid, seed=10 * number + seed)
    return found


def check_windows(root: Path, windows: StrideWindows, batches: list[Batch], options: dict[str, Any]) -> None:
    """Check that windows exist and come as often as they are drawn."""
    order, made = windows._order(), Counter(itertools.chain(*map(keys, batches)))
    moved = any(isinstance(one, TimeJitter) for one in options["augment"])
    assert made.total() == windows.windows - order.dropped
    if options["mixing"] is None and not moved:
        assert len(made) == made.total()
    drawn = windows._epochs.drawn(order)
    for source in StrideWindows(root, rank=0, world_size=1, **(options | {"mixing": None, "augment": []})).sources:
        for row in range(len(source.duration)):
            first, count, hop = int(source.index.first[row]), int(source.index.count[row]), source.index.hop
            stride = source.first_row + row
            here = {sample: times for (one, sample), times in made.items() if one == stride}
            assert all(first <= sample <= first + hop * (count - 1) for sample in here)
            assert moved or all((sample - first) % hop == 0 for sample in here)
            if options["remainder"] == "pad" and not moved and count:
                times = [here.get(first + hop * place, 0) for place in range(count)]
                assert sum(times) == drawn[stride]
                assert max(times) - min(times) <= 1


def check(roots: list[Path], draw: Callable[..., Any]) -> None:
    root, options, epoch = draw(st.sampled_from(roots)), draw(OPTIONS), draw(st.integers(0, 4))
    try:
        alone = StrideWindows(root, rank=0, world_size=1, **options)
    except ConfigError as error:
        assert "mixing: found caps" in str(error) or "moves no window" in str(error)  # noqa: PT017
        assume(False)
    assume(0 < alone.steps_per_epoch < 60)
    alone.set_epoch(epoch)
    whole = list(alone)
    assert len(whole) == alone.steps_per_epoch
    check_windows(root, alone, whole, options)
    step = draw(st.integers(0, len(whole)))
    kind = draw(st.sampled_from([StrideWindows, DeviceWindows]))
    world, workers = draw(st.integers(1, 4)), draw(st.sampled_from([0, 1, 2, 5]))
    parts = []
    for rank in range(world):
        windows = kind(root, rank=rank, world_size=world, **options)
        windows.load_state_dict(alone.state_dict(steps=step))
        parts.append(in_turn(windows, workers) if workers or kind is StrideWindows else list(windows))
    assert {len(part) for part in parts} == {len(whole) - step}
    for shares, expected in zip(zip(*parts, strict=True), whole[step:], strict=True):
        for name, value in expected.items():
            got = torch.cat([share[name] for share in shares])
            if kind is StrideWindows or value.dtype != torch.float32:
                assert torch.equal(got, value), name
            else:
                np.testing.assert_allclose(got, value, rtol=1e-4, atol=1e-2, err_msg=name)


SETTINGS: dict[str, Any] = {"deadline": None, "derandomize": True, "database": None}


@settings(max_examples=4, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow], **SETTINGS)
@given(data=st.data())
def test_epochs_hold_what_they_say_for_any_ranks_workers_and_devices(roots: list[Path], data: st.DataObject) -> None:
    check(roots, data.draw)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=400, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow], **SETTINGS)
@given(data=st.data())
def test_many_epochs_hold_what_they_say(roots: list[Path], data: st.DataObject) -> None:
    check(roots, data.draw)
