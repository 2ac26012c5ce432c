"""Mean and SD of what the windows of a loader hold, for normalization."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from biomech_xr.load.gather import COMPONENTS, STATE
from biomech_xr.load.sources import Source, read_joined
from biomech_xr.load.stride_windows import StrideWindows
from biomech_xr.schema import BEFORE

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class StateStatistics:
    """Mean and SD of the kinematic state (27; degree, degree/s, degree/s2) and of torque (9; N m kg-1).

    The state's numbers serve its target as well, which is the same quantity a little later. `*_count` are the finite
    samples; a component without any has mean 0 and SD 1, so that dividing by it is harmless; so has one that is
    constant an SD of 1.
    """

    state_mean: Floats
    state_std: Floats
    state_count: npt.NDArray[np.int64]
    torque_mean: Floats
    torque_std: Floats
    torque_count: npt.NDArray[np.int64]


class _Moments:
    """Running count, mean and sum of squared deviations of several components, merged block by block."""

    def __init__(self, size: int) -> None:
        self.count = np.zeros(size, dtype=np.int64)
        self.mean = np.zeros(size)
        self.squares = np.zeros(size)

    def add(self, values: Floats) -> None:
        """Add values (stride, component, sample); NaN are left out."""
        finite = np.isfinite(values)
        count = finite.sum(axis=(0, 2))
        safe = np.maximum(count, 1)
        mean = np.where(finite, values, 0.0).sum(axis=(0, 2)) / safe
        deviation = np.where(finite, values - mean[:, None], 0.0)
        total = np.maximum(self.count + count, 1)
        shift = mean - self.mean
        self.squares += (deviation**2).sum(axis=(0, 2)) + shift**2 * self.count * count / total
        self.mean += shift * count / total
        self.count += count

    def std(self) -> Floats:
        """Return the SD (population), 1 where there is none."""
        std = np.sqrt(self.squares / np.maximum(self.count, 1))
        return np.where(std > 0, std, 1.0)


def state_statistics(windows: StrideWindows) -> StateStatistics:
    """Return mean and SD of state and torque over the strides that a loader uses.

    All samples 0 <= t < duration of every stride with at least one window count, each once, whatever the hop. Blocks
    are read one after the other in the order of the store and summed in float64: the result is the same on all ranks.

    Parameters
    ----------
    windows
        The loader of the training split.

    Raises
    ------
    LostDataError
        Stored data are missing or damaged.
    """
    states, torques = _Moments(STATE), _Moments(COMPONENTS)
    for source in windows.sources:
        used = source.index.count > 0
        for start in range(0, len(used), source.chunk):
            rows = np.flatnonzero(used[start : start + source.chunk])
            if rows.size:
                _add(source, start, rows, states, torques)
    return StateStatistics(
        state_mean=states.mean,
        state_std=states.std(),
        state_count=states.count,
        torque_mean=torques.mean,
        torque_std=torques.std(),
        torque_count=torques.count,
    )


def _add(source: Source, start: int, rows: npt.NDArray[np.int64], states: _Moments, torques: _Moments) -> None:
    stop = min(start + source.chunk, len(source.duration))
    points = source.grid.points
    step = source.index.step[start:stop][rows][:, None, None]
    foreign = np.arange(points) >= source.index.samples[start:stop][rows][:, None, None]
    angles = read_joined(source, "kinematics", start, stop)[rows].astype(np.float64)[:, :, : BEFORE + points]
    velocity = np.diff(angles, axis=2) / step
    acceleration = np.diff(velocity, axis=2) / step
    state = np.concatenate([kind[:, :, -points:] for kind in (angles, velocity, acceleration)], axis=1)
    states.add(np.where(foreign, np.nan, state))
    moments = read_joined(source, "kinetics", start, stop)[rows].astype(np.float64)[:, :, :points]
    torques.add(np.where(foreign, np.nan, moments))
