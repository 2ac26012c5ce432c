"""Continuous trials of K2MUSE, put on the clock of the events by comparison with the same trial's cut form.

The published description does not say which frame the first row of a continuous array is, nor where its EMG starts.
Both follow from the data: the cut angles must come back from the continuous ones between the events' frames, and a cut
EMG cell must be found sample by sample. Where that fails, the trial is read in its cut form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.datasets import cycles, segments
from biomech_xr.datasets.k2muse.alignment import Frames, coarse_errors, curve_error
from biomech_xr.datasets.k2muse.pairing import pair_by_duration
from biomech_xr.datasets.k2muse.tree import (
    ANGLES,
    COMPONENTS,
    EMG,
    EMG_RATE,
    FRAME_RATE,
    MOMENTS,
    NO_FRAME,
    POINTS,
    SIDES,
    STORED_SIGN,
    Array,
    Place,
    computed,
    emg_cells,
    event_frames,
    joint_curves,
    output,
    signed,
)
from biomech_xr.readers.mat import MatNode
from biomech_xr.schema import Signal

CHANNELS: Final[Mapping[words.Side, tuple[int, int]]] = {"right": (0, 9), "left": (9, 13)}
"""First column and column after the last of each leg in continuous EMG."""

_STEP: Final = round(EMG_RATE / FRAME_RATE)
_LARGEST_ERROR: Final = 0.5
_CONTRAST: Final = 1.5
_HEAD: Final = 60
_REACH: Final = 2 * round(EMG_RATE)
_PROBES: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Original:
    """The continuous arrays of one trial on the clock of its events.

    `first_frame` is the frame number of row 0, `endpoint` whether the cut form's last point is the next contact,
    `emg_start` the time (s on the events' clock, frame / 100 Hz) of the first EMG row; `note` says how they were found.
    """

    angles: dict[tuple[words.Side, str], Array]
    moments: dict[tuple[words.Side, str], Array]
    emg: npt.NDArray[np.float64]
    frames: Frames
    first_frame: int
    endpoint: bool
    emg_start: float
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Unusable:
    """Why the continuous form of a trial cannot be used; `contradicts`: its cut form is not cut from it as it says."""

    why: str
    contradicts: bool = False


def read_original(node: MatNode, leaf: MatNode) -> Original | Unusable:
    """Return the continuous form of a trial, or why it cannot be used.

    ``node`` is the trial in `OriginalData`, ``leaf`` the same trial in `NormalizedData`.
    """
    events = {side: event_frames(leaf, side) for side in SIDES}
    frames: Frames = {side: pairs for side, pairs in events.items() if pairs is not None and np.isfinite(pairs).any()}
    if not frames:
        return Unusable(why="the trial has no events")
    angles, moments = (arrays(node, kind) for kind in ("Angles", "Moments"))
    rows = {len(values) for group in (angles, moments) for values in group.values()}
    if len(rows) != 1:
        return Unusable(why=f"its angles and moments differ in length ({', '.join(map(str, sorted(rows)))} rows)")
    values = continuous_emg(node)
    found = _align_frames(angles, leaf, frames)
    if isinstance(found, Unusable):
        return found
    first_frame, endpoint, error = found
    lag = _align_emg(values, leaf, frames, first_frame)
    if isinstance(lag, str):
        return Unusable(why=lag)
    return Original(
        angles=angles,
        moments=moments,
        emg=values,
        frames=frames,
        first_frame=first_frame,
        endpoint=endpoint,
        emg_start=first_frame / FRAME_RATE - lag / EMG_RATE,
        note=f"row 0 is frame {first_frame}: cut knee angles come back within {error:.2f} degrees (root mean square); "
        f"EMG starts {-lag / EMG_RATE:+.4f} s from it: cut cells found sample by sample",
    )


def arrays(node: MatNode, kind: str) -> dict[tuple[words.Side, str], Array]:
    """Return the continuous angles or moments of a trial, (row, component), by leg and joint."""
    return {
        (side, joint): _continuous(node, kind, output(kind, side, joint)) for side in SIDES for joint in words.JOINTS
    }


def continuous_emg(node: MatNode) -> Array:
    """Return the continuous EMG of a trial, (sample, channel of both legs)."""
    emg, columns = node["EMGData"], CHANNELS["left"][1]
    if emg.kind != "numeric" or len(emg.shape) != 2 or emg.shape[1] != columns:
        expected, action = f"samples x {columns}", "Check the file, or read level=normalized"
        raise emg.bad(found=emg.says(), expected=expected, action=action)
    return np.asarray(emg.array(), dtype=np.float64)


def _continuous(node: MatNode, kind: str, name: str) -> Array:
    array = node[kind][name]
    values = np.asarray(array.array(), dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != len(COMPONENTS):
        expected, action = "rows x 3 components", "Check the file, or read level=normalized"
        raise array.bad(found=array.says(), expected=expected, action=action)
    return computed(values)


def _align_frames(
    angles: Mapping[tuple[words.Side, str], Array], leaf: MatNode, frames: Frames
) -> tuple[int, bool, float] | Unusable:
    """Return the frame of row 0, whether the cut grid includes its end, and the error (degrees) of the cut knees."""
    knees = {}
    for side, pairs in frames.items():
        curves = joint_curves(leaf, "Angles", side).get("knee", np.empty((0, POINTS, 3)))
        if len(curves) == len(pairs):
            knees[side] = curves[:, :, 0]
    if not knees:
        return Unusable(why="no leg has as many cut knee angles as events")
    size = len(next(iter(angles.values())))
    first = min(int(np.nanmin(pairs)) for pairs in frames.values())
    last = max(int(np.nanmax(pairs)) for pairs in frames.values())
    offsets = np.arange(last - size, first + 1)
    if not offsets.size:
        return Unusable(why=f"its {size} rows are fewer than the frames {first} to {last} of the events")
    knee = {side: angles[side, "knee"][:, 0] for side in knees}
    coarse = coarse_errors(knee, knees, frames, offsets)
    best = int(offsets[int(np.argmin(coarse))])
    others = coarse[np.abs(offsets - best) > 1]
    errors = {
        (offset, endpoint): curve_error(knee, knees, frames, offset, endpoint=endpoint, points=slice(None))
        for offset in (best - 1, best, best + 1)
        for endpoint in (True, False)
    }
    (offset, endpoint), error = min(errors.items(), key=lambda item: item[1])
    if not error <= _LARGEST_ERROR or (others.size and others.min() < _CONTRAST * error):
        why = f"the cut knee angles do not come back from it (best error {error:.2f} degrees)"
        return Unusable(why=why, contradicts=True)
    return offset, endpoint, error


def _align_emg(emg: npt.NDArray[np.float64], leaf: MatNode, frames: Frames, first_frame: int) -> int | str:
    """Return the row of EMG that belongs to row 0 of the angles; a cut cell must be found where its event is."""
    lags: list[int] = []
    for side, pairs in frames.items():
        begin, end = CHANNELS[side]
        cells = emg_cells(leaf, side, end - begin)
        durations = ((pairs[:, 1] - pairs[:, 0]) / FRAME_RATE).tolist()
        owner = pair_by_duration(durations, [len(cell) / EMG_RATE for cell in cells]) or []
        placed = [(event, cell) for event, cell in enumerate(owner) if cell is not None and cell >= 0]
        for event, cell in placed[:_PROBES]:
            expected = (int(pairs[event, 0]) - first_frame) * _STEP
            row = _find(emg[:, begin:end], cells[cell], expected)
            if row is None:
                return f"EMG cell {cell + 1} of the {side} leg is not in it"
            lags.append(row - expected)
    if not lags:
        return "no EMG cell pairs with an event, so its EMG has no clock"
    return lags[0] if len(set(lags)) == 1 else f"its EMG cells lie {min(lags)} to {max(lags)} samples from their events"


def _find(emg: npt.NDArray[np.float64], cell: Array, expected: int) -> int | None:
    """Return the row of ``emg`` from which it equals the first samples of a cell, the nearest to ``expected``."""
    head = cell[:_HEAD]
    column = int(np.argmax(np.where(np.isfinite(head).all(axis=0), np.nan_to_num(head).std(axis=0), -1.0)))
    start = max(expected - _REACH, 0)
    window = emg[start : expected + _REACH + len(head), column]
    if len(window) < len(head) or not np.ptp(head[:, column]) > 0:
        return None
    wanted, tolerance = head[:, column], 1e-6 * np.abs(head[:, column]).max()
    rows = np.flatnonzero(np.abs(window[: len(window) - len(head) + 1] - wanted[0]) <= tolerance)
    rows = rows[np.argsort(np.abs(rows + start - expected), kind="stable")]
    return next(
        (start + int(row) for row in rows if np.abs(window[row : row + len(head)] - wanted).max() <= tolerance), None
    )


def original_signals(
    original: Original,
    *,
    angle_signs: Mapping[str, float],
    moment_scale: float,
    emg_units: str,
    ambiguous: Sequence[str],
) -> dict[str, Signal]:
    """Return the continuous signals that there are; parameters as of the cut ones."""
    t0 = original.first_frame / FRAME_RATE
    signals = {}
    if len(original.emg):
        table = {
            f"{side.title()} {k}": original.emg[:, start + k]
            for side, (start, stop) in CHANNELS.items()
            for k in range(stop - start)
        }
        signals["emg"] = cycles.emg_signal(table, EMG, rate=EMG_RATE, t0=original.emg_start, units=emg_units)
        signals["emg"].values.attrs["ambiguous"] = list(ambiguous)
    for group, kind, found, columns, scale in (
        ("kinematics", "Angles", original.angles, signed(ANGLES, angle_signs), 1.0),
        ("kinetics", "Moments", original.moments, MOMENTS, moment_scale / STORED_SIGN),
    ):
        joints = {
            f"{output(kind, side, joint)} {k}": values[:, k]
            for (side, joint), values in found.items()
            for k in range(len(COMPONENTS))
        }
        if joints:
            signals[group] = cycles.joint_signal(
                joints, columns, rate=FRAME_RATE, t0=t0, units=words.UNITS[group], scale=scale
            )
    return signals


def original_cuts(original: Original, signals: Mapping[str, Signal], place: Place) -> list[segments.Cut]:
    """Return one candidate for each event pair of both legs, right leg first."""
    rows = len(next(iter(original.angles.values())))
    first, last = original.first_frame, original.first_frame + rows
    cuts = []
    labels = place.labels | {"duration_source": "events", "segment": -1}
    for side in SIDES:
        samples = cycles.Samples(signals, side)
        for start, stop in original.frames.get(side, np.empty((0, 2))).tolist():
            reason, detail = ("", "") if np.isfinite(stop - start) else ("unpaired", NO_FRAME)
            if start < first or stop > last:
                reason, detail = "outside_trial", f"frames {start:g} to {stop:g}, signals from {first} to {last}"
            elif not reason and not samples.between(start / FRAME_RATE, stop / FRAME_RATE):
                reason, detail = cycles.NO_SIGNAL.reason, cycles.NO_SIGNAL.detail
            cuts.append(
                segments.Cut(
                    side=side,
                    duration=(stop - start) / FRAME_RATE,
                    trial_time=start / FRAME_RATE,
                    labels=labels,
                    reason=reason,
                    detail=detail,
                )
            )
    return cuts
