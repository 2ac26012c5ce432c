"""One trial's given events beside those that a detector sees, by foot and by unbroken run of strides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr.evidence.events import USUAL_BIAS, Comparison, compare_events, event_quality
from biomech_xr.quality.events_signals import Seen

FloatArray = npt.NDArray[np.float64]

TOLERANCE: Final = 0.2
"""Seconds within which a given and a found event may be one."""
KINDS: Final = ("contact", "foot off")
_ONE_EVENT: Final = 0.02
"""Seconds between the end of a stride and the start of the next within which they are one run."""
_BEFORE: Final = {"contact": 0.45, "foot off": 0.3}
_AFTER: Final = {"contact": 0.3, "foot off": 0.45}
"""Seconds of signal around an event without which a detector cannot be blamed for not seeing it."""


@dataclass(kw_only=True, slots=True)
class Tally:
    """What was counted of one detector in one source."""

    comparisons: dict[str, list[Comparison]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    trials: set[tuple[str, str]] = field(default_factory=set)
    qualities: list[tuple[float, int]] = field(default_factory=list)


def compare_trial(
    tally: Tally, rows: pd.DataFrame, found: Mapping[str, Sequence[Seen]], detector: str, key: tuple[str, str]
) -> None:
    """Add one trial to the tally of a detector; ``rows`` are its kept strides, ``key`` names person and trial."""
    for seen in found[detector]:
        side, results = _best_foot(rows, seen)
        if not results:
            continue
        tally.trials.add(key)
        other = _of_foot(found[detector], "left" if side == "right" else "right")
        second = next(
            (_usual(one, name) for name in found if name != detector and (one := _of_foot(found[name], side))), None
        )
        for span, contact, off in results:
            tally.comparisons["contact"].append(contact)
            if off is not None:
                tally.comparisons["foot off"].append(off)
            quality = event_quality(
                span.inside(_usual(seen, detector)),
                span.inside(seen.offs - USUAL_BIAS[detector, "foot off"]),
                other_contacts=span.inside(_usual(other, detector)) if other else (),
                second=span.inside(second) if second is not None else (),
                peak_to_noise=seen.clear,
            )
            tally.qualities.append((quality.score, max(span.contacts.size - 1, 1)))


def _usual(seen: Seen, detector: str) -> FloatArray:
    """Return the contacts without the usual bias of their detector."""
    return np.asarray(seen.contacts - USUAL_BIAS[detector, "contact"])


def _of_foot(listed: Sequence[Seen], side: str) -> Seen | None:
    return next((one for one in listed if one.sides == (side,)), None)


def _best_foot(rows: pd.DataFrame, seen: Seen) -> tuple[str, list[tuple[Span, Comparison, Comparison | None]]]:
    """Return the foot of a sensor and its comparisons; where it may be either foot, the one that fits better."""
    choices = []
    for side in seen.sides:
        spans = [Span.of(run) for run in _unbroken(rows[rows["side"] == side])]
        results = [(span, *span.compare(seen)) for span in spans]
        if results:
            choices.append((sum(_cost(contact) for _, contact, _ in results), side, results))
    if not choices:
        return "", []
    _, side, results = min(choices, key=lambda choice: choice[0])
    return side, results


def _cost(one: Comparison) -> float:
    return (one.missed + one.extra) * TOLERANCE + float(np.abs(one.differences).sum())


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """The given events of an unbroken run of strides of one foot, s."""

    contacts: FloatArray
    offs: FloatArray
    all_offs: bool

    @classmethod
    def of(cls, run: pd.DataFrame) -> Span:
        """Return the given events of a table of strides in order of time."""
        starts, offs = run["trial_time"].to_numpy(np.float64), run["foot_off"].to_numpy(np.float64)
        last = starts[-1] + float(run["duration"].iloc[-1])
        known = np.isfinite(offs)
        return cls(contacts=np.append(starts, last), offs=(starts + offs)[known], all_offs=bool(known.all()))

    def inside(self, times: FloatArray) -> FloatArray:
        """Return the times that lie in the run, or as near as one event may be to another."""
        near = (times >= self.contacts[0] - TOLERANCE) & (times <= self.contacts[-1] + TOLERANCE)
        return np.asarray(times[near])

    def compare(self, seen: Seen) -> tuple[Comparison, Comparison | None]:
        """Return the comparison of contacts, and of foot offs where all strides have one."""
        contact = _compared(self.contacts, self.inside(seen.contacts), seen, "contact")
        if not self.all_offs:
            return contact, None
        within = seen.offs[(seen.offs >= self.contacts[0]) & (seen.offs <= self.contacts[-1])]
        return contact, _compared(self.offs, within, seen, "foot off")


def _unbroken(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Return runs of strides of one foot, each of which starts where the one before stops."""
    rows = rows.sort_values("trial_time")
    if rows.empty:
        return []
    starts, durations = rows["trial_time"].to_numpy(), rows["duration"].to_numpy()
    breaks = np.flatnonzero(np.abs(starts[1:] - starts[:-1] - durations[:-1]) > _ONE_EVENT) + 1
    edges = [0, *breaks.tolist(), len(rows)]
    return [rows.iloc[a:b] for a, b in pairwise(edges)]


def _compared(given: FloatArray, found: FloatArray, seen: Seen, kind: str) -> Comparison:
    """Return the comparison; a given event beside which the signal is missing, and which was not found, is left out."""
    near = np.abs(given[:, None] - found[None, :]).min(axis=1, initial=np.inf) <= TOLERANCE
    starts, stops = seen.pieces[:, 0], seen.pieces[:, 1]
    inside = (given[:, None] - _BEFORE[kind] >= starts) & (given[:, None] + _AFTER[kind] <= stops)
    return compare_events(given[near | inside.any(axis=1)], found, TOLERANCE)
