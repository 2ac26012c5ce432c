"""Given contacts and foot offs of a store beside those that its own signals show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.errors import ConfigError
from biomech_xr.evidence.events import USUAL_BIAS, Comparison, pool
from biomech_xr.quality.events_signals import DETECTORS, see
from biomech_xr.quality.events_trials import Tally, compare_trial
from biomech_xr.store import PatientRecordings, list_patients, open_patient

LARGEST_BIAS: Final = 0.05
LARGEST_MISSED: Final = 0.05
_SAME: Final = {("bacek", "force"): "the given events of bacek's raw release were found in this force"}


@dataclass(frozen=True, kw_only=True, slots=True)
class EventRow:
    """One detector on one kind of event (contact, foot off) of one source, all trials and feet together."""

    dataset: str
    detector: str
    kind: str
    activity: str
    trials: int
    comparison: Comparison
    quality: float

    @property
    def doubts(self) -> tuple[str, ...]:
        """What makes the given events look wrong, in words; the usual bias is known for level walking only."""
        one, found = self.comparison, []
        usual = USUAL_BIAS[self.detector, self.kind]
        if one.matched and self.activity == "walk" and abs(one.bias - usual) > LARGEST_BIAS:
            late = "before" if one.bias > usual else "after"
            found.append(
                f"given {self.kind}s lie {1000 * abs(one.bias - usual):.0f} ms {late} those of {self.detector} "
                f"(whose usual bias of {1000 * usual:+.0f} ms is taken off)"
            )
        if one.missed_share > LARGEST_MISSED:
            found.append(f"{self.detector} does not see {one.missed_share:.0%} of the given {self.kind}s")
        return tuple(found)

    def as_json(self) -> dict[str, Any]:
        """Return the row as plain JSON, times in ms."""
        one = self.comparison
        times = {"bias_ms": one.bias, "sd_ms": one.spread, "worst_ms": one.worst}
        return {
            "dataset": self.dataset, "detector": self.detector, "event": self.kind, "trials": self.trials,
            "matched": one.matched, "missed": one.missed, "extra": one.extra,
            **{name: None if math.isnan(value) else round(1000 * value, 1) for name, value in times.items()},
            "quality": None if math.isnan(self.quality) else round(self.quality, 3),
            "doubts": list(self.doubts),
        }  # fmt: skip


@dataclass(kw_only=True, slots=True)
class EventReport:
    """The rows of every source, and in words what could not be compared and why."""

    rows: list[EventRow] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def compare_store(url: str, datasets: Sequence[str] = (), *, activity: str = "walk") -> EventReport:
    """Return how the given events of a store compare with what its signals show, by source and detector.

    Found events count inside unbroken runs of kept strides of one foot only: elsewhere nothing is given.

    Parameters
    ----------
    url
        URL of the store.
    datasets
        Sources to look at; all by default.
    activity
        Activity of the strides.

    Raises
    ------
    ConfigError
        The store holds no recordings (of a named source), or the activity is unknown.
    """
    if activity not in words.ACTIVITIES:
        raise ConfigError(f"events: unknown activity {activity!r}; known: {', '.join(words.ACTIVITIES)}.")
    patients = list_patients(url)
    there = list(dict.fromkeys(dataset for dataset, _ in patients))
    absent = [name for name in datasets if name not in there]
    if absent or not there:
        raise ConfigError(
            f"events: {url}: no recordings of {', '.join(absent) or 'any source'}; found: "
            f"{', '.join(there) or 'none'}. "
            "Check the name, or run pipelines.parse first."
        )
    report = EventReport()
    for dataset in datasets or there:
        people = (open_patient(url, dataset, patient) for name, patient in patients if name == dataset)
        _compare_source(dataset, people, activity, report)
    return report


def _compare_source(dataset: str, people: Iterable[PatientRecordings], activity: str, report: EventReport) -> None:
    tallies: dict[str, Tally] = {}
    cut: set[str] = set()
    strides = timed = unsure = 0
    for person in people:
        own = person.strides[person.strides["activity"] == activity]
        strides += len(own)
        own = own[np.isfinite(own["trial_time"]) & np.isfinite(own["duration"])]
        timed += len(own)
        for trial, rows in own.groupby("trial", observed=True, sort=False):
            found, without = see(person, str(trial))
            cut.update(without)
            unsure += any(len(seen.sides) > 1 for listed in found.values() for seen in listed)
            for detector in found:
                tally = tallies.setdefault(detector, Tally())
                compare_trial(tally, rows, found, detector, (person.name, str(trial)))
    for detector, tally in tallies.items():
        report.rows += _rows(dataset, detector, activity, tally)
        report.remarks += [
            f"{dataset}: {text}" for (name, by), text in _SAME.items() if (name, by) == (dataset, detector)
        ]
    if unsure:
        report.remarks.append(f"{dataset}: the leg of a shank sensor is not stated; the one that fits better is taken")
    if not any(tally.trials for tally in tallies.values()):
        report.remarks.append(f"{dataset}: nothing to compare: {_why(activity, strides, timed, cut)}")


def _why(activity: str, strides: int, timed: int, cut: set[str]) -> str:
    if not strides:
        return f"no stride of {activity}"
    if cut:
        return f"{', '.join(sorted(cut))} are cut at the given contacts, and continuous signals are not there"
    if not timed:
        return "the strides have no time on a trial's clock"
    return f"no continuous signal of {', '.join(dict.fromkeys(DETECTORS.values()))} shows events"


def _rows(dataset: str, detector: str, activity: str, tally: Tally) -> list[EventRow]:
    weights = sum(count for _, count in tally.qualities)
    quality = sum(score * count for score, count in tally.qualities) / weights if weights else math.nan
    return [
        EventRow(
            dataset=dataset,
            detector=detector,
            kind=kind,
            activity=activity,
            trials=len(tally.trials),
            comparison=pool(listed),
            quality=quality,
        )
        for kind, listed in tally.comparisons.items()
        if listed
    ]
