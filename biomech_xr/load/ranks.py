"""Which process this is: its rank, and whether a loader can work here."""

from __future__ import annotations

import os

from biomech_xr.errors import BiomechXRError, ConfigError


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
