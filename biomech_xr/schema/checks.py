"""Every problem of a recording or of a strides dataset, told at once."""

from __future__ import annotations

import numpy as np
import xarray as xr

from biomech_xr import vocabulary as words
from biomech_xr.errors import SchemaError
from biomech_xr.schema.columns import GROUP_DIMS, HISTORY, LABELS, REJECTED_COLUMNS, STRIDE_COLUMNS
from biomech_xr.schema.recording import Signal, Trial


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
