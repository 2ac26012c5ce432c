"""A component that no training window measures: nothing depends on it, and every reader of the scores is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.fake_windows import FakeWindows, make_batch
from tests.training.test_loop import ALONE, configure, run
from training import checkpoint, loop, losses, statistics
from training.evaluate import main
from training.run import begin
from training.scoring import Scoreboard, as_rows, not_learned
from training.tasks import emg
from training.tasks.emg import EmgTask

KNEE_ROTATION, VASTUS = 4, 6
STATE = [KNEE_ROTATION, KNEE_ROTATION + 9, KNEE_ROTATION + 18]
Batch = dict[str, torch.Tensor]


def hide(batch: Batch) -> Batch:
    """Return the batch without any measurement of knee rotation and of one muscle."""
    batch = {name: value.clone() for name, value in batch.items()}
    hidden = {"kinematic_state": STATE, "target_kinematic_state": STATE, "target_torque": [KNEE_ROTATION]}
    for name, columns in {**hidden, "emg": [VASTUS]}.items():
        batch[name][:, columns] = 0.0
        batch[f"{name}_mask"][:, columns] = False
    return batch


def show(batch: Batch, size: float) -> Batch:
    """Return the batch with knee rotation and that muscle measured, with values of about this size."""
    batch = {name: value.clone() for name, value in batch.items()}
    generator = torch.Generator().manual_seed(7)
    for name, columns in {"kinematic_state": STATE, "target_kinematic_state": STATE, "target_torque": [4]}.items():
        batch[name][:, columns] = size * torch.randn(len(batch["weight"]), len(columns), generator=generator)
        batch[f"{name}_mask"][:, columns] = True
    batch["emg"][:, VASTUS], batch["emg_mask"][:, VASTUS] = size, True
    return batch


@pytest.fixture(scope="module")
def fitted() -> Batch:
    """Return statistics of windows that never measure knee rotation and one muscle."""
    return statistics.fit([hide(make_batch(96, seed=1))])


def a_model(task: EmgTask, fitted: Batch) -> torch.nn.Module:
    """Return a model whose every weight matters, also those that start at zero."""
    torch.manual_seed(0)
    model = task.model(fitted).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize("size", [1.0, 1e5])
def test_its_values_change_neither_prediction_nor_loss_nor_gradient(fitted: Batch, size: float, tmp_path: Path) -> None:
    task = EmgTask(configure(tmp_path))
    model = a_model(task, fitted)
    found = []
    for batch in (hide(make_batch(24, seed=2)), show(hide(make_batch(24, seed=2)), size)):
        model.zero_grad()
        objective, values = losses.combine(task.terms(model, batch, fitted), task.weights())
        torch.autograd.backward(objective)
        gradients = [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]
        estimate = task.estimate(model, batch)
        change = statistics.linear_change(fitted, batch["kinematic_state"], batch["kinematic_state_mask"])
        found.append((values, gradients, (estimate.state, estimate.torque, estimate.phase), change))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)
    assert 0.01 < found[1][0]["loss"] < 100


def test_its_values_change_no_score_and_are_counted(fitted: Batch, tmp_path: Path) -> None:
    task = EmgTask(configure(tmp_path))
    model = a_model(task, fitted)
    boards = []
    for batch in (hide(make_batch(24, seed=2)), show(hide(make_batch(24, seed=2)), 1e5)):
        board = Scoreboard()
        board.add(batch, task.estimate(model, batch), fitted)
        boards.append(board)
    rows = [as_rows(board.scores(("walk", "run"))) for board in boards]
    assert rows[0] == rows[1]
    assert "knee rotation" not in {row["component"] for row in rows[1]}
    assert {row["component"] for row in rows[1]} > {"knee flexion", "cycle"}
    counts = [{(one["quantity"], one["component"]): one["windows"] for one in board.left_out()} for board in boards]
    places = [(quantity, "knee rotation") for quantity in ("angle", "velocity", "torque")]
    assert counts == [dict.fromkeys(places, 0), dict.fromkeys(places, 24)]


def test_few_windows_and_a_constant_are_not_enough_to_learn_from() -> None:
    batch = make_batch(64, holes=False)
    batch["target_torque_mask"][statistics.LEAST_WINDOWS - 1 :, 0] = False
    batch["target_torque_mask"][statistics.LEAST_WINDOWS :, 1] = False
    batch["target_torque"][:, 2] = 0.1  # what a locked joint of a model gives
    batch["emg_mask"][:, 3] = False
    batch["target_phase_mask"][:] = False
    fitted = statistics.fit([batch])
    assert fitted["torque_known"].tolist() == [False, True, False] + [True] * 6
    assert fitted["torque_deviation"][[0, 2]].tolist() == [1.0, 1.0]
    assert fitted["emg_known"].tolist() == [channel != 3 for channel in range(13)]
    assert not_learned(fitted) == {"torque": ["hip adduction", "hip flexion"], "phase": ["cycle"]}


class TwoSources(FakeWindows):
    """Two sources, of which the second alone measures everything; the epoch of both ends with its one batch."""

    datasets = ("early", "late")

    def __init__(self, url: str, *, datasets: Any = None, **options: Any) -> None:
        super().__init__(url, **options)
        parts = {"early": hide(make_batch(216, seed=1)), "late": make_batch(24, seed=2)}
        self.datasets = tuple(datasets or parts)
        self._data = {name: torch.cat([parts[source][name] for source in self.datasets]) for name in parts["early"]}
        self.windows = len(self._data["weight"])
        self.steps_per_epoch = self.windows // self._global

    def __iter__(self) -> Any:
        while self._done < self.steps_per_epoch:
            rows = slice(self._done * self._global, (self._done + 1) * self._global)
            self._done += 1
            yield {name: value[rows].clone() for name, value in self._data.items()}


def test_a_source_that_comes_late_in_the_epoch_is_in_the_statistics(tmp_path: Path) -> None:
    config = configure(tmp_path, statistics_batches=4)
    found = begin(config, EmgTask(config, open_windows=TwoSources), ALONE).statistics
    assert all(found[name].all() for name in ("state_known", "torque_known", "emg_known", "phase_known"))
    assert not not_learned(found)
    assert 10 < found["state_deviation"][KNEE_ROTATION] < 40
    assert 400 < found["state_deviation"][KNEE_ROTATION + 18] < 1600


def test_evaluation_names_and_counts_what_training_people_never_showed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    class Hidden(FakeWindows):
        def __init__(self, url: str, *, split: str, **options: Any) -> None:
            super().__init__(url, split=split, **options)
            self._data = hide(self._data) if split == "train" else show(self._data, 1e4)

    monkeypatch.setattr(emg, "_loader", lambda *_, **__: Hidden)
    config = configure(tmp_path / "run", steps=3)
    loop.train(config, EmgTask(config), ALONE)
    run_losses = [entry.validation for entry in checkpoint.entries(tmp_path / "run" / "checkpoints")]
    assert all(loss is not None and loss < 10 for loss in run_losses)
    assert main([str(tmp_path / "run"), "--json", str(tmp_path / "scores.json")]) == 0
    result = json.loads((tmp_path / "scores.json").read_text())
    assert {(one["quantity"], one["component"], one["windows"]) for one in result["not_learned"]} == {
        (quantity, "knee rotation", 96) for quantity in ("angle", "velocity", "torque")
    }
    assert not any(row["component"] == "knee rotation" for row in result["scores"])
    assert all(one["mean"] < 1e3 for row in result["scores"] for one in row["rmse"].values() if row["unit"] == "degree")
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.count("not learned") == 2
    assert "torque of knee rotation (96 windows)" in printed


def test_a_checkpoint_that_does_not_say_what_is_known_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(emg, "_loader", lambda *_, **__: FakeWindows)
    config = configure(tmp_path, steps=3)
    run(config)
    folder = tmp_path / "checkpoints"
    for file in folder.glob("step-*.json"):
        values = json.loads(file.read_text())
        del values["format"]
        file.write_text(json.dumps(values))
    with pytest.raises(checkpoint.CheckpointError, match=r"found 1 or 2; expected 4\. Another version"):
        run(config)
    assert main([str(tmp_path)]) == 2
    assert "Train again" in capsys.readouterr().err
