"""What a person's strides say of the mapping: signs and units of angles and moments, sides of EMG, body mass, powers.

A mapping that the data contradict surely is refused, unless it says ``trust: true`` there; what is not sure is noted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr import evidence
from biomech_xr import vocabulary as words
from biomech_xr.datasets.deciding import ANGLE_SIGNS
from biomech_xr.datasets.lab import powers
from biomech_xr.datasets.lab.contents import Content
from biomech_xr.datasets.lab.mapping import LabMapping, Person
from biomech_xr.datasets.lab.muscles import halves, swapped
from biomech_xr.datasets.lab.weights import mass_against_forces, stance_means
from biomech_xr.evidence import power
from biomech_xr.schema import Trial

FloatArray = npt.NDArray[np.float64]
Curves = dict[tuple[str, str, str], list[FloatArray]]

_POINTS: Final = 100
_LARGEST_RADIANS: Final = 3.2
_GROUPS: Final = {"kinematics": "angles", "kinetics": "moments"}


@dataclass(kw_only=True, slots=True)
class Strides:
    """What is gathered of a person's walking: sagittal curves (stride, 100) by (part, side, joint), EMG, loads, powers.

    `muscles` holds by (side, muscle) how much stronger EMG is in 20 to 50 % of a stride than in its last 30 %, as
    logarithms; `loads` the mean force (N) of stances on plates.
    """

    curves: Curves = field(default_factory=dict)
    muscles: dict[tuple[str, str], list[FloatArray]] = field(default_factory=dict)
    loads: list[float] = field(default_factory=list)
    legs: list[power.LegPower] = field(default_factory=list)
    speeds: list[float] = field(default_factory=list)

    def add(self, content: Content, mapping: LabMapping, person: Person, trial: Trial) -> None:
        """Gather the strides of one trial."""
        self.legs += powers.legs(content, mapping, person, trial.signals, trial.strides)
        if (content.files.activity or mapping.activity) != "walk" or trial.strides.empty:
            return
        self.speeds += list(trial.strides["speed"].dropna())
        for group, part in _GROUPS.items():
            if group in trial.signals:
                self._add_curves(trial, group, part)
        for key, values in halves(trial, raw=bool(mapping.emg and mapping.emg.state != "envelope")).items():
            self.muscles.setdefault(key, []).append(values)
        if person.body_mass is not None:
            self.loads += stance_means(content, mapping)

    def _add_curves(self, trial: Trial, group: str, part: str) -> None:
        signal = trial.signals[group]
        clock = signal.time()
        for side in signal.values["side"].values:
            rows = trial.strides[trial.strides["side"] == side]
            starts, durations = rows["trial_time"].to_numpy(np.float64), rows["duration"].to_numpy(np.float64)
            times = starts[:, None] + durations[:, None] * np.arange(_POINTS) / _POINTS
            for joint in words.JOINTS:
                curve = signal.values.sel(side=side, joint=joint, motion="flexion").values.astype(np.float64)
                if rows.empty or not np.isfinite(curve).any():
                    continue
                cut = np.interp(times, clock, curve, left=np.nan, right=np.nan)
                self.curves.setdefault((part, str(side), joint), []).append(cut)


def judge(strides: Strides, mapping: LabMapping, person: Person) -> tuple[list[str], Mapping[str, str]]:
    """Return where the data surely contradict the mapping, and notes on what is not sure or taken on trust."""
    refused: list[str] = []
    notes: dict[str, list[str]] = {}

    def tell(topic: str, *, trust: bool, sure: str = "", unsure: str = "") -> None:
        if sure and not trust:
            refused.append(sure)
        elif sure or unsure:
            notes.setdefault(f"evidence.{topic}", []).append(f"on trust, although {sure}" if sure else unsure)

    for (part, side, joint), pieces in sorted(strides.curves.items()):
        curves = np.concatenate(pieces)
        group = mapping.angles if part == "angles" else mapping.moments
        trust = group is not None and group.trust
        for sure, unsure in _of_curves(mapping, person, part, side, joint, curves, min(strides.speeds, default=np.nan)):
            tell("signs", trust=trust, sure=sure, unsure=unsure)
    trust = mapping.powers is not None and mapping.powers.trust
    for sure in powers.contradictions(strides.legs, mapping, person):
        tell("powers", trust=trust, sure=sure)
    tell("sides", trust=mapping.emg is not None and mapping.emg.trust, sure=swapped(strides.muscles))
    sure, unsure = mass_against_forces(strides.loads, person)
    tell("body_mass", trust=person.trust, sure=sure, unsure=unsure)
    return refused, {topic: "; ".join(lines) for topic, lines in notes.items()}


def _of_curves(
    mapping: LabMapping, person: Person, part: str, side: str, joint: str, curves: FloatArray, speed: float
) -> list[tuple[str, str]]:
    """Return (contradiction or nothing, note or nothing) for each question to the curves of one joint and leg."""
    column = _column(mapping, part, side, joint)
    way_out = f"or state {part}.trust: true"
    if part == "angles":
        if joint == "knee" and np.nanmax(np.abs(curves), initial=0.0) <= _LARGEST_RADIANS:
            top = np.nanmax(np.abs(curves), initial=0.0)
            unit = f"angles: {column} never exceeds {top:.2f} in {len(curves)} strides as deg; expected radians: "
            return [(f"{unit}state unit: rad, {way_out}", "")]
        sign = ANGLE_SIGNS[joint](curves)
        return [_weighed(sign, sign.value == 1, f"angles: {column}", "the other sign", f"turn its sign, {way_out}")]
    sign = evidence.moment_sign(joint, curves)
    found = [_weighed(sign, sign.value == 1, f"moments: {column}", "the other sign", f"turn its sign, {way_out}")]
    if joint == "ankle":
        stated = _unit(mapping, side)
        mass = person.body_mass if person.body_mass is not None else np.nan
        unit_found = evidence.moment_unit(curves / evidence.FACTORS[stated](mass), mass, speed)
        action = f"correct unit: {stated}, or body_mass, {way_out}"
        fits = unit_found.value == stated
        found.append(_weighed(unit_found, fits, f"moments: {column}", f"unit {unit_found.value}", action))
    return found


def _weighed(
    decision: evidence.Decision[str] | evidence.Decision[int],
    fits: bool,  # noqa: FBT001
    place: str,
    expected: str,
    action: str,
) -> tuple[str, str]:
    if not decision.sure:
        return "", f"{place}: not sure, {decision.note()}"
    if fits:
        return "", ""
    return (
        f"{place}: found {decision.evidence} (confidence {decision.confidence:.2f}), expected {expected}; {action}",
        "",
    )


def _column(mapping: LabMapping, part: str, side: str, joint: str) -> str:
    group = mapping.angles if part == "angles" else mapping.moments
    for channel in group.channels if group else ():
        if (channel.side, channel.joint, channel.motion) == (side, joint, "flexion"):
            return f"column {channel.label!r} (sign: {channel.sign}, unit: {channel.unit})"
    return f"the {side} {joint} of convention plug_in_gait (else list channels)"


def _unit(mapping: LabMapping, side: str) -> str:
    for channel in mapping.moments.channels if mapping.moments else ():
        if (channel.side, channel.joint, channel.motion) == (side, "ankle", "flexion"):
            return channel.unit
    return "N mm/kg"
