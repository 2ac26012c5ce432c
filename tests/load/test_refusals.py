"""What a loader cannot do is said before the first batch."""

from __future__ import annotations

from pathlib import Path

import pytest

from biomech_xr.errors import ConfigError, NotAStoreError
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
    with pytest.raises(ConfigError, match="lanes: found 0, expected 1 or more"):
        open_windows(store, lanes=0)
    with pytest.raises(NotAStoreError, match="no strides here"):
        open_windows(tmp_path)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    windows = open_windows(store)
    assert (windows.rank, windows.world_size) == (1, 4)
