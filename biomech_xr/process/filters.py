"""Filters of surface EMG on labelled arrays: band-pass, high-pass, low-pass, notch, rectification, linear envelope.

Every function is pure, keeps dims, coordinates and attributes, returns float32 (arithmetic is float64) and leaves Dask
input lazy. Zero-phase filters run forward and backward, which squares the amplitude response; causal ones run forward.
Gap-free pieces are filtered one by one, so that no filter crosses NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import signal

from biomech_xr.errors import ProcessingError
from biomech_xr.process.kernels import Array, Array32, filter_sections

BAND_LIMIT = 0.45
"""Upper band edges are limited to this fraction of the sampling frequency, below the Nyquist frequency."""


def butterworth(kind: str, edges: float | tuple[float, float], *, order: int, rate: float) -> Array:
    """Return the second-order sections of a Butterworth filter at ``rate`` Hz.

    Parameters
    ----------
    kind
        `bandpass`, `highpass` or `lowpass`.
    edges
        Edge frequency or (low, high) in Hz, the -3 dB points of one pass. Upper edges are limited to `BAND_LIMIT`.

    Raises
    ------
    ProcessingError
        The edges leave no band at this rate.
    """
    limit = BAND_LIMIT * rate
    if isinstance(edges, tuple):
        low, high = edges[0], min(edges[1], limit)
        if not 0 < low < high:
            raise ProcessingError(
                f"{kind}: found edges {edges[0]:g}-{edges[1]:g} Hz at {rate:g} Hz, expected 0 < low < high <= "
                f"{limit:g} Hz. Lower the band, or read the signal at a higher rate."
            )
        return np.asarray(signal.butter(order, (low, high), btype=kind, output="sos", fs=rate))
    if not 0 < edges < rate / 2:
        raise ProcessingError(
            f"{kind}: found cut-off {edges:g} Hz at {rate:g} Hz, expected 0 < cut-off < {rate / 2:g} Hz. "
            "Choose another cut-off."
        )
    return np.asarray(signal.butter(order, edges, btype=kind, output="sos", fs=rate))


def notches(line_frequency: float, *, width: float, upper: float, rate: float) -> Array:
    """Return the sections of one notch of constant ``width`` (Hz, -3 dB of one pass) at each harmonic below ``upper``.

    Parameters
    ----------
    line_frequency
        Mains frequency in Hz (50 or 60).
    upper
        Hz; harmonics at or above it, or within one width of the Nyquist frequency, get no notch.

    Raises
    ------
    ProcessingError
        The mains frequency is unknown (not positive).
    """
    if not line_frequency > 0:
        raise ProcessingError(
            f"notch: found line frequency {line_frequency}, expected 50 or 60 Hz. State it in the dataset's facts."
        )
    top = min(upper, rate / 2 - width)
    harmonics = [k * line_frequency for k in range(1, int(top / line_frequency) + 1) if k * line_frequency < top]
    rows = [signal.tf2sos(*signal.iirnotch(f, Q=f / width, fs=rate)) for f in harmonics]
    return np.concatenate(rows) if rows else np.empty((0, 6))


def bandpass(
    emg: xr.DataArray,
    *,
    low: float,
    high: float,
    order: int,
    causal: bool = False,
    sampling_frequency: float | None = None,
    dim: str = "time",
) -> xr.DataArray:
    """Return EMG band-passed by a Butterworth filter.

    Parameters
    ----------
    emg
        Dims ``(..., dim)``, any unit. Lazy input stays lazy; ``dim`` must lie in one chunk.
    low, high
        Edges in Hz, without default because they are a scientific choice (Hermens et al. 2000, SENIAM, advise 10-20
        and 400-500 Hz). ``high`` is limited to 0.45 of the sampling frequency.
    order
        Design order of one pass; zero-phase filtering applies it twice.
    sampling_frequency
        Hz; by default the attribute ``sampling_frequency``.

    Raises
    ------
    ProcessingError
        No sampling frequency, an empty band, or a chunked ``dim``.
    """
    rate = _rate(emg, sampling_frequency)
    return _filtered(emg, butterworth("bandpass", (low, high), order=order, rate=rate), rate, causal, dim)


def highpass(
    emg: xr.DataArray,
    *,
    cutoff: float,
    order: int,
    causal: bool = False,
    sampling_frequency: float | None = None,
    dim: str = "time",
) -> xr.DataArray:
    """Return EMG high-passed by a Butterworth filter; parameters and errors as in `bandpass`."""
    rate = _rate(emg, sampling_frequency)
    return _filtered(emg, butterworth("highpass", cutoff, order=order, rate=rate), rate, causal, dim)


def lowpass(
    emg: xr.DataArray,
    *,
    cutoff: float,
    order: int,
    causal: bool = False,
    sampling_frequency: float | None = None,
    dim: str = "time",
) -> xr.DataArray:
    """Return the signal low-passed by a Butterworth filter; parameters and errors as in `bandpass`."""
    rate = _rate(emg, sampling_frequency)
    return _filtered(emg, butterworth("lowpass", cutoff, order=order, rate=rate), rate, causal, dim)


def notch(
    emg: xr.DataArray,
    *,
    line_frequency: float,
    width: float,
    upper: float,
    causal: bool = False,
    sampling_frequency: float | None = None,
    dim: str = "time",
) -> xr.DataArray:
    """Return EMG without mains hum and its harmonics below ``upper`` Hz.

    Parameters are those of `bandpass`, with the mains frequency (50 or 60 Hz) and the width of each notch in Hz.
    The notches are applied whether or not the line is visible in the spectrum.
    """
    rate = _rate(emg, sampling_frequency)
    sections = notches(line_frequency, width=width, upper=upper, rate=rate)
    return _filtered(emg, sections, rate, causal, dim) if len(sections) else emg.astype(np.float32)


def rectify(emg: xr.DataArray) -> xr.DataArray:
    """Return the absolute value of EMG, float32; dims, coordinates and unit of ``emg``."""
    return emg.copy(data=abs(emg.data)).astype(np.float32)


def linear_envelope(
    emg: xr.DataArray,
    *,
    cutoff: float,
    order: int,
    causal: bool = False,
    sampling_frequency: float | None = None,
    dim: str = "time",
) -> xr.DataArray:
    """Return the linear envelope of band-passed EMG: rectified, low-passed, never negative.

    Parameters
    ----------
    emg
        Band-passed EMG, dims ``(..., dim)``, any unit. Lazy input stays lazy.
    cutoff
        Low-pass cut-off in Hz; no default, because it is a scientific choice (Winter 2009 uses 3-10 Hz for gait).

    Returns
    -------
    xr.DataArray
        Envelope with the dims, coordinates and unit of ``emg``; the small undershoot of the filter is clipped at 0.

    Raises
    ------
    ProcessingError
        As in `bandpass`.
    """
    options = {"causal": causal, "sampling_frequency": sampling_frequency}
    smooth = lowpass(rectify(emg), cutoff=cutoff, order=order, dim=dim, **options)  # type: ignore[arg-type]
    return smooth.clip(min=0.0, keep_attrs=True)


def apply_kernel(data: xr.DataArray, kernel: Callable[[npt.NDArray[np.float32]], Array32], *, dim: str) -> xr.DataArray:
    """Return labelled data after ``kernel`` (``dim`` last, same shape out, float32); lazy on Dask."""
    if len(data.chunksizes.get(dim, ())) > 1:
        raise ProcessingError(
            f"{data.name or 'signal'}: found dim {dim!r} in {len(data.chunksizes[dim])} chunks, expected one, because "
            f"a filter runs over the whole signal. Call .chunk({{{dim!r}: -1}}) first."
        )
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


def _filtered(data: xr.DataArray, sections: Array, rate: float, causal: bool, dim: str) -> xr.DataArray:  # noqa: FBT001
    def kernel(values: npt.NDArray[np.float32]) -> Array32:
        return filter_sections(values, sections, rate=rate, causal=causal).astype(np.float32)

    return apply_kernel(data, kernel, dim=dim)


def _rate(data: xr.DataArray, given: float | None) -> float:
    rate = float(data.attrs.get("sampling_frequency", np.nan) if given is None else given)
    if not rate > 0:
        raise ProcessingError(
            f"{data.name or 'signal'}: found no sampling frequency, expected one in Hz. Pass sampling_frequency=, or "
            "set the attribute 'sampling_frequency'."
        )
    return rate
