"""Compile what cuts windows: the fork server of the tests imports this, so that its workers need not do it again."""

from __future__ import annotations

import numpy as np

from biomech_xr.load import gather, kernels
from biomech_xr.schema import AFTER, BEFORE, HISTORY


def compile_loops(points: int = 40) -> None:
    """Cut one window of one empty stride."""
    block = gather.Block(
        emg=np.zeros((1, kernels.CHANNELS, HISTORY + 600), np.int16),
        angles=np.zeros((1, kernels.COMPONENTS, BEFORE + points + AFTER), np.float32),
        moments=np.zeros((1, kernels.COMPONENTS, points + AFTER), np.float32),
        floats=np.ones((1, len(kernels.FLOATS))),
        ints=np.array([[0] * len(kernels.INTS), [1] * len(kernels.INTS)]),
    )
    arrays = {name: np.zeros(shape, dtype) for name, (shape, dtype) in gather.fields(1, 20).items()}
    gather.fill(arrays, [gather.make_ready(block)], np.zeros(1, np.int64), np.zeros(1, np.int64))


compile_loops()
