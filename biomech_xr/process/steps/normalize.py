"""The amplitude reference of EMG: one number per patient, session, side and channel, and division by it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from biomech_xr.errors import ProcessingError
from biomech_xr.process.chains.steps_config import Normalize
from biomech_xr.process.engine.kernels import Array32
from biomech_xr.vocabulary import MUSCLES

PERCENTILE = 95.0
"""Of the stride maxima: robust against single movement artefacts, as maxima over all strides are not."""

_MVC = r"(?<![a-z])mvi?c(?![a-z])|maxim\w+ voluntary"
"""What a source calls a maximum voluntary (isometric) contraction."""


def amplitude_reference(strides: pd.DataFrame, peaks: Array32, method: Normalize) -> Array32:
    """Return the amplitude reference of every stride of one patient.

    Parameters
    ----------
    strides
        One row a stride, columns `session`, `side`, `condition`, and `order` (place in recording order); `mvc` needs
        `patient` and `source_activity` besides.
    peaks
        Maximum of each stride's 6 Hz envelope, (n, channel), the source's unit; NaN where not measured.
    method
        `peak_dynamic`: 95th percentile of the peaks of all strides with condition none of the same session and side, or
        of all strides there when none is without a condition (a source whose every stride is perturbed);
        `first_strides`: of the first ``method.strides`` strides that the channel was measured in, those with condition
        none where the very first has none, for the strides after them: while it calibrates, a controller has no
        reference, so those strides have NaN, and what conditions come later it does not know; `mvc`: the value of
        ``method.contractions`` of this patient, side and channel (and session, where it names one), and where none are
        listed the largest peak of the strides of that session and side whose `source_activity` says MVC; `none`: 1.

    Returns
    -------
    Array32
        Shape (n, channel). NaN where there is no such stride or the reference is 0: the channel is then not usable.
    """
    if method.kind == "none":
        return np.ones_like(peaks)
    if method.kind == "mvc":
        return _contractions(strides, peaks, method)
    out = np.full_like(peaks, np.nan)
    session = strides["session"].to_numpy(dtype=object)
    side = strides["side"].to_numpy(dtype=object)
    plain = (strides["condition"] == "none").to_numpy()
    order = strides["order"].to_numpy()
    for key in dict.fromkeys(zip(session, side, strict=True)):
        rows = np.flatnonzero((session == key[0]) & (side == key[1]))
        rows = rows[np.argsort(order[rows], kind="stable")]
        some = plain[rows[0]] if method.kind == "first_strides" else plain[rows].any()
        used = rows[plain[rows]] if some else rows
        for channel in range(peaks.shape[1]):
            measured = used[np.isfinite(peaks[used, channel])]
            if method.kind == "first_strides":
                measured = measured[: method.strides]
                if measured.size < method.strides:
                    continue
                rows_after = rows[order[rows] > order[measured[-1]]]
            else:
                rows_after = rows
            out[rows_after, channel] = _reference(peaks[measured, channel])
    return out


def normalize(emg: xr.DataArray, scale: xr.DataArray) -> xr.DataArray:
    """Return EMG divided by its amplitude reference, unit 1, float32; `denormalize` undoes it.

    Parameters
    ----------
    emg
        Dims ``(..., channel, time)``, the source's unit. Lazy input stays lazy.
    scale
        Reference in the same unit, dims among those of ``emg``; where it is NaN or not positive the result is NaN.
        `stride_reference` makes one of stride maxima.

    Raises
    ------
    ProcessingError
        The reference states another unit than the EMG, or lacks some of its strides or channels. They are matched by
        label, whatever their order; more of them in the reference is no harm.
    """
    units = {data.attrs["units"] for data in (emg, scale) if "units" in data.attrs}
    if len(units) > 1:
        raise ProcessingError(
            f"normalize: found EMG in {emg.attrs['units']} and its reference in {scale.attrs['units']}, expected one "
            "unit. Convert one of them."
        )
    usable = _fitted(scale, emg)
    return (
        (emg / usable.where(usable > 0))
        .astype(np.float32)
        .transpose(*emg.dims)
        .assign_attrs({**emg.attrs, "units": "1"})
    )


def denormalize(emg: xr.DataArray, scale: xr.DataArray) -> xr.DataArray:
    """Return normalized EMG times its amplitude reference, in the unit of ``scale``, float32.

    Dims, labels and errors as in `normalize`; NaN where the reference is NaN or not positive.
    """
    usable = _fitted(scale, emg)
    physical = (emg * usable.where(usable > 0)).astype(np.float32).transpose(*emg.dims)
    attrs = {name: value for name, value in emg.attrs.items() if name != "units"}
    return physical.assign_attrs(attrs | ({"units": scale.attrs["units"]} if "units" in scale.attrs else {}))


def stride_reference(
    peaks: xr.DataArray, strides: pd.DataFrame, method: Normalize, *, dim: str = "stride"
) -> xr.DataArray:
    """Return the amplitude reference of every stride, dims and unit of ``peaks``, patient by patient.

    Parameters
    ----------
    peaks
        Maximum of each stride's envelope, dims ``(stride, channel)`` with a coordinate `channel`, the source's unit.
    strides
        One row a stride in the same order, columns as in `amplitude_reference`, and `patient` where there are several.
    method
        See `amplitude_reference`.

    Raises
    ------
    ProcessingError
        The table has another number of strides or lacks a column, or a channel is no muscle of the vocabulary.
    """
    _check_table(peaks, strides, method, dim)
    if len(strides) != peaks.sizes[dim]:
        raise ProcessingError(
            f"normalize: found {len(strides)} rows for {peaks.sizes[dim]} strides, expected one a stride. Select both."
        )
    values = peaks.transpose(dim, "channel").to_numpy().astype(np.float32)
    full = np.full((len(values), len(MUSCLES)), np.nan, dtype=np.float32)
    places = [MUSCLES.index(str(name)) for name in peaks["channel"].to_numpy()]
    full[:, places] = values
    out = np.full_like(full, np.nan)
    patients = strides["patient"].to_numpy(dtype=object) if "patient" in strides else np.zeros(len(strides))
    for patient in dict.fromkeys(patients):
        rows = patients == patient
        out[rows] = amplitude_reference(strides[rows], full[rows], method)
    found = xr.DataArray(out[:, places], dims=(dim, "channel"), coords=peaks.coords, attrs=peaks.attrs)
    return found.transpose(*peaks.dims)


def _fitted(scale: xr.DataArray, emg: xr.DataArray) -> xr.DataArray:
    """Return the reference with the labels of the EMG, in its order."""
    extra = [str(dim) for dim in scale.dims if dim not in emg.dims]
    if extra:
        raise ProcessingError(f"normalize: found a reference by {', '.join(extra)}, which the EMG lacks. Select one.")
    for dim in scale.dims:
        here, there = scale.indexes.get(dim), emg.indexes.get(dim)
        if here is None or there is None:
            if scale.sizes[dim] != emg.sizes[dim]:
                raise ProcessingError(
                    f"normalize: found {scale.sizes[dim]} of {dim!r} in the reference and {emg.sizes[dim]} in the EMG, "
                    "expected as many. Select both."
                )
        elif not here.equals(there):
            missing = there.difference(here, sort=False)
            if len(missing) or not here.is_unique:
                what = f"none for {', '.join(map(str, missing[:5]))}" if len(missing) else "one label twice"
                raise ProcessingError(
                    f"normalize: found a reference by {dim!r} with {what}, expected one for each {dim} of the EMG. "
                    "Select the EMG that has a reference, or give it NaN to mask it."
                )
            scale = scale.sel({dim: there})
    return scale


def _check_table(peaks: xr.DataArray, strides: pd.DataFrame, method: Normalize, dim: str) -> None:
    if dim not in peaks.dims or "channel" not in peaks.coords or set(peaks.dims) != {dim, "channel"}:
        raise ProcessingError(
            f"normalize: found maxima by {', '.join(map(str, peaks.dims))}, expected {dim!r} and 'channel', the latter "
            "with a coordinate. Take the maximum over time, and name the channels."
        )
    needed = {"none": (), "mvc": ("session", "side")}.get(method.kind, ("session", "side", "condition", "order"))
    missing = [name for name in needed if name not in strides]
    if missing:
        raise ProcessingError(
            f"normalize: found a table without {', '.join(missing)}, expected {', '.join(needed)}. Add them."
        )
    strange = [str(name) for name in peaks["channel"].to_numpy() if str(name) not in MUSCLES]
    if strange:
        raise ProcessingError(
            f"normalize: found channel {strange[0]!r}, expected one of {', '.join(MUSCLES)}. Rename or leave it out."
        )


def _contractions(strides: pd.DataFrame, peaks: Array32, method: Normalize) -> Array32:
    """Return the reference of maximum voluntary contractions, listed or recorded; NaN where there is none."""
    needed = "patient" if method.contractions else "source_activity"
    if needed not in strides:
        raise ProcessingError(f"normalize: mvc needs the column {needed!r} of the strides. Add it to the table.")
    out = np.full_like(peaks, np.nan)
    session = strides["session"].to_numpy(dtype=object)
    side = strides["side"].to_numpy(dtype=object)
    if method.contractions:
        patient = strides["patient"].to_numpy(dtype=object)
        for one in method.contractions:
            rows = (patient == one.patient) & (side == one.side) & ((session == one.session) | (one.session == ""))
            out[rows, MUSCLES.index(one.channel)] = one.value
        return out
    maximal = strides["source_activity"].astype(str).str.contains(_MVC, case=False).to_numpy()
    for key in dict.fromkeys(zip(session, side, strict=True)):
        rows = (session == key[0]) & (side == key[1])
        measured = np.where(np.isfinite(peaks[rows & maximal]), peaks[rows & maximal], -np.inf)
        highest = measured.max(axis=0, initial=-np.inf)
        out[rows] = np.where(highest > np.finfo(np.float32).tiny, highest, np.nan)
    return out


def _reference(peaks: npt.NDArray[np.float32]) -> float:
    value = float(np.percentile(peaks.astype(np.float64), PERCENTILE)) if peaks.size else np.nan
    return value if value > np.finfo(np.float32).tiny else np.nan
