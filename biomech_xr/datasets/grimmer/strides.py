"""Strides of Grimmer's recordings: touchdown lists, and whether a stride walks on the level or on stairs.

The source lists touchdowns of an ascent and of a descent, whose first or last strides are level walking or transitions,
and does not say which. The knee of the stride's own leg tells them apart: it is nearly straight at a contact on the
level and bent at one on a stair; going down, it bends in late stance to lower the body by a step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.grimmer.files import FloatArray
from biomech_xr.datasets.grimmer.signs import resample
from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.schema import Signal

CONTACT_KNEE: Final = (15.0, 25.0)
"""Knee flexion (degrees) at a contact: at most on the level, at least on a stair."""

STANCE_KNEE: Final = (20.0, 30.0)
"""Knee flexion (degrees) from 42 to 48 % of a stride: at most on the level, at least going down a stair."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """The touchdowns of one leg in the ascent or descent of a recording: `contacts` in s, NaN where not known."""

    name: str
    side: words.Side
    contacts: FloatArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What the labels of a recording's strides need.

    `knees` maps a side to the canonical knee flexion (frame,) at `rate` Hz, `foot_offs` to the ends of force records
    (s); `unpaired` says why the streams do not belong together, if they do not.
    """

    spec: DatasetSpec
    trial: str
    stair_height: float
    span: tuple[float, float]
    signals: Mapping[str, Signal]
    knees: Mapping[str, FloatArray]
    rate: float
    foot_offs: Mapping[str, FloatArray]
    unpaired: str = ""


def stride_rows(parts: Sequence[Part], context: Context) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of `strides` and of `rejected` of one recording; the parts of a leg are numbered through in time.

    Every two touchdowns that follow one another in a list are a candidate. One of which a touchdown is NaN is rejected
    as `unknown_duration`: joining over it would make two strides one.
    """
    kept: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    for side in words.SIDES:
        number = 0
        own = [part for part in parts if part.side == side and part.contacts.size]
        for part in sorted(own, key=lambda part: float(part.contacts[0])):
            grounds = [_activity(part, index, context) for index in range(part.contacts.size - 1)]
            rows = cycles.sort_candidates(
                spec=context.spec,
                trial=context.trial,
                side=side,
                contacts=part.contacts,
                span=context.span,
                judge=_Judge(part, grounds, context),
                first_number=number,
            )
            kept += rows[0]
            rejected += rows[1]
            number += max(part.contacts.size - 1, 0)
    return kept, rejected


class _Judge:
    """Labels of the candidates of one part."""

    def __init__(self, part: Part, grounds: Sequence[tuple[str, bool]], context: Context) -> None:
        self._part = part
        self._grounds = grounds
        self._context = context

    def __call__(self, index: int) -> cycles.Verdict:
        part, context = self._part, self._context
        start, stop = part.contacts[index : index + 2]
        source = {"source_activity": part.name}
        if not np.isfinite([start, stop]).all():
            return cycles.Verdict(labels=source, reason="unknown_duration", detail="one of its touchdowns is NaN")
        if context.unpaired:
            return cycles.Verdict(labels=source, reason="unpaired", detail=context.unpaired)
        if not cycles.has_samples(context.signals, part.side, start, stop):
            return cycles.NO_SIGNAL
        activity, changes = self._grounds[index]
        off, _ = cycles.foot_off(context.foot_offs[part.side], start, stop)
        stairs, level = activity.startswith("stair"), activity == "walk"
        labels = {
            "activity": activity,
            "transition": stairs and (changes or self._touches_level(index)),
            "surface": "stairs" if stairs else "overground" if level else "unknown",
            "incline": 0.0 if level else np.nan,
            "stair_height": context.stair_height if stairs else np.nan,
            "foot_off": off,
        }
        return cycles.Verdict(labels=source | labels)

    def _touches_level(self, index: int) -> bool:
        """Return whether the leg's stride before or after this one walks on the level."""
        near = [index + step for step in (-1, 1) if 0 <= index + step < len(self._grounds)]
        return any(self._grounds[other][0] == "walk" for other in near)


def _activity(part: Part, index: int, context: Context) -> tuple[str, bool]:
    """Return the activity of a candidate and whether its own two contacts differ in height; `other` when in doubt."""
    start, stop = part.contacts[index : index + 2]
    knee = context.knees.get(part.side)
    if knee is None or not stop > start:
        return "other", False
    curve = resample(knee, start, stop, context.rate)
    if part.name == "descent":
        return {True: "stair_descent", False: "walk", None: "other"}[
            _above(float(curve[42:49].mean()), STANCE_KNEE)
        ], False
    ends = [_above(float(curve[place]), CONTACT_KNEE) for place in (0, -1)]
    if None in ends:
        return "other", False
    return ("stair_ascent" if any(ends) else "walk"), ends[0] != ends[1]


def _above(value: float, limits: tuple[float, float]) -> bool | None:
    """Return whether a value is at least the upper limit, None between the limits or when NaN."""
    if value >= limits[1]:
        return True
    return False if value <= limits[0] else None
