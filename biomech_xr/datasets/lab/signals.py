"""From the labels of a C3D file to EMG, angles and moments in canonical words, signs and units."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles, plug_in_gait
from biomech_xr.datasets.lab.check import CONTACTS, OFFS, SIDES, VOLTS, event_times, span
from biomech_xr.datasets.lab.mapping import Emg, LabMapping, Moments, Outputs
from biomech_xr.datasets.spec import EmgColumn
from biomech_xr.readers.c3d import C3dTrial
from biomech_xr.schema import Signal

_SAME_FRAME: Final = 1e-2
"""Fraction of a frame by which an event, stored in single precision, may miss its frame."""


def read_signals(content: C3dTrial, mapping: LabMapping) -> tuple[dict[str, Signal], dict[str, str]]:
    """Return the signal groups that the mapping names, and notes on what was done to them.

    EMG runs at the analog rate in the mapping's unit, angles (degrees) and moments (N m/kg) at the point rate; the file
    must have passed `_lab_check.problems`.
    """
    signals: dict[str, Signal] = {}
    notes = {"clock": f"seconds from the start of the capture; the file starts at frame {content.first_frame} (from 0)"}
    if mapping.emg:
        signals["emg"] = _emg_signal(content, mapping.emg)
    if mapping.angles:
        labels = _labels(content, mapping.angles, plug_in_gait.ANGLES)
        signals["kinematics"] = _joint_signal(content, labels, factor=1.0, units=words.UNITS["kinematics"])
    if mapping.moments:
        labels = _labels(content, mapping.moments, plug_in_gait.MOMENTS)
        factor, units = plug_in_gait.MOMENT_FACTOR, words.UNITS["kinetics"]
        signals["kinetics"] = _joint_signal(content, labels, factor=factor, units=units)
        notes["kinetics"] = _drop_unloaded(content, signals["kinetics"].values, mapping.moments)
    return signals, notes


def _labels(content: C3dTrial, wanted: Outputs, output: plug_in_gait.Output) -> dict[tuple[words.Side, str], str]:
    return plug_in_gait.find(content.points, output, prefix=wanted.prefix, suffix=wanted.suffix)[0]


def emg_columns(content: C3dTrial, emg: Emg) -> dict[str, EmgColumn]:
    """Return the EMG columns with the factor from the file's unit (the mapping's where it states none)."""
    columns = {}
    for channel in emg.channels:
        unit = content.analog_units[channel.label] or emg.unit
        factor = VOLTS[unit.lower()] / VOLTS[emg.unit.lower()]
        columns[channel.label] = EmgColumn(
            muscle=channel.muscle, side=channel.side, factor=factor, ambiguous=channel.ambiguous
        )
    return columns


def _emg_signal(content: C3dTrial, emg: Emg) -> Signal:
    """Return the EMG at the analog rate, dims (sample, side, channel), in the mapping's unit; dead channels are NaN."""
    columns = emg_columns(content, emg)
    table = {}
    for label in columns:
        raw = content.analogs[label]
        table[label] = np.full_like(raw, np.nan) if raw.size and raw.min() == raw.max() else raw
    signal = cycles.emg_signal(table, columns, rate=content.analog_rate, t0=span(content)[0], units=emg.unit)
    signal.values.attrs["ambiguous"] = [f"{c.side}:{c.muscle}" for c in columns.values() if c.ambiguous]
    return signal


def _joint_signal(
    content: C3dTrial, labels: Mapping[tuple[words.Side, str], str], *, factor: float, units: str
) -> Signal:
    sides = [side for side in SIDES if any(found == side for found, _ in labels)]
    array = xr.DataArray(
        plug_in_gait.joint_values(content.points, labels, sides=sides, factor=factor),
        dims=("sample", "side", "joint", "motion"),
        coords={"side": sides, "joint": list(words.JOINTS), "motion": list(words.MOTIONS)},
        attrs={"units": units},
    )
    return Signal(kind="continuous", values=array, sampling_frequency=content.point_rate, t0=span(content)[0])


def _drop_unloaded(content: C3dTrial, kinetics: xr.DataArray, moments: Moments) -> str:
    """Set the moments of stances without force under the foot to NaN, in place; return a note that lists them.

    What lies above the limit stays: processing flags it as an artefact and blanks it.
    """
    forces = plug_in_gait.find_forces(content.points, prefix=moments.prefix, suffix=moments.suffix)
    if not forces:
        return "no ground reaction forces in the file: stances off the plates could not be told"
    dropped = []
    for index, side in enumerate(kinetics["side"].values):
        if side not in forces:
            continue
        contacts = _frames(content, np.ceil(_positions(content, side, CONTACTS) - _SAME_FRAME))
        offs = _frames(content, np.rint(_positions(content, side, OFFS)))
        for start, stop in plug_in_gait.unloaded_stances(content.points[forces[side]], contacts, offs):
            stance = kinetics.values[start:stop, index]
            stance[~(np.abs(stance) > moments.limit)] = np.nan
            dropped.append(f"{side} {start}-{stop - 1}{' with artefacts' if np.isfinite(stance).any() else ''}")
    return f"not measured, stance without force (frames of the file): {', '.join(dropped) or 'none'}"


def _positions(content: C3dTrial, side: str, kind: Set[str]) -> npt.NDArray[np.float64]:
    """Return where the events of one kind and foot lie, in frames from the first of the file, with fractions."""
    times = np.asarray(event_times(content, side, kind), dtype=np.float64)
    return times * content.point_rate - content.first_frame


def _frames(content: C3dTrial, positions: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.clip(positions.astype(np.int64), 0, content.frames)
