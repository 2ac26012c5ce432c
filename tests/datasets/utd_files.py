"""What the tests of the two UT Dallas sources share: changing a MATLAB v7.3 file, and curves of a read trial."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from biomech_xr.schema import Trial


def put(group: h5py.Group, path: str, values: Any) -> None:
    """Replace numbers, given in MATLAB's shape."""
    if path in group:
        del group[path]
    group[path] = np.ascontiguousarray(np.asarray(values, dtype=float).T)
    group[path].attrs["MATLAB_class"] = np.bytes_("double")


def scale(group: h5py.Group, factor: float) -> None:
    """Multiply every array below a group."""
    for name in list(group):
        if isinstance(group[name], h5py.Group):
            scale(group[name], factor)
        else:
            put(group, name, group[name][()].T * factor)


def swap(group: h5py.Group, first: str, second: str) -> None:
    """Exchange two members of a group."""
    group.move(first, "between")
    group.move(second, first)
    group.move("between", second)


def relabel(person: h5py.Group, row: int, text: str) -> None:
    """Replace a label of the cell `subjectdetails`."""
    name = f"#refs#/label{row}"
    person.file[name] = np.array([[ord(letter)] for letter in text], dtype=np.uint16)
    person.file[name].attrs["MATLAB_class"] = np.bytes_("char")
    cell = person["subjectdetails"][()]
    cell[0, row] = person.file[name].ref
    person["subjectdetails"][...] = cell


def curves(trial: Trial, group: str, side: str, *place: str) -> np.ndarray:
    """Return one component or channel of all segments of a side, (strides, points)."""
    signal = trial.signals[group]
    names = {"emg": ("channel",)}.get(group, ("joint", "motion"))
    values = signal.values.sel(side=side, **dict(zip(names, place, strict=True))).values.reshape(-1, signal.points)
    left = int((trial.strides["side"] == "left").sum() + (trial.rejected["side"] == "left").sum())
    return values[:left] if side == "left" else values[left:]


def mean(trial: Trial, group: str, joint: str, motion: str = "flexion") -> np.ndarray:
    """Return the mean of right strides 1, 3 and 4: the second is an outlier in some trials."""
    return np.asarray(np.nanmean(curves(trial, group, "right", joint, motion)[[0, 2, 3]], axis=0))
