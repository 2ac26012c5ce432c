"""Whether cycles begin at contact of the own foot or of the other."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.evidence._cycles import POINTS, Cycles, cap, confidence, cycles
from biomech_xr.evidence.decision import Decision

_LOADED: Final = 0.15
_PLATEAU: Final = 3


def start_from_force(force: npt.ArrayLike) -> Decision[str]:
    """Decide from the vertical force under the foot whose contact begins its cycles.

    The foot is loaded for one run of 45 to 80 per cent of the cycle. That run begins at 0 per cent where the cycle
    begins at its own contact. Where it begins at the other's, near 50 per cent, the foot is still loaded at 0 per cent.

    Parameters
    ----------
    force
        Vertical ground reaction force under the own foot, any unit and sign, shape (stride, point).

    Returns
    -------
    Decision[str]
        `own` or `other`.
    """
    strides = cycles(force)
    if not strides.count:
        return Decision("own", 0.0, "no usable stride")
    typical = np.abs(strides.typical)
    loaded = typical > _LOADED * np.percentile(typical, 95)
    share = float(loaded.mean())
    onset, runs = _onset(loaded)
    top = float(typical.max())
    swing = float(np.median(typical[~loaded])) / top if top > 0 and not loaded.all() else 1.0
    gates = [(0.84 - share) / 0.04, (share - 0.4) / 0.04, 2 - 10 * swing, 2.0 if runs == 1 else 0.0]
    if onset > POINTS / 4 and loaded[2:6].mean() < 0.5:
        gates.append(0.0)
    text = f"loaded for {100 * share:.0f} % of the cycle, from {onset:.0f} % on ({strides.describe()})"
    return _decide(strides, onset, (0.0, 50.0), (6.0, 12.0), gates, text)


def start_from_knee(knee: npt.ArrayLike) -> Decision[str]:
    """Decide from the knee angle whose contact begins the cycles.

    The knee bends most in swing, 66 to 84 per cent after contact of the own foot in level walking, on ramps and on
    stairs, thus near 25 per cent of a cycle that begins at the other foot's. The larger extreme is flexion.

    Parameters
    ----------
    knee
        Knee angle in degrees, either sign, shape (stride, point).

    Returns
    -------
    Decision[str]
        `own` or `other`.
    """
    strides = cycles(knee)
    if not strides.count:
        return Decision("own", 0.0, "no usable stride")
    low, high = np.percentile(strides.typical, [2, 98])
    flexion = strides.typical * (1 if low + high >= 0 else -1)
    place = _center(flexion)
    gates = [abs(low + high) / 9, (high - low) / 15]
    text = f"knee {low:.1f} to {high:.1f} degrees, most bent at {place:.0f} % ({strides.describe()})"
    return _decide(strides, place, (75.0, 25.0), (13.0, 13.0), gates, text)


def _decide(
    strides: Cycles,
    place: float,
    expected: tuple[float, float],
    tolerance: tuple[float, float],
    gates: list[float],
    text: str,
) -> Decision[str]:
    """Return `own` or `other` by which expected phase a place is nearer to; 0.9 at the tolerance (per cent)."""
    distance = [abs((place - phase + POINTS / 2) % POINTS - POINTS / 2) for phase in expected]
    nearer = int(np.argmin(distance))
    strength = 2 - distance[nearer] / tolerance[nearer]
    sure = min(confidence(min([strength, *gates])), cap(strides))
    return Decision(("own", "other")[nearer], sure, text)


def _onset(loaded: npt.NDArray[np.bool_]) -> tuple[float, int]:
    """Return where the longest loaded run begins (per cent, circular) and the number of runs."""
    begins = np.flatnonzero(loaded & ~np.roll(loaded, 1))
    if not begins.size:
        return 25.0, 0
    ends = np.flatnonzero(loaded & ~np.roll(loaded, -1))
    lengths = [int(np.min((ends - begin) % POINTS)) for begin in begins]
    longest = max(lengths)
    return float(begins[int(np.argmax(lengths))]), sum(length > max(_PLATEAU, longest / 8) for length in lengths)


def _center(flexion: npt.NDArray[np.float64]) -> float:
    """Return the middle of the bend around the largest value: where it is within a tenth of the range of it."""
    top = int(np.argmax(flexion))
    near = flexion >= flexion[top] - 0.1 * np.ptp(flexion)
    offset = (np.arange(POINTS) - top + POINTS // 2) % POINTS - POINTS // 2
    return float((top + offset[near & (np.abs(offset) < 12)].mean()) % POINTS)
