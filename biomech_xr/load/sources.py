"""The parts that a loader reads, as plain values, and their joint signals in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from biomech_xr.load.kernels import COMPONENTS
from biomech_xr.schema import AFTER, BEFORE
from biomech_xr.store.reading import Part, part_here
from biomech_xr.window.index import Grid, WindowIndex

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One part as a loader uses it: plain values, so that it can be sent to a worker, which opens the part there.

    `first_row` is the number of strides in the parts before. Arrays have the dim (stride,): `duration` and
    `next_duration` in s, and codes of `activity`, `person` in the loader's lists; `dataset` is such a code too.
    `lookahead` (s) is what the signals know of the future, a lower bound unless `lookahead_known`; `calibration` says
    what the amplitude of EMG was referred to.
    """

    folder: str
    part: str
    digest: str
    first_row: int
    chunk: int
    dataset: int
    grid: Grid
    index: WindowIndex
    duration: Floats
    next_duration: Floats
    activity: Ints
    person: Ints
    lookahead: float
    lookahead_known: bool
    calibration: str

    def open(self) -> Part:
        """Return the part, opened once in this process."""
        return part_here(self.folder, self.part, self.digest)


def read_joined(source: Source, name: str, start: int, stop: int) -> npt.NDArray[np.float32]:
    """Return angles (degree) or moments (N m kg-1) with the samples before, in and after each stride joined.

    Dims (stride, joint x motion, before + grid + after), without the samples before for kinetics; on a grid in Hz
    the samples after follow the last one of the stride itself.
    """
    part = source.open()
    points = source.grid.points
    before = BEFORE if name == "kinematics" else 0
    out = np.full((stop - start, COMPONENTS, before + points + AFTER), np.nan, dtype=np.float32)
    if name not in part.variables:
        return out
    if before:
        out[:, :, :before] = _flat(part, f"{name}_before", start, stop)
    out[:, :, before : before + points] = _flat(part, name, start, stop)
    after = _flat(part, f"{name}_after", start, stop)
    if not source.grid.rate:
        out[:, :, before + points :] = after
        return out
    for row, samples in enumerate(source.index.samples[start:stop]):
        out[row, :, before + samples : before + samples + AFTER] = after[row]
    return out


def _flat(part: Part, name: str, start: int, stop: int) -> npt.NDArray[np.float32]:
    values = part.read(name, start, stop)
    return values.reshape(stop - start, COMPONENTS, -1)
