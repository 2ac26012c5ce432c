"""What a block of neighboring strides holds in memory.

Legend of shapes: S strides of a block, C EMG channels, T stored EMG samples, J joint components (joint, motion),
P samples of the kinematic grid, L = before + P + after, M = P + after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words

CHANNELS: Final = len(words.MUSCLES)
COMPONENTS: Final = len(words.JOINTS) * len(words.MOTIONS)
STATE: Final = 3 * COMPONENTS
"""Kinematic state: angles (degree), then velocities (degree/s), then accelerations (degree/s2)."""

FLOATS: Final = ("numerator", "denominator", "step", "fraction", "horizon", "duration", "next_duration", "delay")
INTS: Final = ("windows_before", "first", "hop", "ahead", "activity", "person", "row", "dataset")


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Neighboring strides as stored, with what places their windows in time.

    `emg` int16 (S, C, T), and `measured` (S, P, C) as of `find_measured`, P kinematic samples; `angles`
    float32 (S, L, J) in degree and `moments` float32 (S, M, J) in N m kg-1, the samples before, in and after the
    stride joined without a gap, joints side by side; `floats` (S, ...) and `ints` (S + 1, ...) have the columns of
    `FLOATS` and `INTS`, the last row of `ints` the number of windows.
    """

    emg: npt.NDArray[np.int16]
    measured: npt.NDArray[np.bool_]
    angles: npt.NDArray[np.float32]
    moments: npt.NDArray[np.float32]
    floats: npt.NDArray[np.float64]
    ints: npt.NDArray[np.int64]
