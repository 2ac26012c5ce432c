"""Published joint power against moment x angular velocity of the same strides: a check of sign, unit, joint and side.

Power that a joint generates is positive, so that it equals the canonical moment times the angular velocity of the
canonical angle. Only the sagittal plane is compared: it carries most of the power whether a source publishes that plane
or the sum of all. On files of Plug-in Gait both agree with r 0.90 to 1.00 and a slope of 0.64 to 1.00.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.evidence._cycles import FEWEST, FloatArray, confidence
from biomech_xr.evidence.decision import LEAST, Decision
from biomech_xr.evidence.units import FACTORS

_CLEAR: Final = 0.88
"""Least |r| that says something: recorded power reaches 0.90 to 1.00, on stairs that of the other foot's cycle 0.82 of
the wrong sign."""
_AGREE: Final = 0.8
_OTHER_JOINT: Final = 0.95
_BETTER: Final = 5.0
_LARGEST_UNIT_ERROR: Final = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LegPower:
    """Sagittal curves of one leg by joint, shape (stride, point), contact to contact, and `duration` (stride,) in s.

    `angles` in degrees, canonical; `moments` and `power` in the unit and sign of the source. A joint that the source
    has not is absent.
    """

    side: words.Side
    duration: FloatArray
    angles: Mapping[str, FloatArray] = field(default_factory=dict)
    moments: Mapping[str, FloatArray] = field(default_factory=dict)
    power: Mapping[str, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """How published power goes with moment x angular velocity: medians over strides, and the share of r's sign."""

    r: float
    slope: float
    agree: float
    strides: int

    @property
    def confidence(self) -> float:
        """How sure it is that they go together, in the direction of r: 0 for fewer than three strides."""
        if self.strides < FEWEST:
            return 0.0
        clear, agree = (abs(self.r) - _CLEAR) / (1 - _CLEAR), (self.agree - _AGREE) / (1 - _AGREE)
        return confidence(1 + min(clear, agree))

    @property
    def sure(self) -> bool:
        """Whether the strides are enough, go together, and do so in one direction."""
        return self.confidence >= LEAST

    def text(self) -> str:
        """Return the figures in words."""
        return f"r {self.r:+.2f}, slope {self.slope:+.3g}, {self.strides} strides" if self.strides else "no stride"


def fit(legs: Sequence[LegPower], joint: str, *, moment: str = "", angle: str = "") -> Fit:
    """Return how the power of a joint goes with the moment and the angle of that joint, or of others, in all legs."""
    rows = [_rows(leg, joint, moment or joint, angle or joint) for leg in legs]
    r, slope = np.concatenate([np.empty((2, 0)), *rows], axis=1)
    if not r.size:
        return Fit(r=math.nan, slope=math.nan, agree=0.0, strides=0)
    middle = float(np.median(r))
    agree = float(np.mean(np.sign(r) == np.sign(middle)))
    return Fit(r=middle, slope=float(np.median(slope)), agree=agree, strides=r.size)


def _rows(leg: LegPower, joint: str, moment: str, angle: str) -> FloatArray:
    """Return correlation and slope through zero of every stride that has all three curves, shape (2, strides)."""
    if joint not in leg.power or moment not in leg.moments or angle not in leg.angles:
        return np.empty((2, 0))
    power, torque, degrees = leg.power[joint], leg.moments[moment], leg.angles[angle]
    whole = np.isfinite(power + torque + degrees).all(axis=1) & (leg.duration > 0)
    power = power[whole]
    rate = np.gradient(np.deg2rad(degrees[whole]), axis=1) * (power.shape[1] - 1) / leg.duration[whole, None]
    own = torque[whole] * rate
    moves = (np.ptp(power, axis=1) > 0) & (np.ptp(own, axis=1) > 0)
    power, own = power[moves], own[moves]
    slope = (power * own).sum(axis=1) / (own * own).sum(axis=1)
    power, own = (values - values.mean(axis=1, keepdims=True) for values in (power, own))
    r = (power * own).sum(axis=1) / np.sqrt((power * power).sum(axis=1) * (own * own).sum(axis=1))
    return np.stack([r, slope])


def moment_signs(legs: Sequence[LegPower], joint: str) -> list[Decision[int]]:
    """Return what power says of the sign of a sagittal moment, for each leg that has power: 1 where it is canonical."""
    fits = {leg.side: fit([leg], joint) for leg in legs if joint in leg.power}
    return [
        Decision(-1 if f.r < 0 else 1, f.confidence, f"published {joint} power, {side}: {f.text()}")
        for side, f in fits.items()
    ]


def moment_units(legs: Sequence[LegPower], body_mass: float) -> list[Decision[str]]:
    """Return what power in W/kg says of the unit of the moments, from the ankle, which has most of it."""
    found = fit(legs, "ankle")
    if not found.strides:
        return []
    error = {unit: abs(math.log(abs(found.slope) / factor(body_mass))) for unit, factor in FACTORS.items()}
    best = min(error, key=lambda unit: error[unit])
    near = confidence(2 - error[best] / math.log(_LARGEST_UNIT_ERROR))
    return [Decision(best, min(found.confidence, near), f"published ankle power: {found.text()}")]


def misplaced(legs: Sequence[LegPower]) -> str:
    """Return which joint's power goes clearly better with another joint's curves; empty where none does.

    Better is a correlation of 0.95 that leaves a fifth, or less, of the variance which the joint's own curves leave.
    """
    for joint in words.JOINTS:
        own = fit(legs, joint)
        if own.strides < FEWEST:
            continue
        for moment, angle in product(words.JOINTS, repeat=2):
            if moment == angle == joint:
                continue
            other = fit(legs, joint, moment=moment, angle=angle)
            if other.sure and abs(other.r) >= _OTHER_JOINT and _BETTER * (1 - other.r**2) <= 1 - own.r**2:
                curves = f"the moment of the {moment} and the angle of the {angle}"
                return f"power of the {joint} goes with {curves} ({other.text()}), not with its own ({own.text()})"
    return ""


def describe(legs: Sequence[LegPower], factors: Mapping[str, float]) -> str:
    """Return r and slope of every joint and leg for a note; ``factors`` bring the moments to canonical.

    A joint or leg without power is left out; the text is empty where there is none at all.
    """
    canonical = [
        LegPower(
            side=leg.side,
            duration=leg.duration,
            angles=leg.angles,
            moments={joint: rows * factors[joint] for joint, rows in leg.moments.items()},
            power=leg.power,
        )
        for leg in legs
    ]
    found = {(joint, leg.side): fit([leg], joint) for joint in words.JOINTS for leg in canonical}
    return "; ".join(f"{joint} {side} {f.text()}" for (joint, side), f in found.items() if f.strides)
