"""How good an order is: whom a step mixes beside a full shuffle, and how much is read for it; no signal is read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from biomech_xr.errors import ConfigError
from biomech_xr.load.parts.sources import Floats, Ints, Source
from biomech_xr.load.stride_windows import StrideWindows
from biomech_xr.window.order import EpochOrder, Share

WORLD_SIZES: Final = (1, 2, 4, 8)
WORKERS: Final = (2, 4)
MOST_RANKS: Final = 64
"""Of more ranks it is not computed what they read: it takes as many looks at every step."""

_READ: Final = ("emg", "kinematics", "kinematics_before", "kinematics_after", "kinetics", "kinetics_after")


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """How many different people (activities, strides) the windows of a step have.

    `total` are in the epoch, `mean` in a step, and `full` is expected in a step of a full shuffle. `ratio` is how many
    times the squared deviation of a step's shares from the epoch's is that of a full shuffle, on average (a reduced
    chi-square); a step of B windows represents the epoch as well as B / ratio windows drawn at random. It is NaN where
    `total` is 1.
    """

    total: int
    mean: float
    full: float
    ratio: float

    def line(self, name: str, batch: int) -> str:
        """Return this as text."""
        text = f"{name}: {self.mean:.1f} of {self.total:,} in a step, {self.full:.1f} in a full shuffle"
        if math.isnan(self.ratio):
            return text
        return f"{text}; as good as {min(batch / max(self.ratio, 1e-9), batch):,.0f} drawn at random"


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderQuality:
    """What `measure_order` found.

    `amplification` is, by number of ranks, bytes of blocks that all ranks read over bytes of the strides that are used:
    for 1, 2, 4 and 8 ranks and those of the loader, up to 64, that divide the global batch; `workers` is, by number of
    DataLoader workers of the first of the loader's ranks, bytes of blocks that they read over those of one process;
    `reading` is bytes of blocks that one process reads in an epoch over those of all blocks with windows: more than 1
    where mixing draws them often. `blocks` is how many blocks a step mixes, `repeated` the share of windows that a step
    holds twice.
    """

    steps: int
    global_batch: int
    people: Spread
    activities: Spread
    strides: Spread
    blocks: float
    repeated: float
    reading: float
    amplification: Mapping[int, float]
    workers: Mapping[int, float]

    def lines(self) -> list[str]:
        """Return this as lines of text."""
        return [
            f"order of {self.steps} steps of {self.global_batch:,} windows, {self.blocks:.1f} blocks in a step",
            self.people.line("people", self.global_batch),
            self.activities.line("activities", self.global_batch),
            self.strides.line("strides", self.global_batch),
            f"the same window twice in a step: {self.repeated:.2%}",
            f"bytes that all ranks read over those of the strides used, by ranks: {_by(self.amplification)}; "
            f"DataLoader workers of a rank over one process, by workers: {_by(self.workers)}",
            f"bytes that an epoch reads over those of all blocks: {self.reading:.2f}",
        ]


def _by(factors: Mapping[int, float]) -> str:
    return ", ".join(f"{count}: {factor:.2f}" for count, factor in factors.items())


def measure_order(windows: StrideWindows, steps: int = 50) -> OrderQuality:
    """Return the quality of the order of the epoch that the loader is in.

    Parameters
    ----------
    windows
        The loader.
    steps
        How many steps are looked at: spread over the epoch for what they mix, the first ones for what they read.

    Raises
    ------
    ConfigError
        Less than one step is asked for, or the epoch has none.
    """
    order = windows._order()
    if steps < 1 or not order.steps:
        raise ConfigError(f"order: found {steps} steps of an epoch of {order.steps}, expected 1 or more.")
    spread = np.unique(np.linspace(0, order.steps - 1, min(steps, order.steps)).astype(int)).tolist()
    places = _Places(windows)
    person = np.concatenate([source.person for source in windows.sources])
    activity = np.concatenate([source.activity for source in windows.sources])
    shares = [order.share(step) for step in spread]
    found = [places.windows(order, share) for share in shares]
    strides = [places.strides(own) for own in found]
    drawn = windows._epochs.drawn(order)
    return OrderQuality(
        steps=len(spread),
        global_batch=windows.global_batch,
        people=_spread([person[rows] for rows in strides], person, drawn),
        activities=_spread([activity[rows] for rows in strides], activity, drawn),
        strides=_spread(strides, np.arange(len(drawn)), drawn),
        blocks=float(np.mean([np.unique(share.block).size for share in shares])),
        repeated=float(np.mean([1 - np.unique(own).size / own.size for own in found])),
        reading=places.reading(order),
        amplification=_amplification(order, places, min(steps, order.steps), windows.world_size),
        workers=_of_workers(order, places, min(steps, order.steps), windows.world_size),
    )


class _Places:
    """Where the windows of shares are: numbered over all strides, whatever is drawn."""

    def __init__(self, windows: StrideWindows) -> None:
        count = np.concatenate([source.index.count for source in windows.sources])
        self._starts: Ints = np.concatenate([[0], np.cumsum(count)])
        self._rows = [
            (windows.sources[part].first_row + row, windows.sources[part]) for part, row in windows._epochs.stored
        ]
        self._blocks: Ints = self._starts[[row for row, _ in self._rows]]
        each = [_bytes_of_stride(source) for source in windows.sources]
        self.bytes: Floats = np.repeat(each, [len(source.duration) for source in windows.sources])

    def windows(self, order: EpochOrder, share: Share) -> Ints:
        """Return the number of every real window of a share."""
        real = share.weight > 0
        stored = np.array([order.stored(block) for block in share.block[real].tolist()])
        found: Ints = self._blocks[stored] + share.offset[real]
        return found

    def strides(self, windows: Ints) -> Ints:
        """Return the stride of every window."""
        return np.searchsorted(self._starts, windows, side="right") - 1

    def block_bytes(self, stored: int) -> float:
        """Return the bytes of a block."""
        row, source = self._rows[stored]
        return float(self.bytes[row : min(row + source.chunk, source.first_row + len(source.duration))].sum())

    def bytes_of(self, order: EpochOrder, blocks: set[int]) -> float:
        """Return the bytes of some blocks of an epoch."""
        return sum(self.block_bytes(order.stored(block)) for block in blocks)

    def reading(self, order: EpochOrder) -> float:
        """Return the bytes of blocks that an epoch reads over those of all blocks with windows."""
        read = sum(self.block_bytes(order.stored(number)) for number in np.flatnonzero(order.counts).tolist())
        windows = np.diff(self._starts[[*(row for row, _ in self._rows), -1]])
        return read / sum(self.block_bytes(number) for number in np.flatnonzero(windows).tolist())


def _bytes_of_stride(source: Source) -> int:
    """Return the bytes of a stride that the loader reads, decoded."""
    variables = source.open().variables
    sizes = {name: math.prod(variables[name][1][1:]) for name in _READ if name in variables}
    return sum(size * (2 if name == "emg" else 4) for name, size in sizes.items())


def _spread(steps: Sequence[Ints], codes: Ints, drawn: Ints) -> Spread:
    """Return how the codes of the windows of steps compare with those of all strides, drawn so often."""
    weights = np.bincount(codes, drawn)
    kinds = np.flatnonzero(weights)
    share = weights[kinds] / weights.sum()
    counts = [np.bincount(step, minlength=weights.size)[kinds] for step in steps]
    sizes = [step.size for step in steps]
    ratio = math.nan
    if kinds.size > 1:
        deviations = [((n - size * share) ** 2 / (size * share)).sum() for n, size in zip(counts, sizes, strict=True)]
        ratio = float(np.mean(deviations) / (kinds.size - 1))
    return Spread(
        total=kinds.size,
        mean=float(np.mean([np.count_nonzero(n) for n in counts])),
        full=float(np.mean([(1 - (1 - share) ** size).sum() for size in sizes])),
        ratio=ratio,
    )


def _amplification(order: EpochOrder, places: _Places, steps: int, world_size: int) -> dict[int, float]:
    """Return bytes that all ranks read over bytes of the strides used in the first steps, by number of ranks."""
    used: set[tuple[int, int]] = set()
    for step in range(steps):
        share = order.share(step)
        strides = places.strides(places.windows(order, share))
        used.update(zip(share.block[share.weight > 0].tolist(), strides.tolist(), strict=True))
    needed = sum(float(places.bytes[stride]) for _, stride in used)
    found = {}
    for size in sorted({*WORLD_SIZES, world_size}):
        if order.global_batch % size == 0 and size <= MOST_RANKS:
            read = 0.0
            for rank in range(size):
                shares = (order.share(step, rank=rank, world_size=size) for step in range(steps))
                read += places.bytes_of(order, {block for share in shares for block in share.block.tolist()})
            found[size] = read / needed
    return found


def _of_workers(order: EpochOrder, places: _Places, steps: int, world_size: int) -> dict[int, float]:
    """Return bytes that workers of the first rank read in the first steps over those of one process, by their number.

    Worker w of W makes the steps w, w + W, ..., and has no block from the others.
    """
    shares = [order.share(step, rank=0, world_size=world_size) for step in range(steps)]
    needed = [set(share.block.tolist()) for share in shares]
    alone = places.bytes_of(order, set().union(*needed))
    found = {}
    for count in WORKERS:
        own = (set().union(*needed[worker::count]) for worker in range(count))
        found[count] = sum(places.bytes_of(order, blocks) for blocks in own) / alone
    return found
