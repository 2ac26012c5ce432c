"""Does a C3D file hold what the mapping names? Every problem of a file is listed, none is raised one by one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Set
from typing import Final

from biomech_xr import vocabulary as words
from biomech_xr.datasets import plug_in_gait
from biomech_xr.datasets.lab.mapping import LabMapping, Outputs
from biomech_xr.readers.c3d import C3dTrial

SIDES: Final[tuple[words.Side, ...]] = ("left", "right")
CONTACTS: Final = frozenset({"footstrike", "heelstrike", "initialcontact"})
OFFS: Final = frozenset({"footoff", "toeoff"})
"""Names of the gait events, without case, spaces and signs."""

VOLTS: Final = {"v": 1.0, "volt": 1.0, "volts": 1.0, "mv": 1e-3, "uv": 1e-6, "\u00b5v": 1e-6, "\u03bcv": 1e-6}
"""Known units of an EMG channel in V, in lower case (the micro sign has two code points)."""


def problems(content: C3dTrial, mapping: LabMapping) -> list[str]:
    """Return everything that keeps a file from being read with the mapping: labels, units, events, length."""
    found = []
    if content.announced_frames > content.frames:
        found.append(f"truncated: found {content.frames} frames, expected {content.announced_frames}; export it again")
    return [
        *found,
        *_emg_problems(content, mapping),
        *_output_problems(content, mapping.angles, plug_in_gait.ANGLES, "angles"),
        *_output_problems(content, mapping.moments, plug_in_gait.MOMENTS, "moments"),
        *_event_problems(content),
    ]


def event_times(content: C3dTrial, side: str, kind: Set[str]) -> list[float]:
    """Return the times of one kind of event of one foot, s on the trial's clock; case and spacing do not matter."""
    return [time for label, foot, time in content.events if foot == side and re.sub("[^a-z]", "", label) in kind]


def span(content: C3dTrial) -> tuple[float, float]:
    """Return when the file starts and stops on the trial's clock (the capture's), s."""
    return content.first_frame / content.point_rate, (content.first_frame + content.frames) / content.point_rate


def _emg_problems(content: C3dTrial, mapping: LabMapping) -> list[str]:
    found = []
    for channel in mapping.emg.channels if mapping.emg else ():
        unit = content.analog_units.get(channel.label, "")
        if channel.label not in content.analogs:
            found.append(f"emg.channels: no analog label {channel.label!r}{_nearest(channel.label, content.analogs)}")
        elif unit and unit.lower() not in VOLTS:
            found.append(f"emg.channels: {channel.label!r} has the unknown unit {unit!r}, expected V, mV or uV")
    return found


def _output_problems(content: C3dTrial, wanted: Outputs | None, output: plug_in_gait.Output, field: str) -> list[str]:
    if wanted is None:
        return []
    labels, found = plug_in_gait.find(content.points, output, prefix=wanted.prefix, suffix=wanted.suffix)
    if not labels:
        example = f"{wanted.prefix + ':' if wanted.prefix else ''}LHip{output}{wanted.suffix or ''}"
        found.append(f"no point label like {example!r}{_nearest(example, content.points)}")
    unit = str((content.parameters.get("POINT", {}).get("ANGLE_UNITS") or [""])[0])
    if output == plug_in_gait.ANGLES and unit.lower().startswith("rad"):
        found.append(f"POINT:ANGLE_UNITS is the unknown unit {unit!r}, expected deg")
    return [f"{field}: {problem}" for problem in found]


def _event_problems(content: C3dTrial) -> list[str]:
    named = [
        (label, side, time) for label, side, time in content.events if re.sub("[^a-z]", "", label) in CONTACTS | OFFS
    ]
    if not any(re.sub("[^a-z]", "", label) in CONTACTS for label, _, _ in named):
        names = sorted({f"{side} {label}".strip() for label, side, _ in content.events})
        return [
            f"events: no foot strike among {len(content.events)} events ({', '.join(names) or 'none'}), expected "
            "'Foot Strike' events of the left or right foot; label the gait events and export again"
        ]
    start, stop = span(content)
    half = 0.5 / content.point_rate
    sideless = _stamps(time for _, side, time in named if not side)
    outside = _stamps(time for _, _, time in named if not start - half <= time <= stop + half)
    found = []
    if sideless:
        found.append(f"events: foot events at {sideless} s belong to no foot, expected the context Left or Right")
    if outside:
        found.append(f"events: {outside} s lie outside the recorded {start:.3f} to {stop:.3f} s; remove or export more")
    return found


def _stamps(times: Iterable[float]) -> str:
    return ", ".join(f"{time:.3f}" for time in times)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)
    return f"; the nearest is {near[0]!r}" if near else "; the file has none"
