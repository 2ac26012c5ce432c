"""From the labels of a trial's files to EMG, angles and moments in canonical words, signs and units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles, plug_in_gait
from biomech_xr.datasets.lab.contents import Columns, Content, Samples, c3d_span, stream
from biomech_xr.datasets.lab.events import SIDES, Found
from biomech_xr.datasets.lab.mapping import Angles, Emg, LabMapping, Moments, Outputs, Person
from biomech_xr.datasets.spec import EmgColumn, JointColumn
from biomech_xr.evidence import FACTORS
from biomech_xr.readers.c3d import C3dTrial
from biomech_xr.schema import Signal

VOLTS: Final = {"v": 1.0, "volt": 1.0, "volts": 1.0, "mv": 1e-3, "uv": 1e-6, "\u00b5v": 1e-6, "\u03bcv": 1e-6}
"""Known units of an EMG channel in V, in lower case (the micro sign has two code points)."""

DEGREES: Final = {"deg": 1.0, "rad": 180 / math.pi}

_SAME_FRAME: Final = 1e-2
"""Fraction of a frame by which an event, stored in single precision, may miss its frame."""


def read_signals(
    content: Content, mapping: LabMapping, person: Person, found: Found
) -> tuple[dict[str, Signal], dict[str, str]]:
    """Return the signal groups that the mapping names and the trial has, and notes on what was done to them.

    EMG in the mapping's unit, angles in degrees, moments in N m/kg, each at the rate of its own file; the trial must
    have passed `check.problems`.
    """
    signals: dict[str, Signal] = {}
    notes = {"clock": _clock(content)}
    emg = emg_stream(content, mapping.emg)
    if mapping.emg and emg is not None:
        signals["emg"] = _emg_signal(emg, mapping.emg)
    if mapping.angles and _serves(content, "angles"):
        signals["kinematics"] = _angles(content, mapping.angles)
    if mapping.moments and _serves(content, "moments"):
        signals["kinetics"] = _moments(content, mapping.moments, person)
        if mapping.moments.convention and content.c3d is not None:
            values = signals["kinetics"].values
            notes["kinetics"] = _drop_unloaded(content.c3d, values, mapping.moments, found)
    return signals, notes


def _serves(content: Content, role: str) -> bool:
    """Return whether a file of the trial serves angles or moments."""
    return content.c3d is not None or role in content.paths


def emg_stream(content: Content, emg: Emg | None) -> Columns | None:
    """Return the columns that hold the EMG; None where the mapping or the trial has none."""
    return stream(content, "emg", [channel.label for channel in emg.channels]) if emg else None


def emg_columns(table: Columns, emg: Emg) -> dict[str, EmgColumn]:
    """Return the EMG columns with the factor from the file's unit (the mapping's where it states none)."""
    columns = {}
    for channel in emg.channels:
        unit = table.units.get(channel.label) or emg.unit
        factor = VOLTS[unit.lower()] / VOLTS[emg.unit.lower()]
        columns[channel.label] = EmgColumn(
            muscle=channel.muscle, side=channel.side, factor=factor, ambiguous=channel.ambiguous
        )
    return columns


def _clock(content: Content) -> str:
    parts = []
    if content.c3d is not None:
        first = content.c3d.first_frame
        own = content.files.c3d_clock == "file"
        text = f"seconds from the start of the capture; the file starts at frame {first} (from 0)"
        parts.append("c3d: seconds from the start of the file, as the mapping states" if own else text)
    parts += [
        f"{role}: times of its file, {table.rate:g} Hz from {table.t0:.4f} s" for role, table in content.tables.items()
    ]
    return "; ".join(parts)


def _emg_signal(table: Columns, emg: Emg) -> Signal:
    """Return the EMG, dims (sample, side, channel), in the mapping's unit; dead channels are NaN."""
    columns = emg_columns(table, emg)
    alive = {}
    for label in columns:
        alive[label] = _alive(table.values[label])
    signal = cycles.emg_signal(alive, columns, rate=table.rate, t0=table.t0, units=emg.unit)
    signal.values.attrs["ambiguous"] = [f"{c.side}:{c.muscle}" for c in columns.values() if c.ambiguous]
    return signal


def _alive(values: Samples) -> Samples:
    """Return a channel (sample,), all NaN where its finite samples never change."""
    finite = values[np.isfinite(values)]
    return np.full_like(values, np.nan) if finite.size and finite.min() == finite.max() else values


def _angles(content: Content, angles: Angles) -> Signal:
    units = words.UNITS["kinematics"]
    if angles.convention and content.c3d is not None:
        return _model_signal(content.c3d, angles, plug_in_gait.ANGLES, factor=1.0, units=units)
    columns = {
        channel.label: JointColumn(
            joint=channel.joint, motion=channel.motion, side=channel.side, factor=channel.sign * DEGREES[channel.unit]
        )
        for channel in angles.channels
    }
    return _column_signal(content, "angles", columns, units=units)


def _moments(content: Content, moments: Moments, person: Person) -> Signal:
    units = words.UNITS["kinetics"]
    if moments.convention and content.c3d is not None:
        factor = plug_in_gait.MOMENT_FACTOR
        return _model_signal(content.c3d, moments, plug_in_gait.MOMENTS, factor=factor, units=units)
    mass = person.body_mass if person.body_mass is not None else math.nan
    columns = {
        channel.label: JointColumn(
            joint=channel.joint,
            motion=channel.motion,
            side=channel.side,
            factor=channel.sign * FACTORS[channel.unit](mass),
        )
        for channel in moments.channels
    }
    return _column_signal(content, "moments", columns, units=units)


def _column_signal(content: Content, role: str, columns: Mapping[str, JointColumn], *, units: str) -> Signal:
    table = stream(content, role, list(columns))
    if table is None:
        raise KeyError(role)
    values = {label: _alive(table.values[label]) for label in columns}
    return cycles.joint_signal(values, columns, rate=table.rate, t0=table.t0, units=units)


def _model_signal(
    content: C3dTrial, wanted: Outputs, output: plug_in_gait.Output, *, factor: float, units: str
) -> Signal:
    labels = plug_in_gait.find(content.points, output, prefix=wanted.prefix, suffix=wanted.suffix)[0]
    sides = [side for side in SIDES if any(found == side for found, _ in labels)]
    values = plug_in_gait.joint_values(content.points, labels, sides=sides, factor=factor)
    for place in np.ndindex(values.shape[1:]):
        values[(slice(None), *place)] = _alive(values[(slice(None), *place)])
    array = xr.DataArray(
        values,
        dims=("sample", "side", "joint", "motion"),
        coords={"side": sides, "joint": list(words.JOINTS), "motion": list(words.MOTIONS)},
        attrs={"units": units},
    )
    return Signal(kind="continuous", values=array, sampling_frequency=content.point_rate, t0=c3d_span(content)[0])


def _drop_unloaded(content: C3dTrial, kinetics: xr.DataArray, moments: Moments, found: Found) -> str:
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
        contacts = _frames(content, np.ceil(_positions(content, found.contacts[side]) - _SAME_FRAME))
        offs = _frames(content, np.rint(_positions(content, found.offs[side])))
        for start, stop in plug_in_gait.unloaded_stances(content.points[forces[side]], contacts, offs):
            stance = kinetics.values[start:stop, index]
            stance[~(np.abs(stance) > moments.limit)] = np.nan
            dropped.append(f"{side} {start}-{stop - 1}{' with artefacts' if np.isfinite(stance).any() else ''}")
    return f"not measured, stance without force (frames of the file): {', '.join(dropped) or 'none'}"


def _positions(content: C3dTrial, times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return where events lie, in frames from the first of the file, with fractions."""
    return times * content.point_rate - content.first_frame


def _frames(content: C3dTrial, positions: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.clip(positions.astype(np.int64), 0, content.frames)
