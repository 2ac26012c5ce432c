"""Which way the angle and the moment of the hip are positive in the frontal plane.

The pelvis falls to the side of the swinging leg as the standing one is loaded, and rises before foot off: the hip
adducts in loading response, is adducted in middle stance and abducted in early swing (Kadaba et al. 1990, J Orthop Res
8:383; on stairs Nadeau et al. 2003, Clin Biomech 18:950). Meanwhile the abductors carry the pelvis (Winter 2009,
*Biomechanics and Motor Control of Human Movement*, 4th ed.). Both look alike upside down and half a stride later, so
that neither is sure unless the strides begin at contact of the own foot.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.evidence._cycles import Landmark, cycles, weigh
from biomech_xr.evidence.axes import adduction_likeness
from biomech_xr.evidence.decision import Decision
from biomech_xr.evidence.moments import STATED

_UNKNOWN_START: Final = 0.85
_FALL: Final = 3.5
_ALIKE: Final = 0.6
_PLATEAU: Final = 0.2


def hip_adduction_sign(curves: npt.ArrayLike, *, start: Decision[str] = STATED) -> Decision[int]:
    """Decide whether hip adduction is positive.

    The hip is adducted from 10 to 30 per cent of the stride against 58 to 72 per cent, and the rate of the curve goes
    with that of the usual one. A hip that is held still, or lifted with the pelvis in swing, is not decided.

    Parameters
    ----------
    curves
        Hip adduction angle in degrees, shape (stride, point), contact to contact of the own foot; NaN strides ignored.
    start
        Whose contact begins the strides; by default the caller vouches for the own foot's, walking forward. Otherwise
        the confidence stays below 0.9.

    Returns
    -------
    Decision[int]
        +1 where adduction is positive already, -1 where the values must be negated.
    """
    strides = cycles(curves)
    if not strides.count:
        return Decision(1, 0.0, "no usable stride")
    fall = strides.mean(10, 30) - strides.mean(58, 72)
    alike = adduction_likeness(strides)
    sign, sure = weigh(strides, (Landmark(values=fall, needed=_FALL), Landmark(values=alike, needed=_ALIKE)))
    text = (
        f"hip adduction {np.median(fall):+.1f} degrees in middle stance against early swing, its rate goes with the "
        f"usual one at r {np.median(alike):+.2f} ({strides.describe()})"
    )
    return _begun(Decision(sign, sure, text), start)


def hip_adduction_moment_sign(moment: npt.ArrayLike, *, start: Decision[str] = STATED) -> Decision[int]:
    """Decide whether the frontal hip moment is the generalized force of adduction: negative while the abductors work.

    In single support it is -0.5 to -0.9 N m/kg, on stairs too. From 10 to 50 per cent a fifth of the curve's own peak
    is needed, so that the unit need not be known, and twice what the swinging leg shows from 75 to 95 per cent: a curve
    that does not fall then is no walking.

    Parameters
    ----------
    moment
        Any unit, shape (stride, point), contact to contact of the own foot; NaN strides ignored.
    start
        As for `hip_adduction_sign`.

    Returns
    -------
    Decision[int]
        +1 where the sign is canonical already, -1 where the values must be negated.
    """
    strides = cycles(moment)
    if not strides.count:
        return Decision(1, 0.0, "no usable stride with a moment")
    peak = float(np.median(np.abs(strides.curves).max(axis=1)))
    stance = strides.mean(10, 50) / peak
    middle, later = (float(np.median(np.abs(values))) for values in (stance, strides.mean(75, 95) / peak))
    gate = 2.0 if later == 0 else middle / (2 * later)
    sign, sure = weigh(strides, (Landmark(values=-stance, needed=_PLATEAU),), gates=(gate,))
    text = (
        f"hip adduction moment: {np.median(stance):+.2f} of its peak {peak:.3g} from 10 to 50 %, {later:.2f} from 75 "
        f"to 95 % ({strides.describe()})"
    )
    return _begun(Decision(sign, sure, text), start)


def _begun(decision: Decision[int], start: Decision[str]) -> Decision[int]:
    """Return a decision that is no surer than the start of the strides allows."""
    if start is STATED:
        return decision
    own = start.sure and start.value == "own"
    sure = decision.confidence if own else min(decision.confidence, _UNKNOWN_START)
    return Decision(decision.value, sure, f"{decision.evidence}; start of the strides: {start.note()}")
