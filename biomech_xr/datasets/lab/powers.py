"""Powers that a file carries against moment x angular velocity: whether signs, units and sides fit together."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from biomech_xr import evidence
from biomech_xr import vocabulary as words
from biomech_xr.datasets import plug_in_gait
from biomech_xr.datasets.lab.contents import Content, c3d_span, stream
from biomech_xr.datasets.lab.mapping import LabMapping, Person
from biomech_xr.evidence import power
from biomech_xr.schema import Signal

FloatArray = npt.NDArray[np.float64]
Leg = tuple[words.Side, str]

_POINTS: Final = 101
_CLEAR: Final = 0.7
_FEWEST: Final = 40
_SLOPES: Final = (0.3, 3.0)
"""Slopes of power against moment x velocity that right units give; on real files 0.64 to 1.00."""
_NEAR: Final = (0.4, 2.0)


def compare(
    content: Content, mapping: LabMapping, person: Person, signals: Mapping[str, Signal], strides: pd.DataFrame
) -> str:
    """Return r and slope of the file's power against moment x velocity, per joint and side, medians over strides.

    Sagittal plane, W/kg; strides in which one of the three is missing do not count. Empty where the trial has no power,
    or no angles and moments to compare it with.
    """
    if "kinematics" not in signals or "kinetics" not in signals or not _published(content, mapping, person)[0]:
        return ""
    own = legs(content, mapping, person, signals, strides)
    found = {(joint, leg.side): _fit(leg, joint) for joint in words.JOINTS for leg in own}
    texts = [f"{joint} {side} {text}" for (joint, side), (_, _, text) in found.items() if text]
    wrong = [f"{joint} {side}" for (joint, side), (r, _, _) in found.items() if r <= -_CLEAR]
    if wrong:
        texts.append(f"AGAINST the file's power, so that a sign of angle or moment must be wrong: {', '.join(wrong)}")
    off = [
        f"{joint} {side} ({_fitting(mapping, person, joint, side, slope)})"
        for (joint, side), (r, slope, _) in found.items()
        if abs(r) >= _CLEAR and not _SLOPES[0] <= abs(slope) <= _SLOPES[1]
    ]
    if off:
        texts.append(f"OUT OF SCALE against the file's power, a unit or the body mass must be wrong: {', '.join(off)}")
    return "; ".join(texts) or "no stride with angle, moment and power"


def legs(
    content: Content, mapping: LabMapping, person: Person, signals: Mapping[str, Signal], strides: pd.DataFrame
) -> list[power.LegPower]:
    """Return angle, moment and power of each leg, stride by stride; empty where the trial lacks one of them."""
    if "kinematics" not in signals or "kinetics" not in signals:
        return []
    curves, rate, t0 = _published(content, mapping, person)
    if not curves:
        return []
    return [leg for side in words.SIDES if (leg := _leg(side, strides, signals, curves, rate, t0)) is not None]


def contradictions(found: Sequence[power.LegPower], mapping: LabMapping, person: Person) -> list[str]:
    """Return the joints of a person whose power surely contradicts signs, units or body mass of the mapping."""
    problems = []
    for side, joint in itertools.product(words.SIDES, words.JOINTS):
        fit = power.fit([leg for leg in found if leg.side == side], joint)
        if not fit.sure:
            continue
        way_out = "or state trust: true under powers"
        if fit.r < 0:
            problems.append(
                f"powers: the {side} {joint} goes against the file's power ({fit.text()}), expected r near +1; "
                f"turn the sign of angle or moment, {way_out}"
            )
        elif not _SLOPES[0] <= fit.slope <= _SLOPES[1]:
            fitting = _fitting(mapping, person, joint, side, fit.slope)
            problems.append(
                f"powers: the {side} {joint} has a power out of scale ({fit.text()}), expected a slope of "
                f"{_SLOPES[0]:g} to {_SLOPES[1]:g}; {fitting}, {way_out}"
            )
    return problems


def _fitting(mapping: LabMapping, person: Person, joint: str, side: str, slope: float) -> str:
    """Return which other unit of moment, angle or power would bring a slope to 1; the body mass where none does."""
    mass = person.body_mass if person.body_mass is not None else np.nan
    stated = {"moments": "N mm/kg", "angles": "deg", "powers": "W/kg"}
    for part in stated:
        for channel in getattr(getattr(mapping, part), "channels", ()):
            if (channel.side, channel.joint, getattr(channel, "motion", "flexion")) == (side, joint, "flexion"):
                stated[part] = channel.unit
    own = evidence.FACTORS[stated["moments"]](mass)
    change = {("moments", unit): factor(mass) / own for unit, factor in evidence.FACTORS.items()}
    change |= {("angles", "rad"): 180 / np.pi} if stated["angles"] == "deg" else {("angles", "deg"): np.pi / 180}
    change |= {("powers", "W"): mass} if stated["powers"] == "W/kg" else {("powers", "W/kg"): 1 / mass}
    near = [f"{part} in {unit}" for (part, unit), factor in change.items() if _NEAR[0] < abs(slope) / factor < _NEAR[1]]
    return f"it would fit {' or '.join(near)}" if near else "no other unit would fit: correct body_mass or the columns"


def _fit(leg: power.LegPower, joint: str) -> tuple[float, float, str]:
    """Return r, slope and the figures of one joint: of whole strides, else of all points that have the three values."""
    whole = power.fit([leg], joint)
    if whole.strides or joint not in leg.power:
        return whole.r, whole.slope, whole.text() if whole.strides else ""
    rate = np.gradient(np.deg2rad(leg.angles[joint]), axis=1) * (_POINTS - 1) / leg.duration[:, None]
    own, published = leg.moments[joint] * rate, leg.power[joint]
    use = np.isfinite(own) & np.isfinite(published)
    if use.sum() < _FEWEST or not np.ptp(own[use]) > 0 or not np.ptp(published[use]) > 0:
        return np.nan, np.nan, ""
    r = float(np.corrcoef(own[use], published[use])[0, 1])
    slope = float(own[use] @ published[use] / (own[use] @ own[use]))
    return r, slope, f"r {r:+.2f}, slope {slope:+.3g}, {int(use.sum())} points of {len(own)} incomplete strides"


def _published(content: Content, mapping: LabMapping, person: Person) -> tuple[dict[Leg, FloatArray], float, float]:
    """Return the file's sagittal (or whole) power by side and joint, W/kg, shape (sample,), with rate and start."""
    powers = mapping.powers
    if powers is not None and powers.channels:
        table = stream(content, "powers", [channel.label for channel in powers.channels])
        if table is None:
            return {}, 0.0, 0.0
        mass = person.body_mass or np.nan
        return (
            {
                (channel.side, channel.joint): np.asarray(table.values[channel.label], dtype=np.float64)
                / (mass if channel.unit == "W" else 1.0)
                for channel in powers.channels
            },
            table.rate,
            table.t0,
        )
    c3d, source = content.c3d, powers or mapping.moments
    if c3d is None or source is None or not source.convention:
        return {}, 0.0, 0.0
    labels = plug_in_gait.find(c3d.points, plug_in_gait.POWERS, prefix=source.prefix, suffix=source.suffix)[0]
    return {leg: _sagittal(c3d.points[label]) for leg, label in labels.items()}, c3d.point_rate, c3d_span(c3d)[0]


def _sagittal(stored: npt.NDArray[np.float32]) -> FloatArray:
    """Return the first plane of a power (frame, 3), or the sum in the third where older files write only that."""
    values = np.where(plug_in_gait.uncomputed(stored)[:, None], np.nan, stored.astype(np.float64))
    return np.asarray(values[:, 0] if np.nan_to_num(values[:, 0]).any() else values[:, 2])


def _leg(
    side: words.Side,
    strides: pd.DataFrame,
    signals: Mapping[str, Signal],
    curves: Mapping[Leg, FloatArray],
    rate: float,
    t0: float,
) -> power.LegPower | None:
    """Return the curves of one leg, cut at its contacts; None for a leg without stride or power."""
    rows = strides[strides["side"] == side]
    own = {joint: curve for (leg, joint), curve in curves.items() if leg == side}
    if rows.empty or not own:
        return None
    starts, durations = rows["trial_time"].to_numpy(np.float64), rows["duration"].to_numpy(np.float64)
    times = starts[:, None] + durations[:, None] * np.linspace(0, 1, _POINTS)
    joints = {}
    for group in ("kinematics", "kinetics"):
        signal = signals[group]
        if side not in signal.values["side"].values:
            return None
        sagittal = signal.values.sel(side=side, motion="flexion")
        joints[group] = {joint: _cut(signal.time(), sagittal.sel(joint=joint).values, times) for joint in own}
    clock = t0 + np.arange(len(next(iter(own.values())))) / rate
    return power.LegPower(
        side=side,
        duration=durations,
        angles=joints["kinematics"],
        moments=joints["kinetics"],
        power={joint: _cut(clock, curve, times) for joint, curve in own.items()},
    )


def _cut(clock: FloatArray, curve: npt.NDArray[np.floating], times: FloatArray) -> FloatArray:
    """Return a curve (sample,) at the times (stride, point); NaN where it is not measured on both sides."""
    return np.interp(times, clock, curve.astype(np.float64), left=np.nan, right=np.nan)
