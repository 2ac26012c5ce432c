"""What a valid recording and a valid strides dataset are.

A **recording** is one trial of one patient as the source holds it, in canonical words, signs and units: a `Trial` with
one `Signal` per signal group and a table of strides. A **strides dataset** is the processed product. `validate_trial`
and `validate_strides` list every problem at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import xarray as xr

from biomech_xr import vocabulary as words
from biomech_xr.errors import SchemaError

LabelKind = Literal["category", "float", "int", "bool"]

GROUP_DIMS: Final[Mapping[str, tuple[str, ...]]] = {
    "emg": ("sample", "side", "channel"),
    "kinematics": ("sample", "side", "joint", "motion"),
    "kinetics": ("sample", "side", "joint", "motion"),
    "grf": ("sample", "side", "axis"),
    "imu": ("sample", "segment", "channel"),
    "markers": ("sample", "marker", "axis"),
}
"""Dims of each signal group of a recording; `sample` runs over time."""

STRIDE_COLUMNS: Final[Mapping[str, LabelKind]] = {
    "trial": "category",
    "side": "category",
    "stride_number": "int",
    "activity": "category",
    "source_activity": "category",
    "condition": "category",
    "transition": "bool",
    "surface": "category",
    "trial_time": "float",
    "duration": "float",
    "duration_source": "category",
    "foot_off": "float",
    "speed": "float",
    "incline": "float",
    "stair_height": "float",
    "segment": "int",
}
"""Columns of the `strides` table of a recording.

`trial_time` is the contact on the trial's clock (s), NaN where isolated strides have none; `duration` in s, NaN where a
source that cuts its strides does not tell it; `foot_off` is in seconds after contact; `segment` is the index of a cut
stride within its trial, -1 for continuous signals; `speed` m/s, `incline` degrees (positive uphill), `stair_height` m;
all NaN when unknown.
"""

REJECTED_COLUMNS: Final[Mapping[str, LabelKind]] = {
    "trial": "category",
    "side": "category",
    "stride_number": "int",
    "source_activity": "category",
    "trial_time": "float",
    "duration": "float",
    "stage": "category",
    "reason": "category",
    "detail": "category",
}
"""Columns of a `rejected` table: what was a candidate and was not kept, and why."""

LABELS: Final[Mapping[str, LabelKind]] = {
    "dataset": "category",
    "patient": "category",
    "source_patient": "category",
    "person_group": "category",
    "session": "category",
    **{name: kind for name, kind in STRIDE_COLUMNS.items() if name != "segment"},
    "population": "category",
    "affected_side": "category",
    "sex": "category",
    "age": "float",
    "height": "float",
    "body_mass": "float",
    "emg_state": "category",
    "emg_native_rate": "float",
    "emg_lookahead": "float",
    "evidence": "category",
    "edge_filtered": "bool",
    "kinetics_artefact": "bool",
    "channel_ambiguous": "bool",
    "emg_clipped": "bool",
    "emg_history": "int",
    "kinematics_history": "int",
    "kinematics_future": "int",
    "source_file": "category",
    "source_sha256": "category",
    "reader_version": "category",
}
"""Every stride of a strides dataset carries these labels as coordinates on `stride`.

`emg_history` counts the samples (ms) of real EMG before contact (0..250); `kinematics_history` (0..4) and
`kinematics_future` (0..80) count the kinematic samples stored before contact and after the next contact.
"""

INDEX_LEVELS: Final = ("dataset", "patient", "activity", "trial", "side", "stride_number")
"""Levels of the unique `stride` index."""

BEFORE: Final = 4
AFTER: Final = 80
HISTORY: Final = 250
"""Kinematic samples kept before contact and after the next contact; EMG samples (ms) kept before contact."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Patient:
    """One person of one source. Height in m, mass in kg, age in years; NaN when the source does not say."""

    dataset: str
    source_patient: str
    person_group: str = ""
    population: str = "able_bodied"
    affected_side: str = "none"
    sex: str = "unknown"
    age: float = np.nan
    height: float = np.nan
    body_mass: float = np.nan

    @property
    def patient(self) -> str:
        """The platform-wide unique name, ``<dataset>-<source id>``."""
        return f"{self.dataset}-{self.source_patient}"

    @property
    def group(self) -> str:
        """The person: `person_group` where two sources publish one human, else the patient."""
        return self.person_group or self.patient


@dataclass(frozen=True, kw_only=True, slots=True)
class Signal:
    """One signal group of one trial, unfiltered, at its native rate.

    Parameters
    ----------
    kind
        `continuous`: rows are samples of one clock; `segmented`: every stride has `points` rows, one stride after the
        other; `ragged`: native rate, strides of unequal length (rows given by `lengths`).
    values
        float32, dims as in `GROUP_DIMS`, with a label coordinate on every dim but `sample`; `attrs["units"]` set.
        What was not measured is NaN.
    sampling_frequency
        Hz; NaN for segmented signals.
    t0
        Time of the first row on the trial's clock in s (continuous).
    points
        Rows per stride (segmented).
    endpoint
        Segmented grid: True when the last point is the next contact (j / (points - 1)), False for j / points.
    lengths
        Rows of each stride (ragged).
    contiguity
        Of cut strides: `consecutive` when stride i + 1 starts where stride i stops, else `isolated`.
    """

    kind: words.SignalKind
    values: xr.DataArray
    sampling_frequency: float = np.nan
    t0: float = 0.0
    points: int = 0
    endpoint: bool = True
    lengths: tuple[int, ...] = ()
    contiguity: words.Contiguity = "consecutive"

    def time(self) -> np.ndarray:
        """Return the time of every row on the trial's clock, s, float64, shape (sample,); continuous signals only."""
        return self.t0 + np.arange(self.values.sizes["sample"]) / self.sampling_frequency


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """All signals of one trial of one patient, with its candidate strides.

    `task` is the source's own word for what was done (second level of the recordings tree), `trial` is unique within
    the patient. `strides` has the columns `STRIDE_COLUMNS`, `rejected` those of `REJECTED_COLUMNS`; their
    `stride_number` counts all candidates of one side. `sources` lists (file name relative to the root, SHA-256).
    """

    patient: Patient
    trial: str
    task: str
    session: str = "1"
    signals: Mapping[str, Signal]
    strides: pd.DataFrame
    rejected: pd.DataFrame
    sources: tuple[tuple[str, str], ...]
    emg_state: words.EmgState = "raw"
    emg_lookahead: float = 0.0
    notes: Mapping[str, str] = field(default_factory=dict)


_DEFAULTS: Final[Mapping[LabelKind, Any]] = {"category": "", "float": np.nan, "int": -1, "bool": False}
_SPECIAL_DEFAULTS: Final[Mapping[str, Any]] = {
    "condition": "none",
    "surface": "unknown",
    "duration_source": "events",
    "stage": "parse",
}
_DTYPES: Final[Mapping[LabelKind, str]] = {"float": "float64", "int": "int64", "bool": "bool"}


def stride_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a `strides` table from one mapping a stride; columns left out take their default."""
    return _table(list(rows), STRIDE_COLUMNS)


def rejected_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a `rejected` table from one mapping a candidate; `stage` defaults to parse."""
    return _table(list(rows), REJECTED_COLUMNS)


def _table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, LabelKind]) -> pd.DataFrame:
    unknown = sorted(set().union(*rows) - set(columns))
    if unknown:
        raise SchemaError.of("stride table", [f"unknown column {name!r}" for name in unknown])
    return _made(rows, columns) if rows else _blank(tuple(columns.items())).copy()


@lru_cache(maxsize=8)
def _blank(columns: tuple[tuple[str, LabelKind], ...]) -> pd.DataFrame:
    """Return a table without rows; made once."""
    return _made((), dict(columns))


def _made(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, LabelKind]) -> pd.DataFrame:
    """Return a table of known columns."""
    data: dict[str, Any] = {}
    for name, kind in columns.items():
        default = _SPECIAL_DEFAULTS.get(name, _DEFAULTS[kind])
        values = [row.get(name, default) for row in rows]
        array = np.array(values, dtype=_DTYPES.get(kind, "object"))
        # as an index text stays what it is, and a table is made much faster than from series
        data[name] = pd.Index(array, dtype=object, copy=False) if array.dtype == object else array
    return pd.DataFrame(data, pd.RangeIndex(len(rows)), copy=False)


def validate_trial(trial: Trial) -> None:
    """Raise `SchemaError` with every problem of a trial; return nothing when it is valid."""
    problems = [*_signal_problems(trial), *_stride_problems(trial), *_rejected_problems(trial)]
    patient = trial.patient
    for name, value, known in (
        ("population", patient.population, words.POPULATIONS),
        ("affected_side", patient.affected_side, words.AFFECTED_SIDES),
        ("sex", patient.sex, words.SEXES),
        ("emg_state", trial.emg_state, words.EMG_STATES),
    ):
        if value not in known:
            problems.append(f"{name}: found {value!r}, expected one of {', '.join(known)}")
    if not trial.sources:
        problems.append("sources: no source file named")
    if problems:
        raise SchemaError.of(f"{patient.patient}: trial {trial.trial!r}", problems)


def _signal_problems(trial: Trial) -> list[str]:
    problems: list[str] = []
    if not trial.signals:
        problems.append("no signal group")
    for name, signal in trial.signals.items():
        if name not in GROUP_DIMS:
            problems.append(f"signal group {name!r} is not one of {', '.join(GROUP_DIMS)}")
            continue
        values = signal.values
        if values.dims != GROUP_DIMS[name]:
            problems.append(f"{name}: dims {values.dims}, expected {GROUP_DIMS[name]}")
            continue
        problems += [f"{name}: no labels on dim {dim!r}" for dim in values.dims[1:] if dim not in values.coords]
        if values.dtype != np.float32:
            problems.append(f"{name}: dtype {values.dtype}, expected float32")
        if "units" not in values.attrs:
            problems.append(f"{name}: attribute 'units' is missing")
        elif name in ("kinematics", "kinetics", "grf") and values.attrs["units"] != words.UNITS[name]:
            problems.append(f"{name}: units {values.attrs['units']!r}, expected {words.UNITS[name]!r}")
        if np.isinf(values.values).any():
            problems.append(f"{name}: infinite values")
        problems += _kind_problems(name, signal)
    return problems


def _kind_problems(name: str, signal: Signal) -> list[str]:
    rows = signal.values.sizes["sample"]
    if signal.kind == "segmented":
        if signal.points < 2 or rows % signal.points:
            return [f"{name}: {rows} rows are not a whole number of segments of {signal.points} points"]
        return []
    if not signal.sampling_frequency > 0:
        return [f"{name}: sampling_frequency {signal.sampling_frequency} Hz, expected a positive rate"]
    if signal.kind == "ragged" and sum(signal.lengths) != rows:
        return [f"{name}: the stride lengths sum to {sum(signal.lengths)}, the signal has {rows} rows"]
    return []


def _stride_problems(trial: Trial) -> list[str]:
    table = trial.strides
    missing = [name for name in STRIDE_COLUMNS if name not in table]
    if missing:
        return [f"strides: columns missing: {', '.join(missing)}"]
    problems = [
        f"strides: {column} {value!r} is not in the vocabulary"
        for column, known in (
            ("side", words.SIDES),
            ("activity", words.ACTIVITIES),
            ("condition", words.CONDITIONS),
            ("surface", words.SURFACES),
            ("duration_source", words.DURATION_SOURCES),
        )
        for value in sorted(set(table[column].tolist()) - set(known))
    ]
    if set(table["trial"].tolist()) - {trial.trial}:
        problems.append(f"strides: column 'trial' differs from {trial.trial!r}")
    duration, foot_off, start = (table[name].to_numpy(np.float64) for name in ("duration", "foot_off", "trial_time"))
    continuous = table["segment"].to_numpy() < 0
    if (duration <= 0).any():
        problems.append("strides: a duration is not positive")
    if (np.isnan(duration) & continuous).any():
        problems.append("strides: a stride of continuous signals has no duration")
    outside = (foot_off >= duration) | (foot_off <= 0)
    if outside.any():
        problems.append(f"strides: foot_off outside the stride in {int(outside.sum())} stride(s)")
    cut = continuous & np.isnan(start)
    if cut.any():
        problems.append(f"strides: no trial_time in {int(cut.sum())} stride(s) of continuous signals")
    return problems


def _rejected_problems(trial: Trial) -> list[str]:
    table = trial.rejected
    missing = [name for name in REJECTED_COLUMNS if name not in table]
    if missing:
        return [f"rejected: columns missing: {', '.join(missing)}"]
    unknown = sorted(set(table["reason"].tolist()) - set(words.REJECTION_REASONS))
    problems = [f"rejected: reason {reason!r} is not in the vocabulary" for reason in unknown]
    place = ["trial", "side", "stride_number"]
    parts = [part for part in (trial.strides, table) if len(part)]
    rows = [row for part in parts for row in zip(*(part[name].tolist() for name in place), strict=True)]
    if len(set(rows)) < len(rows):
        problems.append("strides and rejected: a stride_number occurs twice on one side of a trial")
    return problems


def kinematic_dim(dataset: xr.Dataset) -> str:
    """Return the name of the kinematic grid's dim: `phase`, or `time_kinematics` for a grid in Hz."""
    return "time_kinematics" if "time_kinematics" in dataset.dims else "phase"


def validate_strides(dataset: xr.Dataset) -> None:
    """Raise `SchemaError` with every problem of a strides dataset; lazy variables are not computed."""
    grid = kinematic_dim(dataset)
    joints: tuple[str, ...] = ("stride", "joint", "motion")
    expected: dict[str, tuple[str, ...]] = {
        "emg": ("stride", "channel", "time"),
        "kinematics": (*joints, grid),
        "kinetics": (*joints, grid),
        "kinematics_before": (*joints, "before"),
        "kinematics_after": (*joints, "after"),
        "kinetics_after": (*joints, "after"),
        "emg_scale": ("stride", "channel"),
    }
    for group in ("emg", "kinematics", "kinetics"):
        kept = ("stride", "channel") if group == "emg" else joints
        expected |= {f"{group}_mask": kept, f"{group}_coverage": kept}
    problems = []
    for name, dims in expected.items():
        if name not in dataset:
            problems.append(f"variable {name!r} is missing")
        elif dataset[name].dims != dims:
            problems.append(f"{name}: dims {dataset[name].dims}, expected {dims}")
    problems += [f"label {name!r} is missing" for name in LABELS if name not in dataset.coords]
    for dim, labels in (("channel", words.MUSCLES), ("joint", words.JOINTS), ("motion", words.MOTIONS)):
        if dim in dataset.coords and tuple(dataset[dim].values) != labels:
            problems.append(f"{dim}: found {list(dataset[dim].values)}, expected {list(labels)}")
    if "time" in dataset.coords:
        stamps = np.arange(-HISTORY, dataset.sizes["time"] - HISTORY) / 1000
        if not np.array_equal(dataset["time"].values, stamps):
            problems.append("time: not arange(-250, N) / 1000 s")
    if problems:
        raise SchemaError.of("strides dataset", problems)
