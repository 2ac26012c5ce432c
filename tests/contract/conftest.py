"""Every source's raw tree (synthetic, written from the format notes) and its trials, made once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from biomech_xr.datasets import names
from biomech_xr.parse import find_patients, read_patient
from biomech_xr.schema import Trial
from biomech_xr.synthetic import Truth, write

PATIENTS = 2


@dataclass(frozen=True)
class Source:
    """A parsed synthetic source."""

    name: str
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


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Source]:
    made = {}
    for name in names():
        raw = tmp_path_factory.mktemp("raw") / name
        truth = write(name, raw, patients=PATIENTS if name != "falisse" else 1, seed=5, minutes=0.6)
        trials = {patient: list(read_patient(name, raw, patient)) for patient in find_patients(name, raw)}
        made[name] = Source(name, raw, truth, trials)
    return made


def mean_curve(
    trials: list[Trial], group: str, joint: str, motion: str, *, activity: str = "walk", points: int = 100
) -> npt.NDArray[np.float64]:
    """Return the mean over strides of one component at k/points of the cycle, shape (points,); empty without data."""
    curves = []
    for trial in trials:
        signal = trial.signals.get(group)
        if signal is None:
            continue
        for row in trial.strides[trial.strides["activity"] == activity].itertuples():
            if row.side not in signal.values["side"].values:
                continue
            values = signal.values.sel(side=row.side, joint=joint, motion=motion).values.astype(float)
            if signal.kind == "segmented":
                piece = values[row.segment * signal.points : (row.segment + 1) * signal.points]
                grid = np.linspace(0, 1, signal.points)
                curve = np.interp(np.arange(points) / points, grid, piece)
            else:
                stamps = row.trial_time + np.arange(points) / points * row.duration
                curve = np.interp(stamps, signal.time(), values)
            if np.isfinite(curve).all():
                curves.append(curve)
    return np.mean(curves, axis=0) if curves else np.empty(0)
