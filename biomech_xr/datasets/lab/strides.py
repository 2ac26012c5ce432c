"""From the events of a trial to rows of `strides` and `rejected`: contact to next contact of one foot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles
from biomech_xr.datasets.lab.agreement import objection
from biomech_xr.datasets.lab.events import SIDES, Found
from biomech_xr.datasets.lab.mapping import LabMapping, TrialFiles
from biomech_xr.datasets.lab.wording import stamps
from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.schema import Signal

FloatArray = npt.NDArray[np.float64]

_FORCE_WAYS: Final = ("plates", "forces")
_LONGEST_SWING: Final = {"run": 3.5}
_LONGEST_SWING_WALKING: Final = 1.5
"""Swing over stance from which on a step must lie between two contacts: 0.7 in walking, 2 in running, 2.3 and above 5
with a step left out."""

_SHORTEST_SWING: Final = 0.15
"""Time (s) between foot off and contact of one foot below which one of them lies elsewhere."""
_LONGEST_STEP: Final = 1.0
"""Time (s) from foot off to contact above which a stance that none saw may lie between."""
_DOUBLE_SUPPORT: Final = 0.1
"""Time (s) before the next contact in which the other foot may lift: contacts of markers are early, foot offs late."""


def rows(
    files: TrialFiles, mapping: LabMapping, signals: Mapping[str, Signal], found: Found, spec: DatasetSpec
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of `strides` and `rejected` of both sides of a trial."""
    strides: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    labels = _labels(files, mapping)
    for side in SIDES:
        contacts = found.contacts.get(side, np.empty(0))

        def judge(index: int, side: words.Side = side, contacts: FloatArray = contacts) -> cycles.Verdict:
            start, stop = float(contacts[index]), float(contacts[index + 1])
            if not cycles.has_samples(signals, side, start, stop):
                return cycles.NO_SIGNAL
            foot_off = cycles.foot_off(found.offs.get(side, np.empty(0)), start, stop)[0]
            own = labels | {"foot_off": foot_off}
            sparse = mapping.events.source in _FORCE_WAYS and labels["surface"] != "treadmill"
            detail = (
                _steps(side, start, stop, found, runs=labels["activity"] == "run", sparse=sparse)
                or _long_swing(stop - start, foot_off, str(labels["activity"]))
                or objection(side, start, stop, found.contacts, found.others)
            )
            return cycles.Verdict(labels=own, reason="not_a_stride" if detail else "", detail=detail)

        kept, dropped = cycles.sort_candidates(
            spec=spec, trial=files.trial, side=side, contacts=contacts, span=_span(signals), judge=judge
        )
        strides += kept
        rejected += dropped
    return strides, rejected


def _labels(files: TrialFiles, mapping: LabMapping) -> dict[str, Any]:
    """Return the labels that every stride of the trial has; what the trial states goes before the mapping."""
    activity = files.activity or mapping.activity
    speed = files.speed if files.speed is not None else mapping.speed
    return {
        "activity": activity,
        "source_activity": activity,
        "surface": files.surface or mapping.surface,
        "speed": np.nan if speed is None else speed,
    }


def _span(signals: Mapping[str, Signal]) -> tuple[float, float]:
    """Return from when to when (s) there are all signals; half a row more at the ends, for rounded events."""
    starts, stops = [], []
    for signal in signals.values():
        half = 0.5 / signal.sampling_frequency
        starts.append(signal.t0 - half)
        stops.append(signal.t0 + signal.values.sizes["sample"] / signal.sampling_frequency + half)
    return max(starts), min(stops)


def _steps(side: words.Side, start: float, stop: float, found: Found, *, runs: bool, sparse: bool) -> str:
    """Return why the events between two contacts are not those of one stride, or nothing.

    One foot off of the foot and one contact of the other lie inside, and no second foot off of the other (in running
    it falls together with the next contact). Where plates are `sparse`, the other foot may step beside them.
    """
    other: words.Side = "right" if side == "left" else "left"
    offs, steps, lifts = (
        times.get(foot, np.empty(0))
        for times, foot in ((found.offs, side), (found.contacts, other), (found.offs, other))
    )
    own, theirs, lifted = (times[(times > start) & (times < stop)] for times in (offs, steps, lifts))
    if own.size > 1 or (offs.size and not own.size):
        return _told(own, "foot off", side)
    around = bool(steps.size) and steps[0] <= start and steps[-1] >= stop
    if theirs.size > 1 or (around and not theirs.size and not sparse):
        return _told(theirs, "contact", other)
    if lifted.size > 1 and not runs:
        return _told(lifted, "foot off", other)
    swings = [(float(offs[offs <= landed][-1]), landed) for landed in (start, stop) if (offs <= landed).any()]
    for left, landed in swings:
        if landed - left < _SHORTEST_SWING:
            return f"the {side} foot lands {landed - left:.3f} s after it left at {left:.3f} s"
        flown = lifts[(lifts > left) & (lifts < landed - _DOUBLE_SUPPORT)]
        if flown.size and not runs and landed - left < _LONGEST_STEP:
            return f"the {other} foot lifts at {stamps(flown)} s, while the {side} foot swings"
    return ""


def _told(times: FloatArray, what: str, side: words.Side) -> str:
    if not times.size:
        return f"no {what} of the {side} foot inside, expected one"
    return f"{what}s of the {side} foot inside at {stamps(times)} s, expected one"


def _long_swing(duration: float, foot_off: float, activity: str) -> str:
    """Return that a step lies between two contacts of a foot that none saw, or nothing; s."""
    swing = duration - foot_off
    if not swing > _LONGEST_SWING.get(activity, _LONGEST_SWING_WALKING) * foot_off:
        return ""
    return f"{swing:.3f} s of swing after {foot_off:.3f} s of stance: a contact was missed, or lies elsewhere"
