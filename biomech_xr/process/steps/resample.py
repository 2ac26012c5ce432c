"""Resampling: anti-aliased polyphase at any true rate, and a causal form for envelopes.

Cut strides are never resampled with a polyphase filter (it errs by degrees at their ends); see `pieces`.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import signal

from biomech_xr.errors import ProcessingError
from biomech_xr.process.engine.kernels import Array, delayed_linear

EMG_RATE = 1000
"""Hz; rate of EMG in the strides product."""

_ATTENUATION = 60.0
_PASS = 0.9
_CLOSE = 1e-5
_SMALL, _LARGE = 1000, 60_000


def ratio(rate: float, target: float = EMG_RATE) -> Fraction:
    """Return target / rate as a fraction of small terms, to a relative error of 1e-5 between 1 Hz and 20 kHz.

    The denominator is at most 1000 where that comes so close, as it does for nominal rates, else at most 60 000:
    148.15 to 1000 Hz is 20000 / 2963. What error is left is in the exact rates that `polyphase` and `resample` state.
    """
    if not (np.isfinite(rate) and rate > 0):
        raise ProcessingError(f"resample: found rate {rate} Hz, expected a positive rate. Correct the recording.")
    if not (np.isfinite(target) and target > 0):
        raise ProcessingError(f"resample: found target {target} Hz, expected a positive rate. Correct target=.")
    exact = Fraction(target / rate)
    small = exact.limit_denominator(_SMALL)
    return small if abs(small / exact - 1) <= _CLOSE else exact.limit_denominator(_LARGE)


@lru_cache(maxsize=32)
def antialias(up: int, down: int) -> Array:
    """Return the linear-phase low-pass of the polyphase resampler, at ``up`` times the input rate.

    Pass band to 0.9 of the lower Nyquist frequency, 60 dB from that Nyquist frequency on (Kaiser window), unit gain.
    """
    highest = max(up, down)
    count = (_ATTENUATION - 7.95) / (2.285 * np.pi * (1 - _PASS))
    half = int(np.ceil(count / 2)) * highest
    cutoff = (1 + _PASS) / 2 / highest
    return np.asarray(signal.firwin(2 * half + 1, cutoff, window=("kaiser", signal.kaiser_beta(_ATTENUATION))))


def reach(rate: float, target: float = EMG_RATE) -> float:
    """Return how far (s) the polyphase filter sees before and after an output sample; 0 when the rates are equal."""
    share = ratio(rate, target)
    if share == 1:
        return 0.0
    return (antialias(share.numerator, share.denominator).size // 2) / (share.numerator * rate)


def polyphase(values: npt.NDArray[np.float64], *, rate: float, target: float = EMG_RATE) -> tuple[Array, float]:
    """Return signals (m, n) at ``rate`` Hz resampled to (about) ``target`` Hz, and the exact new rate.

    Output sample j lies at j / new_rate seconds after input sample 0, whatever gaps there are; each gap-free piece is
    filtered for itself (mirrored at its ends) and outputs outside all pieces are NaN. Equal rates return the input.
    """
    share = ratio(rate, target)
    up, down = share.numerator, share.denominator
    new_rate = rate * up / down
    data = np.asarray(values, dtype=np.float64)
    if share == 1:
        return data, new_rate
    from biomech_xr.process.engine.apply import run

    return run(data, (), rate=rate, causal=False, dtype=np.float64, target=target), new_rate


def causal_linear(values: npt.NDArray[np.float64], *, rate: float, target: float = EMG_RATE) -> tuple[Array, float]:
    """Return envelopes (m, n) resampled without looking ahead: linear interpolation delayed by one input sample.

    Output sample j lies at j / target seconds after input sample 0; it uses no input later than itself. There is no
    anti-alias filter, so the signal must be an envelope. Equal rates return the input undelayed.
    """
    data = np.asarray(values, dtype=np.float64)
    if ratio(rate, target) == 1:
        return data, rate
    count, _ = _grid(data.shape[1], rate, target, causal=True)
    query = np.arange(max(count, 0)) / target
    return delayed_linear(np.arange(data.shape[1]) / rate, data, query, delay=1 / rate), float(target)


def near_missing(
    bad: npt.NDArray[np.bool_], native: float, rate: float, size: int, *, causal: bool
) -> npt.NDArray[np.bool_]:
    """Return which of ``size`` samples at ``rate`` Hz have a ``bad`` one (m, n at ``native`` Hz) within a sample.

    A gap may lie between two samples of the new rate, which are finite both, although a filter started anew there: of
    the two rates the longer sample counts. A causal output shows the past, one native sample late: it is asked about
    that moment, and nothing later than itself.
    """
    some = np.flatnonzero(bad.any(axis=1) & ~bad.all(axis=1))
    near = np.zeros((len(bad), size), dtype=bool)
    if not some.size:
        return near
    place, reach = np.arange(size) * (native / rate), max(native / rate, 1.0)
    first = np.floor(place - reach - causal + 1e-6).astype(np.int64) + 1
    last = np.floor(place + 1e-6) + 1 if causal else np.ceil(place + reach - 1e-6)
    before = np.concatenate((np.zeros((some.size, 1), dtype=np.int64), bad[some].cumsum(axis=1)), axis=1)
    low, high = (np.clip(edge, 0, bad.shape[1]).astype(np.int64) for edge in (first, last))
    near[some] = before[:, high] > before[:, low]
    return near


def resample(
    data: xr.DataArray,
    *,
    target: float,
    causal: bool = False,
    sampling_frequency: float | None = None,
    dim: str = "time",
) -> xr.DataArray:
    """Return a continuous signal resampled to ``target`` Hz with an anti-alias filter, or without looking ahead.

    Parameters
    ----------
    data
        Dims ``(..., dim)``; NaN marks gaps. Lazy input stays lazy. Never a cut stride.
    target
        New rate in Hz; the exact rate reached (ratio of small terms) is in the attribute ``sampling_frequency``.
    causal
        Linear interpolation one sample late, which is added to the attribute ``delay`` (s). It has no anti-alias
        filter: for smooth signals, such as envelopes, only.
    sampling_frequency
        Hz; by default the attribute ``sampling_frequency``, or the spacing of the coordinate of ``dim`` (s).

    Returns
    -------
    xr.DataArray
        float32 with a new coordinate ``dim`` in s, continuing from the first stamp of ``data`` (0 without one). Samples
        within one (of either rate, the longer one) of a missing sample are missing.

    Raises
    ------
    ProcessingError
        No or an impossible sampling frequency or ``target``, one that differs from the coordinate's, no sample, a
        chunked ``dim``, or ``causal`` of EMG that is no envelope (the attribute ``emg_state``).

    Notes
    -----
    Each gap-free piece goes on as its mirror image. Where a tone above the new Nyquist frequency is cut off, that
    image has a kink, so some of the tone stays in the last half length of the filter at both ends of the piece.
    """
    from biomech_xr.process.steps.labelled import as_rows, delayed, rate_of, refuse_chunks

    rate = rate_of(data, sampling_frequency, dim, clock=True)
    refuse_chunks(data, dim)
    if causal and data.attrs.get("emg_state") in ("raw", "bandpassed", "rectified", "energy"):
        raise ProcessingError(
            f"resample: found EMG (attribute 'emg_state' {data.attrs['emg_state']!r}), expected an envelope or another "
            "smooth signal, because without looking ahead no filter removes aliases. Make an envelope first."
        )
    share = ratio(rate, target)
    if not data.sizes[dim] or not share:
        raise ProcessingError(
            f"resample: found {data.sizes[dim]} samples at {rate:g} Hz for {target:g} Hz, expected a signal to "
            "resample. Correct target=, or select a longer part."
        )
    size, new_rate = _grid(data.sizes[dim], rate, target, causal=causal)

    def kernel(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        flat = as_rows(values)
        found = (causal_linear if causal else polyphase)(flat, rate=rate, target=target)[0].astype(np.float32)
        if share != 1:
            found[near_missing(~np.isfinite(flat), rate, new_rate, size, causal=causal)] = np.nan
        return found.reshape(*values.shape[:-1], size)

    result: xr.DataArray = xr.apply_ufunc(
        kernel,
        data,
        input_core_dims=[[dim]],
        output_core_dims=[[dim]],
        exclude_dims={dim},
        dask="parallelized",
        output_dtypes=[np.float32],
        dask_gufunc_kwargs={"output_sizes": {dim: size}},
        keep_attrs=True,
    ).transpose(*data.dims)
    origin = float(data[dim][0]) if dim in data.coords and data.sizes[dim] else 0.0
    stamped = result.assign_coords({dim: (dim, origin + np.arange(size) / new_rate, {"units": "s"})})
    stamped = stamped.assign_attrs(sampling_frequency=new_rate)
    return delayed(stamped, 1 / rate if share != 1 else 0.0) if causal else stamped


def _grid(count: int, rate: float, target: float, *, causal: bool) -> tuple[int, float]:
    """Return number and rate (Hz) of the samples that ``count`` ones become."""
    share = ratio(rate, target)
    if causal and share != 1:
        return int(np.floor((count - 1) / rate * target + 1e-6)) + 1, float(target)
    return -(-count * share.numerator // share.denominator), rate * share.numerator / share.denominator
