"""From contact times to strides: what sources of continuous signals share.

Two consecutive contacts of one foot are a candidate. A candidate becomes a row of `strides` or a row of `rejected`,
never nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from biomech_xr import vocabulary as words
from biomech_xr.datasets._interleave import interleaved
from biomech_xr.datasets.spec import DatasetSpec, EmgColumn, JointColumn
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.schema import Signal, Trial

Table: TypeAlias = pd.DataFrame | Mapping[str, npt.ArrayLike]

_TOLERANCE = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a source says of one candidate: its labels, and a reason when it is not a stride to keep."""

    labels: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    detail: str = ""


def sort_candidates(
    *,
    spec: DatasetSpec,
    trial: str,
    side: words.Side,
    contacts: npt.NDArray[np.float64],
    span: tuple[float, float],
    judge: Callable[[int], Verdict],
    first_number: int = 0,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of `strides` and of `rejected` of one side of one trial.

    Parameters
    ----------
    spec
        Bounds of a stride's duration.
    trial, side
        Labels of every row.
    contacts
        Shape (contact,), s on the trial's clock, in the order of the source.
    span
        First and last time (s) at which the signals of a stride may start and stop.
    judge
        Called with i for the candidate from contact i to i + 1 when both lie within the signals, in order.
    first_number
        `stride_number` of the first candidate.
    """
    strides: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    for index in range(len(contacts) - 1):
        start, stop = float(contacts[index]), float(contacts[index + 1])
        row: dict[str, Any] = {
            "trial": trial,
            "side": side,
            "stride_number": first_number + index,
            "trial_time": start,
            "duration": stop - start,
        }
        reason, detail = _unsound(start, stop, span, spec)
        verdict = Verdict() if reason in ("outside_trial", "not_a_stride") else judge(index)
        if reason or verdict.reason:
            row["source_activity"] = verdict.labels.get("source_activity", "")
            rejected.append(row | {"reason": reason or verdict.reason, "detail": detail or verdict.detail})
        else:
            strides.append(row | {"duration_source": "events"} | dict(verdict.labels))
    return strides, rejected


def _unsound(start: float, stop: float, span: tuple[float, float], spec: DatasetSpec) -> tuple[str, str]:
    """Return the reason and detail why the times alone exclude a candidate, or two empty texts."""
    if start < span[0] - _TOLERANCE or stop > span[1] + _TOLERANCE:
        return "outside_trial", f"{start:.3f} to {stop:.3f} s, signals from {span[0]:.3f} to {span[1]:.3f} s"
    duration = stop - start
    if duration <= 0:
        return "not_a_stride", f"the next contact lies {-duration:.3f} s earlier"
    if duration < spec.minimum_duration - _TOLERANCE:
        return "too_short", f"{duration:.3f} s, at least {spec.minimum_duration:g} s"
    if duration > spec.maximum_duration + _TOLERANCE:
        return "too_long", f"{duration:.3f} s, at most {spec.maximum_duration:g} s"
    return "", ""


def foot_off(times: npt.NDArray[np.float64], start: float, stop: float) -> tuple[float, int]:
    """Return the foot off in s after ``start`` and how many lie between two contacts.

    ``times`` has shape (event,), s. The first value is NaN unless exactly one event lies strictly between the contacts.
    """
    inside = times[(times > start) & (times < stop)]
    return (float(inside[0]) - start if inside.size == 1 else float("nan")), int(inside.size)


def measured(values: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return the samples as float32 with infinities as NaN, and all NaN where a channel has no value but zero.

    ``values`` has shape (..., sample).
    """
    samples = np.array(values, dtype=np.float32)
    finite = np.isfinite(samples)
    if finite.all():
        alive = samples.any(axis=-1)
    else:
        samples[~finite] = np.nan
        alive = ((samples != 0) & finite).any(axis=-1)
    if not alive.all():
        samples[~alive] = np.nan
    return samples


@lru_cache(maxsize=64)
def labels_of(**labels: tuple[str, ...]) -> xr.Coordinates:
    """Return the coordinates of an array by dim; made once, since that takes xarray longer than the array."""
    return xr.Coordinates({dim: list(names) for dim, names in labels.items()})


def emg_signal(table: Table, columns: Mapping[str, EmgColumn], *, rate: float, t0: float, units: str) -> Signal:
    """Return the continuous EMG of a trial, dims (sample, side, channel), from raw columns (sample,) of a table."""
    channels = list(dict.fromkeys(column.muscle for column in columns.values()))
    sides = [side for side in words.SIDES if any(column.side == side for column in columns.values())]
    rows = len(np.asarray(table[next(iter(columns))]))
    placed = [
        ((sides.index(column.side), channels.index(column.muscle)), measured(table[name]), column.factor)
        for name, column in columns.items()
    ]
    values = interleaved(placed, (rows, len(sides), len(channels)))
    coords = labels_of(side=tuple(sides), channel=tuple(channels))
    array = xr.DataArray(values, dims=("sample", "side", "channel"), coords=coords, attrs={"units": units})
    return Signal(kind="continuous", values=array, sampling_frequency=rate, t0=t0)


def joint_signal(
    table: Table,
    columns: Mapping[str, JointColumn],
    *,
    rate: float,
    t0: float,
    units: str,
    scale: float = 1.0,
) -> Signal:
    """Return continuous angles or moments, dims (sample, side, joint, motion), from raw columns (sample,) of a table.

    ``scale`` multiplies every column besides its own factor (one over the body mass). What no column holds is NaN.
    """
    sides = [side for side in words.SIDES if any(column.side == side for column in columns.values())]
    rows = len(np.asarray(table[next(iter(columns))]))
    joint, motion = words.JOINTS.index, words.MOTIONS.index
    placed = [
        ((sides.index(c.side), joint(c.joint), motion(c.motion)), measured(table[name]), c.factor * scale)
        for name, c in columns.items()
    ]
    values = interleaved(placed, (rows, len(sides), len(words.JOINTS), len(words.MOTIONS)))
    array = xr.DataArray(
        values,
        dims=("sample", "side", "joint", "motion"),
        coords=labels_of(side=tuple(sides), joint=tuple(words.JOINTS), motion=tuple(words.MOTIONS)),
        attrs={"units": units},
    )
    return Signal(kind="continuous", values=array, sampling_frequency=rate, t0=t0)


NO_SIGNAL = Verdict(reason="no_signal", detail="no finite sample of this side")
"""What to say of a candidate that `has_samples` denies."""


def has_samples(signals: Mapping[str, Signal], side: str, start: float, stop: float) -> bool:
    """Return whether a continuous signal of that side has a finite sample from ``start`` to ``stop``, s."""
    return Samples(signals, side).between(start, stop)


class Samples:
    """The continuous signals of one side of a trial, to ask of each of its strides for samples."""

    def __init__(self, signals: Mapping[str, Signal], side: str) -> None:
        self._tracks = [
            (signal.t0, signal.sampling_frequency, signal.values.values[:, sides.index(side)])
            for signal in signals.values()
            if "side" in signal.values.dims and side in (sides := signal.values.get_index("side").tolist())
        ]

    def between(self, start: float, stop: float) -> bool:
        """Return whether one of them has a finite sample from ``start`` to ``stop``, s."""
        if not (isfinite(start) and isfinite(stop)):
            return False
        for t0, rate, values in self._tracks:
            first, last = (max(round((time - t0) * rate), 0) for time in (start, stop))
            # the first row alone says so of nearly every stride
            if np.isfinite(values[first : min(first + 1, last)]).any() or np.isfinite(values[first:last]).any():
                return True
        return False


def silent(table: Table, columns: Mapping[str, EmgColumn] | Mapping[str, JointColumn]) -> dict[str, str]:
    """Return the raw columns (any shape) that hold nothing but NaN, with their muscle or joint."""
    return {
        name: column.muscle if isinstance(column, EmgColumn) else f"{column.joint} {column.motion}"
        for name, column in columns.items()
        if not (values := np.asarray(table[name])).size or (np.isnan(values.flat[0]) and np.isnan(values).all())
    }


def patient_folders(root: Path, *, dataset: str, pattern: str, example: str) -> dict[str, Path]:
    """Return the folders of ``root`` whose name matches a glob pattern, by upper-case name, sorted.

    Raises
    ------
    MissingInputError
        ``root`` is no folder.
    DataFormatError
        It has no folder of that pattern.
    """
    if not root.is_dir():
        raise MissingInputError(f"{dataset}: {root}: no such folder. Give the folder that holds {example}.")
    found = {path.name.upper(): path for path in sorted(root.glob(pattern)) if path.is_dir()}
    if not found:
        names = ", ".join(sorted(path.name for path in root.iterdir())[:5]) or "nothing"
        raise DataFormatError.of(
            dataset=dataset,
            file=root,
            found=names,
            expected=f"one folder a person, for example {example}",
            action="Give the folder that holds the people",
        )
    return found


class Watch:
    """Follows the trials of one patient and refuses, at their end, a patient who cannot be used."""

    def __init__(self, *, dataset: str, folder: Path) -> None:
        self._dataset = dataset
        self._folder = folder
        self._strides = 0
        self._rejected: Counter[str] = Counter()
        self._silent: dict[str, set[tuple[str, str]]] = {}

    def saw(self, trial: Trial, silent: Mapping[str, Mapping[str, str]]) -> Trial:
        """Return the trial unchanged after noting its strides and the `silent` columns of the signal groups it has."""
        self._strides += len(trial.strides)
        self._rejected.update(trial.rejected["reason"])
        for group, columns in silent.items():
            found = set(columns.items())
            self._silent[group] = self._silent.get(group, found) & found
        return trial

    def finish(self, note: str = "") -> None:
        """Raise for a patient without a stride, or with a watched column that is NaN in every trial that has its group.

        ``note`` is what the source knows of why there is no stride.

        Raises
        ------
        DataFormatError
            Either of the two.
        """
        if not self._strides:
            counts = ", ".join(f"{number} {reason}" for reason, number in sorted(self._rejected.items()))
            raise DataFormatError.of(
                dataset=self._dataset,
                file=self._folder,
                field="strides",
                found=f"no stride ({counts or 'no candidate at all'}{note and f'; {note}'})",
                expected="at least one pair of contacts of one foot that is a stride",
                action="Check that the download is complete, or leave this person out",
            )
        for name, what in sorted(set().union(*self._silent.values())):
            raise DataFormatError.of(
                dataset=self._dataset,
                file=self._folder,
                field=name,
                found="only NaN in every trial",
                expected=f"samples of {what} in at least one trial",
                action="Check that the files are complete, or leave this person out",
            )


def relative(path: Path, root: Path) -> str:
    """Return a file's name below ``root`` with forward slashes."""
    return path.relative_to(root).as_posix()
