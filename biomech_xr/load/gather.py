"""Windows cut out of blocks of strides by compiled loops that release the interpreter lock.

Index arithmetic is flat on purpose: it is three times as fast here as indexing by dimension.
Legend of shapes: S strides of a block, N windows, C EMG channels, T stored EMG samples, W samples of a window,
J joint components (joint, motion), L = before + P + after kinematic samples, M = P + after.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.process.compiled import compiled
from biomech_xr.schema import BEFORE, HISTORY
from biomech_xr.store.encoding import MISSING, SCALE
from biomech_xr.window.index import EMG_RATE

Array = npt.NDArray[Any]

CHANNELS: Final = len(words.MUSCLES)
COMPONENTS: Final = len(words.JOINTS) * len(words.MOTIONS)
STATE: Final = 3 * COMPONENTS
"""Kinematic state: angles (degree), then velocities (degree/s), then accelerations (degree/s2)."""

_CONTACT: Final = 1e-9  # s: nearer than this to the next contact is the contact


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Neighboring strides as stored, with what places their windows in time.

    `emg` int16 (S, C, T); `angles` float32 (S, J, L) in degree and `moments` float32 (S, J, M) in N m kg-1, the
    samples before, in and after the stride joined without a gap. The rest has the dim (S,): `numerator`, `step`,
    `ahead`, `fraction`, `horizon` as in `WindowIndex`; `duration` and `next_duration` in s, the latter NaN where the
    next stride is not known.
    """

    emg: npt.NDArray[np.int16]
    angles: npt.NDArray[np.float32]
    moments: npt.NDArray[np.float32]
    numerator: npt.NDArray[np.float64]
    step: npt.NDArray[np.float64]
    ahead: npt.NDArray[np.int64]
    fraction: npt.NDArray[np.float64]
    horizon: npt.NDArray[np.float64]
    duration: npt.NDArray[np.float64]
    next_duration: npt.NDArray[np.float64]
    denominator: float


def fields(batch: int, window: int) -> dict[str, tuple[tuple[int, ...], Any]]:
    """Return shape and dtype of every array of a batch."""
    return {
        "emg": ((batch, CHANNELS, window), np.float32),
        "emg_mask": ((batch, CHANNELS), np.bool_),
        "kinematic_state": ((batch, STATE), np.float32),
        "kinematic_state_mask": ((batch, STATE), np.bool_),
        "phase": ((batch,), np.float32),
        "target_kinematic_state": ((batch, STATE), np.float32),
        "target_kinematic_state_mask": ((batch, STATE), np.bool_),
        "target_phase": ((batch, 2), np.float32),
        "target_phase_mask": ((batch,), np.bool_),
        "target_torque": ((batch, COMPONENTS), np.float32),
        "target_torque_mask": ((batch, COMPONENTS), np.bool_),
        "horizon": ((batch,), np.float32),
        "state_age": ((batch,), np.float32),
        "spacing": ((batch,), np.float32),
        "weight": ((batch,), np.float32),
        "dataset": ((batch,), np.int64),
        "activity": ((batch,), np.int64),
        "person": ((batch,), np.int64),
        "stride": ((batch,), np.int64),
        "sample": ((batch,), np.int64),
    }


def fill(
    batch: Mapping[str, Array], start: int, block: Block, stride: npt.NDArray[np.int64], sample: npt.NDArray[np.int64]
) -> None:
    """Write the windows at (stride, sample) of a block into rows ``start``, ``start + 1``, ... of a batch.

    EMG is in units of `emg_scale`, angles in degree, moments in N m kg-1, time in s. A channel with one missing
    sample in its window is zero with mask false; of kinematics and moments exactly the samples used must be finite.

    Parameters
    ----------
    batch
        Arrays as in `fields`, C-contiguous.
    start
        First row to write.
    block
        The strides.
    stride, sample
        Row of the block and kinematic sample of each window.
    """
    rows = slice(start, start + len(stride))
    window = batch["emg"].shape[2]
    _gather_emg(
        block.emg.reshape(-1), block.emg.shape[2], stride, sample, block.numerator, block.denominator,
        batch["emg"][rows].reshape(-1), window, batch["emg_mask"][rows].reshape(-1),
    )  # fmt: skip
    _gather_states(
        block.angles.reshape(-1), block.angles.shape[2], stride, sample, block.step, block.ahead, block.fraction,
        batch["kinematic_state"][rows].reshape(-1), batch["kinematic_state_mask"][rows].reshape(-1),
        batch["target_kinematic_state"][rows].reshape(-1), batch["target_kinematic_state_mask"][rows].reshape(-1),
    )  # fmt: skip
    _gather_torque(
        block.moments.reshape(-1), block.moments.shape[2], stride, sample, block.ahead, block.fraction,
        batch["target_torque"][rows].reshape(-1), batch["target_torque_mask"][rows].reshape(-1),
    )  # fmt: skip
    _gather_phase(
        stride, sample, block.numerator, block.denominator, block.duration, block.next_duration, block.horizon,
        batch["phase"][rows], batch["target_phase"][rows].reshape(-1), batch["target_phase_mask"][rows],
        batch["horizon"][rows],
    )  # fmt: skip
    batch["sample"][rows] = sample


def _emg_loop(
    emg: Array, size: int, stride: Array, sample: Array, numerator: Array, denominator: float,
    out: Array, window: int, mask: Array,
) -> None:  # fmt: skip
    for i in range(stride.size):
        s = stride[i]
        end = math.floor(_RATE * (sample[i] * numerator[s] / denominator) + 1e-6)
        first = _HISTORY + end - window + 1
        for c in range(_CHANNELS):
            here = (i * _CHANNELS + c) * window
            target = out[here : here + window]
            measured = first >= 0
            if measured:
                place = (s * _CHANNELS + c) * size + first
                source = emg[place : place + window]  # a slice: no test for negative indices in the loop
                missing = np.int32(0)
                for j in range(window):
                    code = source[j]
                    missing |= np.int32(code == _MISSING)
                    target[j] = np.float32(code) * _SCALE
                measured = missing == 0
            if not measured:
                target[:] = np.float32(0)
            mask[i * _CHANNELS + c] = measured


def _derivatives(angles: Array, place: int, step: float) -> tuple[float, float, float]:
    """Return angle and backward differences at a place; NaN where a sample that they use is missing."""
    here = np.float64(angles[place])
    back = np.float64(angles[place - 1])
    velocity = (here - back) / step
    acceleration = (here - 2.0 * back + np.float64(angles[place - 2])) / (step * step)
    return here, velocity, acceleration


def _state_loop(
    angles: Array, size: int, stride: Array, sample: Array, step: Array, ahead: Array, fraction: Array,
    state: Array, state_mask: Array, target: Array, target_mask: Array,
) -> None:  # fmt: skip
    for i in range(stride.size):
        s = stride[i]
        part = fraction[s]
        for c in range(_COMPONENTS):
            place = (s * _COMPONENTS + c) * size + _BEFORE + sample[i]
            row = i * 3 * _COMPONENTS + c
            values = _derivatives_compiled(angles, place, step[s])
            later = _derivatives_compiled(angles, place + ahead[s], step[s])
            if part > 0.0:
                next_ = _derivatives_compiled(angles, place + ahead[s] + 1, step[s])
                later = (
                    later[0] + part * (next_[0] - later[0]),
                    later[1] + part * (next_[1] - later[1]),
                    later[2] + part * (next_[2] - later[2]),
                )
            for order in range(3):
                k = row + order * _COMPONENTS
                good = np.isfinite(values[order])
                state_mask[k] = good
                state[k] = np.float32(values[order]) if good else np.float32(0)
                good = np.isfinite(later[order])
                target_mask[k] = good
                target[k] = np.float32(later[order]) if good else np.float32(0)


def _torque_loop(
    moments: Array, size: int, stride: Array, sample: Array, ahead: Array, fraction: Array, out: Array, mask: Array
) -> None:
    for i in range(stride.size):
        s = stride[i]
        part = fraction[s]
        for c in range(_COMPONENTS):
            place = (s * _COMPONENTS + c) * size + sample[i] + ahead[s]
            value = np.float64(moments[place])
            if part > 0.0:
                value += part * (np.float64(moments[place + 1]) - value)
            good = np.isfinite(value)
            mask[i * _COMPONENTS + c] = good
            out[i * _COMPONENTS + c] = np.float32(value) if good else np.float32(0)


def _phase_loop(
    stride: Array, sample: Array, numerator: Array, denominator: float, duration: Array, next_duration: Array,
    horizon: Array, phase: Array, target: Array, mask: Array, ahead: Array,
) -> None:  # fmt: skip
    for i in range(stride.size):
        s = stride[i]
        time = sample[i] * numerator[s] / denominator
        phase[i] = time / duration[s]
        past = time + horizon[s] - duration[s]
        if past < -_CONTACT:
            later = (time + horizon[s]) / duration[s]
        elif past <= _CONTACT:
            later = 0.0
        else:  # the next stride has a duration of its own; NaN where it is not known
            later = past / next_duration[s]
        known = later < 1.0
        mask[i] = known
        target[2 * i] = math.sin(2.0 * math.pi * later) if known else 0.0
        target[2 * i + 1] = math.cos(2.0 * math.pi * later) if known else 0.0
        ahead[i] = horizon[s]


_CHANNELS: Final = CHANNELS
_COMPONENTS: Final = COMPONENTS
_HISTORY: Final = HISTORY
_BEFORE: Final = BEFORE
_RATE: Final = EMG_RATE
_SCALE: Final = SCALE
_MISSING: Final = MISSING

_derivatives_compiled = compiled(inline="always")(_derivatives)
_gather_emg = compiled()(_emg_loop)
_gather_states = compiled()(_state_loop)
_gather_torque = compiled()(_torque_loop)
_gather_phase = compiled()(_phase_loop)
