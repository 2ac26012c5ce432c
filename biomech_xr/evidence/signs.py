"""Which way a sagittal joint angle is positive, from the shape of the stride.

All detectors take strides that begin and end at contact of the own foot; where a source does not say so, settle that
first (`start_from_force`, `start_from_knee`). Strides of the other foot are refused, and so are most others that do not
begin at contact. An ankle on stairs looks alike upside down and half a stride later, so that it is never sure.

Landmarks after Perry & Burnfield 2010, *Gait Analysis*, 2nd ed. (level); McIntosh et al. 2006, J Biomech 39:2491
(ramps); Riener et al. 2002, Gait & Posture 15:32 (stairs). The sizes that a landmark needs leave room for gait after
stroke (Olney & Richards 1996, Gait & Posture 4:136: a knee that bends 25 degrees in swing and overextends in stance, a
foot that drops, a weak push-off).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.evidence._cycles import Cycles, FloatArray, Landmark, cycles, weigh
from biomech_xr.evidence.decision import Decision

_NOTHING: Final = "no usable stride"
_LARGEST_ANGLE: Final = 130.0
_PUSH_OFF: Final = 57.0
"""Where the ankle plantarflexes fastest, per cent; 9 more or less are usual."""
_BOTH: Final = 0.62
"""Share of push-off that the ankle dorsiflexes before and after it together; less in backward walking upside down."""


def knee_sign(curves: npt.ArrayLike) -> Decision[int]:
    """Decide whether knee flexion is positive.

    The knee bends in swing (65 to 82 per cent of the stride) against late stance (36 to 48 per cent), and never
    overextends as far as it bends, so that the larger extreme is flexion.

    Parameters
    ----------
    curves
        Knee angle in degrees, shape (stride, point), contact to contact of the own foot; NaN strides are ignored.

    Returns
    -------
    Decision[int]
        +1 where flexion is positive already, -1 where the values must be negated.
    """
    strides = cycles(curves)
    if not strides.count:
        return Decision(1, 0.0, _NOTHING)
    low, high = _extremes(strides)
    bend = strides.mean(65, 82) - strides.mean(36, 48)
    landmarks = (Landmark(values=bend, needed=9.0), Landmark(values=low + high, needed=9.0))
    possible = 2.0 if max(abs(np.median(low)), abs(np.median(high))) < _LARGEST_ANGLE else 0.0
    sign, sure = weigh(strides, landmarks, gates=(possible,))
    text = (
        f"knee {np.median(low):.1f} to {np.median(high):.1f} degrees, swing {np.median(bend):+.1f} against late stance "
        f"(extreme at {_place(sign * strides.typical)} %; {strides.describe()})"
    )
    return Decision(sign, sure, text)


def hip_sign(curves: npt.ArrayLike) -> Decision[int]:
    """Decide whether hip flexion is positive.

    The hip is flexed in late swing (70 to 92 per cent) against stance (25 to 52 per cent), it flexes further than it
    extends, and it flexes faster (in swing) than it extends (through stance).

    Parameters
    ----------
    curves
        Hip flexion angle in degrees, shape (stride, point), contact to contact of the own foot; NaN strides ignored.

    Returns
    -------
    Decision[int]
        +1 where flexion is positive already, -1 where the values must be negated.
    """
    strides = cycles(curves)
    if not strides.count:
        return Decision(1, 0.0, _NOTHING)
    low, high = _extremes(strides)
    swing = strides.mean(70, 92) - strides.mean(25, 52)
    rising, falling = _fastest(strides)
    haste = (rising - falling) / np.maximum(rising + falling, 1e-12)
    landmarks = (Landmark(values=swing, needed=7.0), Landmark(values=(low + high) / 20 + 2 * haste, needed=0.3))
    sign, sure = weigh(strides, landmarks)
    text = (
        f"hip {np.median(low):.1f} to {np.median(high):.1f} degrees, late swing {np.median(swing):+.1f} against "
        f"stance, fastest rise {np.median(rising):.2f} and fall {np.median(falling):.2f} degrees/% "
        f"({strides.describe()})"
    )
    return Decision(sign, sure, text)


def ankle_sign(curves: npt.ArrayLike) -> Decision[int]:
    """Decide whether ankle dorsiflexion is positive.

    The ankle plantarflexes at push-off (58 to 72 per cent) from dorsiflexion in late stance (36 to 50 per cent). It
    came there as the shank went over the foot (from 4 to 12 per cent), at push-off it is below middle stance (12 to 28
    per cent), and it recovers in swing. It falls fastest at push-off, and faster than it ever rises. All of that is
    needed: running, equinus, walking backward, stairs and strides that begin elsewhere show parts of it upside down,
    and are refused.

    Parameters
    ----------
    curves
        Ankle angle in degrees, shape (stride, point), contact to contact of the own foot; NaN strides are ignored.

    Returns
    -------
    Decision[int]
        +1 where dorsiflexion is positive already, -1 where the values must be negated.
    """
    strides = cycles(curves)
    if not strides.count:
        return Decision(1, 0.0, _NOTHING)
    push = strides.mean(36, 50) - strides.mean(58, 72)
    over = strides.mean(30, 48) - strides.mean(4, 12)
    above = strides.mean(12, 28) - strides.mean(58, 70)
    recovery = strides.mean(78, 92) - strides.mean(58, 70)
    landmarks = (
        Landmark(values=push, needed=5.0),
        Landmark(values=over, needed=2.0),
        Landmark(values=recovery, needed=2.0),
        Landmark(values=over + recovery, needed=_BOTH * max(abs(float(np.median(push))), 1.0)),
        Landmark(values=above, needed=3.0),
    )
    place, haste = _push_off(strides.typical * (np.sign(np.median(push)) or 1.0))
    sign, sure = weigh(strides, landmarks, gates=(2 - abs(place - _PUSH_OFF) / 9, 1 + haste / 0.3))
    text = (
        f"ankle {np.median(push):+.1f} degrees in late stance against push-off, {np.median(over):+.1f} against early "
        f"stance, {np.median(recovery):+.1f} from push-off to swing, fastest fall at {place} % "
        f"({strides.describe()})"
    )
    return Decision(sign, sure, text)


def _push_off(typical: FloatArray) -> tuple[int, float]:
    """Return where a curve falls fastest over 6 % (per cent), and by which share faster than it rises (-1 to 1)."""
    change = np.roll(typical, -6) - typical
    rise, fall = float(change.max()), -float(change.min())
    return (int(np.argmin(change)) + 3) % typical.size, (fall - rise) / max(fall + rise, 1e-12)


def _extremes(strides: Cycles) -> tuple[FloatArray, FloatArray]:
    low, high = np.percentile(strides.curves, [2, 98], axis=1)
    return low, high


def _fastest(strides: Cycles) -> tuple[FloatArray, FloatArray]:
    """Return the fastest rise and fall of every stride over 6 % of it, degrees per per cent."""
    change = (np.roll(strides.curves, -6, axis=1) - strides.curves) / 6
    return change.max(axis=1), -change.min(axis=1)


def _place(typical: FloatArray) -> int:
    return int(np.argmax(typical))
