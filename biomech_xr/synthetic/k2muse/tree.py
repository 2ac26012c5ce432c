"""The two trees of one K2MUSE trial: `OriginalData` (continuous) and `NormalizedData` (cut at heel strikes)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.synthetic.emg import make_emg
from biomech_xr.synthetic.gait import Gait, angles, moments, vertical_forces
from biomech_xr.synthetic.matfile import FIELDLESS, cell
from biomech_xr.synthetic.person import FloatArray

POINTS: Final = 200
FRAME_RATE: Final = 100
EMG_RATE: Final = 2000
LINE_FREQUENCY: Final = 50.0
MUSCLES: Final = {
    "right": (
        "tibialis_anterior", "gastrocnemius_medialis", "gastrocnemius_lateralis", "soleus", "rectus_femoris",
        "vastus_lateralis", "vastus_medialis", "biceps_femoris", "semitendinosus",
    ),
    "left": ("tibialis_anterior", "gastrocnemius_lateralis", "rectus_femoris", "biceps_femoris"),
}  # fmt: skip
"""Muscles of the columns of each leg, in order."""

_COMPONENTS: Final = [words.MOTIONS.index(motion) for motion in ("flexion", "adduction", "rotation")]
_UNCOMPUTED: Final = 5
_CLIPPED: Final = 777
_NEXT_TO_NOTHING: Final = 1e-6
_STEP: Final = EMG_RATE // FRAME_RATE
GAP: Final = 30
"""Samples that are NaN from 0.02 s after the second right contact on."""
GAPPED: Final = slice(0, 3)
"""Columns of the right leg in which they are."""
_HEAD: Final = 40


@dataclass(frozen=True, kw_only=True)
class Take:
    """One trial: its four levels, its walk, and what is peculiar about it.

    `first_frame` is the number of the first row; `moment_scale` the factor from N m/kg; `silent` a column of the right
    leg that is zero; with a `gap` three others lack samples of the second stride; `cut_only` trials have no continuous
    form; `lost` EMG of each leg is a ``cell`` that its length tells apart, or the last ``samples`` of the first cell,
    so that no event is as long.
    """

    gait: Gait
    condition: str
    mode: str
    speed: str
    number: int
    first_frame: int
    moment_scale: float
    cut_only: bool
    lost: str
    without_events: bool
    never_cut: bool
    single_left: bool
    silent: int | None
    gap: bool
    rng: np.random.Generator

    @property
    def name(self) -> str:
        """The four levels joined."""
        return f"{self.condition}_{self.mode}_{self.speed}_Trial_{self.number}"

    def frames(self, side: str) -> list[tuple[int, int]]:
        """Return (first, last) frame number of each stride after the first, which starts before stable walking."""
        numbers = np.round(self.gait.contacts[side] * FRAME_RATE).astype(int) + self.first_frame
        pairs = list(pairwise(numbers.tolist()))[1:]
        return pairs[:1] if self.single_left and side == "left" else pairs

    @cached_property
    def emg(self) -> dict[str, npt.NDArray[np.float32]]:
        """EMG of each leg, uV, (sample, muscle)."""
        made: dict[str, npt.NDArray[np.float32]] = {}
        for side, muscles in MUSCLES.items():
            volts = make_emg(
                self.gait, side, muscles, self.rng, rate=EMG_RATE, line_frequency=LINE_FREQUENCY, band=(20, 500)
            )
            made[side] = (1000 * volts).astype(np.float32)
        if self.silent is not None:
            made["right"][:, self.silent] = 0
        if self.gap:
            start = (self.frames("right")[1][0] - self.first_frame) * _STEP + _HEAD
            made["right"][start : start + GAP, GAPPED] = np.nan
        return made


def original(take: Take) -> dict[str, Any]:
    """Return the continuous form: rows are samples, columns components."""
    time = np.arange(round(take.gait.duration * FRAME_RATE) + 1) / FRAME_RATE
    leaf: dict[str, Any] = {"Angles": {}, "Moments": {}, "Forces": {}}
    for side in ("left", "right"):
        letter = side[0].upper()
        angle = angles(take.gait, time, side)[..., _COMPONENTS]
        moment = -take.moment_scale * _moments(take.gait, time, side)[..., _COMPONENTS]
        moment[:_UNCOMPUTED] = 0
        for j, joint in enumerate(words.JOINTS):
            leaf["Angles"][f"{letter}{joint.title()}Angles"] = angle[:, j]
            leaf["Moments"][f"{letter}{joint.title()}Moment"] = moment[:, j]
        leaf["Angles"][f"{letter}FootProgressAngles"] = 0.2 * angle[:, 2]
        leaf["Forces"][f"{letter}GroundReactionForce"] = _forces(take.gait, time, side)
    strikes = {side: np.round(take.gait.contacts[side] * FRAME_RATE) + take.first_frame for side in words.SIDES}
    leaf["Events"] = {
        "EventFrame": {f"{side.title()}_Foot_Strike": frames[None] for side, frames in strikes.items()},
        "EventTime": {f"{side.title()}_Foot_Strike": frames[None] / FRAME_RATE for side, frames in strikes.items()},
    }
    leaf["EMGData"] = np.concatenate([take.emg["right"], take.emg["left"]], axis=1)
    leaf["USData"] = FIELDLESS
    return leaf


def normalized(take: Take) -> dict[str, Any]:
    """Return the cut form: 200 points a stride, EMG at its real length in cells."""
    leaf: dict[str, Any] = {"Angles": {}, "Moments": {}, "Forces": {}, "Events": {}, "EMGData": {}}
    for side in ("right", "left"):
        letter, pairs = side[0].upper(), take.frames(side)
        edges = (np.array(pairs) - take.first_frame) / FRAME_RATE
        times = np.linspace(edges[:, 0], edges[:, 1], POINTS, axis=1).ravel()
        clock, back = _ascending(times)
        angle, moment = (_cut(f(take.gait, clock, side)[back], len(pairs)) for f in (angles, _moments))
        for j, joint in enumerate(words.JOINTS):
            leaf["Angles"][f"{letter}{joint.title()}Angles"] = _resampled(angle[:, :, j])
            leaf["Moments"][f"{letter}{joint.title()}Moment"] = _resampled(-take.moment_scale * moment[:, :, j])
        force = _forces(take.gait, times, side).reshape(len(pairs), POINTS, 3)
        leaf["Forces"][f"{letter}GroundReactionForce"] = _resampled(force)
        if not take.without_events:
            for k, word in enumerate(("Start", "End")):
                leaf["Events"][f"{letter}{word}Frame"] = np.array([[pair[k] for pair in pairs]], dtype=float)
        leaf["EMGData"][side.title()] = _cells(take, side, pairs)
    leaf["Angles"]["RPelvisAngles"] = _resampled(0.1 * angle[:, :, 0])
    leaf["Events"] = leaf["Events"] or FIELDLESS
    leaf["USData"] = cell([[FIELDLESS] for _ in take.frames("left")])
    return leaf


def _moments(gait: Gait, time: FloatArray, side: str) -> FloatArray:
    """Return canonical moments; what was computed is never exactly zero in all planes of a joint."""
    values = moments(gait, time, side)
    return np.where((values == 0).all(axis=-1, keepdims=True), _NEXT_TO_NOTHING, values)


def odd_one(lengths: list[int]) -> int | None:
    """Return a stride whose length differs from both neighbors', or None."""
    for index in range(1, len(lengths) - 1):
        if lengths[index] not in (lengths[index - 1], lengths[index + 1]):
            return index
    return None


def _cells(take: Take, side: str, pairs: list[tuple[int, int]]) -> np.ndarray:
    """Return the EMG cells; `lost` says what is wrong with them."""
    rows = [((start - take.first_frame) * _STEP, (stop - take.first_frame) * _STEP) for start, stop in pairs]
    missing = odd_one([stop - start for start, stop in pairs]) if take.lost == "cell" else None
    if take.lost == "samples":
        rows[0] = (rows[0][0], rows[0][1] - _CLIPPED)
    return cell([[take.emg[side][start:stop]] for k, (start, stop) in enumerate(rows) if k != missing])


def _ascending(times: FloatArray) -> tuple[FloatArray, np.ndarray]:
    """Return the times sorted, and the positions that undo it."""
    order = np.argsort(times, kind="stable")
    return times[order], np.argsort(order, kind="stable")


def _cut(values: FloatArray, count: int) -> FloatArray:
    """Return (stride, point, joint, component)."""
    return np.asarray(values.reshape(count, POINTS, 3, 3)[..., _COMPONENTS])


def _resampled(values: FloatArray) -> dict[str, FloatArray]:
    """Return the leaf of (stride, point, component); MATLAB drops a third dim of one."""
    curves = np.moveaxis(values, 0, 2)
    full = curves[:, :, 0] if curves.shape[2] == 1 else curves
    return {"rsGaitData": full, "MeanValues": curves.mean(axis=2), "StdValues": curves.std(axis=2)}


def _forces(gait: Gait, time: FloatArray, side: str) -> FloatArray:
    """Return ground reaction forces, N/kg, (time, 3), vertical last."""
    ascending, back = _ascending(time)
    vertical = vertical_forces(gait, ascending, side)[back]
    return np.stack([0.05 * vertical, 0.1 * vertical, vertical], axis=1)
