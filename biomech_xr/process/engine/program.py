"""The stages of a chain as calls of compiled functions, for one rate and floating type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import signal

from biomech_xr.process.engine import lanes, wavelets
from biomech_xr.process.engine.kernels import MIN_PIECE_SECONDS, PAD_SECONDS
from biomech_xr.process.engine.shrinkage import RULES, SHRINKS
from biomech_xr.process.engine.stages import Center, Rms, Sections, Shrinkage, Stage, Tkeo

Values = npt.NDArray[Any]
Call = Callable[[Values, int, int, int, Values], None]
"""Runs a stage over a block: the block, its lead, its size, the lanes in use, spare rows."""

_NEAR: Final = 0.6
_NARROW: Final = 0.003


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """Calls in order; `lead` and `spare` (a function of size) are the rows that a block needs beyond its own.

    `gain` is what the first stage makes of a constant (NaN where that is no factor); pieces of fewer samples than
    `shortest` become NaN.
    """

    calls: tuple[Call, ...]
    lead: int
    spare: Callable[[int], int]
    causal: bool
    gain: float
    shortest: float


@lru_cache(maxsize=64)
def build(
    stages: tuple[Stage, ...],
    rate: float,
    causal: bool,  # noqa: FBT001 - cached by position
    dtype: type,
    padding: int = 1,
) -> Program:
    """Return the program of stages without packets; neighboring sections are one filter."""
    joined = merged(stages)
    filters = any(isinstance(stage, Sections) for stage in joined)
    transforms = [stage for stage in joined if isinstance(stage, Shrinkage)]
    taps = max([wavelets.filter_bank(stage.wavelet).shape[1] for stage in transforms], default=0)
    level = max([stage.level for stage in transforms], default=0)
    sums = any(isinstance(stage, Rms) for stage in joined)
    pad = round(PAD_SECONDS * rate) if filters and not causal else 0

    least = max(2.0, MIN_PIECE_SECONDS * rate) if (filters or transforms) and not causal else 1.0

    def spare(size: int) -> int:
        return max(size if sums else 0, wavelets.spare_rows(size, level, taps) if transforms else 0)

    return Program(
        calls=tuple(_call(stage, pad, causal=causal, dtype=dtype, padding=padding) for stage in joined),
        lead=max(pad, taps),
        spare=spare,
        causal=causal,
        gain=_gain(joined, causal=causal),
        shortest=max([least, *(needed(stage) for stage in transforms)]),
    )


def needed(stage: Shrinkage) -> int:
    """Return the samples from which a signal has details at the lowest level that are not made of its ends alone."""
    return int(wavelets.filter_bank(stage.wavelet).shape[1] - 1) << stage.level


def _call(stage: Stage, pad: int, *, causal: bool, dtype: type, padding: int) -> Call:
    """Return the call of a stage."""
    if isinstance(stage, Sections):
        sections, wide = ordered(stage.array, single=dtype is np.float32)
        factors, initial = np.ascontiguousarray(sections[:, [0, 1, 2, 4, 5]]), signal.sosfilt_zi(sections)

        def filtered(block: Values, lead: int, size: int, used: int, spare: Values) -> None:  # noqa: ARG001
            lanes.filter_rows(block, lead, size, factors, initial, wide, min(pad, size - 1), padding, int(not causal))

        return filtered
    if isinstance(stage, Shrinkage):
        bank: Values = wavelets.filter_bank(stage.wavelet).astype(dtype)
        codes = stage.level, RULES.index(stage.rule), SHRINKS.index(stage.shrink)
        return lambda block, lead, size, used, spare: wavelets.denoise_rows(
            block, lead, size, bank, *codes, used, spare
        )
    if isinstance(stage, Rms):
        window = stage.samples, 0 if causal else stage.samples // 2
        return lambda block, lead, size, _, spare: lanes.rms_rows(block, lead, size, *window, spare)
    if isinstance(stage, Tkeo):
        return lambda block, lead, size, *_: lanes.energy_rows(block, lead, size, int(causal))
    function = lanes.center_rows if isinstance(stage, Center) else lanes.rectify_rows
    return lambda block, lead, size, *_: function(block, lead, size)


def ordered(sections: npt.NDArray[np.float64], *, single: bool) -> tuple[npt.NDArray[np.float64], int]:
    """Return the sections that run in float64 first, and their number; that of the others is even.

    A recursion in float32 is the noisier the nearer its poles are to 1 or -1 (low cut-offs), and to the circle.
    """
    poles = np.array([np.roots([1.0, *row[4:]]) if row[4:].any() else [0.0, 0.0] for row in sections])
    nearest = np.minimum(np.abs(1 - poles), np.abs(1 + poles)).min(axis=1)
    rough = (nearest < _NEAR) | (np.abs(poles).max(axis=1) > 1 - _NARROW) if single else np.zeros(len(poles), bool)
    order = np.argsort(np.where(rough, -1.0, nearest), kind="stable")
    wide = int(rough.sum())
    return sections[order], wide + (len(sections) - wide) % 2


def merged(stages: Sequence[Stage]) -> list[Stage]:
    """Return stages with neighboring sections as one stage."""
    result: list[Stage] = []
    for stage in stages:
        if isinstance(stage, Sections) and not stage.content:
            continue
        if isinstance(stage, Sections) and result and isinstance(result[-1], Sections):
            result[-1] = Sections(result[-1].content + stage.content)
        else:
            result.append(stage)
    return result


def _gain(stages: Sequence[Stage], *, causal: bool) -> float:
    """Return what the first stage makes of a constant, as a factor; NaN where it is not linear."""
    first = next(iter(stages), None)
    if isinstance(first, Sections):
        sections = first.array
        gain = float(np.prod(sections[:, :3].sum(axis=1) / sections[:, 3:].sum(axis=1)))
        return gain if causal else gain**2
    if isinstance(first, Center):
        return 0.0
    return 1.0 if isinstance(first, Shrinkage) else np.nan
