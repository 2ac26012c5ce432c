"""Inertial units: raw columns of accelerometers and gyroscopes to the signal group `imu`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr

from biomech_xr.datasets.cycles import Table, measured
from biomech_xr.schema import Signal

CHANNELS: Final = tuple(f"{kind}_{axis}" for kind in ("acceleration", "angular_velocity") for axis in "xyz")
"""Channels of every unit: specific force in m/s2, then angular velocity in rad/s, in the sensor's own axes."""

UNITS: Final = "m s-2 (acceleration), rad s-1 (angular_velocity)"
GRAVITY: Final = 9.80665
DEGREE: Final = math.pi / 180
"""Factors from g to m/s2 and from degrees/s to rad/s."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImuColumn:
    """One raw column of an inertial unit: where the unit sits, which channel, and the factor to `UNITS`."""

    segment: str
    channel: str
    factor: float = 1.0


def imu_columns(
    segments: Mapping[str, str],
    channels: Mapping[str, str],
    *,
    acceleration: float = 1.0,
    angular_velocity: float = 1.0,
) -> dict[str, ImuColumn]:
    """Return the columns `<segment>_<channel>` of all units.

    Parameters
    ----------
    segments, channels
        The source's word to ours, for the two halves of a column's name.
    acceleration, angular_velocity
        Factors from the source's units to m/s2 and rad/s.
    """
    factors = {"acceleration": acceleration, "angular_velocity": angular_velocity}
    return {
        f"{raw_segment}_{raw_channel}": ImuColumn(
            segment=segment, channel=channel, factor=factors[channel.rpartition("_")[0]]
        )
        for raw_segment, segment in segments.items()
        for raw_channel, channel in channels.items()
    }


def imu_signal(table: Table, columns: Mapping[str, ImuColumn], *, rate: float, t0: float) -> Signal:
    """Return the continuous inertial data of a trial, dims (sample, segment, channel), from raw columns (sample,)."""
    segments = list(dict.fromkeys(column.segment for column in columns.values()))
    rows = len(np.asarray(table[next(iter(columns))]))
    values = np.full((rows, len(segments), len(CHANNELS)), np.nan, dtype=np.float32)
    for name, column in columns.items():
        place = segments.index(column.segment), CHANNELS.index(column.channel)
        values[:, place[0], place[1]] = measured(table[name]) * np.float32(column.factor)
    array = xr.DataArray(
        values,
        dims=("sample", "segment", "channel"),
        coords={"segment": segments, "channel": list(CHANNELS)},
        attrs={"units": UNITS},
    )
    return Signal(kind="continuous", values=array, sampling_frequency=rate, t0=t0)


def typical_acceleration(signal: Signal) -> float:
    """Return the median length of the acceleration over all units and rows, m/s2; NaN where none is finite.

    It lies near gravity, whatever the axes, in a person who stands or walks: a test of the unit.
    """
    length = np.linalg.norm(signal.values.values[:, :, :3], axis=2)
    finite = length[np.isfinite(length)]
    return float(np.median(finite)) if finite.size else math.nan
