"""Which steps of Gait120 are strides of the right leg, and why the others are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from biomech_xr.datasets import cycles
from biomech_xr.datasets.gait120.trial import Step
from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.schema import Signal

ACTIVITIES: Final = {
    "LevelWalking": ("walk", "overground", 0.0),
    "StairAscent": ("stair_ascent", "stairs", np.nan),
    "StairDescent": ("stair_descent", "stairs", np.nan),
    "SlopeAscent": ("ramp_ascent", "ramp", np.nan),
    "SlopeDescent": ("ramp_descent", "ramp", np.nan),
}
"""Activity, surface and incline (degrees) of the tasks that are gait; the other two are changes of posture."""


def sort_steps(
    spec: DatasetSpec,
    trial: str,
    task: str,
    steps: Sequence[Step],
    signals: Mapping[str, Signal],
    *,
    available: bool,
    own_start: bool,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of `strides` and of `rejected` of one trial; every step is a candidate of the right leg.

    Parameters
    ----------
    spec
        Bounds of a stride's duration.
    trial, task
        Labels of every row.
    steps
        The steps of the trial, in order.
    signals
        The trial's continuous signals.
    available
        Whether the authors list the trial among the available ones.
    own_start
        Whether steps begin at contact of the right foot.
    """
    begin = min(signal.t0 for signal in signals.values())
    end = max(s.t0 + (s.values.sizes["sample"] - 1) / s.sampling_frequency for s in signals.values())
    kept: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    for index, step in enumerate(steps):
        reason, detail = _objection(step, task, available=available, own_start=own_start)
        if reason:
            row = {"trial": trial, "side": "right", "stride_number": index, "source_activity": task}
            row |= {"trial_time": step.start, "duration": step.stop - step.start}
            rejected.append(row | {"reason": reason, "detail": detail})
            continue
        verdict = cycles.NO_SIGNAL
        if cycles.has_samples(signals, "right", step.start, step.stop):
            activity, surface, incline = ACTIVITIES[task]
            labels = {"activity": activity, "source_activity": task, "surface": surface, "incline": incline}
            verdict = cycles.Verdict(labels=labels)
        rows = cycles.sort_candidates(
            spec=spec,
            trial=trial,
            side="right",
            contacts=np.array([step.start, step.stop]),
            span=(begin, end),
            judge=lambda _, said=verdict: said,  # type: ignore[misc]
            first_number=index,
        )
        kept += rows[0]
        rejected += rows[1]
    return kept, rejected


def _objection(step: Step, task: str, *, available: bool, own_start: bool) -> tuple[str, str]:
    """Return reason and detail why a step is no stride to keep, or two empty texts."""
    if task not in ACTIVITIES:
        return "posture", f"{task}: a change of posture, not a stride"
    if not available:
        return "excluded", "the authors do not list the trial in AvailableTrialIdx"
    if step.unpaired:
        return "unpaired", step.unpaired
    if not own_start:
        return "not_a_stride", "the step begins at contact of the left foot"
    return "", ""
