"""A small problem in memory with the batches of `StrideWindows`: parabolic joint motion that EMG bends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

JOINTS, STATE, SPACING = 9, 27, 0.005


def make_batch(count: int, *, window: int = 32, seed: int = 0, holes: bool = True) -> dict[str, torch.Tensor]:
    """Return windows of three people and two activities; the angle one sample ahead depends on state and EMG."""
    g = torch.Generator().manual_seed(seed)
    emg = torch.rand(count, 13, window, generator=g)
    drive = emg[:, :9].mean(dim=2) - 0.5
    scale = torch.tensor([20.0] * 9 + [100.0] * 9 + [800.0] * 9)
    state = scale * torch.randn(count, STATE, generator=g)
    angle, velocity, acceleration = state.chunk(3, dim=1)
    later = angle + SPACING * velocity + SPACING**2 * acceleration + 5 * drive
    target = torch.cat([later, velocity + SPACING * acceleration, acceleration], dim=1)
    torque = -0.02 * angle + 2 * drive
    phase = torch.rand(count, generator=g)
    turn = 2 * torch.pi * (phase + 0.005)
    batch = {
        "emg": emg,
        "emg_mask": torch.ones(count, 13, dtype=torch.bool),
        "kinematic_state": state,
        "kinematic_state_mask": torch.ones(count, STATE, dtype=torch.bool),
        "phase": phase,
        "target_kinematic_state": target,
        "target_kinematic_state_mask": torch.ones(count, STATE, dtype=torch.bool),
        "target_phase": torch.stack([turn.sin(), turn.cos()], dim=1),
        "target_phase_mask": torch.ones(count, dtype=torch.bool),
        "target_torque": torque,
        "target_torque_mask": torch.ones(count, JOINTS, dtype=torch.bool),
        "horizon": torch.full((count,), SPACING),
        "state_age": torch.zeros(count),
        "spacing": torch.full((count,), SPACING),
        "weight": torch.ones(count),
        "dataset": torch.zeros(count, dtype=torch.int64),
        "activity": torch.arange(count) % 2,
        "person": torch.arange(count) % 3,
        "stride": torch.arange(count),
        "sample": torch.zeros(count, dtype=torch.int64),
    }
    return _with_holes(batch) if holes else batch


def _with_holes(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Hide some values: a muscle, a joint component of every third window, all torques of every fourth window."""
    batch["emg_mask"][::2, 4] = False
    for order in range(3):
        batch["kinematic_state_mask"][::3, order * 9 + 1] = False
        batch["target_kinematic_state_mask"][::3, order * 9 + 1] = False
    batch["target_torque_mask"][::4] = False
    for name in ("emg", "kinematic_state", "target_kinematic_state", "target_torque"):
        mask = batch[f"{name}_mask"]
        hidden = ~(mask[:, :, None].expand_as(batch[name]) if batch[name].ndim == 3 else mask)
        batch[name][hidden] = 0.0
    return batch


class FakeWindows:
    """The methods of `StrideWindows` over `make_batch`; `after_batch(count)` may interrupt the run."""

    datasets: tuple[str, ...] = ("fake",)
    activities: tuple[str, ...] = ("walk", "run")
    persons: tuple[str, ...] = ("fake-1", "fake-2", "fake-3")
    lookahead = 0.0
    lookahead_known = True
    calibration = "none: made up"
    total = 96

    def __init__(
        self,
        url: str,
        *,
        split: str,
        window: int,
        global_batch: int,
        seed: int,
        rank: int,
        world_size: int,
        after_batch: Callable[[int], None] | None = None,
        **_options: Any,
    ) -> None:
        count = 0 if url == "nobody" and split != "train" else self.total
        self._data = make_batch(max(count, 1), window=window, seed={"train": 1, "validation": 2, "test": 3}[split])
        self._seed, self._rank, self._share = seed, rank, global_batch // world_size
        self._global, self._after, self._epoch, self._done = global_batch, after_batch, 0, 0
        self.windows = count
        self.steps_per_epoch = count // global_batch

    def set_epoch(self, epoch: int) -> None:
        self._epoch, self._done = epoch, 0

    def state_dict(self, *, steps: int | None = None) -> dict[str, Any]:
        return {"epoch": self._epoch, "step": self._done if steps is None else steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._epoch, self._done = state["epoch"], state["step"]

    def describe(self) -> str:
        return "made-up windows"

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        generator = torch.Generator().manual_seed(1000 * self._seed + self._epoch)
        order = torch.randperm(self.total, generator=generator)
        while self._done < self.steps_per_epoch:
            start = self._done * self._global + self._rank * self._share
            self._done += 1
            rows = order[start : start + self._share]
            yield {name: value[rows].clone() for name, value in self._data.items()}
            if self._after:
                self._after(self._done)
