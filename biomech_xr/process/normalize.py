"""The amplitude reference of EMG: one number per patient, session, side and channel, and division by it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from biomech_xr.process.chain import Normalize
from biomech_xr.process.kernels import Array32

PERCENTILE = 95.0
"""Of the stride maxima: robust against single movement artefacts, as maxima over all strides are not."""


def amplitude_reference(strides: pd.DataFrame, peaks: Array32, method: Normalize) -> Array32:
    """Return the amplitude reference of every stride of one patient.

    Parameters
    ----------
    strides
        One row a stride, columns `session`, `side`, `condition`, and `order` (place in recording order).
    peaks
        Maximum of each stride's 6 Hz envelope, (n, channel), the source's unit; NaN where not measured.
    method
        `peak_dynamic`: 95th percentile of the peaks of all strides with condition none of the same session and side, or
        of all strides there when none is without a condition (a source whose every stride is perturbed);
        `first_strides`: of the first ``method.strides`` such strides that the channel was measured in, for the strides
        after them: while it calibrates, a controller has no reference, so those strides have NaN; `none`: 1.

    Returns
    -------
    Array32
        Shape (n, channel). NaN where there is no such stride or the reference is 0: the channel is then not usable.
    """
    if method.kind == "none":
        return np.ones_like(peaks)
    out = np.full_like(peaks, np.nan)
    session = strides["session"].to_numpy(dtype=object)
    side = strides["side"].to_numpy(dtype=object)
    plain = (strides["condition"] == "none").to_numpy()
    order = strides["order"].to_numpy()
    for key in dict.fromkeys(zip(session, side, strict=True)):
        rows = np.flatnonzero((session == key[0]) & (side == key[1]))
        used = rows[plain[rows]] if plain[rows].any() else rows
        used = used[np.argsort(order[used], kind="stable")]
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
    """Return EMG divided by its amplitude reference, unit 1, float32.

    Parameters
    ----------
    emg
        Dims ``(..., channel, time)``, the source's unit. Lazy input stays lazy.
    scale
        Reference in the same unit, dims among those of ``emg``; where it is NaN or not positive the result is NaN.
    """
    usable = scale.where(scale > 0)
    return (emg / usable).astype(np.float32).assign_attrs({**emg.attrs, "units": "1"})


def _reference(peaks: npt.NDArray[np.float32]) -> float:
    value = float(np.percentile(peaks.astype(np.float64), PERCENTILE)) if peaks.size else np.nan
    return value if value > np.finfo(np.float32).tiny else np.nan
