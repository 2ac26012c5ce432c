"""From the events of a trial to rows of `strides` and `rejected`: contact to next contact of one foot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.datasets import cycles
from biomech_xr.datasets.lab.events import SIDES, Found
from biomech_xr.datasets.lab.mapping import LabMapping, TrialFiles
from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.schema import Signal

FloatArray = npt.NDArray[np.float64]

_FORCE_WAYS: Final = ("plates", "forces")
_LONGEST_SWING: Final = {"run": 3.5}
_LONGEST_SWING_WALKING: Final = 1.5
"""Swing over stance from which on a step must lie between two contacts that forces saw: 0.7 in walking, 2 in running,
2.3 and above 5 with a step left out."""


def rows(
    files: TrialFiles, mapping: LabMapping, signals: Mapping[str, Signal], found: Found, spec: DatasetSpec
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of `strides` and `rejected` of both sides of a trial."""
    strides: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    labels = _labels(files, mapping)
    for side in SIDES:
        contacts = found.contacts.get(side, np.empty(0))
        offs = found.offs.get(side, np.empty(0))

        def judge(
            index: int, side: str = side, contacts: FloatArray = contacts, offs: FloatArray = offs
        ) -> cycles.Verdict:
            start, stop = float(contacts[index]), float(contacts[index + 1])
            if not cycles.has_samples(signals, side, start, stop):
                return cycles.NO_SIGNAL
            foot_off = cycles.foot_off(offs, start, stop)[0]
            own = labels | {"foot_off": foot_off}
            if mapping.events.source in _FORCE_WAYS and _skips(start, stop, foot_off, str(labels["activity"])):
                detail = f"{stop - start - foot_off:.3f} s of swing after {foot_off:.3f} s: a step beside the plates"
                return cycles.Verdict(labels=own, reason="not_a_stride", detail=detail)
            return cycles.Verdict(labels=own)

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
    """Return from when to when (s) there is any signal; half a row more at the ends, for rounded events."""
    starts, stops = [], []
    for signal in signals.values():
        half = 0.5 / signal.sampling_frequency
        starts.append(signal.t0 - half)
        stops.append(signal.t0 + signal.values.sizes["sample"] / signal.sampling_frequency + half)
    return min(starts), max(stops)


def _skips(start: float, stop: float, foot_off: float, activity: str) -> bool:
    """Return whether a step that no plate saw lies between two contacts."""
    if not np.isfinite(foot_off):
        return False
    return stop - start - foot_off > _LONGEST_SWING.get(activity, _LONGEST_SWING_WALKING) * foot_off
