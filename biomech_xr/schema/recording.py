"""A recording: the signals and candidate strides of one trial of one patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr

from biomech_xr import vocabulary as words


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
