"""Vertical forces of the plates of a C3D file, and which foot stood on them, stance by stance.

The plates: C3D user guide, https://www.c3d.org/, *The FORCE_PLATFORM group*. Types 1, 2 and 4 carry the vertical force
in their third channel, type 3 in channels 5 to 8 (a sensor at each corner). A plate does not tell whose foot it is:
while one foot stands the other swings, so the foot whose markers keep still, over the plate, is the one on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.datasets.lab.event_mapping import Plate
from biomech_xr.evidence import contacts_from_force
from biomech_xr.readers.c3d import C3dTrial

FloatArray = npt.NDArray[np.float64]

_VERTICAL: Final = {1: (2,), 2: (2,), 3: (4, 5, 6, 7), 4: (2,)}
_STILL: Final = 0.5
_REACH: Final = 0.3
_FEWEST_FRAMES: Final = 3
_GRAVITY: Final = 9.80665


@dataclass(frozen=True, kw_only=True, slots=True)
class PlateForce:
    """The vertical force of one plate (sample,), and where it lies: `corners` (4, 3) in the file's unit of length."""

    name: str
    force: FloatArray
    side: words.Side | None = None
    corners: FloatArray | None = None
    newton: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class FootMarkers:
    """The paths (frame, 3) of the markers of each foot, `rate` in Hz and `t0` in s."""

    paths: Mapping[words.Side, Sequence[npt.NDArray[Any]]]
    rate: float
    t0: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Stance:
    """One loading of a plate, s on the trial's clock: NaN where its begin or end was not recorded."""

    plate: str
    contact: float
    off: float
    side: words.Side | None
    reason: str = ""


def plate_forces(c3d: C3dTrial, plates: Sequence[Plate]) -> tuple[list[PlateForce], list[str]]:
    """Return the plates that the mapping names (all of the file without any), and why others cannot be read."""
    group = c3d.parameters.get("FORCE_PLATFORM", {})
    count = plate_count(c3d)
    wanted = list(plates) or [Plate(number=number) for number in range(1, count + 1)]
    if not wanted:
        return [], ["events.plates: the file names no force plate; give the vertical channels of each plate"]
    found: list[PlateForce] = []
    problems: list[str] = []
    for plate in wanted:
        if plate.number is None:
            missing = [label for label in plate.vertical if label not in c3d.analogs]
            problems += [f"events.plates: no analog label {label!r}" for label in missing]
            if not missing:
                force = _total([c3d.analogs[label] for label in plate.vertical])
                newton = all(c3d.analog_units[label].lower() == "n" for label in plate.vertical)
                found.append(PlateForce(name=plate.name, force=force, side=plate.side, newton=newton))
            continue
        entry, problem = _entry(c3d, group, count, plate)
        problems += [f"events.plates: {problem}"] if problem else []
        found += [entry] if entry is not None else []
    return found, problems


def plate_count(c3d: C3dTrial) -> int:
    """Return how many force plates the file describes: FORCE_PLATFORM:USED, and no more than it has types."""
    group = c3d.parameters.get("FORCE_PLATFORM", {})
    used, kinds = group.get("USED") or [0], group.get("TYPE") or []
    numbers = [value for value in (used[0], *kinds) if isinstance(value, int | float)]
    return max(min(int(used[0]), len(kinds)), 0) if len(numbers) == 1 + len(kinds) else 0


def _entry(c3d: C3dTrial, group: Mapping[str, Any], count: int, plate: Plate) -> tuple[PlateForce | None, str]:
    """Return one FORCE_PLATFORM entry, or why it cannot be read."""
    index = (plate.number or 1) - 1
    if index >= count:
        return None, f"no {plate.name}; the file has {count}"
    kind = int(group["TYPE"][index])
    if kind not in _VERTICAL:
        return None, f"{plate.name} is of type {kind}, expected 1 to 4; give its vertical channels"
    analogs, units = list(c3d.analogs.values()), list(c3d.analog_units.values())
    try:
        places = [int(group["CHANNEL"][row][index]) - 1 for row in _VERTICAL[kind]]
        if min(places) < 0:
            raise IndexError(min(places))
        force = _total([analogs[place] for place in places])
    except (KeyError, IndexError, TypeError, ValueError):
        return None, f"{plate.name} names channels that the file has not; give its vertical channels"
    try:
        corners = np.asarray(group.get("CORNERS") or [], dtype=np.float64)
    except (TypeError, ValueError):
        corners = np.empty(0)
    known = corners.ndim == 3 and corners.shape[0] == 3 and index < corners.shape[2] and bool(np.any(corners))
    return PlateForce(
        name=plate.name,
        force=force,
        side=plate.side,
        corners=corners[:, :, index].T if known else None,
        newton=kind != 4 and all(units[place].lower() == "n" for place in places),
    ), ""


def _total(channels: Sequence[npt.NDArray[Any]]) -> FloatArray:
    return np.asarray(np.sum(channels, axis=0, dtype=np.float64), dtype=np.float64)


def stances(
    plates: Sequence[PlateForce], *, rate: float, t0: float, body_mass: float | None, markers: FootMarkers | None
) -> list[Stance]:
    """Return every loading of the plates (force in N, rate in Hz) with the foot that stood on it, by time.

    The weight is the person's where the forces are in N, else that of the most loaded plate: a plate that the other
    foot only touched has no stance.
    """
    if body_mass is None or not all(plate.newton for plate in plates):
        body_mass = max((_load(plate.force) for plate in plates), default=0.0) / _GRAVITY
    found: list[Stance] = []
    for plate in plates:
        contacts, offs = (times + t0 for times in contacts_from_force(plate.force, rate, body_mass))
        for contact, off in _paired(contacts, offs):
            begin = contact if np.isfinite(contact) else t0
            end = off if np.isfinite(off) else t0 + plate.force.size / rate
            side, reason = (plate.side, "") if plate.side else _foot(plate, begin, end, markers)
            found.append(Stance(plate=plate.name, contact=contact, off=off, side=side, reason=reason))
    return sorted(found, key=_order)


def joined(loads: Sequence[Stance]) -> list[Stance]:
    """Return the loadings by time, with those of one foot that overlap (a foot on two plates) as one stance."""
    found: list[Stance] = []
    for load in sorted(loads, key=_order):
        last = next((other for other in reversed(found) if other.side == load.side), None)
        if load.side is None or last is None or not load.contact < last.off:
            found.append(load)
            continue
        name, off = f"{last.plate} and {load.plate}", max(last.off, load.off)
        found[found.index(last)] = replace(last, plate=name, off=off)
    return found


def _order(load: Stance) -> float:
    return load.contact if np.isfinite(load.contact) else load.off


def _load(force: FloatArray) -> float:
    """Return the typical force of a loaded plate, in its own unit."""
    centered = np.abs(force[np.isfinite(force)] - np.median(force[np.isfinite(force)])) if force.size else force
    top = float(np.percentile(centered, 99.5)) if centered.size else 0.0
    return float(np.median(centered[centered >= 0.5 * top])) if top > 0 else 0.0


def _paired(contacts: FloatArray, offs: FloatArray) -> list[tuple[float, float]]:
    """Return (contact, off) of every loading, NaN for one that was not recorded."""
    events = sorted([(time, True) for time in contacts] + [(time, False) for time in offs])
    pairs: list[tuple[float, float]] = []
    for time, is_contact in events:
        if is_contact:
            pairs.append((float(time), np.nan))
        elif pairs and np.isnan(pairs[-1][1]):
            pairs[-1] = (pairs[-1][0], float(time))
        else:
            pairs.append((np.nan, float(time)))
    return pairs


def _foot(plate: PlateForce, begin: float, end: float, markers: FootMarkers | None) -> tuple[words.Side | None, str]:
    """Return whose foot stood on a plate from ``begin`` to ``end`` (s), or why that is not clear."""
    if markers is None:
        return None, "no foot markers"
    quarter = 0.25 * (end - begin)
    rows = np.rint((np.array([begin + quarter, end - quarter]) - markers.t0) * markers.rate).astype(int)
    piece = slice(max(int(rows[0]), 0), max(int(rows[1]) + 1, 0))
    travel = {side: _travel(paths, piece) for side, paths in markers.paths.items()}
    seen = {side: (way, place) for side, (way, place) in travel.items() if np.isfinite(way)}
    if len(seen) < len(words.SIDES):
        return None, "the markers of a foot are hidden"
    still, moving = sorted(seen, key=lambda side: seen[side][0])
    if not seen[still][0] < _STILL * seen[moving][0]:
        return None, "both feet move, or both stand"
    if plate.corners is not None and not _over(seen[still][1], plate.corners):
        return None, f"the {still} foot stands still, but beside the plate"
    return still, ""


def _travel(paths: Sequence[npt.NDArray[Any]], piece: slice) -> tuple[float, FloatArray]:
    """Return how far a foot's markers move in some frames (mean over markers), and where they are at the median."""
    ways, places = [], []
    for path in paths:
        part = np.asarray(path[piece], dtype=np.float64)
        part = part[np.isfinite(part).all(axis=1)]
        if len(part) >= _FEWEST_FRAMES:
            ways.append(float(np.linalg.norm(np.ptp(part, axis=0))))
            places.append(np.median(part, axis=0))
    if not ways:
        return np.nan, np.full(3, np.nan)
    return float(np.mean(ways)), np.mean(places, axis=0)


def _over(place: FloatArray, corners: FloatArray) -> bool:
    """Return whether a place lies over a plate, or close beside it: the markers sit on the shoe."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    level = np.argsort(high - low)[1:]
    margin = _REACH * float((high - low)[level].max())
    return bool(np.all((place[level] >= low[level] - margin) & (place[level] <= high[level] + margin)))
