"""Scoring a run: what is reported, on which windows, and the errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from biomech_xr.errors import ConfigError
from tests.training.fake_windows import FakeWindows
from tests.training.test_loop import configure, run
from training import distributed
from training.evaluate import evaluate, main
from training.tasks import emg


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a small finished run whose windows are the fake ones, for evaluation too."""
    monkeypatch.setattr(emg, "_loader", lambda *_, **__: FakeWindows)
    run(configure(tmp_path / "run", store=str(tmp_path / "store"), steps=6))
    return tmp_path / "run"


def test_reports_the_model_beside_every_baseline(trained: Path, tmp_path: Path, capsys: Any) -> None:
    assert main([str(trained), "--json", str(tmp_path / "scores" / "test.json")]) == 0
    result = json.loads((tmp_path / "scores" / "test.json").read_text())
    assert result["split"] == "test"
    assert result["mean_horizon_ms"] == pytest.approx(5.0)
    by = {(row["quantity"], row["activity"], row["component"]): row for row in result["scores"]}
    knee = by["angle", "walk", "knee flexion"]
    assert knee["persons"] == 3
    assert set(knee["rmse"]) == {
        "model", "no_change", "linear_extrapolation", "constant_acceleration", "linear_regression"
    }  # fmt: skip
    assert knee["rmse"]["constant_acceleration"]["mean"] < knee["rmse"]["no_change"]["mean"]
    assert set(by["torque", "all", "hip flexion"]["rmse"]) == {"model", "zero", "training_mean"}
    assert by["phase", "run", "cycle"]["rmse"]["model"]["mean"] <= 50
    printed = capsys.readouterr().out
    assert "5.0 ms" in printed
    assert "lookahead" in printed
    assert "at least" not in printed
    assert result["lookahead_known"] is True
    assert any("know nothing of the future" in note for note in result["notes"])
    assert any("none: made up" in note for note in result["notes"])
    assert result["calibration"] == "none: made up"


def test_what_is_unknown_of_the_future_is_said(trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(FakeWindows, "lookahead_known", False)
    for lookahead in (0.0, 0.25):
        monkeypatch.setattr(FakeWindows, "lookahead", lookahead)
        assert main([str(trained), "--json", str(trained / "scores.json")]) == 0
        result = json.loads((trained / "scores.json").read_text())
        assert result["lookahead_known"] is False
        notes = " ".join(result["notes"])
        assert "nothing of the future" not in notes
        assert "of the kinematics looks ahead is unknown" in notes
        assert f"{lookahead:.3f} s" in notes
        assert "no claim about control" in notes
        assert f"at least {lookahead:.3f} s" in " ".join(capsys.readouterr().out.split())


def test_scores_do_not_depend_on_how_often_they_are_asked_for(trained: Path) -> None:
    assert evaluate(trained) == evaluate(trained)


def test_nobody_in_the_split_is_a_clear_error(trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    class Nobody(FakeWindows):
        def __init__(self, _url: str, **options: Any) -> None:
            super().__init__("nobody", **options)

    monkeypatch.setattr(emg, "_loader", lambda *_, **__: Nobody)
    assert main([str(trained)]) == 2
    assert "nobody is in the split 'test'" in capsys.readouterr().err


def test_the_hop_grows_until_the_windows_fit(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hops = []

    class Counting(FakeWindows):
        def __init__(self, url: str, *, hop: int, **options: Any) -> None:
            hops.append(hop)
            super().__init__(url, **options)
            self.windows = 96 // hop

    monkeypatch.setattr(emg, "_loader", lambda *_, **__: Counting)
    assert evaluate(trained, max_windows=40)["hop"] == 3
    assert hops == [1, 3]
    for options in ({"hop": 0}, {"hop": -2}, {"max_windows": 0}):
        with pytest.raises(ConfigError, match=r"(hop|max_windows): found .*, expected 1 or more"):
            evaluate(trained, **options)


def test_a_folder_that_is_no_run_is_a_clear_error(tmp_path: Path, capsys: Any) -> None:
    assert main([str(tmp_path)]) == 2
    assert "expected a training run" in capsys.readouterr().err


def test_several_processes_do_not_score_shares(trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    @contextmanager
    def two_ranks(*_arguments: object, **_options: object) -> Iterator[distributed.Ranks]:
        yield distributed.Ranks(rank=0, world_size=2, device=torch.device("cpu"))

    monkeypatch.setattr(distributed, "start", two_ranks)
    assert main([str(trained)]) == 2
    assert "found 2 processes, expected one" in capsys.readouterr().err
