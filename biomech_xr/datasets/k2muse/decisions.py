"""What the data of one K2MUSE person decide: unit and sign of moments, and whether the EMG columns fit their names."""

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
from biomech_xr.datasets.deciding import Judge
from biomech_xr.datasets.k2muse.tree import SIDES, Array, Place, joint_curves
from biomech_xr.readers.mat import MatNode
from biomech_xr.schema import Signal

logger = logging.getLogger(__name__)

SIGNS: Final = ("flexor_positive", "extensor_positive")
"""Choices of the option `moment_sign`, the canonical one first."""

_ANKLE: Final = "Moments.*AnkleMoment"
_MOST_STRIDES: Final = 300
_BINS: Final = 25
_CALF: Final = ("gastrocnemius_medialis", "gastrocnemius_lateralis", "soleus")
_CALF_CREST: Final = (0.2, 0.62)
_FEWEST: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Decisions:
    """Factor from the stored moment to N m/kg in canonical sign, and what it rests on, for the notes of every trial."""

    moment_scale: float
    notes: Mapping[str, str]


def decide(
    tree: MatNode, found: Sequence[Place], *, body_mass: float, file: Path, options: Mapping[str, Any]
) -> Decisions:
    """Return the unit and sign of a person's moments, from level walking where there is some.

    Raises
    ------
    DataFormatError
        The data do not tell and the option is not given, or the unit needs a body mass that is not known.
    """
    pooled: dict[str, list[Array]] = {joint: [] for joint in words.JOINTS}
    level = [place for place in found if place.labels["activity"] == "walk"] or list(found)
    for place in level:
        leaf = place.find(tree)
        if leaf is None or sum(map(len, pooled["ankle"])) > _MOST_STRIDES:
            continue
        for side in SIDES:
            for joint, curves in joint_curves(leaf, "Moments", side).items():
                pooled[joint].append(curves[:, :, 0])
    moments = {joint: np.concatenate(curves) for joint, curves in pooled.items() if curves}
    if "ankle" not in moments:
        return Decisions(moment_scale=math.nan, notes={"moments": "none in the file"})
    judge = Judge(dataset="k2muse", file=file, options=options)
    speeds = {place.belt_speed for place in level}
    speed = speeds.pop() if len(speeds) == 1 else math.nan
    unit = judge.value("moment_unit", _ANKLE, evidence.moment_unit(moments["ankle"], body_mass, speed))
    factor = judge.moment_factor(
        unit,
        body_mass,
        field="Moments",
        expected="the person's row in ParticipantInformation.xlsx",
        action="Add the workbook, or state the unit with the source option moment_unit=",
    )
    shown = {joint: evidence.moment_sign(joint, curves) for joint, curves in moments.items()}
    for joint, decision in shown.items():
        judge.heard(f"moment_sign.{joint}", decision)
    sign = judge.sign("moment_sign", _ANKLE, shown["ankle"], canonical=SIGNS[0])
    judge.notes["moments"] = f"stored in {unit}, factor {sign:+d}"
    return Decisions(moment_scale=factor * sign, notes=judge.notes)


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
        for muscle in (*_CALF, "tibialis_anterior"):
            if muscle not in channels:
                continue
            if np.isfinite(crest := _crest(samples[:, place, channels.index(muscle)], own)):
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


def _crest(samples: npt.NDArray[np.float32], bounds: npt.NDArray[np.int64]) -> float:
    """Return where in the stride the mean rectified EMG peaks, 0..1; NaN with too few strides."""
    profiles = []
    for start, stop in bounds:
        size = (stop - start) // _BINS * _BINS
        piece = np.abs(samples[start : start + size])
        if size and piece.size == size and np.isfinite(piece).all():
            profiles.append(piece.reshape(_BINS, -1).mean(axis=1))
    if len(profiles) < _FEWEST:
        return math.nan
    mean = np.mean(profiles, axis=0)
    smooth = (np.roll(mean, 1) + mean + np.roll(mean, -1)) / 3
    return float((np.argmax(smooth) + 0.5) / _BINS)
