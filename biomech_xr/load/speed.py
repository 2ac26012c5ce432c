"""How fast a loader is here, what it waits for, and what follows from that."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from biomech_xr.errors import ConfigError
from biomech_xr.load.quality import MOST_RANKS, OrderQuality
from biomech_xr.load.stride_windows import StrideWindows
from biomech_xr.store.cache_room import Room
from biomech_xr.store.objects import local_path
from biomech_xr.store.remote import count_requests

MUCH_WAITING: Final = 0.2
LITTLE_WAITING: Final = 0.05
MUCH_READING: Final = 2.0
WORKERS_READING: Final = 1.5
"""Two workers that read so many times the bytes of one process are not advised: each decodes them again."""

_BUSY: Final = 0.85
_SIGNALS: Final = ("emg", "kinematics", "kinetics")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """One pass over some steps, by a consumer that does nothing with the batches.

    `start` is until the first batch, s; it is not part of `seconds`, in which `windows` of `size` bytes came. `waited`
    are seconds of these for which blocks were waited for, `processor` those of all cores. `requests` were sent and
    `fetched` bytes came over a network, the start included.
    """

    start: float
    seconds: float
    windows: int
    size: int
    waited: float
    processor: float
    requests: int
    fetched: int

    @property
    def rate(self) -> float:
        """Windows per second."""
        return self.windows / self.seconds

    @property
    def waiting(self) -> float:
        """Share of the time for which blocks were waited for."""
        return min(1.0, self.waited / self.seconds)

    @property
    def cores(self) -> float:
        """Cores that were busy on average."""
        return self.processor / self.seconds

    @property
    def per_million(self) -> float:
        """Processor seconds for a million windows."""
        return self.processor / self.windows * 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """What advice depends on besides the passes; `stored` bytes are read in an epoch, `limit` is that of the cache.

    `limit` is None without a cache; `cores` are those that this process may use.
    """

    elsewhere: bool
    stored: int
    limit: int | None
    cores: int
    world_size: int
    global_batch: int


def measure_pass(windows: StrideWindows, steps: int) -> Pass:
    """Iterate over the first steps of the epoch that a loader is in.

    Parameters
    ----------
    windows
        The loader.
    steps
        Steps that are timed, after a first one; fewer where the epoch ends.

    Raises
    ------
    ConfigError
        The epoch has less than two steps.
    LostDataError, StoreError
        As the loader.
    """
    if steps < 1 or windows.steps_per_epoch < 2:
        raise ConfigError(
            f"steps: found {steps} of an epoch of {windows.steps_per_epoch}, expected 1 or more of at least 2. "
            "Choose a smaller global batch."
        )
    with count_requests() as asked:
        begun = time.perf_counter()
        batches = iter(windows)
        next(batches)
        waited, used, started = windows.waited.seconds, time.process_time(), time.perf_counter()
        count = size = 0
        for _, batch in zip(range(steps), batches, strict=False):
            count += len(batch["weight"])
            size += sum(tensor.nbytes for tensor in batch.values())
            del batch
        seconds, processor = time.perf_counter() - started, time.process_time() - used
        waited = windows.waited.seconds - waited
        del batches
    return Pass(
        start=started - begun,
        seconds=seconds,
        windows=count,
        size=size,
        waited=waited,
        processor=processor,
        requests=asked.requests,
        fetched=asked.read,
    )


def is_filled(folder: str | None) -> bool:
    """Return whether a local cache holds anything yet, of whatever store; None stands for no cache."""
    root = Room("" if folder is None else os.fspath(Path(folder).expanduser().absolute()), 0).root
    return folder is not None and root.is_dir() and any(child.is_dir() for child in root.iterdir())


def place_of(windows: StrideWindows) -> Place:
    """Return where the data of a loader are, how much of them there is, and what reads them."""
    sources = windows.sources
    cache = sources[0].cache
    stored = 0
    for source in sources:
        objects = source.open().manifest["objects"]
        stored += sum(size for key, size in objects.items() if key.startswith(_SIGNALS) and "/c/" in key)
    return Place(
        elsewhere=any(local_path(source.folder) is None for source in sources),
        stored=stored,
        limit=None if cache is None else cache.limit,
        cores=len(os.sched_getaffinity(0)),
        world_size=windows.world_size,
        global_batch=windows.global_batch,
    )


def peak_memory() -> int:
    """Return the most memory that this process has had, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def advise(passes: Sequence[Pass], quality: OrderQuality, place: Place) -> list[str]:
    """Return what to do, each sentence with the number that it follows from.

    Parameters
    ----------
    passes
        The first one, and a second one where there is a cache.
    quality
        What `measure_order` found.
    place
        What `place_of` found.
    """
    last = passes[-1]
    said = [_on_waiting(passes, place)]
    if last.cores < _BUSY * (1 - last.waiting):
        said.append(
            f"measure again: this process got {last.cores:.1f} cores although it waited for {last.waiting:.0%} of the "
            "time only; other work took the rest"
        )
    else:
        said.append(_on_workers(last, place, quality.workers[2]))
    ranks = place.world_size
    factor = quality.amplification.get(ranks)
    if factor is None:
        said.append(f"global batch: what {ranks} ranks read together is not computed, only up to {MOST_RANKS} ranks")
    elif factor > MUCH_READING:
        said.append(
            f"global batch: {ranks} ranks read {factor:.1f} times the bytes of the strides that they use; a "
            f"larger global batch than {place.global_batch:,} per step, or fewer ranks, reads less"
        )
    people = quality.people.ratio
    if people > MUCH_READING:
        said.append(
            f"lanes: people in a step deviate {people:.1f} times as much as in a full shuffle; more lanes than "
            f"{quality.blocks:.0f} mix more people"
        )
    return said


def _on_waiting(passes: Sequence[Pass], place: Place) -> str:
    """Return what to do about the time for which blocks were waited for."""
    last, share = passes[-1], f"{passes[-1].waiting:.0%} of the time was waiting for blocks"
    room = f"{_size(place.stored)} of an epoch"
    if last.waiting <= MUCH_WAITING:
        end = "reading keeps up" if last.waiting <= LITTLE_WAITING else "reading nearly keeps up"
        more = "; for more, emg='int16' halves what is written, DeviceWindows cuts on the GPU"
        return f"reading: {share}; {end}{more if last.waiting <= LITTLE_WAITING else ''}"
    if place.elsewhere and place.limit is None:
        return f"cache: {share} over the network; cache=FOLDER on a fast disk with room for the {room} keeps them"
    if place.elsewhere and place.limit is not None and place.stored > place.limit:
        return f"cache: {share}; it holds {_size(place.limit)}, raise cache_gb to the {room}"
    if last.cores > _BUSY * place.cores:
        return (
            f"cores: {share} while {last.cores:.1f} of {place.cores} cores were busy; DeviceWindows leaves cutting to "
            "the GPU, more cores read faster"
        )
    return f"disk: {share} while only {last.cores:.1f} of {place.cores} cores were busy; a faster disk helps"


def _size(count: int) -> str:
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"


def _on_workers(last: Pass, place: Place, factor: float) -> str:
    """Return whether DataLoader workers would help; two of them read `factor` times the bytes of one process."""
    traffic, used = f"{last.size / last.seconds / 1e6:,.0f} MB/s", f"{last.cores:.1f} of {place.cores} cores"
    idle = place.cores >= 2 * max(1.0, last.cores)
    if idle and factor >= WORKERS_READING:
        return (
            f"workers: 0; {used} are used, but 2 workers would read and decode {factor:.1f} times the bytes, as each "
            f"needs nearly every block, and send {traffic}"
        )
    if idle and last.waiting <= LITTLE_WAITING:
        return (
            f"workers: one process gives {last.rate:,.0f} windows/s with {used}; if the model takes more, 2 workers "
            f"use the other cores; they read {factor:.1f} times the bytes and send {traffic} each between processes"
        )
    return f"workers: 0; {used} are used, and workers would have to send {traffic}"
