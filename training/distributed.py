"""Ranks: start, stop and the few collective operations that training needs; one process works without torchrun."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import torch
import torch.distributed as dist

from biomech_xr.errors import ConfigError

TIMEOUT = timedelta(seconds=60)
"""A rank that waits longer than this for another gives up, so that torchrun can restart all of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranks:
    """One process among all: `rank` of `world_size`, and the device it computes on."""

    rank: int
    world_size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """True on the one rank that writes files and logs."""
        return self.rank == 0


@contextmanager
def start(device: Literal["auto", "cpu", "cuda"], *, threads: int) -> Iterator[Ranks]:
    """Join the other ranks (environment of torchrun) and leave them at the end.

    Parameters
    ----------
    device
        `auto` takes CUDA where there is one; then tensors there are summed by nccl, all others by gloo.
    threads
        CPU threads of this rank; set before any work, because more threads than cores slow every rank down.

    Raises
    ------
    ConfigError
        CUDA was asked for and there is none.
    """
    cuda = torch.cuda.is_available()
    if device == "cuda" and not cuda:
        raise ConfigError("device: found no CUDA device, expected one. Set device=cpu.")
    use_cuda = cuda and device != "cpu"
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS is not deterministic
    torch.use_deterministic_algorithms(mode=True, warn_only=use_cuda)
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if use_cuda:
        torch.cuda.set_device(local)
    chosen = torch.device("cuda", local) if use_cuda else torch.device("cpu")
    if "WORLD_SIZE" not in os.environ:
        yield Ranks(rank=0, world_size=1, device=chosen)
        return
    # Statistics are summed on the CPU, gradients where the model is.
    dist.init_process_group("cpu:gloo,cuda:nccl" if use_cuda else "gloo", timeout=TIMEOUT)
    try:
        yield Ranks(rank=dist.get_rank(), world_size=dist.get_world_size(), device=chosen)
    finally:
        dist.destroy_process_group()


def world_size() -> int:
    """Return the number of ranks; 1 without a process group."""
    return dist.get_world_size() if dist.is_initialized() else 1


def total(values: torch.Tensor) -> torch.Tensor:
    """Return the sum of ``values`` over all ranks, float64, any shape, detached; the same on every rank."""
    summed = values.detach().to(torch.float64)
    if world_size() > 1:
        summed = summed.clone()
        dist.all_reduce(summed)
    return summed


def any_rank(flag: bool, *, device: torch.device) -> bool:  # noqa: FBT001 - reads as a sentence
    """Return whether ``flag`` is true on any rank, so that all ranks take the same branch."""
    if world_size() == 1:
        return flag
    return bool(total(torch.tensor(float(flag), device=device)) > 0)
