"""The joint signals of strides in memory: what lies before, in and after a stride in one piece, joints side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from biomech_xr.compiled import compiled
from biomech_xr.load.blocks.block import COMPONENTS
from biomech_xr.load.parts.sources import Source
from biomech_xr.schema import AFTER, BEFORE

Array = npt.NDArray[Any]


def joined_shape(source: Source, name: str) -> tuple[int, int]:
    """Return (before + grid + after, joint x motion) of what `read_joined` reads of a stride."""
    return _before(name) + source.grid.points + AFTER, COMPONENTS


def read_joined(source: Source, name: str, start: int, stop: int, out: npt.NDArray[np.float32]) -> None:
    """Read angles (degree) or moments (N m kg-1) with the samples before, in and after each stride joined.

    ``out`` has the dims (stride, before + grid + after, joint x motion), without the samples before for kinetics; on a
    grid in Hz the samples after follow the last one of the stride itself.
    """
    part, points, before = source.open(), source.grid.points, _before(name)
    if source.grid.rate or name not in part.variables:
        out[:] = np.nan
    if name not in part.variables:
        return
    owned = source.index.samples[start:stop] if source.grid.rate else np.full(stop - start, points)
    pieces = {name: np.full(stop - start, before), f"{name}_after": before + owned}
    if before:
        pieces[f"{name}_before"] = np.zeros(stop - start, dtype=np.int64)
    for variable, first in pieces.items():
        values = part.read(variable, start, stop).reshape(stop - start, COMPONENTS, -1)
        _lay_compiled(values, first, out)


def _before(name: str) -> int:
    return BEFORE if name == "kinematics" else 0


def _lay(values: Array, first: Array, out: Array) -> None:
    """Write values (S, J, K) to ``out`` (S, ..., J), those of each stride from its ``first`` sample on."""
    for s in range(values.shape[0]):
        for c in range(values.shape[1]):
            for k in range(values.shape[2]):
                out[s, first[s] + k, c] = values[s, c, k]


_lay_compiled = compiled()(_lay)
