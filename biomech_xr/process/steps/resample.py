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
    count = int(np.floor((data.shape[1] - 1) / rate * target + 1e-6)) + 1
    query = np.arange(max(count, 0)) / target
    return delayed_linear(np.arange(data.shape[1]) / rate, data, query, delay=1 / rate), float(target)


def resample(
    data: xr.DataArray, *, target: float, sampling_frequency: float | None = None, dim: str = "time"
) -> xr.DataArray:
    """Return a continuous signal resampled to ``target`` Hz with an anti-alias filter.

    Parameters
    ----------
    data
        Dims ``(..., dim)``; NaN marks gaps. Lazy input stays lazy. Never a cut stride.
    target
        New rate in Hz; the exact rate reached (ratio of small terms) is in the attribute ``sampling_frequency``.
    sampling_frequency
        Hz; by default the attribute ``sampling_frequency``, or the spacing of the coordinate of ``dim`` (s).

    Returns
    -------
    xr.DataArray
        float32 with a new coordinate ``dim`` in s, continuing from the first stamp of ``data`` (0 without one).

    Raises
    ------
    ProcessingError
        No or an impossible sampling frequency or ``target``, one that differs from the coordinate's, no sample, or a
        chunked ``dim``.

    Notes
    -----
    Each gap-free piece goes on as its mirror image. Where a tone above the new Nyquist frequency is cut off, that
    image has a kink, so some of the tone stays in the last half length of the filter at both ends of the piece.
    """
    from biomech_xr.process.steps.labelled import rate_of, refuse_chunks

    rate = rate_of(data, sampling_frequency, dim, clock=True)
    refuse_chunks(data, dim)
    share = ratio(rate, target)
    if not data.sizes[dim] or not share:
        raise ProcessingError(
            f"resample: found {data.sizes[dim]} samples at {rate:g} Hz for {target:g} Hz, expected a signal to "
            "resample. Correct target=, or select a longer part."
        )
    size = -(-data.sizes[dim] * share.numerator // share.denominator)
    new_rate = rate * share.numerator / share.denominator

    def kernel(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        flat = values.reshape(-1, values.shape[-1])
        return polyphase(flat, rate=rate, target=target)[0].reshape(*values.shape[:-1], size).astype(np.float32)

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
    return stamped.assign_attrs(sampling_frequency=new_rate)
