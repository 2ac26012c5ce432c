"""Strides that a source has cut itself: from arrays of one row a stride to signals and tables.

The segments of a trial are numbered 0, 1, ... in the order of the source; each belongs to one side. A segment holds
samples of its own side only: what the other leg does meanwhile is not a stride of that leg.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import xarray as xr

from biomech_xr import vocabulary as words
from biomech_xr.datasets.cycles import measured
from biomech_xr.datasets.spec import DatasetSpec
from biomech_xr.schema import Signal

JointCurves: TypeAlias = Mapping[tuple[words.Side, str, str], npt.ArrayLike]
"""(side, joint, motion) -> shape (strides of that side, points), canonical unit and sign."""

Curves: TypeAlias = Mapping[tuple[words.Side, str], npt.ArrayLike]
"""(side, muscle or axis) -> shape (strides of that side, points)."""

_TOLERANCE = 1e-6
_JOINT_SHAPE = (len(words.JOINTS), len(words.MOTIONS))


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """One candidate as the source cut it.

    `duration` in s, NaN where the source gives none; `trial_time` of its contact on the trial's clock, s, NaN where
    there is none; `labels` are further columns of the stride table; a `reason` rejects it.
    """

    side: words.Side
    duration: float
    trial_time: float = math.nan
    labels: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    detail: str = ""


def sort_cuts(spec: DatasetSpec, trial: str, cuts: Sequence[Cut]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of `strides` and of `rejected` of one trial; segment i of the signals is ``cuts[i]``.

    `stride_number` counts all candidates of a side in the order given. A candidate without a reason is rejected as
    `too_short` or `too_long` by the bounds of `spec`; one without a duration is kept, for processing to decide.
    """
    strides: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    count = dict.fromkeys(words.SIDES, 0)
    for segment, cut in enumerate(cuts):
        row: dict[str, Any] = {
            "trial": trial,
            "side": cut.side,
            "stride_number": count[cut.side],
            "trial_time": cut.trial_time,
            "duration": cut.duration,
        }
        count[cut.side] += 1
        reason, detail = (cut.reason, cut.detail) if cut.reason else _unsound(cut.duration, spec)
        if reason:
            row["source_activity"] = cut.labels.get("source_activity", "")
            rejected.append(row | {"reason": reason, "detail": detail})
        else:
            strides.append(row | {"segment": segment} | dict(cut.labels))
    return strides, rejected


def _unsound(duration: float, spec: DatasetSpec) -> tuple[str, str]:
    """Return the reason and detail why a duration excludes a candidate, or two empty texts."""
    if duration < spec.minimum_duration - _TOLERANCE:
        return "too_short", f"{duration:.3f} s, at least {spec.minimum_duration:g} s"
    if duration > spec.maximum_duration + _TOLERANCE:
        return "too_long", f"{duration:.3f} s, at most {spec.maximum_duration:g} s"
    return "", ""


def cut_joints(
    sides: Sequence[words.Side],
    curves: JointCurves,
    *,
    units: str,
    endpoint: bool = True,
    contiguity: words.Contiguity = "consecutive",
) -> Signal:
    """Return angles or moments on a fixed grid per stride, dims (sample, side, joint, motion).

    Parameters
    ----------
    sides
        Side of each segment of the trial.
    curves
        Row r of an array belongs to the r-th segment of its side; all have the same number of points.
    units
        `degree` or `N m kg-1`.
    endpoint
        The last point is the next contact.
    contiguity
        Whether segment i + 1 of a side starts where segment i stops.
    """

    def place(key: tuple[str, ...]) -> tuple[int, ...]:
        return words.JOINTS.index(key[0]), words.MOTIONS.index(key[1])

    arrays = {(side, (joint, motion)): values for (side, joint, motion), values in curves.items()}
    values, points, present = _grid(sides, arrays, _JOINT_SHAPE, place)
    return Signal(
        kind="segmented",
        values=_joint_array(values, present, units),
        points=points,
        endpoint=endpoint,
        contiguity=contiguity,
    )


def cut_emg(
    sides: Sequence[words.Side],
    curves: Curves,
    *,
    units: str,
    endpoint: bool = True,
    contiguity: words.Contiguity = "consecutive",
    ambiguous: Iterable[str] = (),
) -> Signal:
    """Return EMG on a fixed grid per stride, dims (sample, side, channel); parameters as in `cut_joints`.

    ``ambiguous`` lists ``side:muscle`` of channels whose muscle head the source does not name.
    """
    channels = list(dict.fromkeys(muscle for _, muscle in curves))
    attrs = {"units": units} | ({"ambiguous": list(ambiguous)} if ambiguous else {})
    return _labelled(sides, curves, "channel", channels, attrs, endpoint=endpoint, contiguity=contiguity)


def cut_forces(
    sides: Sequence[words.Side],
    curves: Curves,
    *,
    endpoint: bool = True,
    contiguity: words.Contiguity = "consecutive",
) -> Signal:
    """Return ground reaction forces, N/kg, on a fixed grid per stride, dims (sample, side, axis); see `cut_joints`."""
    attrs = {"units": words.UNITS["grf"]}
    return _labelled(sides, curves, "axis", list(words.AXES), attrs, endpoint=endpoint, contiguity=contiguity)


def ragged_emg(
    sides: Sequence[words.Side],
    pieces: Sequence[Mapping[str, npt.ArrayLike]],
    *,
    rate: float,
    units: str,
    contiguity: words.Contiguity,
    ambiguous: Iterable[str] = (),
) -> Signal:
    """Return EMG at its native rate, cut into strides of unequal length, dims (sample, side, channel).

    Parameters
    ----------
    sides
        Side of each segment of the trial.
    pieces
        Muscle -> samples, one mapping a segment; the arrays of one segment have one length. An empty mapping is a
        segment without EMG.
    rate
        Sampling frequency, Hz.
    units, contiguity, ambiguous
        As in `cut_emg`.
    """
    channels = list(dict.fromkeys(muscle for piece in pieces for muscle in piece))
    values, lengths, present = _joined(sides, pieces, (len(channels),), lambda muscle: (channels.index(muscle),))
    attrs = {"units": units} | ({"ambiguous": list(ambiguous)} if ambiguous else {})
    array = xr.DataArray(
        values, dims=("sample", "side", "channel"), coords={"side": present, "channel": channels}, attrs=attrs
    )
    return Signal(kind="ragged", values=array, sampling_frequency=rate, lengths=lengths, contiguity=contiguity)


def ragged_joints(
    sides: Sequence[words.Side],
    pieces: Sequence[Mapping[tuple[str, str], npt.ArrayLike]],
    *,
    rate: float,
    units: str,
    contiguity: words.Contiguity,
) -> Signal:
    """Return angles or moments at their native rate, cut into strides; (joint, motion) -> samples, see `ragged_emg`."""
    values, lengths, present = _joined(
        sides, pieces, _JOINT_SHAPE, lambda key: (words.JOINTS.index(key[0]), words.MOTIONS.index(key[1]))
    )
    return Signal(
        kind="ragged",
        values=_joint_array(values, present, units),
        sampling_frequency=rate,
        lengths=lengths,
        contiguity=contiguity,
    )


def _labelled(
    sides: Sequence[words.Side],
    curves: Curves,
    dim: str,
    labels: list[str],
    attrs: Mapping[str, Any],
    *,
    endpoint: bool,
    contiguity: words.Contiguity,
) -> Signal:
    values, points, present = _grid(sides, curves, (len(labels),), lambda label: (labels.index(label),))
    array = xr.DataArray(values, dims=("sample", "side", dim), coords={"side": present, dim: labels}, attrs=dict(attrs))
    return Signal(kind="segmented", values=array, points=points, endpoint=endpoint, contiguity=contiguity)


def _grid(
    sides: Sequence[words.Side],
    curves: Mapping[tuple[words.Side, Any], npt.ArrayLike],
    tail: tuple[int, ...],
    place: Callable[[Any], tuple[int, ...]],
) -> tuple[npt.NDArray[np.float32], int, list[str]]:
    """Return values (segment * points, side, ...), the points of a segment, and the sides present."""
    arrays = {key: np.asarray(values, dtype=np.float32) for key, values in curves.items()}
    present = [side for side in words.SIDES if any(key[0] == side for key in arrays)]
    points = next(iter(arrays.values())).shape[1]
    values = np.full((len(sides), points, len(present), *tail), np.nan, dtype=np.float32)
    for (side, label), rows in arrays.items():
        own = [i for i, other in enumerate(sides) if other == side]
        if rows.shape != (len(own), points):
            raise ValueError(f"{side} {label}: shape {rows.shape}, expected {(len(own), points)}")
        where: tuple[Any, ...] = (own, slice(None), present.index(side), *place(label))
        values[where] = measured(rows)
    return values.reshape(-1, len(present), *tail), points, present


def _joined(
    sides: Sequence[words.Side],
    pieces: Sequence[Mapping[Any, npt.ArrayLike]],
    tail: tuple[int, ...],
    place: Callable[[Any], tuple[int, ...]],
) -> tuple[npt.NDArray[np.float32], tuple[int, ...], list[str]]:
    """Return values (sample, side, ...) of all segments in a row, their lengths, and the sides present."""
    lengths = tuple(len(np.asarray(next(iter(piece.values())))) if piece else 0 for piece in pieces)
    present = [side for side in words.SIDES if any(s == side and piece for s, piece in zip(sides, pieces, strict=True))]
    values = np.full((sum(lengths), len(present), *tail), np.nan, dtype=np.float32)
    start = 0
    for side, piece, length in zip(sides, pieces, lengths, strict=True):
        for label, samples in piece.items():
            where: tuple[Any, ...] = (slice(start, start + length), present.index(side), *place(label))
            values[where] = measured(samples)
        start += length
    return values, lengths, present


def _joint_array(values: npt.NDArray[np.float32], sides: Sequence[str], units: str) -> xr.DataArray:
    return xr.DataArray(
        values,
        dims=("sample", "side", "joint", "motion"),
        coords={"side": list(sides), "joint": list(words.JOINTS), "motion": list(words.MOTIONS)},
        attrs={"units": units},
    )
