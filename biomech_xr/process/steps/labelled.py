"""Kernels on labelled arrays: what the steps on DataArrays share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from biomech_xr.errors import ProcessingError
from biomech_xr.process.chains import responses
from biomech_xr.process.engine import program
from biomech_xr.process.engine.apply import apply_stages
from biomech_xr.process.engine.kernels import MIN_PIECE_SECONDS, Array, Array32, without_short
from biomech_xr.process.engine.stages import Stage

_DRIFT = 0.5
"""Samples by which a stated rate may run away from the stamps over the whole signal and still be theirs."""

_SAME_RATE = 1e-3
"""Rates that differ by less than this share are one, stated roughly: then the stamps hold."""

_OFF_THE_LINE = 0.75
"""Sample spacings by which a stamp may lie off a straight line: stamps are rounded, but none may be missing."""

_UNSIGNED = {"rectified": "rectified EMG", "energy": "the energy of EMG", "envelope": "an envelope"}
"""Values of the attribute ``emg_state`` of what no filter of the signed signal fits, and what each says."""


def apply_to(
    data: xr.DataArray,
    stages: Sequence[Stage],
    *,
    rate: float,
    causal: bool,
    dim: str,
    smooth: bool = False,
) -> xr.DataArray:
    """Return labelled data after stages, float32; a causal form adds its delay (s) to the attribute ``delay``.

    With ``smooth`` the data are no EMG but a smooth signal, whose delay is that at 0 Hz. A zero-phase form leaves out
    pieces in which the stages do not settle, see `settled`.
    """

    def kernel(values: npt.NDArray[np.float32]) -> Array32:
        flat = as_rows(values)
        long = flat if causal else settled(flat, stages, rate)
        return np.asarray(apply_stages(long, stages, rate=rate, causal=causal), dtype=np.float32).reshape(values.shape)

    done = apply_kernel(data, kernel, dim=dim)
    if not causal:
        return done
    return delayed(done, responses.delay(stages, rate, signed=not smooth))


def as_rows(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return signals (..., n) as rows (m, n), float64 unless they are float32."""
    rows = values.reshape(math.prod(values.shape[:-1]), values.shape[-1])
    return rows if rows.dtype == np.float32 else rows.astype(np.float64, copy=False)


def settled(values: npt.NDArray[Any], stages: Sequence[Stage], rate: float) -> npt.NDArray[Any]:
    """Return signals (m, n) without the gap-free pieces in which stages do not settle, as chains leave them out."""
    seconds = responses.settling(program.merged(stages), rate)
    return without_short(values, round(max(seconds, MIN_PIECE_SECONDS) * rate))[0] if seconds else values


def delayed(data: xr.DataArray, seconds: float) -> xr.DataArray:
    """Return data whose attribute ``delay`` (s) has grown by ``seconds``."""
    return data.assign_attrs(delay=float(data.attrs.get("delay", 0.0)) + seconds)


def apply_kernel(data: xr.DataArray, kernel: Callable[[npt.NDArray[np.float32]], Array32], *, dim: str) -> xr.DataArray:
    """Return labelled data after ``kernel`` (``dim`` last, same shape out, float32); lazy on Dask."""
    refuse_chunks(data, dim)
    result = xr.apply_ufunc(
        kernel,
        data,
        input_core_dims=[[dim]],
        output_core_dims=[[dim]],
        dask="parallelized",
        output_dtypes=[np.float32],
        keep_attrs=True,
    )
    out: xr.DataArray = result.transpose(*data.dims)
    return out


def signed(data: xr.DataArray, step: str) -> xr.DataArray:
    """Return ``data``, or raise `ProcessingError` where the attribute ``emg_state`` says that they are not signed."""
    state = data.attrs.get("emg_state")
    if state in _UNSIGNED:
        raise ProcessingError(
            f"{step}: found {_UNSIGNED[state]} (attribute 'emg_state' {state!r}), expected signed EMG. Filter before "
            "rectifying, or remove the attribute where it is wrong."
        )
    return data


def require_dim(data: xr.DataArray, dim: str) -> None:
    """Raise `ProcessingError` where ``dim`` is missing."""
    if dim not in data.dims:
        raise ProcessingError(
            f"{data.name or 'signal'}: found dims {', '.join(map(str, data.dims)) or 'none'}, expected {dim!r} among "
            "them. Correct dim=."
        )


def refuse_chunks(data: xr.DataArray, dim: str) -> None:
    """Raise `ProcessingError` where ``dim`` is missing or in several chunks."""
    require_dim(data, dim)
    if len(data.chunksizes.get(dim, ())) > 1:
        raise ProcessingError(
            f"{data.name or 'signal'}: found dim {dim!r} in {len(data.chunksizes[dim])} chunks, expected one, because "
            f"a filter runs over the whole signal. Call .chunk({{{dim!r}: -1}}) first."
        )


def rate_of(data: xr.DataArray, given: float | None, dim: str, *, clock: bool = False) -> float:
    """Return the sampling frequency (Hz): given, the attribute ``sampling_frequency``, or that of the coordinate (s).

    An attribute that runs away from the coordinate by half a sample or more over the signal, but by less than 0.1 %,
    is a rounded one: the rate is then the coordinate's. With ``clock`` the coordinate's times count, and a given rate
    must fit them as an attribute must.

    Raises
    ------
    ProcessingError
        There is none, it is not positive, the coordinate has several, attribute and coordinate differ, or there is no
        such dim.
    """
    require_dim(data, dim)
    name = data.name or "signal"
    stated = data.attrs.get("sampling_frequency") if given is None else given
    if stated is not None and not (np.isfinite(stated) and stated > 0):
        raise ProcessingError(f"{name}: found sampling frequency {stated} Hz, expected a positive rate. Correct it.")
    measured = _spacing(data, dim)
    if stated is None and measured is None:
        raise ProcessingError(
            f"{name}: found no sampling frequency, expected one in Hz. Pass sampling_frequency=, or set the attribute "
            "'sampling_frequency'."
        )
    if stated is None or measured is None or (given is not None and not clock):
        return float(measured if stated is None else stated)  # type: ignore[arg-type]
    off = abs(measured / stated - 1)
    if off * (data.sizes[dim] - 1) < _DRIFT:
        return float(stated)
    if off > _SAME_RATE:
        where = "the attribute 'sampling_frequency'" if given is None else "sampling_frequency="
        raise ProcessingError(
            f"{name}: found {stated:g} Hz in {where} and {measured:g} Hz in the coordinate {dim!r}, expected one rate. "
            "Correct one of them."
        )
    return measured


def times_of(data: xr.DataArray, rate: float, dim: str) -> Array:
    """Return the time (s) of each sample: the straight line through the stamps, or from 0 at ``rate`` Hz."""
    size = data.sizes[dim]
    if _spacing(data, dim) is not None:
        return np.linspace(float(data[dim][0]), float(data[dim][-1]), size)
    first = float(data[dim][0]) if dim in data.coords and size and data[dim].dtype.kind in "iuf" else 0.0
    return first + np.arange(size) / rate


def _spacing(data: xr.DataArray, dim: str) -> float | None:
    """Return the rate (Hz) of the coordinate of ``dim``; None where it has none, or it is no time in float s."""
    if dim not in data.coords or data.sizes[dim] < 2 or data[dim].dtype.kind != "f":
        return None
    stamps = data[dim].to_numpy().astype(np.float64)
    mean = (stamps[-1] - stamps[0]) / (stamps.size - 1)
    apart = np.abs(stamps - stamps[0] - mean * np.arange(stamps.size)).max()
    if not (mean > 0 and apart <= _OFF_THE_LINE * mean):
        steps = np.diff(stamps)
        raise ProcessingError(
            f"{data.name or 'signal'}: found steps of {steps.min():g} to {steps.max():g} s in the coordinate {dim!r}, "
            "expected one rate. Resample the parts to one rate, or put NaN where samples are missing."
        )
    return float(1.0 / mean)


def squared(unit: str) -> str:
    """Return the square of a unit: ``mV`` becomes ``mV2``, ``N m`` becomes ``(N m)2``."""
    return f"{unit}2" if unit.isalpha() else f"({unit})2"
