"""Contacts and foot offs of a trial from the velocity of the feet or from the rotation of the shanks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.datasets.lab.contents import Content, marker_paths, stream
from biomech_xr.datasets.lab.event_labels import gaps
from biomech_xr.datasets.lab.event_mapping import Gyroscopes, Markers
from biomech_xr.evidence.events import (
    USUAL_BIAS,
    EventQuality,
    contacts_from_foot,
    contacts_from_gyroscope,
    event_quality,
)

FloatArray = npt.NDArray[np.float64]
BySide = Mapping[words.Side, FloatArray]

_SIDES: Final[tuple[words.Side, ...]] = ("left", "right")
_SHANK_LATE: Final = tuple(USUAL_BIAS["gyroscope", kind] for kind in ("contact", "foot off"))
_OTHER: Final[Mapping[words.Side, words.Side]] = {"left": "right", "right": "left"}


def foot_events(content: Content, markers: Markers) -> tuple[BySide, BySide, str] | None:
    """Return contacts and foot offs (s) by side and a note, from heel and toe; None where a marker is missing."""
    feet = {"left": markers.left, "right": markers.right}
    labels = [label for foot in feet.values() for label in (foot.heel, foot.toe) if label]
    paths, rate, t0 = marker_paths(content, [*labels, *markers.pelvis])
    if any(label not in paths for label in labels):
        return None
    contacts, offs = {}, {}
    for side in _SIDES:
        heel, toe = paths[feet[side].heel or ""], paths[feet[side].toe or ""]
        up = _upward(np.asarray(heel), [paths[label] for label in markers.pelvis if label in paths])
        contacts[side], offs[side] = (times + t0 for times in contacts_from_foot(heel, toe, rate, up=up))
    note = gaps(paths, labels, rate, t0)
    return contacts, offs, "; ".join(text for text in (_quality(contacts, offs), note) if text)


def _upward(heel: npt.NDArray[np.floating], pelvis: list[npt.NDArray[np.floating]]) -> int | None:
    """Return the column in which the pelvis is farthest from the heel on average; None without a pelvis."""
    if not pelvis:
        return None
    apart = np.mean(pelvis, axis=0, dtype=np.float64) - heel
    known = np.isfinite(apart).all(axis=1)
    return int(np.argmax(np.abs(apart[known].mean(axis=0)))) if known.any() else None


def shank_events(content: Content, gyroscopes: Gyroscopes) -> tuple[BySide, BySide, str] | None:
    """Return contacts and foot offs (s) by side and a note, from the shanks; None where a column is missing.

    What the detector is usually late is taken off: both feet would else be thought to leave and land at once.
    """
    labels = [column.label for column in gyroscopes.columns]
    table = stream(content, "gyroscopes", labels)
    if table is None or any(label not in table.values for label in labels):
        return None
    contacts, offs = {}, {}
    for side in _SIDES:
        own = gyroscopes.labels(side)
        if own:
            turn = np.stack([np.asarray(table.values[label], dtype=np.float64) for label in own], axis=1)
            turn = np.deg2rad(turn) if gyroscopes.unit == "deg/s" else turn
            times = contacts_from_gyroscope(turn[:, 0] if len(own) == 1 else turn, table.rate)
            contacts[side], offs[side] = (
                values + table.t0 - late for values, late in zip(times, _SHANK_LATE, strict=True)
            )
    note = f"usual lateness of {', '.join(f'{1000 * late:+.0f} ms' for late in _SHANK_LATE)} taken off"
    return contacts, offs, "; ".join(text for text in (note, _quality(contacts, offs)) if text)


def _quality(contacts: BySide, offs: BySide) -> str:
    """Return the quality of the events of each foot in words."""
    scores: dict[words.Side, EventQuality] = {
        side: event_quality(contacts[side], offs[side], other_contacts=contacts.get(_OTHER[side], ()))
        for side in contacts
        if contacts[side].size > 1
    }
    return ", ".join(f"quality of the {side} foot {one.describe()}" for side, one in scores.items())
