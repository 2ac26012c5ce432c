"""Angles and moments on the kinematic grid of a chain: the stride, four samples before it, eighty after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr import vocabulary as words
from biomech_xr.process.chains.chain import Chain
from biomech_xr.process.engine.kernels import Array, Array32, delayed_linear, filter_sections, spline
from biomech_xr.process.trials.pieces import cut_runs, evaluate, evaluate_causal, segment_rows
from biomech_xr.schema import AFTER, BEFORE, Signal

COMPONENTS = len(words.JOINTS) * len(words.MOTIONS)

_SPREAD = 2
"""Native frames on both sides of a plate artefact that are blanked with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GridTimes:
    """Query times of n strides in s after contact, (n, BEFORE + size + AFTER), and the samples each owns, (n,)."""

    offsets: Array
    owned: npt.NDArray[np.int64]
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class JointTask:
    """What is wanted of a trial's angles or moments: its stride table, the n rows wanted, their grid, and the chain.

    `maximum_duration` (s) is the dataset's; `delay` (s) is how far causal values lag at least, so that angles and
    moments of all trials lag alike.
    """

    table: pd.DataFrame
    rows: npt.NDArray[np.int64]
    grid: GridTimes
    chain: Chain
    maximum_duration: float
    delay: float = 0.0


def grid_size(chain: Chain, maximum_duration: float) -> int:
    """Return the number of grid samples of a stride (phase grid), or of the longest stride (grid in Hz)."""
    if chain.grid.phase is not None:
        return chain.grid.phase
    return int(owned_samples(np.array([maximum_duration]), float(chain.grid.rate or 0.0))[0])


def owned_samples(duration: Array, rate: float) -> npt.NDArray[np.int64]:
    """Return how many samples k / rate, k >= 0, lie before ``duration`` (s); the next contact itself is not owned."""
    return np.ceil(np.asarray(duration) * rate - 1e-6).astype(np.int64)


def grid_times(chain: Chain, duration: Array, size: int) -> GridTimes:
    """Return the grid of every stride: before, the grid itself, and after, all at the same spacing."""
    if chain.grid.phase is not None:
        k = np.arange(-BEFORE, size + AFTER)
        return GridTimes(offsets=k * duration[:, None] / size, owned=np.full(duration.size, size), size=size)
    rate = float(chain.grid.rate or 0.0)
    owned = owned_samples(duration, rate)
    k = np.arange(-BEFORE, size)
    inside = np.where(k < owned[:, None], k / rate, np.nan)
    after = (owned[:, None] + np.arange(AFTER)) / rate
    return GridTimes(offsets=np.concatenate((inside, after), axis=1), owned=owned, size=size)


def sample_group(signal: Signal | None, task: JointTask) -> Array32:
    """Return the nine components of angles or moments on the grid.

    Parameters
    ----------
    signal
        Dims (sample, side, joint, motion), canonical units; None where the trial has none. Continuous signals of a
        higher rate than the grid's are low-passed first (`Chain.joint_lowpass`), each gap-free piece for itself; cut
        strides are interpolated as they are.
    task
        A causal chain interpolates linearly, delayed by `Chain.kinematics_delay`; others take the cubic spline of each
        gap-free piece.

    Returns
    -------
    Array32
        Shape (n, joint x motion, before + grid + after), NaN where nothing was measured: no side, a gap, outside the
        trial, or beyond an isolated stride.
    """
    out = np.full((task.rows.size, COMPONENTS, task.grid.offsets.shape[1]), np.nan, dtype=np.float32)
    if signal is None:
        return out
    sides = side_values(signal)
    if signal.kind == "continuous":
        side_of = task.table["side"].to_numpy()[task.rows]
        contact = task.table["trial_time"].to_numpy(dtype=np.float64)[task.rows]
        for side, values in sides.items():
            own = np.flatnonzero(side_of == side)
            if own.size == 0:
                continue
            query = (contact[own, None] + task.grid.offsets[own]).reshape(-1)
            found = _continuous(signal, values, query, task)
            out[own] = found.reshape(COMPONENTS, own.size, -1).swapaxes(0, 1)
        return out
    position = np.full(len(task.table), -1)
    position[task.rows] = np.arange(task.rows.size)
    for run in cut_runs(signal, task.table, sides):
        kept = position[run.members] >= 0
        own = position[run.members][kept]
        if own.size == 0:
            continue
        query = (run.starts[kept, None] + task.grid.offsets[own]).reshape(-1)
        found = evaluate_causal(run, query, delay=task.delay) if task.chain.causal else evaluate(run, query)
        out[own] = found.reshape(COMPONENTS, own.size, -1).swapaxes(0, 1)
    return out


def native_share(signal: Signal | None, table: pd.DataFrame, rows: npt.NDArray[np.int64]) -> Array:
    """Return the share of each stride's native samples that are finite, (n, joint x motion).

    The samples are those in contact <= t < contact + duration; those outside the recording count as missing. Without
    a signal, or without that side, it is 0.
    """
    share = np.zeros((rows.size, COMPONENTS))
    if signal is None:
        return share
    edges = _own_rows(signal, table, rows)
    if signal.kind == "segmented" and signal.endpoint:
        edges[:, 1] -= edges[:, 1] > edges[:, 0]  # the last point is the next contact
    side_of = table["side"].to_numpy()[rows]
    for side, values in side_values(signal).items():
        own = np.flatnonzero(side_of == side)
        before = np.pad(np.isfinite(values).cumsum(axis=1), ((0, 0), (1, 0)))
        start, stop = edges[own].T
        inside = np.clip((start, stop), 0, values.shape[1])
        share[own] = ((before[:, inside[1]] - before[:, inside[0]]) / np.maximum(stop - start, 1)).T
    return share


def side_values(signal: Signal) -> Mapping[str, Array32]:
    """Return the samples of each side present, (components, rows)."""
    values = signal.values.transpose("sample", "side", ...)
    data = values.to_numpy().reshape(values.sizes["sample"], values.sizes["side"], -1)
    return {str(side): np.ascontiguousarray(data[:, i].T) for i, side in enumerate(values["side"].to_numpy())}


def without_artefacts(signal: Signal, limit: float) -> tuple[Signal, npt.NDArray[np.bool_]]:
    """Return moments with plate artefacts blanked, and which rows of which side lost a value, (rows, side).

    A moment above ``limit`` (N m/kg) in absolute value, and two native frames on both sides of it, become NaN in that
    component; blanking stays within the segment of a cut signal.
    """
    data = signal.values.to_numpy()
    bad = np.abs(data) > limit
    if not bad.any():
        return signal, np.zeros(data.shape[:2], dtype=bool)
    whole = np.array([[0, len(data)]])
    for start, stop in whole if signal.kind == "continuous" else segment_rows(signal):
        bad[start:stop] = _spread(bad[start:stop])
    clean = replace(signal, values=signal.values.copy(data=np.where(bad, np.float32(np.nan), data)))
    return clean, bad.reshape(*data.shape[:2], -1).any(axis=-1)


def artefact_strides(
    signal: Signal, bad: npt.NDArray[np.bool_], table: pd.DataFrame, rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Return for each stride whether a row of its own side and its own time was blanked, (n,)."""
    flags = np.zeros(rows.size, dtype=bool)
    sides = [str(side) for side in signal.values["side"].to_numpy()]
    edges = _own_rows(signal, table, rows).clip(0, len(bad))
    for i, (side, (start, stop)) in enumerate(zip(table["side"].astype(str).iloc[rows], edges, strict=True)):
        if side in sides:
            flags[i] = bool(bad[start:stop, sides.index(side)].any())
    return flags


def _own_rows(signal: Signal, table: pd.DataFrame, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return first native row and row after the last of each stride, (n, 2); they may lie outside the recording."""
    own = table.iloc[rows]
    if signal.kind == "continuous":
        contact = own["trial_time"].to_numpy(dtype=np.float64) - signal.t0
        edges = np.stack((contact, contact + own["duration"].to_numpy(dtype=np.float64)), axis=1)
        return np.asarray(np.nan_to_num(np.ceil(edges * signal.sampling_frequency - 1e-6)).astype(np.int64))
    bounds = np.append(segment_rows(signal), [[0, 0]], axis=0)
    segment = own["segment"].to_numpy(dtype=np.int64)
    return np.asarray(bounds[np.where((segment >= 0) & (segment < len(bounds)), segment, -1)])


def _continuous(signal: Signal, values: Array32, query: Array, task: JointTask) -> Array:
    """Return the components of one side (m, q) at times of the trial, s."""
    rate, chain = signal.sampling_frequency, task.chain
    samples: Array | Array32 = values
    sections = chain.joint_lowpass(rate, task.maximum_duration)
    if sections is not None:
        samples = filter_sections(values, sections, rate=rate, causal=chain.causal, padding="odd", shortest=0.0)
    if not chain.causal:
        return spline(signal.time(), samples, query)
    own = chain.kinematics_delay(rate, task.maximum_duration)
    return delayed_linear(signal.time(), samples, query, delay=1 / rate + max(task.delay - own, 0.0))


def _spread(bad: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    out = bad.copy()
    for shift in range(1, _SPREAD + 1):
        out[shift:] |= bad[:-shift]
        out[:-shift] |= bad[shift:]
    return out
