"""The epochs of a loader: which windows are in each of them, in which order, read out of which blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from biomech_xr.errors import ConfigError
from biomech_xr.load.parts.sources import Source, blocks_of
from biomech_xr.load.states import check_state
from biomech_xr.schema import HISTORY
from biomech_xr.window.draw import Drawing, MixedOrder
from biomech_xr.window.index import emg_end
from biomech_xr.window.lanes import LANES, LaneOrder
from biomech_xr.window.mixing import Mixing
from biomech_xr.window.order import EpochOrder, Ints


class Epochs:
    """All epochs of a loader.

    Parameters
    ----------
    sources
        The parts.
    names
        Names of sources and of activities that codes refer to.
    mixing
        How sources are mixed; None: every window once.
    recorded
        What a state says of the windows beside what is known here, see `states.windows_of`.
    options
        ``seed``, ``global_batch`` and ``remainder`` of `EpochOrder`, and ``lanes`` of `LaneOrder`.

    Attributes
    ----------
    stored
        Part and first stride of every stored block.

    Raises
    ------
    ConfigError
        A mixing that these sources cannot have, or a window that is longer than a stride and its history.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        names: tuple[Sequence[str], Sequence[str]],
        mixing: Mixing | Mapping[str, Any] | None,
        recorded: Mapping[str, Any],
        options: Mapping[str, Any],
    ) -> None:
        _check_window(sources)
        self.stored, self._counts = blocks_of(sources)
        self._recorded = dict(recorded)
        self._count: Ints = np.concatenate([source.index.count for source in sources])
        self._names, self._activities = names
        self._mixing = Mixing.parse(mixing)
        self._options = {name: value for name, value in options.items() if name != "lanes"}
        self._lanes = int(options.get("lanes", LANES))
        self._made: tuple[tuple[int, int], EpochOrder] | None = None
        if self._mixing is not None:
            self._prepare(sources, self._mixing)

    def _prepare(self, sources: Sequence[Source], mixing: Mixing) -> None:
        """Decide what is drawn of every source and activity."""
        kinds = len(self._activities)
        group = np.concatenate([source.dataset * kinds + source.activity for source in sources])
        self._windows: Ints = np.bincount(group, self._count, minlength=kinds * len(self._names)).astype(np.int64)
        self._windows = self._windows.reshape(-1, kinds)
        self._drawn = mixing.targets(self._windows, self._names)
        block = np.repeat(np.arange(len(self.stored)), self._strides(sources))
        if mixing.balance == "none":
            group, drawn = group // kinds, self._drawn.sum(axis=1)
        else:
            drawn = self._drawn.reshape(-1)
        self._drawing = Drawing(self._count, block, group, drawn, seed=self._options["seed"])

    def _strides(self, sources: Sequence[Source]) -> list[int]:
        """Return how many strides each block has."""
        return [min(sources[n].chunk, len(sources[n].duration) - start) for n, start in self.stored]

    @property
    def lanes(self) -> int:
        """The blocks that are mixed at a time: those of the state that was loaded."""
        return self._lanes

    @property
    def windows(self) -> int:
        """The number of windows of an epoch."""
        return int(self._counts.sum())

    def order(self, epoch: int) -> EpochOrder:
        """Return the order of an epoch."""
        key = epoch, self._lanes
        if self._made is None or self._made[0] != key:
            self._made = key, self._make(epoch)
        return self._made[1]

    def _make(self, epoch: int) -> EpochOrder:
        if self._mixing is not None:
            return MixedOrder(self._drawing.draw(epoch), epoch=epoch, lanes=self._lanes, **self._options)
        return LaneOrder(self._counts, epoch=epoch, lanes=self._lanes, **self._options)

    def blocks(self, order: EpochOrder) -> Sequence[tuple[int, int]]:
        """Return part and first stride of every block that shares of an order name."""
        return [self.stored[order.stored(number)] for number in range(order.counts.size)]

    def drawn(self, order: EpochOrder) -> Ints:
        """Return how many windows of each stride, of all parts, are in the epoch of an order."""
        return order.draw.drawn if isinstance(order, MixedOrder) else self._count

    def state(self, *, epoch: int, step: int) -> dict[str, Any]:
        """Return a place in an epoch and of which windows it is, as plain values."""
        return {
            "seed": self._options["seed"],
            "epoch": epoch,
            "step": step,
            "global_batch": self._options["global_batch"],
            "remainder": self._options["remainder"],
            "windows": self.windows,
            "lanes": self._lanes,
            "mixing": self._mixing.key() if self._mixing else None,
            **self._recorded,
        }

    def resume(self, state: Mapping[str, Any], *, steps: int) -> None:
        """Take the lanes of a state of an epoch of ``steps`` steps.

        Raises
        ------
        ConfigError
            The state is of other windows, or at no place of that epoch.
        """
        check_state(self.state(epoch=0, step=0), state, steps=steps)
        self._lanes = int(state["lanes"])

    def describe(self) -> list[str]:
        """Return lines of text on what is drawn of every source; none without mixing."""
        if self._mixing is None:
            return []
        total = max(self.windows, 1)
        lines = []
        for name, windows, drawn in zip(self._names, self._windows, self._drawn, strict=True):
            if windows.any():
                share, times = drawn.sum() / total, drawn.sum() / windows.sum()
                line = f"mix: {name}, {windows.sum():,} windows, {share:.1%} of an epoch, each {times:.2g} times"
                if self._mixing.balance == "activity":
                    each = [(drawn[k] / windows[k], self._activities[k]) for k in np.flatnonzero(windows).tolist()]
                    line += ": " + ", ".join(f"{kind} {often:.2g}" for often, kind in sorted(each, reverse=True))
                lines.append(line)
        return lines


def _check_window(sources: Sequence[Source]) -> None:
    """Raise `ConfigError` where not even the longest stride has EMG for a whole window."""
    window = max(source.index.window for source in sources)
    ends = [emg_end(one.index.samples - 1, one.index.numerator, one.index.denominator) for one in sources]
    longest = max((int(end.max()) + 1 for end in ends if end.size), default=0)
    if window > HISTORY + longest:
        raise ConfigError(
            f"window: found {window} EMG samples, expected at most {HISTORY + longest}: the {HISTORY} that are stored "
            f"before a stride, and the {longest} of the longest one."
        )
