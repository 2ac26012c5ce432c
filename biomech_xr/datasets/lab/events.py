"""Finds contacts and foot offs of a trial: labels, plates, markers, forces or a table, and compares the ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.datasets.lab.agreement import LARGEST_DIFFERENCE, Contacts, difference
from biomech_xr.datasets.lab.contents import Content, c3d_span, marker_names, marker_paths, stream
from biomech_xr.datasets.lab.event_feet import foot_events, shank_events
from biomech_xr.datasets.lab.event_labels import gaps, missing_labels
from biomech_xr.datasets.lab.event_mapping import EventSource, Foot
from biomech_xr.datasets.lab.mapping import LabMapping, Person
from biomech_xr.datasets.lab.plates import FootMarkers, Stance, joined, plate_count, plate_forces, stances
from biomech_xr.datasets.lab.tables import kind_of
from biomech_xr.datasets.lab.wording import stamps
from biomech_xr.evidence import contacts_from_force, contacts_from_heel

FloatArray = npt.NDArray[np.float64]

SIDES: Final[tuple[words.Side, ...]] = ("left", "right")
_CROOKED: Final = ("turn", "step_up", "step_down", "stair_ascent", "stair_descent")
"""Activities in which the foot that is farthest ahead of the pelvis does not tell a contact."""
_FEWEST: Final = 2
"""Contacts of one foot that make a stride."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Contacts and foot offs by side, s on the trial's clock, sorted; `note` tells what was done.

    `others` holds the contacts that the other ways saw, by the name of the way; empty where they are not to be asked.
    """

    contacts: Mapping[words.Side, FloatArray]
    offs: Mapping[words.Side, FloatArray]
    note: str = ""
    others: Mapping[str, Contacts] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """The number of contacts of both feet."""
        return sum(times.size for times in self.contacts.values())


NOTHING: Final = Found(contacts={}, offs={})


def find_events(content: Content, mapping: LabMapping, person: Person) -> tuple[Found, list[str]]:
    """Return the events of the way that the mapping names, compared with the others it describes, and all problems.

    Contacts of two ways are paired with the nearest one of the same foot; where none is within 0.5 s, or the median of
    the differences is above 0.1 s, they disagree, unless the mapping says ``compare: false``.
    """
    chosen = mapping.events.source
    found, problems = _WAYS[chosen](content, mapping, person)
    problems = list(dict.fromkeys([*missing_labels(content, mapping), *problems]))
    if problems:
        return NOTHING, problems
    if not found.count:
        return NOTHING, [f"events: no contact found from {chosen}{found.note and f' ({found.note})'}"]
    lines = [f"{found.count} contacts from {chosen}" + (f" ({found.note})" if found.note else "")]
    lines += [
        f"{side} foot: {number or 'no'} contact, no stride"
        for side in SIDES
        if (number := found.contacts.get(side, np.empty(0)).size) < _FEWEST
    ]
    others: dict[str, Contacts] = {}
    for name in _others(content, mapping):
        other, hindered = _WAYS[name](content, mapping, person)
        if hindered or not other.count:
            lines.append(f"{name}: nothing to compare with{f' ({hindered[0]})' if hindered else ''}")
            continue
        text, median = difference(found.contacts, other.contacts)
        lines.append(f"{name}: {text}" + (f" ({other.note})" if other.note else ""))
        others |= {name: other.contacts} if mapping.events.compare else {}
        if median > LARGEST_DIFFERENCE and mapping.events.compare:
            problems.append(
                f"events: contacts from {chosen} and from {name} disagree: {text}; correct the mapping, or state "
                f"events.compare: false to take {chosen}"
            )
    return Found(contacts=found.contacts, offs=found.offs, note="; ".join(lines), others=others), problems


def _others(content: Content, mapping: LabMapping) -> list[EventSource]:
    """Return the ways, other than the one named, for which the trial has what they need."""
    events, c3d = mapping.events, content.c3d
    there: dict[EventSource, bool] = {
        "labels": c3d is not None and any(kind_of(label) == "contact" for label, _, _ in c3d.events),
        "plates": c3d is not None and (bool(events.plates) or (events.markers is not None and _has_plates(content))),
        "markers": events.markers is not None and events.markers.timed and bool(marker_names(content)),
        "forces": events.forces is not None and "forces" in content.tables,
        "gyroscopes": events.gyroscopes is not None and shank_events(content, events.gyroscopes) is not None,
        "table": bool(content.events),
    }
    return [name for name, is_there in there.items() if is_there and name != events.source]


def _has_plates(content: Content) -> bool:
    return content.c3d is not None and plate_count(content.c3d) > 0


def _from_labels(content: Content, mapping: LabMapping, person: Person) -> tuple[Found, list[str]]:  # noqa: ARG001
    c3d = content.c3d
    if c3d is None:
        return NOTHING, ["events: no C3D file holds event labels; state events.from: forces, markers or table"]
    named = [(kind_of(label), side, time) for label, side, time in c3d.events if kind_of(label)]
    if not any(kind == "contact" for kind, _, _ in named):
        names = sorted({f"{side} {label}".strip() for label, side, _ in c3d.events})
        return NOTHING, [
            f"events: no foot strike among {len(c3d.events)} events ({', '.join(names) or 'none'}), expected "
            "'Foot Strike' events of the left or right foot; label them, or state events.from: plates or markers"
        ]
    start, stop = c3d_span(c3d)
    return _sorted(named, start, stop, tolerance=0.5 / (c3d.point_rate or 1000.0))


def _sorted(
    named: list[tuple[str, str, float]], start: float, stop: float, *, tolerance: float = 1e-6
) -> tuple[Found, list[str]]:
    """Return stated events by side, or what is wrong with them."""
    sideless = stamps(time for _, side, time in named if not side)
    outside = stamps(time for _, _, time in named if not start - tolerance <= time <= stop + tolerance)
    problems = []
    if sideless:
        problems.append(f"events: foot events at {sideless} s belong to no foot, expected the context Left or Right")
    if outside:
        text = f"events: {outside} s lie outside the recorded {start:.3f} to {stop:.3f} s; remove or export more"
        problems.append(text)
    by_kind = {
        kind: {side: _array(time for what, foot, time in named if (what, foot) == (kind, side)) for side in SIDES}
        for kind in ("contact", "foot_off")
    }
    return Found(contacts=by_kind["contact"], offs=by_kind["foot_off"]), problems


def _from_table(content: Content, mapping: LabMapping, person: Person) -> tuple[Found, list[str]]:  # noqa: ARG001
    if "events" not in content.paths:
        return NOTHING, ["events: from: table, but the trial has no file with the role events"]
    unknown = sorted({event.found for event in content.events if not event.kind or not event.side})
    if unknown:
        return NOTHING, [
            f"events: unknown {', '.join(map(repr, unknown[:5]))} in the table; translate with events.table.words"
        ]
    spans = [table.span for table in content.tables.values()]
    spans += [c3d_span(content.c3d)] if content.c3d is not None else []
    start, stop = (min(s for s, _ in spans), max(s for _, s in spans)) if spans else (-np.inf, np.inf)
    return _sorted([(event.kind, event.side, event.time) for event in content.events], start, stop)


def _from_forces(content: Content, mapping: LabMapping, person: Person) -> tuple[Found, list[str]]:
    forces = mapping.events.forces
    labels = [column.label for column in forces.columns] if forces else []
    table = stream(content, "forces", labels)
    if forces is None or table is None:
        return NOTHING, ["events: from: forces, but the trial has no file with the role forces"]
    if any(label not in table.values for label in labels):
        return NOTHING, missing_labels(content, mapping)
    contacts, offs = {}, {}
    for side in SIDES:
        own = [table.values[column.label] for column in forces.columns if column.side == side]
        if own:
            times = contacts_from_force(np.sum(own, axis=0, dtype=np.float64), table.rate, person.body_mass)
            contacts[side], offs[side] = (values + table.t0 for values in times)
    return Found(contacts=contacts, offs=offs), []


def _from_markers(content: Content, mapping: LabMapping, person: Person) -> tuple[Found, list[str]]:  # noqa: ARG001
    markers = mapping.events.markers
    if markers is None or not marker_names(content):
        return NOTHING, ["events: from: markers, but the trial has no markers"]
    activity = content.files.activity or mapping.activity
    if activity in _CROOKED:
        return NOTHING, [
            f"events: from: markers finds contacts in straight walking only, found the activity {activity}; state "
            "events.from: plates, forces, labels or table"
        ]
    feet: dict[words.Side, Foot] = {"left": markers.left, "right": markers.right}
    labels = [*markers.pelvis, *(x for foot in feet.values() for x in (foot.heel, foot.toe) if x)]
    paths, rate, t0 = marker_paths(content, labels)
    if any(label not in paths for label in labels):
        return NOTHING, missing_labels(content, mapping)
    pelvis = np.mean([paths[label] for label in markers.pelvis], axis=0, dtype=np.float64)
    contacts, offs = {}, {}
    for side, foot in feet.items():
        toe = paths[foot.toe] if foot.toe else None
        times = contacts_from_heel(paths[foot.heel or ""], pelvis, rate, toe=toe)
        contacts[side], offs[side] = (values + t0 for values in times)
    return Found(contacts=contacts, offs=offs, note=gaps(paths, labels, rate, t0)), []


def _from_foot(content: Content, mapping: LabMapping, person: Person) -> tuple[Found, list[str]]:  # noqa: ARG001
    markers = mapping.events.markers
    if markers is None or not marker_names(content):
        return NOTHING, ["events: from: foot, but the trial has no markers"]
    seen = foot_events(content, markers)
    if seen is None:
        return NOTHING, missing_labels(content, mapping)
    contacts, offs, note = seen
    return Found(contacts=contacts, offs=offs, note=note), []


def _from_gyroscopes(content: Content, mapping: LabMapping, person: Person) -> tuple[Found, list[str]]:  # noqa: ARG001
    described = mapping.events.gyroscopes
    seen = shank_events(content, described) if described is not None else None
    if seen is None:
        return NOTHING, missing_labels(content, mapping) or ["events: from: gyroscopes, but the trial has none"]
    contacts, offs, note = seen
    return Found(contacts=contacts, offs=offs, note=note), []


def _from_plates(content: Content, mapping: LabMapping, person: Person) -> tuple[Found, list[str]]:
    c3d = content.c3d
    if c3d is None:
        return NOTHING, ["events: no C3D file holds force plates; state events.from: forces, markers or table"]
    plates, problems = plate_forces(c3d, mapping.events.plates)
    markers, missing = _foot_markers(content, mapping)
    open_sides = [plate.name for plate in plates if plate.side is None]
    if open_sides and markers is None:
        why = f"; {missing}" if missing else ""
        problems.append(
            f"events.plates: nothing tells which foot steps on {', '.join(open_sides)}{why}: describe events.markers, "
            "or give each plate its side"
        )
    if open_sides and markers is not None and (content.files.surface or mapping.surface) == "treadmill":
        problems.append(
            f"events.plates: on a treadmill a standing foot moves with the belt, so markers do not tell which foot is "
            f"on {', '.join(open_sides)}: give each plate its side, as plates: [{{number: 1, side: left}}]"
        )
    if problems:
        return NOTHING, problems
    loads = stances(plates, rate=c3d.analog_rate, t0=c3d_span(c3d)[0], body_mass=person.body_mass, markers=markers)
    undecided = [f"{load.plate} at {_begin(load):.3f} s: {load.reason}" for load in loads if load.side is None]
    if loads and len(undecided) == len(loads):
        return NOTHING, [f"events.plates: no foot for {text}; give the plate its side" for text in undecided]
    loads = joined(loads)
    note = [f"{load.plate} {load.side} at {_begin(load):.3f} s" for load in loads if load.side]
    note += [f"left out {text}" for text in undecided]
    contacts = {side: _array(load.contact for load in loads if load.side == side) for side in SIDES}
    offs = {side: _array(load.off for load in loads if load.side == side) for side in SIDES}
    return Found(contacts=contacts, offs=offs, note=", ".join(note)), []


def _begin(load: Stance) -> float:
    return load.contact if np.isfinite(load.contact) else load.off


def _foot_markers(content: Content, mapping: LabMapping) -> tuple[FootMarkers | None, str]:
    """Return the foot markers that exist, or None and which do not."""
    markers = mapping.events.markers
    if markers is None:
        return None, ""
    feet: dict[words.Side, Foot] = {"left": markers.left, "right": markers.right}
    labels = [label for foot in feet.values() for label in foot.labels]
    paths, rate, t0 = marker_paths(content, labels)
    own = {side: [paths[label] for label in foot.labels if label in paths] for side, foot in feet.items()}
    if not all(own.values()):
        return None, f"no marker {', '.join(repr(x) for x in labels if x not in paths)}"
    return FootMarkers(paths=own, rate=rate, t0=t0), ""


def _array(times: object) -> FloatArray:
    values = np.sort(np.fromiter(times, dtype=np.float64))  # type: ignore[call-overload]
    return np.asarray(values[np.isfinite(values)], dtype=np.float64)


_WAYS: Final[Mapping[EventSource, Callable[[Content, LabMapping, Person], tuple[Found, list[str]]]]] = {
    "labels": _from_labels,
    "plates": _from_plates,
    "markers": _from_markers,
    "forces": _from_forces,
    "table": _from_table,
    "foot": _from_foot,
    "gyroscopes": _from_gyroscopes,
}
