"""In which unit moments, angles and forces are: from the ankle's peak, the knee's range and the body's weight."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.evidence._cycles import cap, confidence, cycles
from biomech_xr.evidence.decision import Decision
from biomech_xr.evidence.moments import swing_gate
from biomech_xr.evidence.signs import knee_sign

FACTORS: Final[Mapping[str, Callable[[float], float]]] = {
    "N m": lambda body_mass: 1 / body_mass,
    "N m/kg": lambda body_mass: 1.0,  # noqa: ARG005
    "N mm/kg": lambda body_mass: 1e-3,  # noqa: ARG005
    "N mm": lambda body_mass: 1e-3 / body_mass,
}
"""Per unit a function of the body mass (kg) that returns the factor to N m/kg."""

FORCE_FACTORS: Final[Mapping[str, Callable[[float], float]]] = {
    "N": lambda body_mass: 1 / body_mass,
    "N/kg": lambda body_mass: 1.0,  # noqa: ARG005
    "body weight": lambda body_mass: _GRAVITY,  # noqa: ARG005
}
"""Per unit a function of the body mass (kg) that returns the factor to N/kg."""

_GRAVITY: Final = 9.80665
_USUAL_FORCE: Final = (0.6 * _GRAVITY, 1.8 * _GRAVITY)
_POSSIBLE_FORCE: Final = (0.3 * _GRAVITY, 3.0 * _GRAVITY)
_USUAL: Final = (0.45, 2.4)
_POSSIBLE: Final = (0.2, 3.4)
_ANY_MASS: Final = (35.0, 150.0)
_SLOW, _BRISK = 0.4, 1.0
_BRISK_LEAST: Final = 0.5
_KNEE: Final = (20.0, 140.0)


def moment_unit(ankle: npt.ArrayLike, body_mass: float, speed: float = math.nan) -> Decision[str]:
    """Decide the unit of joint moments.

    The internal plantarflexor moment peaks in stance at 1.1 to 2.0 N m/kg in healthy walking, on ramps and on stairs,
    less the slower (Lelas et al. 2003, Gait & Posture 17:106), and at 0.4 to 1.2 on a paretic side (Olney & Richards
    1996, Gait & Posture 4:136). One unit alone must give a usual peak, and no other a possible one.

    Parameters
    ----------
    ankle
        Sagittal ankle moment, any sign, shape (stride, point), contact to contact of the own foot; NaN strides ignored.
    body_mass
        kg; NaN where unknown, then every mass of an adult is allowed for.
    speed
        Walking speed in m/s; NaN where unknown. Brisk walking makes very small peaks impossible.

    Returns
    -------
    Decision[str]
        A key of `FACTORS`.
    """
    strides = cycles(ankle)
    if not strides.count:
        return Decision("N m/kg", 0.0, "no usable stride")
    peak = float(np.percentile(np.abs(strides.typical), 98))
    known = math.isfinite(body_mass) and body_mass > 0
    masses = (body_mass, body_mass) if known else _ANY_MASS
    peaks = {unit: sorted(peak * factor(mass) for mass in masses) for unit, factor in FACTORS.items()}
    least = _least_possible(speed)
    strengths = {unit: _usual(span, _USUAL) for unit, span in peaks.items()}
    best = max(strengths, key=lambda unit: strengths[unit])
    rivals = [_clear(span, (least, _POSSIBLE[1])) for unit, span in peaks.items() if unit != best]
    sure = min(confidence(min([strengths[best], swing_gate(strides, peak or 1.0), *rivals])), cap(strides))
    implied = ", ".join(f"{span[0]:.3g} if {unit}" for unit, span in peaks.items())
    mass = f"{body_mass:.1f} kg" if known else "unknown mass"
    return Decision(
        best, sure, f"ankle peak {peak:.4g}, {mass}: {implied} (N m/kg; usual 0.45 to 2.4); {strides.describe()}"
    )


def _least_possible(speed: float) -> float:
    """Return the smallest possible peak in N m/kg at a speed."""
    if not math.isfinite(speed):
        return _POSSIBLE[0]
    return float(np.interp(speed, [_SLOW, _BRISK], [_POSSIBLE[0], _BRISK_LEAST]))


def _usual(span: Sequence[float], usual: tuple[float, float]) -> float:
    """Return the strength of "the peak is usual": 1 at the borders of the usual, more inside, less outside."""
    low, high = span
    inside = min(high / usual[0], usual[1] / low) if low > 0 else 0.0
    return 1 + math.log2(inside) if inside > 0.5 else 0.0


def _clear(span: Sequence[float], possible: tuple[float, float]) -> float:
    """Return the strength of "this unit is impossible": 1 at the borders of the possible, more outside."""
    low, high = span
    if high <= 0:
        return 0.0
    outside = max(possible[0] / high, low / possible[1])
    return max(1 + math.log2(outside), 0.0)


def angle_unit(knee: npt.ArrayLike) -> Decision[str]:
    """Decide whether joint angles are degrees or radians: the knee moves through 20 to 140 degrees in a stride.

    It must bend as a knee does (`knee_sign`), since a standing one sways by a third of a degree.

    Parameters
    ----------
    knee
        Knee flexion of either sign, shape (stride, point), contact to contact of the own foot; NaN strides ignored.

    Returns
    -------
    Decision[str]
        `degree` or `radian`.
    """
    strides = cycles(knee)
    if not strides.count:
        return Decision("degree", 0.0, "no usable stride with a knee")
    middle = float(np.median(np.ptp(strides.curves, axis=1)))
    text = f"the knee moves through {middle:.3g} in the median of strides ({strides.describe()})"
    for unit, scale in (("degree", 1.0), ("radian", math.degrees(1.0))):
        if _KNEE[0] <= middle * scale <= _KNEE[1]:
            return Decision(unit, min(0.98, cap(strides), knee_sign(scale * strides.curves).confidence), text)
    return Decision("degree", 0.0, f"{text}, which is neither")


def force_unit(vertical: npt.ArrayLike, body_mass: float) -> Decision[str]:
    """Decide the unit of vertical ground reaction forces.

    They peak at 0.6 to 1.8 body weights in walking, on ramps and on stairs, of a paretic leg too, and are next to zero
    in swing. One unit alone must give a usual peak, and no other a possible one.

    Parameters
    ----------
    vertical
        Vertical force under one foot, any sign, shape (stride, point), contact to contact of either foot; NaN strides
        ignored.
    body_mass
        kg; NaN where unknown, then every mass of an adult is allowed for.

    Returns
    -------
    Decision[str]
        A key of `FORCE_FACTORS`.
    """
    strides = cycles(vertical)
    if not strides.count:
        return Decision("N/kg", 0.0, "no usable stride with a force")
    typical = np.abs(strides.typical)
    peak = float(np.percentile(typical, 98))
    known = math.isfinite(body_mass) and body_mass > 0
    masses = (body_mass, body_mass) if known else _ANY_MASS
    peaks = {unit: sorted(peak * factor(mass) for mass in masses) for unit, factor in FORCE_FACTORS.items()}
    strengths = {unit: _usual(span, _USUAL_FORCE) for unit, span in peaks.items()}
    best = max(strengths, key=lambda unit: strengths[unit])
    rivals = [_clear(span, _POSSIBLE_FORCE) for unit, span in peaks.items() if unit != best]
    swing = 2 - 10 * float(np.percentile(typical, 15)) / (peak or 1.0)
    sure = min(confidence(min([strengths[best], swing, *rivals])), cap(strides))
    mass = f"{body_mass:.1f} kg" if known else "unknown mass"
    return Decision(best, sure, f"vertical force peaks at {peak:.4g}, {mass} ({strides.describe()})")
