"""Which process this is: its rank, and whether a loader can work here."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from biomech_xr.errors import BiomechXRError, ConfigError
from biomech_xr.load import description
from biomech_xr.load.checks import whole_numbers


class LoaderProcessError(BiomechXRError, RuntimeError):
    """A loader is iterated in a process in which it cannot work."""


def find_rank(rank: int | None, world_size: int | None, global_batch: int) -> tuple[int, int]:
    """Return rank and world size, each from the environment (RANK, WORLD_SIZE) where it is not given.

    Raises
    ------
    ConfigError
        The rank is not known or outside the world, or the world does not divide the global batch.
    """
    world = _environment("WORLD_SIZE", 1) if world_size is None else world_size
    own = _environment("RANK", 0 if world == 1 else None) if rank is None else rank
    if own is None:
        raise ConfigError(
            f"rank: found neither rank= nor RANK in the environment, expected which of the {world} ranks this process "
            "is. Without it every rank would read the windows of the first one. Give rank=."
        )
    own, world = whole_numbers(rank=own, world_size=world)
    if own >= world:
        where = " (RANK in the environment)" if rank is None else ""
        raise ConfigError(f"rank {own}{where} of world_size {world}: expected 0 <= rank < world_size.")
    if global_batch < 1 or global_batch % world:
        raise ConfigError(f"global_batch: found {global_batch}, expected a positive multiple of world_size={world}.")
    return own, world


def _environment(name: str, default: int | None) -> Any:
    """Return a number of the environment; text that is none is returned as it is."""
    value = os.environ.get(name)
    return default if value is None else int(value) if value.isdecimal() else value


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
