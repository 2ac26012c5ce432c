"""What the data of one K2MUSE person decide: signs of angles, unit and sign of moments, state and order of the EMG."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr import evidence
from biomech_xr import vocabulary as words
from biomech_xr.datasets.deciding import ANGLE_SIGNS, Judge, clearest
from biomech_xr.datasets.deciding import emg_state as vote_emg_state
from biomech_xr.datasets.k2muse.tree import EMG_RATE, MUSCLES, SIDES, Array, Place, emg_cells, joint_curves
from biomech_xr.evidence import Decision
from biomech_xr.readers.mat import MatNode
from biomech_xr.schema import Signal

logger = logging.getLogger(__name__)

SIGNS: Final = ("flexor_positive", "extensor_positive")
"""Choices of the option `moment_sign`, the canonical one first."""

_RELEASED: Final[words.EmgState] = "bandpassed"
_ANKLE: Final = "Moments.*AnkleMoment"
_MOST_STRIDES: Final = 120
_EMG_STRIDES: Final = 8
_BINS: Final = 25
_CALF: Final = ("gastrocnemius_medialis", "gastrocnemius_lateralis", "soleus")
_CALF_CREST: Final = (0.2, 0.62)
_FEWEST: Final = 3

Curves = Mapping[tuple[str, str, words.Side], Array]
"""(`Angles` or `Moments`, joint, side) -> strides of level walking, (stride, point, component)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decisions:
    """What holds for all trials of one person, and what it rests on, for their notes.

    `angle_signs` has each joint's factor to canonical flexion (NaN without a cut curve), `moment_scale` is the factor
    from the stored moment to N m/kg in canonical sign (NaN without one).
    """

    angle_signs: Mapping[str, float]
    moment_scale: float
    emg_state: words.EmgState
    notes: Mapping[str, str]


def decide(
    tree: MatNode, found: Sequence[Place], *, body_mass: float, file: Path, options: Mapping[str, Any]
) -> Decisions:
    """Return what a person's cut trials decide, of level walking where there is some.

    Raises
    ------
    DataFormatError
        The data do not tell, or contradict themselves, and the option is not given, or the unit needs a body mass that
        is not known.
    """
    judge = Judge(dataset="k2muse", file=file, options=options)
    level = [place for place in found if place.labels["activity"] == "walk"] or list(found)
    curves = _pool(tree, level)
    signs = {joint: _angle_sign(judge, joint, curves) for joint in words.JOINTS}
    speeds = {place.belt_speed for place in level}
    scale = _moment_scale(judge, curves, body_mass, speeds.pop() if len(speeds) == 1 else math.nan)
    state = judge.value("emg_state", "EMGData", _emg_state(tree, level))
    return Decisions(angle_signs=signs, moment_scale=scale, emg_state=state, notes=judge.notes)


def _pool(tree: MatNode, level: Sequence[Place]) -> Curves:
    pooled: dict[tuple[str, str, words.Side], list[Array]] = {}
    count = 0
    for place in level:
        leaf = place.find(tree)
        if leaf is None or count > _MOST_STRIDES:
            continue
        for side in SIDES:
            for kind in ("Angles", "Moments"):
                for joint, curves in joint_curves(leaf, kind, side).items():
                    pooled.setdefault((kind, joint, side), []).append(curves)
                    count += len(curves) if joint == "knee" else 0
    return {key: np.concatenate(curves) for key, curves in pooled.items()}


def _angle_sign(judge: Judge, joint: str, curves: Curves) -> float:
    """Return the factor of one joint's flexion; each leg decides, and they must agree."""
    own = [found[:, :, 0] for side in SIDES if (found := curves.get(("Angles", joint, side))) is not None]
    if not own:
        judge.notes[f"evidence.{joint}_sign"] = "no cut angles: not stored"
        return math.nan
    legs = [ANGLE_SIGNS[joint](strides) for strides in own]
    return float(judge.sign(f"{joint}_sign", f"Angles.*{joint.title()}Angles", *legs, canonical="positive"))


def _moment_scale(judge: Judge, curves: Curves, body_mass: float, speed: float) -> float:
    """Return the factor from the stored moment to the canonical one in N m/kg; NaN without ankle moments."""
    ankles = {side: found for side in SIDES if (found := curves.get(("Moments", "ankle", side))) is not None}
    if not ankles:
        judge.notes["moments"] = "none of the ankle in the file: no moment is stored"
        return math.nan
    legs = [evidence.moment_unit(strides[:, :, 0], body_mass, speed) for strides in ankles.values()]
    unit = judge.value("moment_unit", _ANKLE, *legs)
    factor = judge.moment_factor(
        unit,
        body_mass,
        field="Moments",
        expected="the person's row in ParticipantInformation.xlsx",
        action="Add the workbook, or state the unit with the source option moment_unit=",
    )
    sign = _moment_sign(judge, curves)
    judge.notes["moments"] = f"stored in {unit}, factor {sign:+d}"
    return factor * sign


def _moment_sign(judge: Judge, curves: Curves) -> int:
    """Return the common sign of all moments: an ankle must be sure, and whatever else is sure must agree."""
    ankles: list[Decision[int]] = []
    others: list[Decision[int]] = []
    for (kind, joint, side), strides in curves.items():
        if kind != "Moments":
            continue
        shown = {f"{joint}.{side}": evidence.moment_sign(joint, strides[:, :, 0])}
        if joint == "hip":
            shown[f"hip_adduction.{side}"] = evidence.hip_adduction_moment_sign(strides[:, :, 1])
        for name, decision in shown.items():
            judge.heard(f"moment_sign.{name}", decision)
            (ankles if joint == "ankle" else others).append(decision)
    if clearest(ankles).sure:
        ankles += [decision for decision in others if decision.sure]
    return judge.sign("moment_sign", _ANKLE, *ankles, canonical=SIGNS[0])


def _emg_state(tree: MatNode, level: Sequence[Place]) -> Decision[words.EmgState]:
    """Return the released state, in doubt where a channel is never negative or the channels are surely an envelope."""
    channels: dict[str, Array] = {}
    for place in level:
        leaf = place.find(tree)
        if leaf is None or channels:
            continue
        for side in SIDES:
            if cells := emg_cells(leaf, side, len(MUSCLES[side]), most=_EMG_STRIDES):
                joined = np.concatenate(cells)
                channels |= {f"{side} {muscle}": joined[:, k] for k, muscle in enumerate(MUSCLES[side])}
    channels = {name: values for name, values in channels.items() if np.nan_to_num(values).any()}
    if not channels:
        return Decision(_RELEASED, 1.0, "as released; no cut EMG to check it")
    positive = [name for name, values in channels.items() if np.nanmin(values) >= 0]
    seen = vote_emg_state(channels.values(), EMG_RATE)
    if positive:
        return Decision(_RELEASED, 0.0, f"released as {_RELEASED}, but never negative: {', '.join(positive)}")
    if seen.sure and seen.value == "envelope":
        return Decision(_RELEASED, 0.0, f"released as {_RELEASED}, but the samples are {seen.note()}")
    return Decision(_RELEASED, 1.0, f"as released; the samples are {seen.note()}")


def emg_order(signal: Signal, strides: pd.DataFrame) -> str:
    """Return whether the timing of a walking trial's EMG fits the names of its columns, which one reader alone states.

    The calf works in mid and late stance, tibialis anterior around contact and in swing.
    """
    agree: list[str] = []
    doubtful: list[str] = []
    channels, samples = list(signal.values["channel"].values), signal.values.values
    bounds = _bounds(signal, strides)
    for place, side in enumerate(signal.values["side"].values):
        own = bounds[(strides["side"] == side).to_numpy()]
        named = [muscle for muscle in (*_CALF, "tibialis_anterior") if muscle in channels]
        crests = _crests(samples[:, place, [channels.index(muscle) for muscle in named]], own)
        for muscle, crest in zip(named, crests, strict=True):
            if np.isfinite(crest):
                calf = _CALF_CREST[0] < crest < _CALF_CREST[1]
                (agree if calf == (muscle in _CALF) else doubtful).append(f"{side} {muscle} {crest:.0%}")
    if doubtful:
        logger.warning("k2muse: crests of EMG unlike the channels' names: %s", ", ".join(doubtful))
        return f"doubtful, crests at: {', '.join(doubtful)}"
    return f"crests fit the names: {', '.join(agree)}" if agree else "not checked: too few strides with EMG"


def _bounds(signal: Signal, strides: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the first row and the row after the last of each stride, (stride, 2)."""
    if signal.kind == "ragged":
        edges = np.cumsum([0, *signal.lengths])
        segment = strides["segment"].to_numpy()
        return np.stack([edges[segment], edges[segment + 1]], axis=1).astype(np.int64)
    start = strides["trial_time"].to_numpy() - signal.t0
    times = np.stack([start, start + strides["duration"].to_numpy()], axis=1)
    return np.maximum(np.rint(times * signal.sampling_frequency), 0).astype(np.int64)


def _crests(samples: npt.NDArray[np.float32], bounds: npt.NDArray[np.int64]) -> list[float]:
    """Return where in the stride the mean rectified EMG (sample, channel) peaks, 0..1; NaN with too few strides."""
    profiles = np.full((len(bounds), _BINS, samples.shape[1]), np.nan)
    rectified = np.abs(samples)
    for index, (start, stop) in enumerate(bounds.tolist()):
        size = (stop - start) // _BINS * _BINS
        piece = rectified[start : start + size]
        if size and len(piece) == size:
            profiles[index] = piece.reshape(_BINS, size // _BINS, -1).sum(axis=1) / (size // _BINS)
    whole = np.isfinite(profiles).all(axis=1)
    return [_peak(profiles[whole[:, k], :, k]) for k in range(samples.shape[1])]


def _peak(profiles: Array) -> float:
    """Return where the mean of profiles (stride, bin) peaks, 0..1; NaN with too few."""
    if len(profiles) < _FEWEST:
        return math.nan
    mean = profiles.mean(axis=0)
    smooth = (np.roll(mean, 1) + mean + np.roll(mean, -1)) / 3
    return float((np.argmax(smooth) + 0.5) / _BINS)
