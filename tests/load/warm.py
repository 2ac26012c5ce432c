"""Compile what cuts windows: the fork server of the tests imports this, so that its workers need not do it again."""

from __future__ import annotations

import numpy as np

from biomech_xr.load import gather
from biomech_xr.schema import AFTER, BEFORE, HISTORY


def compile_loops(points: int = 40) -> None:
    """Cut one window of one empty stride."""
    number, whole = np.zeros(1), np.zeros(1, np.int64)
    block = gather.Block(
        emg=np.zeros((1, gather.CHANNELS, HISTORY + 600), np.int16),
        angles=np.zeros((1, gather.COMPONENTS, BEFORE + points + AFTER), np.float32),
        moments=np.zeros((1, gather.COMPONENTS, points + AFTER), np.float32),
        numerator=number,
        step=number + 0.01,
        ahead=whole + 1,
        fraction=number,
        horizon=number,
        duration=number + 1.0,
        next_duration=number,
        denominator=float(points),
    )
    arrays = {name: np.zeros(shape, dtype) for name, (shape, dtype) in gather.fields(1, 20).items()}
    gather.fill(arrays, 0, block, whole, whole)


compile_loops()
