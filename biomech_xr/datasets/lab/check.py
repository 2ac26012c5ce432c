"""Checks that the files of a trial hold what the mapping names: every problem is listed, none is raised alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from biomech_xr.datasets import plug_in_gait
from biomech_xr.datasets.lab.contents import Content, c3d_span, known_labels, stream
from biomech_xr.datasets.lab.events import find_events
from biomech_xr.datasets.lab.mapping import AngleChannel, LabMapping, Outputs, Person
from biomech_xr.datasets.lab.signals import VOLTS, emg_stream
from biomech_xr.datasets.lab.wording import nearest


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
        *_clock_problems(content),
    ]
    if content.unread & {"forces", "markers", "events"}:
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
        "markers": mapping.events.markers,
    }
    places = {role: f"events.{role}" if role in ("forces", "markers") else role for role in parts}
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


def _emg_problems(content: Content, mapping: LabMapping) -> list[str]:
    table = emg_stream(content, mapping.emg)
    if mapping.emg is None or table is None:
        return []
    found, what = [], "analog label" if "emg" not in content.paths else "column"
    for channel in mapping.emg.channels:
        unit = table.units.get(channel.label, "")
        if channel.label not in table.values:
            known = known_labels(content, "emg")
            found.append(f"emg.channels: no {what} {channel.label!r}{nearest(channel.label, known)}")
        elif unit and unit.lower() not in VOLTS:
            found.append(f"emg.channels: {channel.label!r} has the unknown unit {unit!r}, expected V, mV or uV")
    return found


def _output_problems(content: Content, wanted: Outputs | None, role: str, output: plug_in_gait.Output) -> list[str]:
    if wanted is None or (content.c3d is None and role not in content.paths):
        return []
    if wanted.convention:
        return [f"{role}: {problem}" for problem in _convention_problems(content, wanted, role, output)]
    channels: Sequence[object] = getattr(wanted, "channels", ())
    return _column_problems(content, role, channels)


def _convention_problems(content: Content, wanted: Outputs, role: str, output: plug_in_gait.Output) -> list[str]:
    if role in content.paths or content.c3d is None:
        return [f"convention plug_in_gait reads C3D files, not {content.paths[role].name}; list its channels"]
    c3d = content.c3d
    labels, found = plug_in_gait.find(c3d.points, output, prefix=wanted.prefix, suffix=wanted.suffix)
    if not labels:
        example = f"{wanted.prefix + ':' if wanted.prefix else ''}LHip{output}{wanted.suffix or ''}"
        found.append(f"no point label like {example!r}{nearest(example, c3d.points)}")
    unit = str((c3d.parameters.get("POINT", {}).get("ANGLE_UNITS") or [""])[0])
    if output == plug_in_gait.ANGLES and unit.lower().startswith("rad"):
        found.append(f"POINT:ANGLE_UNITS is the unknown unit {unit!r}, expected deg")
    return found


def _column_problems(content: Content, role: str, channels: Sequence[object]) -> list[str]:
    labels = [str(getattr(channel, "label", "")) for channel in channels]
    table = stream(content, role, labels)
    if table is None:
        return []
    known = known_labels(content, role)
    found = [f"{role}: no column {x!r}{nearest(x, known)}" for x in labels if x not in table.values]
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
    return _column_problems(content, "powers", mapping.powers.channels)


def _clock_problems(content: Content) -> list[str]:
    """Return pairs of files whose times do not overlap: they are not of one trial, or on two clocks."""
    spans = {content.paths[role].name: table.span for role, table in content.tables.items()}
    if content.c3d is not None:
        spans[content.paths["c3d"].name] = c3d_span(content.c3d)
    return [
        f"{first} runs from {spans[first][0]:.3f} to {spans[first][1]:.3f} s and {second} from {spans[second][0]:.3f} "
        f"to {spans[second][1]:.3f} s: no time in common; put both on one clock"
        for first, second in combinations(spans, 2)
        if max(spans[first][0], spans[second][0]) >= min(spans[first][1], spans[second][1])
    ]
