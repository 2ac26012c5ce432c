"""Which process this is: its rank, whether a loader can work here, and whether it can go on from a state."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from biomech_xr.errors import BiomechXRError, ConfigError
from biomech_xr.load import description


class LoaderProcessError(BiomechXRError, RuntimeError):
    """A loader is iterated in a process in which it cannot work."""


def find_rank(rank: int | None, world_size: int | None, global_batch: int) -> tuple[int, int]:
    """Return rank and world size, from the environment (RANK, WORLD_SIZE) where they are not given.

    Raises
    ------
    ConfigError
        The rank is outside the world, or the world does not divide the global batch.
    """
    world = int(os.environ.get("WORLD_SIZE", "1")) if world_size is None else world_size
    own = (int(os.environ.get("RANK", "0")) if world_size is None else 0) if rank is None else rank
    if world < 1 or not 0 <= own < world:
        raise ConfigError(f"rank {own} of world_size {world}: expected 0 <= rank < world_size.")
    if global_batch < 1 or global_batch % world:
        raise ConfigError(f"global_batch: found {global_batch}, expected a positive multiple of world_size={world}.")
    return own, world


def check_process(name: str, opened_by: int) -> None:
    """Raise `LoaderProcessError` in a forked process."""
    if os.getpid() != opened_by:
        raise LoaderProcessError(
            f"{name} was inherited by a forked process, where object stores hang. Give the DataLoader "
            'multiprocessing_context="spawn" (or "forkserver"), or use num_workers=0: reading ahead is a thread.'
        )


def own_steps(start: int, steps: int, *, worker: int = 0, workers: int = 1) -> range:
    """Return the steps that one of some workers makes: a DataLoader asks them for batches in turn."""
    return range(start + worker, steps, workers)


def check_steps(steps: int, facts: Callable[[], description.Facts]) -> None:
    """Raise `ConfigError` where an epoch has no step, and say where its windows went."""
    if steps:
        return
    own = facts()
    gone = ", ".join(f"{reason} {count:,}" for reason, count in description.lost(own.indexes).items() if count)
    windows = sum(index.total for index in own.indexes)
    raise ConfigError(
        f"windows of {own.title}: found {windows:,}, expected at least global_batch={own.global_batch:,} (or one, with "
        f"remainder='pad'); lost: {gone or 'none'}. Choose another split, other filters, or options that lose less."
    )


def check_state(own: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Raise `ConfigError` when a state is of another seed, global batch, store, mixing or number of windows."""
    other = [
        f"{name}: found {state.get(name)}, expected {own.get(name)}"
        for name in ("seed", "global_batch", "windows", "data", "mixing")
        if state.get(name) != own.get(name)
    ]
    other += [f"{name}: found None, expected a number" for name in ("epoch", "step", "lanes") if name not in state]
    if other:
        raise ConfigError(f"loader state: {'; '.join(other)}. Resume with the data and options of the saved run.")
