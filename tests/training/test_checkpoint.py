"""Checkpoints: round trip, what is kept, corruption, another configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from biomech_xr.errors import ConfigError, NotAStoreError
from training import checkpoint
from training.run import read_config


def state(value: float) -> dict[str, Any]:
    return {
        "model": {"weight": torch.full((64,), float(value))},
        "step": int(value),
        "windows": json.dumps({"epoch": 1}),
    }


def save(folder: Path, step: int, validation: float | None = None) -> Path:
    return checkpoint.save(folder, state(step), step=step, config_hash="abc", validation=validation)


def steps(folder: Path) -> list[int]:
    return [entry.step for entry in checkpoint.entries(folder)]


def test_round_trip(tmp_path: Path) -> None:
    save(tmp_path, 10, 0.5)
    found, entry = checkpoint.load(tmp_path, config_hash="abc")
    torch.testing.assert_close(found["model"]["weight"], torch.full((64,), 10.0), rtol=0, atol=0)
    assert (found["step"], entry.validation) == (10, 0.5)


def test_keeps_the_last_two_and_the_best(tmp_path: Path) -> None:
    for step, validation in ((10, 0.5), (20, 0.1), (30, 0.4), (40, 0.3), (50, None)):
        save(tmp_path, step, validation)
    assert steps(tmp_path) == [20, 40, 50]
    assert sorted(file.stem for file in tmp_path.glob("*.pt")) == ["step-00000020", "step-00000040", "step-00000050"]
    assert checkpoint.load(tmp_path, config_hash="abc", which="best")[1].step == 20
    assert checkpoint.load(tmp_path, config_hash="abc")[1].step == 50


@pytest.mark.parametrize("damage", ["truncated", "flipped", "gone", "no_entry"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path: Path, damage: str) -> None:
    save(tmp_path, 10)
    file = save(tmp_path, 20)
    data = file.read_bytes()
    if damage == "truncated":
        file.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        file.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    elif damage == "gone":
        file.unlink()
    else:
        file.with_suffix(".json").write_text('{"step": 2')
    assert checkpoint.load(tmp_path, config_hash="abc")[0]["step"] == 10


def test_when_all_are_damaged_the_error_names_them(tmp_path: Path) -> None:
    for step in (10, 20):
        save(tmp_path, step).write_bytes(b"")
    with pytest.raises(checkpoint.CheckpointError, match=r"step-00000020\.pt: found 0 bytes.*step-00000010\.pt"):
        checkpoint.load(tmp_path, config_hash="abc")


def test_another_configuration_and_no_checkpoint_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(NotAStoreError, match="no checkpoint"):
        checkpoint.load(tmp_path, config_hash="abc")
    save(tmp_path, 10)
    with pytest.raises(ConfigError, match=r"found abc.*expected xyz"):
        checkpoint.load(tmp_path, config_hash="xyz")


def test_the_format_is_looked_at_before_anything_else(tmp_path: Path) -> None:
    save(tmp_path, 10).write_bytes(b"")
    file = save(tmp_path, 20)
    for values, found in (
        ({"format": 5, "new": 1}, "found 5"),
        ({"format": 3}, "found 3"),
        ({"step": 20}, "found 1 or 2"),
    ):
        file.with_suffix(".json").write_text(json.dumps(values))
        for config in ("abc", "xyz"):
            with pytest.raises(
                checkpoint.CheckpointError, match=f"{found}; expected 4. Another version of this package"
            ):
                checkpoint.load(tmp_path, config_hash=config)


def test_a_run_of_an_earlier_version_is_named_before_its_settings_are_read(tmp_path: Path) -> None:
    save(tmp_path / "checkpoints", 10).with_suffix(".json").write_text('{"step": 10}')
    (tmp_path / "config.yaml").write_text("store: s\nout: o\nfield_of_old: 1\n")
    with pytest.raises(checkpoint.CheckpointError, match="found 1 or 2; expected 4"):
        read_config(tmp_path)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    file = checkpoint.save(tmp_path, {"path": Path("x")}, step=1, config_hash="abc", validation=None)
    assert file.exists()
    with pytest.raises(checkpoint.CheckpointError, match="more than tensors"):
        checkpoint.load(tmp_path, config_hash="abc")


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    (tmp_path / ".step-00000005.pt.99.tmp").write_bytes(b"half")
    save(tmp_path, 10)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["step-00000010.json", "step-00000010.pt"]
