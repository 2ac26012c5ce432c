"""Compile what cuts windows: the fork server of the tests imports this, so that its workers need not do it again."""

from __future__ import annotations

import numpy as np

from biomech_xr.load.blocks.block import CHANNELS, COMPONENTS, FLOATS, INTS, Block
from biomech_xr.load.blocks.measured import find_measured
from biomech_xr.load.cut import gather
from biomech_xr.schema import AFTER, BEFORE, HISTORY


def compile_loops(points: int = 40) -> None:
    """Cut one window of one empty stride."""
    block = Block(
        emg=np.zeros((1, CHANNELS, HISTORY + 600), np.int16),
        measured=np.zeros((1, points, CHANNELS), np.bool_),
        angles=np.zeros((1, BEFORE + points + AFTER, COMPONENTS), np.float32),
        moments=np.zeros((1, points + AFTER, COMPONENTS), np.float32),
        floats=np.ones((1, len(FLOATS))),
        ints=np.array([[0] * len(INTS), [1] * len(INTS)]),
    )
    arrays = {name: np.zeros(shape, dtype) for name, (shape, dtype) in gather.fields(1, 20).items()}
    find_measured(block.emg, block.floats, window=20, out=block.measured)
    ready = gather.make_ready(block)
    gather.Cut(arrays, ready.row[None], np.zeros(1, np.int64), np.zeros(1, np.int64)).windows()


compile_loops()
