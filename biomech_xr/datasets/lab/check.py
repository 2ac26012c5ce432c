"""Checks that the files of a trial hold what the mapping names: every problem is listed, none is raised alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.datasets import plug_in_gait
from biomech_xr.datasets.lab.answers import Csv
from biomech_xr.datasets.lab.clocks import clock_problems
from biomech_xr.datasets.lab.contents import Content, known_labels, stream
from biomech_xr.datasets.lab.events import find_events
from biomech_xr.datasets.lab.mapping import AngleChannel, LabMapping, MomentChannel, Outputs, Person, PowerChannel
from biomech_xr.datasets.lab.signals import VOLTS, emg_stream
from biomech_xr.datasets.lab.stated import column_units, convention_unit
from biomech_xr.datasets.lab.tables import header
from biomech_xr.datasets.lab.wording import nearest

_BELOW_ZERO: Final = 0.05
"""Share of its peak by which an envelope may lie below zero, for filters that overshoot."""


def problems(content: Content, mapping: LabMapping, person: Person) -> list[str]:
    """Return everything that keeps a trial from being read: files, labels, units, events, clocks, length."""
    found = list(content.problems)
    c3d = content.c3d
    if c3d is not None and c3d.announced_frames > c3d.frames:
        found.append(f"truncated: found {c3d.frames} frames, expected {c3d.announced_frames}; export it again")
    if c3d is None and "c3d" in content.paths:
        return found
    found += [
        *_role_problems(content, mapping),
        *_emg_problems(content, mapping),
        *_output_problems(content, mapping.angles, "angles", plug_in_gait.ANGLES),
        *_output_problems(content, mapping.moments, "moments", plug_in_gait.MOMENTS),
        *_power_problems(content, mapping),
        *clock_problems(content),
    ]
    if content.unread & {"forces", "gyroscopes", "markers", "events"}:
        return found
    return found + find_events(content, mapping, person)[1]


def _role_problems(content: Content, mapping: LabMapping) -> list[str]:
    """Return files whose role the mapping does not describe, and trials without any signal that it does."""
    parts: dict[str, object] = {
        "angles": mapping.angles,
        "moments": mapping.moments,
        "powers": mapping.powers,
        "emg": mapping.emg,
        "forces": mapping.events.forces,
        "gyroscopes": mapping.events.gyroscopes,
        "markers": mapping.events.markers,
    }
    places = {role: f"events.{role}" if role in ("forces", "gyroscopes", "markers") else role for role in parts}
    found = [
        f"{role}: the mapping does not say what the columns of {content.paths[role].name} are; describe {places[role]}"
        for role, part in parts.items()
        if role in content.paths and part is None
    ]
    served = [role for role in ("angles", "moments", "emg") if parts[role] is not None and role in content.paths]
    if content.c3d is None and not served and not found:
        named = ", ".join(role for role in ("angles", "moments", "emg") if parts[role] is not None)
        found.append(f"no file of this trial holds a signal that the mapping names ({named})")
    return found


def _known(content: Content, role: str, csv: Csv) -> Collection[str]:
    """Return the labels of the file that serves a role; of a CSV file all, since only those wanted are read."""
    path = content.paths.get(role)
    if path is not None and path.suffix.lower() in (".csv", ".txt"):
        return [name for name in header(path, csv) if name != csv.time_column]
    return known_labels(content, role)


def _emg_problems(content: Content, mapping: LabMapping) -> list[str]:
    table = emg_stream(content, mapping.emg)
    if mapping.emg is None or table is None:
        return []
    found, what = [], "analog label" if "emg" not in content.paths else "column"
    for channel in mapping.emg.channels:
        unit = table.units.get(channel.label, "")
        if channel.label not in table.values:
            known = _known(content, "emg", mapping.emg.csv)
            found.append(f"emg.channels: no {what} {channel.label!r}{nearest(channel.label, known)}")
        elif unit and unit.lower() not in VOLTS:
            found.append(f"emg.channels: {channel.label!r} has the unknown unit {unit!r}, expected V, mV or uV")
        elif mapping.emg.state == "envelope" and (low := _negative(table.values[channel.label])) < -_BELOW_ZERO:
            found.append(
                f"emg.state: {channel.label!r} is no envelope, {100 * -low:.0f} % of its peak below zero; expected "
                "state: raw or bandpassed"
            )
    return found


def _negative(values: npt.ArrayLike) -> float:
    """Return the 1st percentile of a channel as a share of its largest 1 % either way; 0 without values."""
    samples = np.asarray(values, dtype=np.float64)
    samples = samples[np.isfinite(samples)]
    if not samples.size:
        return 0.0
    low, high = np.percentile(samples, [1, 99])
    peak = max(abs(low), abs(high))
    return float(low / peak) if peak > 0 else 0.0


def _output_problems(content: Content, wanted: Outputs | None, role: str, output: plug_in_gait.Output) -> list[str]:
    if wanted is None or (content.c3d is None and role not in content.paths):
        return []
    if wanted.convention:
        return [f"{role}: {problem}" for problem in _convention_problems(content, wanted, role, output)]
    channels: Sequence[AngleChannel | MomentChannel] = getattr(wanted, "channels", ())
    return _column_problems(content, role, channels, wanted.csv)


def _convention_problems(content: Content, wanted: Outputs, role: str, output: plug_in_gait.Output) -> list[str]:
    if role in content.paths or content.c3d is None:
        return [f"convention plug_in_gait reads C3D files, not {content.paths[role].name}; list its channels"]
    c3d = content.c3d
    labels, found = plug_in_gait.find(c3d.points, output, prefix=wanted.prefix, suffix=wanted.suffix)
    if not labels:
        example = f"{wanted.prefix + ':' if wanted.prefix else ''}LHip{output}{wanted.suffix or ''}"
        found.append(f"no point label like {example!r}{nearest(example, c3d.points)}")
    unit = convention_unit(c3d, output)
    return [*found, unit] if unit else found


def _column_problems(
    content: Content, role: str, channels: Sequence[AngleChannel | MomentChannel | PowerChannel], csv: Csv
) -> list[str]:
    labels = [channel.label for channel in channels]
    table = stream(content, role, labels)
    if table is None:
        return []
    known = _known(content, role, csv)
    found = [f"{role}: no column {x!r}{nearest(x, known)}" for x in labels if x not in table.values]
    found += column_units(content, role, table, channels)
    units = {channel.unit for channel in channels if isinstance(channel, AngleChannel)}
    if table.in_degrees is not None and units:
        says = "deg" if table.in_degrees else "rad"
        if units != {says}:
            stated = "yes" if table.in_degrees else "no"
            found.append(f"angles: {table.file.name} says inDegrees={stated}, the mapping {', '.join(sorted(units))}")
    return found


def _power_problems(content: Content, mapping: LabMapping) -> list[str]:
    if mapping.powers is None or mapping.powers.convention:
        return []
    return _column_problems(content, "powers", mapping.powers.channels, mapping.powers.csv)
