"""The work of a batch on a GPU, recorded once and started as one.

Sixty small operations cut a batch. To start them one by one takes this machine's processor longer than they take the
GPU, so a CUDA graph of them is recorded, which works on fixed memory; a batch is a copy of that memory.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from biomech_xr.load.blocks.buffers import Layout
from biomech_xr.load.cut.arena import TORCH
from biomech_xr.load.cut.host import Batch


class Recorded:
    """Fixed memory of a batch on a GPU, and the recorded work that fills it.

    Parameters
    ----------
    layout
        Fields of a batch, those that come from this machine first.
    device
        The GPU.
    cut
        Fills the other fields. It is called twice when something is recorded, and starts work on fixed memory only.
    """

    def __init__(self, layout: Layout, device: torch.device, cut: Callable[[Batch], None]) -> None:
        self._layout, self._device, self._cut = layout, device, cut
        self._memory = torch.empty(layout.size, dtype=torch.uint8, device=device)
        self._graph: tuple[int, torch.cuda.CUDAGraph] | None = None

    def batch(self, here: torch.Tensor, *, of: int) -> Batch:
        """Return a new batch; nothing waits for the device.

        Parameters
        ----------
        here
            Its first fields, as bytes in pinned memory.
        of
            Which memory the work reads: of another one it is recorded anew.
        """
        with torch.cuda.device(self._device):
            self._memory[: len(here)].copy_(here, non_blocking=True)
            if self._graph is None or self._graph[0] != of:
                self._graph = of, self._record()
            self._graph[1].replay()
            return self._views(self._memory.clone())

    def _record(self) -> torch.cuda.CUDAGraph:
        """Record the work; it is done once before, so that libraries and memory are there."""
        batch = self._views(self._memory)
        aside, here = torch.cuda.Stream(), torch.cuda.current_stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            self._cut(batch)
        here.wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other threads ship strides meanwhile
            self._cut(batch)
        return graph

    def _views(self, memory: torch.Tensor) -> Batch:
        return {
            name: memory[start:end].view(TORCH[dtype]).view(shape)
            for name, (start, end, shape, dtype) in self._layout.places.items()
        }
