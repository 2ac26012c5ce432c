"""Whether joint moments are the internal, generalised force of the canonical angle.

That is negative for plantarflexion, knee extension and hip extension. Strides begin at contact of the own foot.
Landmarks after Winter 2009, *Biomechanics and Motor Control of Human Movement*, 4th ed., and on stairs McFadyen &
Winter 1988, J Biomech 21:733. All are relative to the peak, so that the unit need not be known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr import vocabulary as words
from biomech_xr.errors import ConfigError
from biomech_xr.evidence._cycles import Cycles, FloatArray, Landmark, cycles, weigh
from biomech_xr.evidence.decision import Decision

STATED: Final[Decision[str]] = Decision("own", 1.0, "own contact, as the caller states")
"""The start of strides whose caller knows that they begin at contact of the own foot, in walking forward."""

_UNKNOWN_START: Final = 0.85


def moment_sign(joint: str, moment: npt.ArrayLike, *, start: Decision[str] = STATED) -> Decision[int]:
    """Decide whether the sagittal moment of one joint has the canonical sign.

    The ankle plantarflexes in late stance while its moment is near zero in swing. The knee extends in loading response,
    and in swing its moment turns from extension (heel rise) to flexion (braking the shank); no flexion is much larger
    than that extension, and that in late swing is smaller. The hip extends in loading response and in late swing, and
    flexes around foot off. Hip and knee need five strides that repeat well, as in an unknown unit the slow waves of
    standing have no size by which to tell them apart.

    A hip moment looks alike upside down and half a stride later or walking backward, and no landmark tells them apart;
    a knee moment after stroke may, a quarter of a stride later. So neither is surer than ``start`` allows.

    Parameters
    ----------
    joint
        `hip`, `knee` or `ankle`.
    moment
        Sagittal moment in any unit, shape (stride, point), contact to contact of the own foot; NaN strides ignored.
    start
        Whose contact begins the strides. By default the caller vouches for the own foot's, walking forward; where the
        source does not say so, pass what `start_from_force` or `start_from_knee` found. If that is not surely `own`,
        hip and knee stay below a confidence of 0.9, to be settled by agreement with the ankle.

    Returns
    -------
    Decision[int]
        +1 where the sign is canonical already, -1 where the values must be negated.

    Raises
    ------
    ConfigError
        The joint is none of the three.
    """
    if joint not in _MEASURES:
        raise ConfigError(f"moment sign of {joint!r}: known are {', '.join(words.JOINTS)}.")
    strides = cycles(moment)
    if not strides.count:
        return Decision(1, 0.0, "no usable stride")
    scale = float(np.percentile(np.abs(strides.typical), 98)) or 1.0
    windows = _MEASURES[joint]
    values = [_difference(strides, *window) / scale for window, _ in windows]
    landmarks = [Landmark(values=value, needed=needed) for value, (_, needed) in zip(values, windows, strict=True)]
    gates = [swing_gate(strides, scale) if joint == "ankle" else _alike(strides)]
    if joint == "knee":
        gates += _loading_gates(strides.typical * (np.sign(np.median(values[0])) or 1.0))
    sign, sure = weigh(strides, landmarks, gates=gates)
    seen = ", ".join(
        f"{np.median(value):+.2f} ({_name(window)})" for value, (window, _) in zip(values, windows, strict=True)
    )
    text = f"{joint} moment, shares of the peak {scale:.3g}: {seen}; {strides.describe()}"
    if joint != "ankle":
        sure = sure if start.sure and start.value == "own" else min(sure, _UNKNOWN_START)
        text += f"; start of the strides: {start.evidence if start is STATED else start.note()}"
    return Decision(sign, sure, text)


Window = tuple[float, float]
Windows = tuple[tuple[tuple[Window | None, Window], float], ...]

_MEASURES: Final[Mapping[str, Windows]] = {
    "ankle": (((None, (32, 52)), 0.35), ((None, (0, 99)), 0.1)),
    "knee": (((None, (10, 22)), 0.3), (((88, 98), (56, 64)), 0.12)),
    "hip": ((((44, 58), (3, 15)), 0.35), (((48, 64), (86, 98)), 0.12)),
}
"""Per joint: (phases in per cent where the moment is positive or None, phases where it is negative), size needed."""


def _difference(strides: Cycles, positive: Window | None, negative: Window) -> FloatArray:
    above = strides.mean(*positive) if positive else 0.0
    return np.asarray(above - strides.mean(*negative))


def _name(window: tuple[Window | None, Window]) -> str:
    positive, negative = window
    below = f"{negative[0]:g}-{negative[1]:g} %"
    return f"{positive[0]:g}-{positive[1]:g} % less {below}" if positive else f"less {below}"


def _alike(strides: Cycles) -> float:
    """Return how well strides repeat against what a few slow waves of standing may reach by chance: 1 = enough."""
    return 2 * strides.repeatability / (0.6 + 1.9 / strides.count) - 1 if strides.count > 1 else 0.0


def _loading_gates(typical: FloatArray) -> tuple[float, float]:
    """Return how clearly extension in loading response exceeds flexion in late swing, and is not far below any."""
    extension = max(-float(typical[8:25].min()), 1e-12)
    swing, most = float(np.roll(typical, -82)[:21].max()), float(typical.max())
    return 1 + (0.75 - swing / extension) / 0.2, 1 + (1.2 - most / extension) / 0.2


def swing_gate(strides: Cycles, scale: float) -> float:
    """Return how clearly a moment is small in swing (76 to 94 per cent): 1 at a third of the peak, 2 at zero."""
    swing = float(np.abs(strides.typical[76:95]).mean()) / scale
    return 2 - 3 * swing
