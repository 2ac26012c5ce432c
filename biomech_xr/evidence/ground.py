"""Whether a stride is on stairs or on the level, from the knee of its own leg.

Going up, the knee is bent at contact with a step (50 to 65 degrees) and nearly straight at contact with the level (0 to
10). Going down, it bends by the middle of the stride to lower the body by a step, where on the level it is straight
(Riener et al. 2002, Gait & Posture 15:32; Perry & Burnfield 2010, *Gait Analysis*, 2nd ed.).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import ConfigError
from biomech_xr.evidence._cycles import POINTS, FloatArray, confidence
from biomech_xr.evidence.decision import Decision

_CONTACT: Final = (15.0, 25.0)
_STANCE: Final = (20.0, 30.0)
"""Knee flexion (degrees) at most on the level, at least on a step: where the confidence is 0.9."""
_LATE: Final = (0.42, 0.49)
_CLEARER: Final = 10.0
"""Degrees beyond a limit at which the confidence is full."""


def step_contacts(knee: npt.ArrayLike) -> list[Decision[bool]]:
    """Decide of each contact whether the foot lands on a step further up.

    Parameters
    ----------
    knee
        Knee flexion at contact in degrees, flexion positive, shape (contact,). A crouch gait, which bends the knee at
        every contact, is misread.

    Returns
    -------
    list[Decision[bool]]
        One a contact; without confidence where the angle is not finite.

    Raises
    ------
    ConfigError
        The array has another number of dimensions.
    """
    angles = np.asarray(knee, dtype=np.float64)
    if angles.ndim != 1:
        raise ConfigError(f"evidence: knees at contact of shape {angles.shape}; expected (contact,).")
    return _decide(angles, _CONTACT, "at contact")


def steps_down(knee: npt.ArrayLike) -> list[Decision[bool]]:
    """Decide of each stride whether it goes down a step.

    Parameters
    ----------
    knee
        Knee flexion in degrees, flexion positive, shape (stride, point), contact to contact of the own foot, both
        included.

    Returns
    -------
    list[Decision[bool]]
        One a stride, from the mean over 42 to 48 per cent; without confidence where that is not finite.

    Raises
    ------
    ConfigError
        The array has another number of dimensions, or fewer than 100 points.
    """
    curves = np.asarray(knee, dtype=np.float64)
    if curves.ndim != 2 or curves.shape[1] < POINTS:
        raise ConfigError(f"evidence: knees of shape {curves.shape}; expected (stride, {POINTS} points or more).")
    first, last = (round(share * (curves.shape[1] - 1)) for share in _LATE)
    return _decide(curves[:, first:last].mean(axis=1), _STANCE, "in late stance")


def _decide(angles: FloatArray, limits: tuple[float, float], where: str) -> list[Decision[bool]]:
    """Return the side of the limits on which each angle is: 0.9 at a limit, 0.5 between them."""
    middle, half = sum(limits) / 2, (limits[1] - limits[0]) / 2
    decisions = []
    for angle in angles.tolist():
        beyond = abs(angle - middle) - half
        strength = 1 + beyond / (_CLEARER if beyond > 0 else half)
        sure = confidence(strength) if np.isfinite(angle) else 0.0
        decisions.append(Decision(bool(angle > middle), sure, f"knee {angle:.0f} degrees {where}"))
    return decisions
