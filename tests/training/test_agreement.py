"""Ranks that would read different windows do not begin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from biomech_xr.errors import ConfigError
from tests.training.fake_windows import FakeWindows
from training import distributed, run
from training.config import TrainConfig
from training.distributed import Ranks

RANKS = Ranks(rank=0, world_size=2, device=torch.device("cpu"))


class Indexed(FakeWindows):
    """Windows that say which ones they are."""

    index = "one"

    def state_dict(self, *, steps: int | None = None) -> dict[str, Any]:
        return {**super().state_dict(steps=steps), "index": self.index}


def begin(monkeypatch: pytest.MonkeyPatch, *ranks: tuple[int, TrainConfig, Indexed]) -> None:
    """Let two ranks agree, one after the other: the first one's values are known when the second one sums."""
    said: list[torch.Tensor] = []
    monkeypatch.setattr(distributed, "any_rank", lambda flag, **_: flag)
    monkeypatch.setattr(
        distributed, "total", lambda values: (said.append(values.clone()), RANKS.world_size * values)[1]
    )
    run._check_agreement(*ranks[0], RANKS)
    monkeypatch.setattr(distributed, "total", lambda values: values + said[0])
    run._check_agreement(*ranks[1], RANKS)


def test_ranks_agree_on_checkpoint_version_and_windows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = TrainConfig(store="s", out=str(tmp_path), version=1, version_digest="abc")
    newer = config.model_copy(update={"version": 2, "version_digest": "abd"})
    options = {"split": "train", "window": 20, "global_batch": 8, "seed": 0, "rank": 0, "world_size": 1}
    one, same, other = (Indexed("s", **options) for _ in range(3))
    other.index = "two"
    begin(monkeypatch, (3, config, one), (3, config, same))
    with pytest.raises(ConfigError, match="different checkpoints"):
        begin(monkeypatch, (3, config, one), (4, config, same))
    for second in ((3, newer, same), (3, config, other)):
        with pytest.raises(ConfigError, match=r"do not read the same windows: this one has version [12] .*version="):
            begin(monkeypatch, (3, config, one), second)
