"""Training configurations: strict, and every shipped one loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from biomech_xr.errors import ConfigError
from training.config import TrainConfig
from training.train import main

AUGMENT = {"augment": [{"kind": "time_jitter", "ms": 5.0}]}
CONFIGS = sorted((Path(__file__).parents[2] / "training" / "configs").glob("*.yaml"))


def test_some_configurations_are_shipped() -> None:
    assert {"smoke.yaml", "emg_demo.yaml"} <= {file.name for file in CONFIGS}


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_every_shipped_configuration_loads(file: Path) -> None:
    config = TrainConfig.load(file)
    assert config.phase == "none", "headline scores are without the phase"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rat": 0.1}, "did you mean 'learning_rate'"),
        ({"model": {"featurs": 8}}, "did you mean 'features'"),
        ({"steps": 0}, "greater than or equal to 1"),
        ({"horizon": {"samples": 1, "ms": 50}}, "either samples or ms"),
        ({"horizon": {}}, "either samples or ms"),
        ({"model": {"features": 20, "heads": 3}}, "multiple of twice heads"),
        ({"phase": "oracel"}, "oracle"),
        (
            {"augment": [{"kind": "nois", "sd": 1.0}]},
            "found 'nois'; did you mean 'noise'.*channel_dropout, amplitude_scale, noise, time_jitter",
        ),
        ({"augment": [{"kind": "noise", "sdd": 1.0}]}, "did you mean 'sd'"),
        ({"augment": [{"kind": "noise", "sd": 0.0}]}, "greater than 0"),
        ({"augment": [{"kind": "amplitude_scale", "low": 2.0, "high": 1.0}]}, "must not be above high"),
    ],
)
def test_a_wrong_configuration_is_a_clear_error(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainConfig.of({"store": "s", "out": "o", **values})


def test_hash_ignores_bookkeeping_and_nothing_else() -> None:
    base = TrainConfig.of({"store": "s", "out": "o"})
    same = TrainConfig.of({"store": "s", "out": "p", "log_every": 5, "max_minutes": 3, "checkpoint_every": 7})
    assert base.identity() == same.identity()
    changes = ({"seed": 1}, {"store": "t"}, {"steps": 5}, {"model": {"dropout": 0.0}}, {"phase": "oracle"}, AUGMENT)
    changes += ({"leave_out": "hu"},)
    for change in changes:
        assert TrainConfig.of({"store": "s", "out": "o", **change}).identity() != base.identity()


def test_command_line_reports_one_error_and_a_code(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("store: s\nout: o\n")
    assert main([str(file), "stepz=3"]) == 2
    assert "did you mean 'steps'" in capsys.readouterr().err
    assert main([str(tmp_path / "none.yaml")]) == 2
    assert "no such configuration file" in capsys.readouterr().err
