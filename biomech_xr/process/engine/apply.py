"""The engine: stages of a chain over signals, piece by piece, many signals side by side, in the precision they need.

Each gap-free piece is turned into blocks of lanes (see `lanes`) that stay in work space which a thread keeps; a block
passes through all stages, is resampled and scaled, and is written once.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import signal

from biomech_xr.errors import ProcessingError
from biomech_xr.process.engine import program
from biomech_xr.process.engine.extents import extents
from biomech_xr.process.engine.kernels import PAD_SECONDS, finite_pieces
from biomech_xr.process.engine.lanes import add_row, load_lanes, store_lanes
from biomech_xr.process.engine.stages import Center, Rectify, Sections, Shrinkage, Stage, Tkeo
from biomech_xr.process.engine.upfirdn import Resampling, resample_lanes, resampling
from biomech_xr.process.engine.vectors import ROW_BYTES, lanes_of

Values = npt.NDArray[Any]

SINGLE_ERROR: Final = 1e-5
"""Rms error, in SD of the result, up to which a list of stages runs in float32."""

_DENOISING_GROWTH: Final = 7
"""How often the error of filters fits into that of their denoised result, in SD of each: 4 to 7 is measured."""

_KEPT_BYTES: Final = 64 << 20
"""Work space that a thread keeps between calls; longer recordings get theirs for the call."""

_RESOLVED: Final = 1000.0
"""Range of a signal over the SD of its result from which float32 is not trusted: drift of 1000 SD errs by 3e-5 SD."""

_RESOLVED_MEAN: Final = 10.0
"""Mean of a signal over the SD of its result from which float32 is not trusted: a mean of 10 SD errs by 3e-6 SD."""

_LOOK: Final = 16
"""One sample in so many is looked at for that."""

_LEVEL_SAMPLES: Final = 256
_TRIAL_SAMPLES: Final = 2000

_local = threading.local()


def apply_stages(
    values: npt.NDArray[Any],
    stages: Sequence[Stage],
    *,
    rate: float,
    causal: bool,
    scale: npt.ArrayLike | None = None,
    target: float | None = None,
) -> Values:
    """Return signals after the stages of a chain, piece by piece.

    Parameters
    ----------
    values
        Signals at ``rate`` Hz, shape (..., n); NaN marks gaps. No stage sees across a gap, and gaps stay NaN.
    stages
        Applied in order; neighboring `Sections` act as one filter.
    causal
        False: `Sections` run forward and backward with mirrored padding, and where a stage filters or denoises,
        pieces shorter than `kernels.MIN_PIECE_SECONDS`, or than the wavelet and its level need (`program.needed`),
        become NaN. True: only samples up to the present count.
    scale
        Factor of each signal, shape (...), applied last.
    target
        New rate in Hz, with the filter, ratio and length of `resample.polyphase`; not causal.

    Returns
    -------
    np.ndarray
        Shape (..., n), or (..., samples at the new rate). float32 where that is within `SINGLE_ERROR` of float64, which
        is measured once for each list of stages, and no signal drifts, or lies off zero, so far that float32 would not
        resolve it; else float64. Causal stages take float64 always: a look at how far a signal drifts would see its
        future.

    Raises
    ------
    ProcessingError
        A stage that needs the whole piece (`Center`, `Shrinkage`), or ``target``, in a causal chain.
    """
    if causal and (target is not None or any(isinstance(stage, Center | Shrinkage) for stage in stages)):
        raise ProcessingError(
            "causal chain: found centering, wavelet denoising or polyphase resampling, which need later samples. "
            "Remove the step, or make the chain zero-phase (causal: false)."
        )
    data = np.asarray(values)
    flat = data.reshape(math.prod(data.shape[:-1]), data.shape[-1])
    dtype = np.float32 if not causal and _single_suffices(tuple(stages), rate) else np.float64
    factor = None if scale is None else np.broadcast_to(np.asarray(scale), data.shape[:-1]).reshape(-1)
    out = run(flat, stages, rate=rate, causal=causal, dtype=dtype, scale=factor, target=target)
    coarse = np.empty(0, dtype=np.intp)
    if dtype is np.float32:
        gain = _segments(tuple(stages), rate, causal, dtype, 1)[0].program.gain
        coarse = _buried(flat, out, factor, leveled=not math.isnan(gain))
    if coarse.size:
        some = None if factor is None else factor[coarse]
        out[coarse] = run(flat[coarse], stages, rate=rate, causal=causal, dtype=np.float64, scale=some, target=target)
    return out.reshape(*data.shape[:-1], out.shape[-1])


def _buried(values: Values, out: Values, scale: Values | None, *, leveled: bool) -> npt.NDArray[np.intp]:
    """Return the signals whose result is so small beside them that float32 would not resolve it: drift, large steps.

    The mean counts too, unless it is taken off before the first stage (``leveled``).
    """
    width, _ = extents(values, _LOOK)
    _, deviation = extents(out, _LOOK)
    left = deviation if scale is None else deviation / np.abs(scale)
    buried = width > _RESOLVED * left
    if not leveled:
        some = values[:, ::_LOOK]
        finite = np.isfinite(some)
        buried |= np.abs(np.where(finite, some, 0).sum(axis=1)) > _RESOLVED_MEAN * left * finite.sum(axis=1)
    return np.flatnonzero(buried)


def run(
    values: Values,
    stages: Sequence[Stage],
    *,
    rate: float,
    causal: bool,
    dtype: type,
    scale: Values | None = None,
    target: float | None = None,
    padding: int = 1,
    shortest: float | None = None,
) -> Values:
    """Return signals (m, n) after stages in a floating type of choice; see `apply_stages`.

    ``padding`` is 1 for mirrored and -1 for half-turned ends of `Sections`; ``shortest`` (samples) replaces the length
    from which pieces are treated.
    """
    data = values if values.dtype in (np.float32, np.float64) else values.astype(np.float64)
    segments = _segments(tuple(stages), rate, causal, dtype, padding)
    change = None if target is None else resampling(rate, target, dtype)
    size = data.shape[1] if change is None else -(-data.shape[1] * change.up // change.down)
    factor: Values = np.ones(len(data), dtype) if scale is None else scale.astype(dtype)
    needed = [program.needed(stage) for segment in segments for stage in segment.packets]
    least = max(*(segment.program.shortest for segment in segments), *needed, 1) if shortest is None else shortest
    pieces = [piece for piece in finite_pieces(data) if piece[2] - piece[1] >= max(least, 1 if change is None else 2)]
    whole = len(pieces) == 1 and pieces[0][0].size * (pieces[0][2] - pieces[0][1]) == data.size
    out: Values = (
        np.empty((len(data), size), dtype) if whole and change is None else np.full((len(data), size), np.nan, dtype)
    )
    for rows, start, stop in pieces:
        source, picked, begin = data, rows, start
        for segment in segments[:-1]:
            source = _denoise_packets(segment, source, picked, begin, stop - start, dtype)
            picked, begin = np.arange(len(rows)), 0
        _treat(segments[-1].program, source, picked, begin, stop - start, out, rows, start, factor[rows], change)
    return out


@dataclass(frozen=True, slots=True)
class _Segment:
    """A program, and the denoising by wavelet packets that follows it; the last segment has none."""

    program: program.Program
    packets: tuple[Shrinkage, ...] = ()


@lru_cache(maxsize=64)
def _segments(
    stages: tuple[Stage, ...],
    rate: float,
    causal: bool,  # noqa: FBT001 - cached by position
    dtype: type,
    padding: int,
) -> tuple[_Segment, ...]:
    """Return stages cut at denoising by wavelet packets."""
    segments, start = [], 0
    for i, stage in enumerate(stages):
        if isinstance(stage, Shrinkage) and stage.packets:
            segments.append(_Segment(program.build(stages[start:i], rate, causal, dtype, padding), (stage,)))
            start = i + 1
    return (*segments, _Segment(program.build(stages[start:], rate, causal, dtype, padding)))


def _denoise_packets(
    segment: _Segment, source: Values, rows: npt.NDArray[np.intp], start: int, size: int, dtype: type
) -> Values:
    """Return a piece (rows, size) after a segment."""
    from biomech_xr.process.engine.packets import denoise_packets

    piece: Values = np.empty((rows.size, size), dtype)
    _treat(segment.program, source, rows, start, size, piece, np.arange(rows.size), 0, np.ones(rows.size, dtype), None)
    for stage in segment.packets:
        piece = denoise_packets(piece, wavelet=stage.wavelet, level=stage.level, rule=stage.rule, shrink=stage.shrink)
    return np.asarray(piece)


def _treat(
    plan: program.Program,
    source: Values,
    rows: npt.NDArray[np.intp],
    start: int,
    size: int,
    out: Values,
    targets: npt.NDArray[np.intp],
    place: int,
    scale: Values,
    change: Resampling | None,
) -> None:
    """Run a program over a piece of ``rows`` of the source, and write rows ``targets`` of ``out`` from ``place`` on."""
    lanes = lanes_of(out.dtype)
    lead = max(plan.lead, 0 if change is None else change.lead)
    block, spare = _workspace(size + 2 * lead, plan.spare(size), out.dtype)
    offset = np.zeros(rows.size, np.result_type(source, out))
    if not np.isnan(plan.gain):
        offset[:] = _level(source, rows, start, size, causal=plan.causal)
    constant = (offset * np.nan_to_num(plan.gain)).astype(out.dtype)
    level = bool(constant.any())
    for first in range(0, rows.size, lanes):
        used = min(lanes, rows.size - first)
        back = np.zeros(lanes, out.dtype)
        back[:used] = constant[first : first + used]
        load_lanes(source, rows[first : first + used], start, offset[first : first + used], block, lead, size)
        for turn, call in enumerate(plan.calls):
            call(block, lead, size, used, spare)
            if turn == 0 and level:
                add_row(block, lead, size, back)
        written, factor = targets[first : first + used], scale[first : first + used]
        if change is None:
            store_lanes(block, lead, size, out, written, place, factor)
        else:
            resample_lanes(block, lead, size, change.filters, change.groups, change.down, place, out, written, factor)


def _level(source: Values, rows: npt.NDArray[np.intp], start: int, size: int, *, causal: bool) -> Values:
    """Return about the mean of each signal, of causal chains its first sample.

    It is taken off before the first stage and what that stage makes of it is added after it: float32 then resolves the
    signal and not its offset.
    """
    if causal:
        return np.asarray(source[rows, start])
    step = -(-size // _LEVEL_SAMPLES)
    return np.asarray(source[rows, start : start + size : step].mean(axis=1, dtype=np.float64))


def _workspace(rows: int, spare: int, dtype: np.dtype[Any]) -> tuple[Values, Values]:
    """Return a block and spare rows, aligned to rows; they are this thread's until the next call."""
    wanted = (rows + spare + 1) * ROW_BYTES
    buffer = getattr(_local, "buffer", None)
    if buffer is None or buffer.size < wanted:
        buffer = np.empty(wanted, np.uint8)
        if wanted <= _KEPT_BYTES:
            _local.buffer = buffer
    begin = -buffer.ctypes.data % ROW_BYTES
    table = buffer[begin : begin + (rows + spare) * ROW_BYTES].view(dtype).reshape(rows + spare, lanes_of(dtype))
    return table[:rows], table[rows:]


@lru_cache(maxsize=64)
def _single_suffices(stages: tuple[Stage, ...], rate: float) -> bool:
    """Return whether float32 is within `SINGLE_ERROR` of float64 with zero phase, measured on bursts of noise.

    Stages that jump, or subtract numbers that are nearly equal, take float64 without a trial. Denoising that does not
    jump is left out of the trial: it adds no rounding to speak of, but the error of the stages before it grows, because
    rounding in silent stretches moves the medians that thresholds come from.
    """
    if any(
        isinstance(stage, Tkeo) or (isinstance(stage, Shrinkage) and (stage.shrink == "hard" or stage.rule == "sure"))
        for stage in stages
    ):
        return False
    size = max(_TRIAL_SAMPLES, round(2 * rate))
    bursts = 0.05 + np.sin(np.arange(size) * (6 * np.pi / size)) ** 4
    noise = (np.random.default_rng(0).standard_normal((lanes_of(np.float64), size)) * bursts).astype(np.float32)
    others = [stage for stage in stages if not isinstance(stage, Shrinkage)]
    single, exact = run(noise, others, rate=rate, causal=False, dtype=np.float32), noise.astype(np.float64)
    for stage in program.merged(others):
        exact = _exact(exact, stage, rate)
    error = np.sqrt(np.mean((single - exact) ** 2, axis=1))
    allowed = SINGLE_ERROR / (_DENOISING_GROWTH if len(others) < len(stages) else 1)
    return bool((error <= allowed * exact.std(axis=1)).all())


def _exact(values: npt.NDArray[np.float64], stage: Stage, rate: float) -> Values:
    """Return signals after a stage in float64; where SciPy can do it nothing has to be compiled for it."""
    if isinstance(stage, Rectify):
        return np.asarray(np.abs(values))
    if not isinstance(stage, Sections):
        return run(values, (stage,), rate=rate, causal=False, dtype=np.float64)
    sections = stage.array.copy()
    return np.asarray(signal.sosfiltfilt(sections, values, padtype="even", padlen=round(PAD_SECONDS * rate)))
