"""Loaders in worker processes for tests: real ones, and such that only believe to be in one."""

from __future__ import annotations

import copy
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader
from torch.utils.data._utils import worker as torch_worker

from biomech_xr.load import StrideWindows
from tests.load.stores import write_store

Batch = dict[str, torch.Tensor]
Key = tuple[int, int]
PATIENCE = 120
"""Seconds that a DataLoader waits for a batch: a hang is an error, a busy machine is not."""


def open_windows(root: Path | str, **options: Any) -> StrideWindows:
    return StrideWindows(root, **({"global_batch": 48, "window": 20, "remainder": "pad"} | options))


def keys(batch: Batch) -> list[Key]:
    """Return the windows of a batch, those of weight 0 left out."""
    real = batch["weight"] > 0
    return list(zip(batch["stride"][real].tolist(), batch["sample"][real].tolist(), strict=True))


def make_loader(
    windows: StrideWindows, workers: int, context: str = "forkserver", *, patience: int = PATIENCE
) -> DataLoader[Batch]:
    """Return a loader with worker processes; a fork server imports and compiles the loader once for all.

    A fork server has the environment of its own start, so workers get that of this process.
    """
    if context == "forkserver":
        multiprocessing.set_forkserver_preload(["tests.load.warm"])
    method = context if workers else None
    return DataLoader(
        windows,
        batch_size=None,
        num_workers=workers,
        multiprocessing_context=method,
        timeout=patience if workers else 0,
        worker_init_fn=partial(_adopt, dict(os.environ)),
    )


def _adopt(environment: dict[str, str], _worker: int) -> None:
    os.environ.update(environment)


def in_turn(windows: StrideWindows, workers: int) -> list[Batch]:
    """Return the batches of an epoch as a DataLoader hands them on, each worker simulated in this process."""
    if not workers:
        return list(copy.deepcopy(windows))
    made = []
    for worker in range(workers):
        own = copy.deepcopy(windows)
        with believed_worker(worker, workers, own):
            made.append(list(own))
    return [batch for batch in chain(*zip_longest(*made)) if batch is not None]


@contextmanager
def believed_worker(worker: int, workers: int, dataset: StrideWindows) -> Iterator[None]:
    """Make `get_worker_info` of this process answer as in a worker."""
    torch_worker._worker_info = torch_worker.WorkerInfo(id=worker, num_workers=workers, seed=0, dataset=dataset)
    try:
        yield
    finally:
        torch_worker._worker_info = None


def write_odd_stores(folder: Path) -> dict[str, Path]:
    """Write stores of sizes that nothing divides: one stride, several shards and sources, a last shard of one."""
    sizes = {
        "one": {"hu": {"a": 1}},
        "few": {"hu": {"a": 13, "b": 4}, "camargo": {"a": 3}},
        "more": {"hu": {"a": 70, "b": 59}, "camargo": {"a": 31}},
    }
    for name, sources in sizes.items():
        (folder / name).mkdir()
        for seed, (dataset, strides) in enumerate(sources.items()):
            write_store(folder / name, dataset, strides, seed=seed)
    return {name: folder / name for name in sizes}
