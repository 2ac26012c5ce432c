"""Trials of one patient as plain tables and arrays: signals end to end per group, and the way back to one `Signal`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from biomech_xr.errors import SchemaError
from biomech_xr.schema import GROUP_DIMS, Patient, Signal, Trial, validate_trial
from biomech_xr.store.objects import plain

SIGNAL_COLUMNS: Final = {
    "kind": "",
    "row_start": 0,
    "row_size": 0,
    "t0": np.nan,
    "sampling_frequency": np.nan,
    "points": 0,
    "endpoint": False,
    "contiguity": "",
    "lengths": "[]",
    "labels": "{}",
    "attrs": "{}",
}
"""Columns of the `trials` table for each signal group (prefixed ``<group>_``) and what they hold without a signal."""


def common_patient(dataset: str, trials: Sequence[Trial]) -> Patient:
    """Return the person whose trials these are, or raise `SchemaError` that lists every problem."""
    if not trials:
        raise SchemaError.of(dataset, ["the patient has no trial"])
    patient = trials[0].patient
    problems = [
        f"trial {trial.trial!r} is of {trial.patient.patient}, expected {patient.patient}"
        for trial in trials
        if plain(asdict(trial.patient)) != plain(asdict(patient))
    ]
    counts = pd.Series([trial.trial for trial in trials]).value_counts()
    problems += [f"trial {name!r} occurs {count} times" for name, count in counts.items() if count > 1]
    if patient.dataset != dataset:
        problems.append(f"dataset {patient.dataset!r}, expected {dataset!r}")
    if problems:
        raise SchemaError.of(patient.patient, problems)
    return patient


def groups_of(trials: Sequence[Trial]) -> tuple[str, ...]:
    """Return the signal groups that at least one trial has, in the order of the schema."""
    return tuple(group for group in GROUP_DIMS if any(group in trial.signals for trial in trials))


def trial_table(trials: Sequence[Trial]) -> pd.DataFrame:
    """Return the `trials` table: one row a trial, with the place and the clock of each of its signals."""
    groups = groups_of(trials)
    start = dict.fromkeys(groups, 0)
    rows = []
    for trial in trials:
        row: dict[str, Any] = {
            "trial": trial.trial,
            "task": trial.task,
            "session": trial.session,
            "emg_state": trial.emg_state,
            "emg_lookahead": float(trial.emg_lookahead),
            "source_file": "; ".join(name for name, _ in trial.sources),
            "source_sha256": "; ".join(sha for _, sha in trial.sources),
            "notes": json.dumps(plain(trial.notes), sort_keys=True),
        }
        for group in groups:
            row |= _signal_row(group, trial.signals.get(group), start[group])
            start[group] += row[f"{group}_row_size"]
        rows.append(row)
    return pd.DataFrame(rows)


def _signal_row(group: str, signal: Signal | None, start: int) -> dict[str, Any]:
    values: dict[str, Any] = dict(SIGNAL_COLUMNS)
    values["row_start"] = start
    if signal is not None:
        array = signal.values
        labels = {str(dim): [str(label) for label in array[dim].values] for dim in array.dims[1:]}
        values |= {
            "kind": signal.kind,
            "row_size": int(array.sizes["sample"]),
            "t0": float(signal.t0),
            "sampling_frequency": float(signal.sampling_frequency),
            "points": int(signal.points),
            "endpoint": bool(signal.endpoint),
            "contiguity": signal.contiguity,
            "lengths": json.dumps([int(size) for size in signal.lengths]),
            "labels": json.dumps(labels),
            "attrs": json.dumps(plain(array.attrs), sort_keys=True),
        }
    return {f"{group}_{name}": value for name, value in values.items()}


def union_labels(group: str, trials: Sequence[Trial]) -> dict[str, list[str]]:
    """Return the labels of each dim of a group, those of all trials together, in the order they first appear."""
    signals = [trial.signals[group].values for trial in trials if group in trial.signals]
    return {
        dim: list(dict.fromkeys(str(label) for array in signals for label in array[dim].values))
        for dim in GROUP_DIMS[group][1:]
    }


def common_units(group: str, trials: Sequence[Trial]) -> str:
    """Return the unit of a group, or raise `SchemaError` when trials of one patient differ."""
    found = {str(trial.signals[group].values.attrs["units"]) for trial in trials if group in trial.signals}
    if len(found) > 1:
        patient = trials[0].patient.patient
        raise SchemaError.of(patient, [f"{group}: trials have different units: {', '.join(sorted(found))}"])
    return found.pop()


def row_count(group: str, trials: Sequence[Trial]) -> int:
    """Return the rows of a group over all trials."""
    return sum(trial.signals[group].values.sizes["sample"] for trial in trials if group in trial.signals)


def row_blocks(
    group: str, trials: Sequence[Trial], labels: Mapping[str, Sequence[str]], rows: int
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the signals of all trials end to end in blocks of ``rows`` rows, the last one shorter.

    NaN where a trial lacks a label; dims as in the schema. One block is in memory at a time.
    """
    shape = tuple(len(names) for names in labels.values())
    left = row_count(group, trials)
    block = np.full((min(rows, left), *shape), np.nan, dtype=np.float32)
    filled = 0
    for array in (trial.signals[group].values for trial in trials if group in trial.signals):
        where = [np.array([names.index(str(label)) for label in array[dim].values]) for dim, names in labels.items()]
        start = 0
        while start < array.sizes["sample"]:
            count = min(len(block) - filled, array.sizes["sample"] - start)
            block[np.ix_(np.arange(filled, filled + count), *where)] = array.values[start : start + count]
            start, filled = start + count, filled + count
            if filled == len(block):
                yield block
                left -= filled
                block, filled = np.full((min(rows, left), *shape), np.nan, dtype=np.float32), 0


def spool(trials: Iterable[Trial], folder: Path) -> list[Trial]:
    """Return valid trials whose values have moved into one file a signal group below ``folder``, mapped into memory.

    One trial is in memory at a time; the files are opened once each, however many trials there are.

    Raises
    ------
    SchemaError
        A trial is not valid.
    """
    listed: list[Trial] = []
    rows: dict[str, int] = {}
    with ExitStack() as stack:
        files: dict[str, BinaryIO] = {}
        for trial in trials:
            validate_trial(trial)
            for group, signal in trial.signals.items():
                if group not in files:
                    files[group] = stack.enter_context((folder / group).open("wb"))
                np.ascontiguousarray(signal.values.values).tofile(files[group])
            listed.append(_emptied(trial))
    maps = {group: np.memmap(folder / group, np.float32, "r") for group in files if (folder / group).stat().st_size}
    for place, trial in enumerate(listed):
        signals = {}
        for group, signal in trial.signals.items():
            start, size = rows.get(group, 0), signal.values.size
            rows[group] = start + size
            values = maps[group][start : start + size].reshape(signal.values.shape) if size else signal.values.values
            signals[group] = replace(signal, values=signal.values.copy(data=values))
        listed[place] = replace(trial, signals=signals)
    return listed


def _emptied(trial: Trial) -> Trial:
    """Return a trial whose signals keep shape and labels and hold no memory."""
    signals = {
        group: replace(signal, values=signal.values.copy(data=np.broadcast_to(np.float32(np.nan), signal.values.shape)))
        for group, signal in trial.signals.items()
    }
    return replace(trial, signals=signals)


def row_labels(row: Mapping[str, Any], group: str) -> dict[str, list[str]]:
    """Return the labels of each dim that one trial's signal has."""
    labels: dict[str, list[str]] = json.loads(str(row[f"{group}_labels"]))
    return labels


def row_attrs(row: Mapping[str, Any], group: str) -> dict[str, Any]:
    """Return the attributes of one trial's signal."""
    attrs: dict[str, Any] = json.loads(str(row[f"{group}_attrs"]))
    return attrs


def signal_of(row: Mapping[str, Any], group: str, values: xr.DataArray) -> Signal:
    """Return the signal of a row of the `trials` table around its values."""
    return Signal(
        kind=row[f"{group}_kind"],
        values=values,
        sampling_frequency=float(row[f"{group}_sampling_frequency"]),
        t0=float(row[f"{group}_t0"]),
        points=int(row[f"{group}_points"]),
        endpoint=bool(row[f"{group}_endpoint"]),
        lengths=tuple(json.loads(str(row[f"{group}_lengths"]))),
        contiguity=row[f"{group}_contiguity"],
    )
