"""Filters of surface EMG on labelled arrays: band-pass, high-pass, low-pass, notch, rectification, linear envelope.

Every function is pure, keeps dims, coordinates and attributes, returns float32 (arithmetic is float64) and leaves Dask
input lazy. Zero-phase filters run forward and backward, which squares the amplitude response; causal ones run forward
and add their delay (s) to the attribute ``delay``. Gap-free pieces are filtered one by one, so that no filter crosses
NaN; zero-phase forms leave out pieces (NaN) shorter than the filter needs to settle (`responses.settling`).
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import signal

from biomech_xr.errors import ProcessingError
from biomech_xr.process.engine.apply import apply_stages
from biomech_xr.process.engine.kernels import Array, Array32
from biomech_xr.process.engine.stages import Rectify, Sections
from biomech_xr.process.steps import hum
from biomech_xr.process.steps.labelled import apply_kernel, apply_to, as_rows, rate_of, settled, signed

BAND_LIMIT = 0.45
"""Chains limit upper band edges to this fraction of the sampling frequency, below the Nyquist frequency."""


def butterworth(kind: str, edges: float | tuple[float, float], *, order: int, rate: float) -> Array:
    """Return the second-order sections of a Butterworth filter at ``rate`` Hz.

    Parameters
    ----------
    kind
        `bandpass`, `highpass` or `lowpass`.
    edges
        Edge frequency or (low, high) in Hz, the -3 dB points of one pass.

    Raises
    ------
    ProcessingError
        An edge that is not below the Nyquist frequency, an empty band, or an order that is no whole number from 1 on.
    """
    if not isinstance(order, int | np.integer) or order < 1:
        raise ProcessingError(f"{kind}: found order {order}, expected a whole number of at least 1. Correct it.")
    if isinstance(edges, tuple):
        if not 0 < edges[0] < edges[1] < rate / 2:
            raise ProcessingError(
                f"{kind}: found edges {edges[0]:g}-{edges[1]:g} Hz at {rate:g} Hz, expected 0 < low < high < "
                f"{rate / 2:g} Hz. Lower the band, or read the signal at a higher rate."
            )
        return _designed(kind, edges, order, rate).copy()
    if not 0 < edges < rate / 2:
        raise ProcessingError(
            f"{kind}: found cut-off {edges:g} Hz at {rate:g} Hz, expected 0 < cut-off < {rate / 2:g} Hz. "
            "Choose another cut-off."
        )
    return _designed(kind, edges, order, rate).copy()


@lru_cache(maxsize=128)
def _designed(kind: str, edges: float | tuple[float, float], order: int, rate: float) -> Array:
    return np.asarray(signal.butter(order, edges, btype=kind, output="sos", fs=rate))


def notches(
    line_frequency: float,
    *,
    upper: float,
    rate: float,
    width: float | None = None,
    q: float | None = None,
    only: Collection[float] | None = None,
) -> Array:
    """Return the sections of one notch at each harmonic below ``upper``, (sections, 6).

    Parameters
    ----------
    line_frequency
        Mains frequency in Hz (50 or 60).
    upper
        Hz; harmonics at or above it, or within one width of the Nyquist frequency, get no notch.
    width, q
        Width of every notch in Hz (-3 dB of one pass), or the quality f / width that all have. Give one.
    only
        Harmonics (Hz) to notch, of those; all by default.

    Raises
    ------
    ProcessingError
        The mains frequency is unknown (not positive), not exactly one of ``width`` and ``q`` is given, or a value is
        not positive.
    """
    _check_notch(line_frequency, upper, width, q)
    wanted = hum.harmonics(line_frequency, upper=upper, rate=rate, width=width or 0.0)
    rows = [
        np.concatenate(signal.iirnotch(f, Q=q or f / (width or 1.0), fs=rate))
        for f in wanted
        if only is None or f in only
    ]
    return np.array(rows) if rows else np.empty((0, 6))


def _check_notch(line_frequency: float, upper: float, width: float | None, q: float | None) -> None:
    if not 0 < line_frequency < np.inf:
        raise ProcessingError(
            f"notch: found line frequency {line_frequency}, expected 50 or 60 Hz. State it in the dataset's facts."
        )
    if (width is None) == (q is None):
        raise ProcessingError(f"notch: found width {width} and q {q}, expected one of them. Give width= or q=.")
    for name, value in {"upper": upper, "width": width, "q": q}.items():
        if value is not None and not (value > 0 and (name == "upper" or value < np.inf)):
            raise ProcessingError(f"notch: found {name} {value}, expected a positive number. Correct it.")


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
        and 400-500 Hz). Both below the Nyquist frequency.
    order
        Design order of one pass; zero-phase filtering applies it twice.
    causal
        Forward only; the delay of a burst's energy is added to the attribute ``delay`` (s).
    sampling_frequency
        Hz; by default the attribute ``sampling_frequency``, or the spacing of the coordinate of ``dim`` (s).

    Raises
    ------
    ProcessingError
        No sampling frequency or more than one, an edge at or above the Nyquist frequency, an empty band, an order
        below 1, a chunked ``dim``, or EMG that is rectified or an envelope already (the attribute ``emg_state``, set
        by `rectify`, `tkeo` and the envelopes).
    """
    rate = rate_of(signed(emg, "bandpass"), sampling_frequency, dim)
    stage = Sections.of(butterworth("bandpass", (low, high), order=order, rate=rate))
    done = apply_to(emg, (stage,), rate=rate, causal=causal, dim=dim)
    return done.assign_attrs(emg_state="bandpassed") if "emg_state" in emg.attrs else done


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
    rate = rate_of(signed(emg, "highpass"), sampling_frequency, dim)
    stage = Sections.of(butterworth("highpass", cutoff, order=order, rate=rate))
    return apply_to(emg, (stage,), rate=rate, causal=causal, dim=dim)


def lowpass(
    emg: xr.DataArray,
    *,
    cutoff: float,
    order: int,
    causal: bool = False,
    sampling_frequency: float | None = None,
    dim: str = "time",
) -> xr.DataArray:
    """Return the signal low-passed by a Butterworth filter; parameters and errors as in `bandpass`.

    The delay of the causal form is the group delay at 0 Hz. Rectified EMG becomes an envelope.
    """
    rate = rate_of(emg, sampling_frequency, dim)
    stage = Sections.of(butterworth("lowpass", cutoff, order=order, rate=rate))
    done = apply_to(emg, (stage,), rate=rate, causal=causal, dim=dim, smooth=True)
    return done.assign_attrs(emg_state="envelope") if emg.attrs.get("emg_state") == "rectified" else done


def notch(
    emg: xr.DataArray,
    *,
    line_frequency: float,
    upper: float,
    width: float | None = None,
    q: float | None = None,
    only_if_present: bool = False,
    causal: bool = False,
    sampling_frequency: float | None = None,
    dim: str = "time",
) -> xr.DataArray:
    """Return EMG without mains hum and its harmonics below ``upper`` Hz.

    Parameters are those of `bandpass`, and:

    Parameters
    ----------
    line_frequency
        Mains frequency, 50 or 60 Hz.
    width, q
        Width of each notch in Hz, or its quality f / width; one of them.
    only_if_present
        Notch only the harmonics that stand out of the spectrum of a signal, each signal and harmonic by itself (the
        rule is that of `hum`). It looks at the whole signal, so there is no causal form.

    Raises
    ------
    ProcessingError
        As in `bandpass`, where a width or quality is not positive, and where a causal notch is to be set only if the
        line is there.
    """
    rate = rate_of(signed(emg, "notch"), sampling_frequency, dim)
    _check_notch(line_frequency, upper, width, q)
    if not only_if_present:
        sections = notches(line_frequency, width=width, q=q, upper=upper, rate=rate)
        stages = (Sections.of(sections),) if len(sections) else ()
        return apply_to(emg, stages, rate=rate, causal=causal, dim=dim)
    if causal:
        raise ProcessingError("notch: only_if_present looks at the whole signal. Set causal or only_if_present.")
    lines = hum.harmonics(line_frequency, upper=upper, rate=rate, width=width or 0.0)

    def kernel(values: npt.NDArray[np.float32]) -> Array32:
        flat = as_rows(values)
        out = np.where(np.isfinite(flat), flat, np.nan).astype(np.float32)
        for rows, there in hum.groups(flat, lines, rate=rate):
            if there:
                part = Sections.of(notches(line_frequency, width=width, q=q, upper=upper, rate=rate, only=there))
                out[rows] = apply_stages(settled(flat[rows], (part,), rate), (part,), rate=rate, causal=False)
        return out.reshape(values.shape)

    return apply_kernel(emg, kernel, dim=dim)


def rectify(emg: xr.DataArray) -> xr.DataArray:
    """Return the absolute value of EMG, float32; dims, coordinates and unit of ``emg``.

    The attribute ``emg_state`` becomes `rectified`; that of an envelope stays.
    """
    state = "envelope" if emg.attrs.get("emg_state") == "envelope" else "rectified"
    return abs(emg.astype(np.float32)).assign_attrs({**emg.attrs, "emg_state": state})


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
        The attribute ``emg_state`` becomes `envelope`.

    Raises
    ------
    ProcessingError
        As in `bandpass`.
    """
    rate = rate_of(emg, sampling_frequency, dim)
    stages = (Rectify(), Sections.of(butterworth("lowpass", cutoff, order=order, rate=rate)))
    done = apply_to(emg, stages, rate=rate, causal=causal, dim=dim).clip(min=0.0, keep_attrs=True)
    return done.assign_attrs(emg_state="envelope")
