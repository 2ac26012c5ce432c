"""Continuous signals cut into strides, each on its own phase grid or on a grid in Hz after contact."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from biomech_xr.errors import ProcessingError
from biomech_xr.process.chains.responses import center
from biomech_xr.process.engine.kernels import Array, Array32, delayed_linear, filter_sections, spline
from biomech_xr.process.steps.filters import BAND_LIMIT, butterworth
from biomech_xr.process.steps.labelled import as_rows, delayed, rate_of, refuse_chunks, times_of

_ORDER = 4


def to_phase(
    data: xr.DataArray,
    contacts: npt.ArrayLike,
    durations: npt.ArrayLike | None = None,
    *,
    points: int | None = None,
    rate: float | None = None,
    causal: bool = False,
    sampling_frequency: float | None = None,
    dim: str = "time",
) -> xr.DataArray:
    """Return the strides of a continuous signal on a phase grid, or on a grid in Hz.

    Parameters
    ----------
    data
        A smooth signal (angles, moments, an envelope), dims ``(..., dim)``, with a coordinate of ``dim`` in s (or
        starting at 0), which is its clock whatever a rate says. NaN marks gaps. Lazy input stays lazy.
    contacts
        Times of contact in s on the same clock: of n strides with ``durations``, else n + 1 successive ones.
    durations
        Duration of each stride in s.
    points
        Samples a stride at k / points; 200 unless ``rate`` is given.
    rate
        Samples a second (Hz) after contact; a stride owns those before its end, the rest is NaN.
    causal
        No sample later than the one produced: only with ``rate``. Linear interpolation one native sample late, after a
        causal low-pass; the delay is added to the attribute ``delay`` (s).

    Returns
    -------
    xr.DataArray
        float32, dims ``(..., stride, phase)`` or ``(..., stride, time_kinematics)``; coordinates ``trial_time`` and
        ``duration`` (s) of the strides. A grid coarser than the signal's own rate gets a Butterworth low-pass of order
        4 at 0.45 of the grid's rate first (that of the longest stride on a phase grid).

    Raises
    ------
    ProcessingError
        Both or impossible grids, times that do not fit together, no sampling frequency or one that differs from the
        coordinate's, or a chunked ``dim``.
    """
    native = rate_of(data, sampling_frequency, dim, clock=True)
    refuse_chunks(data, dim)
    times = times_of(data, native, dim)
    native = (times.size - 1) / float(times[-1] - times[0]) if times.size > 1 else native
    begin, length = _strides(contacts, durations)
    grid, offsets = _grid(length, points, rate, causal=causal)
    sections = _antialias(native, rate or offsets.shape[1] / float(length.max()))
    query = (begin[:, None] + offsets).reshape(-1)

    def kernel(values: npt.NDArray[Any]) -> Array32:
        flat = as_rows(values)
        if sections is not None:
            flat = filter_sections(flat, sections, rate=native, causal=causal, padding="odd", shortest=0.0)
        known = np.isfinite(query)
        out = np.full((len(flat), query.size), np.nan, dtype=np.float32)
        found = delayed_linear(times, flat, query[known], delay=1 / native) if causal else None
        out[:, known] = spline(times, flat, query[known]) if found is None else found
        return out.reshape(*values.shape[:-1], *offsets.shape)

    cut: xr.DataArray = xr.apply_ufunc(
        kernel,
        data,
        input_core_dims=[[dim]],
        output_core_dims=[["stride", grid]],
        dask="parallelized",
        output_dtypes=[np.float32],
        dask_gufunc_kwargs={"output_sizes": {"stride": begin.size, grid: offsets.shape[1]}},
        keep_attrs=True,
    )
    size = offsets.shape[1]
    stamps = np.arange(size) / (size if rate is None else rate)
    cut = cut.assign_coords(
        {
            grid: (grid, stamps, {"units": "1" if rate is None else "s"}),
            "trial_time": ("stride", begin, {"units": "s"}),
            "duration": ("stride", length, {"units": "s"}),
        }
    )
    cut.attrs.pop("sampling_frequency", None)
    if not causal:
        return cut
    return delayed(cut, 1 / native + (0.0 if sections is None else center(sections, native, power=1)))


def _strides(contacts: npt.ArrayLike, durations: npt.ArrayLike | None) -> tuple[Array, Array]:
    """Return contact and duration (s) of each stride."""
    begin = np.asarray(contacts, dtype=np.float64)
    length = np.diff(begin) if durations is None else np.asarray(durations, dtype=np.float64)
    begin = begin[:-1] if durations is None else begin
    if begin.ndim != 1 or begin.shape != length.shape or not begin.size or not (length > 0).all():
        raise ProcessingError(
            f"to_phase: found {begin.size} contact(s) and durations {length.tolist()[:5]} s, expected one positive "
            "duration a stride. Give increasing contacts, or contacts and durations of the same strides."
        )
    return begin, length


def _grid(length: Array, points: int | None, rate: float | None, *, causal: bool) -> tuple[str, Array]:
    """Return the name of the grid's dim and the times (s) after contact, (strides, size); NaN after the stride."""
    if points is not None and rate is not None:
        raise ProcessingError("to_phase: found both points and rate, expected one of them. Leave one out.")
    if rate is None:
        size = 200 if points is None else points
        if causal:
            raise ProcessingError("to_phase: a phase grid knows the next contact; a causal form needs rate= (Hz).")
        if size < 1:
            raise ProcessingError(f"to_phase: found {size} points, expected at least one. Correct points.")
        return "phase", np.arange(size) * length[:, None] / size
    if not rate > 0:
        raise ProcessingError(f"to_phase: found rate {rate} Hz, expected a positive rate. Correct it.")
    owned = np.ceil(length * rate - 1e-6).astype(np.int64)
    k = np.arange(int(owned.max()))
    return "time_kinematics", np.where(k < owned[:, None], k / rate, np.nan)


def _antialias(native: float, grid: float) -> Array | None:
    if native <= grid * (1 + 1e-9):
        return None
    return butterworth("lowpass", BAND_LIMIT * grid, order=_ORDER, rate=native)
