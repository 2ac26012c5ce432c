"""Every source's raw tree (synthetic, written from the format notes) and its trials, made once a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from biomech_xr import vocabulary as words
from biomech_xr.parse import find_patients, read_patient
from biomech_xr.schema import Signal, Trial
from biomech_xr.synthetic import Truth, write
from biomech_xr.synthetic.person import one_human
from tests.contract.rows import Row, row_of

Curve = npt.NDArray[np.float64]
Samples = npt.NDArray[np.floating]
Stride = tuple[pd.Series, Samples, Curve]
GRID = np.arange(100) / 100
HUMAN, SEED = "ada", 11
"""All people of all trees are this one human, so that what comes back can be compared with her own curves."""


@dataclass(frozen=True)
class Source:
    """A parsed synthetic source."""

    name: str
    row: Row
    raw: Path
    truth: Truth
    trials: dict[str, list[Trial]]

    def all_trials(self) -> list[Trial]:
        return [trial for trials in self.trials.values() for trial in trials]

    def strides(self) -> pd.DataFrame:
        tables = [
            trial.strides.assign(source_patient=patient) for patient, trials in self.trials.items() for trial in trials
        ]
        return pd.concat(tables, ignore_index=True)


GetSource = Callable[[str], Source]


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> GetSource:
    """Return a function that gives a parsed source by name; each is written and parsed once."""
    made: dict[str, Source] = {}

    def of(name: str) -> Source:
        if name not in made:
            row = row_of(name)
            raw = tmp_path_factory.mktemp("raw") / name
            with one_human(HUMAN):
                truth = write(name, raw, patients=row.patients, seed=SEED, minutes=row.minutes)
            trials = {
                patient: list(read_patient(name, raw, patient, row.options)) for patient in find_patients(name, raw)
            }
            made[name] = Source(name, row, raw, truth, trials)
        return made[name]

    return of


_CUT: dict[tuple[int, str, str], tuple[Trial, list[Stride]]] = {}
"""The strides that were cut, by trial, group and side; the trial is kept, so that its id stays its own."""


def cut(trial: Trial, group: str, side: str) -> list[Stride]:
    """Return (labels, samples, phases) of the strides of one side of a trial that have the group; cut once."""
    key = id(trial), group, side
    if key not in _CUT:
        signal = trial.signals.get(group)
        found: list[Stride] = []
        if signal is not None and side in signal.values["side"].values:
            values = signal.values.sel(side=side).values
            own = trial.strides[trial.strides["side"] == side]
            cuts = [(row, *stride_samples(signal, values, row)) for _, row in own.iterrows()]
            found = [stride for stride in cuts if len(stride[1])]
        _CUT[key] = trial, found
    return _CUT[key][1]


def stride_samples(signal: Signal, values: Samples, row: pd.Series) -> tuple[Samples, Curve]:
    """Return the native samples of a stride and their phases, of one side's ``values``: shapes (n, ...) and (n,).

    Of a continuous signal, from the last sample before the contact to the first after the next one.
    """
    if signal.kind == "continuous":
        rate = signal.sampling_frequency
        first = max(int(np.floor((row["trial_time"] - signal.t0) * rate + 1e-6)), 0)
        last = int(np.ceil((row["trial_time"] + row["duration"] - signal.t0) * rate - 1e-6)) + 1
        samples = values[first:last]
        phase = ((first + np.arange(len(samples))) / rate + signal.t0 - row["trial_time"]) / row["duration"]
    elif signal.kind == "segmented":
        start = int(row["segment"]) * signal.points
        samples = values[start : start + signal.points]
        phase = np.arange(signal.points) / (signal.points - 1 if signal.endpoint else signal.points)
    else:
        borders = np.concatenate([[0], np.cumsum(signal.lengths)])
        samples = values[borders[int(row["segment"])] : borders[int(row["segment"]) + 1]]
        phase = np.arange(len(samples)) / signal.sampling_frequency / row["duration"]
    return samples, phase


def has_plain(trials: list[Trial]) -> bool:
    """Return whether any stride is without a condition; a source that has none such is taken as it is."""
    return any((trial.strides["condition"] == "none").any() for trial in trials)


def strides_of(trials: list[Trial], group: str, side: str, activity: str, *, plain: bool) -> Iterator[Stride]:
    """Yield (labels, samples, phases) of the strides of one side and activity that have the group.

    With ``plain`` only those without a condition.
    """
    for trial in trials:
        for row, samples, phase in cut(trial, group, side):
            if row["activity"] == activity and (row["condition"] == "none" or not plain):
                yield row, samples, phase


def component_curves(
    trials: list[Trial], group: str, side: str, component: str, *, activity: str = "walk"
) -> tuple[list[pd.Series], Curve]:
    """Return labels and curves, shape (stride, 100), of one ``joint motion`` in its complete strides."""
    joint, motion = component.split()
    place = words.JOINTS.index(joint), words.MOTIONS.index(motion)
    rows, found = [], []
    for row, samples, phase in strides_of(trials, group, side, activity, plain=has_plain(trials)):
        own = samples[:, *place].astype(float)
        if np.isfinite(own).all():
            rows.append(row)
            found.append(np.interp(GRID, phase, own))
    return rows, np.array(found).reshape(-1, GRID.size)


def emg_level(
    trials: list[Trial], side: str, muscle: str, *, activity: str = "walk", bins: int = 50
) -> tuple[list[pd.Series], Curve]:
    """Return labels and rectified EMG, shape (stride, bins), averaged in equal parts of the stride."""
    rows, found = [], []
    plain = has_plain(trials)
    for trial in trials:
        signal = trial.signals.get("emg")
        if signal is None or muscle not in signal.values["channel"].values:
            continue
        channel = list(signal.values["channel"].values).index(muscle)
        for row, samples, phase in strides_of([trial], "emg", side, activity, plain=plain):
            own = samples[:, channel].astype(float)
            where = np.clip((phase * bins).astype(int), 0, bins - 1)
            if np.isfinite(own).all():
                own = own if trial.emg_state == "envelope" else np.abs(own - own.mean())
                rows.append(row)
                found.append(np.bincount(where, own, bins) / np.maximum(np.bincount(where, minlength=bins), 1))
    return rows, np.array(found).reshape(-1, bins)
