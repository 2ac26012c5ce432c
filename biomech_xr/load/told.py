"""Where the next iteration begins, for this process and for DataLoader workers, also those that live on."""

from __future__ import annotations

import torch

from biomech_xr.load.ranks import LoaderProcessError


class Told:
    """Epoch and first step of the next iteration, in memory that workers share from when they are sent it.

    Workers look when an iteration begins there, which is before `iter` of their DataLoader returns. Only the process
    that made it may write.
    """

    def __init__(self) -> None:
        self._values = torch.zeros(3, dtype=torch.int64)
        self._loaded, self._late = 0, False

    def tell(self, epoch: int, start: int, *, loaded: bool = False) -> None:
        """Say what comes next; ``loaded`` if it is from a state, of which running workers hear no more than this."""
        self._loaded += loaded
        self._values.copy_(torch.tensor([epoch, start, self._loaded]))

    def begin(self, *, in_worker: bool) -> tuple[int, int]:
        """Return epoch and first step of the iteration that begins; the next one in this process begins at step 0."""
        epoch, start, loaded = self._values.tolist()
        if not in_worker:
            self._values[1] = 0
        self._late = loaded != self._loaded
        return epoch, start

    def check(self) -> None:
        """Raise `LoaderProcessError` where a state was loaded after this worker had started.

        To be called when the first batch is asked for: an error at `begin` would end a worker without a word.
        """
        if self._late:
            raise LoaderProcessError(
                "a state was loaded after DataLoader workers had started, which do not hear of it. Load it before the "
                "first iteration, make a new DataLoader, or use persistent_workers=False."
            )
