"""Mixed epochs through the loader: the batches hold what was asked for, on every world size, and go on from a state."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from biomech_xr.errors import ConfigError
from biomech_xr.load import StrideWindows
from biomech_xr.load.quality import measure_order
from biomech_xr.window import Mixing
from tests.load.test_order import keys, open_windows
from training.config import TrainConfig
from training.distributed import Ranks
from training.tasks.emg import EmgTask

MIX = {"alpha": 0.5, "caps": {"hu": 0.3}, "balance": "activity", "max_repeats": 8}


def labels(windows: StrideWindows, batches: list[dict[str, torch.Tensor]], name: str) -> Counter[str]:
    names = {"dataset": windows.datasets, "activity": windows.activities, "person": windows.persons}[name]
    return Counter(names[code] for batch in batches for code in batch[name][batch["weight"] > 0].tolist())


def test_batches_hold_the_drawn_windows_on_every_world_size(store: Path) -> None:
    alone = open_windows(store, mixing=MIX, rank=0, world_size=1)
    batches = list(alone)
    plain = open_windows(store)
    assert (alone.windows, alone.steps_per_epoch) == (plain.windows, plain.steps_per_epoch)
    drawn = labels(alone, batches, "dataset")
    assert drawn.total() == alone.windows
    assert drawn["hu"] == int(0.3 * alone.windows)
    everything = set(itertools.chain(*map(keys, plain)))
    times = Counter(itertools.chain(*map(keys, batches)))
    assert set(times) <= everything
    assert max(times.values()) <= 9
    parts = [list(open_windows(store, mixing=Mixing(**MIX), rank=rank, world_size=3)) for rank in range(3)]
    for whole, *shares in zip(batches, *parts, strict=True):
        for name in whole:
            assert torch.equal(torch.cat([share[name] for share in shares]), whole[name]), name
    text = alone.describe()
    assert f"mix: hu, {sum(source.index.total for source in plain.sources if source.dataset == 1):,} windows" in text
    assert "30.0% of an epoch" in text
    assert "ramp_ascent" in text
    assert "mix:" not in plain.describe()


def test_mixed_epochs_differ_repeat_and_go_on_from_a_state(store: Path) -> None:
    windows = open_windows(store, mixing=MIX)
    first = [keys(batch) for batch in windows]
    windows.set_epoch(1)
    stream = iter(windows)
    second = [keys(next(stream)) for _ in range(4)]
    state = windows.state_dict()
    rest = [keys(batch) for batch in stream]
    assert first[:4] != second
    resumed = open_windows(store, mixing=MIX)
    resumed.load_state_dict(state)
    assert [keys(batch) for batch in resumed] == rest
    for other in (None, MIX | {"alpha": 0.6}):
        with pytest.raises(ConfigError, match=r"mixing: found \w+, expected"):
            open_windows(store, mixing=other).load_state_dict(state)
    with pytest.raises(ConfigError, match="mixing: found None"):
        windows.load_state_dict(open_windows(store).state_dict())


def test_impossible_mixings_are_refused_when_the_loader_is_made(store: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'caps'"):
        open_windows(store, mixing={"cap": {"hu": 0.1}})
    with pytest.raises(ConfigError, match="found siat, expected sources that are read: camargo, hu"):
        open_windows(store, mixing={"caps": {"siat": 0.1}})
    with pytest.raises(ConfigError, match="fill 60% of an epoch"):
        open_windows(store, mixing={"caps": {"hu": 0.3, "camargo": 0.3}})


def test_one_person_or_one_source_left_out_and_mixed(store: Path, tmp_path: Path) -> None:
    """Person hu-a is in both sources: leaving her out leaves her out of both."""
    root = tmp_path / "copy"
    shutil.copytree(store, root)
    train = open_windows(root, split="without:hu-a", mixing={"alpha": 0.0, "max_repeats": 100})
    batches = list(train)
    assert set(labels(train, batches, "person")) == {"hu-b", "hu-c", "hu-d", "camargo-b"}
    per_source = labels(train, batches, "dataset")
    assert abs(per_source["hu"] - per_source["camargo"]) <= 1
    test = open_windows(root, split="only:hu-a", mixing={"caps": {"camargo": 0.2}})
    found = list(test)
    assert set(labels(test, found, "person")) == {"hu-a"}
    assert labels(test, found, "dataset")["camargo"] == int(0.2 * test.windows)
    rest = open_windows(root, split="without:hu", mixing={"caps": {"hu": 0.1}})
    assert set(labels(rest, list(rest), "person")) == {"camargo-b"}
    assert "mix: hu" not in rest.describe()


def test_training_mixes_training_windows_alone() -> None:
    opened: list[dict[str, Any]] = []

    class Recorder:
        windows = 0

        def __init__(self, _url: str, **options: Any) -> None:
            opened.append(options)

    config = TrainConfig.of({"store": "s", "out": "o", "mixing": MIX})
    assert config.mixing == Mixing(**MIX)
    assert config.identity() != TrainConfig.of({"store": "s", "out": "o"}).identity()
    task = EmgTask(config, open_windows=Recorder)
    alone = Ranks(rank=0, world_size=1, device=torch.device("cpu"))
    task.windows("train", alone, remainder="drop", augment=True)
    task.windows("validation", alone, remainder="pad")
    assert [options["mixing"] for options in opened] == [Mixing(**MIX), None]
    with pytest.raises(ConfigError, match="did you mean 'alpha'"):
        TrainConfig.of({"store": "s", "out": "o", "mixing": {"alfa": 1}})


@pytest.mark.parametrize("mixing", [None, MIX])
def test_the_quality_of_an_order_is_that_of_its_batches(store: Path, mixing: dict[str, Any] | None) -> None:
    windows = open_windows(store, mixing=mixing)
    batches = list(windows)
    found = measure_order(windows, steps=1000)
    assert (found.steps, found.global_batch) == (windows.steps_per_epoch, 48)
    for name, spread in (("person", found.people), ("activity", found.activities), ("stride", found.strides)):
        own = [batch[name][batch["weight"] > 0] for batch in batches]
        assert spread.mean == pytest.approx(np.mean([len(codes.unique()) for codes in own]))
        assert spread.total == len(torch.cat(own).unique())
        share = torch.unique(torch.cat(own), return_counts=True)[1] / sum(map(len, own))
        assert spread.full == pytest.approx(np.mean([(1 - (1 - share) ** len(codes)).sum() for codes in own]), rel=1e-3)
    assert list(found.amplification) == [1, 2, 4, 8]
    assert found.amplification[8] >= found.amplification[1] >= 1
    assert (found.reading > 1) == (mixing is not None)
    assert len(found.lines()) == 7
    with pytest.raises(ConfigError, match="found 0 steps"):
        measure_order(windows, steps=0)


def test_a_full_shuffle_measures_as_one_and_a_sorted_epoch_as_bad(store: Path) -> None:
    windows = open_windows(store, filters={})
    real = windows._order()

    class Fixed(type(real)):  # type: ignore[misc]
        """An order of given windows."""

        def __init__(self, places: np.ndarray) -> None:
            self.__dict__.update(real.__dict__)
            self._block = np.repeat(np.arange(real.counts.size), real.counts)[places]
            self._offset = np.concatenate([np.arange(count) for count in real.counts])[places]

        def _windows(self, step: int, start: int, stop: int) -> tuple[int, np.ndarray, np.ndarray]:
            rows = slice(step * 48 + start, step * 48 + stop)
            return 0, self._block[rows], self._offset[rows]

    def measured(places: np.ndarray) -> list[float]:
        windows._epochs.order = lambda _epoch: Fixed(places)  # type: ignore[method-assign,assignment]
        found = measure_order(windows, steps=1000)
        return [spread.ratio for spread in (found.people, found.activities, found.strides)]

    everything = np.arange(windows.windows)
    assert measured(np.random.default_rng(0).permutation(everything)) == pytest.approx([1, 1, 1], abs=0.2)
    assert min(measured(everything)) > 10
