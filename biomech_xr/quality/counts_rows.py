"""Counts of strides by activity and side: people, rates, samples per stride, duration, outliers, what is measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.quality.counts_strides import SIGNALS

OUTLIER: Final = 5.0
"""Robust SDs (1.4826 x median absolute deviation) from the median of the source and activity."""

_LEAST: Final = 0.02
"""Least robust SD as a share of the median, about what one walker varies: strides of one length have no outliers."""

_LISTED: Final = 8
"""Different rates that are listed; more are given as a range."""

Floats = npt.NDArray[np.float64]


def count_rows(strides: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the counts of one source: one row for all of it (activity and side ``all``), then one each of both.

    Parameters
    ----------
    strides
        One row a stride: activity, side, patient, person_group, duration (s), emg_samples, <signal>_rate (Hz),
        <signal>_kind, <signal>_there and, of processed strides, <signal>_measured (share of channels, 0..1).

    Returns
    -------
    list of dict
        activity, side, strides, patients, people (person groups), `rates` of each signal (hz, or range
        in Hz where they are many or follow from points; points; kinds), `samples` (EMG, native rate) and `duration`
        (mean, sd, min, max, outliers), `coverage` of each signal (share of strides, share of channels).
    """
    marked = strides.assign(
        samples_far=_far(strides, "emg_samples"),
        duration_far=_far(strides, "duration"),
    )
    return [
        {"activity": activity, "side": side, **_row(part)}
        for activity, side, part in (("all", "all", marked), *_groups(marked))
    ]


def _groups(strides: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    activities = strides["activity"].astype("category")
    for activity in sorted(activities.cat.categories, key=_place):
        here = strides[(activities == activity).to_numpy()]
        for side in words.SIDES:
            part = here[(here["side"] == side).to_numpy()]
            if len(part):
                yield str(activity), side, part


def _place(activity: str) -> int:
    known = (*words.ACTIVITIES, *words.POSTURES)
    return known.index(activity) if activity in known else len(known)


def _far(strides: pd.DataFrame, name: str) -> npt.NDArray[np.bool_]:
    """Return which values lie more than `OUTLIER` robust SDs from the median of their activity."""
    values = strides[name].to_numpy(dtype=np.float64)
    far = np.zeros(len(values), dtype=bool)
    codes = strides["activity"].astype("category").cat.codes.to_numpy()
    for code in np.unique(codes):
        here = (codes == code) & np.isfinite(values)
        if here.any():
            center = float(np.median(values[here]))
            distance = np.abs(values[here] - center)
            far[here] = distance > OUTLIER * max(1.4826 * float(np.median(distance)), _LEAST * center)
    return far


def _row(part: pd.DataFrame) -> dict[str, Any]:
    return {
        "strides": len(part),
        "patients": int(part["patient"].nunique()),
        "people": int(part["person_group"].nunique()),
        "rates": {signal: _rates(part, signal) for signal in SIGNALS},
        "samples": _statistics(part["emg_samples"], part["samples_far"]),
        "duration": _statistics(part["duration"], part["duration_far"]),
        "coverage": {signal: _coverage(part, signal) for signal in SIGNALS},
    }


def _rates(part: pd.DataFrame, signal: str) -> dict[str, Any]:
    """Return the rates of a signal in Hz (a range where they are many, or follow from points), and its points."""
    there = part[part[f"{signal}_there"].to_numpy(dtype=bool)]
    rates = there[f"{signal}_rate"].to_numpy(dtype=np.float64)
    cut = (there[f"{signal}_kind"] == "segmented").to_numpy()
    points = _distinct(there[f"{signal}_samples"].to_numpy(dtype=np.float64)[cut])
    own = np.unique([float(f"{rate:.6g}") for rate in _distinct(rates[~cut & np.isfinite(rates)])])
    varying = rates[np.isfinite(rates)] if len(own) > _LISTED else rates[cut & np.isfinite(rates)]
    return {
        "hz": own.tolist() if len(own) <= _LISTED else [],
        "points": [int(count) for count in points],
        "range": [float(f"{rate:.6g}") for rate in (varying.min(), varying.max())] if varying.size else [],
        "kinds": sorted({str(kind) for kind in there[f"{signal}_kind"].unique()} - {""}),
    }


def _distinct(values: Floats) -> Floats:
    """Return the different values; most often there is one, which needs no search."""
    if values.size and values.min() == values.max():
        return values[:1]
    return np.unique(values)


def _statistics(column: pd.Series[Any], far: pd.Series[Any]) -> dict[str, Any]:
    values = column.to_numpy(dtype=np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return {"mean": None, "sd": None, "min": None, "max": None, "outliers": 0}
    return {
        "mean": float(values.mean()),
        "sd": float(values.std(ddof=1)) if values.size > 1 else None,
        "min": float(values.min()),
        "max": float(values.max()),
        "outliers": int(far.sum()),
    }


def _coverage(part: pd.DataFrame, signal: str) -> dict[str, Any]:
    """Return the share of strides with a measured channel, and of channels; without masks, with the signal at all."""
    if f"{signal}_measured" not in part:
        return {"strides": float(part[f"{signal}_there"].mean()), "channels": None}
    share: Floats = part[f"{signal}_measured"].to_numpy(dtype=np.float64)
    return {"strides": float((share > 0).mean()), "channels": float(share.mean())}
