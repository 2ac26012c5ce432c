"""Array kernels of the processing: gap-free pieces, second-order sections, splines, causal interpolation.

Legend: m signals (rows), n samples, q query times. All take and return numpy arrays; arithmetic is float64.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from biomech_xr.process.engine.splines import cubic

Array = npt.NDArray[np.float64]
Array32 = npt.NDArray[np.float32]
Index = npt.NDArray[np.intp]

PAD_SECONDS = 0.5
"""Length of the mirrored padding on both sides of a piece in zero-phase filtering; shorter pieces pad n - 1 samples."""

MIN_PIECE_SECONDS = 0.1
"""Gap-free pieces shorter than this are not filtered with zero phase: all of them would be edge."""

TIME_TOLERANCE = 1e-9
"""Times (s) closer than this are the same instant."""


def finite_pieces(values: npt.NDArray[Any]) -> Iterator[tuple[Index, int, int]]:
    """Yield (rows, start, stop) of the gap-free pieces of ``values`` (m, n).

    Rows with the same gaps are grouped, so that one call filters them all; a row without finite sample is in no piece.
    """
    finite = np.isfinite(values)
    if finite.all():
        if finite.size:
            yield np.arange(len(values)), 0, values.shape[1]
        return
    groups: dict[bytes, list[int]] = {}
    for row, pattern in enumerate(np.packbits(finite, axis=1)):
        groups.setdefault(pattern.tobytes(), []).append(row)
    for members in groups.values():
        rows = np.array(members)
        steps = np.diff(np.concatenate(([0], finite[rows[0]].astype(np.int8), [0])))
        for start, stop in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True):
            yield rows, int(start), int(stop)


def without_short(values: npt.NDArray[Any], samples: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return signals (m, n) without the gap-free pieces of fewer ``samples``, and where these were."""
    short = [(rows, start, stop) for rows, start, stop in finite_pieces(values) if stop - start < samples]
    if not short:
        return values, np.zeros((1, 1), dtype=bool)
    dropped = np.zeros(values.shape, dtype=bool)
    for rows, start, stop in short:
        dropped[rows, start:stop] = True
    return np.where(dropped, np.asarray(np.nan, dtype=values.dtype), values), dropped


def filter_sections(
    values: npt.NDArray[Any],
    sections: Array,
    *,
    rate: float,
    causal: bool,
    padding: Literal["even", "odd"] = "even",
    shortest: float = MIN_PIECE_SECONDS,
) -> Array:
    """Return ``values`` (..., n) filtered along the last axis by second-order sections, piece by piece.

    Parameters
    ----------
    values
        Signals at ``rate`` Hz; NaN marks gaps. A filter never crosses a gap, and gaps stay NaN.
    sections
        Second-order sections, shape (sections, 6), as `scipy.signal.butter(..., output="sos")` returns them.
    causal
        False: forward and backward (`scipy.signal.sosfiltfilt`) with padding of `PAD_SECONDS`. True: forward only,
        started in the steady state of the piece's first sample.
    padding
        Zero phase: ``even`` mirrors the signal at its ends; ``odd`` turns it by half a turn about them, which keeps
        the value and slope of a smooth signal.
    shortest
        Zero phase: pieces shorter than this (s), or of one sample, become NaN.
    """
    from biomech_xr.process.engine.apply import run
    from biomech_xr.process.engine.stages import Sections

    data = np.asarray(values)
    out = run(
        data.reshape(math.prod(data.shape[:-1]), data.shape[-1]),
        (Sections.of(sections),),
        rate=rate,
        causal=causal,
        dtype=np.float64,
        padding=1 if padding == "even" else -1,
        shortest=0.0 if causal else max(2.0, shortest * rate),
    )
    return out.reshape(data.shape)


def spline(times: Array, values: npt.NDArray[Any], query: Array, *, reach: float = 0.0) -> Array:
    """Return cubic-spline values (m, q) of ``values`` (m, n) at ``query`` times; NaN outside each gap-free piece.

    Parameters
    ----------
    times
        Strictly increasing sample times in s, shape (n,).
    reach
        Seconds past the last sample of ``times`` for which the spline may continue (cut strides whose grid ends one
        sample before the next contact).

    Notes
    -----
    Pieces of fewer than four samples carry no cubic and stay NaN.
    """
    out = np.full((len(values), query.size), np.nan)
    for rows, start, stop in finite_pieces(values):
        if stop - start < 4:
            continue
        last = times[stop - 1] + (reach if stop == times.size else 0.0)
        inside = np.flatnonzero((query >= times[start] - TIME_TOLERANCE) & (query <= last + TIME_TOLERANCE))
        query_inside = np.clip(query[inside], times[start], last)
        out[np.ix_(rows, inside)] = cubic(times[start:stop], values[rows, start:stop], query_inside)
    return out


def delayed_linear(times: Array, values: npt.NDArray[Any], query: Array, *, delay: float) -> Array:
    """Return ``values`` (m, n) at ``query - delay`` by linear interpolation, shape (m, q).

    With ``delay`` of at least one sample spacing the result at t uses no sample later than t. NaN where one of the
    two samples needed is missing; a query on a sample needs that sample alone.
    """
    wanted = query - delay
    if times.size == 0:
        return np.full((len(values), query.size), np.nan)
    left = np.searchsorted(times, wanted + TIME_TOLERANCE, side="right") - 1
    right = np.clip(left + 1, 0, times.size - 1)
    safe = np.clip(left, 0, times.size - 1)
    spacing = np.where(right > safe, times[right] - times[safe], 1.0)
    part = np.clip((wanted - times[safe]) / spacing, 0.0, 1.0)
    part = np.where(part * spacing < 2 * TIME_TOLERANCE, 0.0, part)
    low = values[:, safe].astype(np.float64)
    high = np.where(part == 0.0, low, values[:, right].astype(np.float64))
    out = low + part * (high - low)
    out[:, (left < 0) | ((part > 0) & (left + 1 >= times.size))] = np.nan
    return np.asarray(out)


def suffix_length(finite: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return how many of the last entries along the last axis are true without interruption."""
    return np.asarray(np.cumprod(finite[..., ::-1], axis=-1, dtype=np.int64).sum(axis=-1))
