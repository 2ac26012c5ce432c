"""How fast a loader is here, what it waits for, and what follows from that."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from biomech_xr.errors import ConfigError
from biomech_xr.load.quality import MOST_RANKS, OrderQuality
from biomech_xr.load.ranks import check_steps
from biomech_xr.load.stride_windows import StrideWindows
from biomech_xr.store.cache_room import Room
from biomech_xr.store.objects import local_path
from biomech_xr.store.remote import count_requests

MUCH_WAITING: Final = 0.2
LITTLE_WAITING: Final = 0.05
MUCH_READING: Final = 2.0
WORKERS_READING: Final = 1.5
"""Two workers that read so many times the bytes of one process are not advised: each decodes them again."""

TURNS: Final = 2
"""How often each block that a step mixes is replaced while a pass is timed, where the epoch has so many blocks."""
SECONDS: Final = 60.0

_BUSY, _NEARLY_ALL = 0.85, 0.9
_SIGNALS: Final = ("emg", "kinematics", "kinetics")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """One pass over some steps, by a consumer that does nothing with the batches.

    It begins at the step `first` of the epoch, whose batch needs the `mixed` blocks that a step mixes. `start` is until
    that batch, s; it is not part of `seconds`, in which `steps` more came, of `windows` and `size` bytes. `blocks` are
    those that these needed for the first time. `waited` are seconds for which blocks were waited for, `processor` those
    of all cores. `requests` were sent and `fetched` bytes came over a network, the start included.
    """

    first: int
    mixed: int
    steps: int
    blocks: int
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
    def reads(self) -> bool:
        """Whether reading was measured: every block that a step mixes was replaced, or blocks were waited for."""
        return self.blocks >= self.mixed or self.waiting > MUCH_WAITING

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


def measure_pass(windows: StrideWindows, steps: int, *, seconds: float = SECONDS, again: Pass | None = None) -> Pass:
    """Iterate over steps in the middle of the epoch that a loader is in, where blocks are read while others are used.

    The first batch of a pass needs a block of every lane and is not timed; for hundreds of steps after it no further
    block may be needed. So what is timed goes on until each of them was replaced `TURNS` times, or no further block
    comes. Epochs of few blocks are timed from their first step.

    Parameters
    ----------
    windows
        The loader.
    steps
        Steps that are timed at least, after a first one; fewer where the epoch is shorter.
    seconds
        After so many no step is begun beyond these.
    again
        A pass whose very steps are timed, and no more.

    Raises
    ------
    ConfigError
        The epoch has less than two steps.
    LostDataError, StoreError
        As the loader.
    """
    check_steps(windows.steps_per_epoch, windows.facts)
    if steps < 1 or windows.steps_per_epoch < 2:
        raise ConfigError(
            f"steps: found {steps} of an epoch of {windows.steps_per_epoch}, expected 1 or more of at least 2. "
            "Choose a smaller global batch."
        )
    first, needed = _plan(windows, steps) if again is None else _needed(windows, again.first, again.steps)
    windows.load_state_dict(windows.state_dict(steps=first))
    with count_requests() as asked:
        begun = time.perf_counter()
        batches = iter(windows)
        next(batches)
        waited, used, started = windows.waited.seconds, time.process_time(), time.perf_counter()
        done = count = size = 0
        for _, batch in zip(needed[1:], batches, strict=False):
            count += len(batch["weight"])
            size += sum(tensor.nbytes for tensor in batch.values())
            del batch
            done += 1
            if done >= steps and again is None and time.perf_counter() - started > seconds:
                break
        spent, processor = time.perf_counter() - started, time.process_time() - used
        waited = windows.waited.seconds - waited
        del batches
    return Pass(
        first=first,
        mixed=needed[0],
        steps=done,
        blocks=sum(needed[1 : done + 1]),
        start=started - begun,
        seconds=spent,
        windows=count,
        size=size,
        waited=waited,
        processor=processor,
        requests=asked.requests,
        fetched=asked.read,
    )


def _plan(windows: StrideWindows, steps: int) -> tuple[int, list[int]]:
    """Return the step at which a pass begins, and the new blocks of each of its steps."""
    order = windows._order()
    mixed = np.unique(order.share(0).block).size
    late = order.steps // 2 if np.count_nonzero(order.counts) >= 2 * TURNS * mixed else 0
    first = max(0, min(late, order.steps - steps - 1))
    return _needed(windows, first, steps, turns=TURNS)


def _needed(windows: StrideWindows, first: int, steps: int, *, turns: int = 0) -> tuple[int, list[int]]:
    """Return the first step and how many blocks it, and each of ``steps`` more, needs that no step before it needed.

    With ``turns`` it goes on until all blocks of the first step could be replaced so often, or no new one comes.
    """
    order = windows._order()
    seen: set[int] = set()
    needed: list[int] = []
    last = 0
    for step in range(first, order.steps):
        blocks = set(np.unique(order.share(step, rank=windows.rank, world_size=windows.world_size).block).tolist())
        needed.append(len(blocks - seen))
        seen |= blocks
        last = len(needed) if needed[-1] else last
        if len(needed) > steps and len(seen) >= (1 + turns) * needed[0]:
            break
    return first, needed[: max(last, steps + 1)]


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
    people = quality.people
    if people.ratio > MUCH_READING and people.mean < _NEARLY_ALL * people.full:
        said.append(
            f"lanes: people in a step deviate {people.ratio:.1f} times as much as in a full shuffle; more lanes than "
            f"{quality.blocks:.0f} mix more people"
        )
    return said


def _on_waiting(passes: Sequence[Pass], place: Place) -> str:
    """Return what to do about the time for which blocks were waited for."""
    last, share = passes[-1], f"{passes[-1].waiting:.0%} of the time was waiting for blocks"
    room = f"{_size(place.stored)} of an epoch"
    if not last.reads:
        return (
            f"reading: not measured; {last.steps:,} steps needed {last.blocks} blocks beyond the {last.mixed} that a "
            "step mixes, fewer than these. Time more steps, or a larger store: one of so few blocks is read at once, "
            "before the first batch"
        )
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
    if idle and last.reads and last.waiting <= LITTLE_WAITING:
        return (
            f"workers: one process gives {last.rate:,.0f} windows/s with {used}; if the model takes more, 2 workers "
            f"use the other cores; they read {factor:.1f} times the bytes and send {traffic} each between processes"
        )
    return f"workers: 0; {used} are used, and workers would have to send {traffic}"
