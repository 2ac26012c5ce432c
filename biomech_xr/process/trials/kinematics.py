"""Angles and moments on the kinematic grid of a chain: the stride, four samples before it, eighty after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.process.chains.chain import Chain
from biomech_xr.process.engine.kernels import Array, Array32, delayed_linear, filter_sections, spline
from biomech_xr.process.trials.pieces import cut_runs, evaluate, evaluate_causal, segment_rows
from biomech_xr.process.trials.samples import Candidates, Samples
from biomech_xr.schema import AFTER, BEFORE

COMPONENTS = len(words.JOINTS) * len(words.MOTIONS)

_SPREAD = 2
"""Native frames on both sides of a plate artefact that are blanked with it, in causal chains those after it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GridTimes:
    """Query times of n strides in s after contact, (n, BEFORE + size + AFTER), and the samples each owns, (n,)."""

    offsets: Array
    owned: npt.NDArray[np.int64]
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class JointTask:
    """What is wanted of a trial's angles or moments: its strides, the n rows wanted, their grid, and the chain.

    `maximum_duration` (s) is the dataset's; `delay` (s) is how far causal values lag at least, so that angles and
    moments of all trials lag alike.
    """

    strides: Candidates
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


def sample_group(signal: Samples | None, sides: Mapping[int, Array32], task: JointTask) -> Array32:
    """Return the nine components of angles or moments on the grid.

    Parameters
    ----------
    signal
        In canonical units; None where the trial has none. Continuous signals of a higher rate than the grid's are
        low-passed first (`Chain.joint_lowpass`), each gap-free piece for itself; cut strides are interpolated as they
        are.
    sides
        See `side_values`.
    task
        A causal chain interpolates linearly, delayed by `Chain.kinematics_delay`; others take the cubic spline of each
        gap-free piece.

    Returns
    -------
    Array32
        Shape (n, joint x motion, before + grid + after), NaN where nothing was measured: no side, a gap, outside the
        trial, or beyond an isolated stride.
    """
    out = np.empty((task.rows.size, COMPONENTS, task.grid.offsets.shape[1]), dtype=np.float32)
    done = np.zeros(task.rows.size, dtype=bool)
    if signal is not None and signal.kind == "continuous":
        side_of, contact = task.strides.side[task.rows], task.strides.time[task.rows]
        for side, values in sides.items():
            own = np.flatnonzero(side_of == side)
            if own.size:
                query = (contact[own, None] + task.grid.offsets[own]).reshape(-1)
                _put(_continuous(signal, values, query, task), own, out)
                done[own] = True
    elif signal is not None:
        position = np.full(task.strides.side.size, -1)
        position[task.rows] = np.arange(task.rows.size)
        for run in cut_runs(signal, task.strides, sides):
            kept = position[run.members] >= 0
            own = position[run.members][kept]
            if own.size:
                query = (run.starts[kept, None] + task.grid.offsets[own]).reshape(-1)
                found = evaluate_causal(run, query, delay=task.delay) if task.chain.causal else evaluate(run, query)
                _put(found, own, out)
                done[own] = True
    out[~done] = np.nan
    return out


def _put(found: Array, own: npt.NDArray[np.int64], out: Array32) -> None:
    """Write components (m, strides x times) to the strides of ``out`` (n, m, times)."""
    out[own] = found.reshape(COMPONENTS, own.size, -1).swapaxes(0, 1)


def native_share(
    signal: Samples | None, sides: Mapping[int, Array32], strides: Candidates, rows: npt.NDArray[np.int64]
) -> Array:
    """Return the share of each stride's native samples that are finite, (n, joint x motion).

    The samples are those in contact <= t < contact + duration; those outside the recording count as missing. Without
    a signal, or without that side, it is 0.
    """
    share = np.zeros((rows.size, COMPONENTS))
    if signal is None:
        return share
    edges = _own_rows(signal, strides, rows)
    if signal.kind == "segmented" and signal.endpoint:
        edges[:, 1] -= edges[:, 1] > edges[:, 0]  # the last point is the next contact
    for side, values in sides.items():
        own = np.flatnonzero(strides.side[rows] == side)
        start, stop = edges[own].T
        inside = np.clip((start, stop), 0, values.shape[1])
        finite = np.isfinite(values)
        every = finite.all(axis=1)
        count = np.broadcast_to(inside[1] - inside[0], (COMPONENTS, own.size)).copy()
        before = np.pad(finite[~every].cumsum(axis=1), ((0, 0), (1, 0)))
        count[~every] = before[:, inside[1]] - before[:, inside[0]]
        share[own] = (count / np.maximum(stop - start, 1)).T
    return share


def side_values(signal: Samples | None) -> Mapping[int, Array32]:
    """Return the samples of each side present, (components, rows)."""
    if signal is None:
        return {}
    data = signal.values.reshape(signal.size, len(signal.sides), -1)
    return {side: np.ascontiguousarray(data[:, i].T) for i, side in enumerate(signal.sides)}


def without_artefacts(signal: Samples, limit: float, *, causal: bool) -> tuple[Samples, npt.NDArray[np.bool_]]:
    """Return moments with plate artefacts blanked, and which rows of which side lost a value, (rows, side).

    A moment above ``limit`` (N m/kg) in absolute value, and two native frames on both sides of it, become NaN in that
    component, of a ``causal`` chain only those after it; blanking stays within the segment of a cut signal.
    """
    data = signal.values
    bad = np.asarray(np.abs(data) > limit)
    if not bad.any():
        return signal, np.zeros(data.shape[:2], dtype=bool)
    whole = np.array([[0, len(data)]])
    for start, stop in whole if signal.kind == "continuous" else segment_rows(signal):
        bad[start:stop] = _spread(bad[start:stop], causal=causal)
    clean = replace(signal, values=np.where(bad, np.float32(np.nan), data))
    return clean, np.asarray(bad.reshape(*data.shape[:2], -1).any(axis=-1))


def artefact_strides(
    signal: Samples, bad: npt.NDArray[np.bool_], strides: Candidates, rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Return for each stride whether a row of its own side and its own time was blanked, (n,)."""
    flags = np.zeros(rows.size, dtype=bool)
    if not bad.any():
        return flags
    edges = _own_rows(signal, strides, rows).clip(0, len(bad))
    for i, (side, (start, stop)) in enumerate(zip(strides.side[rows], edges, strict=True)):
        if side in signal.sides:
            flags[i] = bool(bad[start:stop, signal.sides.index(side)].any())
    return flags


def _own_rows(signal: Samples, strides: Candidates, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return first native row and row after the last of each stride, (n, 2); they may lie outside the recording."""
    if signal.kind == "continuous":
        contact = strides.time[rows] - signal.t0
        edges = np.stack((contact, contact + strides.duration[rows]), axis=1)
        return np.asarray(np.nan_to_num(np.ceil(edges * signal.sampling_frequency - 1e-6)).astype(np.int64))
    bounds = np.append(segment_rows(signal), [[0, 0]], axis=0)
    segment = strides.segment[rows]
    return np.asarray(bounds[np.where((segment >= 0) & (segment < len(bounds)), segment, -1)])


def _continuous(signal: Samples, values: Array32, query: Array, task: JointTask) -> Array:
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


def _spread(bad: npt.NDArray[np.bool_], *, causal: bool) -> npt.NDArray[np.bool_]:
    out = bad.copy()
    for shift in range(1, _SPREAD + 1):
        out[shift:] |= bad[:-shift]
        if not causal:
            out[:-shift] |= bad[shift:]
    return out
