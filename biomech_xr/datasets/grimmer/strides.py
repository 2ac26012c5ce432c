"""Strides of Grimmer's recordings: touchdown lists, and whether a stride walks on the level or on stairs.

The source lists touchdowns of an ascent and of a descent, whose first or last strides are level walking or transitions,
and does not say which. The knee of the stride's own leg tells them apart: it is nearly straight at a contact on the
level and bent at one on a stair; going down, it bends in late stance to lower the body by a step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.grimmer.files import FloatArray
from biomech_xr.datasets.grimmer.signs import resample
from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.evidence import Decision, step_contacts, steps_down
from biomech_xr.schema import Signal

FOOT_OFF: Final = (0.4, 0.8)
"""Share of a stride at which a force may end to be a foot off."""


_ROUNDING: Final = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Whether one foot has a force, `loaded` (frame,) at `rate` Hz from 0 s."""

    loaded: npt.NDArray[np.bool_]
    rate: float

    def foot_off(self, start: float, stop: float) -> float:
        """Return where the force that is there from contact ends, s after ``start``; NaN where it is not a foot off.

        The force must begin within two frames of the contact, end once, and end at 40 to 80 % of the stride.
        """
        first, last = (math.ceil(time * self.rate - _ROUNDING) for time in (start, stop))
        rows = self.loaded[first : last - 1]
        stance = np.flatnonzero(rows)
        if rows.size < last - 1 - first or not stance.size or stance[0] > 1:
            return np.nan
        end = int(stance[-1]) + 1
        off = (first + end) / self.rate - start
        whole = bool(rows[stance[0] : end].all()) and FOOT_OFF[0] <= off / (stop - start) <= FOOT_OFF[1]
        return off if whole else np.nan


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """The touchdowns of one leg in the ascent or descent of a recording: `contacts` in s, NaN where not known."""

    name: str
    side: words.Side
    contacts: FloatArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What the labels of a recording's strides need.

    `knees` maps a side to the canonical knee flexion (frame,) at `rate` Hz, `standing` to when it has a force;
    `unpaired` says why the streams do not belong together, if they do not; `notes` is filled with what the knees say.
    """

    spec: DatasetSpec
    trial: str
    stair_height: float
    span: tuple[float, float]
    signals: Mapping[str, Signal]
    knees: Mapping[str, FloatArray]
    rate: float
    standing: Mapping[str, Standing]
    unpaired: str = ""
    notes: dict[str, str] = field(default_factory=dict)


def stride_rows(parts: Sequence[Part], context: Context) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of `strides` and of `rejected` of one recording; the parts of a leg are numbered through in time.

    Every two touchdowns that follow one another in a list are a candidate. One of which a touchdown is NaN is rejected
    as `unknown_duration`: joining over it would make two strides one. What both lists hold is kept once where they
    agree on its activity, else not at all.
    """
    kept: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    for side in words.SIDES:
        number = 0
        own_kept: list[list[dict[str, Any]]] = []
        own = [part for part in parts if part.side == side and part.contacts.size]
        for part in sorted(own, key=lambda part: float(part.contacts[0])):
            grounds = _activities(part, context)
            rows = cycles.sort_candidates(
                spec=context.spec,
                trial=context.trial,
                side=side,
                contacts=part.contacts,
                span=context.span,
                judge=_Judge(part, grounds, context),
                first_number=number,
            )
            own_kept.append(rows[0])
            rejected += rows[1]
            number += max(part.contacts.size - 1, 0)
        good, bad = _apart(own_kept, 1 / context.rate)
        kept += good
        rejected += bad
    return kept, rejected


def _apart(
    parts: Sequence[Sequence[dict[str, Any]]], frame: float
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the strides of the lists of a leg that do not overlap by more than a ``frame``, and those rejected."""
    rows = [row for part in parts for row in part]
    lost: dict[int, str] = {}
    for one, two in product(*parts) if len(parts) == 2 else ():
        stops = [row["trial_time"] + row["duration"] for row in (one, two)]
        if min(stops) - max(one["trial_time"], two["trial_time"]) <= frame:
            continue
        same = abs(one["trial_time"] - two["trial_time"]) <= frame and abs(stops[0] - stops[1]) <= frame
        if not (same and one["activity"] == two["activity"]):
            lost[one["stride_number"]] = (
                f"overlaps a stride of the {two['source_activity']} at {two['trial_time']:.3f} s"
            )
        lost[two["stride_number"]] = f"overlaps a stride of the {one['source_activity']} at {one['trial_time']:.3f} s"
    names = ("trial", "side", "stride_number", "trial_time", "duration", "source_activity")
    rejected = [
        {name: row[name] for name in names} | {"reason": "excluded", "detail": lost[row["stride_number"]]}
        for row in rows
        if row["stride_number"] in lost
    ]
    return [row for row in rows if row["stride_number"] not in lost], rejected


class _Judge:
    """Labels of the candidates of one part."""

    def __init__(self, part: Part, grounds: Sequence[tuple[str, bool]], context: Context) -> None:
        self._part = part
        self._grounds = grounds
        self._context = context
        self._samples = cycles.Samples(context.signals, part.side)
        self._contacts = part.contacts.tolist()

    def __call__(self, index: int) -> cycles.Verdict:
        part, context = self._part, self._context
        start, stop = self._contacts[index : index + 2]
        source = {"source_activity": part.name}
        if not (math.isfinite(start) and math.isfinite(stop)):
            return cycles.Verdict(labels=source, reason="unknown_duration", detail="one of its touchdowns is NaN")
        if context.unpaired:
            return cycles.Verdict(labels=source, reason="unpaired", detail=context.unpaired)
        if not self._samples.between(start, stop):
            return cycles.NO_SIGNAL
        activity, changes = self._grounds[index]
        standing = context.standing.get(part.side)
        stairs, level = activity.startswith("stair"), activity == "walk"
        labels = {
            "activity": activity,
            "transition": stairs and (changes or self._touches_level(index)),
            "surface": "stairs" if stairs else "overground" if level else "unknown",
            "incline": 0.0 if level else np.nan,
            "stair_height": context.stair_height if stairs else np.nan,
            "foot_off": standing.foot_off(start, stop) if standing else np.nan,
        }
        return cycles.Verdict(labels=source | labels)

    def _touches_level(self, index: int) -> bool:
        """Return whether the leg's stride before or after this one walks on the level."""
        near = [index + step for step in (-1, 1) if 0 <= index + step < len(self._grounds)]
        return any(self._grounds[other][0] == "walk" for other in near)


def _activities(part: Part, context: Context) -> list[tuple[str, bool]]:
    """Return the activity of every candidate, `other` when in doubt, and whether its two contacts differ in height.

    How sure the knee is goes into the notes of the context.
    """
    start, stop = part.contacts[:-1], part.contacts[1:]
    knee = context.knees.get(part.side)
    if knee is None:
        return [("other", False)] * start.size
    curves = resample([knee], start, stop, context.rate)[0]
    if part.name == "descent":
        decisions = [[decision] for decision in steps_down(curves)]
    else:
        decisions = [list(pair) for pair in zip(step_contacts(curves[:, 0]), step_contacts(curves[:, -1]), strict=True)]
    found = [
        _activity(part.name, own) if forward else ("other", False)
        for own, forward in zip(decisions, (stop > start).tolist(), strict=True)
    ]
    context.notes[f"evidence.activity.{part.name}.{part.side}"] = _told([activity for activity, _ in found], decisions)
    return found


def _activity(part: str, decisions: Sequence[Decision[bool]]) -> tuple[str, bool]:
    """Return what `_activities` says of one candidate by its knee in late stance, or at both contacts."""
    if not all(decision.sure for decision in decisions):
        return "other", False
    steps = [decision.value for decision in decisions]
    return (f"stair_{part}" if any(steps) else "walk"), steps[0] != steps[-1]


def _told(activities: Sequence[str], decisions: Sequence[Sequence[Decision[bool]]]) -> str:
    """Return the activities of a part's candidates with the least confidence of those that are decided."""
    counts = ", ".join(f"{activities.count(name)} {name}" for name in dict.fromkeys(activities))
    decided = [
        min(own, key=lambda decision: decision.confidence)
        for own, activity in zip(decisions, activities, strict=True)
        if activity != "other"
    ]
    if not decided:
        return f"{counts} (confidence 0.00): no knee tells steps from the level"
    least = min(decided, key=lambda decision: decision.confidence)
    return f"{counts} (confidence {least.confidence:.2f} or more): {least.evidence} is the least clear"
