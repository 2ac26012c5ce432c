"""What a loader cannot do is said before the first batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biomech_xr.errors import ConfigError, NotAStoreError
from biomech_xr.load import TimeJitter
from tests.load.stores import make_block, make_labels, write_block, write_store
from tests.load.test_order import open_windows


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filters": {"speed": slice(99, None)}}, "found 0, expected at least global_batch=48.*lost: filtered 8,600"),
        ({"filters": {"patient": "camargo-b", "dataset": "hu"}}, "found 0"),
        ({"global_batch": 9600, "remainder": "drop"}, "found 6,9.., expected at least global_batch=9,600"),
        ({"filters": {"speed": slice(99, None)}, "mixing": {"balance": "activity"}}, "found 0.*lost: filtered 8,600"),
        ({"filters": {"speed": "> 99"}}, "found 0, .*lost: filtered 8,600"),
        ({"window": 820}, "found 0.*lost: .*emg_history 7,1"),
        ({"split": "only:hu-b", "datasets": ["camargo"]}, "split only:hu-b: camargo: found 0"),
    ],
)
def test_an_epoch_without_a_step_is_an_error_that_says_why(store: Path, options: dict, message: str) -> None:
    windows = open_windows(store, **options)
    with pytest.raises(ConfigError, match=message):
        iter(windows)


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"speed": "fast"}, "speed: found 'fast', expected a number, a list, a slice, or bounds such as '> 1.2'"),
        ({"speed": "> 1.2, "}, "expected a number, a list, a slice, or bounds"),
        ({"speed": "1.2 <"}, "expected a number, a list, a slice, or bounds"),
        ({"activity": "> 1.2"}, "activity: no stride has '> 1.2'"),
        ({"emg": ["tibialis"]}, r"emg: found \['tibialis'\], expected True, False, or some of .*tibialis_anterior"),
        ({"emg": []}, r"emg: found \[\], expected True"),
        ({"kinetics": 1}, "kinetics: found 1, expected True, False, or some of hip, knee, ankle"),
        ({"emg_mask": True}, "found the label 'emg_mask', expected one of .*emg, kinematics, kinetics"),
        ({"duration": slice("0.5", None)}, "duration: a slice needs a number label, numbers as bounds and no step"),
        ({"activity": [["walk"]]}, r"activity: found \[\['walk'\]\], expected a value or a list of values"),
        ({"emg": [["tibialis_anterior"]]}, "emg: found .*, expected a value or a list of values"),
    ],
)
def test_a_filter_that_cannot_be_says_what_can(store: Path, filters: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_windows(store, filters=filters)


def test_impossible_options_are_refused(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="multiple of world_size=5"):
        open_windows(store, world_size=5, rank=0)
    with pytest.raises(ConfigError, match="rank 2"):
        open_windows(store, world_size=2, rank=2)
    with pytest.raises(ConfigError, match="phase"):
        open_windows(store, phase="guessed")
    for horizon in ({"samples": 0}, {"ms": -5.0}):
        with pytest.raises(ConfigError, match="horizon"):
            open_windows(store, horizon=horizon)
    with pytest.raises(ConfigError, match=r"window: found 5000 EMG samples, expected at most 8\d\d: the 250"):
        open_windows(store, window=5000, history="mask")
    with pytest.raises(ConfigError, match="lanes: found 0, expected a whole number, 1 or more"):
        open_windows(store, lanes=0)
    with pytest.raises(NotAStoreError, match="no strides here"):
        open_windows(tmp_path)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    windows = open_windows(store)
    assert (windows.rank, windows.world_size) == (1, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(({name: value}, f"{name}: found {value}, expected a whole number") for name in ("hop", "window", "lanes")
          for value in (1.5, 48.0, 0, -5, True)),
        ({"global_batch": 48.0}, "global_batch: found 48.0, expected a whole number, 1 or more"),
        ({"seed": -1}, "seed: found -1, expected a whole number, 0 or more"),
        ({"rank": 0.0, "world_size": 2}, "rank: found 0.0, expected a whole number, 0 or more"),
        ({"world_size": 0, "rank": 0}, "world_size: found 0, expected a whole number"),
        *(({"horizon": value}, "horizon: found .*, expected {'samples': n >= 1} or {'ms': x > 0}")
          for value in (0, {}, -1, "1", {"ms": "x"}, {"samples": True}, {"samples": None}, {"samples": 1.5},
                        {"ms": float("nan")}, {"ms": float("inf")}, {"samples": 1, "ms": 5})),
        *(({"filters": value}, "filters: found .*, expected a mapping") for value in ([1], "walk", 0)),
        ({"augment": TimeJitter(ms=20)}, "augment: found TimeJitter.*, in a list"),
        ({"mixing": 3}, "mixing"),
        *(({"datasets": value}, "datasets: found .*, expected text or a list of texts") for value in (3, [3], [None])),
        ({"datasets": []}, r"datasets: found \[\], expected one name or more"),
        *(({"split": value}, "split: found .*, expected text") for value in (3, b"train")),
        *(({"version": value}, "version: found .*, expected a whole number") for value in (1.0, "1", True, 0)),
        *(({"global_batch": value}, "global_batch: found .*, expected at most") for value in (2**63, 2**70)),
    ],
)  # fmt: skip
def test_options_of_another_kind_are_refused_before_anything_is_read(
    store: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        open_windows(store, **options)


def test_a_rank_is_known_or_asked_for(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    windows = open_windows(store, world_size=2)
    assert (windows.rank, windows.world_size) == (1, 2)
    assert open_windows(store, rank=0).rank == 0
    assert (open_windows(store, rank=0, world_size=1).world_size) == 1
    with pytest.raises(ConfigError, match=r"rank 1 \(RANK in the environment\) of world_size 1"):
        open_windows(store, world_size=1)
    monkeypatch.setenv("RANK", "one")
    with pytest.raises(ConfigError, match="rank: found 'one', expected a whole number"):
        open_windows(store)
    monkeypatch.delenv("RANK")
    for world_size in (None, 2):
        with pytest.raises(ConfigError, match=r"rank: found neither rank= nor RANK .* which of the 2 ranks"):
            open_windows(store, world_size=world_size)
    monkeypatch.delenv("WORLD_SIZE")
    assert (open_windows(store).rank, open_windows(store, world_size=1).rank) == (0, 0)


def test_a_source_without_strides_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = make_labels("hu", {"a": 1}, rng)
    block = make_block(labels, grid={"phase": 40}, time=850, rng=rng)
    nothing = {name: values[:0] for name, values in block.items()}
    write_block(tmp_path, "hu", labels.iloc[:0], nothing, grid={"phase": 40})
    write_store(tmp_path, "siat", {"a": 9})
    assert open_windows(tmp_path).windows > 0
    for split in (None, "train", "only:siat"):
        with pytest.raises(ConfigError, match="hu: found no stride of chain 'envelope'"):
            open_windows(tmp_path, datasets=["hu"], split=split)


def test_other_filters_leave_the_condition_none_unless_it_is_named(store: Path) -> None:
    default, everything = open_windows(store).windows, open_windows(store, filters={}).windows
    assert default < everything
    for filters in (None, {"duration": "> 0"}, {"condition": "none"}):
        assert open_windows(store, filters=filters).windows == default
    for filters in ({"condition": None}, {"condition": None, "duration": "> 0"}, {"condition": ["none", "fatigue"]}):
        assert open_windows(store, filters=filters).windows == everything
    assert open_windows(store, filters={"condition": "fatigue"}).windows == everything - default
