"""Where the next iteration begins, for this process and for DataLoader workers, also those that live on."""

from __future__ import annotations

from typing import Any

import torch

from biomech_xr.errors import ConfigError
from biomech_xr.load.ranks import LoaderProcessError


class Told:
    """Epoch and first step of the next iteration.

    A worker gets both with its copy, by value, as they are when its DataLoader is iterated: it begins seconds later,
    whatever the parent does meanwhile. Only an iteration after its first (persistent workers) looks into memory that
    it shares with the sender of the copy. A first step counts once for every `tell`; workers say there, too, that they
    went on from it: what is told has a number, and they write down the newest that they began with.
    """

    def __init__(self) -> None:
        self._epoch = self._start = self._loaded = self._number = 0
        self._begun = self._late = self._in_worker = False
        self._said, self._taken = _memory(3), _memory(1)
        self._heard, self._take = self._said, self._taken
        self._say()

    def tell(self, epoch: int, start: int, *, loaded: bool = False) -> None:
        """Say what comes next; ``loaded`` if it is from a state, of which running workers hear no more than this."""
        self._epoch, self._start, self._loaded = epoch, start, self._loaded + loaded
        self._begun = False
        self._say()

    def _say(self) -> None:
        """Let copies hear what is told, under a new number."""
        self._number += 1
        self._said.copy_(torch.tensor([self._epoch, self._loaded, self._number]))

    def begin(self, *, in_worker: bool) -> tuple[int, int]:
        """Return epoch and first step of the iteration that begins; the one after it begins at step 0."""
        self._in_worker = in_worker
        if in_worker and self._begun:
            self._epoch, loaded, self._number = self._heard.tolist()
            self._late = loaded != self._loaded
        start, self._start, self._begun = self._left(), 0, True
        if not in_worker:
            self._say()
        return self._epoch, start

    def check(self) -> None:
        """Take the start, and raise `LoaderProcessError` where a state was loaded after this worker had started.

        To be called when the first batch is asked for. By then the other workers have their copies, of which none must
        find the start taken, and an error at `begin` would end a worker without a word.
        """
        if self._late:
            raise LoaderProcessError(
                "a state was loaded after DataLoader workers had started, which do not hear of it. Load it before the "
                "first iteration, make a new DataLoader, or use persistent_workers=False."
            )
        if self._in_worker and self._take.item() < self._number:
            self._take.fill_(self._number)

    def here(self, done: int) -> int:
        """Return the steps that this process has done, or raise `ConfigError` where workers went on since it did."""
        if self._elsewhere():
            raise ConfigError(
                "loader state: found DataLoader workers that iterate, of whose steps this process hears nothing; "
                "expected state_dict(steps=...). Give the batches that were consumed of this epoch."
            )
        return done

    def _elsewhere(self) -> bool:
        """Return whether workers of this process went on from what was told last."""
        return int(self._taken.item()) == self._number

    def _left(self) -> int:
        """Return the first step, 0 where workers of this process went on from it."""
        return 0 if self._elsewhere() else self._start

    def __getstate__(self) -> dict[str, Any]:
        own = {"_epoch": self._epoch, "_start": self._left(), "_loaded": self._loaded, "_number": self._number}
        return {**own, "_heard": self._said, "_take": self._taken}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Listen to the sender's memory, but write into memory of this copy: other ranks may have the same sender."""
        Told.__init__(self)
        self.__dict__.update(state)
        self._said.copy_(torch.tensor([self._epoch, self._loaded, self._number]))


def _memory(size: int) -> torch.Tensor:
    """Return memory that processes share from when it is sent."""
    return torch.zeros(size, dtype=torch.int64)
