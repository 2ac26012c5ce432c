"""Causal derivatives of smooth signals: backward differences, or the slope of a parabola through past samples."""

from __future__ import annotations

from math import factorial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from biomech_xr.errors import ProcessingError
from biomech_xr.process.chains.responses import center
from biomech_xr.process.engine.kernels import Array, Array32, filter_sections, finite_pieces
from biomech_xr.process.steps.filters import butterworth
from biomech_xr.process.steps.labelled import apply_kernel, as_rows, delayed, rate_of

_LOWPASS_ORDER = 2


def differentiate(
    data: xr.DataArray,
    *,
    order: Literal[1, 2] = 1,
    method: Literal["backward", "quadratic"] = "backward",
    cutoff: float | None = None,
    samples: int = 7,
    sampling_frequency: float | None = None,
    dim: str = "time",
) -> xr.DataArray:
    """Return the first or second derivative of a signal, from samples up to the present only.

    Parameters
    ----------
    data
        A smooth signal, dims ``(..., dim)``; NaN marks gaps. Lazy input stays lazy.
    order
        1 velocity, 2 acceleration.
    method
        `backward`: differences of the last two or three samples, after a causal Butterworth low-pass of order 2 at
        ``cutoff`` Hz where one is given. `quadratic`: the derivative, at the newest sample, of the parabola fitted to
        the last ``samples`` (Savitzky & Golay 1964, at the end of the window).
    cutoff
        Hz, `backward` only; no default, because it is a scientific choice (Winter 2009 uses 6 Hz for gait).
    samples
        `quadratic` only; at least 3.
    sampling_frequency
        Hz; by default the attribute, or the spacing of the coordinate of ``dim``.

    Returns
    -------
    xr.DataArray
        float32, the unit of ``data`` per second (or second squared). The first samples of each gap-free piece, which
        have too few before them, are NaN. The delay is added to the attribute ``delay`` (s): that of the next higher
        derivative at 0 Hz, so that a parabola (order 1) or a cubic (order 2) comes out right but for it.

    Raises
    ------
    ProcessingError
        No sampling frequency, another order or method, a cut-off beyond the Nyquist frequency, too few ``samples``, or
        a chunked ``dim``.

    Notes
    -----
    The central difference at t holds the sample after t: an input made of it gives the next angle away.
    """
    rate = rate_of(data, sampling_frequency, dim)
    weights = _weights(order, method, samples, rate)
    sections = None if cutoff is None else butterworth("lowpass", cutoff, order=_LOWPASS_ORDER, rate=rate)
    if sections is not None and method != "backward":
        raise ProcessingError("differentiate: cutoff belongs to the method backward. Leave it out, or change method.")

    def kernel(values: npt.NDArray[Any]) -> Array32:
        flat = as_rows(values).astype(np.float64, copy=False)
        if sections is not None:
            flat = filter_sections(flat, sections, rate=rate, causal=True)
        return _convolved(flat, weights).astype(np.float32).reshape(values.shape)

    done = delayed(apply_kernel(data, kernel, dim=dim), _delay(weights, order, rate))
    if sections is not None:
        done = delayed(done, center(sections, rate, power=1))
    if "units" not in data.attrs:
        return done
    return done.assign_attrs(units=f"{data.attrs['units']} s-{order}")


def _weights(order: int, method: str, samples: int, rate: float) -> Array:
    """Return the weights of the present sample, the one before it, and so on."""
    if order not in (1, 2):
        raise ProcessingError(f"differentiate: found order {order}, expected 1 or 2. For more, differentiate again.")
    if method not in ("backward", "quadratic"):
        raise ProcessingError(
            f"differentiate: found method {method!r}, expected backward or quadratic (a central difference needs the "
            "sample after t). Correct it."
        )
    if method == "backward":
        return np.array([1.0, -1.0]) * rate if order == 1 else np.array([1.0, -2.0, 1.0]) * rate**2
    if not isinstance(samples, int | np.integer) or samples < 3:
        raise ProcessingError(
            f"differentiate: found samples={samples}, expected a whole number, at least 3 for a parabola. Correct it."
        )
    past = -np.arange(samples) / rate
    fit = np.linalg.pinv(np.stack((np.ones(samples), past, past**2), axis=1))
    return np.asarray(fit[order] * factorial(order))


def _delay(weights: Array, order: int, rate: float) -> float:
    """Return by how much (s) the estimate lags on t^(order + 1), whose derivative is (order + 1)! t."""
    past = -np.arange(weights.size) / rate
    return float(-(weights @ past ** (order + 1)) / factorial(order + 1))


def _convolved(values: Array, weights: Array) -> Array:
    out = np.full(values.shape, np.nan)
    for rows, start, stop in finite_pieces(values):
        first = start + weights.size - 1
        if first < stop:
            total = np.zeros((rows.size, stop - first))
            for lag, weight in enumerate(weights):
                total += weight * values[rows, first - lag : stop - lag]
            out[rows, first:stop] = total
    return out
