"""Steps on labelled arrays beside the filters: mean, wavelets, moving RMS, Teager-Kaiser energy, short gaps.

Every function is pure, keeps dims and coordinates, returns float32 and leaves Dask input lazy; NaN marks gaps, which
stay and never spread.
"""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import xarray as xr

from biomech_xr.errors import ProcessingError
from biomech_xr.process.chains.responses import rms_samples
from biomech_xr.process.chains.steps_config import DEEPEST, wavelet_problem
from biomech_xr.process.engine.kernels import Array, Array32
from biomech_xr.process.engine.stages import Center, Rms, Rule, Shrink, Shrinkage, Tkeo
from biomech_xr.process.steps.labelled import apply_to, as_rows, rate_of, refuse_chunks, signed, squared


def remove_mean(emg: xr.DataArray, *, dim: str = "time") -> xr.DataArray:
    """Return the signal without the mean of each gap-free piece, dims, unit and attributes kept.

    It knows the whole piece: for a causal form use `highpass`.
    """
    return apply_to(signed(emg, "remove_mean"), (Center(),), rate=1.0, causal=False, dim=dim)


def wavelet_denoise(
    emg: xr.DataArray,
    *,
    wavelet: str,
    level: int,
    rule: Rule,
    shrink: Shrink,
    packets: bool = False,
    sampling_frequency: float | None = None,
    dim: str = "time",
) -> xr.DataArray:
    """Return EMG after shrinkage of its wavelet coefficients.

    Parameters
    ----------
    emg
        Band-passed EMG, dims ``(..., dim)``, any unit. Each gap-free piece is transformed by itself.
    wavelet
        Orthogonal wavelet by its PyWavelets name (`db4`): haar, db1 to db38, sym2 to sym20, coif1 to coif17.
    level
        Depth of the tree, 1 to 12.
    rule
        Threshold: `universal` (Donoho & Johnstone 1994), `sure` (Donoho & Johnstone 1995) or `bayes` (Chang et al.
        2000), from the noise of each level (median absolute deviation / 0.6745).
    shrink
        `soft`, `hard` or `garrote` (Gao 1998).
    packets
        Split the details too (wavelet packets): bands of equal width, all but the lowest shrunk.

    Raises
    ------
    ProcessingError
        No sampling frequency, a chunked ``dim``, an unknown wavelet, level, rule or shrinkage, or EMG that is rectified
        already. There is no causal form: thresholds know the whole piece.
    """
    rate = rate_of(signed(emg, "wavelet_denoise"), sampling_frequency, dim)
    problem = wavelet_problem(wavelet)
    if not problem and not (isinstance(level, int | np.integer) and 1 <= level <= DEEPEST):
        problem = f"found level {level}, expected a whole number from 1 to {DEEPEST}"
    for name, value, known in (("rule", rule, get_args(Rule)), ("shrink", shrink, get_args(Shrink))):
        if not problem and value not in known:
            problem = f"found {name} {value!r}, expected one of {', '.join(known)}"
    if problem:
        raise ProcessingError(f"wavelet_denoise: {problem}. Correct it.")
    stage = Shrinkage(wavelet, level, rule, shrink, packets)
    return apply_to(emg, (stage,), rate=rate, causal=False, dim=dim)


def rms_envelope(
    emg: xr.DataArray,
    *,
    window: float,
    causal: bool = False,
    sampling_frequency: float | None = None,
    dim: str = "time",
) -> xr.DataArray:
    """Return the root mean square of EMG over ``window`` seconds, unit kept.

    Parameters
    ----------
    emg
        Band-passed EMG, dims ``(..., dim)``.
    window
        Seconds; no default, because it is a scientific choice (Merletti & Cerone 2020 discuss 0.1-0.25 s). Centered on
        each sample (an odd number of samples), causal over the last ones; shorter at the ends of a piece.
    causal
        Only samples up to the present; half the window is added to the attribute ``delay`` (s).

    The attribute ``emg_state`` becomes `envelope`.

    Raises
    ------
    ProcessingError
        No sampling frequency, a window that is not a positive time, a chunked ``dim``, or EMG that is rectified
        already.
    """
    rate = rate_of(signed(emg, "rms_envelope"), sampling_frequency, dim)
    if not 0 < window < np.inf:
        raise ProcessingError(f"rms_envelope: found window {window} s, expected a positive time. Correct it.")
    stage = Rms(rms_samples(window, rate, causal=causal))
    return apply_to(emg, (stage,), rate=rate, causal=causal, dim=dim).assign_attrs(emg_state="envelope")


def tkeo(
    emg: xr.DataArray, *, causal: bool = False, sampling_frequency: float | None = None, dim: str = "time"
) -> xr.DataArray:
    """Return the Teager-Kaiser energy x[n]^2 - x[n-1] x[n+1], which sharpens the onset of bursts.

    Kaiser 1990; Solnik et al. 2010, Eur J Appl Physiol 110:489, for EMG. The unit becomes the square of EMG's. Causal:
    one sample late, which is added to the attribute ``delay`` (s). The attribute ``emg_state`` becomes `energy`.

    Raises
    ------
    ProcessingError
        No sampling frequency, a chunked ``dim``, or EMG that is rectified already.
    """
    rate = rate_of(signed(emg, "tkeo"), sampling_frequency, dim)
    done = apply_to(emg, (Tkeo(),), rate=rate, causal=causal, dim=dim).assign_attrs(emg_state="energy")
    return done.assign_attrs(units=squared(emg.attrs["units"])) if "units" in emg.attrs else done


def interpolate_gaps(
    data: xr.DataArray, *, longest: float = 0.02, sampling_frequency: float | None = None, dim: str = "time"
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the signal with its short gaps interpolated, and the mask of the samples that were.

    Parameters
    ----------
    data
        Dims ``(..., dim)``; NaN marks gaps. Lazy input stays lazy.
    longest
        Gaps of at most this many seconds are filled by a straight line between the samples on both sides. Longer ones
        and those at the ends of the signal stay.

    Returns
    -------
    filled : xr.DataArray
        float32, dims and attributes of ``data``.
    interpolated : xr.DataArray
        Boolean, same dims: true where ``filled`` holds what was never measured; mask it after filtering.

    Raises
    ------
    ProcessingError
        No sampling frequency, a chunked ``dim``, or a negative or endless ``longest``.
    """
    rate = rate_of(data, sampling_frequency, dim)
    refuse_chunks(data, dim)
    if not 0 <= longest < np.inf:
        raise ProcessingError(
            f"interpolate_gaps: found longest {longest} s, expected a time of 0 s or more. Correct it."
        )

    def kernel(values: npt.NDArray[np.float32]) -> tuple[Array32, npt.NDArray[np.bool_]]:
        filled, gaps = bridge(as_rows(values), samples=whole_samples(longest, rate))
        return filled.astype(np.float32).reshape(values.shape), gaps.reshape(values.shape)

    filled, gaps = xr.apply_ufunc(
        kernel,
        data,
        input_core_dims=[[dim]],
        output_core_dims=[[dim], [dim]],
        dask="parallelized",
        output_dtypes=[np.float32, np.bool_],
        keep_attrs=True,
    )
    return filled.transpose(*data.dims), gaps.transpose(*data.dims).drop_attrs(deep=False)


def whole_samples(seconds: float, rate: float) -> int:
    """Return the samples of the longest gap that is no longer than so many seconds at a rate (Hz)."""
    return int(seconds * rate + 1e-6)


def bridge(values: npt.NDArray[Any], *, samples: int) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return signals (m, n) whose gaps of at most ``samples`` are straight lines, and where these are, (m, n)."""
    out = np.array(values, dtype=np.float64)
    missing = ~np.isfinite(out)
    filled = np.zeros(out.shape, dtype=bool)
    for row in np.flatnonzero(missing.any(axis=1) & ~missing.all(axis=1)):
        edges = np.flatnonzero(np.diff(np.concatenate(([False], missing[row], [False])).astype(np.int8)))
        for start, stop in edges.reshape(-1, 2):
            if start > 0 and stop < out.shape[1] and stop - start <= samples:
                filled[row, start:stop] = True
                step = (out[row, stop] - out[row, start - 1]) / (stop - start + 1)
                out[row, start:stop] = out[row, start - 1] + step * np.arange(1, stop - start + 1)
    return out, filled
