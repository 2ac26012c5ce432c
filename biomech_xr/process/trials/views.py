"""The recordings of one person, a trial at a time: tables cut to the trial once, signals without needless steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from biomech_xr.schema import GROUP_DIMS, Patient, Signal
from biomech_xr.store.recordings import PatientRecordings
from biomech_xr.store.trials import row_attrs, row_labels, signal_of


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialView:
    """What `process_recording` wants of the recordings of one trial; the tables hold no other trial's rows."""

    opened: PatientRecordings
    row: Mapping[str, Any]
    trials: pd.DataFrame
    strides: pd.DataFrame

    @property
    def spec(self) -> Mapping[str, Any]:
        """Facts of the source."""
        return self.opened.spec

    @property
    def patient(self) -> Patient:
        """The person."""
        return self.opened.patient

    @property
    def rejected(self) -> pd.DataFrame:
        """Candidates rejected at parse, of all trials."""
        return self.opened.rejected

    def signal(self, trial: str, group: str) -> Signal | None:
        """Return one signal of the trial, in memory, or None; as `PatientRecordings.signal`."""
        row = self.row
        if row["trial"] != trial or group not in self.opened.groups or not row[f"{group}_kind"]:
            return None
        start = int(row[f"{group}_row_start"])
        values = self.opened.read(group, start, start + int(row[f"{group}_row_size"]))
        labels, own = self.opened.labels(group), row_labels(row, group)
        array = xr.DataArray(values, dims=GROUP_DIMS[group], coords=labels)
        if own != labels:
            array = array.sel(own)
        return signal_of(row, group, array.assign_attrs(row_attrs(row, group)))


def trial_view(opened: PatientRecordings, trial: str) -> TrialView:
    """Return the view of one trial of an opened person."""
    return TrialView(
        opened=opened,
        row=opened.row(trial),
        trials=_rows(opened.trials, trial),
        strides=_rows(opened.strides, trial),
    )


def _rows(table: pd.DataFrame, trial: str) -> pd.DataFrame:
    column = table["trial"]
    code = column.cat.categories.get_loc(trial) if trial in column.cat.categories else -2
    found = np.flatnonzero(column.cat.codes.to_numpy() == code)
    whole = found.size and found[-1] - found[0] + 1 == found.size
    return table.iloc[slice(int(found[0]), int(found[-1]) + 1) if whole else found]
