"""Augmentation in a training run: recorded, applied to training batches alone; and a phase that is not always known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from biomech_xr.load import AmplitudeScale, ChannelDropout, Noise, StrideWindows, TimeJitter
from tests.load.stores import write_store
from tests.training.fake_windows import FakeWindows, make_batch
from tests.training.test_loop import ALONE, configure
from training import loop
from training.config import TrainConfig
from training.evaluate import open_windows
from training.scoring import Scoreboard
from training.tasks.emg import EmgTask

LISTED: list[dict[str, Any]] = [
    {"kind": "time_jitter", "ms": 20.0},
    {"kind": "channel_dropout", "p": 0.1},
    {"kind": "channel_dropout", "p": 0.2, "part": "kinematics"},
    {"kind": "amplitude_scale", "low": 0.8, "high": 1.2},
    {"kind": "noise", "sd": 0.05},
]
MADE = [
    TimeJitter(ms=20.0),
    ChannelDropout(p=0.1),
    ChannelDropout(p=0.2, part="kinematics"),
    AmplitudeScale(low=0.8, high=1.2),
    Noise(sd=0.05),
]


def test_training_batches_are_augmented_and_no_others(tmp_path: Path) -> None:
    opened: list[tuple[str, Any, Any]] = []

    def record(url: str, **options: Any) -> FakeWindows:
        opened.append((options["split"], options["datasets"], options["augment"]))
        return FakeWindows(url, **options)

    config = configure(tmp_path / "run", steps=2, augment=LISTED)
    task = EmgTask(config, open_windows=record)
    loop.train(config, task, ALONE)
    open_windows(task, "test", ALONE, hop=1, limit=10)
    augmented = [one for one in opened if one[2]]
    assert augmented == [("train", None, MADE)]
    assert ("train", ["fake"], []) in opened, "statistics"
    assert {split for split, _, augment in opened if not augment} == {"train", "validation", "test"}


def test_the_run_records_it_as_part_of_what_it_is(tmp_path: Path) -> None:
    config = configure(tmp_path / "run", steps=1, augment=LISTED)
    loop.train(config, EmgTask(config, open_windows=FakeWindows), ALONE)
    found = TrainConfig.load(tmp_path / "run" / "config.yaml")
    assert [one.make() for one in found.augment] == MADE
    assert found.identity() == config.identity()
    other = [*LISTED[:-1], {"kind": "noise", "sd": 0.06}]
    assert configure(tmp_path / "run", steps=1, augment=other).identity() != config.identity()
    assert configure(tmp_path / "run", steps=1, augment=LISTED[::-1]).identity() != config.identity()


def test_the_real_loader_takes_what_a_configuration_makes(tmp_path: Path) -> None:
    write_store(tmp_path, "hu", {"a": 12, "b": 6, "c": 6})
    options: dict[str, Any] = {"window": 32, "global_batch": 16}
    config = configure(tmp_path / "run", store=str(tmp_path), steps=1, augment=LISTED, global_batch=16)
    task = EmgTask(config)
    windows = task.windows("train", ALONE, remainder="drop", augment=True)
    assert windows is not None
    expected = next(iter(StrideWindows(tmp_path, split="train", augment=MADE, **options)))
    plain = next(iter(StrideWindows(tmp_path, split="train", **options)))
    batch = next(iter(windows))
    assert torch.equal(batch["emg"], expected["emg"])
    assert not torch.equal(batch["emg"], plain["emg"])


def test_a_model_does_not_look_at_a_phase_that_is_not_known() -> None:
    config = configure(Path("unused"), phase="estimated")
    task = EmgTask(config, open_windows=FakeWindows)
    statistics = task.fit([make_batch(64)])
    model = task.model(statistics).eval()
    one, other = make_batch(8), make_batch(8)
    for batch in (one, other):
        batch["phase_mask"] = torch.arange(8) % 2 == 0
    other["phase"] = (one["phase"] + 0.3) % 1
    changed = (task.estimate(model, one).phase - task.estimate(model, other).phase).abs().amax(dim=1) > 0
    assert torch.equal(changed, one["phase_mask"])


@pytest.mark.parametrize("known", [0, 12, 24])
def test_the_baseline_of_an_unknown_phase_is_the_mean(known: int) -> None:
    config = configure(Path("unused"), phase="estimated")
    task = EmgTask(config, open_windows=FakeWindows)
    statistics = task.fit([make_batch(64)])
    batch = make_batch(24, holes=False)
    batch["phase_mask"] = torch.arange(24) < known
    board = Scoreboard()
    board.add(batch, task.estimate(task.model(statistics).eval(), batch), statistics)
    rows = {row["baseline"]: row for row in _phase_rows(board)}
    same = rows["no_change"]["rmse"] == pytest.approx(rows["training_mean"]["rmse"])
    assert same == (known == 0)
    assert (rows["no_change"]["rmse"] < 3) == (known == 24), "percent of the cycle, half a percent ahead"


def _phase_rows(board: Scoreboard) -> list[dict[str, Any]]:
    from training.scoring import as_rows

    rows = [row for row in as_rows(board.scores(("walk", "run"))) if row["quantity"] == "phase"]
    return [{"baseline": name, "rmse": value["mean"]} for row in rows[:1] for name, value in row["rmse"].items()]
